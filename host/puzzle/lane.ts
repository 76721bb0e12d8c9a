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
import { DescriptorQuota } from './runtime/descriptor-quota.ts';
import { type FailureHooks, Failures } from './runtime/failures.ts';
import * as intakeConstants from './runtime/intake.ts';
import { LaneState } from './runtime/lane-state.ts';
import { ListenPropagation } from './runtime/listen-propagation.ts';
import { Overload } from './runtime/overload.ts';
import { PropertyUpdates } from './runtime/property-updates.ts';
import type { Seat } from './runtime/seat.ts';
import { Services } from './runtime/services.ts';
import { type LaneSnapshot, snapshotOf } from './runtime/snapshot.ts';
import { StatusReports } from './runtime/status-reports.ts';

const { BATCH_FRAMES } = intakeConstants;

/**
 * The whole puzzle of one thread: its frames, its pieces in their seats, its Joints, and the loop that runs
 * pieces until no frame waits. All work happens in turns, and each call of a piece runs to completion; see
 * the README of this folder.
 */
export class Lane {
  readonly #clock: () => number;
  readonly #laneState: LaneState;
  readonly #overload: Overload;
  readonly #propertyUpdates: PropertyUpdates;
  readonly #delivery: Delivery;
  readonly #failures: Failures;
  readonly #statusReports: StatusReports;
  readonly #parts: LaneParts;
  readonly #outbox = new Outbox();
  #changes = 0;
  /** The clean-up of the last change, which still runs between turns. */
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
      this.#clock,
    );
    const overload = new Overload(laneState);
    const propertyUpdates = new PropertyUpdates(laneState);
    const delivery = new Delivery(laneState, overload, options.maxHops ?? MAX_HOPS);
    const quota = new DescriptorQuota(laneState, options.descriptors ?? Infinity);
    const listenPropagation = new ListenPropagation(laneState, quota, onLog);
    const statusReports = new StatusReports(laneState, { onEvent, runLater: () => this.#continueLater() });
    const services = new Services(
      laneState,
      { propertyUpdates, listenPropagation, quota },
      {
        onLog,
        status: (seat, activation, status) => statusReports.report(seat, activation, status),
        deliver: (seat, outbox) => delivery.deliver(seat, outbox),
        notifySenders: () => overload.notifySenders(),
        run: () => this.run(),
        runLater: () => this.#continueLater(),
      },
    );
    this.#laneState = laneState;
    this.#overload = overload;
    this.#propertyUpdates = propertyUpdates;
    this.#delivery = delivery;
    this.#statusReports = statusReports;
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
   * @param joints the arrangement of these pieces, where a check has made it without mistakes; made here when
   * left out.
   * @throws {PuzzleError} where they cannot start or join. Everything is undone then, and the lane is closed.
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
   * Replaces the present puzzle by another one. Pieces that would be made the same way keep their instances.
   * New instances are made and started beside those that run, the pieces concerned are asked, and then one
   * turn applies all of it. A newer change replaces one that is still prepared.
   *
   * @param joints as in {@link start}
   * @throws {PuzzleError} where the change is refused; the running puzzle notices nothing then.
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
    // The next change waits until this one has ended, whether it succeeds or fails.
    this.#changing = change.then(
      () => {},
      () => {},
    );
    return change;
  }

  /**
   * Returns what {@link apply} would change, and makes nothing. Throws like `apply` where Edges cannot be
   * joined.
   */
  async difference(
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions> = new Map(),
    joints?: readonly JoinedMembers[],
  ): Promise<Difference> {
    return (await this.#changeTo(makers, networks, joints, this.#timeSlicer())).difference;
  }

  /** The duration of the last commit in milliseconds: until each new piece was called once. */
  get commitMs(): number {
    return this.#commitMs;
  }

  /**
   * Runs pieces until no frame waits, or until the turn has used its share; then it continues after other
   * events.
   */
  run(): void {
    if (this.#laneState.isRunning || this.#laneState.isClosed) return;
    this.#laneState.isRunning = true;
    const now = this.#clock();
    this.#laneState.now = now;
    this.#laneState.beginTurn();
    this.#propertyUpdates.notifyChanged(1);
    this.#overload.notifySenders(true);
    this.#wakeSeats();
    let budget = MAX_TURN_FRAMES;
    const checkCalls = this.#laneState.isCareful ? 1 : CLOCK_CHECK_CALLS;
    for (let calls = 1; this.#laneState.queue.length > 0 && budget > 0; calls++) {
      const work = this.#callPiece(this.#laneState.queue.shift()!, now);
      budget -= work;
      const checksClock = work >= CLOCK_CHECK_FRAMES || calls % checkCalls === 0;
      if (checksClock && this.#laneState.isTurnOver) break;
    }
    this.#laneState.isRunning = false;
    if (this.#laneState.queue.length > 0) this.#continueLater();
    else this.#setTimer();
  }

  snapshot(): LaneSnapshot {
    const { seats, frames, departed } = this.#laneState;
    return snapshotOf(seats, frames, this.#clock() - this.#startedAt, departed.all());
  }

  /** Closes all pieces and drops all waiting frames. Idempotent. */
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
    if (errors.length > 0) throw new AggregateError(errors, 'pieces could not be closed');
  }

  // The turn.

  #wakeSeats(): void {
    const now = this.#laneState.now;
    let isOver = false;
    for (let n = 0; n < this.#laneState.seats.length; n++) {
      const seat = this.#laneState.seats[n]!;
      if (seat.wakeAt <= now) this.#laneState.enqueue(seat);
      if (seat.statusAt <= now) this.#statusReports.notify(seat);
      // Restarts and saves that are due are left to the next turn, when this one is over.
      if (isOver || (seat.restartAt > now && seat.saveAt > now)) continue;
      if (seat.restartAt <= now) this.#failures.restart(seat);
      if (seat.saveAt <= now) this.#failures.save(seat);
      isOver = this.#laneState.isTurnOver;
    }
  }

  /** Calls a piece with a batch, and delivers the frames that it sends on. Returns a measure of the work. */
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
      // Use `now` as read from the clock: out of a field it would allocate a heap number for each call.
      seat.wakeAt = seat.piece.process(now, inbox, BATCH_FRAMES, outbox);
      callMonitor.end();
    } catch (error) {
      this.#laneState.endFailedCall(error);
      for (let n = 0; n < outbox.length; n++) this.#laneState.frames.release(outbox.rows[n]!);
      this.#failures.fail(seat, error);
      this.#laneState.runDeferred();
      this.#overload.notifySenders();
      return BATCH_FRAMES;
    }
    this.#laneState.runDeferred();
    if (seat.saveAt === Infinity) seat.saveAt = now + seat.saveEveryMs;
    const left = inbox.length;
    const work = 1 + waiting - left + outbox.length;
    const { paused } = seat.piece;
    if (paused !== undefined && (paused.size > 0 || seat.intake.pausedEdges > 0))
      this.#overload.updatePaused(seat, paused);
    if (seat.intake.length > left) {
      seat.intake.refill(this.#laneState.frames);
      if (this.#overload.fullEdges > 0) this.#overload.checkForRoom(seat);
    }
    this.#delivery.deliver(seat, outbox);
    if (inbox.length > 0) {
      // A piece that takes none of the waiting frames, and returns a time, waits for an event outside.
      const takesNone = waiting > 0 && left === waiting;
      if (!takesNone || seat.wakeAt === Infinity) this.#laneState.enqueue(seat);
      else this.#overload.noteNearlyFull(seat);
    }
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
      if (seat.statusAt < next) next = seat.statusAt;
    }
    // A timer that fires too early finds nothing due and is set again, so moving a wake-up later costs
    // nothing.
    if (next >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    const delay = Math.min(Math.max(1, Math.ceil(next - this.#laneState.now)), MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.run();
    }, delay);
  }

  // Changes.

  /** Undefined while no piece runs yet: nothing has to yield then. */
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
    // Frames that are on their way arrive by the old puzzle.
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
    // New pieces make their offers before the others are notified that the old offers are gone.
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
    this.#propertyUpdates.notifyChanged(Infinity);
    this.#overload.notifySenders();
    this.#laneState.isRunning = false;
    this.#commitMs = this.#clock() - begins;
    return deferredCleanup;
  }

  /** Closes what a change has replaced or removed, most of it while frames flow again. */
  async #cleanUp({ now, later }: DeferredCleanup, timeSlicer: TimeSlicer | undefined): Promise<void> {
    this.#deferredCleanup = later;
    try {
      for (const each of now) closeRetired(this.#laneState, each);
      this.run();
      // Without a time slicer no piece ran before, so there is nothing to close.
      if (timeSlicer === undefined) return;
      await timeSlicer.yieldNow();
      await timeSlicer.run(later);
    } finally {
      this.#deferredCleanup = undefined;
    }
  }
}

export interface LaneOptions extends Partial<FailureHooks> {
  readonly frames?: Frames;
  readonly protocols?: Protocols;
  /** Shows another thread which piece is called. */
  readonly callMonitor?: CallMonitor;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** The descriptors that endpoints may open for all pieces that listen or offer; default unlimited. */
  readonly descriptors?: number;
  /** Pieces that a frame may pass; default {@link MAX_HOPS}. */
  readonly maxHops?: number;
}

/**
 * A turn reads the clock after a batch of so many frames, and after so many calls: for each frame it would
 * cost too much.
 */
const CLOCK_CHECK_FRAMES = 128;
const CLOCK_CHECK_CALLS = 8;
/** The most frames of a turn, however quick its calls are. */
const MAX_TURN_FRAMES = 16_384;
/** The pieces that a frame may pass before the lane drops it as going in circles. */
const MAX_HOPS = 64;
/**
 * Turns before a commit in which frames may still arrive. Those that wait after that are counted where their
 * piece is replaced.
 */
const MAX_TURNS_BEFORE_CHANGE = 64;
/** The time limit of these turns: a flood inside the lane never ends. */
const MAX_DRAIN_MS = 10;
/** The longest delay of a Node timer: 2³¹−1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
