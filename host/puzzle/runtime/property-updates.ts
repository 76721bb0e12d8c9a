import type { Joining, Property } from '../../../abi/host/contract.ts';
import { propertyText } from '../plan/properties.ts';
import type { DistantOffer } from '../reach/along-curves.ts';
import type { LaneState } from './lane-state.ts';
import type { JoinedEdge } from './seat.ts';

/**
 * On which terms Edges are joined: what was settled, what the others on the Joint offer, and what is offered further on and
 * kept by the Curves on the way here.
 */
export class PropertyUpdates {
  /** While new pieces say what they offer, nobody is told. */
  isSuspended = false;
  readonly #laneState: LaneState;
  /** What properties come to as text; nobody changes them once they are settled. */
  readonly #texts = new WeakMap<readonly Property[], string>();
  #isChanged = false;
  #distantOffers: ReadonlyMap<string, readonly DistantOffer[]> | undefined;

  constructor(laneState: LaneState) {
    this.#laneState = laneState;
  }

  /** Something is offered, or no more; or those between have changed. Whom it concerns is told by {@link notifyChanged}. */
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
    const here = members.flatMap((other) => (other.seat === member.seat ? [] : other.offers));
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
    // FramePaths are not looked for in vain: a change keeps frames waiting meanwhile.
    return isOffering ? this.#laneState.alongCurves.offers(({ offers }) => offers) : NOTHING;
  }

  /** Joins a Shape, or tells it its present terms. */
  join(member: JoinedEdge, shape: number): void {
    const { seat } = member;
    if (seat.fault !== undefined) return;
    const joining = this.joiningOf(member, shape);
    member.lastReported.set(shape, this.#textOf(joining.properties));
    this.#laneState.attempt(seat, () => seat.piece!.join(joining));
    this.#laneState.enqueue(seat);
  }

  /** New terms reach those whom they concern after the call in which they came up. */
  notifyChanged(): void {
    if (this.isSuspended || !this.#isChanged) return;
    this.#isChanged = false;
    for (const seat of this.#laneState.seats) {
      for (const member of seat.edges) {
        for (const shape of member.shapes) {
          if (member.lastReported.get(shape) !== this.#textOf(this.#propertiesOf(member, shape)))
            this.join(member, shape);
        }
      }
    }
  }
}

const NOTHING: ReadonlyMap<string, readonly DistantOffer[]> = new Map();
const NONE: readonly never[] = [];

/** What a piece hears of what is offered on a network and elsewhere: each once, nothing of its own, nothing that it passed on. */
export function offersAt(
  here: readonly Property[],
  distantOffers: readonly DistantOffer[],
  piece: object,
): Property[] {
  const distinct = new Map<string, Property>();
  const from = distantOffers.filter(
    ({ origin, via }) => origin !== piece && !(via.size === 1 && via.has(piece)),
  );
  for (const property of [...here, ...from.map((each) => each.property)]) {
    const text = propertyText(property);
    if (!distinct.has(text)) distinct.set(text, property);
  }
  return [...distinct.values()];
}

export function propertiesText(properties: readonly Property[]): string {
  return properties.map(propertyText).join('\n');
}
