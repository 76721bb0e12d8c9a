import { randomFillSync } from 'node:crypto';
import type { Problem, Property } from '../../abi/host/contract.ts';
import { Frames } from '../frame/frames.ts';
import { Outbox } from '../piece/outbox.ts';
import type { LogLevel, Piece, PieceContext } from '../piece/piece.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { type Direction, opposes } from '../stack/direction.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { matchStacks } from '../stack/match.ts';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols } from '../stack/protocols.ts';
import { arrange } from './arrange.ts';
import type { Mistake, NetworkOptions, Place } from './arrangement.ts';
import { Joint } from './joint.ts';
import { PuzzleError } from './puzzle-error.ts';
import * as seatConstants from './seat.ts';
import { type FailurePolicy, JoinedEdge, Seat } from './seat.ts';
import { type LaneSnapshot, snapshotOf } from './snapshot.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each use.
const { BYTES_IN, BYTES_OUT, CALM_MS, FIRST_RESTART_MS, FRAMES_IN, FRAMES_OUT, LAST_RESTART_MS } =
  seatConstants;

/**
 * One thread's whole puzzle: its frames, its pieces in their seats, its Joints, and the loop that runs pieces until
 * nothing waits. Everything happens in turns, and a turn runs each piece to completion; see the README of this folder.
 */
export class Lane {
  readonly frames: Frames;
  readonly protocols: Protocols;
  readonly #clock: () => number;
  readonly #onLog: (entry: LogEntry) => void;
  readonly #onEvent: (event: LaneEvent) => void;
  readonly #maxHops: number;
  readonly #seats: Seat[] = [];
  readonly #joints = new Map<string, Joint<JoinedEdge>>();
  readonly #outbox = new Outbox();
  /** Seats that are to be called, in the order in which they came. */
  readonly #queue: Seat[] = [];
  readonly #changedJoints = new Set<Joint<JoinedEdge>>();
  #startedAt = 0;
  #now = 0;
  #isRunning = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #continuation: NodeJS.Immediate | undefined;

  constructor(options: LaneOptions = {}) {
    this.frames = options.frames ?? new Frames();
    this.protocols = options.protocols ?? new Protocols();
    this.#clock = options.now ?? (() => performance.now());
    this.#onLog = options.onLog ?? (() => {});
    this.#onEvent = options.onEvent ?? (() => {});
    this.#maxHops = options.maxHops ?? MAX_HOPS;
  }

  /**
   * Makes, starts and joins all pieces.
   *
   * @throws {PuzzleError} where that cannot be, with everything undone; endpoints throw errors of their own.
   */
  async start(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
  ): Promise<void> {
    this.#startedAt = this.#now = this.#clock();
    const arrangement = arrange(
      this.protocols,
      makers.map((maker) => maker.place),
      networks,
    );
    if (arrangement.mistakes.length > 0) throw new PuzzleError(arrangement.mistakes);
    try {
      for (const maker of makers) {
        const seat = new Seat(maker.place, maker.kind, maker.failure);
        this.#seats.push(seat);
        seat.piece = await maker.make(this.#contextOf(seat), this.frames);
        if (this.#isClosed) throw new FunnelError('FT_LANE_CLOSED', 'the Funnel was closed while it started');
      }
      for (const planned of arrangement.joints) {
        const joint = new Joint<JoinedEdge>(
          planned.name,
          networks.get(planned.name)?.copies ?? false,
          this.protocols,
        );
        this.#joints.set(joint.name, joint);
        for (const { place, edge, described, shapes } of planned.members) {
          const seat = this.#seats[place]!;
          const member = new JoinedEdge(seat, edge, described, joint, shapes);
          seat.members[edge] = member;
          joint.members.push(member);
        }
      }
      this.#isRunning = true;
      const mistakes: Mistake[] = [];
      for (const seat of this.#seats) mistakes.push(...this.#startPiece(seat));
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      for (const seat of this.#seats) mistakes.push(...this.#askPiece(seat));
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      for (const joint of this.#joints.values())
        for (const member of joint.members) this.#addReceivers(member);
      for (const seat of this.#seats) this.#joinPiece(seat);
      for (const joint of this.#joints.values()) mistakes.push(...this.#tellListening(joint));
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#isRunning = false;
    }
    this.run();
  }

  /** Runs pieces until nothing waits, or until the turn has had its share; then it goes on after other events. */
  run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    const now = this.#clock();
    this.#now = now;
    this.#wakeSeats();
    let budget = TURN_FRAMES;
    while (this.#queue.length > 0 && budget > 0) budget -= this.#callPiece(this.#queue.shift()!, now);
    this.#isRunning = false;
    if (this.#queue.length > 0) this.#continueLater();
    else this.#setTimer();
  }

  snapshot(): LaneSnapshot {
    return snapshotOf(this.#seats, this.frames, this.#clock() - this.#startedAt);
  }

  /** Closes all pieces and ends all that waits. Twice is as once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#continuation);
    const errors: unknown[] = [];
    for (const seat of this.#seats) {
      try {
        seat.piece?.close();
      } catch (error) {
        errors.push(error);
      }
      this.#dropWaiting(seat, 'closed');
    }
    this.#queue.length = 0;
    if (errors.length > 0) throw new AggregateError(errors, 'pieces could not be closed');
  }

  // The turn.

  #wakeSeats(): void {
    const now = this.#now;
    for (let n = 0; n < this.#seats.length; n++) {
      const seat = this.#seats[n]!;
      if (seat.wakeAt <= now) this.#enqueue(seat);
      if (seat.restartAt <= now) this.#restart(seat);
    }
  }

  #enqueue(seat: Seat): void {
    if (seat.isQueued) return;
    seat.isQueued = true;
    this.#queue.push(seat);
  }

  /** Lets a piece take a batch, and delivers what it hands on. Answers a measure of the work. */
  #callPiece(seat: Seat, now: number): number {
    seat.isQueued = false;
    if (seat.piece === undefined || seat.fault !== undefined) return 1;
    const outbox = this.#outbox;
    outbox.length = 0;
    const waiting = seat.inbox.length;
    try {
      // `now` as it came from the clock: out of a field it would be a new object of the heap for each call.
      seat.wakeAt = seat.piece.process(now, seat.inbox, BATCH_FRAMES, outbox);
    } catch (error) {
      for (let n = 0; n < outbox.length; n++) this.frames.release(outbox.rows[n]!);
      outbox.length = 0;
      this.#fail(seat, error);
      return BATCH_FRAMES;
    }
    const work = 1 + waiting - seat.inbox.length + outbox.length;
    this.#deliver(seat, outbox);
    if (seat.inbox.length > 0) this.#enqueue(seat);
    if (this.#changedJoints.size > 0) this.#tellTerms();
    return work;
  }

  #deliver(seat: Seat, outbox: Outbox): void {
    const { frames } = this;
    const { rows, edgeShapes, length } = outbox;
    for (let n = 0; n < length; n++) {
      const row = rows[n]!;
      const edgeShape = edgeShapes[n]!;
      const member = seat.members[edgeShape & 0xffff];
      const direction = member?.directions[edgeShape >>> 16];
      if (member === undefined || direction === undefined) {
        this.#drop(seat, row, 'not-joined');
        continue;
      }
      member.traffic[FRAMES_OUT]! += 1;
      member.traffic[BYTES_OUT]! += frames.length[row]!;
      if (frames.hops[row]! > this.#maxHops) {
        this.#drop(seat, row, 'hop-limit-of-the-puzzle');
        continue;
      }
      const plan = member.joint.planFrom(direction);
      let node = plan.walk(frames, row, direction === 'up');
      let isTaken = false;
      while (node >= 0 && !isTaken) {
        isTaken = this.#hand(
          member,
          row,
          plan.accepts(node),
          plan.skipHeadersOf(node) | (plan.skipTrailersOf(node) << 8),
        );
        if (!isTaken) node = plan.parent(node);
      }
      if (!isTaken) this.#drop(seat, row, plan.problem === 0 ? 'no-match' : plan.problemName(plan.problem));
    }
    outbox.length = 0;
  }

  /** Gives a frame to the receivers behind these tags, except to its sender. False where there is none. */
  #hand(sender: JoinedEdge, row: number, tags: readonly number[], skips: number): boolean {
    const { receivers } = sender.joint;
    if (tags.length === 1) {
      const { member, edgeShape } = receivers[tags[0]!]!;
      if (member.seat === sender.seat) return false;
      this.#push(member, row, edgeShape, skips);
      return true;
    }
    let last: JoinedEdge | undefined;
    for (let n = 0; n < tags.length; n++) {
      const { member, edgeShape } = receivers[tags[n]!]!;
      if (member.seat === sender.seat || member === last) continue;
      last = member;
      // Each receiver has a reference of its own: the first may let go of the frame before the next is asked.
      this.frames.retain(row);
      this.#push(member, row, edgeShape, skips);
    }
    if (last !== undefined) this.frames.release(row);
    return last !== undefined;
  }

  #push(member: JoinedEdge, row: number, edgeShape: number, skips: number): void {
    const { seat } = member;
    if (seat.fault !== undefined) {
      this.#drop(seat, row, 'failed');
    } else if (seat.piece!.isPaused(member.edge)) {
      this.#drop(seat, row, 'paused');
    } else {
      const bytes = this.frames.length[row]!;
      if (seat.inbox.push(row, edgeShape, skips)) {
        member.traffic[FRAMES_IN]! += 1;
        member.traffic[BYTES_IN]! += bytes;
        this.#enqueue(seat);
      } else {
        this.#drop(seat, row, 'queue-full');
      }
    }
  }

  #drop(seat: Seat, row: number, reason: string): void {
    seat.counters.add(reason, 1);
    this.frames.release(row);
  }

  #dropWaiting(seat: Seat, reason: string): void {
    const { inbox } = seat;
    const waiting = inbox.length;
    if (waiting === 0) return;
    for (let n = 0; n < waiting; n++) this.frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(waiting);
    seat.counters.add(reason, waiting);
  }

  #continueLater(): void {
    this.#continuation ??= setImmediate(() => {
      this.#continuation = undefined;
      this.run();
    });
  }

  #setTimer(): void {
    let next = Infinity;
    for (let n = 0; n < this.#seats.length; n++) {
      const seat = this.#seats[n]!;
      if (seat.wakeAt < next) next = seat.wakeAt;
      if (seat.restartAt < next) next = seat.restartAt;
    }
    // A timer that fires too early finds nothing due and is set again; so a wish that moves on costs nothing.
    if (next >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    const delay = Math.min(Math.max(1, Math.ceil(next - this.#now)), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.run();
    }, delay);
  }

  // Pieces: starting, joining, failing.

  #startPiece(seat: Seat): Mistake[] {
    const problems = this.#guarded(seat, () => seat.piece!.start(this.#now));
    seat.startedAt = this.#now;
    return problems.map(({ setting, message }) => ({
      code: 'FT_PIECE_START',
      piece: seat.name,
      message,
      ...(setting === undefined ? {} : { setting }),
    }));
  }

  #askPiece(seat: Seat): Mistake[] {
    const mistakes: Mistake[] = [];
    for (const member of seat.members) {
      for (const shape of member.shapes) {
        const problem = this.#guarded(seat, () => seat.piece!.accepts(this.#joiningOf(member, shape)));
        if (problem !== undefined) {
          const { message } = problem;
          mistakes.push({
            code: 'FT_JOIN_REFUSED',
            piece: seat.name,
            edge: member.name,
            network: member.joint.name,
            message,
          });
        }
      }
    }
    return mistakes;
  }

  #joinPiece(seat: Seat): void {
    for (const member of seat.members) {
      for (const shape of member.shapes)
        this.#guarded(seat, () => seat.piece!.join(this.#joiningOf(member, shape)));
    }
    seat.wakeAt = this.#now;
  }

  #addReceivers(member: JoinedEdge): void {
    for (const shape of member.shapes) {
      const { stack, direction } = member.seat.place.description.edges[member.described]!.shapes[shape]!;
      member.joint.add(member, shape, direction, stack);
    }
  }

  /** Tells every piece on a Joint to which Shapes of the others it can listen or must open. */
  #tellListening(joint: Joint<JoinedEdge>): Mistake[] {
    const mistakes: Mistake[] = [];
    for (const receiver of joint.receivers) {
      if (receiver === undefined) continue;
      for (const member of joint.members) {
        if (!isHeardBy(receiver.member, receiver.direction, member)) continue;
        const problem = this.#guarded(member.seat, () =>
          member.seat.piece!.listening(member.edge, receiver.stack, true),
        );
        if (problem !== undefined) {
          const { message } = problem;
          mistakes.push({
            code: 'FT_LISTEN_REFUSED',
            piece: member.seat.name,
            edge: member.name,
            network: joint.name,
            message,
          });
        }
      }
    }
    return mistakes;
  }

  /** Calls a piece while the puzzle is made; a fault there, or what the system refuses an endpoint, says whose it is. */
  #guarded<T>(seat: Seat, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      const setting =
        'setting' in error && typeof error.setting === 'string' ? { setting: error.setting } : {};
      const mistake = { code: error.code, piece: seat.name, message: error.message, ...setting };
      throw new PuzzleError([mistake], { cause: error });
    }
  }

  #joiningOf(member: JoinedEdge, shape: number) {
    const properties: Property[] = [];
    for (const other of member.joint.members)
      if (other.seat !== member.seat) properties.push(...other.offers);
    return { edge: member.edge, described: member.described, shape, joint: member.joint.name, properties };
  }

  /** New terms reach the others on a Joint after the call in which they were offered. */
  #tellTerms(): void {
    for (const joint of this.#changedJoints) {
      for (const { seat, shapes, edge } of joint.members) {
        if (seat.fault !== undefined || seat.piece === undefined) continue;
        try {
          for (const shape of shapes) seat.piece.join(this.#joiningOf(seat.members[edge]!, shape));
        } catch (error) {
          this.#fail(seat, error);
          continue;
        }
        seat.wakeAt = this.#now;
        this.#enqueue(seat);
      }
    }
    this.#changedJoints.clear();
  }

  #fail(seat: Seat, error: unknown): void {
    if (!(error instanceof PieceFault)) throw error;
    const piece = seat.piece!;
    seat.fault = { code: error.code, message: error.message };
    seat.wakeAt = Infinity;
    piece.fail?.();
    this.#dropWaiting(seat, 'failed');
    for (const member of seat.members) {
      for (const shape of [...member.listens.keys()]) this.#unlisten(member, shape);
      if (member.offers.length > 0) this.#changedJoints.add(member.joint);
      member.offers.length = 0;
    }
    if (seat.failure === 'restart' && piece.renew !== undefined) {
      if (this.#now - seat.startedAt > CALM_MS) seat.restartDelayMs = FIRST_RESTART_MS;
      seat.restartAt = this.#now + seat.restartDelayMs;
      seat.restartDelayMs = Math.min(seat.restartDelayMs * 2, LAST_RESTART_MS);
    }
    this.#onEvent({ kind: 'fault', piece: seat.name, code: error.code, message: error.message });
    if (this.#changedJoints.size > 0) this.#tellTerms();
  }

  #restart(seat: Seat): void {
    seat.restartAt = Infinity;
    seat.fault = undefined;
    try {
      seat.piece!.renew!();
      const mistakes = [...this.#startPiece(seat), ...this.#askPiece(seat)];
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
      this.#joinPiece(seat);
      this.#enqueue(seat);
      this.#onEvent({ kind: 'restarted', piece: seat.name });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#fail(
        seat,
        error instanceof PieceFault ? error : new PieceFault('FT_FAULT_RESULT', `restart: ${message}`),
      );
    }
  }

  // What pieces ask of the host.

  #contextOf(seat: Seat): PieceContext {
    const random = new BigUint64Array(1);
    const lane = this;
    return {
      name: seat.name,
      counters: seat.counters,
      log: (level, message) => this.#onLog({ piece: seat.name, level, message }),
      now: () => this.#now,
      random: () => randomFillSync(random)[0]!,
      count: (reason, frames) => seat.counters.add(reason, frames),
      listen: (edge, like, stack) => this.#listen(seat, edge, like, stack),
      unlisten: (edge, shape) => {
        const member = seat.members[edge];
        if (member !== undefined) this.#unlisten(member, shape);
      },
      offer: (edge, property, present) => this.#offer(seat, edge, property, present),
      arrived(outbox) {
        if (lane.#isClosed) for (let n = 0; n < outbox.length; n++) lane.frames.release(outbox.rows[n]!);
        lane.#deliver(seat, outbox);
        lane.run();
      },
      wake: () => {
        this.#enqueue(seat);
        if (!this.#isRunning) this.#continueLater();
      },
    };
  }

  #listen(seat: Seat, edge: number, like: number, stack: string): number | Problem {
    const member = seat.members[edge];
    const described = member && seat.place.description.edges[member.described]!.shapes[like];
    if (member === undefined || described === undefined)
      return { message: `Edge ${edge}, Shape ${like}: the piece is not joined so` };
    const problem = this.#checkListen(member, described.stack, stack);
    if (problem !== undefined) return problem;
    let shape = seat.place.description.edges[member.described]!.shapes.length;
    while (member.listens.has(shape)) shape++;
    if (shape >= MAX_LISTENS)
      return { message: `the piece listens on ${MAX_LISTENS} Shapes of this Edge already` };
    const told: JoinedEdge[] = [];
    for (const other of member.joint.members) {
      if (!isHeardBy(member, described.direction, other) || other.seat.kind !== 'native') continue;
      const refusal = this.#tellNative(other, stack, true);
      if (refusal !== undefined) {
        for (const undone of told) this.#tellNative(undone, stack, false);
        return refusal;
      }
      told.push(other);
    }
    const tag = member.joint.add(member, shape, described.direction, stack);
    member.listens.set(shape, { stack, tag });
    member.directions[shape] = described.direction;
    return shape;
  }

  /** Who listens as another does already would get its frames by chance. */
  #checkListen(member: JoinedEdge, described: string, stack: string): Problem | undefined {
    try {
      const match = matchStacks(
        parseStack(described, this.protocols),
        parseStack(stack, this.protocols),
        this.protocols,
      );
      if (!match.matches)
        return {
          message: `${stack} is not a case of the described Shape ${described}: ${match.explanation}`,
        };
    } catch (error) {
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
    for (const other of member.joint.receivers) {
      if (other?.stack === stack && other.member !== member && !member.joint.copies) {
        return {
          message: `${stack} is taken by piece ${other.member.seat.name}; only a network with \`copies: true\` gives frames to both`,
        };
      }
    }
    return undefined;
  }

  #tellNative(member: JoinedEdge, stack: string, present: boolean): Problem | undefined {
    try {
      return member.seat.piece!.listening(member.edge, stack, present);
    } catch (error) {
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
  }

  #unlisten(member: JoinedEdge, shape: number): void {
    const listen = member.listens.get(shape);
    if (listen === undefined) return;
    const { direction } = member.joint.receivers[listen.tag]!;
    member.joint.remove(listen.tag);
    member.listens.delete(shape);
    member.directions[shape] = undefined;
    for (const other of member.joint.members) {
      if (isHeardBy(member, direction, other) && other.seat.kind === 'native')
        this.#tellNative(other, listen.stack, false);
    }
  }

  #offer(seat: Seat, edge: number, property: Property, present: boolean): void {
    const member = seat.members[edge];
    if (member === undefined) {
      this.#onLog({
        piece: seat.name,
        level: 'warn',
        message: `offers ${property.name} on Edge ${edge}, where it is not joined`,
      });
      return;
    }
    const at = member.offers.findIndex((offer) => isSameProperty(offer, property));
    if (present === at >= 0) return;
    if (!present) member.offers.splice(at, 1);
    else if (member.offers.length < MAX_OFFERS) member.offers.push(property);
    else
      this.#onLog({
        piece: seat.name,
        level: 'warn',
        message: `offers more than ${MAX_OFFERS} properties on Edge ${member.name}; ${property.name} is left out`,
      });
    this.#changedJoints.add(member.joint);
  }
}

/** How a piece of a puzzle is made. */
export interface PieceMaker {
  readonly place: Place;
  readonly kind: 'component' | 'native';
  readonly failure: FailurePolicy;
  make(context: PieceContext, frames: Frames): Piece | Promise<Piece>;
}

export interface LaneOptions {
  readonly frames?: Frames;
  readonly protocols?: Protocols;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly onLog?: (entry: LogEntry) => void;
  readonly onEvent?: (event: LaneEvent) => void;
  /** Pieces that a frame may pass; default {@link MAX_HOPS}. */
  readonly maxHops?: number;
}

export interface LogEntry {
  readonly piece: string;
  readonly level: LogLevel;
  readonly message: string;
}

export type LaneEvent =
  | { readonly kind: 'fault'; readonly piece: string; readonly code: string; readonly message: string }
  | { readonly kind: 'restarted'; readonly piece: string };

/** Whether a Shape of this direction on one Edge takes frames from another Edge. */
function isHeardBy(member: JoinedEdge, direction: Direction, other: JoinedEdge): boolean {
  if (other.seat === member.seat || other.seat.fault !== undefined) return false;
  return other.shapes.some((shape) => opposes(direction, other.directions[shape]!));
}

function isSameProperty(a: Property, b: Property): boolean {
  if (a.name !== b.name || a.value.tag !== b.value.tag) return false;
  return a.value.tag === 'yes' || b.value.tag === 'yes' || a.value.val === b.value.val;
}

/** Frames that one call brings to a piece. */
const BATCH_FRAMES = 256;
/** Work of a turn, in frames, before timers and other descriptors have theirs: some 2 ms. */
const TURN_FRAMES = 16_384;
/** Pieces that a frame may pass before it is held to go in circles. */
const MAX_HOPS = 64;
/** Shapes of one Edge: as many as a component's outlets can be. */
const MAX_LISTENS = 1024;
const MAX_OFFERS = 64;
/** The longest delay that a Node timer takes: 2³¹−1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
