import {
  CURVE_SIZE,
  CurveRecord,
  EDGE_SIZE,
  EdgeRecord,
  PieceRecord,
  PROPERTY_WISH_SIZE,
  PropertyWishRecord,
  REASON_SIZE,
  ReasonRecord,
  SETTING_SIZE,
  SettingRecord,
  SHAPE_SIZE,
  ShapeRecord,
  ValueCase,
} from './generated';
import { List, Text } from './text';

/** Properties of traffic that the contract names. */
const TRAFFIC_NAMES: string[] = [
  'reliable',
  'ordered',
  'duplicate-free',
  'framed',
  'size',
  'encrypted',
  'authenticated',
  'low-delay',
];
/** The properties that neighbours may offer each other, by the names of the contract. */
const OFFER_NAMES: string[] = ['mtu', 'address', 'route', 'group', 'identity', 'up'];
const PROPERTY_NAMES: string[] = TRAFFIC_NAMES.concat(OFFER_NAMES);

/**
 * The description of a piece. Numbers of Edges, Shapes, reasons and protocols count from 0 in the order of
 * the calls.
 */
export class Description {
  name: string = '';
  version: string = '';
  summary: string = '';
  protocols: string[] = [];
  protocolDefinitions: (string | null)[] = [];
  edges: EdgeDescription[] = [];
  curves: CurveDescription[] = [];
  settings: SettingDescription[] = [];
  reasons: string[] = [];
  reasonSummaries: string[] = [];
  losses: bool[] = [];

  piece(name: string, version: string, summary: string): void {
    this.name = name;
    this.version = version;
    this.summary = summary;
  }

  /** Adds an Edge, and returns it for its Shapes. */
  edge(name: string): EdgeDescription {
    const edge = new EdgeDescription(name);
    this.edges.push(edge);
    return edge;
  }

  /** Adds a possible path between two Shapes, in both directions, and returns it for its properties. */
  curve(fromEdge: u16, fromShape: u16, toEdge: u16, toShape: u16): CurveDescription {
    const curve = new CurveDescription(fromEdge, fromShape, toEdge, toShape);
    this.curves.push(curve);
    return curve;
  }

  /**
   * A protocol whose number the piece will request (`protocolNumber`), with a definition for a host that does
   * not know it.
   */
  protocol(name: string, definition: string | null = null): void {
    this.protocols.push(name);
    this.protocolDefinitions.push(definition);
  }

  /**
   * A reason for which frames end here, whether they are lost, and one sentence for the user that says why.
   * Returns its number.
   */
  reason(name: string, loss: bool, summary: string = ''): u16 {
    this.reasons.push(name);
    this.reasonSummaries.push(summary);
    this.losses.push(loss);
    return <u16>(this.reasons.length - 1);
  }

  /** A setting with its default. */
  setting(name: string, kind: i32, summary: string, byDefault: string): SettingDescription {
    return this.addSetting(name, kind, summary, byDefault, false);
  }

  /** A setting that must be given. */
  required(name: string, kind: i32, summary: string): SettingDescription {
    return this.addSetting(name, kind, summary, null, true);
  }

  /** A setting without a default, whose absence has a meaning of its own. */
  optional(name: string, kind: i32, summary: string): SettingDescription {
    return this.addSetting(name, kind, summary, null, false);
  }

  private addSetting(
    name: string,
    kind: i32,
    summary: string,
    byDefault: string | null,
    required: bool,
  ): SettingDescription {
    const setting = new SettingDescription(name, kind, summary, byDefault, required);
    this.settings.push(setting);
    return setting;
  }

  findSetting(name: string): SettingDescription | null {
    for (let i = 0; i < this.settings.length; i++) if (this.settings[i].name == name) return this.settings[i];
    return null;
  }

  /** For the SDK: writes the contract's `piece` at an address. */
  writeTo(at: usize): void {
    const piece = changetype<PieceRecord>(at);
    setText(piece.name, this.name);
    setText(piece.version, this.version);
    setText(piece.summary, this.summary);

    const protocolSize = 20;
    let to = newList(piece.protocols, this.protocols.length, protocolSize);
    for (let i = 0; i < this.protocols.length; i++, to += protocolSize) {
      setText(changetype<Text>(to), this.protocols[i]);
      const definition = this.protocolDefinitions[i];
      store<bool>(to + 8, definition !== null);
      if (definition !== null) setText(changetype<Text>(to + 12), definition);
    }
    to = newList(piece.edges, this.edges.length, EDGE_SIZE);
    for (let i = 0; i < this.edges.length; i++, to += EDGE_SIZE)
      this.edges[i].writeTo(changetype<EdgeRecord>(to));
    to = newList(piece.curves, this.curves.length, CURVE_SIZE);
    for (let i = 0; i < this.curves.length; i++, to += CURVE_SIZE)
      this.curves[i].writeTo(changetype<CurveRecord>(to));
    to = newList(piece.settings, this.settings.length, SETTING_SIZE);
    for (let i = 0; i < this.settings.length; i++, to += SETTING_SIZE) {
      this.settings[i].writeTo(changetype<SettingRecord>(to));
    }
    to = newList(piece.reasons, this.reasons.length, REASON_SIZE);
    for (let i = 0; i < this.reasons.length; i++, to += REASON_SIZE) {
      const reason = changetype<ReasonRecord>(to);
      setText(reason.name, this.reasons[i]);
      reason.loss = this.losses[i];
      setText(reason.summary, this.reasonSummaries[i]);
    }
  }
}

export class EdgeDescription {
  optional: bool = false;
  repeated: bool = false;
  shapes: ShapeDescription[] = [];

  constructor(public name: string) {}

  /** Adds an alternative. `direction` is a `Direction` and `reach` a `Reach`. */
  shape(stack: string, direction: i32, reach: i32): EdgeDescription {
    this.shapes.push(new ShapeDescription(stack, direction, reach));
    return this;
  }

  /** Adds how the last Shape depends on a property that holds or does not; `wish` is a `Wish`. */
  wish(wish: i32, property: string): EdgeDescription {
    this.shapes[this.shapes.length - 1].wishes.push(
      new WishDescription(wish, property, ValueCase.Yes, 0, ''),
    );
    return this;
  }

  /** The same, for a lower bound (`ValueCase.AtLeast`) or an upper one (`ValueCase.AtMost`). */
  wishBound(wish: i32, property: string, bound: i32, value: u64): EdgeDescription {
    this.shapes[this.shapes.length - 1].wishes.push(new WishDescription(wish, property, bound, value, ''));
    return this;
  }

  /** The same, for a property that is a text. */
  wishText(wish: i32, property: string, value: string): EdgeDescription {
    this.shapes[this.shapes.length - 1].wishes.push(
      new WishDescription(wish, property, ValueCase.Text, 0, value),
    );
    return this;
  }

  /** The piece works without this Edge. */
  isOptional(): EdgeDescription {
    this.optional = true;
    return this;
  }

  /** The Edge may be joined any number of times. */
  isRepeated(): EdgeDescription {
    this.repeated = true;
    return this;
  }

  writeTo(edge: EdgeRecord): void {
    setText(edge.name, this.name);
    edge.optional = this.optional;
    edge.repeated = this.repeated;
    let to = newList(edge.shapes, this.shapes.length, SHAPE_SIZE);
    for (let i = 0; i < this.shapes.length; i++, to += SHAPE_SIZE)
      this.shapes[i].writeTo(changetype<ShapeRecord>(to));
  }
}

class ShapeDescription {
  wishes: WishDescription[] = [];

  constructor(
    public stack: string,
    public direction: i32,
    public reach: i32,
  ) {}

  writeTo(shape: ShapeRecord): void {
    setText(shape.stack, this.stack);
    shape.direction = this.direction;
    shape.reach = this.reach;
    let to = newList(shape.properties, this.wishes.length, PROPERTY_WISH_SIZE);
    for (let i = 0; i < this.wishes.length; i++, to += PROPERTY_WISH_SIZE) {
      this.wishes[i].writeTo(changetype<PropertyWishRecord>(to));
    }
  }
}

class WishDescription {
  constructor(
    public wish: i32,
    public property: string,
    public tag: i32,
    public bound: u64,
    public text: string,
  ) {}

  writeTo(wish: PropertyWishRecord): void {
    wish.wish = this.wish;
    setText(wish.property.name, this.property);
    const value = wish.property.value;
    value.tag = this.tag;
    if (this.tag == ValueCase.Text) setText(value.text, this.text);
    else if (this.tag != ValueCase.Yes) value.atLeast = this.bound;
  }
}

export class CurveDescription {
  opaque: bool = false;
  overhead: i32 = 0;
  keptProperties: string[] = [];

  constructor(
    public fromEdge: u16,
    public fromShape: u16,
    public toEdge: u16,
    public toShape: u16,
  ) {}

  /** The stacks behind the ends of the two Shapes differ. */
  isOpaque(): CurveDescription {
    this.opaque = true;
    return this;
  }

  /** The property holds at one end when it holds at the other. */
  keeps(property: string): CurveDescription {
    this.keptProperties.push(property);
    return this;
  }

  /**
   * Keeps all properties that the contract names: frames pass unchanged, in order, without delay, loss or
   * copies.
   */
  keepsAll(): CurveDescription {
    for (let i = 0; i < PROPERTY_NAMES.length; i++) this.keeps(PROPERTY_NAMES[i]);
    return this;
  }

  /**
   * Passes on what neighbours offer each other (addresses, routes, sizes), like a direct join.
   */
  keepsOffers(): CurveDescription {
    for (let i = 0; i < OFFER_NAMES.length; i++) this.keeps(OFFER_NAMES[i]);
    return this;
  }

  /** The number of bytes that a frame gains on the way. */
  grows(bytes: i32): CurveDescription {
    this.overhead = bytes;
    return this;
  }

  writeTo(curve: CurveRecord): void {
    curve.fromEdge = this.fromEdge;
    curve.fromShape = this.fromShape;
    curve.toEdge = this.toEdge;
    curve.toShape = this.toShape;
    curve.opaque = this.opaque;
    curve.overhead = this.overhead;
    let to = newList(curve.keeps, this.keptProperties.length, 8);
    for (let i = 0; i < this.keptProperties.length; i++, to += 8)
      setText(changetype<Text>(to), this.keptProperties[i]);
  }
}

export class SettingDescription {
  repeated: bool = false;
  least: f64 = -Infinity;
  most: f64 = Infinity;

  constructor(
    public name: string,
    public kind: i32,
    public summary: string,
    public byDefault: string | null,
    public required: bool,
  ) {}

  /** The setting may be given more than once. */
  isRepeated(): SettingDescription {
    this.repeated = true;
    return this;
  }

  /**
   * The least and the greatest value of a number, or of a duration in milliseconds. The host and the SDK
   * refuse others.
   */
  range(least: f64, most: f64): SettingDescription {
    this.least = least;
    this.most = most;
    return this;
  }

  writeTo(setting: SettingRecord): void {
    setText(setting.name, this.name);
    setText(setting.summary, this.summary);
    setting.kind = this.kind;
    setting.repeated = this.repeated;
    setting.required = this.required;
    setting.least = this.least;
    setting.most = this.most;
    const byDefault = this.byDefault;
    setting.hasDefaultValue = byDefault !== null;
    if (byDefault !== null) setText(setting.defaultValue, byDefault);
  }
}

/** For the SDK: sets `text` to this string. Allocates. */
export function setText(text: Text, value: string): void {
  const bytes = String.UTF8.encode(value);
  text.address = changetype<usize>(bytes);
  text.length = bytes.byteLength;
}

/** For the SDK: sets `list` to this many zeroed items, and returns the first. Allocates. */
export function newList(list: List, count: i32, size: i32): usize {
  const bytes = count * size;
  const at = heap.alloc(bytes);
  memory.fill(at, 0, bytes);
  list.address = at;
  list.length = count;
  return at;
}
