import type { FuzzRandom } from './fuzz-random.ts';

/** Something that takes bytes from anyone: what fuzzing throws bytes at. */
export interface FuzzTarget {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What {@link OpenTarget.execute} counts, such as `packets`. */
  readonly unit: string;
  /** Inputs are no longer than this, in bytes. */
  readonly maxBytes: number;
  open(): Promise<OpenTarget>;
}

export interface OpenTarget {
  /** Inputs to begin with, besides those of the corpus. */
  readonly seeds: readonly Uint8Array[];
  /** An input made anew, by a generator that knows what inputs look like. */
  readonly generate?: (random: FuzzRandom) => Uint8Array;
  /**
   * Changes an input in a manner that only this target knows; the new length. `bytes` has room for
   * `maxBytes`.
   */
  readonly mutate?: (random: FuzzRandom, bytes: Uint8Array, length: number) => number;
  /**
   * Runs one input. The input is the caller's again afterwards.
   *
   * @returns how many units that were
   * @throws whatever is a finding
   */
  execute(input: Uint8Array): number | Promise<number>;
}

/** Where something that must hold does not: the message of a finding. */
export function insist(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new Error(typeof message === 'string' ? message : message());
}
