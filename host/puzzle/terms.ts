import type { Joining, Property } from '../../abi/host/contract.ts';
import type { Floor } from './floor.ts';
import type { Joint } from './joint.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/** On which terms Edges are joined: what was settled, and what the others on the Joint offer. */
export class Terms {
  /** Joints on which something is offered, or no more. */
  readonly changed = new Set<Joint<JoinedEdge>>();
  /** While new pieces say what they offer, nobody is told. */
  isHeld = false;
  readonly #floor: Floor;

  constructor(floor: Floor) {
    this.#floor = floor;
  }

  joiningOf(member: JoinedEdge, shape: number): Joining {
    const { name } = member.joint;
    return {
      edge: member.edge,
      described: member.described,
      shape,
      joint: name,
      properties: [...(member.settled.get(shape) ?? []), ...this.offersOn(name, member.seat)],
    };
  }

  offersOn(network: string, except: Seat): Property[] {
    const members = this.#floor.joints.get(network)?.members ?? [];
    return members.flatMap((other) => (other.seat === except ? [] : other.offers));
  }

  /** New terms reach the others on a Joint after the call in which they were offered. */
  tell(): void {
    if (this.isHeld || this.changed.size === 0) return;
    const changed = [...this.changed];
    this.changed.clear();
    for (const joint of changed) {
      for (const { seat, shapes, edge } of joint.members) {
        for (const shape of shapes) {
          if (seat.fault === undefined)
            this.#floor.attempt(seat, () => seat.piece!.join(this.joiningOf(seat.members[edge]!, shape)));
        }
        if (seat.fault === undefined) this.#floor.enqueue(seat);
      }
    }
  }
}
