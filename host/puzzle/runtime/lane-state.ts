import type { Frames } from '../../frame/frames.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { AlongCurves } from '../reach/along-curves.ts';
import { StacksAlong } from '../reach/stacks-along.ts';
import type { CallMonitor } from './call-monitor.ts';
import { Departed } from './departed.ts';
import { Joint } from './joint.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/** The state that the parts of a lane share: its frames, seats and Joints, and the queue of seats to call. */
export class LaneState {
  readonly frames: Frames;
  readonly protocols: Protocols;
  readonly callMonitor: CallMonitor;
  readonly seats: Seat[] = [];
  readonly joints = new Map<string, Joint<JoinedEdge>>();
  readonly departed = new Departed();
  /** Seats to call, in the order of their requests. */
  readonly queue: Seat[] = [];
  /** Milliseconds of the lane's clock, read at the begin of the present turn. */
  now = 0;
  /** A turn is in progress. */
  isRunning = false;
  isClosed = false;
  /**
   * Seats whose piece is inside a call and waits there for the outcome of `listen`; the lane must not call
   * them.
   */
  readonly seatsInListen = new Set<Seat>();
  /** The handling of faults, deferred until {@link seatsInListen} is empty. */
  readonly #faults: (() => void)[] = [];
  /**
   * Notifications that are deferred until then, and how many the present turn may still send: each may cause
   * more `listen` calls, which defer more.
   */
  readonly #notifications: (() => void)[] = [];
  #notificationsLeft = MAX_NOTIFICATIONS;
  readonly stacksAlong: StacksAlong;
  #alongCurves: AlongCurves<JoinedEdge> | undefined;
  /** Changes whenever Edges are joined or leave, and when a piece fails or restarts. */
  topologyVersion = 0;
  /** Handles an error from a call of a piece. */
  readonly #onError: (seat: Seat, error: unknown) => void;
  /** Schedules another turn, for deferred work. */
  readonly scheduleTurn: () => void;
  readonly #clock: () => number;
  #carefulUntil = -Infinity;

  constructor(
    { frames, protocols, callMonitor }: Pick<LaneState, 'frames' | 'protocols' | 'callMonitor'>,
    onError: (seat: Seat, error: unknown) => void,
    scheduleTurn: () => void,
    clock: () => number,
  ) {
    this.frames = frames;
    this.protocols = protocols;
    this.stacksAlong = new StacksAlong(protocols);
    this.callMonitor = callMonitor;
    this.#onError = onError;
    this.scheduleTurn = scheduleTurn;
    this.#clock = clock;
  }

  /**
   * Whether the turn has used its share of time. The host checks it after each call of a piece that is not a
   * call with frames, because pieces decide the duration and the number of such calls.
   */
  get isTurnOver(): boolean {
    // Outside of a turn, for example while a change is prepared, no turn has to end.
    if (!this.isRunning) return false;
    const clock = this.#clock();
    if (clock - this.now >= LONG_TURN_MS) this.#carefulUntil = clock + CAREFUL_MS;
    return clock - this.now >= TURN_MS;
  }

  /**
   * Whether some calls have taken long lately. If so, a turn reads the clock after each call, so that pieces
   * which work together do not fill several calls of each turn.
   */
  get isCareful(): boolean {
    return this.now < this.#carefulUntil;
  }

  enqueue(seat: Seat): void {
    if (seat.isQueued) return;
    seat.isQueued = true;
    this.queue.push(seat);
  }

  /** Ends a frame at a piece, and counts it under the reason. */
  drop(seat: Seat, row: number, reason: string): void {
    seat.counters.add(reason, 1);
    this.frames.release(row);
  }

  /**
   * Calls a piece, visibly to the call monitor.
   *
   * @param isSeated false for a piece of a change that is still prepared
   * @param isOwn whether a call inside of another one counts for this piece
   */
  callMonitored<T>({ slot }: Pick<Seat, 'slot'>, isSeated: boolean, call: () => T, isOwn = false): T {
    this.callMonitor.begin(slot, isSeated, isOwn);
    try {
      return call();
    } finally {
      this.callMonitor.end();
    }
  }

  /**
   * Ends a call that threw. An error that is not a fault of the piece is a mistake of the host, and ends the
   * lane; then the call monitor goes on showing the piece in which it happened.
   */
  endFailedCall(error: unknown): void {
    if (error instanceof PieceFault) this.callMonitor.end();
  }

  /** Calls a piece outside its turn. Handles a fault of the piece, and returns undefined then. */
  attempt<T>(seat: Seat, call: () => T): T | undefined {
    this.callMonitor.begin(seat.slot, !seat.isNew);
    try {
      const result = call();
      this.callMonitor.end();
      return result;
    } catch (error) {
      this.endFailedCall(error);
      this.#onError(seat, error);
      return undefined;
    } finally {
      this.runDeferred();
    }
  }

  /** Calls others for a piece that waits for them inside a call, however that ends. */
  insideListen<T>(seat: Seat, action: () => T): T {
    const isNested = this.seatsInListen.has(seat);
    this.seatsInListen.add(seat);
    try {
      return action();
    } finally {
      if (!isNested) this.seatsInListen.delete(seat);
    }
  }

  /** Runs the handling of a fault as soon as no piece waits inside `listen`: at once where none does. */
  deferFault(action: () => void): void {
    this.#faults.push(action);
    this.#runDeferredSoon();
  }

  /** Sends a notification when no piece waits inside `listen`, in this turn or a later one. */
  deferNotification(action: () => void): void {
    this.#notifications.push(action);
    this.#runDeferredSoon();
  }

  /**
   * An endpoint may call `listen` outside a piece call. No call end follows then, so schedule another turn.
   */
  #runDeferredSoon(): void {
    this.runDeferred();
    if (!this.isRunning && this.#faults.length + this.#notifications.length > 0) this.scheduleTurn();
  }

  /** Runs deferred work; the lane calls this when a call of a piece has ended. */
  runDeferred(): void {
    while (this.seatsInListen.size === 0) {
      const fault = this.#faults.shift();
      if (fault !== undefined) {
        fault();
        continue;
      }
      if (this.#notifications.length === 0) return;
      if (this.#notificationsLeft === 0 || (this.#notificationsLeft < MAX_NOTIFICATIONS && this.isTurnOver)) {
        this.scheduleTurn();
        return;
      }
      this.#notificationsLeft--;
      this.#notifications.shift()!();
    }
  }

  /** Begins a turn, with the notifications that the last turn left. */
  beginTurn(): void {
    this.#notificationsLeft = MAX_NOTIFICATIONS;
    this.runDeferred();
  }

  /** How joined Edges reach each other, not through failed pieces. Cached until {@link topologyChanged}. */
  get alongCurves(): AlongCurves<JoinedEdge> {
    this.#alongCurves ??= new AlongCurves(
      this.stacksAlong,
      this.seats.flatMap((seat) => (seat.fault === undefined || seat.failure === 'bypass' ? seat.edges : [])),
    );
    return this.#alongCurves;
  }

  /** Invalidates what depends on it: Edges were joined or have left, or a piece has failed or restarted. */
  topologyChanged(): void {
    this.#alongCurves = undefined;
    this.topologyVersion++;
  }

  /** Changes whenever a Shape begins or ends to listen, and with {@link topologyVersion}. */
  get listenersVersion(): number {
    let version = this.topologyVersion;
    for (const joint of this.joints.values()) version += joint.version;
    return version;
  }

  /** Returns the Joint of this name, or a new one that is not in use yet. */
  jointNamed(name: string): Joint<JoinedEdge> {
    return this.joints.get(name) ?? new Joint<JoinedEdge>(name, false, this.protocols);
  }
}

/** How long a turn may take before timers and other file descriptors get theirs. */
const TURN_MS = 2;
/** A turn that takes so long has calls that take long. */
const LONG_TURN_MS = 10;
const CAREFUL_MS = 60_000;

/**
 * Deferred notifications in one turn: pieces that listen in response to each other must not keep the lane.
 */
const MAX_NOTIFICATIONS = 8;
