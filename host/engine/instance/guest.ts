import type { Joining, Problem, Property } from '../../../abi/host/contract.ts';
import type { PieceFault } from '../../piece/piece-fault.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { KeyStore } from './key-store.ts';

/** One instance of a component: its memory, and the contract's calls by offset. */
export interface Guest {
  /** The memory that holds the arguments and the outcome of `process`. */
  readonly memory: WebAssembly.Memory;

  /**
   * Allocates `size` bytes in the guest's memory with its `cabi_realloc`. The guest owns them. Earlier views
   * of the memory may be detached afterwards.
   *
   * @throws {PieceFault} if the returned address is not aligned or not inside the memory, or the guest
   * faulted.
   */
  realloc(align: number, size: number): number;

  /**
   * The bare core function of `process`: it takes the addresses and counts of the three lists, and returns
   * the address of the outcome (unsigned). It does not refuel, and throws the engine's errors; see
   * {@link faultOf}.
   */
  process(
    now: number,
    framesAt: number,
    frames: number,
    partsAt: number,
    parts: number,
    arenaAt: number,
    arena: number,
  ): number;

  /** Releases the outcome of `process`. Throws the engine's errors. */
  postReturn(outcomeAt: number): void;

  /** Sets the guest's fuel. A call that uses it up ends. */
  refuel(units: number): void;
  /** Negative if lack of fuel ended the last call. */
  readonly fuelLeft: number;

  /** Returns the fault that an error of a raw call means. The caller must discard the instance. */
  faultOf(error: unknown): PieceFault;

  // The typed calls. Each has fuel of its own, and throws PieceFault.

  start(now: number, settings: Settings, protocols: ArrayLike<number>): readonly Problem[];
  accepts(joining: Joining): Problem | undefined;
  join(joining: Joining): void;
  leave(edge: number, shape: number): void;
  listening(edge: number, stack: string, present: boolean): Problem | undefined;
  ready(edge: number, ready: boolean): void;
  save(now: number): Uint8Array;
  restore(now: number, version: string, state: Uint8Array): Problem | undefined;

  /** Ends the guest. Each later call throws. */
  discard(): void;
}

/** The host functions of a guest. `loadComponent` has checked that they were granted. */
export interface HostImports {
  /** The message is free of control characters and of limited length. */
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  /** All texts are free of control characters and of limited length. */
  status(status: PieceStatus): void;
  /** 64 random bits. */
  random(): bigint;
  /** Seconds since 1970 UTC, and nanoseconds. */
  utc(): readonly [bigint, number];
  listen(edge: number, like: number, stack: string): number | Problem;
  unlisten(edge: number, shape: number): void;
  offer(edge: number, property: Property, present: boolean): void;
  /** The keys of the instance, or why there can be none. */
  keys(): KeyStore | Problem;
}

/** Names and values, in the order of the configuration; a repeated setting appears more than once. */
export type Settings = readonly (readonly [string, string])[];
