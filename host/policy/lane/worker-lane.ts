import { setTimeout as pause } from 'node:timers/promises';
import { dropHandover } from '../../endpoint/handover.ts';
import type { Difference } from '../../puzzle/change/difference.ts';
import type { SavedState, SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import { CALM_MS, FIRST_RESTART_MS, MAX_RESTART_MS } from '../../puzzle/runtime/seat.ts';
import type { LaneSnapshot, PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { Puzzle } from '../check/checked-puzzle.ts';
import { withCarried, withoutPieces } from './carried-counters.ts';
import type { FunnelEvent } from './funnel-event.ts';
import type { LaneHandle } from './lane-handle.ts';
import type { LaneMessage } from './lane-messages.ts';
import { type LaneOrder, orderOf } from './lane-order.ts';
import { LaneThread } from './lane-thread.ts';
import { type Stall, Watchdog, type WatchdogOptions } from './watchdog.ts';

/**
 * A lane in a thread of its own, so that what the opener of the Funnel does (its garbage, its changes) stays off the frames' way;
 * and with a watchdog outside of it. A thread that dies, or that a piece keeps, is ended, and another lane goes on without
 * that piece, with the same sockets and devices. A second thread stands by for that, with all code loaded.
 *
 * @throws {PuzzleError} where the puzzle cannot be started; nothing is left open.
 */
export async function startWorkerLane(
  puzzle: Puzzle,
  tell: (event: FunnelEvent) => void,
  watch: WatchdogOptions = {},
): Promise<LaneHandle> {
  const lane = new WorkerLane(puzzle, tell, watch);
  await lane.start();
  return lane;
}

class WorkerLane implements LaneHandle {
  readonly #tell: (event: FunnelEvent) => void;
  readonly #watch: WatchdogOptions;
  readonly #handover = nextEstate++;
  #puzzle: Puzzle;
  #thread: LaneThread;
  #spare: LaneThread | undefined;
  #watchdog: Watchdog | undefined;
  /** Pieces that may not run, by name. */
  readonly #lost = new Map<string, LostPiece>();
  readonly #states = new Map<string, KeptState>();
  /** Which pieces took over a state that was given to them, or did not, since that was asked last. */
  readonly #restorations = new Map<string, boolean>();
  /** The piece that comes back by a change of the puzzle to itself. */
  #returning: string | undefined;
  /** How often pieces ended a lane, and came back. */
  readonly #counts = new Map<string, Count>();
  /** Counters of the lanes before, and those of the present one as it told them last. */
  #before: LaneSnapshot | undefined;
  #told: LaneSnapshot = { uptimeMs: 0, pieces: [], freeRows: 0, rows: 0 };
  #recovering: Promise<void> | undefined;
  /** Lanes that died one after the other with nobody to blame. */
  #deathsInARow = 0;
  #startedAt = 0;
  #openedAt = 0;
  #closedAt: number | undefined;
  #changes = 0;
  #closing: Promise<void> | undefined;

  constructor(puzzle: Puzzle, tell: (event: FunnelEvent) => void, watch: WatchdogOptions) {
    this.#puzzle = puzzle;
    this.#tell = tell;
    this.#watch = watch;
    this.#thread = this.#newThread();
  }

  async start(): Promise<void> {
    try {
      const order = orderOf(this.#puzzle);
      const failure = await this.#tryToStart(this.#thread, order);
      if (failure !== undefined) throw failure.error;
    } catch (error) {
      await this.#thread.end(new Error('the lane could not be started'));
      throw error;
    }
    this.#openedAt = performance.now();
    this.#begun();
  }

  async apply(puzzle: Puzzle): Promise<Difference> {
    await this.#recovering;
    const lost = this.#lostOf(puzzle);
    this.#changes++;
    try {
      const order = orderOf(puzzle, (name) => ({ ended: lost.get(name)?.fault }));
      const difference = await this.#thread.ask('apply', order);
      this.#puzzle = puzzle;
      const gone = [...difference.removed, ...difference.added];
      for (const name of gone) {
        for (const known of [this.#states, this.#counts, this.#delays, this.#cameBackAt]) known.delete(name);
      }
      if (this.#before !== undefined) this.#before = withoutPieces(this.#before, gone);
      for (const [name, piece] of this.#lost) {
        if (lost.has(name)) continue;
        clearTimeout(piece.timer);
        this.#lost.delete(name);
      }
      return difference;
    } finally {
      this.#changes--;
    }
  }

  async difference(puzzle: Puzzle): Promise<Difference> {
    await this.#recovering;
    const lost = this.#lostOf(puzzle);
    return this.#thread.ask(
      'difference',
      orderOf(puzzle, (name) => ({ ended: lost.get(name)?.fault })),
    );
  }

  snapshot(): LaneSnapshot {
    const snapshot = withCarried(this.#told, this.#before);
    const uptimeMs = (this.#closedAt ?? performance.now()) - this.#openedAt;
    return { ...snapshot, uptimeMs, pieces: snapshot.pieces.map((piece) => this.#withCount(piece)) };
  }

  async counters(): Promise<LaneSnapshot> {
    while (this.#closing === undefined) {
      await this.#recovering;
      try {
        this.#told = await this.#thread.ask('counters', undefined);
        break;
      } catch (error) {
        // The lane ended meanwhile: the one that goes on knows.
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
    for (const { timer } of this.#lost.values()) clearTimeout(timer);
    await this.#recovering;
    this.#watchdog?.stop();
    const reason = new Error('the Funnel is closed');
    const ended = this.#spare?.end(reason);
    const counters = await Promise.race([
      this.#thread.close().catch(() => undefined),
      pause(CLOSE_MS, undefined, { ref: false }),
    ]);
    if (counters !== undefined) this.#told = counters;
    else await this.#end(this.#thread, reason);
    this.#closedAt = performance.now();
    await ended;
    dropHandover(this.#handover);
  }

  #newThread(): LaneThread {
    const thread: LaneThread = new LaneThread(
      this.#handover,
      (message) => this.#hear(message),
      (error) => this.#onDeath(thread, error),
    );
    return thread;
  }

  #hear(message: LaneMessage): void {
    if (message.kind === 'event') {
      if (message.event.kind === 'fault') this.#forgetGiven(message.event.piece);
      this.#tell(message.event);
    } else if (message.kind === 'saved') {
      this.#states.set(message.piece, { saved: message.saved, isGiven: false });
    } else if (message.kind === 'restored') {
      const { piece, isTaken } = message;
      this.#restorations.set(piece, isTaken);
      const state = this.#states.get(piece);
      if (state !== undefined && isTaken) state.isGiven = true;
      else this.#states.delete(piece);
    } else if (message.kind === 'snapshot') this.#told = message.snapshot;
  }

  /** A state is given once to a piece that faults: it may be what it faults of. */
  #forgetGiven(piece: string): void {
    if (this.#states.get(piece)?.isGiven === true) this.#states.delete(piece);
  }

  /** A lane runs now. */
  #begun(): void {
    this.#startedAt = performance.now();
    this.#watchdog = new Watchdog(this.#thread.pulse, (stall) => this.#onStall(stall), this.#watch);
    this.#spare = this.#newThread();
  }

  /** Starts a lane, under the eyes of a watchdog. */
  async #tryToStart(thread: LaneThread, order: LaneOrder): Promise<StartFailure | undefined> {
    let stalled: StartFailure | undefined;
    const watchdog = new Watchdog(
      thread.pulse,
      (stall) => {
        const fault = stallFault(stall);
        stalled = { piece: stall.piece, fault, error: puzzleError(stall.piece, fault) };
        void this.#end(thread, stalled.error);
      },
      this.#watch,
    );
    try {
      await thread.ask('start', order);
      return undefined;
    } catch (error) {
      if (stalled !== undefined) return stalled;
      const { code, message, piece } = (error instanceof PuzzleError ? error.mistakes[0] : undefined) ?? {
        code: 'FT_LANE_DIED',
        message: String(error),
        piece: undefined,
      };
      return { piece, fault: { code, message }, error: error instanceof Error ? error : new Error(message) };
    } finally {
      watchdog.stop();
    }
  }

  #onStall(stall: Stall): void {
    const fault = stallFault(stall);
    this.#recover(this.#guilty(stall, fault), fault, stall.waitedMs);
  }

  /** A piece that would have come with a change is told, and left out with the change: one of its name that runs is not guilty. */
  #guilty({ piece, isSeated }: Pick<Stall, 'piece' | 'isSeated'>, fault: SeatFault): Guilt {
    if (piece === undefined || isSeated || piece === this.#returning) return { piece };
    this.#tell({ kind: 'log', piece, level: 'error', message: `${fault.code}: ${fault.message}` });
    return { piece: undefined, candidate: piece };
  }

  #onDeath(thread: LaneThread, error: Error): void {
    if (thread === this.#spare) {
      this.#spare = undefined;
      return;
    }
    if (thread !== this.#thread || this.#isRecovering || this.#closing !== undefined) return;
    const message = `the lane died of ${error.stack ?? error.message}`;
    const fault = { code: 'FT_FAULT_LANE', message };
    this.#recover(this.#guilty(thread.pulse, fault), fault, 0);
  }

  #recover(guilty: Guilt, fault: SeatFault, stalledMs: number): void {
    if (this.#closing !== undefined) return;
    this.#recovering ??= this.#startAnew(guilty, fault, stalledMs).finally(() => {
      this.#recovering = undefined;
    });
  }

  /** The thread is ended, and another lane takes its place, without the piece to which that is owed. */
  async #startAnew({ piece: guilty, candidate }: Guilt, fault: SeatFault, stalledMs: number): Promise<void> {
    const from = performance.now();
    this.#watchdog?.stop();
    this.#before = withCarried(this.#told, this.#before);
    this.#told = { ...this.#told, pieces: [] };
    const isCalm = from - this.#startedAt > CALM_MS;
    const whose = guilty ?? candidate;
    this.#deathsInARow = whose !== undefined || isCalm ? 0 : this.#deathsInARow + 1;
    if (guilty !== undefined) this.#blame(guilty, fault);
    else if (candidate === undefined) this.#tellOfFunnel(fault);
    await this.#end(this.#thread, laneEnded(whose, fault));
    // Without anybody to leave out it may die again at once.
    if (this.#deathsInARow > 1)
      await pause(Math.min(FIRST_RESTART_MS * 2 ** (this.#deathsInARow - 2), MAX_RESTART_MS));
    for (;;) {
      if (this.#closing !== undefined) return;
      this.#thread = this.#spare ?? this.#newThread();
      this.#spare = undefined;
      this.#restorations.clear();
      const failure = await this.#tryToStart(this.#thread, this.#presentOrder());
      if (failure === undefined) break;
      await this.#end(this.#thread, new Error('the lane could not be started'));
      if (failure.piece !== undefined && !this.#lost.has(failure.piece))
        this.#blame(failure.piece, failure.fault);
      else {
        this.#tellOfFunnel(failure.fault);
        await pause(FIRST_RESTART_MS);
      }
    }
    this.#begun();
    const recoveredMs = performance.now() - from;
    this.#tell({
      kind: 'recovered',
      ...(guilty === undefined ? {} : { without: guilty }),
      restored: [...this.#restorations].flatMap(([name, isTaken]) => (isTaken ? [name] : [])),
      stalledMs,
      recoveredMs,
    });
  }

  get #isRecovering(): boolean {
    return this.#recovering !== undefined;
  }

  #tellOfFunnel({ code, message }: SeatFault): void {
    this.#tell({ kind: 'log', piece: 'funnel', level: 'error', message: `${code}: ${message}` });
  }

  #presentOrder(): LaneOrder {
    return orderOf(this.#puzzle, (name) => {
      const ended = this.#lost.get(name)?.fault;
      return { ended, state: ended === undefined ? this.#give(name) : undefined, isResumed: true };
    });
  }

  #give(name: string): SavedState | undefined {
    const state = this.#states.get(name);
    if (state !== undefined) state.isGiven = true;
    return state?.saved;
  }

  #count(name: string): Count {
    const count = this.#counts.get(name) ?? { faults: 0, restarts: 0 };
    this.#counts.set(name, count);
    return count;
  }

  #withCount(piece: PieceSnapshot): PieceSnapshot {
    const count = this.#counts.get(piece.name);
    if (count === undefined) return piece;
    return { ...piece, faults: piece.faults + count.faults, restarts: piece.restarts + count.restarts };
  }

  /** Ends a thread, as soon as the system lets go of it; one that it keeps is not waited for. */
  async #end(thread: LaneThread, reason: Error): Promise<void> {
    await Promise.race([thread.end(reason), pause(END_MS, undefined, { ref: false })]);
  }

  /** A piece may not run, for now or for good, by its failure policy. */
  #blame(name: string, fault: SeatFault): void {
    const known = this.#lost.get(name);
    const entry = this.#puzzle.pieces.find(({ place }) => place.name === name);
    clearTimeout(known?.timer);
    this.#forgetGiven(name);
    this.#tell({ kind: 'fault', piece: name, ...fault });
    this.#count(name).faults++;
    // Of a piece that was to come with a change, nothing remains.
    if (entry === undefined) return;
    const { failure, identity } = entry.spec;
    const wasCalm = this.#cameBackAt.has(name) && performance.now() - this.#cameBackAt.get(name)! > CALM_MS;
    const delayMs = wasCalm ? FIRST_RESTART_MS : (this.#delays.get(name) ?? FIRST_RESTART_MS);
    this.#delays.set(name, Math.min(delayMs * 2, MAX_RESTART_MS));
    const timer = failure === 'restart' ? setTimeout(() => void this.#bringBack(name), delayMs) : undefined;
    this.#lost.set(name, { fault, identity, timer });
  }

  readonly #delays = new Map<string, number>();
  readonly #cameBackAt = new Map<string, number>();

  /** With the policy `restart`: the piece comes again, by a change of the puzzle to itself. */
  async #bringBack(name: string): Promise<void> {
    const lost = this.#lost.get(name);
    if (lost === undefined || this.#closing !== undefined) return;
    if (this.#isRecovering || this.#changes > 0 || this.#returning !== undefined) {
      // A change that somebody asked for is not overtaken.
      lost.timer = setTimeout(() => void this.#bringBack(name), BUSY_MS);
      return;
    }
    this.#lost.delete(name);
    this.#restorations.delete(name);
    this.#returning = name;
    const cameBackBefore = this.#cameBackAt.get(name);
    this.#cameBackAt.set(name, performance.now());
    try {
      const order = orderOf(this.#puzzle, (each) => ({
        ended: this.#lost.get(each)?.fault,
        state: each === name ? this.#give(name) : undefined,
        isResumed: true,
      }));
      await this.#thread.ask('apply', order);
      this.#count(name).restarts++;
      this.#tell({ kind: 'restarted', piece: name, restored: this.#restorations.get(name) === true });
    } catch (error) {
      // Where it stalled again, it was blamed already.
      if (this.#lost.has(name) || this.#closing !== undefined) return;
      const isOvertaken = error instanceof PuzzleError && error.code === 'FT_CHANGE_SUPERSEDED';
      if (isOvertaken || this.#isRecovering) {
        // By a change, or by the stall of another: it has not come back, and nothing of that is its own.
        const state = this.#states.get(name);
        if (state !== undefined) state.isGiven = false;
        if (cameBackBefore === undefined) this.#cameBackAt.delete(name);
        else this.#cameBackAt.set(name, cameBackBefore);
        this.#lost.set(name, { ...lost, timer: setTimeout(() => void this.#bringBack(name), BUSY_MS) });
      } else this.#blame(name, { code: errorCode(error), message: String(error) });
    } finally {
      this.#returning = undefined;
    }
  }

  /** Those that may not run under another configuration either: the same pieces, with the same settings. */
  #lostOf(puzzle: Puzzle): ReadonlyMap<string, LostPiece> {
    return new Map(
      [...this.#lost].filter(([name, { identity }]) =>
        puzzle.pieces.some(({ place, spec }) => place.name === name && spec.identity === identity),
      ),
    );
  }
}

interface LostPiece {
  readonly fault: SeatFault;
  readonly identity: string | undefined;
  /** When it comes again. */
  timer: NodeJS.Timeout | undefined;
}

/** What a piece saved last, and whether it was given to an instance that has saved nothing since. */
interface KeptState {
  readonly saved: SavedState;
  isGiven: boolean;
}

/** Who is to be left out of the next lane; or who would have come with a change, and does not. */
interface Guilt {
  readonly piece: string | undefined;
  readonly candidate?: string;
}

interface Count {
  faults: number;
  restarts: number;
}

interface StartFailure {
  readonly piece: string | undefined;
  readonly fault: SeatFault;
  readonly error: Error;
}

function stallFault({ piece, workedMs, waitedMs }: Stall): SeatFault {
  const who = piece === undefined ? 'a piece' : 'it';
  return {
    code: 'FT_FAULT_STALL',
    message: `${who} kept the lane for ${Math.round(waitedMs)} ms, ${Math.round(workedMs)} ms of them with a processor, and the watchdog ended it`,
  };
}

function puzzleError(piece: string | undefined, { code, message }: SeatFault): PuzzleError {
  return new PuzzleError([{ code, message, ...(piece === undefined ? {} : { piece }) }]);
}

/** For who waits for an answer of a lane that ended. */
function laneEnded(guilty: string | undefined, { code, message }: SeatFault): PuzzleError {
  const text = `the lane was ended meanwhile (${code}: ${message}); the puzzle from before runs on in another, and this is to be asked again`;
  return puzzleError(guilty, { code: 'FT_LANE_ENDED', message: text });
}

function errorCode(error: unknown): string {
  return error instanceof PuzzleError ? error.code : 'FT_INTERNAL';
}

/** Each Funnel of this process has its own. */
let nextEstate = 1;
/** What endpoints may take to close. */
const CLOSE_MS = 2000;
/** A thread that does not end is stuck in the system. */
const END_MS = 1000;
/** Until it is tried again to bring back a piece while something else is going on. */
const BUSY_MS = 100;
