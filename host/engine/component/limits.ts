/** What a component may be at most. */
export interface Limits {
  /** Bytes in the file. */
  readonly maxComponentBytes: number;
  /**
   * Bytes that the linear memory of each of its core modules may grow to; rounded down to pages of 64 KiB.
   */
  readonly maxMemoryBytes: number;
  /** Core modules in the component, nested ones included. */
  readonly maxCoreModules: number;
  /** Entries of all tables that an instance of it has together. */
  readonly maxTableEntries: number;
}

/**
 * A piece in AssemblyScript or C is 10 to 100 KiB; a JavaScript engine inside a component is 10 MiB, and
 * brings 13 core modules with it. Tables hold function pointers: 65 536 is six times what that engine has.
 */
export const DEFAULT_LIMITS: Limits = {
  maxComponentBytes: 16 * 1024 * 1024,
  maxMemoryBytes: 64 * 1024 * 1024,
  maxCoreModules: 16,
  maxTableEntries: 65_536,
};
