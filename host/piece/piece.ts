import type { Piece as Description, Joining, Problem, Property } from '../../abi/host/contract.ts';
import type { Counters } from './counters.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';

/**
 * What a Puzzle Piece is to the host, be it a component or native. The calls are those of the contract's `control` and
 * `traffic`; a component answers them from its sandbox, an endpoint from the operating system.
 *
 * A component may fault in any call: then the call throws a {@link PieceFault}, and the piece is not called again.
 */
export interface Piece {
  readonly description: Description;

  /**
   * Of a native piece that is made for a change, before `start`: these native pieces end with that change. What it needs
   * of theirs (a device, a port, a file) it plans to take over in place of opening it. Theirs stays as it is.
   */
  succeed?(retiring: readonly Piece[]): void;
  /** In the commit of a change, before it is joined: takes over what it planned. Cannot fail. Those pieces are closed later in this turn. */
  takeOver?(): void;

  /** Once, before any other call but `succeed`. Problems name the settings that cannot be. */
  start(now: number): readonly Problem[];
  /** May this be joined, or be joined on these terms from now on? Changes nothing. */
  accepts(joining: Joining): Problem | undefined;
  /** Joins, or tells new terms. Cannot refuse. */
  join(joining: Joining): void;
  leave(edge: number, shape: number): void;
  /** Another piece on this Edge's Joint began or ceased to listen on a Shape; an endpoint opens or closes for it. */
  listening(edge: number, stack: string, present: boolean): Problem | undefined;
  /** The queue behind this Edge has room again, or is full. */
  ready(edge: number, ready: boolean): void;
  save(now: number): Uint8Array;
  restore(now: number, version: string, state: Uint8Array): Problem | undefined;

  /**
   * Takes up to `limit` frames from the inbox, each with its reference, and puts what goes on into the outbox. Called
   * without frames at the instant that it answered, and once after each change by the other calls.
   *
   * @returns the instant at which it wants to be called without frames; Infinity for never.
   */
  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number;

  /** Whether the piece takes no frames from this Edge for now. */
  isPaused(edge: number): boolean;

  /** Frames that went in and have neither gone on nor ended. */
  readonly held: number;

  /** Of a piece that can fault: ends what the fault left, counted; then a new instance in its place, to be started and joined. */
  fail?(): void;
  renew?(): void;

  /** Ends the piece: descriptors closed, timers ended, held frames released. Twice is as once. */
  close(): void;
}

/** What a piece asks of the host; each piece has its own. */
export interface PieceContext {
  /** The name of the instance in the configuration. */
  readonly name: string;
  /** A native piece goes on where one of this name ended by force: what that one wrote is not to be begun anew. */
  readonly isResumed: boolean;
  log(level: LogLevel, message: string): void;
  /** Milliseconds of the lane's clock, as of the present turn. */
  now(): number;
  /** 64 random bits. */
  random(): bigint;
  /** A Shape that comes while running; its number, or why not. Endpoints on the Joint have opened it when this returns. */
  listen(edge: number, like: number, stack: string): number | Problem;
  unlisten(edge: number, shape: number): void;
  /** What the piece makes available on this Edge, or no more; the Joint tells the others after the present call. */
  offer(edge: number, property: Property, present: boolean): void;
  /** Counts frames that ended at this piece, under a name of its description's reasons or of the host's. */
  count(reason: string, frames: number): void;
  /** The same counters, for those who count by index. They belong to the named piece, and outlive its instances. */
  readonly counters: Counters;
  /** For native pieces: frames have come from outside. Hands them over at once, and runs the lane until it is quiet. */
  arrived(outbox: Outbox): void;
  /** For native pieces: `process` is to be called though nothing waits, in the coming turn. */
  wake(): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
