/** The upper limits of a component. */
export interface Limits {
  /** Bytes in its file. */
  readonly maxComponentBytes: number;
  /**
   * Bytes that the linear memory of each of its core modules may grow to; rounded down to pages of 64 KiB.
   */
  readonly maxMemoryBytes: number;
  /** Core modules in the component, nested ones included. */
  readonly maxCoreModules: number;
  /** Entries of all tables of one instance together. */
  readonly maxTableEntries: number;
}

/**
 * A piece in AssemblyScript or C is 10 to 100 KiB; a JavaScript engine inside a component is 10 MiB, and
 * consists of 13 core modules. Tables hold function pointers: 65 536 is six times the number in that engine.
 */
export const DEFAULT_LIMITS: Limits = {
  maxComponentBytes: 16 * 1024 * 1024,
  maxMemoryBytes: 64 * 1024 * 1024,
  maxCoreModules: 16,
  maxTableEntries: 65_536,
};
