import { randomFillSync } from 'node:crypto';
import type { Problem, Property } from '../../abi/host/contract.ts';
import { Frames } from '../frame/frames.ts';
import { Outbox } from '../piece/outbox.ts';
import type { LogLevel, PieceContext } from '../piece/piece.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { type Direction, opposes } from '../stack/direction.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { matchStacks } from '../stack/match.ts';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols } from '../stack/protocols.ts';
import { arrange } from './arrange.ts';
import type { NetworkOptions, Place } from './arrangement.ts';
import { bypassMistakes, waysAround } from './bypass.ts';
import { Change, type Closing, type Difference, type Leftovers, type Table } from './change.ts';
import * as intakeConstants from './intake.ts';
import { Joint } from './joint.ts';
import type { PieceMaker, SavedState } from './piece-maker.ts';
import { PuzzleError } from './puzzle-error.ts';
import {
  BYTES_IN,
  BYTES_OUT,
  CALM_MS,
  FIRST_RESTART_MS,
  FRAMES_IN,
  FRAMES_OUT,
  FRAMES_REFUSED,
  type JoinedEdge,
  LAST_RESTART_MS,
  type Seat,
} from './seat.ts';
import { type LaneSnapshot, snapshotOf } from './snapshot.ts';
import type { Tenancy } from './tenancy.ts';

const { BATCH_FRAMES, EVICTED, REFUSED } = intakeConstants;

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
  readonly #onSave: (piece: string, saved: SavedState) => void;
  readonly #maxHops: number;
  readonly #seats: Seat[] = [];
  readonly #table: Table;
  readonly #joints = new Map<string, Joint<JoinedEdge>>();
  readonly #outbox = new Outbox();
  /** Seats that are to be called, in the order in which they came. */
  readonly #queue: Seat[] = [];
  readonly #changedJoints = new Set<Joint<JoinedEdge>>();
  /** Edges without room that their neighbours know of or are to know of. */
  #fullEdges = 0;
  /** Joints on which an Edge became full, or has room again. */
  readonly #changedRoom = new Set<Joint<JoinedEdge>>();
  #changes = 0;
  #changing: Promise<void> = Promise.resolve();
  /** While new pieces say what they offer, nobody is told terms. */
  #holdsTerms = false;
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
    this.#onSave = options.onSave ?? (() => {});
    this.#maxHops = options.maxHops ?? MAX_HOPS;
    this.#table = {
      frames: this.frames,
      seats: this.#seats,
      joints: this.#joints,
      changedJoints: this.#changedJoints,
      now: () => this.#now,
      contextOf: (seat, tenancy, place) => this.#contextOf(seat, tenancy, place),
      jointNamed: (name) => this.#jointNamed(name),
      joiningOf: (member, shape) => this.#joiningOf(member, shape),
      offersOn: (network, except) => this.#offersOn(network, except),
      isHeardBy: (member, direction, other) => direction !== undefined && isHeardBy(member, direction, other),
      removeReceiver: (member, shape) => this.#removeReceiver(member, shape),
      tellNative: (member, stack, present) => this.#tellNative(member, stack, present),
      attempt: (seat, call) => this.#attempt(seat, call),
      enqueue: (seat) => this.#enqueue(seat),
      dropWaiting: (seat, reason) => this.#dropWaiting(seat, reason),
      closeIntake: (member) => this.#closeIntake(member),
    };
  }

  /**
   * Makes, starts and joins all pieces of a lane that has none yet.
   *
   * @throws {PuzzleError} where that cannot be, with everything undone and the lane closed.
   */
  async start(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
  ): Promise<void> {
    this.#startedAt = this.#now = this.#clock();
    try {
      await this.apply(makers, networks);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Puts another puzzle in the place of the present one: pieces that would be made alike go on, others are made and
   * started beside what runs, everybody concerned is asked, and then all changes in one turn. A newer change replaces one
   * that is still prepared.
   *
   * @throws {PuzzleError} where that cannot be; the running puzzle has noticed nothing.
   */
  async apply(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
  ): Promise<Difference> {
    const number = ++this.#changes;
    const isCurrent = () => number === this.#changes && !this.#isClosed;
    const before = this.#changing;
    const change = (async () => {
      await before;
      const change = this.#changeTo(makers, networks);
      await change.prepare(isCurrent);
      this.#commit(change);
      return change.difference;
    })();
    // The next one waits for this one to end, and does not mind how.
    this.#changing = change.then(
      () => {},
      () => {},
    );
    return change;
  }

  /** What {@link apply} would come to; nothing is made. Throws as it does for what cannot be joined. */
  difference(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
  ): Difference {
    return this.#changeTo(makers, networks).difference;
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
      if (seat.saveAt <= now) this.#save(seat);
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
    const { inbox } = seat.intake;
    const waiting = inbox.length;
    try {
      // `now` as it came from the clock: out of a field it would be a new object of the heap for each call.
      seat.wakeAt = seat.piece.process(now, inbox, BATCH_FRAMES, outbox);
    } catch (error) {
      for (let n = 0; n < outbox.length; n++) this.frames.release(outbox.rows[n]!);
      outbox.length = 0;
      this.#fail(seat, error);
      return BATCH_FRAMES;
    }
    if (seat.saveAt === Infinity) seat.saveAt = now + seat.saveEveryMs;
    const work = 1 + waiting - inbox.length + outbox.length;
    if (seat.intake.length > inbox.length) {
      seat.intake.refill(this.frames);
      if (this.#fullEdges > 0) this.#noteRoom(seat);
    }
    this.#deliver(seat, outbox);
    if (inbox.length > 0) this.#enqueue(seat);
    if (this.#changedJoints.size > 0) this.#tellTerms();
    if (this.#changedRoom.size > 0) this.#tellRoom();
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
      this.#send(member, direction, row);
    }
    outbox.length = 0;
  }

  /** A frame leaves by an Edge, from a Shape of `direction`, and comes to whoever takes it. */
  #send(member: JoinedEdge, direction: Direction, row: number): void {
    const { frames } = this;
    const { seat } = member;
    if (frames.hops[row]! > this.#maxHops) {
      this.#drop(seat, row, 'hop-limit-of-the-puzzle');
      return;
    }
    if (this.#fullEdges > 0 && this.#isInVain(member, direction, row)) return;
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
      this.#avoid(member, row, edgeShape >>> 16);
    } else if (seat.piece!.isPaused(member.edge)) {
      this.#drop(seat, row, 'paused');
    } else {
      const bytes = this.frames.length[row]!;
      const answer = seat.intake.push(member.edge, row, edgeShape, skips);
      if (answer === REFUSED) {
        this.#refuse(member, row);
        return;
      }
      member.traffic[FRAMES_IN]! += 1;
      member.traffic[BYTES_IN]! += bytes;
      this.#enqueue(seat);
      if (answer === EVICTED) this.#evicted(seat);
    }
  }

  /** A frame came to a piece that has failed. */
  #avoid(member: JoinedEdge, row: number, shape: number): void {
    const { seat } = member;
    const way = member.detours[shape];
    if (way === undefined) {
      this.#drop(seat, row, 'failed');
      return;
    }
    const { frames } = this;
    const bytes = frames.length[row]!;
    member.traffic[FRAMES_IN]! += 1;
    member.traffic[BYTES_IN]! += bytes;
    way.member.traffic[FRAMES_OUT]! += 1;
    way.member.traffic[BYTES_OUT]! += bytes;
    seat.bypassed++;
    // It counts as a piece that the frame has passed, or two of them could send it round for ever.
    frames.hops[row]!++;
    this.#send(way.member, way.direction, row);
  }

  /** With the policy `bypass`: the ways around a failed piece, for as long as it is one. */
  #openDetours(seat: Seat): void {
    this.#closeDetours(seat);
    if (seat.failure !== 'bypass' || seat.fault === undefined) return;
    const { edges, members, place } = seat;
    for (const { edge, shape, toEdge, toShape } of waysAround(this.protocols, place, edges).ways) {
      const detour = { member: members[toEdge]!, direction: members[toEdge]!.directions[toShape]! };
      members[edge]!.detours[shape] = detour;
      for (const [number, { like }] of members[edge]!.listens)
        if (like === shape) members[edge]!.detours[number] = detour;
    }
  }

  #closeDetours(seat: Seat): void {
    for (const { detours } of seat.edges) detours.length = 0;
  }

  /** What waits for a failed piece goes around it too, or ends. */
  #avoidWaiting(seat: Seat): void {
    const { inbox } = seat.intake;
    while (inbox.length > 0) {
      const waiting = inbox.length;
      for (let n = 0; n < waiting; n++) {
        const at = inbox.at(n);
        const edgeShape = inbox.edgeShapes[at]!;
        const row = inbox.rows[at]!;
        const member = seat.members[edgeShape & 0xffff];
        if (member?.detours[edgeShape >>> 16] === undefined) {
          this.#drop(seat, row, 'failed');
          continue;
        }
        // It was counted when it came.
        member.traffic[FRAMES_IN]! -= 1;
        member.traffic[BYTES_IN]! -= this.frames.length[row]!;
        this.#avoid(member, row, edgeShape >>> 16);
      }
      inbox.take(waiting);
      seat.intake.refill(this.frames);
    }
    for (const member of seat.edges) if (member.isFull) this.#roomAgain(member);
  }

  // Overload: what finds a queue full, and who is told.

  /** A frame that had found a place lost it to another Edge. */
  #evicted({ members, intake: { evictedEdge, evictedRow } }: Seat): void {
    const member = members[evictedEdge]!;
    member.traffic[FRAMES_IN]! -= 1;
    member.traffic[BYTES_IN]! -= this.frames.length[evictedRow]!;
    this.#refuse(member, evictedRow);
  }

  #refuse(member: JoinedEdge, row: number): void {
    member.traffic[FRAMES_REFUSED]! += 1;
    member.seat.counters.values[member.seat.queueFull]! += 1;
    this.frames.release(row);
    if (member.isFull) return;
    member.isFull = true;
    this.#fullEdges++;
    this.#changedRoom.add(member.joint);
  }

  /** Drops a frame that could only go to an Edge that is full, before anything was spent on it. */
  #isInVain(sender: JoinedEdge, direction: Direction, row: number): boolean {
    const { joint } = sender;
    if (sender.soleOf !== joint.version || sender.soleDirection !== direction) {
      sender.sole = joint.soleReceiver(sender, direction);
      sender.soleOf = joint.version;
      sender.soleDirection = direction;
    }
    const { sole } = sender;
    if (sole === undefined || !sole.isFull || !sole.seat.intake.isFull(sole.edge)) return false;
    this.#refuse(sole, row);
    return true;
  }

  #noteRoom(seat: Seat): void {
    for (let n = 0; n < seat.members.length; n++) {
      const member = seat.members[n];
      if (member?.isFull !== true || !seat.intake.hasRoom(member.edge)) continue;
      this.#roomAgain(member);
    }
  }

  #roomAgain(member: JoinedEdge): void {
    member.isFull = false;
    this.#fullEdges--;
    this.#changedRoom.add(member.joint);
  }

  /** Those who send to an Edge are told when it has no room, and when it has some again. */
  #tellRoom(): void {
    const changed = [...this.#changedRoom];
    this.#changedRoom.clear();
    for (const { members } of changed) {
      for (const sender of members) {
        const isBlocked = members.some((member) => member.isFull && isSentBy(sender, member));
        const { seat } = sender;
        if (isBlocked === sender.isBlocked || seat.fault !== undefined) continue;
        sender.isBlocked = isBlocked;
        this.#attempt(seat, () => seat.piece!.ready(sender.edge, !isBlocked));
        this.#enqueue(seat);
      }
    }
  }

  /** What still waits on an Edge that leaves ends. */
  #closeIntake(member: JoinedEdge): void {
    const { seat } = member;
    const dropped = seat.intake.close(member.edge, (row) => this.frames.release(row));
    if (dropped > 0) seat.counters.add('removed', dropped);
    if (member.isFull) this.#roomAgain(member);
  }

  #drop(seat: Seat, row: number, reason: string): void {
    seat.counters.add(reason, 1);
    this.frames.release(row);
  }

  #dropWaiting(seat: Seat, reason: string): void {
    const dropped = seat.intake.drop((row) => this.frames.release(row));
    if (dropped > 0) seat.counters.add(reason, dropped);
    for (const member of seat.edges) if (member.isFull) this.#roomAgain(member);
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
      if (seat.saveAt < next) next = seat.saveAt;
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

  #changeTo(makers: readonly PieceMaker[], networks: ReadonlyMap<string, NetworkOptions>): Change {
    const places = makers.map((maker) => maker.place);
    const arrangement = arrange(this.protocols, places, networks);
    const mistakes =
      arrangement.mistakes.length > 0
        ? arrangement.mistakes
        : bypassMistakes(this.protocols, makers, arrangement.joints);
    if (mistakes.length > 0) throw new PuzzleError(mistakes);
    return new Change(this.#table, makers, networks, arrangement);
  }

  #commit(change: Change): void {
    // What is on its way arrives by the old puzzle.
    for (let turns = 0; turns < MOST_TURNS_BEFORE_CHANGE && this.#queue.length > 0; turns++) this.run();
    this.#isRunning = true;
    let leftovers: Leftovers;
    try {
      this.#now = this.#clock();
      leftovers = change.commit();
    } catch (error) {
      this.#isRunning = false;
      change.undo();
      throw error;
    }
    // New pieces say what they offer before anybody is told that the old ones offer it no more.
    this.#holdsTerms = true;
    for (let waiting = this.#queue.length; waiting > 0; waiting--)
      this.#callPiece(this.#queue.shift()!, this.#now);
    this.#holdsTerms = false;
    for (const seat of this.#seats) {
      seat.former = undefined;
      this.#openDetours(seat);
      for (const member of seat.edges) if (member.dropInherited()) this.#changedJoints.add(member.joint);
    }
    this.#tellTerms();
    this.#tellRoom();
    this.#isRunning = false;
    leftovers.close();
    this.run();
  }

  #jointNamed(name: string): Joint<JoinedEdge> {
    const known = this.#joints.get(name);
    if (known !== undefined) return known;
    const joint = new Joint<JoinedEdge>(name, false, this.protocols);
    this.#joints.set(name, joint);
    return joint;
  }

  #joiningOf(member: JoinedEdge, shape: number) {
    const { name } = member.joint;
    return {
      edge: member.edge,
      described: member.described,
      shape,
      joint: name,
      properties: [...(member.settled.get(shape) ?? []), ...this.#offersOn(name, member.seat)],
    };
  }

  #offersOn(network: string, except: Seat): Property[] {
    const members = this.#joints.get(network)?.members ?? [];
    return members.flatMap((other) => (other.seat === except ? [] : other.offers));
  }

  /** Ends what a Shape takes, described or listened on. */
  #removeReceiver(member: JoinedEdge, shape: number): Closing[] {
    const tag = member.listens.get(shape)?.tag ?? member.tags.get(shape);
    const receiver = tag === undefined ? undefined : member.joint.receivers[tag];
    if (tag === undefined || receiver === undefined) return [];
    member.joint.remove(tag);
    member.tags.delete(shape);
    if (member.listens.delete(shape)) member.directions[shape] = undefined;
    return member.joint.members
      .filter((other) => other.seat.kind === 'native' && isHeardBy(member, receiver.direction, other))
      .map((other) => ({ member: other, stack: receiver.stack }));
  }

  /** Calls a piece outside of its turn; a fault is the piece's. */
  #attempt<T>(seat: Seat, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#fail(seat, error);
      return undefined;
    }
  }

  /** New terms reach the others on a Joint after the call in which they were offered. */
  #tellTerms(): void {
    if (this.#holdsTerms) return;
    const changed = [...this.#changedJoints];
    this.#changedJoints.clear();
    for (const joint of changed) {
      for (const { seat, shapes, edge } of joint.members) {
        for (const shape of shapes) {
          if (seat.fault === undefined)
            this.#attempt(seat, () => seat.piece!.join(this.#joiningOf(seat.members[edge]!, shape)));
        }
        if (seat.fault === undefined) this.#enqueue(seat);
      }
    }
  }

  #fail(seat: Seat, error: unknown): void {
    if (!(error instanceof PieceFault)) throw error;
    const piece = seat.piece!;
    seat.fault = { code: error.code, message: error.message };
    seat.faults++;
    seat.wakeAt = seat.saveAt = Infinity;
    piece.fail?.();
    this.#openDetours(seat);
    this.#avoidWaiting(seat);
    for (const member of seat.edges) {
      // Who goes around it comes as by its Edges: what was opened and offered for it stays.
      if (seat.failure === 'bypass') break;
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
    const piece = seat.piece!;
    seat.restartAt = Infinity;
    seat.fault = undefined;
    seat.startedAt = this.#now;
    let isRestored = false;
    this.#attempt(seat, () => {
      piece.renew!();
      this.#startAgain(seat);
      isRestored = this.#restore(seat);
      const joinings = seat.edges.flatMap((member) =>
        member.shapes.map((shape) => this.#joiningOf(member, shape)),
      );
      this.#refuseProblem(joinings.map((joining) => piece.accepts(joining)));
      for (const joining of joinings) piece.join(joining);
    });
    if (seat.fault !== undefined) return;
    seat.restarts++;
    this.#enqueue(seat);
    this.#onEvent({ kind: 'restarted', piece: seat.name, restored: isRestored });
  }

  #startAgain(seat: Seat): void {
    this.#refuseProblem(seat.piece!.start(this.#now));
  }

  #refuseProblem(problems: readonly (Problem | undefined)[]): void {
    const problem = problems.find((each) => each !== undefined);
    if (problem !== undefined) throw new PieceFault('FT_FAULT_RESULT', `after a restart: ${problem.message}`);
  }

  /** Gives back what was saved, once: it may be what the piece fails of. Answers whether it was taken. */
  #restore(seat: Seat): boolean {
    const { saved } = seat;
    seat.saved = undefined;
    if (saved === undefined) return false;
    const piece = seat.piece!;
    const problem = piece.restore(this.#now, saved.version, saved.state);
    if (problem === undefined) return true;
    this.#onLog({
      piece: seat.name,
      level: 'warn',
      message: `begins afresh, because it refuses its saved state: ${problem.message}`,
    });
    // After a problem an instance is used no further.
    piece.renew!();
    this.#startAgain(seat);
    return false;
  }

  /** Saves the state of a piece that was called since the last time. */
  #save(seat: Seat): void {
    seat.saveAt = Infinity;
    if (seat.fault !== undefined || seat.piece === undefined) return;
    const state = this.#attempt(seat, () => seat.piece!.save(this.#now));
    if (state === undefined) return;
    seat.saved = { version: seat.place.description.version, state };
    this.#onSave(seat.name, seat.saved);
  }

  // What pieces ask of the host.

  #contextOf(seat: Seat, tenancy: Tenancy, { name }: Place): PieceContext {
    const random = new BigUint64Array(1);
    return {
      name,
      counters: seat.counters,
      log: (level, message) => this.#onLog({ piece: name, level, message }),
      now: () => this.#now,
      random: () => randomFillSync(random)[0]!,
      count: (reason, frames) => seat.counters.add(reason, frames),
      listen: (edge, like, stack) =>
        tenancy.isActive
          ? this.#listen(seat, edge, like, stack)
          : { message: 'the piece is on no network yet' },
      unlisten: (edge, shape) => {
        const member = tenancy.isActive ? seat.members[edge] : undefined;
        if (member !== undefined) this.#unlisten(member, shape);
      },
      offer: (edge, property, present) => {
        if (tenancy.isActive) this.#offer(seat, edge, property, present);
      },
      arrived: (outbox) => {
        if (tenancy.isActive && !this.#isClosed) {
          this.#deliver(seat, outbox);
          if (this.#changedRoom.size > 0 && !this.#isRunning) this.#tellRoom();
          this.run();
          return;
        }
        for (let n = 0; n < outbox.length; n++) this.#drop(seat, outbox.rows[n]!, 'not-joined');
        outbox.length = 0;
      },
      wake: () => {
        if (!tenancy.isActive) return;
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
    member.listens.set(shape, { stack, tag, like });
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
    if (!member.listens.has(shape)) return;
    for (const closing of this.#removeReceiver(member, shape))
      this.#tellNative(closing.member, closing.stack, false);
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
    if (at >= 0) member.inherited.delete(member.offers[at]!);
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

export interface LaneOptions {
  readonly frames?: Frames;
  readonly protocols?: Protocols;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly onLog?: (entry: LogEntry) => void;
  readonly onEvent?: (event: LaneEvent) => void;
  /** Told of each state that was saved because a piece's maker says how often. */
  readonly onSave?: (piece: string, saved: SavedState) => void;
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
  | {
      readonly kind: 'restarted';
      readonly piece: string;
      /** It took over the state that was saved last. */
      readonly restored: boolean;
    };

/** Whether a Shape of this direction on one Edge takes frames from another Edge. */
function isHeardBy(member: JoinedEdge, direction: Direction, other: JoinedEdge): boolean {
  if (other.seat === member.seat || other.seat.fault !== undefined) return false;
  return other.shapes.some((shape) => opposes(direction, other.directions[shape]!));
}

/** Whether frames can come from one Edge to another. */
function isSentBy(sender: JoinedEdge, member: JoinedEdge): boolean {
  if (sender.seat === member.seat) return false;
  return sender.directions.some(
    (own) =>
      own !== undefined && member.directions.some((other) => other !== undefined && opposes(own, other)),
  );
}

function isSameProperty(a: Property, b: Property): boolean {
  if (a.name !== b.name || a.value.tag !== b.value.tag) return false;
  return a.value.tag === 'yes' || b.value.tag === 'yes' || a.value.val === b.value.val;
}

/** Work of a turn, in frames, before timers and other descriptors have theirs: some 2 ms. */
const TURN_FRAMES = 16_384;
/** Pieces that a frame may pass before it is held to go in circles. */
const MAX_HOPS = 64;
/** Turns that what is on its way has to arrive before a change; what then waits still is counted. */
const MOST_TURNS_BEFORE_CHANGE = 64;
/** Shapes of one Edge: as many as a component's outlets can be. */
const MAX_LISTENS = 1024;
const MAX_OFFERS = 64;
/** The longest delay that a Node timer takes: 2³¹−1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
