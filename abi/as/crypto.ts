import {
  hostDeriveKey,
  hostDropKey,
  hostImportKey,
  hostProtect,
  hostUnprotect,
  MAX_TASKS,
  TASK_SIZE,
  TaskRecord,
} from './generated';
import { placeResults } from './memory';
import { Text } from './text';

const result: usize = memory.data(24, 8);
const tasksAt: usize = memory.data(MAX_TASKS * TASK_SIZE, 8);
const genuineAt: usize = memory.data(MAX_TASKS, 8);
/** The task of `writeKeystream`, beside those of the list. */
const aloneAt: usize = memory.data(TASK_SIZE, 8);

/**
 * Makes a key of the bytes at an address; `algorithm` is an `Algorithm`. Returns its number, or 0 if there is
 * none; `keyProblem` then says why. Not for the frame path.
 */
export function importKey(algorithm: i32, secret: usize, length: i32): u32 {
  hostImportKey(algorithm, <i32>secret, length, <i32>result);
  return key();
}

/**
 * Makes a key of `length` bytes from the keystream of a key of AES in counter mode. `counter` is the address
 * of the first counter block, of 16 bytes. Returns as `importKey`.
 */
export function deriveKey(source: u32, counter: usize, algorithm: i32, length: i32): u32 {
  hostDeriveKey(source, <i32>counter, 16, algorithm, length, <i32>result);
  return key();
}

/**
 * Writes `length` bytes of keystream of a key of AES in counter mode behind the first counter block, which
 * stands at an address and has 16 bytes. The list of `Tasks` does not change.
 */
export function writeKeystream(cipher: u32, counter: usize, length: i32): void {
  memory.fill(counter + 16, 0, length);
  memory.fill(aloneAt, 0, TASK_SIZE);
  const task = changetype<TaskRecord>(aloneAt);
  task.cipher = cipher;
  task.textOffset = 16;
  task.textLength = length;
  placeResults(counter, 0);
  hostProtect(<i32>aloneAt, 1, <i32>counter, 16 + length, <i32>result);
}

/** The problem of the last `importKey` or `deriveKey` that returned 0. Good until the call ends. */
export function keyProblem(): Text {
  return changetype<Text>(result + 12);
}

/** Ends a key, and erases it. */
export function dropKey(key: u32): void {
  hostDropKey(key);
}

function key(): u32 {
  // result<u32, problem>: the number, or a problem whose message stands behind its setting.
  return load<u8>(result) == 0 ? load<u32>(result, 4) : 0;
}

/**
 * Messages for the host to protect or unprotect in place, in one call: `open`, then `add` for each, then
 * `protect` or `unprotect`. There is one list, since its tables are as large as the contract permits.
 */
export abstract class Tasks {
  private static start: usize = 0;
  static length: i32 = 0;

  /** Begins an empty list. Offsets count from `start`, which is before all bytes that the tasks name. */
  static open(start: usize): void {
    Tasks.start = start;
    Tasks.length = 0;
  }

  /** Adds a task, all of whose fields are 0. Null if the list is full. */
  static add(): TaskRecord | null {
    if (Tasks.length == MAX_TASKS) return null;
    const at = tasksAt + Tasks.length * TASK_SIZE;
    memory.fill(at, 0, TASK_SIZE);
    Tasks.length++;
    return changetype<TaskRecord>(at);
  }

  /** The offset of an address, for the fields of a task. */
  // @ts-ignore: decorator
  @inline
  static offset(address: usize): u32 {
    return <u32>(address - Tasks.start);
  }

  /** Encrypts and authenticates. `end` is behind all bytes that the tasks name. */
  static protect(end: usize): void {
    if (Tasks.length == 0) return;
    placeResults(Tasks.start, 0);
    hostProtect(<i32>tasksAt, Tasks.length, <i32>Tasks.start, <i32>(end - Tasks.start), <i32>result);
  }

  /** Authenticates and decrypts. `isGenuine` then says which tags were right. */
  static unprotect(end: usize): void {
    if (Tasks.length == 0) return;
    placeResults(Tasks.start, genuineAt);
    hostUnprotect(<i32>tasksAt, Tasks.length, <i32>Tasks.start, <i32>(end - Tasks.start), <i32>result);
  }

  /** Whether the tag of the n-th task was right, after `unprotect`. */
  static isGenuine(n: i32): bool {
    return load<u8>(genuineAt + n) != 0;
  }
}
