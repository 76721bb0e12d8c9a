import type { Property } from '../../../abi/host/contract.ts';
import type { JoinedMembers, Mistake } from '../plan/arrangement.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import type { TimeSlicer } from '../plan/time-slicer.ts';
import { AlongCurves, type ListenTarget } from '../reach/along-curves.ts';
import { offersAt, propertiesText } from '../runtime/property-updates.ts';
import type { JoinedEdge } from '../runtime/seat.ts';
import { Candidates } from './candidates.ts';
import type { Difference } from './difference.ts';
import { type EdgeJoin, type JoinPlan, listensOf, offersOf, pathsAlong, planJoins } from './join-plan.ts';
import type { LaneParts } from './lane-parts.ts';

/**
 * Does everything of a change that can fail, while the old puzzle runs on: makes and starts pieces, asks each
 * piece whether it accepts its joins, and lets endpoints open what the new Shapes need.
 */
export class Preparation {
  readonly candidates: Candidates;
  plan: JoinPlan = { joins: [], joints: new Map() };
  /** The stacks that native pieces have opened for the change; closed again when it fails. */
  readonly opened: { join: EdgeJoin; stack: string }[] = [];
  /**
   * Cached listen targets by Edge, then by direction and stack; valid while `topologyVersion` is unchanged.
   */
  readonly listenTargets = new Map<JoinedEdge, Map<string, readonly ListenTarget<JoinedEdge>[]>>();
  topologyVersion = -1;
  readonly #parts: LaneParts;
  readonly #difference: Difference;
  #alongCurves: AlongCurves<EdgeJoin>;

  constructor(parts: LaneParts, difference: Difference) {
    this.#parts = parts;
    this.#difference = difference;
    this.candidates = new Candidates(parts);
    this.#alongCurves = new AlongCurves(parts.laneState.stacksAlong, []);
  }

  /**
   * @param timeSlicer yields to the running puzzle between the steps; without it the preparation does not
   * yield.
   * @throws {PuzzleError} with everything undone.
   */
  async run(
    makers: readonly PieceMaker[],
    joints: readonly JoinedMembers[],
    isCurrent: () => boolean,
    timeSlicer: TimeSlicer | undefined,
  ): Promise<void> {
    const proceed = async (rest: Promise<void> | undefined): Promise<void> => {
      await rest;
      if (!isCurrent()) throw new PuzzleError([SUPERSEDED]);
    };
    const { laneState } = this.#parts;
    const { candidates } = this;
    try {
      const mistakes: Mistake[] = [];
      for (const maker of makers) {
        const { isKept } = await candidates.make(maker);
        await proceed(isKept ? timeSlicer?.yieldIfDue() : timeSlicer?.yieldNow());
      }
      const retiring = candidates.retiringNatives();
      for (const candidate of candidates.all) {
        mistakes.push(...candidates.start(candidate, retiring));
        await proceed(timeSlicer?.yieldIfDue());
      }
      throwIfAny(mistakes);
      for (const index of candidates.all.keys()) {
        await candidates.restore(index);
        await proceed(timeSlicer?.yieldIfDue());
      }
      this.plan = planJoins(laneState, joints, candidates.all);
      this.#findPaths();
      for (const found of this.#askAboutAllJoins()) {
        mistakes.push(...found);
        await proceed(timeSlicer?.yieldIfDue());
      }
      throwIfAny(mistakes);
      const version = laneState.listenersVersion;
      for (const found of this.#openListens()) {
        mistakes.push(...found);
        await proceed(timeSlicer?.yieldIfDue());
      }
      await proceed(timeSlicer?.yieldNow());
      // The listens and faults of this moment count: no other turn runs before the commit. Its last turns may
      // still change them by frames of the old puzzle; the commit corrects that.
      if (laneState.listenersVersion !== version) {
        this.#findPaths();
        mistakes.push(...[...this.#openListens()].flat());
      }
      throwIfAny(mistakes);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** Takes back what was prepared. The running puzzle notices nothing. Idempotent. */
  undo(): void {
    for (const { join, stack } of this.opened.reverse())
      join.candidate.piece.listening(join.edge, stack, false);
    this.opened.length = 0;
    this.candidates.close();
  }

  #findPaths(): void {
    this.listenTargets.clear();
    this.topologyVersion = this.#parts.laneState.topologyVersion;
    this.#alongCurves = pathsAlong(this.#parts.laneState, this.plan.joins);
  }

  /** Asks the pieces whether they accept their joins, one Edge at each step. */
  *#askAboutAllJoins(): Generator<readonly Mistake[]> {
    const offers = this.#alongCurves.offers(offersOf);
    const { joins } = this.plan;
    const byNetwork = new Map<string, EdgeJoin[]>();
    for (const join of joins) {
      const others = byNetwork.get(join.network);
      if (others === undefined) byNetwork.set(join.network, [join]);
      else others.push(join);
    }
    for (const join of joins) {
      const { network, piece } = join;
      const others = byNetwork
        .get(network)!
        .map((other) => ({ origin: other.piece, offers: offersOf(other) }));
      yield this.#askAboutJoin(join, offersAt(others, offers.get(network) ?? [], piece));
    }
  }

  #askAboutJoin(
    { candidate, planned, network, edge, old }: EdgeJoin,
    offers: readonly Property[],
  ): Mistake[] {
    const mistakes: Mistake[] = [];
    for (const [index, shape] of planned.shapes.entries()) {
      const properties = [...planned.properties[index]!, ...offers];
      const isReported =
        old?.shapes.includes(shape) && old.lastReported.get(shape) === propertiesText(properties);
      if (isReported && !this.#isChanged(network)) continue;
      const { place } = candidate.maker;
      const joining = { edge, described: planned.described, shape, joint: network, properties };
      const problem = this.candidates.guarded(candidate, () => candidate.piece.accepts(joining));
      if (problem === undefined) continue;
      const described = place.description.edges[planned.described]!;
      mistakes.push({
        code: 'FT_JOIN_REFUSED',
        piece: place.name,
        edge: described.name,
        network,
        message: problem.message,
      });
    }
    return mistakes;
  }

  #isChanged(network: string): boolean {
    return this.#difference.edges.some((edge) => edge.network === network);
  }

  /**
   * Lets endpoints open what the listens of the new puzzle need and they have not opened yet, one listening
   * Edge at each step. A refusal ends the change here.
   */
  *#openListens(): Generator<readonly Mistake[]> {
    for (const listener of this.plan.joins) {
      const mistakes: Mistake[] = [];
      for (const { direction, stack } of listensOf(listener)) {
        const targets = this.#alongCurves.listenTargets(listener, direction, stack);
        this.#recordTargets(listener, `${direction} ${stack}`, targets);
        for (const target of targets) {
          const { station } = target;
          const { piece, maker } = station.candidate;
          if (maker.kind !== 'native' || station.old?.notified.has(target.stack)) continue;
          if (station.opens.has(target.stack)) continue;
          station.opens.add(target.stack);
          const problem = this.candidates.guarded(station.candidate, () =>
            piece.listening(station.edge, target.stack, true),
          );
          if (problem === undefined) {
            this.opened.push({ join: station, stack: target.stack });
            continue;
          }
          const edge = maker.place.description.edges[station.described]!.name;
          const { message } = problem;
          const code =
            'code' in problem && typeof problem.code === 'string' ? problem.code : 'FT_LISTEN_REFUSED';
          mistakes.push({ code, piece: maker.place.name, edge, network: station.network, message });
        }
      }
      yield mistakes;
    }
  }

  #recordTargets({ member }: EdgeJoin, key: string, targets: readonly ListenTarget<EdgeJoin>[]): void {
    const byKey = this.listenTargets.get(member) ?? new Map<string, readonly ListenTarget<JoinedEdge>[]>();
    this.listenTargets.set(member, byKey);
    byKey.set(
      key,
      targets.map(({ station, stack }) => ({ station: station.member, stack })),
    );
  }
}

function throwIfAny(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw new PuzzleError(mistakes);
}

const SUPERSEDED: Mistake = {
  code: 'FT_CHANGE_SUPERSEDED',
  message: 'a newer change came while this one was prepared, or the Funnel was closed',
};
