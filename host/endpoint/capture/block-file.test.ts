import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockFile } from './block-file.ts';

/*
 * The tests of captures cover regular files; these tests write into a pipe, whose reader is in the same
 * process.
 */

const BLOCK_BYTES = 1000;
let folder: string;
let pipe: string;
let reader: number | undefined;
let written: number;
let lost: number;
let errors: string[];
const events = {
  written: (frames: number) => {
    written += frames;
  },
  cut: () => {},
  failed: (error: Error, frames: number) => {
    lost += frames;
    errors.push(error.message);
  },
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-pipe-'));
  pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  written = lost = 0;
  errors = [];
});

afterEach(() => {
  if (reader !== undefined) closeSync(reader);
  reader = undefined;
  rmSync(folder, { recursive: true });
});

test('a pipe without a reader is an error', () => {
  expect(() => new BlockFile(pipe, events)).toThrow(/ENXIO/);
});

test('a slow reader gets everything, in order', async () => {
  reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = new BlockFile(pipe, events);
  file.begin();
  append(file, 500);
  let got = read();
  // The rest fits into the pipe when it is closed.
  while (got.length < 450 * BLOCK_BYTES) {
    await sleep(1);
    got = Buffer.concat([got, read()]);
  }
  file.close();
  while (got.length < 500 * BLOCK_BYTES) {
    await sleep(1);
    got = Buffer.concat([got, read()]);
  }
  expect(got.equals(expected(500))).toBe(true);
  // The notification about the bytes in the pipe may come a little later.
  while (written + lost < 500) await sleep(1);
  expect([written, lost, errors]).toEqual([500, 0, []]);
});

test('if a reader stops reading, the blocks that do not fit are lost, and the end is not delayed', async () => {
  reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = new BlockFile(pipe, events, { chunks: 3, chunkBytes: 100 * BLOCK_BYTES });
  file.begin();
  const accepted = append(file, 1000);
  expect(accepted).toBe(300);
  await sleep(200);
  file.close();
  while (written + lost < accepted) await sleep(1);
  expect(errors).toEqual(['the reader of this pipe does not read']);
  expect(written + lost).toBe(accepted);
  const got = read();
  expect(got.length).toBeGreaterThan(0);
  expect(got.equals(expected(accepted).subarray(0, got.length))).toBe(true);
});

function append(file: BlockFile, blocks: number): number {
  for (let n = 0; n < blocks; n++) {
    const chunk = file.reserve(BLOCK_BYTES);
    if (chunk === undefined) return n;
    chunk.bytes.fill(n, chunk.end, chunk.end + BLOCK_BYTES);
    file.append(chunk, chunk.end + BLOCK_BYTES, 1);
  }
  return blocks;
}

function expected(blocks: number): Buffer {
  return Buffer.concat(Array.from({ length: blocks }, (_, n) => Buffer.alloc(BLOCK_BYTES, n & 0xff)));
}

/** Returns the bytes in the pipe now. */
function read(): Buffer {
  const found: Buffer[] = [];
  const room = Buffer.alloc(65_536);
  for (;;) {
    let length = 0;
    try {
      length = readSync(reader!, room);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    if (length === 0) return Buffer.concat(found);
    found.push(Buffer.from(room.subarray(0, length)));
  }
}
