import type { Curve, Piece, Property, PropertyWish, Value } from '../../../abi/host/contract.ts';

/**
 * The properties of traffic at some point, by name.
 *
 * A number has bounds: `at-least` is guaranteed (frames of such a `size` do pass), `at-most` is a limit. A
 * number without bounds is unlimited. Any other property that is not listed does not hold.
 */
export interface Facts {
  /** Names of the properties that hold; a text property as its name and text, as in `keyOf`. */
  readonly holds: ReadonlySet<string>;
  readonly atLeast: ReadonlyMap<string, bigint>;
  readonly atMost: ReadonlyMap<string, bigint>;
}

export const NO_FACTS: Facts = { holds: new Set(), atLeast: new Map(), atMost: new Map() };

/**
 * One of two Shapes that meet: what its piece makes available there, by itself and from behind it, and its
 * wishes.
 */
export interface Side {
  readonly facts: Facts;
  readonly wishes: readonly PropertyWish[];
}

/** The agreement of two Shapes. */
export interface Settlement {
  readonly facts: Facts;
  readonly conflicts: readonly Conflict[];
}

/** A wish that cannot be met. */
export interface Conflict {
  /** Whether it is a wish of the first or of the second Shape. */
  readonly side: 0 | 1;
  readonly wish: PropertyWish;
  /** For a number: the bound of the other side that conflicts with it. */
  readonly bound?: Value;
  /** The property is available, but the other side rejects it. */
  readonly isRejected: boolean;
}

/**
 * Returns what a Shape states: what it makes available, and the limits that it requires, since they hold once
 * met.
 */
export function statedFacts(wishes: readonly PropertyWish[]): Facts {
  if (wishes.length === 0) return NO_FACTS;
  const builder = new FactsBuilder();
  for (const { wish, property } of wishes) {
    if (wish === 'available' || (wish === 'required' && property.value.tag === 'at-most'))
      builder.add(property);
  }
  return builder.facts;
}

/**
 * Settles the properties between two Shapes. Symmetric.
 *
 * A property that either side makes available holds, unless one of them rejects it. The lower of two
 * limits holds, and the smaller of two guarantees. A desired limit holds where it conflicts with no required
 * guarantee.
 */
export function settle(a: Side, b: Side): Settlement {
  if (a.wishes.length === 0 && b.wishes.length === 0 && a.facts === NO_FACTS && b.facts === NO_FACTS)
    return NOTHING;
  const rejected = new Set<string>();
  for (const { wish, property } of [...a.wishes, ...b.wishes]) {
    const key = keyOf(property);
    if (wish === 'rejected' && key !== undefined) rejected.add(key);
  }
  const offered = both(a.facts, b.facts);
  const atMost = new Map(offered.atMost);
  const needed = new Map<string, bigint>();
  for (const { wish, property } of [...a.wishes, ...b.wishes]) {
    if (wish === 'required' && property.value.tag === 'at-least')
      raise(needed, property.name, property.value.val);
  }
  for (const { wish, property } of [...a.wishes, ...b.wishes]) {
    const { name, value } = property;
    if (wish === 'desired' && value.tag === 'at-most' && value.val >= (needed.get(name) ?? 0n))
      lower(atMost, name, value.val);
  }
  const holds = new Set([...offered.holds].filter((key) => !rejected.has(key)));
  const facts: Facts = { holds, atLeast: offered.atLeast, atMost };
  const conflicts: Conflict[] = [];
  for (const [side, { wishes }] of [a, b].entries()) {
    // A bound from behind the piece itself does not conflict with its own wishes.
    const { atLeast, atMost } = side === 0 ? b.facts : a.facts;
    for (const wish of wishes) {
      const against = standsAgainst(wish, { holds, atLeast, atMost });
      if (against === undefined) continue;
      const key = keyOf(wish.property);
      conflicts.push({
        side: side as 0 | 1,
        wish,
        ...(typeof against === 'object' ? { bound: against } : {}),
        isRejected: key !== undefined && rejected.has(key) && offered.holds.has(key),
      });
    }
  }
  return { facts, conflicts };
}

/** Returns the properties as reported to a piece, sorted, so that the order of joining does not matter. */
export function propertiesOf({ holds, atLeast, atMost }: Facts): readonly Property[] {
  const properties: Property[] = [];
  for (const key of holds) {
    const at = key.indexOf(TEXT);
    if (at < 0) properties.push({ name: key, value: { tag: 'yes' } });
    else properties.push({ name: key.slice(0, at), value: { tag: 'text', val: key.slice(at + 1) } });
  }
  for (const [name, val] of atLeast) properties.push({ name, value: { tag: 'at-least', val } });
  for (const [name, val] of atMost) properties.push({ name, value: { tag: 'at-most', val } });
  return properties.sort((a, b) => compare(propertyText(a), propertyText(b)));
}

/** `reliable`, `size at least 1280`, `size at most 1500`, `identity alice`. */
export function propertyText({ name, value }: Property): string {
  switch (value.tag) {
    case 'yes':
      return name;
    case 'text':
      return `${name} ${value.val}`;
    default:
      return `${name} ${value.tag.replace('-', ' ')} ${value.val}`;
  }
}

/** Returns what holds in each of several cases: the weakest of all of them. */
export function inEachCase(cases: readonly Facts[]): Facts {
  const [first, ...rest] = cases;
  if (first === undefined) return NO_FACTS;
  let facts = first;
  for (const other of rest) {
    if (other === facts) continue;
    const atMost = new Map(facts.atMost);
    for (const [name, value] of other.atMost) lower(atMost, name, value);
    const atLeast = new Map<string, bigint>();
    for (const [name, value] of facts.atLeast) {
      const otherValue = other.atLeast.get(name);
      if (otherValue !== undefined) atLeast.set(name, otherValue < value ? otherValue : value);
    }
    facts = { holds: new Set([...facts.holds].filter((key) => other.holds.has(key))), atLeast, atMost };
  }
  return facts;
}

/** Combines two sets of facts about the same traffic: all that either states, with the stricter bounds. */
export function both(a: Facts, b: Facts): Facts {
  if (a === NO_FACTS) return b;
  if (b === NO_FACTS) return a;
  const atLeast = new Map(a.atLeast);
  const atMost = new Map(a.atMost);
  for (const [name, value] of b.atLeast) lower(atLeast, name, value);
  for (const [name, value] of b.atMost) lower(atMost, name, value);
  return { holds: new Set([...a.holds, ...b.holds]), atLeast, atMost };
}

/**
 * Returns what is left of facts behind a Curve: the properties that it keeps, with sizes reduced by the bytes
 * that it adds.
 *
 * @param addedBytes the bytes that a frame gains on its way toward the point where the facts hold.
 */
export function acrossCurve(facts: Facts, keeps: readonly string[], addedBytes: number): Facts {
  if (facts === NO_FACTS || keeps.length === 0) return NO_FACTS;
  const names = new Set(keeps);
  const bounds = (given: ReadonlyMap<string, bigint>) => {
    const kept = new Map<string, bigint>();
    for (const [name, value] of given) {
      if (!names.has(name)) continue;
      const left = SIZES.has(name) ? value - BigInt(addedBytes) : value;
      kept.set(name, left < 0n ? 0n : left);
    }
    return kept;
  };
  const holds = new Set<string>();
  for (const key of facts.holds) if (names.has(nameOfKey(key))) holds.add(key);
  return { holds, atLeast: bounds(facts.atLeast), atMost: bounds(facts.atMost) };
}

/**
 * Whether a Curve leads aside, so that it does not affect the properties of the other traffic: it keeps
 * nothing, and the Edge at one end of it is optional. Copies for a capture take such a Curve.
 */
export function isAside({ edges }: Piece, { keeps, fromEdge, toEdge }: Curve): boolean {
  return keeps.length === 0 && (edges[fromEdge]?.optional === true || edges[toEdge]?.optional === true);
}

/**
 * Returns the value of a property behind a path on which frames gain bytes: bounds of sizes grow with them.
 */
export function sizeBeyond({ name, value }: Property, gainedBytes: number): Value {
  if (gainedBytes === 0 || !SIZES.has(name) || !('val' in value) || typeof value.val !== 'bigint')
    return value;
  const val = value.val + BigInt(gainedBytes);
  return { tag: value.tag === 'at-least' ? 'at-least' : 'at-most', val: val < 0n ? 0n : val };
}

/** Removes the properties that a Shape rejects: they are not used there. */
export function withoutRejected(facts: Facts, wishes: readonly PropertyWish[]): Facts {
  const rejected = wishes.filter(({ wish }) => wish === 'rejected').map(({ property }) => keyOf(property));
  if (!rejected.some((key) => key !== undefined && facts.holds.has(key))) return facts;
  return { ...facts, holds: new Set([...facts.holds].filter((key) => !rejected.includes(key))) };
}

export function sameFacts(a: Facts, b: Facts): boolean {
  if (a === b) return true;
  const { holds, atLeast, atMost } = a;
  return (
    holds.size === b.holds.size &&
    atLeast.size === b.atLeast.size &&
    atMost.size === b.atMost.size &&
    [...holds].every((key) => b.holds.has(key)) &&
    [...atLeast].every(([name, value]) => b.atLeast.get(name) === value) &&
    [...atMost].every(([name, value]) => b.atMost.get(name) === value)
  );
}

/**
 * Returns why a wish is not met: true where the property is missing, or the violated bound; undefined if met.
 */
function standsAgainst(
  { wish, property }: PropertyWish,
  { holds, atLeast, atMost }: Facts,
): Value | true | undefined {
  const { name, value } = property;
  const most = atMost.get(name);
  const least = atLeast.get(name);
  if (wish === 'required') {
    if (value.tag === 'at-most') return undefined;
    if (value.tag !== 'at-least') return holds.has(keyOf(property)!) ? undefined : true;
    if (most !== undefined) return most < value.val ? { tag: 'at-most', val: most } : undefined;
    return least !== undefined && least < value.val ? { tag: 'at-least', val: least } : undefined;
  }
  if (wish === 'rejected') {
    // A rejected property that is not a number is simply left out.
    if (value.tag === 'at-most' && most !== undefined && most <= value.val)
      return { tag: 'at-most', val: most };
    if (value.tag === 'at-least' && least !== undefined && least >= value.val)
      return { tag: 'at-least', val: least };
  }
  return undefined;
}

class FactsBuilder {
  readonly holds = new Set<string>();
  readonly atLeast = new Map<string, bigint>();
  readonly atMost = new Map<string, bigint>();

  add(property: Property): void {
    const { name, value } = property;
    if (value.tag === 'at-least') raise(this.atLeast, name, value.val);
    else if (value.tag === 'at-most') lower(this.atMost, name, value.val);
    else this.holds.add(keyOf(property)!);
  }

  get facts(): Facts {
    if (this.holds.size + this.atLeast.size + this.atMost.size === 0) return NO_FACTS;
    return this;
  }
}

/** Returns the key of a property in `holds`; undefined for a number. */
function keyOf({ name, value }: Property): string | undefined {
  if (value.tag === 'yes') return name;
  return value.tag === 'text' ? `${name}${TEXT}${value.val}` : undefined;
}

function nameOfKey(key: string): string {
  const at = key.indexOf(TEXT);
  return at < 0 ? key : key.slice(0, at);
}

function lower(bounds: Map<string, bigint>, name: string, value: bigint): void {
  const known = bounds.get(name);
  if (known === undefined || value < known) bounds.set(name, value);
}

function raise(bounds: Map<string, bigint>, name: string, value: bigint): void {
  const known = bounds.get(name);
  if (known === undefined || value > known) bounds.set(name, value);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Separates the name and the text of a text property; no name contains it. */
const TEXT = '\0';
/** Properties that are sizes of frames in bytes, which a Curve changes. */
const SIZES: ReadonlySet<string> = new Set(['size', 'mtu']);
const NOTHING: Settlement = { facts: NO_FACTS, conflicts: [] };
