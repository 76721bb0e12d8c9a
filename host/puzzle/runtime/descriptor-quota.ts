import type { Property } from '../../../abi/host/contract.ts';
import type { LaneState } from './lane-state.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Divides the descriptors that endpoints open because a piece listens or offers. A piece may have as many as
 * remain for all others, so each further piece still gets half of the rest, even after many hostile ones.
 *
 * An endpoint states the price of a stack, which does not depend on what is open already. So two pieces that
 * share ports both pay for them, and neither gets them free when the other ceases to listen.
 */
export class DescriptorQuota {
  readonly #laneState: LaneState;
  readonly #limit: number;
  /** The descriptors of each piece for its listens; absent for none. */
  readonly #listening = new Map<Seat, number>();

  /** @param limit of all pieces together; Infinity if the system has none */
  constructor(laneState: LaneState, limit: number) {
    this.#laneState = laneState;
    this.#limit = limit;
  }

  /** The number of descriptors that an Edge may open for a stack on which another piece listens. */
  priceOf(member: JoinedEdge, stack: string): number {
    return member.seat.piece?.descriptorsFor?.(stack) ?? 0;
  }

  /** Returns why the piece may not have so many more; undefined where it may. */
  refusal(seat: Seat, more: number): string | undefined {
    if (more === 0 || this.#limit === Infinity) return undefined;
    let all = more;
    for (const each of this.#laneState.seats) all += this.#usedBy(each);
    const most = this.#limit - all;
    const wanted = this.#usedBy(seat) + more;
    if (wanted <= most) return undefined;
    return `piece ${seat.name} may not have ${wanted} descriptors for its ports and groups: that leaves ${Math.max(0, most)} to all other pieces, and each piece may have as many as remain for the others. Let it use fewer, or raise the limit of open files (ulimit -n)`;
  }

  charge(seat: Seat, descriptors: number): void {
    if (descriptors !== 0) this.#listening.set(seat, (this.#listening.get(seat) ?? 0) + descriptors);
  }

  /** Forgets the descriptors of pieces for their listens, which the caller charges anew. */
  clear(): void {
    this.#listening.clear();
  }

  /** The price of an offer: any endpoint of the lane may open something for it. */
  priceOfOffer(property: Property): number {
    let price = 0;
    for (const { piece } of this.#laneState.seats) price += piece?.descriptorsForOffer?.(property) ?? 0;
    return price;
  }

  #usedBy(seat: Seat): number {
    let used = this.#listening.get(seat) ?? 0;
    for (const member of seat.members)
      for (const offer of member?.offers ?? []) used += this.priceOfOffer(offer);
    return used;
  }
}
