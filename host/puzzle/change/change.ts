import type { Problem, Property } from '../../../abi/host/contract.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { JoinedMembers, Member, Mistake, NetworkOptions } from '../plan/arrangement.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { propertyText } from '../plan/properties.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import type { TimeSlicer } from '../plan/time-slicer.ts';
import { AlongCurves, type ListenTarget, type Station } from '../reach/along-curves.ts';
import type { ActivationFlag } from '../runtime/activation.ts';
import type { FailureHooks } from '../runtime/failures.ts';
import type { Joint } from '../runtime/joint.ts';
import type { LaneState } from '../runtime/lane-state.ts';
import type { ListenPropagation } from '../runtime/listen-propagation.ts';
import type { Overload } from '../runtime/overload.ts';
import { offersAt, type PropertyUpdates, propertiesText } from '../runtime/property-updates.ts';
import { JoinedEdge, Seat } from '../runtime/seat.ts';
import type { Services } from '../runtime/services.ts';
import { closeLater, type DeferredCleanup, type Retired, retire } from './deferred-cleanup.ts';
import { type Difference, differenceOf, isSame } from './difference.ts';
import { StubPiece } from './stub-piece.ts';

/**
 * A change of a running puzzle, from the intention to its end: first everything is prepared that can fail, while the old
 * puzzle runs on; then it is committed in one turn, where nothing can refuse but a `restore`, before anything has changed.
 */
export class Change {
  /** What it comes to, by name. */
  readonly difference: Difference;

  readonly #parts: LaneParts;
  readonly #makers: readonly PieceMaker[];
  readonly #networks: ReadonlyMap<string, NetworkOptions>;
  /** The Edges of each network after this change. */
  readonly #planned: readonly JoinedMembers[];
  /** By place. */
  readonly #candidates: Candidate[] = [];
  readonly #joins: EdgeJoin[] = [];
  /** Joints by name, those that come with this change included. */
  readonly #joints = new Map<string, Joint<JoinedEdge>>();
  #alongCurves: AlongCurves<EdgeJoin>;
  /** Who hears what each Edge will listen on, by direction and stack; and of which rejoining this is true. */
  readonly #listenTargets = new Map<JoinedEdge, Map<string, readonly ListenTarget<JoinedEdge>[]>>();
  #listenTargetsVersion = -1;
  /** What native pieces were told to open, to be taken back when the change fails. */
  readonly #opened: { join: EdgeJoin; stack: string }[] = [];

  constructor(
    parts: LaneParts,
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions>,
    planned: readonly JoinedMembers[],
  ) {
    this.#parts = parts;
    this.#makers = makers;
    this.#networks = networks;
    this.#planned = planned;
    this.#alongCurves = new AlongCurves(parts.laneState.stacksAlong, []);
    this.difference = differenceOf(parts.laneState.seats, makers, planned);
  }

  /**
   * Makes and starts what is new, and asks everybody concerned. Nothing of the running puzzle changes.
   *
   * @param timeSlicer lets the running puzzle have its turns in between; in one go when left out.
   * @throws {PuzzleError} with everything undone.
   */
  async prepare(isCurrent: () => boolean, timeSlicer?: TimeSlicer): Promise<void> {
    const mayGoOn = async (rest: Promise<void> | undefined): Promise<void> => {
      await rest;
      if (!isCurrent()) throw new PuzzleError([SUPERSEDED]);
    };
    try {
      const mistakes: Mistake[] = [];
      for (const maker of this.#makers) {
        const candidate = await this.#makeCandidate(maker);
        this.#candidates.push(candidate);
        await mayGoOn(candidate.isKept ? timeSlicer?.yieldIfDue() : timeSlicer?.yieldNow());
      }
      const retiring = this.#retiringNatives();
      for (const candidate of this.#candidates) {
        mistakes.push(...this.#startCandidate(candidate, retiring));
        await mayGoOn(timeSlicer?.yieldIfDue());
      }
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      for (const [n, candidate] of this.#candidates.entries()) {
        this.#candidates[n] = await this.#restoreCandidate(candidate);
        await mayGoOn(timeSlicer?.yieldIfDue());
      }
      this.#planJoins();
      this.#alongCurves = this.#findPaths();
      for (const found of this.#askAboutAllJoins()) {
        mistakes.push(...found);
        await mayGoOn(timeSlicer?.yieldIfDue());
      }
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      const { laneState } = this.#parts;
      const version = laneState.listenersVersion;
      for (const found of this.#openListens()) {
        mistakes.push(...found);
        await mayGoOn(timeSlicer?.yieldIfDue());
      }
      await mayGoOn(timeSlicer?.yieldNow());
      // What is listened on now, and who has failed now, counts. What the last frames by the old puzzle change in it is put right by the commit.
      if (laneState.listenersVersion !== version) {
        this.#alongCurves = this.#findPaths();
        mistakes.push(...[...this.#openListens()].flat());
      }
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** Takes back what was prepared; the running puzzle has noticed nothing. */
  undo(): void {
    for (const { join, stack } of this.#opened.reverse())
      join.candidate.piece.listening(join.edge, stack, false);
    this.#opened.length = 0;
    const { laneState } = this.#parts;
    for (const { isKept, piece, seat } of this.#candidates) {
      if (isKept) continue;
      laneState.callMonitored(seat, false, () => piece.close());
      if (!laneState.seats.includes(seat)) laneState.callMonitor.release(seat.slot);
    }
    this.#candidates.length = 0;
  }

  /**
   * Puts the new puzzle in the place of the old one, in the present turn.
   *
   * @returns what is to be closed, once the new pieces have been called: what they listen on is not to close in between.
   * @throws {PuzzleError} where a state is refused; nothing has changed then, and `undo` is to be called.
   */
  commit(): DeferredCleanup {
    this.#handOverStates();
    const { laneState, listenPropagation, overload } = this.#parts;
    const retired: Retired = { now: [], later: [] };
    const left = this.#leaveOld();
    const seats = this.#candidates.map((candidate) => this.#takeSeat(candidate, retired));
    for (const seat of laneState.seats) {
      if (seats.includes(seat)) continue;
      overload.dropWaiting(seat, 'removed');
      seat.activation.isActive = false;
      seat.wakeAt = seat.restartAt = Infinity;
      retire(seat, retired, true);
    }
    const isAsPrepared = laneState.topologyVersion === this.#listenTargetsVersion;
    laneState.seats.splice(0, laneState.seats.length, ...seats);
    const joined = this.#joinNew();
    laneState.topologyChanged();
    const { topologyVersion } = laneState;
    this.#notifyPieces(joined);
    const closing = listenPropagation.recompute(
      isAsPrepared && laneState.topologyVersion === topologyVersion ? this.#listenTargets : undefined,
    );
    return {
      now: retired.now,
      later: closeLater(laneState, listenPropagation, closing, left, retired.later),
    };
  }

  async #makeCandidate(maker: PieceMaker): Promise<Candidate> {
    const { place } = maker;
    const old = this.#parts.laneState.seats.find((seat) => seat.name === place.name);
    if (old?.piece !== undefined && isSame(old, maker)) {
      return { maker, seat: old, piece: old.piece, activation: old.activation, isKept: true };
    }
    const seat =
      old !== undefined && old.kind === maker.kind
        ? old
        : new Seat(maker, this.#parts.laneState.callMonitor.claim(place.name));
    const activation: ActivationFlag = { isActive: false };
    const context = this.#parts.services.contextOf(seat, activation, maker);
    const piece =
      maker.initialFault === undefined
        ? await this.#make(seat, maker, context)
        : new StubPiece(place.description);
    return { maker, seat, piece, activation, isKept: false };
  }

  /** Calls a piece while a change is prepared; a fault there, or what the system refuses an endpoint, says whose it is. */
  #guarded<T>({ seat, isKept }: Pick<Candidate, 'seat' | 'isKept'>, call: () => T): T {
    try {
      return this.#parts.laneState.callMonitored(seat, isKept, call);
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      const setting =
        'setting' in error && typeof error.setting === 'string' ? { setting: error.setting } : {};
      throw new PuzzleError([{ code: error.code, piece: seat.name, message: error.message, ...setting }], {
        cause: error,
      });
    }
  }

  /** What these have open their successors may take over. */
  #retiringNatives(): Piece[] {
    return this.#parts.laneState.seats.flatMap((seat) => {
      const stays = this.#candidates.some((candidate) => candidate.seat === seat && candidate.isKept);
      return stays || seat.kind !== 'native' || seat.piece === undefined ? [] : [seat.piece];
    });
  }

  /** What it runs before the first wait counts as a call. */
  #make(seat: Seat, maker: PieceMaker, context: PieceContext): Piece | Promise<Piece> {
    const { laneState } = this.#parts;
    return laneState.callMonitored(seat, false, () => maker.make(context, laneState.frames));
  }

  #startCandidate(candidate: Candidate, retiring: readonly Piece[]): Mistake[] {
    const { isKept, piece, maker } = candidate;
    if (isKept) return [];
    const name = maker.place.name;
    piece.succeed?.(retiring);
    return this.#guarded(candidate, () => piece.start(this.#parts.laneState.now)).map(
      ({ setting, message }) => ({
        code: 'FT_PIECE_START',
        piece: name,
        message,
        ...(setting === undefined ? {} : { setting }),
      }),
    );
  }

  /** Gives a piece the state that was saved in another lane. What does not take it begins afresh, as another instance. */
  async #restoreCandidate(candidate: Candidate): Promise<Candidate> {
    const { maker, seat, piece, isKept } = candidate;
    const { state } = maker;
    if (isKept || state === undefined || maker.initialFault !== undefined) return candidate;
    // One that runs hands over its own.
    if (seat.piece !== undefined && seat.fault === undefined) return candidate;
    const { laneState } = this.#parts;
    const why = problemOf(() =>
      laneState.callMonitored(seat, isKept, () => piece.restore(laneState.now, state.version, state.state)),
    );
    this.#parts.onRestore(seat.name, why === undefined);
    if (why === undefined) return candidate;
    const activation: ActivationFlag = { isActive: false };
    const context = this.#parts.services.contextOf(seat, activation, maker);
    context.log('warn', `begins afresh, because it refuses its saved state: ${why}`);
    laneState.callMonitored(seat, false, () => piece.close());
    const fresh = { ...candidate, tenancy: activation, piece: await this.#make(seat, maker, context) };
    try {
      const mistakes = this.#startCandidate(fresh, []);
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
    } catch (error) {
      fresh.piece.close();
      throw error;
    }
    return fresh;
  }

  /** Edges that stay keep their numbers; new ones get the lowest that are free, and are made, for the commit to put them in place. */
  #planJoins(): void {
    const { laneState } = this.#parts;
    const taken = this.#candidates.map(({ isKept, seat }) => {
      const numbers = new Set<number>();
      if (isKept) for (const member of seat.edges) numbers.add(member.edge);
      return numbers;
    });
    for (const { name, members } of this.#planned) {
      const joint = laneState.jointNamed(name);
      this.#joints.set(name, joint);
      for (const planned of members) {
        const candidate = this.#candidates[planned.placeIndex]!;
        const old = candidate.isKept ? findMember(candidate.seat, planned.described, name) : undefined;
        let edge = old?.edge ?? 0;
        if (old === undefined) {
          const numbers = taken[planned.placeIndex]!;
          while (numbers.has(edge)) edge++;
          numbers.add(edge);
        }
        const { seat, maker } = candidate;
        const { described, shapes } = planned;
        const { description } = maker.place;
        this.#joins.push({
          candidate,
          planned,
          network: name,
          edge,
          old,
          member: old ?? new JoinedEdge(seat, edge, described, joint, description),
          handedTags: new Map(),
          piece: seat,
          description,
          described,
          shapes,
          opens: new Set(),
        });
      }
    }
  }

  /** On which ways what pieces listen on and offer reaches others, as the pieces are now. */
  #findPaths(): AlongCurves<EdgeJoin> {
    this.#listenTargets.clear();
    this.#listenTargetsVersion = this.#parts.laneState.topologyVersion;
    return new AlongCurves(this.#parts.laneState.stacksAlong, this.#joins.filter(isPassable));
  }

  /** Asks for one Edge after the other. */
  *#askAboutAllJoins(): Generator<readonly Mistake[]> {
    const offers = this.#alongCurves.offers(offersOf);
    const here = new Map<string, EdgeJoin[]>();
    for (const join of this.#joins) {
      const others = here.get(join.network);
      if (others === undefined) here.set(join.network, [join]);
      else others.push(join);
    }
    for (const join of this.#joins) {
      const { network, piece } = join;
      const others = here.get(network)!.flatMap((other) => (other.piece === piece ? [] : offersOf(other)));
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
      if (isReported && !this.#isTouched(network)) continue;
      const { place } = candidate.maker;
      const join = { edge, described: planned.described, shape, joint: network, properties };
      const problem = this.#guarded(candidate, () => candidate.piece.accepts(join));
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

  #isTouched(network: string): boolean {
    return this.difference.edges.some((edge) => edge.network === network);
  }

  /** Endpoints open what they will have to, and have not opened yet: what they cannot open ends the change here. One Edge after the other. */
  *#openListens(): Generator<readonly Mistake[]> {
    for (const listener of this.#joins) {
      const mistakes: Mistake[] = [];
      for (const { direction, stack } of stacksOf(listener)) {
        const targets = this.#alongCurves.listenTargets(listener, direction, stack);
        this.#recordTargets(listener, `${direction} ${stack}`, targets);
        for (const target of targets) {
          const { station } = target;
          const { piece, maker } = station.candidate;
          if (maker.kind !== 'native' || station.old?.notified.has(target.stack)) continue;
          if (station.opens.has(target.stack)) continue;
          station.opens.add(target.stack);
          const problem = this.#guarded(station.candidate, () =>
            piece.listening(station.edge, target.stack, true),
          );
          if (problem === undefined) {
            this.#opened.push({ join: station, stack: target.stack });
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
    const byKey = this.#listenTargets.get(member) ?? new Map<string, readonly ListenTarget<JoinedEdge>[]>();
    this.#listenTargets.set(member, byKey);
    byKey.set(
      key,
      targets.map(({ station, stack }) => ({ station: station.member, stack })),
    );
  }

  /** The only step of a commit that can be refused comes first. */
  #handOverStates(): void {
    const now = this.#parts.laneState.now;
    for (const candidate of this.#candidates) {
      const { isKept, maker, seat, piece } = candidate;
      const old = seat.piece;
      if (isKept || old === undefined || seat.fault !== undefined) continue;
      const { name, version } = seat.place.description;
      if (name !== maker.place.description.name) continue;
      const state = this.#parts.laneState.attempt(seat, () => old.save(now));
      if (state === undefined) {
        const message =
          'faulted when it was asked for its state, and is not replaced now; see its failure policy';
        throw new PuzzleError([{ code: 'FT_SAVE_FAILED', piece: seat.name, message }]);
      }
      const problem = this.#guarded(candidate, () => piece.restore(now, version, state));
      if (problem === undefined) continue;
      const message = `does not take over the state of version ${version}: ${problem.message}`;
      throw new PuzzleError([{ code: 'FT_RESTORE_REFUSED', piece: maker.place.name, message }]);
    }
  }

  /** Everything leaves that does not stay, and what is the same of its successor is handed to that. Answers what pieces that stay have open by Edges that have left. */
  #leaveOld(): { piece: Piece; edge: number; stack: string }[] {
    const { laneState, overload, services } = this.#parts;
    const left: { piece: Piece; edge: number; stack: string }[] = [];
    const kept = new Map<JoinedEdge, Member>();
    for (const { old, planned } of this.#joins) if (old !== undefined) kept.set(old, planned);
    const staying = new Set(this.#candidates.flatMap(({ seat, isKept }) => (isKept ? [seat] : [])));
    this.#handOver(staying);
    for (const seat of laneState.seats) {
      const stays = staying.has(seat);
      for (const member of seat.edges) {
        const planned = stays ? kept.get(member) : undefined;
        const lost = member.shapes.filter((shape) => !planned?.shapes.includes(shape));
        const listens = planned === undefined ? [...member.listens.keys()] : [];
        for (const shape of [...lost, ...listens]) {
          services.removeReceiver(member, shape);
          if (stays && seat.fault === undefined)
            laneState.attempt(seat, () => seat.piece!.leave(member.edge, shape));
        }
        if (planned !== undefined) {
          member.shapes = member.shapes.filter((shape) => !lost.includes(shape));
          continue;
        }
        member.joint.members.splice(member.joint.members.indexOf(member), 1);
        if (!stays) continue;
        for (const stack of member.notified.keys())
          if (seat.kind === 'native') left.push({ piece: seat.piece!, edge: member.edge, stack });
        overload.closeIntake(member);
        seat.members[member.edge] = undefined;
      }
    }
    return left;
  }

  /** A Shape that takes the same as that of the instance before goes on in its place: the plan of the Joint stays as it is. */
  #handOver(staying: ReadonlySet<Seat>): void {
    for (const { candidate, described, description, network, shapes, handedTags } of this.#joins) {
      const { seat } = candidate;
      if (seat.piece === undefined || staying.has(seat)) continue;
      const { name, shapes: all } = description.edges[described]!;
      const former = seat.members.find((member) => member?.name === name && member.network === network);
      if (former === undefined) continue;
      for (const shape of shapes) {
        const tag = former.tags.get(shape);
        const receiver = tag === undefined ? undefined : former.joint.receivers[tag];
        if (tag === undefined || receiver?.stack !== all[shape]!.stack) continue;
        if (receiver.direction !== all[shape]!.direction) continue;
        former.tags.delete(shape);
        handedTags.set(shape, tag);
      }
    }
  }

  #takeSeat({ maker, seat, piece, activation, isKept }: Candidate, retired: Retired): Seat {
    const { laneState, overload } = this.#parts;
    if (!isKept) {
      if (seat.piece !== undefined) {
        retire(seat, retired, false);
        seat.activation.isActive = false;
        // What still waits came by Edges of the old instance.
        overload.dropWaiting(seat, 'replaced');
        seat.formerEdges = edgesByName(seat);
      }
      for (const member of seat.edges) overload.closeIntake(member);
      seat.members.length = 0;
      seat.piece = piece;
      seat.isNew = true;
      seat.activation = activation;
      seat.fault = maker.initialFault;
      seat.saved = undefined;
      seat.startedAt = laneState.now;
      seat.restartAt = Infinity;
    }
    seat.occupy(maker);
    activation.isActive = true;
    if (!isKept) piece.takeOver?.();
    return seat;
  }

  #joinNew(): CommittedJoin[] {
    const { laneState } = this.#parts;
    const joined: CommittedJoin[] = [];
    for (const [name, joint] of this.#joints) {
      joint.copies = this.#networks.get(name)?.copies ?? false;
      laneState.joints.set(name, joint);
    }
    for (const join of this.#joins) {
      const { candidate, planned, network, edge, old, member, handedTags } = join;
      const { joint } = member;
      const { seat } = candidate;
      if (old === undefined) {
        const former = seat.formerEdges?.get(`${member.name} ${network}`);
        if (former !== undefined) member.inherit(former);
        seat.members[edge] = member;
        seat.intake.open(edge);
        joint.members.push(member);
      }
      for (const each of this.#opened) if (each.join === join) member.notifiedEarly.add(each.stack);
      const shapes = planned.shapes.filter((shape) => !member.shapes.includes(shape));
      const renewed = planned.shapes.filter(
        (shape, index) =>
          member.shapes.includes(shape) && !isSettledAs(member, shape, planned.properties[index]!),
      );
      member.shapes = [...planned.shapes];
      member.settled = new Map(planned.shapes.map((shape, index) => [shape, planned.properties[index]!]));
      joined.push({ member, shapes, renewed });
      for (const shape of shapes) {
        const { stack, direction } = seat.place.description.edges[planned.described]!.shapes[shape]!;
        const tag = handedTags.get(shape);
        member.tags.set(
          shape,
          tag === undefined ? joint.add(member, shape, direction, stack) : joint.reassign(tag, member),
        );
      }
    }
    for (const [name, joint] of laneState.joints)
      if (joint.members.length === 0) laneState.joints.delete(name);
    return joined;
  }

  #notifyPieces(joined: readonly CommittedJoin[]): void {
    const { propertyUpdates } = this.#parts;
    propertyUpdates.invalidate();
    for (const { member, shapes, renewed } of joined)
      for (const shape of [...shapes, ...renewed]) propertyUpdates.join(member, shape);
  }
}

const SUPERSEDED: Mistake = {
  code: 'FT_CHANGE_SUPERSEDED',
  message: 'a newer change came while this one was prepared, or the Funnel was closed',
};

/** What of a lane a change works on. */
export interface LaneParts {
  readonly laneState: LaneState;
  readonly listenPropagation: ListenPropagation;
  readonly overload: Overload;
  readonly services: Services;
  readonly propertyUpdates: PropertyUpdates;
  readonly onRestore: FailureHooks['onRestore'];
}

/** A piece as it will be: the present instance, or one that was made for this change. */
interface Candidate {
  readonly maker: PieceMaker;
  readonly seat: Seat;
  readonly piece: Piece;
  readonly activation: ActivationFlag;
  readonly isKept: boolean;
}

/** An Edge as it will be joined. */
interface EdgeJoin extends Station {
  readonly edge: number;
  readonly candidate: Candidate;
  readonly planned: Member;
  /** Stacks that it was asked to carry for this change. */
  readonly opens: Set<string>;
  /** The Edge as it is joined now, of an instance that stays. */
  readonly old: JoinedEdge | undefined;
  /** The Edge as the commit joins it: the same, or a new one. */
  readonly member: JoinedEdge;
  /** By Shape, the tags that the instance before hands over in the commit. */
  readonly handedTags: Map<number, number>;
}

interface CommittedJoin {
  readonly member: JoinedEdge;
  /** Shapes that are joined now. */
  readonly shapes: readonly number[];
  /** Shapes that stay, with other terms. */
  readonly renewed: readonly number[];
}

/** Whether these are the terms that a Shape was told already. */
function isSettledAs(member: JoinedEdge, shape: number, properties: readonly Property[]): boolean {
  const reported = member.settled.get(shape) ?? [];
  return (
    reported.length === properties.length &&
    reported.every((property, index) => propertyText(property) === propertyText(properties[index]!))
  );
}

function findMember(seat: Seat, described: number, network: string): JoinedEdge | undefined {
  return seat.members.find((member) => member?.described === described && member.joint.name === network);
}

/** Whether what others do reaches further by way of this piece: not while it has failed, and nothing goes around it. */
function isPassable({ candidate: { isKept, seat, maker } }: EdgeJoin): boolean {
  return maker.failure === 'bypass' || (isKept ? seat.fault : maker.initialFault) === undefined;
}

/** What a piece will listen on: the Shapes of its description, and those that it listens on already. */
function stacksOf({ description, described, shapes, old }: EdgeJoin) {
  const all = description.edges[described]!.shapes;
  const listens = [...(old?.listens.values() ?? [])];
  return [
    ...shapes.map((shape) => ({ direction: all[shape]!.direction, stack: all[shape]!.stack })),
    ...listens.map(({ like, stack }) => ({ direction: all[like]!.direction, stack })),
  ];
}

/** What a piece offers on an Edge, or the one that it replaces offered there. */
function offersOf({ old, piece, description, described, network, candidate }: EdgeJoin): readonly Property[] {
  if (old !== undefined) return old.offers;
  if (candidate.isKept || !(piece instanceof Seat)) return [];
  const { name } = description.edges[described]!;
  return piece.edges.find((member) => member.name === name && member.network === network)?.offers ?? [];
}

function edgesByName(seat: Seat): Map<string, JoinedEdge> {
  return new Map(seat.edges.map((member) => [`${member.name} ${member.joint.name}`, member]));
}

/** What a piece has against a call, be it that it says so or that it faults. */
function problemOf(call: () => Problem | undefined): string | undefined {
  try {
    return call()?.message;
  } catch (error) {
    if (error instanceof FunnelError) return error.message;
    throw error;
  }
}
