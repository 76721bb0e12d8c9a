import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Writes a whole file. A regular file is replaced by renaming: a reader sees the former content or the new
 * one, and a failed write leaves the former. A link is followed. Everything else (a pipe, a device, the file
 * of /dev/stdout) is written in place and not replaced.
 *
 * @throws the system's error
 */
export function writeOutputFile(path: string, text: string): void {
  const { target, status, descriptor } = targetOf(path);
  if (descriptor !== undefined) {
    writeAll(descriptor, text);
    return;
  }
  if (status !== undefined && !status.isFile() && !status.isDirectory()) {
    const opened = openSync(target, IN_PLACE);
    try {
      writeAll(opened, text);
    } finally {
      closeSync(opened);
    }
    return;
  }
  const draft = draftOf(target);
  try {
    // A new file: another user may have put a link there in a shared folder. It is not followed.
    writeFileSync(draft, text, { flag: 'wx', mode: status === undefined ? 0o666 : status.mode & 0o777 });
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Tests whether a file can be written later. Changes nothing. @throws the system's error */
export function checkOutputFile(path: string): void {
  const { target, status, descriptor } = targetOf(path);
  if (descriptor !== undefined) {
    fstatSync(descriptor);
    return;
  }
  if (status !== undefined && !status.isFile() && !status.isDirectory()) {
    // A pipe without a reader may have one later.
    if (!status.isFIFO()) closeSync(openSync(target, IN_PLACE));
    return;
  }
  if (status?.isDirectory() === true)
    throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
  const draft = draftOf(target);
  try {
    writeFileSync(draft, '', { flag: 'wx' });
  } finally {
    rmSync(draft, { force: true });
  }
}

interface Target {
  /** Returns the path at the end of all links, even if that file does not exist yet. */
  readonly target: string;
  readonly status: Stats | undefined;
  /** An open file of this process, such as /dev/stdout, which cannot be replaced. */
  readonly descriptor?: number;
}

function targetOf(path: string): Target {
  let target = resolve(path);
  for (let links = 0; links < MOST_LINKS; links++) {
    const folder = realFolder(target);
    target = join(folder, basename(target));
    if (folder === `/proc/${process.pid}/fd`)
      return { target, status: statusOf(target), descriptor: Number(basename(target)) };
    if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true)
      return { target, status: statusOf(target) };
    target = resolve(folder, readlinkSync(target));
  }
  throw Object.assign(new Error(`${path} has too many links`), { code: 'ELOOP' });
}

function realFolder(path: string): string {
  return realpathSync(dirname(path));
}

function statusOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** Waits a little for the reader of a full pipe. */
function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  const deadline = performance.now() + PATIENCE_MS;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > deadline) throw error;
      Atomics.wait(NEVER, 0, 0, 5);
    }
  }
}

function draftOf(target: string): string {
  return `${target}.${randomUUID()}.new`;
}

/** Opens without creating, emptying or waiting. */
const IN_PLACE = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
/** Linux follows as many links. */
const MOST_LINKS = 40;
/** The time limit for the reader of a full pipe. */
const PATIENCE_MS = 1000;
/** Nothing ever notifies it, so each wait ends by its timeout. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
