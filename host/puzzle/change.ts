import type { Problem, Property } from '../../abi/host/contract.ts';
import type { Piece, PieceContext } from '../piece/piece.ts';
import { opposes } from '../stack/direction.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import type { Arrangement, Member, Mistake, NetworkOptions } from './arrangement.ts';
import type { Floor } from './floor.ts';
import { LostPiece } from './lost-piece.ts';
import type { Overload } from './overload.ts';
import type { PieceMaker } from './piece-maker.ts';
import { propertyText } from './properties.ts';
import { PuzzleError } from './puzzle-error.ts';
import { JoinedEdge, Seat } from './seat.ts';
import { type Closing, isHeardBy, type Services } from './services.ts';
import type { Tenancy } from './tenancy.ts';
import type { Terms } from './terms.ts';

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
  readonly #arrangement: Arrangement;
  /** By place. */
  readonly #candidates: Candidate[] = [];
  readonly #joinings: Joining[] = [];
  /** What native pieces were told to open, to be taken back when the change fails. */
  readonly #opened: { member: MemberNumber; piece: Piece; stack: string }[] = [];

  constructor(
    parts: LaneParts,
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions>,
    arrangement: Arrangement,
  ) {
    this.#parts = parts;
    this.#makers = makers;
    this.#networks = networks;
    this.#arrangement = arrangement;
    this.difference = differenceOf(parts.floor.seats, makers, arrangement);
  }

  /**
   * Makes and starts what is new, and asks everybody concerned. Nothing of the running puzzle changes.
   *
   * @throws {PuzzleError} with everything undone.
   */
  async prepare(isCurrent: () => boolean): Promise<void> {
    try {
      const mistakes: Mistake[] = [];
      for (const maker of this.#makers) {
        const candidate = await this.#makeCandidate(maker);
        this.#candidates.push(candidate);
        if (!isCurrent()) {
          throw new PuzzleError([
            {
              code: 'FT_CHANGE_SUPERSEDED',
              message: 'a newer change came while this one was prepared, or the Funnel was closed',
            },
          ]);
        }
      }
      const retiring = this.#retiringNatives();
      for (const candidate of this.#candidates) mistakes.push(...this.#startCandidate(candidate, retiring));
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      for (const [n, candidate] of this.#candidates.entries())
        this.#candidates[n] = await this.#restoreCandidate(candidate);
      this.#planJoinings();
      for (const joining of this.#joinings) mistakes.push(...this.#ask(joining));
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      mistakes.push(...this.#openListens());
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** Takes back what was prepared; the running puzzle has noticed nothing. */
  undo(): void {
    for (const { member, piece, stack } of this.#opened.reverse()) piece.listening(member.edge, stack, false);
    this.#opened.length = 0;
    const { floor } = this.#parts;
    for (const { isKept, piece, seat } of this.#candidates) {
      if (isKept) continue;
      piece.close();
      if (!floor.seats.includes(seat)) floor.pulse.release(seat.slot);
    }
    this.#candidates.length = 0;
  }

  /**
   * Puts the new puzzle in the place of the old one, in the present turn.
   *
   * @returns what is to be closed, once the new pieces have been called: what they listen on is not to close in between.
   * @throws {PuzzleError} where a state is refused; nothing has changed then, and `undo` is to be called.
   */
  commit(): Leftovers {
    this.#handOverStates();
    const { floor, overload, services } = this.#parts;
    const retired: Piece[] = [];
    const closing = this.#leaveOld();
    const seats = this.#candidates.map((candidate) => this.#takeSeat(candidate, retired));
    for (const seat of floor.seats) {
      if (seats.includes(seat)) continue;
      overload.dropWaiting(seat, 'removed');
      seat.tenancy.isActive = false;
      seat.wakeAt = seat.restartAt = Infinity;
      floor.pulse.release(seat.slot);
      retired.push(seat.piece!);
    }
    floor.seats.splice(0, floor.seats.length, ...seats);
    const joined = this.#joinNew();
    this.#tellPieces(joined);
    return {
      close() {
        for (const { member, stack } of closing) {
          // Whoever was replaced or removed closes what it had open by itself.
          if (member.seat.members[member.edge] === member && member.joint.members.includes(member))
            services.tellNative(member, stack, false);
        }
        for (const piece of retired) piece.close();
      },
    };
  }

  async #makeCandidate(maker: PieceMaker): Promise<Candidate> {
    const { place } = maker;
    const old = this.#parts.floor.seats.find((seat) => seat.name === place.name);
    if (old?.piece !== undefined && isSame(old, maker)) {
      return { maker, seat: old, piece: old.piece, tenancy: old.tenancy, isKept: true };
    }
    const seat =
      old !== undefined && old.kind === maker.kind
        ? old
        : new Seat(maker, this.#parts.floor.pulse.claim(place.name));
    const tenancy: Tenancy = { isActive: false };
    const context = this.#parts.services.contextOf(seat, tenancy, maker);
    const piece =
      maker.ended === undefined ? await this.#make(seat, maker, context) : new LostPiece(place.description);
    return { maker, seat, piece, tenancy, isKept: false };
  }

  /** Calls a piece while a change is prepared; a fault there, or what the system refuses an endpoint, says whose it is. */
  #guarded<T>(seat: Seat, call: () => T): T {
    try {
      return this.#parts.floor.calling(seat, call);
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
    return this.#parts.floor.seats.flatMap((seat) => {
      const stays = this.#candidates.some((candidate) => candidate.seat === seat && candidate.isKept);
      return stays || seat.kind !== 'native' || seat.piece === undefined ? [] : [seat.piece];
    });
  }

  /** What it runs before the first wait counts as a call. */
  #make(seat: Seat, maker: PieceMaker, context: PieceContext): Piece | Promise<Piece> {
    const { floor } = this.#parts;
    return floor.calling(seat, () => maker.make(context, floor.frames));
  }

  #startCandidate({ isKept, piece, maker, seat }: Candidate, retiring: readonly Piece[]): Mistake[] {
    if (isKept) return [];
    const name = maker.place.name;
    piece.succeed?.(retiring);
    return this.#guarded(seat, () => piece.start(this.#parts.floor.now)).map(({ setting, message }) => ({
      code: 'FT_PIECE_START',
      piece: name,
      message,
      ...(setting === undefined ? {} : { setting }),
    }));
  }

  /** Gives a piece the state that was saved in another lane. What does not take it begins afresh, as another instance. */
  async #restoreCandidate(candidate: Candidate): Promise<Candidate> {
    const { maker, seat, piece, isKept } = candidate;
    const { state } = maker;
    if (isKept || state === undefined || maker.ended !== undefined) return candidate;
    // One that runs hands over its own.
    if (seat.piece !== undefined && seat.fault === undefined) return candidate;
    const why = problemOf(() =>
      this.#parts.floor.calling(seat, () => piece.restore(this.#parts.floor.now, state.version, state.state)),
    );
    if (why === undefined) return candidate;
    const tenancy: Tenancy = { isActive: false };
    const context = this.#parts.services.contextOf(seat, tenancy, maker);
    context.log('warn', `begins afresh, because it refuses its saved state: ${why}`);
    piece.close();
    const fresh = { ...candidate, tenancy, piece: await this.#make(seat, maker, context) };
    const mistakes = this.#startCandidate(fresh, []);
    if (mistakes.length === 0) return fresh;
    fresh.piece.close();
    throw new PuzzleError(mistakes);
  }

  /** Edges that stay keep their numbers; new ones get the lowest that are free. */
  #planJoinings(): void {
    const taken = this.#candidates.map(({ isKept, seat }) => {
      const numbers = new Set<number>();
      if (isKept) for (const member of seat.edges) numbers.add(member.edge);
      return numbers;
    });
    for (const { name, members } of this.#arrangement.joints) {
      for (const planned of members) {
        const candidate = this.#candidates[planned.place]!;
        const old = candidate.isKept ? findMember(candidate.seat, planned.described, name) : undefined;
        let edge = old?.edge ?? 0;
        if (old === undefined) {
          const numbers = taken[planned.place]!;
          while (numbers.has(edge)) edge++;
          numbers.add(edge);
        }
        this.#joinings.push({ candidate, planned, network: name, edge, old });
      }
    }
  }

  #ask({ candidate, planned, network, edge, old }: Joining): Mistake[] {
    const mistakes: Mistake[] = [];
    for (const [index, shape] of planned.shapes.entries()) {
      const settled = planned.properties[index]!;
      if (old?.shapes.includes(shape) && !this.#isTouched(network) && isSettledSo(old, shape, settled))
        continue;
      const { place } = candidate.maker;
      const properties = [...settled, ...this.#parts.terms.offersOn(network, candidate.seat)];
      const joining = { edge, described: planned.described, shape, joint: network, properties };
      const problem = this.#guarded(candidate.seat, () => candidate.piece.accepts(joining));
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

  /** Endpoints open what new Shapes on their networks need: what they cannot open ends the change here. */
  #openListens(): Mistake[] {
    const mistakes: Mistake[] = [];
    for (const listener of this.#joinings) {
      for (const native of this.#joinings) {
        if (native.network !== listener.network || native.candidate.maker.kind !== 'native') continue;
        if (native.candidate.seat === listener.candidate.seat) continue;
        for (const { shape, stack } of stacksOf(listener)) {
          if (!faces(native, listener, shape) || hasHeard(native, listener, shape)) continue;
          const { piece, maker } = native.candidate;
          const problem = this.#guarded(native.candidate.seat, () =>
            piece.listening(native.edge, stack, true),
          );
          if (problem === undefined) {
            this.#opened.push({ member: native, piece, stack });
            continue;
          }
          const edge = maker.place.description.edges[native.planned.described]!.name;
          const { message } = problem;
          const code =
            'code' in problem && typeof problem.code === 'string' ? problem.code : 'FT_LISTEN_REFUSED';
          mistakes.push({ code, piece: maker.place.name, edge, network: native.network, message });
        }
      }
    }
    return mistakes;
  }

  /** The only step of a commit that can be refused comes first. */
  #handOverStates(): void {
    const now = this.#parts.floor.now;
    for (const { isKept, maker, seat, piece } of this.#candidates) {
      const old = seat.piece;
      if (isKept || old === undefined || seat.fault !== undefined) continue;
      const { name, version } = seat.place.description;
      if (name !== maker.place.description.name) continue;
      const state = this.#parts.floor.attempt(seat, () => old.save(now));
      if (state === undefined) {
        const message =
          'faulted when it was asked for its state, and is not replaced now; see its failure policy';
        throw new PuzzleError([{ code: 'FT_SAVE_FAILED', piece: seat.name, message }]);
      }
      const problem = this.#guarded(seat, () => piece.restore(now, version, state));
      if (problem === undefined) continue;
      const message = `does not take over the state of version ${version}: ${problem.message}`;
      throw new PuzzleError([{ code: 'FT_RESTORE_REFUSED', piece: maker.place.name, message }]);
    }
  }

  /** Everything leaves that does not stay. Answers what endpoints may close when all is done. */
  #leaveOld(): Closing[] {
    const { floor, overload, services, terms } = this.#parts;
    const closing: Closing[] = [];
    const kept = new Map<JoinedEdge, Member>();
    for (const { old, planned } of this.#joinings) if (old !== undefined) kept.set(old, planned);
    for (const seat of floor.seats) {
      const stays = this.#candidates.some((candidate) => candidate.seat === seat && candidate.isKept);
      for (const member of seat.edges) {
        const planned = stays ? kept.get(member) : undefined;
        const lost = member.shapes.filter((shape) => !planned?.shapes.includes(shape));
        const listens = planned === undefined ? [...member.listens.keys()] : [];
        for (const shape of [...lost, ...listens]) {
          closing.push(...services.removeReceiver(member, shape));
          if (stays && seat.fault === undefined)
            floor.attempt(seat, () => seat.piece!.leave(member.edge, shape));
        }
        if (planned !== undefined) {
          member.shapes = member.shapes.filter((shape) => !lost.includes(shape));
          continue;
        }
        member.joint.members.splice(member.joint.members.indexOf(member), 1);
        if (member.offers.length > 0) terms.changed.add(member.joint);
        if (!stays) continue;
        overload.closeIntake(member);
        seat.members[member.edge] = undefined;
      }
    }
    return closing;
  }

  #takeSeat({ maker, seat, piece, tenancy, isKept }: Candidate, retired: Piece[]): Seat {
    const { floor, overload } = this.#parts;
    if (!isKept) {
      if (seat.piece !== undefined) {
        retired.push(seat.piece);
        seat.tenancy.isActive = false;
        // What still waits came by Edges of the old instance.
        overload.dropWaiting(seat, 'replaced');
        seat.former = formerEdges(seat);
      }
      for (const member of seat.edges) overload.closeIntake(member);
      seat.members.length = 0;
      seat.piece = piece;
      seat.tenancy = tenancy;
      seat.fault = maker.ended;
      seat.saved = undefined;
      seat.startedAt = floor.now;
      seat.restartAt = Infinity;
    }
    seat.occupy(maker);
    tenancy.isActive = true;
    if (!isKept) piece.takeOver?.();
    return seat;
  }

  #joinNew(): Joined[] {
    const { floor } = this.#parts;
    const joined: Joined[] = [];
    for (const { name } of this.#arrangement.joints) {
      const joint = floor.jointNamed(name);
      joint.copies = this.#networks.get(name)?.copies ?? false;
    }
    for (const { candidate, planned, network, edge, old } of this.#joinings) {
      const joint = floor.jointNamed(network);
      const { seat } = candidate;
      let member = old;
      if (member === undefined) {
        member = new JoinedEdge(seat, edge, planned.described, joint);
        const former = seat.former?.get(`${member.name} ${network}`);
        if (former !== undefined) member.inherit(former);
        seat.members[edge] = member;
        seat.intake.open(edge);
        joint.members.push(member);
      }
      const shapes = planned.shapes.filter((shape) => !member.shapes.includes(shape));
      const renewed = planned.shapes.filter(
        (shape, index) =>
          member.shapes.includes(shape) && !isSettledSo(member, shape, planned.properties[index]!),
      );
      member.shapes = [...planned.shapes];
      member.settled = new Map(planned.shapes.map((shape, index) => [shape, planned.properties[index]!]));
      joined.push({ member, shapes, renewed });
      for (const shape of shapes) {
        const { stack, direction } = seat.place.description.edges[planned.described]!.shapes[shape]!;
        member.tags.set(shape, joint.add(member, shape, direction, stack));
      }
    }
    for (const [name, joint] of floor.joints) if (joint.members.length === 0) floor.joints.delete(name);
    return joined;
  }

  #tellPieces(joined: readonly Joined[]): void {
    const { floor, terms } = this.#parts;
    for (const { member, shapes, renewed } of joined) {
      const { seat } = member;
      for (const shape of [...shapes, ...renewed]) {
        if (seat.fault === undefined)
          floor.attempt(seat, () => seat.piece!.join(terms.joiningOf(member, shape)));
      }
      if (shapes.length + renewed.length > 0) floor.enqueue(seat);
    }
    // Components hear of each other; endpoints have opened what they must while the change was prepared.
    for (const { member, shapes } of joined) {
      for (const shape of shapes) {
        const { stack, direction } = member.seat.place.description.edges[member.described]!.shapes[shape]!;
        for (const other of member.joint.members) {
          if (other.seat.kind !== 'component' || !isHeardBy(member, direction, other)) continue;
          floor.attempt(other.seat, () => other.seat.piece!.listening(other.edge, stack, true));
        }
      }
    }
  }
}

/** What a change comes to. */
export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Pieces with other settings, or of another version: a new instance, with the state of the old one. */
  readonly replaced: readonly string[];
  /** Pieces whose instances go on. */
  readonly kept: readonly string[];
  /** Edges of all pieces that come to a network or leave one. */
  readonly edges: readonly { piece: string; edge: string; network: string; change: 'joins' | 'leaves' }[];
}

/** What of a lane a change works on. */
export interface LaneParts {
  readonly floor: Floor;
  readonly overload: Overload;
  readonly services: Services;
  readonly terms: Terms;
}

/** What a committed change leaves behind. */
export interface Leftovers {
  close(): void;
}

/** A piece as it will be: the present instance, or one that was made for this change. */
interface Candidate {
  readonly maker: PieceMaker;
  readonly seat: Seat;
  readonly piece: Piece;
  readonly tenancy: Tenancy;
  readonly isKept: boolean;
}

interface MemberNumber {
  readonly edge: number;
}

interface Joining extends MemberNumber {
  readonly candidate: Candidate;
  readonly planned: Member;
  readonly network: string;
  /** The Edge as it is joined now, of an instance that stays. */
  readonly old: JoinedEdge | undefined;
}

interface Joined {
  readonly member: JoinedEdge;
  /** Shapes that are joined now. */
  readonly shapes: readonly number[];
  /** Shapes that stay, with other terms. */
  readonly renewed: readonly number[];
}

/** Which pieces and Edges a change concerns: a piece is kept when it would be made the same way again. */
export function differenceOf(
  seats: readonly Seat[],
  makers: readonly PieceMaker[],
  arrangement: Arrangement,
): Difference {
  const old = new Map(seats.map((seat) => [seat.name, seat]));
  const names = new Set(makers.map((maker) => maker.place.name));
  const added: string[] = [];
  const replaced: string[] = [];
  const kept: string[] = [];
  for (const maker of makers) {
    const seat = old.get(maker.place.name);
    if (seat === undefined) added.push(maker.place.name);
    else if (isSame(seat, maker)) kept.push(maker.place.name);
    else replaced.push(maker.place.name);
  }
  const before = new Set(
    seats.flatMap((seat) => seat.edges.map((member) => edgeKey(seat.name, member.name, member.joint.name))),
  );
  const after = new Set(
    arrangement.joints.flatMap(({ name, members }) =>
      members.map(({ place, described }) => {
        const { place: where } = makers[place]!;
        return edgeKey(where.name, where.description.edges[described]!.name, name);
      }),
    ),
  );
  const edges = [
    ...[...before].filter((key) => !after.has(key)).map((key) => edgeOfKey(key, 'leaves')),
    ...[...after].filter((key) => !before.has(key)).map((key) => edgeOfKey(key, 'joins')),
  ];
  return { added, removed: [...old.keys()].filter((name) => !names.has(name)), replaced, kept, edges };
}

function isSame(seat: Seat, maker: PieceMaker): boolean {
  return seat.identity !== undefined && seat.identity === maker.identity && seat.kind === maker.kind;
}

// Names hold no line breaks.
function edgeKey(piece: string, edge: string, network: string): string {
  return `${piece}\n${edge}\n${network}`;
}

function edgeOfKey(key: string, change: 'joins' | 'leaves'): Difference['edges'][number] {
  const [piece, edge, network] = key.split('\n') as [string, string, string];
  return { piece, edge, network, change };
}

/** Whether these are the terms that a Shape was told already. */
function isSettledSo(member: JoinedEdge, shape: number, properties: readonly Property[]): boolean {
  const told = member.settled.get(shape) ?? [];
  return (
    told.length === properties.length &&
    told.every((property, index) => propertyText(property) === propertyText(properties[index]!))
  );
}

function findMember(seat: Seat, described: number, network: string): JoinedEdge | undefined {
  return seat.members.find((member) => member?.described === described && member.joint.name === network);
}

/** The Shapes by which a piece will listen: those of its description, and those that it listens on already. */
function stacksOf({ candidate, planned, old }: Joining): { shape: number; stack: string }[] {
  const { shapes } = candidate.maker.place.description.edges[planned.described]!;
  const listens = [...(old?.listens ?? [])].map(([shape, { stack }]) => ({ shape, stack }));
  return [...planned.shapes.map((shape) => ({ shape, stack: shapes[shape]!.stack })), ...listens];
}

function directionOf({ candidate, planned, old }: Joining, shape: number) {
  return (
    candidate.maker.place.description.edges[planned.described]!.shapes[shape]?.direction ??
    old?.directions[shape]
  );
}

function faces(native: Joining, listener: Joining, shape: number): boolean {
  const direction = directionOf(listener, shape);
  return (
    direction !== undefined &&
    native.planned.shapes.some((own) => opposes(direction, directionOf(native, own)!))
  );
}

/** Whether an endpoint has been told of a Shape by an earlier change. */
function hasHeard(native: Joining, listener: Joining, shape: number): boolean {
  if (native.old === undefined || listener.old === undefined) return false;
  const direction = directionOf(listener, shape);
  const faced = native.old.shapes.some(
    (own) => direction !== undefined && opposes(direction, native.old!.directions[own]!),
  );
  return faced && (listener.old.shapes.includes(shape) || listener.old.listens.has(shape));
}

function formerEdges(seat: Seat): Map<string, JoinedEdge> {
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
