import type { FuzzRandom } from './fuzz-random.ts';

/** A receiver of bytes from any sender, as fuzzing drives it. */
export interface FuzzTarget {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** The unit that {@link OpenTarget.execute} counts, such as `packets`. */
  readonly unit: string;
  /** Inputs are no longer than this, in bytes. */
  readonly maxBytes: number;
  open(): Promise<OpenTarget>;
}

export interface OpenTarget {
  /** Inputs to begin with, besides those of the corpus. */
  readonly seeds: readonly Uint8Array[];
  /** A new input, from a generator that knows the format. */
  readonly generate?: (random: FuzzRandom) => Uint8Array;
  /**
   * Changes an input in a manner that only this target knows; the new length. `bytes` has room for
   * `maxBytes`.
   */
  readonly mutate?: (random: FuzzRandom, bytes: Uint8Array, length: number) => number;
  /**
   * Runs one input. The input is the caller's again afterwards.
   *
   * @returns the number of units
   * @throws every finding
   */
  execute(input: Uint8Array): number | Promise<number>;
}

/** The message of a finding: a rule does not hold. */
export function insist(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new Error(typeof message === 'string' ? message : message());
}
