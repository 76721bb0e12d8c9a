import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CaptureSource, PackedError } from './capture-source.ts';

let folder: string;
let file: string;
let sources: CaptureSource[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'source-'));
  file = join(folder, 'a');
  sources = [];
});
afterEach(() => {
  for (const source of sources) source.close();
  rmSync(folder, { recursive: true });
});

/** All that a source brings, and how it ends. */
function read(path: string): Promise<{ bytes: Buffer; largest: number; error: Error | undefined }> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const done = (error?: Error) =>
      resolve({
        bytes: Buffer.concat(pieces),
        largest: Math.max(0, ...pieces.map(({ length }) => length)),
        error,
      });
    const source = new CaptureSource(path, {
      arrived: (bytes) => {
        pieces.push(Buffer.from(bytes));
        source.readMore();
        // A second call while one is under way asks for nothing.
        source.readMore();
      },
      ended: () => done(),
      failed: done,
    });
    sources.push(source);
    source.readMore();
  });
}

const contents = Buffer.from(Array.from({ length: 700_000 }, (_, n) => (n * n) >> 7));

test.each([
  ['as it is', contents],
  ['with one byte', Buffer.of(0x1f)],
  ['empty', Buffer.alloc(0)],
])('a file %s is read whole', async (_, bytes) => {
  writeFileSync(file, bytes);
  expect(await read(file)).toMatchObject({ bytes, error: undefined });
});

test('gzip is unpacked, from a file and from a pipe, in one member or more', async () => {
  const packed = gzipSync(contents);
  writeFileSync(file, packed);
  expect((await read(file)).bytes.equals(contents)).toBe(true);
  writeFileSync(file, Buffer.concat([gzipSync('one '), gzipSync('two')]));
  expect((await read(file)).bytes.toString()).toBe('one two');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reading = read(pipe);
  const writer = openSync(pipe, 'w');
  // The two bytes that identify gzip come one by one.
  const small = gzipSync('by pipe');
  writeSync(writer, small, 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  writeSync(writer, small, 1);
  closeSync(writer);
  expect((await reading).bytes.toString()).toBe('by pipe');
});

test('what unpacks to a thousand times its size comes in small pieces', async () => {
  // 64 MiB in 64 KiB.
  writeFileSync(file, gzipSync(Buffer.alloc(64 << 20)));
  const { bytes, largest, error } = await read(file);
  expect([bytes.length, error]).toEqual([64 << 20, undefined]);
  expect(largest).toBeLessThanOrEqual(256 * 1024);
});

test('gzip that is cut off brings the bytes before the cut, and reports it; damaged gzip is an error', async () => {
  const packed = gzipSync(contents);
  writeFileSync(file, packed.subarray(0, packed.length - 9));
  const cut = await read(file);
  expect(cut.bytes.equals(contents.subarray(0, cut.bytes.length))).toBe(true);
  expect(cut.bytes.length).toBeGreaterThan(0);
  expect(cut.error).toMatchObject({ name: 'PackedError', isCut: true, message: 'the gzip data ends early' });
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, 1000, 1020);
  writeFileSync(file, damaged);
  expect((await read(file)).error).toMatchObject({ isCut: false, message: 'the gzip data is damaged' });
});

test('the begin can be seen without reading on, also of gzip', async () => {
  const peek = (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    const source = new CaptureSource(file, { arrived() {}, ended() {}, failed() {} });
    sources.push(source);
    expect(source.isAtHand).toBe(true);
    return Buffer.from(source.peek());
  };
  expect(peek(contents)).toEqual(contents.subarray(0, 4096));
  const seen = peek(gzipSync(contents));
  expect(seen.length).toBeGreaterThan(100);
  expect(seen.equals(contents.subarray(0, seen.length))).toBe(true);
  expect(() => peek(Buffer.from('1f8b0800000000000003ffffffff', 'hex'))).toThrow(PackedError);
  expect(() => {
    const source = new CaptureSource(folder, { arrived() {}, ended() {}, failed() {} });
    sources.push(source);
    source.peek();
  }).toThrow('EISDIR');
});

test('after it was closed it brings nothing, and holds no descriptor of the lock', async () => {
  writeFileSync(file, contents);
  let events = 0;
  const count = () => {
    events++;
  };
  const source = new CaptureSource(file, { arrived: count, ended: count, failed: count });
  source.readMore();
  source.close();
  source.close();
  source.readMore();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(events).toBe(0);
});
