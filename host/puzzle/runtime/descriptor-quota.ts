import type { Property } from '../../../abi/host/contract.ts';
import type { ListenTarget } from '../reach/along-curves.ts';
import type { LaneState } from './lane-state.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Divides the descriptors that endpoints open because a piece listens or offers. A piece may have as many as
 * remain for all others, so each further piece still gets half of the rest, even after many hostile ones.
 *
 * A descriptor that several stacks of one piece need counts once. The price of a stack does not depend on the
 * other pieces: two that share ports both pay for them, and neither gets them free when the other ceases to
 * listen.
 */
export class DescriptorQuota {
  readonly #laneState: LaneState;
  readonly #limit: number;
  /** The descriptors of each piece for its listens; absent for none. */
  readonly #listening = new Map<Seat, HeldDescriptors>();

  /** @param limit of all pieces together; Infinity if the system has none */
  constructor(laneState: LaneState, limit: number) {
    this.#laneState = laneState;
    this.#limit = limit;
  }

  /** The descriptors that endpoints may open for stacks on which another piece listens. */
  needsOf(targets: readonly ListenTarget<JoinedEdge>[]): readonly DescriptorNeed[] {
    return targets.map(({ station, stack }) => ({
      station,
      descriptors: station.seat.piece?.descriptorsFor?.(stack) ?? [],
    }));
  }

  /** Returns why the piece may not have these descriptors, and so many for offers; undefined where it may. */
  refusal(seat: Seat, needs: readonly DescriptorNeed[], offered = 0): string | undefined {
    const more = offered + (this.#listening.get(seat) ?? NONE).countNew(needs);
    if (more === 0 || this.#limit === Infinity) return undefined;
    let all = more;
    for (const each of this.#laneState.seats) all += this.#usedBy(each);
    const most = this.#limit - all;
    const wanted = this.#usedBy(seat) + more;
    if (wanted <= most) return undefined;
    return `piece ${seat.name} may not have ${wanted} descriptors for its ports and groups: that leaves ${Math.max(0, most)} to all other pieces, and each piece may have as many as remain for the others. Let it use fewer, or raise the limit of open files (ulimit -n)`;
  }

  charge(seat: Seat, needs: readonly DescriptorNeed[]): void {
    const held = this.#listening.get(seat) ?? new HeldDescriptors();
    this.#listening.set(seat, held);
    held.add(needs);
  }

  giveBack(seat: Seat, needs: readonly DescriptorNeed[]): void {
    this.#listening.get(seat)?.remove(needs);
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
    let used = this.#listening.get(seat)?.count ?? 0;
    for (const member of seat.members)
      for (const offer of member?.offers ?? []) used += this.priceOfOffer(offer);
    return used;
  }
}

/** The numbers of the descriptors that the endpoint at an Edge may open. */
export interface DescriptorNeed {
  readonly station: JoinedEdge;
  readonly descriptors: readonly number[];
}

/** The descriptors of one piece, each with the number of its stacks that need it. */
class HeldDescriptors {
  count = 0;
  readonly #stacks = new Map<JoinedEdge, Map<number, number>>();

  countNew(needs: readonly DescriptorNeed[]): number {
    const fresh = new Map<JoinedEdge, Set<number>>();
    for (const { station, descriptors } of needs) {
      const held = this.#stacks.get(station);
      const here = fresh.get(station) ?? new Set();
      fresh.set(station, here);
      for (const each of descriptors) if (held?.has(each) !== true) here.add(each);
    }
    let count = 0;
    for (const { size } of fresh.values()) count += size;
    return count;
  }

  add(needs: readonly DescriptorNeed[]): void {
    for (const { station, descriptors } of needs) {
      const held = this.#stacks.get(station) ?? new Map<number, number>();
      this.#stacks.set(station, held);
      for (const each of descriptors) {
        const stacks = held.get(each) ?? 0;
        if (stacks === 0) this.count++;
        held.set(each, stacks + 1);
      }
    }
  }

  remove(needs: readonly DescriptorNeed[]): void {
    for (const { station, descriptors } of needs) {
      const held = this.#stacks.get(station);
      for (const each of descriptors) {
        const stacks = held?.get(each) ?? 0;
        if (stacks > 1) held!.set(each, stacks - 1);
        else if (held?.delete(each) === true) this.count--;
      }
      if (held?.size === 0) this.#stacks.delete(station);
    }
  }
}

const NONE = new HeldDescriptors();
