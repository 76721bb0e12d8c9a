import { setTimeout as pause } from 'node:timers/promises';
import type { Difference } from '../../puzzle/change/difference.ts';
import type { SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import { CALM_MS, FIRST_RESTART_MS, MAX_RESTART_MS } from '../../puzzle/runtime/seat.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import { demandThreadRoom } from '../pieces/thread-room.ts';
import { withCarried, withoutPieces } from './carried-counters.ts';
import type { FunnelEvent } from './funnel-event.ts';
import { deathFault, laneEnded, stallFault } from './lane-fault.ts';
import type { LaneHandle } from './lane-handle.ts';
import type { LaneMessage } from './lane-messages.ts';
import { type LaneOrder, orderOf } from './lane-order.ts';
import { LaneSuccession, type LaneThreadOptions } from './lane-succession.ts';
import { RestartPolicy } from './restart-policy.ts';
import { SavedStates } from './saved-states.ts';
import type { Stall } from './watchdog.ts';

/**
 * Starts a lane in a thread of its own, with a watchdog outside it. The work of the opener's thread, such as
 * garbage collection and the check of a change, does not delay frames.
 *
 * A thread that dies, or that a piece keeps, is ended. Another lane continues without that piece, with the
 * same sockets and devices.
 *
 * @throws {PuzzleError} where the puzzle cannot be started; nothing is left open. {FunnelError}
 *   FT_ADDRESS_SPACE where there is no room for a thread.
 */
export async function startWorkerLane(
  puzzle: Puzzle,
  notify: (event: FunnelEvent) => void,
  options: LaneThreadOptions = {},
): Promise<LaneHandle> {
  demandThreadRoom('runs the lane');
  const lane = new WorkerLane(puzzle, notify, options);
  await lane.start();
  return lane;
}

/**
 * Decides what a fault means for the whole lane. {@link LaneSuccession} holds the threads, {@link
 * RestartPolicy} the pieces that may not run, and {@link SavedStates} the states of pieces.
 */
class WorkerLane implements LaneHandle {
  readonly #notify: (event: FunnelEvent) => void;
  readonly #threads: LaneSuccession;
  readonly #restarts = new RestartPolicy((piece) => void this.#bringBack(piece));
  readonly #states = new SavedStates();
  #puzzle: Puzzle;
  /** The piece that a change of the puzzle to itself is bringing back. */
  #returning: string | undefined;
  /** The counters of former lanes together. */
  #before: LaneSnapshot | undefined;
  /** The counters of the present lane, as it reported them last. */
  #reported: LaneSnapshot = { uptimeMs: 0, pieces: [], freeRows: 0, rows: 0 };
  #recovering: Promise<void> | undefined;
  /** Consecutive deaths of lanes that no piece caused. */
  #unexplainedDeaths = 0;
  #startedAt = 0;
  #openedAt = 0;
  #closedAt: number | undefined;
  /** Changes that are under way. */
  #changes = 0;
  #closing: Promise<void> | undefined;

  constructor(puzzle: Puzzle, notify: (event: FunnelEvent) => void, options: LaneThreadOptions) {
    this.#puzzle = puzzle;
    this.#notify = notify;
    this.#threads = new LaneSuccession(
      {
        onMessage: (message) => this.#onMessage(message),
        onStall: (stall) => this.#onStall(stall),
        onDeath: (error) => this.#onDeath(error),
      },
      options,
    );
  }

  async start(): Promise<void> {
    try {
      const failure = await this.#threads.start(orderOf(this.#puzzle));
      if (failure !== undefined) throw failure.error;
    } catch (error) {
      await this.#threads.current.end(new Error('the lane could not be started'));
      throw error;
    }
    this.#openedAt = performance.now();
    this.#onStarted();
  }

  async apply(puzzle: Puzzle): Promise<Difference> {
    await this.#recovering;
    const lost = this.#restarts.lostIn(puzzle.pieces);
    this.#changes++;
    try {
      const order = orderOf(puzzle, (name) => ({ ended: lost.get(name) }));
      const difference = await this.#threads.current.request('apply', order);
      this.#puzzle = puzzle;
      const gone = [...difference.removed, ...difference.added];
      for (const name of gone) {
        this.#states.delete(name);
        this.#restarts.forget(name);
      }
      if (this.#before !== undefined) this.#before = withoutPieces(this.#before, gone);
      this.#restarts.keepLost(new Set(lost.keys()));
      return difference;
    } finally {
      this.#changes--;
    }
  }

  async difference(puzzle: Puzzle): Promise<Difference> {
    await this.#recovering;
    const lost = this.#restarts.lostIn(puzzle.pieces);
    const order = orderOf(puzzle, (name) => ({ ended: lost.get(name) }));
    return this.#threads.current.request('difference', order);
  }

  snapshot(): LaneSnapshot {
    const snapshot = withCarried(this.#reported, this.#before);
    const uptimeMs = (this.#closedAt ?? performance.now()) - this.#openedAt;
    const pieces = snapshot.pieces.map((piece) => this.#restarts.withCounts(piece));
    return { ...snapshot, uptimeMs, pieces };
  }

  async counters(): Promise<LaneSnapshot> {
    while (this.#closing === undefined) {
      await this.#recovering;
      try {
        this.#reported = await this.#threads.current.request('counters', undefined);
        break;
      } catch (error) {
        // The lane ended meanwhile. Ask the next one.
        if (!this.#isRecovering && this.#closing === undefined) throw error;
      }
    }
    await this.#closing;
    return this.snapshot();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#restarts.stop();
    await this.#recovering;
    this.#reported = (await this.#threads.close()) ?? this.#reported;
    this.#closedAt = performance.now();
  }

  // Reports of the threads.

  #onMessage(message: LaneMessage): void {
    switch (message.kind) {
      case 'event':
        if (message.event.kind === 'fault') this.#states.dropGiven(message.event.piece);
        this.#notify(message.event);
        break;
      case 'saved':
        this.#states.save(message.piece, message.saved);
        break;
      case 'restored':
        this.#states.received(message.piece, message.isTaken);
        break;
      case 'snapshot':
        this.#reported = message.snapshot;
        break;
    }
  }

  #onStarted(): void {
    this.#startedAt = performance.now();
    this.#threads.attend();
  }

  #onStall(stall: Stall): void {
    const fault = stallFault(stall);
    this.#recover(this.#causeOf(stall, fault), fault, stall.waitedMs);
  }

  #onDeath(error: Error): void {
    if (this.#isRecovering || this.#closing !== undefined) return;
    const fault = deathFault(error);
    this.#recover(this.#causeOf(this.#threads.current.monitor, fault), fault, 0);
  }

  /**
   * Finds the piece that caused the end of a lane. A piece that a change would have brought is only logged,
   * and the change fails with it: a running piece of the same name is innocent.
   */
  #causeOf({ piece, isSeated }: Pick<Stall, 'piece' | 'isSeated'>, fault: SeatFault): Cause {
    if (piece === undefined || isSeated || piece === this.#returning) return { piece };
    this.#notify({ kind: 'log', piece, level: 'error', message: `${fault.code}: ${fault.message}` });
    return { piece: undefined, candidate: piece };
  }

  // Succession: another lane replaces one that ended.

  get #isRecovering(): boolean {
    return this.#recovering !== undefined;
  }

  #recover(cause: Cause, fault: SeatFault, stalledMs: number): void {
    if (this.#closing !== undefined) return;
    this.#recovering ??= this.#startAnew(cause, fault, stalledMs).finally(() => {
      this.#recovering = undefined;
    });
  }

  async #startAnew(cause: Cause, fault: SeatFault, stalledMs: number): Promise<void> {
    const from = performance.now();
    const { piece } = cause;
    const anyPiece = piece ?? cause.candidate;
    this.#threads.unattend();
    this.#before = withCarried(this.#reported, this.#before);
    this.#reported = { ...this.#reported, pieces: [] };
    const isCalm = from - this.#startedAt > CALM_MS;
    this.#unexplainedDeaths = anyPiece !== undefined || isCalm ? 0 : this.#unexplainedDeaths + 1;
    if (piece !== undefined) this.#lose(piece, fault);
    else if (anyPiece === undefined) this.#logFault(fault);
    await this.#threads.end(laneEnded(anyPiece, fault));
    // With no piece to leave out, the next lane may die at once as well.
    if (this.#unexplainedDeaths > 1) await pause(pauseAfterDeaths(this.#unexplainedDeaths));
    if (!(await this.#startNext())) return;
    this.#onStarted();
    this.#notify({
      kind: 'recovered',
      ...(piece === undefined ? {} : { without: piece }),
      restored: this.#states.restored,
      stalledMs,
      recoveredMs: performance.now() - from,
    });
  }

  /**
   * Starts threads until one runs the lane, each without the pieces that ended those before. False when
   * closed.
   */
  async #startNext(): Promise<boolean> {
    let heldUntil: number | undefined;
    for (;;) {
      if (this.#closing !== undefined) return false;
      this.#threads.succeed();
      this.#states.beginStart();
      const isHeld = this.#threads.isHeld;
      const failure = await this.#threads.start(this.#presentOrder());
      if (failure === undefined) return true;
      await this.#threads.end(new Error('the lane could not be started'));
      if (isHeld && failure.hasStalled !== true) {
        // The piece may lack a resource that the ended lane still has, so no piece is at fault yet.
        heldUntil ??= performance.now() + HELD_MS;
        const leftMs = heldUntil - performance.now();
        if (leftMs > 0) {
          await this.#threads.untilReleased(leftMs);
          continue;
        }
      }
      if (failure.piece !== undefined && !this.#restarts.isLost(failure.piece)) {
        this.#lose(failure.piece, failure.fault);
      } else {
        this.#logFault(failure.fault);
        await pause(FIRST_RESTART_MS);
      }
    }
  }

  #presentOrder(): LaneOrder {
    return orderOf(this.#puzzle, (name) => {
      const ended = this.#restarts.faultOf(name);
      return { ended, state: ended === undefined ? this.#states.give(name) : undefined, isResumed: true };
    });
  }

  #logFault({ code, message }: SeatFault): void {
    this.#notify({ kind: 'log', piece: 'funnel', level: 'error', message: `${code}: ${message}` });
  }

  // Pieces that may not run, and return.

  /** A piece may not run, for now or permanently, by its failure policy. */
  #lose(name: string, fault: SeatFault): void {
    const entry = this.#puzzle.pieces.find(({ place }) => place.name === name);
    this.#states.dropGiven(name);
    this.#notify({ kind: 'fault', piece: name, ...fault });
    this.#restarts.lose(name, fault, entry?.spec);
  }

  /** With the failure policy `restart`: brings a piece back, by a change of the puzzle to itself. */
  async #bringBack(name: string): Promise<void> {
    if (this.#closing !== undefined) return;
    if (this.#isRecovering || this.#changes > 0 || this.#returning !== undefined) {
      // A restart does not supersede a change that a user requested.
      this.#restarts.postpone(name);
      return;
    }
    const attempt = this.#restarts.beginReturn(name);
    if (attempt === undefined) return;
    this.#states.beginStart(name);
    this.#returning = name;
    try {
      const order = orderOf(this.#puzzle, (each) => ({
        ended: this.#restarts.faultOf(each),
        state: each === name ? this.#states.give(name) : undefined,
        isResumed: true,
      }));
      await this.#threads.current.request('apply', order);
      attempt.complete();
      this.#notify({ kind: 'restarted', piece: name, restored: this.#states.hasRestored(name) });
    } catch (error) {
      // A piece that stalled again is lost already.
      if (this.#restarts.isLost(name) || this.#closing !== undefined) return;
      const isSuperseded = error instanceof PuzzleError && error.code === 'FT_CHANGE_SUPERSEDED';
      if (isSuperseded || this.#isRecovering) {
        // A change, or the stall of another piece, prevented the restart: this piece caused nothing.
        this.#states.takeBack(name);
        attempt.cancel();
      } else this.#lose(name, { code: codeOf(error), message: String(error) });
    } finally {
      this.#returning = undefined;
    }
  }
}

/** The piece that caused the end of a lane. */
interface Cause {
  /** The piece that the next lane leaves out. */
  readonly piece: string | undefined;
  /** A piece that a change would have brought. The change fails. */
  readonly candidate?: string;
}

/**
 * How long a recovery waits for a lane that was ended and does not end. The system may keep its thread, and
 * with it the sockets and devices that the next lane needs.
 */
const HELD_MS = 30_000;

function pauseAfterDeaths(deaths: number): number {
  return Math.min(FIRST_RESTART_MS * 2 ** (deaths - 2), MAX_RESTART_MS);
}

function codeOf(error: unknown): string {
  return error instanceof PuzzleError ? error.code : 'FT_INTERNAL';
}
