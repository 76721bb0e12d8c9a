import type { Frames } from '../../frame/frames.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { AlongCurves } from '../reach/along-curves.ts';
import { StacksAlong } from '../reach/stacks-along.ts';
import type { CallMonitor } from './call-monitor.ts';
import { Joint } from './joint.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/** What the parts of a lane share: its frames, seats and Joints, and the line of seats that are to be called. */
export class LaneState {
  readonly frames: Frames;
  readonly protocols: Protocols;
  readonly callMonitor: CallMonitor;
  readonly seats: Seat[] = [];
  readonly joints = new Map<string, Joint<JoinedEdge>>();
  /** Seats that are to be called, in the order in which they came. */
  readonly queue: Seat[] = [];
  /** Milliseconds of the lane's clock, as of the present turn. */
  now = 0;
  /** A turn is on. */
  isRunning = false;
  isClosed = false;
  /** Pieces that are in a call, and wait there for what others say to a `listen` of theirs: they can be called by nobody. */
  readonly seatsInListen = new Set<Seat>();
  /** Faults that had to wait until no piece was asking. */
  readonly #faults: (() => void)[] = [];
  /** What is to be told then, and how much of it may be in the present turn: who is told may ask again, and so on. */
  readonly #notifications: (() => void)[] = [];
  #notificationsLeft = MAX_NOTIFICATIONS;
  readonly stacksAlong: StacksAlong;
  #alongCurves: AlongCurves<JoinedEdge> | undefined;
  /** Another number whenever Edges were joined or have left, or a piece has failed or come again. */
  topologyVersion = 0;
  /** What becomes of an error that came out of a call of a piece. */
  readonly #onError: (seat: Seat, error: unknown) => void;
  /** There is more to be told than one turn takes. */
  readonly #scheduleTurn: () => void;

  constructor(
    { frames, protocols, callMonitor }: Pick<LaneState, 'frames' | 'protocols' | 'callMonitor'>,
    onError: (seat: Seat, error: unknown) => void,
    scheduleTurn: () => void,
  ) {
    this.frames = frames;
    this.protocols = protocols;
    this.stacksAlong = new StacksAlong(protocols);
    this.callMonitor = callMonitor;
    this.#onError = onError;
    this.#scheduleTurn = scheduleTurn;
  }

  enqueue(seat: Seat): void {
    if (seat.isQueued) return;
    seat.isQueued = true;
    this.queue.push(seat);
  }

  /** A frame ends at a piece, counted. */
  drop(seat: Seat, row: number, reason: string): void {
    seat.counters.add(reason, 1);
    this.frames.release(row);
  }

  /** Calls a piece, so that the pulse tells. One that is not seated may come with a change that is still prepared. */
  callMonitored<T>({ slot }: Pick<Seat, 'slot'>, isSeated: boolean, call: () => T): T {
    this.callMonitor.begin(slot, isSeated);
    try {
      return call();
    } finally {
      this.callMonitor.end();
    }
  }

  /**
   * A call ended with an error. What is no fault of a piece's is a mistake of the host's that ends the lane; then the pulse still
   * tells in which piece that was.
   */
  endFailedCall(error: unknown): void {
    if (error instanceof PieceFault) this.callMonitor.end();
  }

  /** Calls a piece outside of its turn; a fault is the piece's, and undefined comes back. */
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

  /** Does what becomes of a fault as soon as no piece is asking; at once, if none is. */
  deferFault(action: () => void): void {
    this.#faults.push(action);
    this.#runDeferredSoon();
  }

  /** Tells somebody something when no piece is asking, in this turn or a later one. */
  deferNotification(action: () => void): void {
    this.#notifications.push(action);
    this.#runDeferredSoon();
  }

  /** Who asks outside of any call, as an endpoint may, has no end of a call to come. */
  #runDeferredSoon(): void {
    this.runDeferred();
    if (!this.isRunning && this.#faults.length + this.#notifications.length > 0) this.#scheduleTurn();
  }

  /** A call of a piece has ended. */
  runDeferred(): void {
    while (this.seatsInListen.size === 0) {
      const fault = this.#faults.shift();
      if (fault !== undefined) {
        fault();
        continue;
      }
      if (this.#notifications.length === 0) return;
      if (this.#notificationsLeft === 0) {
        this.#scheduleTurn();
        return;
      }
      this.#notificationsLeft--;
      this.#notifications.shift()!();
    }
  }

  /** Another turn begins, with what was left to be told. */
  beginTurn(): void {
    this.#notificationsLeft = MAX_NOTIFICATIONS;
    this.runDeferred();
  }

  /** How the joined Edges reach each other, though not through pieces that have failed; see {@link topologyChanged}. */
  get alongCurves(): AlongCurves<JoinedEdge> {
    this.#alongCurves ??= new AlongCurves(
      this.stacksAlong,
      this.seats.flatMap((seat) => (seat.fault === undefined || seat.failure === 'bypass' ? seat.edges : [])),
    );
    return this.#alongCurves;
  }

  /** Edges were joined or have left, or a piece has failed or come again. */
  topologyChanged(): void {
    this.#alongCurves = undefined;
    this.topologyVersion++;
  }

  /** Another number whenever somebody listens on more or less than before, or somebody has failed or come again. */
  get listenersVersion(): number {
    let version = this.topologyVersion;
    for (const joint of this.joints.values()) version += joint.version;
    return version;
  }

  /** The Joint of this name, or one that is not in use yet. */
  jointNamed(name: string): Joint<JoinedEdge> {
    return this.joints.get(name) ?? new Joint<JoinedEdge>(name, false, this.protocols);
  }
}

/** What is told in one turn of what was put off: some of it makes pieces listen on more, of which others are to be told. */
const MAX_NOTIFICATIONS = 8;
