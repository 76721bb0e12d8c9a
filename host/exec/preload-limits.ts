import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/**
 * Returns why a preloaded library does not lead the connections of a command to a proxy; undefined if nothing
 * speaks against it. Programs that the command starts are not known here.
 */
export function whyNotPreloaded(command: string, path = process.env.PATH ?? ''): string | undefined {
  const file = findProgram(command, path);
  return file === undefined ? undefined : whyNotFor(file, path, 3);
}

function whyNotFor(file: string, path: string, depth: number): string | undefined {
  const head = headOf(file);
  if (head === undefined || depth === 0) return undefined;
  const [, interpreter = '', argument = ''] = /^#!\s*(\S+)[ \t]*(\S*)/.exec(head.toString('latin1')) ?? [];
  if (interpreter !== '') {
    // `#!/usr/bin/env PROGRAM`
    const next = interpreter.endsWith('/env') ? findProgram(argument, path) : interpreter;
    return next === undefined ? undefined : whyNotFor(next, path, depth - 1);
  }
  if ((statSync(file).mode & SET_ID) !== 0)
    return 'it is setuid or setgid, and the system ignores LD_PRELOAD for it';
  return elfLimit(head);
}

/** Reads an ELF file's head (elf(5)) of 64 bits; other files say nothing. */
export function elfLimit(head: Buffer): string | undefined {
  const isElf = head.length >= 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;
  if (!isElf) return undefined;
  const at = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  let isDynamic = false;
  for (let n = 0; n < count; n++) {
    const entry = at + n * size;
    if (entry + 4 > head.length) return undefined;
    if (head.readUInt32LE(entry) === PT_INTERP) isDynamic = true;
  }
  if (!isDynamic) return 'it is linked statically, and LD_PRELOAD has no effect on it';
  // The note with the build identifier of Go has this owner.
  if (head.includes('Go\0\0')) return 'it is made by Go, which calls the system without the C library';
  return undefined;
}

function headOf(file: string): Buffer | undefined {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined; // the system may run what this user cannot read
  }
}

function findProgram(name: string, path: string): string | undefined {
  const places =
    name.includes('/') || isAbsolute(name) ? [name] : path.split(delimiter).map((each) => join(each, name));
  for (const place of places) {
    try {
      accessSync(place, constants.X_OK);
      return realpathSync(place);
    } catch {
      // Not there: try the next.
    }
  }
  return undefined;
}

const PT_INTERP = 3;
const SET_ID = 0o6000;
const HEAD_BYTES = 4096;
