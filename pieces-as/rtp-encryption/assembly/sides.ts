// The two Edges, and whether what goes by them is encrypted below.

import {
  describedEdge,
  Joining,
  joinedCount,
  joinedEdge,
  joinedShape,
  PROPERTY_SIZE,
  Property,
  ValueCase,
} from 'funnel-tunnel/as';

export const PLAIN: i32 = 0;
export const PROTECTED: i32 = 1;

export abstract class Sides {
  /** The Edges and their Shapes in frames; -1 where none is joined. */
  private static edges: StaticArray<i32> = [-1, -1];
  private static shapes: StaticArray<i32> = [-1, -1];
  /** Whether the network of the protected side encrypts what it carries. */
  static isEncrypted: bool = false;

  @inline static edge(side: i32): i32 {
    return unchecked(Sides.edges[side]);
  }

  @inline static shape(side: i32): u16 {
    return <u16>unchecked(Sides.shapes[side]);
  }

  static join(joining: Joining): void {
    Sides.learn();
    if (joining.described != <u16>PROTECTED) return;
    Sides.isEncrypted = false;
    const properties = joining.properties;
    for (let i = 0; i < properties.length; i++) {
      const property = changetype<Property>(properties.address + i * PROPERTY_SIZE);
      if (property.name.equals('encrypted') && property.value.tag == ValueCase.Yes) Sides.isEncrypted = true;
    }
  }

  static learn(): void {
    Sides.edges[PLAIN] = Sides.edges[PROTECTED] = -1;
    for (let i = joinedCount() - 1; i >= 0; i--) {
      const side = describedEdge(joinedEdge(i));
      if (side < 0) continue;
      Sides.edges[side] = joinedEdge(i);
      Sides.shapes[side] = joinedShape(i);
    }
    if (Sides.edges[PROTECTED] < 0) Sides.isEncrypted = false;
  }
}
