import { Frames } from '../frame/frames.ts';
import { Outbox } from '../piece/outbox.ts';
import { Protocols } from '../stack/protocols.ts';
import { Change } from './change/change.ts';
import { closeRetired, type DeferredCleanup } from './change/deferred-cleanup.ts';
import type { Difference } from './change/difference.ts';
import type { LaneParts } from './change/lane-parts.ts';
import { arranging } from './plan/arrange.ts';
import type { JoinedMembers, NetworkOptions } from './plan/arrangement.ts';
import type { PieceMaker } from './plan/piece-maker.ts';
import { PuzzleError } from './plan/puzzle-error.ts';
import { runToEnd, TimeSlicer } from './plan/time-slicer.ts';
import { bypassMistakes } from './reach/bypass.ts';
import { CallMonitor } from './runtime/call-monitor.ts';
import { Delivery } from './runtime/delivery.ts';
import { type FailureHooks, Failures } from './runtime/failures.ts';
import * as intakeConstants from './runtime/intake.ts';
import { LaneState } from './runtime/lane-state.ts';
import { ListenPropagation } from './runtime/listen-propagation.ts';
import { Overload } from './runtime/overload.ts';
import { PropertyUpdates } from './runtime/property-updates.ts';
import type { Seat } from './runtime/seat.ts';
import { Services } from './runtime/services.ts';
import { type LaneSnapshot, snapshotOf } from './runtime/snapshot.ts';

const { BATCH_FRAMES } = intakeConstants;

/**
 * One thread's whole puzzle: its frames, its pieces in their seats, its Joints, and the loop that runs pieces until
 * nothing waits. Everything happens in turns, and a turn runs each piece to completion; see the README of this folder.
 */
export class Lane {
  readonly #clock: () => number;
  readonly #laneState: LaneState;
  readonly #overload: Overload;
  readonly #propertyUpdates: PropertyUpdates;
  readonly #delivery: Delivery;
  readonly #failures: Failures;
  readonly #parts: LaneParts;
  readonly #outbox = new Outbox();
  #changes = 0;
  /** What the last change left behind and is still being closed, between turns. */
  #deferredCleanup: DeferredCleanup['later'] | undefined;
  #changing: Promise<void> = Promise.resolve();
  #startedAt = 0;
  #commitMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #continuation: NodeJS.Immediate | undefined;

  constructor(options: LaneOptions = {}) {
    const { onLog = () => {}, onEvent = () => {}, onSave = () => {}, onRestore = () => {} } = options;
    this.#clock = options.now ?? (() => performance.now());
    const laneState = new LaneState(
      {
        frames: options.frames ?? new Frames(),
        protocols: options.protocols ?? new Protocols(),
        callMonitor: options.callMonitor ?? new CallMonitor(),
      },
      (seat, error) => this.#failures.fail(seat, error),
      () => this.#continueLater(),
    );
    const overload = new Overload(laneState);
    const propertyUpdates = new PropertyUpdates(laneState);
    const delivery = new Delivery(laneState, overload, options.maxHops ?? MAX_HOPS);
    const listenPropagation = new ListenPropagation(laneState, onLog);
    const services = new Services(laneState, propertyUpdates, listenPropagation, {
      onLog,
      deliver: (seat, outbox) => delivery.deliver(seat, outbox),
      notifySenders: () => overload.notifySenders(),
      run: () => this.run(),
      runLater: () => this.#continueLater(),
    });
    this.#laneState = laneState;
    this.#overload = overload;
    this.#propertyUpdates = propertyUpdates;
    this.#delivery = delivery;
    const hooks = { onLog, onEvent, onSave, onRestore };
    this.#failures = new Failures(
      laneState,
      { delivery, listenPropagation, services, propertyUpdates },
      hooks,
    );
    this.#parts = { laneState, listenPropagation, overload, propertyUpdates, services, onRestore };
  }

  get frames(): Frames {
    return this.#laneState.frames;
  }

  get protocols(): Protocols {
    return this.#laneState.protocols;
  }

  /**
   * Makes, starts and joins all pieces of a lane that has none yet.
   *
   * @param joints the arrangement of these pieces, where a check has made it without mistakes; made here when left out.
   * @throws {PuzzleError} where that cannot be, with everything undone and the lane closed.
   */
  async start(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
    joints?: readonly JoinedMembers[],
  ): Promise<void> {
    this.#startedAt = this.#laneState.now = this.#clock();
    try {
      await this.apply(makers, networks, joints);
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
   * @param joints as in {@link start}
   * @throws {PuzzleError} where that cannot be; the running puzzle has noticed nothing.
   */
  async apply(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
    joints?: readonly JoinedMembers[],
  ): Promise<Difference> {
    const number = ++this.#changes;
    const isCurrent = () => number === this.#changes && !this.#laneState.isClosed;
    const before = this.#changing;
    const change = (async () => {
      await before;
      const timeSlicer = this.#timeSlicer();
      const change = await this.#changeTo(makers, networks, joints, timeSlicer);
      await change.prepare(isCurrent, timeSlicer);
      await this.#cleanUp(this.#commit(change), timeSlicer);
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
  async difference(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
    joints?: readonly JoinedMembers[],
  ): Promise<Difference> {
    return (await this.#changeTo(makers, networks, joints, this.#timeSlicer())).difference;
  }

  /** For how many milliseconds the last change kept the lane, from its last turn before to the first call of every new piece. */
  get commitMs(): number {
    return this.#commitMs;
  }

  /** Runs pieces until nothing waits, or until the turn has had its share; then it goes on after other events. */
  run(): void {
    if (this.#laneState.isRunning || this.#laneState.isClosed) return;
    this.#laneState.isRunning = true;
    const now = this.#clock();
    this.#laneState.now = now;
    this.#laneState.beginTurn();
    this.#wakeSeats();
    let budget = MAX_TURN_FRAMES;
    for (let calls = 1; this.#laneState.queue.length > 0 && budget > 0; calls++) {
      const work = this.#callPiece(this.#laneState.queue.shift()!, now);
      budget -= work;
      const checksClock = work >= CLOCK_CHECK_FRAMES || calls % CLOCK_CHECK_CALLS === 0;
      if (checksClock && this.#clock() - now >= TURN_MS) break;
    }
    this.#laneState.isRunning = false;
    if (this.#laneState.queue.length > 0) this.#continueLater();
    else this.#setTimer();
  }

  snapshot(): LaneSnapshot {
    return snapshotOf(this.#laneState.seats, this.#laneState.frames, this.#clock() - this.#startedAt);
  }

  /** Closes all pieces and ends all that waits. Twice is as once. */
  close(): void {
    if (this.#laneState.isClosed) return;
    this.#laneState.isClosed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#continuation);
    const errors: unknown[] = [];
    try {
      if (this.#deferredCleanup !== undefined) runToEnd(this.#deferredCleanup);
    } catch (error) {
      errors.push(error);
    }
    for (const seat of this.#laneState.seats) {
      try {
        seat.piece?.close();
      } catch (error) {
        errors.push(error);
      }
      this.#overload.dropWaiting(seat, 'closed');
    }
    this.#laneState.queue.length = 0;
    if (errors.length > 0) throw new AggregateError(errors, 'pieces could not be closed');
  }

  // The turn.

  #wakeSeats(): void {
    const now = this.#laneState.now;
    for (let n = 0; n < this.#laneState.seats.length; n++) {
      const seat = this.#laneState.seats[n]!;
      if (seat.wakeAt <= now) this.#laneState.enqueue(seat);
      if (seat.restartAt <= now) this.#failures.restart(seat);
      if (seat.saveAt <= now) this.#failures.save(seat);
    }
  }

  /** Lets a piece take a batch, and delivers what it hands on. Answers a measure of the work. */
  #callPiece(seat: Seat, now: number): number {
    seat.isQueued = false;
    if (seat.piece === undefined || seat.fault !== undefined) return 1;
    const outbox = this.#outbox;
    outbox.length = 0;
    const { inbox } = seat.intake;
    const waiting = inbox.length;
    const { callMonitor } = this.#laneState;
    callMonitor.begin(seat.slot, !seat.isNew);
    try {
      // `now` as it came from the clock: out of a field it would be a new object of the heap for each call.
      seat.wakeAt = seat.piece.process(now, inbox, BATCH_FRAMES, outbox);
      callMonitor.end();
    } catch (error) {
      this.#laneState.endFailedCall(error);
      for (let n = 0; n < outbox.length; n++) this.#laneState.frames.release(outbox.rows[n]!);
      outbox.length = 0;
      this.#failures.fail(seat, error);
      this.#laneState.runDeferred();
      return BATCH_FRAMES;
    }
    this.#laneState.runDeferred();
    if (seat.saveAt === Infinity) seat.saveAt = now + seat.saveEveryMs;
    const work = 1 + waiting - inbox.length + outbox.length;
    if (seat.intake.length > inbox.length) {
      seat.intake.refill(this.#laneState.frames);
      if (this.#overload.fullEdges > 0) this.#overload.checkForRoom(seat);
    }
    this.#delivery.deliver(seat, outbox);
    if (inbox.length > 0) this.#laneState.enqueue(seat);
    this.#propertyUpdates.notifyChanged();
    this.#overload.notifySenders();
    return work;
  }

  #continueLater(): void {
    this.#continuation ??= setImmediate(() => {
      this.#continuation = undefined;
      this.run();
    });
  }

  #setTimer(): void {
    let next = Infinity;
    for (let n = 0; n < this.#laneState.seats.length; n++) {
      const seat = this.#laneState.seats[n]!;
      if (seat.wakeAt < next) next = seat.wakeAt;
      if (seat.restartAt < next) next = seat.restartAt;
      if (seat.saveAt < next) next = seat.saveAt;
    }
    // A timer that fires too early finds nothing due and is set again; so a wish that moves on costs nothing.
    if (next >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    const delay = Math.min(Math.max(1, Math.ceil(next - this.#laneState.now)), MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.run();
    }, delay);
  }

  // Pieces: starting, joining, failing.

  /** While nothing runs yet, nobody is kept waiting. */
  #timeSlicer(): TimeSlicer | undefined {
    return this.#laneState.seats.length === 0 ? undefined : new TimeSlicer(this.#clock);
  }

  async #changeTo(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions>,
    joints: readonly JoinedMembers[] | undefined,
    timeSlicer: TimeSlicer | undefined,
  ): Promise<Change> {
    if (joints !== undefined) return new Change(this.#parts, makers, networks, joints);
    const places = makers.map((maker) => maker.place);
    const work = arranging(this.#laneState.protocols, places, networks);
    const arrangement = timeSlicer === undefined ? runToEnd(work) : await timeSlicer.run(work);
    const mistakes =
      arrangement.mistakes.length > 0
        ? arrangement.mistakes
        : bypassMistakes(this.#laneState.protocols, makers, arrangement.joints);
    if (mistakes.length > 0) throw new PuzzleError(mistakes);
    return new Change(this.#parts, makers, networks, arrangement.joints);
  }

  #commit(change: Change): DeferredCleanup {
    // What is on its way arrives by the old puzzle.
    const latest = this.#clock() + MAX_DRAIN_MS;
    for (let turns = 0; turns < MAX_TURNS_BEFORE_CHANGE && this.#laneState.queue.length > 0; turns++) {
      if (this.#clock() > latest) break;
      this.run();
    }
    this.#laneState.isRunning = true;
    let deferredCleanup: DeferredCleanup;
    const begins = this.#clock();
    try {
      this.#laneState.now = begins;
      deferredCleanup = change.commit();
    } catch (error) {
      this.#laneState.isRunning = false;
      change.undo();
      throw error;
    }
    // New pieces say what they offer before anybody is told that the old ones offer it no more.
    this.#propertyUpdates.isSuspended = true;
    for (let waiting = this.#laneState.queue.length; waiting > 0; waiting--)
      this.#callPiece(this.#laneState.queue.shift()!, this.#laneState.now);
    this.#propertyUpdates.isSuspended = false;
    for (const seat of this.#laneState.seats) {
      seat.formerEdges = undefined;
      seat.isNew = false;
      this.#failures.openDetours(seat);
      for (const member of seat.edges) member.dropInherited();
    }
    this.#propertyUpdates.invalidate();
    this.#propertyUpdates.notifyChanged();
    this.#overload.notifySenders();
    this.#laneState.isRunning = false;
    this.#commitMs = this.#clock() - begins;
    return deferredCleanup;
  }

  /** Closes what a change has left behind, most of it while frames flow again. */
  async #cleanUp({ now, later }: DeferredCleanup, timeSlicer: TimeSlicer | undefined): Promise<void> {
    this.#deferredCleanup = later;
    try {
      for (const each of now) closeRetired(this.#laneState, each);
      this.run();
      if (timeSlicer === undefined) runToEnd(later);
      else {
        await timeSlicer.yieldNow();
        await timeSlicer.run(later);
      }
    } finally {
      this.#deferredCleanup = undefined;
    }
  }
}

export interface LaneOptions extends Partial<FailureHooks> {
  readonly frames?: Frames;
  readonly protocols?: Protocols;
  /** Where it tells which piece is called. */
  readonly callMonitor?: CallMonitor;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Pieces that a frame may pass; default {@link MAX_HOPS}. */
  readonly maxHops?: number;
}

/** How long a turn may take, before timers and other descriptors have theirs. */
const TURN_MS = 2;
/** Within a turn the clock is looked at after a large batch, and after so many small ones: for a lone frame it would cost too much. */
const CLOCK_CHECK_FRAMES = 128;
const CLOCK_CHECK_CALLS = 8;
/** And where calls are quick it ends all the same, in frames. */
const MAX_TURN_FRAMES = 16_384;
/** Pieces that a frame may pass before it is held to go in circles. */
const MAX_HOPS = 64;
/** What is on its way has so many turns to arrive before a change; what waits then still is counted, where its piece is replaced. */
const MAX_TURNS_BEFORE_CHANGE = 64;
/** And so long: a flood inside of the lane never has arrived. */
const MAX_DRAIN_MS = 10;
/** The longest delay that a Node timer takes: 2³¹−1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
