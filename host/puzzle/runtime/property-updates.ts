import type { Joining, Property } from '../../../abi/host/contract.ts';
import { propertyText } from '../plan/properties.ts';
import type { DistantOffer } from '../reach/along-curves.ts';
import type { LaneState } from './lane-state.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Reports to pieces the properties of their joined Shapes: those that were settled, those that the others on
 * the Joint offer, and those that are offered further away and kept by the Curves in between.
 */
export class PropertyUpdates {
  /** Set while new pieces make their first offers: no piece is notified meanwhile. */
  // Stryker disable next-line BooleanLiteral: the first commit sets it anew, and no piece runs before.
  isSuspended = false;
  readonly #laneState: LaneState;
  /** Cached text of settled properties, which never change. */
  readonly #texts = new WeakMap<readonly Property[], string>();
  #isChanged = false;
  /** The seat with which {@link notifyChanged} begins: where the last turn was over. */
  #next = 0;
  #distantOffers: ReadonlyMap<string, readonly DistantOffer[]> | undefined;

  constructor(laneState: LaneState) {
    this.#laneState = laneState;
  }

  /**
   * Offers, or the paths between pieces, have changed: {@link notifyChanged} notifies the pieces concerned.
   */
  invalidate(): void {
    this.#isChanged = true;
    this.#distantOffers = undefined;
  }

  joiningOf(member: JoinedEdge, shape: number): Joining {
    const { edge, described, joint } = member;
    return { edge, described, shape, joint: joint.name, properties: this.#propertiesOf(member, shape) };
  }

  #propertiesOf(member: JoinedEdge, shape: number): readonly Property[] {
    const { name, members } = member.joint;
    this.#distantOffers ??= this.#findDistantOffers();
    const distantOffers = this.#distantOffers.get(name) ?? NONE;
    const settled = member.settled.get(shape) ?? NONE;
    if (distantOffers.length === 0 && members.every(({ offers }) => offers.length === 0)) return settled;
    const here = members.map(({ seat, offers }) => ({ origin: seat, offers }));
    return [...settled, ...offersAt(here, distantOffers, member.seat)];
  }

  #textOf(properties: readonly Property[]): string {
    const known = this.#texts.get(properties);
    if (known !== undefined) return known;
    const text = propertiesText(properties);
    this.#texts.set(properties, text);
    return text;
  }

  #findDistantOffers(): ReadonlyMap<string, readonly DistantOffer[]> {
    const { seats } = this.#laneState;
    const isOffering = seats.some(({ members }) =>
      members.some((each) => each !== undefined && each.offers.length > 0),
    );
    // Skip the search where there is no offer: frames wait while a change is committed.
    return isOffering ? this.#laneState.alongCurves.offers(({ offers }) => offers) : NOTHING;
  }

  /** Calls `join` for a Shape, with its present properties. */
  join(member: JoinedEdge, shape: number): void {
    const { seat } = member;
    if (seat.fault !== undefined) return;
    const joining = this.joiningOf(member, shape);
    member.lastReported.set(shape, this.#textOf(joining.properties));
    this.#laneState.attempt(seat, () => seat.piece!.join(joining));
    this.#laneState.enqueue(seat);
  }

  /**
   * Calls `join` for all Shapes whose properties have changed; called after the call that caused the change.
   * When the turn is over, the pieces that remain are notified in the next one.
   *
   * @param least how many, also where the turn is over: one at the begin of a turn, all in a commit
   */
  notifyChanged(least = 0): void {
    if (this.isSuspended || !this.#isChanged) return;
    if (least === 0 && this.#laneState.isTurnOver) {
      this.#laneState.scheduleTurn();
      return;
    }
    this.#isChanged = false;
    const { seats } = this.#laneState;
    const first = this.#next;
    let notified = 0;
    for (let n = 0; n < seats.length; n++) {
      const index = (first + n) % seats.length;
      if (!this.#notify(seats[index]!) || ++notified < least || !this.#laneState.isTurnOver) continue;
      this.#next = (index + 1) % seats.length;
      this.#isChanged = true;
      this.#laneState.scheduleTurn();
      return;
    }
  }

  /** Returns whether there was anything to notify the piece of. */
  #notify(seat: Seat): boolean {
    let isNotified = false;
    for (const member of seat.edges) {
      for (const shape of member.shapes) {
        if (member.lastReported.get(shape) === this.#textOf(this.#propertiesOf(member, shape))) continue;
        this.join(member, shape);
        isNotified = true;
      }
    }
    return isNotified;
  }
}

const NOTHING: ReadonlyMap<string, readonly DistantOffer[]> = new Map();
const NONE: readonly never[] = [];

/**
 * Returns the offers that a piece receives: each once, without its own offers and those that come only by way
 * of it.
 */
export function offersAt(
  here: readonly LocalOffers[],
  distantOffers: readonly DistantOffer[],
  piece: object,
): Property[] {
  const distinct = new Map<string, DistantOffer>();
  const add = (property: Property, origin: object, via: ReadonlySet<object>): void => {
    if (origin === piece || (via.size === 1 && via.has(piece))) return;
    const text = propertyText(property);
    if (!distinct.has(text)) distinct.set(text, { property, origin, via });
  };
  for (const { origin, offers } of here) for (const offer of offers) add(offer, origin, NOBODY);
  for (const { property, origin, via } of distantOffers) add(property, origin, via);
  return withinShares([...distinct.values()]);
}

/** The offers of one piece on the Joint itself. */
export interface LocalOffers {
  readonly origin: object;
  readonly offers: readonly Property[];
}

/**
 * Limits what one piece receives. Each call of `join` brings all offers anew, so many pieces with large
 * offers would cost each of them the square of their number. Where all offers together are too large, each
 * piece has an equal share, and its offers beyond that are left out.
 */
function withinShares(offers: readonly DistantOffer[]): Property[] {
  const total = offers.reduce((sum, { property }) => sum + sizeOf(property), 0);
  if (total <= MAX_OFFERED) return offers.map(({ property }) => property);
  const left = new Map<object, number>();
  for (const { origin } of offers) left.set(origin, 0);
  const share = Math.floor(MAX_OFFERED / left.size);
  for (const origin of left.keys()) left.set(origin, share);
  return offers.flatMap(({ property, origin }) => {
    const remains = left.get(origin)! - sizeOf(property);
    if (remains < 0) return [];
    left.set(origin, remains);
    return [property];
  });
}

/** The characters of a property, and as many as its record takes besides. */
function sizeOf({ name, value }: Property): number {
  return RECORD_SIZE + name.length + (value.tag === 'text' ? value.val.length : 0);
}
const RECORD_SIZE = 32;
/** As much as one piece may offer, with the records of 1024 properties. */
const MAX_OFFERED = 65_536 + 1024 * RECORD_SIZE;
const NOBODY: ReadonlySet<object> = new Set();

export function propertiesText(properties: readonly Property[]): string {
  return properties.map(propertyText).join('\n');
}
