import type { Piece as Description, Joining, Problem, Property } from '../../abi/host/contract.ts';
import type { Counters } from './counters.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';
import type { PieceStatus } from './piece-status.ts';

/**
 * A Puzzle Piece as the host sees it, component or native. The calls are those of the contract's `control`
 * and `traffic`. A component implements them in its sandbox, an endpoint with the operating system.
 *
 * A component may fault in any call: then the call throws a {@link PieceFault}, and the piece is not called
 * again.
 */
export interface Piece {
  readonly description: Description;

  /**
   * Called on a native piece that is made for a change, before `start`, with its predecessors: the native
   * pieces that end with the change. The piece plans to take over their resources (a device, a port, a file)
   * instead of opening them. It does not change the predecessors.
   */
  succeed?(retiring: readonly Piece[]): void;
  /**
   * Called in the commit of a change, before the piece is joined, to take over the planned resources. It
   * cannot fail. The predecessors are closed later in this turn.
   */
  takeOver?(): void;

  /**
   * Whether what this native piece has of the system is no longer what its settings say, and the piece leaves
   * it so: another program removed or renamed its device, took it down, or holds its port. A change replaces
   * such a piece, also where its configuration stays.
   */
  readonly deviates?: boolean;

  /**
   * Whether the start of this native piece waits for the system, for a bounded time: the watchdog does not
   * treat it as a stall.
   */
  readonly waitsInStart?: boolean;

  /**
   * Called once, before any other call except `succeed`. Returns the settings that are wrong, each with its
   * problem.
   */
  start(now: number): readonly Problem[];
  /**
   * Returns why this Edge cannot be joined with these Shapes and properties, or undefined; also for new
   * properties of a joined Edge. Changes nothing.
   */
  accepts(joining: Joining): Problem | undefined;
  /** Joins an Edge, or notifies the piece of new properties. It cannot refuse. */
  join(joining: Joining): void;
  leave(edge: number, shape: number): void;
  /**
   * Notifies the piece that another piece on this Edge's Joint began or ceased to listen on a Stack. An
   * endpoint opens or closes a port for it.
   */
  listening(edge: number, stack: string, present: boolean): Problem | undefined;
  /**
   * For an endpoint: the descriptors that it opens at most for a stack on which another piece listens, those
   * that are open already included. Each has a number, which is the same for all stacks that need it.
   */
  descriptorsFor?(stack: string): readonly number[];
  /** The same for a property that another piece offers: how many at most. */
  descriptorsForOffer?(property: Property): number;
  /** Notifies the piece that the queue behind this Edge has room again, or is full. */
  ready(edge: number, ready: boolean): void;
  save(now: number): Uint8Array;
  restore(now: number, version: string, state: Uint8Array): Problem | undefined;

  /**
   * Takes up to `limit` frames from the inbox, each with its reference, and pushes frames that go on to the
   * outbox. The lane also calls it without frames: at the time that it returned, and once after other calls
   * changed something.
   *
   * A native piece without room leaves frames in the inbox. If it takes none at all and returns a time, the
   * lane calls it again at that time, at `wake`, or when another frame comes.
   *
   * @returns the time of the next call without frames; Infinity for never.
   */
  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number;

  /**
   * The Edges from which the piece takes no frames until its next outcome says otherwise. A native piece
   * leaves frames in the inbox instead.
   */
  readonly paused?: ReadonlySet<number>;

  /** The number of frames that went in and have neither gone on nor ended. */
  readonly held: number;

  /**
   * For a piece that can fault. `fail` ends and counts the frames that the fault left; `renew` makes a new
   * instance, which is then started and joined.
   */
  fail?(): void;
  renew?(): void;

  /** Ends the piece: closes descriptors, ends timers, releases held frames. Idempotent. */
  close(): void;
}

/** The calls of a piece to the host; each piece has its own context. */
export interface PieceContext {
  /** The name of the instance in the configuration. */
  readonly name: string;
  /**
   * Whether a native piece of this name was ended by force, and this piece continues its work: it must not
   * overwrite the output of that piece.
   */
  readonly isResumed: boolean;
  log(level: LogLevel, message: string): void;
  /**
   * Reports the status of the piece for the user, in place of its last report. Do not call it for each frame.
   */
  status(status: PieceStatus): void;
  /**
   * For native pieces that read something with an end, such as a capture: how that stands. `failed` is an
   * end, too, before that of the thing.
   */
  source(state: SourceState): void;
  /** Milliseconds of the lane's clock at the start of the current turn. */
  now(): number;
  /** 64 random bits. */
  random(): bigint;
  /**
   * Adds a Shape while the piece runs. Returns its number, or why it is refused. When it returns, the
   * endpoints on the Joint have opened their ports for it.
   */
  listen(edge: number, like: number, stack: string): number | Problem;
  unlisten(edge: number, shape: number): void;
  /**
   * Offers a property on this Edge, or withdraws it. The lane notifies the other pieces on the Joint after
   * the current call.
   */
  offer(edge: number, property: Property, present: boolean): void;
  /** Counts frames that ended at this piece, under a name of its description's reasons or of the host's. */
  count(reason: string, frames: number): void;
  /**
   * The same counters, by index. They belong to the named piece, and outlive its instances.
   */
  readonly counters: Counters;
  /**
   * For native pieces: delivers frames from outside at once, and runs the lane until no frame waits.
   */
  arrived(outbox: Outbox): void;
  /** For native pieces: makes the lane call `process` in the next turn, even if no frame waits. */
  wake(): void;
}

export type SourceState = 'open' | 'ended' | 'failed';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
