import type { Curve, PropertyWish } from '../../../abi/host/contract.ts';
import type { JoinedPair, JoinedPlaces } from './join.ts';
import {
  acrossCurve,
  both,
  type Conflict,
  type Facts,
  inEachCase,
  isAside,
  NO_FACTS,
  type Settlement,
  sameFacts,
  settle,
  statedFacts,
  withoutRejected,
} from './properties.ts';
import { runToEnd } from './time-slicer.ts';

/**
 * Settles the properties on all Joints: for each pair of Shapes, from what the two state and from what
 * arrives from behind each piece along its Curves, until nothing changes.
 *
 * Each round depends only on the round before, so the order of pieces and of joining does not matter.
 */
export function agree(joined: JoinedPlaces): Agreement {
  return runToEnd(agreeing(joined));
}

/** The same as a generator, which yields wherever a running lane may have its turn. */
export function* agreeing({ places, joints }: JoinedPlaces): Generator<void, Agreement> {
  const ends = new Ends();
  yield* ends.add(places, joints);
  for (let round = 0; round < MAX_ROUNDS; round++) if (!(yield* ends.spread())) break;
  const settlements = new Map<JoinedPair, Settlement>();
  for (const { pairs } of joints) {
    for (const pair of pairs) settlements.set(pair, ends.settle(pair));
    yield;
  }
  return {
    of: (pair) => settlements.get(pair)!,
    offeredAt: (pair, side) => ends.offeredAt(pair, side),
    at: (joint, member, shape) =>
      inEachCase(ends.pairsAt(joint, member, shape).map((pair) => settlements.get(pair)!.facts)),
  };
}

export interface Agreement {
  /** Returns what two Shapes agree on, and their conflicts. */
  of(pair: JoinedPair): Settlement;
  /**
   * Returns what the first (0) or second (1) Shape of a pair makes available, by itself and from behind its
   * piece.
   */
  offeredAt(pair: JoinedPair, side: 0 | 1): Facts;
  /** Returns what holds at a Shape with all Shapes that it meets, as reported to its piece. */
  at(joint: number, member: number, shape: number): Facts;
}

/** A Shape of an Edge on a Joint. */
interface End {
  readonly wishes: readonly PropertyWish[];
  readonly stated: Facts;
  /** The pairs to which the Shape belongs. */
  readonly pairs: JoinedPair[];
  readonly group: Group;
  /** Identifies the joined Edge: within a repeated Edge, nothing passes from an Edge to itself. */
  readonly edge: string;
  offers: Facts;
  /** The facts that the neighbours make available; the piece passes on those that a Curve keeps. */
  arrives: Facts;
}

/** All joined ends of one described Shape of a piece. */
interface Group {
  readonly ends: End[];
  readonly isRepeated: boolean;
  /** Curves by which frames come here from other Shapes. */
  readonly sources: { readonly group: Group; readonly curve: Curve; readonly addedBytes: number }[];
}

class Ends {
  readonly #ends = new Map<string, End>();
  /** No Shape states any property. */
  #isSilent = true;

  *add(places: JoinedPlaces['places'], joints: JoinedPlaces['joints']): Generator<void> {
    const groups = new Map<string, Group>();
    for (const [joint, { members, pairs }] of joints.entries()) {
      members.forEach(({ placeIndex: place, edge, described, shapes }, member) => {
        const { repeated, shapes: all } = places[place]!.description.edges[described]!;
        for (const shape of shapes) {
          const key = `${place} ${described} ${shape}`;
          let group = groups.get(key);
          if (group === undefined) {
            group = { ends: [], isRepeated: repeated, sources: [] };
            groups.set(key, group);
          }
          const wishes = all[shape]!.properties;
          const stated = statedFacts(wishes);
          const end: End = {
            wishes,
            stated,
            pairs: [],
            group,
            edge: `${place} ${edge}`,
            offers: stated,
            arrives: NO_FACTS,
          };
          group.ends.push(end);
          this.#ends.set(`${joint} ${member} ${shape}`, end);
        }
      });
      for (const pair of pairs) for (const side of [0, 1] as const) this.#endOf(pair, side).pairs.push(pair);
      yield;
    }
    for (const [place, { description }] of places.entries()) {
      for (const curve of description.curves) {
        const from = groups.get(`${place} ${curve.fromEdge} ${curve.fromShape}`);
        const to = groups.get(`${place} ${curve.toEdge} ${curve.toShape}`);
        if (from === undefined || to === undefined || isAside(description, curve)) continue;
        // A Curve from a Shape to itself adds nothing, except between the Edges of a repeated Edge.
        if (from === to && !from.isRepeated) continue;
        to.sources.push({ group: from, curve, addedBytes: -curve.overhead });
        from.sources.push({ group: to, curve, addedBytes: curve.overhead });
      }
      yield;
    }
    this.#isSilent = [...this.#ends.values()].every(({ wishes }) => wishes.length === 0);
  }

  /** Runs one round. Returns false when it changed nothing. */
  *spread(): Generator<void, boolean> {
    if (this.#isSilent) return false;
    for (const end of this.#ends.values()) {
      end.arrives = this.#arrivalsAt(end);
      yield;
    }
    let isChanged = false;
    for (const end of this.#ends.values()) {
      yield;
      const offers = both(end.stated, throughPiece(end));
      if (sameFacts(offers, end.offers)) continue;
      end.offers = offers;
      isChanged = true;
    }
    return isChanged;
  }

  settle(pair: JoinedPair): Settlement {
    const [a, b] = [this.#endOf(pair, 0), this.#endOf(pair, 1)];
    return settle({ facts: a.offers, wishes: a.wishes }, { facts: b.offers, wishes: b.wishes });
  }

  offeredAt(pair: JoinedPair, side: 0 | 1): Facts {
    return this.#endOf(pair, side).offers;
  }

  pairsAt(joint: number, member: number, shape: number): readonly JoinedPair[] {
    return this.#ends.get(`${joint} ${member} ${shape}`)?.pairs ?? [];
  }

  #endOf({ joint, a, aShape, b, bShape }: JoinedPair, side: 0 | 1): End {
    return this.#ends.get(side === 0 ? `${joint} ${a} ${aShape}` : `${joint} ${b} ${bShape}`)!;
  }

  #arrivalsAt(end: End): Facts {
    // A set: many neighbours that state nothing count as one.
    const cases = new Set<Facts>();
    for (const pair of end.pairs) {
      const [a, b] = [this.#endOf(pair, 0), this.#endOf(pair, 1)];
      const other = a === end ? b : a;
      cases.add(withoutRejected(withoutRejected(other.offers, other.wishes), end.wishes));
    }
    return inEachCase([...cases]);
  }
}

/**
 * Returns what holds at an end from behind its piece: what each Curve to it keeps, whichever way a frame
 * comes.
 */
function throughPiece(end: End): Facts {
  const cases = new Set<Facts>();
  for (const { group, curve, addedBytes } of end.group.sources) {
    for (const facts of arrivalsIn(group, end)) cases.add(acrossCurve(facts, curve.keeps, addedBytes));
  }
  return inEachCase([...cases]);
}

function arrivalsIn(group: Group, except: End): ReadonlySet<Facts> {
  const cases = new Set<Facts>();
  for (const end of group.ends) {
    if (group.isRepeated && end.edge === except.edge) continue;
    cases.add(end.arrives);
  }
  return cases;
}

export type { Conflict };

/** The hop limit of a lane: no frame passes more pieces, so properties need not spread further. */
const MAX_ROUNDS = 64;
