import type { Algorithm } from '../../../abi/host/contract.ts';
import type { SessionStore } from './session-store.ts';

/**
 * The keys of one instance of a component, outside of its memory. `policy` brings the implementation, which
 * is native.
 */
export interface KeyStore {
  /** The sessions whose keys come into this store. */
  readonly sessions: SessionStore;
  /** Returns the number of the key, or why there is none. */
  importKey(algorithm: Algorithm, secret: Uint8Array): number | KeyRefusal;
  /** Makes a key from the keystream of another, of `aes-ctr`; `counter` has 16 bytes. */
  deriveKey(source: number, counter: Uint8Array, algorithm: Algorithm, length: number): number | KeyRefusal;
  /** Erases a key. Returns whether there was one. */
  dropKey(key: number): boolean;
  /**
   * Does `count` tasks, which stand at `tasksAt` in `memory` as the contract lays them out, on the `size`
   * bytes at `dataAt`. Writes a byte for each at `resultsAt`, unless that is 0: whether its tag was right.
   *
   * It may cost `fuel` units at most. Checks all tasks before it changes a byte.
   *
   * @returns the units that it cost, or what is wrong.
   */
  run(
    memory: Uint8Array,
    unprotects: boolean,
    tasksAt: number,
    count: number,
    dataAt: number,
    size: number,
    resultsAt: number,
    fuel: number,
  ): number | TaskRefusal;
  /** Erases all keys, and ends all sessions. */
  close(): void;
}

/** The reason for no key: the store is full, the length is wrong, the source is not a key of `aes-ctr`. */
export type KeyRefusal = 'full' | 'length' | 'source';

/** The reason for which no task was done. */
export type TaskRefusal = 'key' | 'range' | 'tag' | 'fuel' | 'failed';

/** The most keys of one instance: those of two thousand calls, both ways, with their control protocol. */
export const MAX_KEYS = 16_384;
