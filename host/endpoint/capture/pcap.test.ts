import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { internetSum } from '../../frame/checksum.ts';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { BlockFile } from './block-file.ts';
import { CaptureReader } from './capture-reader.ts';
import { PcapReaderPiece } from './pcap-reader.ts';
import { PcapWriterPiece } from './pcap-writer.ts';

const protocols = new Protocols();
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capture-'));
  file = join(folder, 'a.pcapng');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const joining = { edge: 3, described: 0, shape: 0, joint: 'net', properties: [] };

/** A frame of `length` bytes that begins with `protocol`, and whose last byte is `mark`. */
function frameOf(frames: Frames, protocol: string, length: number, mark = 0): number {
  const row = frames.allocate(length);
  const at = frames.start[row]!;
  frames.bytes.fill(0, at, at + length);
  const { bytes } = frames;
  if (protocol === 'ipv6') {
    // No next header.
    bytes.set([0x60, 0, 0, 0, (length - 40) >> 8, length - 40, 59, 64], at);
  } else {
    // A protocol for experiments (253), and the header checksum.
    bytes.set([0x45, 0, length >> 8, length, 0, 0, 0, 0, 64, 253], at);
    const checksum = ~internetSum(frames, at, at + 20);
    bytes.set([checksum >> 8, checksum], at + 10);
  }
  frames.bytes[at + length - 1] = mark;
  frames.begin(row, at, length, protocols.number(protocol));
  return row;
}

function write(frames: Frames, rows: readonly number[], settings: Record<string, string> = {}) {
  const context = new RecordingContext();
  const piece = new PcapWriterPiece(context, frames, protocols, Object.entries({ file, ...settings }));
  expect(piece.start()).toEqual([]);
  piece.takeOver();
  const inbox = new Inbox(4096);
  for (const row of rows) inbox.push(row, 0, 0);
  while (inbox.length > 0) piece.process(12.5, inbox, 256);
  return { piece, context };
}

function packetsOf(path: string) {
  const reader = new CaptureReader();
  reader.push(readFileSync(path));
  const found: {
    linkType: number;
    captured: number;
    original: number;
    mark: number;
    microseconds: number;
  }[] = [];
  while (reader.next()) {
    const { linkType, captured, original, seconds, nanoseconds } = reader.packet;
    const microseconds = seconds * 1e6 + nanoseconds / 1e3;
    found.push({
      linkType,
      captured,
      original,
      mark: reader.buffer[reader.start + captured - 1]!,
      microseconds,
    });
  }
  expect(reader.isInBlock).toBe(false);
  return found;
}

describe('pcap-writer', () => {
  test('records frames by their link, all of them when it closes', () => {
    const frames = new Frames({ smallRows: 16, largeRows: 2 });
    const before = Date.now() * 1000;
    const { piece, context } = write(frames, [
      frameOf(frames, 'ipv4', 40, 1),
      frameOf(frames, 'ethernet', 60, 2),
      frameOf(frames, 'ipv6', 60_000, 3),
      frameOf(frames, 'udp', 30, 4),
    ]);
    piece.close();
    piece.close();
    const found = packetsOf(file);
    expect(found.map(({ microseconds: _, ...rest }) => rest)).toEqual([
      { linkType: 101, captured: 40, original: 40, mark: 1 },
      { linkType: 1, captured: 60, original: 60, mark: 2 },
      { linkType: 101, captured: 60_000, original: 60_000, mark: 3 },
    ]);
    expect(found[0]!.microseconds).toBeGreaterThanOrEqual(before);
    expect(found[0]!.microseconds).toBeLessThanOrEqual((Date.now() + 1) * 1000);
    expect(context.counters.get('recorded')).toBe(3);
    expect(context.counters.get('unknown-link')).toBe(1);
    expect(frames.freeRows).toBe(frames.rows);
  });

  test('cuts frames at the snap length', () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 100)], { snaplen: '33' }).piece.close();
    expect(packetsOf(file)).toMatchObject([{ captured: 33, original: 100 }]);
  });

  test('is readable even if it was not closed', async () => {
    const frames = new Frames({ smallRows: 1024, largeRows: 0 });
    const { piece, context } = write(
      frames,
      Array.from({ length: 1000 }, (_, n) => frameOf(frames, 'ipv4', 1500, n)),
    );
    await context.counted('recorded', 1000);
    expect(packetsOf(file).map(({ mark }) => mark)).toEqual(Array.from({ length: 1000 }, (_, n) => n & 255));
    piece.close();
  });

  test('continues the recording of the former lane, if that was ended', () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 100, 1)]).piece.close();
    const context = new RecordingContext();
    context.isResumed = true;
    const piece = new PcapWriterPiece(context, frames, protocols, [['file', file]]);
    expect(piece.start()).toEqual([]);
    piece.takeOver();
    const inbox = new Inbox(4);
    inbox.push(frameOf(frames, 'ipv6', 60, 2), 0, 0);
    piece.process(1, inbox, 4);
    piece.close();
    expect(packetsOf(file)).toMatchObject([{ mark: 1 }, { mark: 2 }]);
    // Otherwise a capture starts anew.
    write(frames, []).piece.close();
    expect(packetsOf(file)).toEqual([]);
  });

  test('leaves frames that the buffer cannot take in the queue, and loses none', async () => {
    const frames = new Frames({ smallRows: 0, largeRows: 1 });
    const row = frameOf(frames, 'ipv4', 66_000);
    for (let n = 0; n < 99; n++) frames.retain(row);
    const { piece } = write(frames, []);
    const inbox = new Inbox(128);
    for (let n = 0; n < 100; n++) inbox.push(row, 0, 0);
    expect(piece.process(5, inbox, 256)).toBeLessThan(50);
    expect(inbox.length).toBeGreaterThan(0);
    while (inbox.length > 0) {
      piece.process(5, inbox, 256);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    piece.close();
    expect(packetsOf(file)).toHaveLength(100);
    expect(frames.freeRows).toBe(frames.rows);
  });

  test('leaves its file unchanged until the change is certain', () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 40, 1)]).piece.close();
    const before = readFileSync(file);
    const made = join(folder, 'made.pcapng');
    for (const path of [file, made]) {
      const piece = new PcapWriterPiece(new RecordingContext(), frames, protocols, [['file', path]]);
      expect(piece.start()).toEqual([]);
      piece.close();
    }
    expect(readFileSync(file)).toEqual(before);
    expect(existsSync(made)).toBe(false);
  });

  test('is refused if another capture writes the file or reads it', () => {
    const frames = new Frames({ smallRows: 64, largeRows: 0 });
    const busy = expect.objectContaining({
      code: 'FT_PCAP_FILE',
      message: expect.stringMatching(/another capture/),
    });
    const { piece } = write(frames, [frameOf(frames, 'ipv4', 40, 1)]);
    const other = () => new PcapWriterPiece(new RecordingContext(), frames, protocols, [['file', file]]);
    expect(() => other().start()).toThrow(busy);
    piece.close();
    const reader = new PcapReaderPiece(new RecordingContext(), frames, protocols, [['file', file]]);
    expect(reader.start()).toEqual([]);
    expect(() => other().start()).toThrow(busy);
    reader.close();
    expect(packetsOf(file)).toMatchObject([{ mark: 1 }]);
    const last = other();
    expect(last.start()).toEqual([]);
    last.close();
  });

  test('records the time of the wall clock, even after it was set', () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    let wallMs = 1_000_000_000_000;
    const piece = new PcapWriterPiece(
      new RecordingContext(),
      frames,
      protocols,
      [['file', file]],
      () => wallMs,
    );
    piece.start();
    piece.takeOver();
    const inbox = new Inbox();
    const record = (now: number) => {
      inbox.push(frameOf(frames, 'ipv4', 40), 0, 0);
      piece.process(now, inbox, 8);
    };
    record(10);
    wallMs += 1;
    // The lane's clock is finer than the wall clock.
    record(10.25);
    wallMs += 3_600_000;
    record(20);
    wallMs -= 7_200_000;
    record(30);
    piece.close();
    expect(packetsOf(file).map(({ microseconds }) => microseconds / 1000 - 1_000_000_000_000)).toEqual([
      0, 0.25, 3_600_001, -3_599_999,
    ]);
  });

  test('a full disk is reported once and counted, and the lane continues', ({ skip }) => {
    if (statSync('/dev/full', { throwIfNoEntry: false })?.isCharacterDevice() !== true)
      skip('there is no device /dev/full here');
    const frames = new Frames({ smallRows: 8, largeRows: 0 });
    const { piece, context } = write(frames, [frameOf(frames, 'ipv4', 40), frameOf(frames, 'ipv4', 40)], {
      file: '/dev/full',
    });
    piece.close();
    expect(context.counters.get('not-written')).toBe(2);
    expect(context.logs).toMatchObject([
      { level: 'error', message: expect.stringContaining('FT_PCAP_FILE') },
    ]);
  });

  test('reports all mistakes', () => {
    const context = new RecordingContext();
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const make = (settings: Record<string, string>) =>
      new PcapWriterPiece(context, frames, protocols, Object.entries(settings)).start();
    expect(make({ stack: 'ipx', direction: 'left' }).map(({ setting }) => setting)).toEqual([
      'file',
      'stack',
      'direction',
    ]);
    expect(() => make({ file: join(folder, 'none', 'a') })).toThrow(
      expect.objectContaining({ code: 'FT_PCAP_FILE' }),
    );
  });
});

test('after a failed write, the file is whole, and later frames are readable', async () => {
  const events: string[] = [];
  const made = new BlockFile(
    file,
    {
      cut: () => {},
      written: (n) => events.push(`written ${n}`),
      failed: (_, n) => events.push(`failed ${n}`),
    },
    { chunks: 2, chunkBytes: 8 },
  );
  made.begin();
  const put = (text: string) => {
    const chunk = made.reserve(text.length);
    if (chunk === undefined) return false;
    chunk.bytes.set(new TextEncoder().encode(text), chunk.end);
    made.append(chunk, chunk.end + text.length, 1);
    return true;
  };
  expect([put('abcd'), put('efgh'), put('ijklm'), put('nopq'), put('too large')]).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  made.close();
  expect(readFileSync(file, 'utf8')).toBe('abcdefghijklm');
  while (events.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(events).toEqual(['written 2', 'written 1']);
});

describe('pcap-reader', () => {
  async function replay(
    settings: Record<string, string>,
    frames = new Frames({ smallRows: 64, largeRows: 2 }),
  ) {
    const context = new RecordingContext();
    const piece = new PcapReaderPiece(context, frames, protocols, Object.entries({ file, ...settings }));
    const marks: number[] = [];
    context.onArrived = () => {
      for (const row of context.rows.splice(0)) {
        marks.push(frames.bytes[frames.start[row]! + frames.length[row]! - 1]!);
        frames.release(row);
      }
    };
    expect(piece.start()).toEqual([]);
    piece.join(joining);
    const start = performance.now();
    while (!context.logs.some(({ message }) => /at its end|FT_PCAP/.test(message))) {
      if (performance.now() - start > 60_000) throw new Error('the reader did not come to the end');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    piece.close();
    return { context, marks, frames, elapsedMs: performance.now() - start };
  }

  test('replays the written frames in order, even if the lane has few rows', async () => {
    const frames = new Frames({ smallRows: 512, largeRows: 1 });
    const rows = Array.from({ length: 500 }, (_, n) => frameOf(frames, n % 2 ? 'ipv6' : 'ipv4', 50 + n, n));
    write(frames, [...rows, frameOf(frames, 'ipv6', 60_000, 7)]).piece.close();
    const { marks, frames: used } = await replay(
      { speed: 'fast' },
      new Frames({ smallRows: 10, largeRows: 1 }),
    );
    expect(marks).toEqual([...Array.from({ length: 500 }, (_, n) => n & 255), 7]);
    expect(used.freeRows).toBe(used.rows);
  });

  test('does not repeat frames that the former lane may have replayed, if that was ended', async () => {
    const frames = new Frames({ smallRows: 64, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 100, 1)]).piece.close();
    const context = new RecordingContext();
    context.isResumed = true;
    const piece = new PcapReaderPiece(context, frames, protocols, [['file', file]]);
    expect(piece.start()).toEqual([]);
    piece.join(joining);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(context.rows).toEqual([]);
    expect(context.logs).toMatchObject([
      { level: 'warn', message: expect.stringContaining('is not replayed') },
    ]);
    piece.close();
    expect(frames.freeRows).toBe(frames.rows);
  });

  test('keeps the pace of the recording', async () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    const context = new RecordingContext();
    let now = 0;
    const writer = new PcapWriterPiece(context, frames, protocols, [['file', file]], () => now);
    writer.start();
    writer.takeOver();
    const inbox = new Inbox();
    for (now of [1000, 1060, 1120]) {
      inbox.push(frameOf(frames, 'ipv4', 40), 0, 0);
      writer.process(now, inbox, 8);
    }
    writer.close();
    const { marks, elapsedMs } = await replay({});
    expect(marks).toHaveLength(3);
    expect(elapsedMs).toBeGreaterThan(110);
  });

  test('skips records that are not whole frames, and counts them by name', async () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 100)], { snaplen: '33' }).piece.close();
    const { context, marks } = await replay({});
    expect(marks).toEqual([]);
    expect(context.counters.get('cut-short')).toBe(1);
  });

  test('a file with a mistake ends there, and the place is reported', async () => {
    const frames = new Frames({ smallRows: 4, largeRows: 0 });
    write(frames, [frameOf(frames, 'ipv4', 40, 5)]).piece.close();
    const good = readFileSync(file);
    writeFileSync(file, Buffer.concat([good, Buffer.from('0600000007000000ffffffff', 'hex')]));
    const { context, marks } = await replay({ speed: 'fast' });
    expect(marks).toEqual([5]);
    expect(context.logs).toMatchObject([
      { level: 'error', message: expect.stringMatching(new RegExp(`FT_PCAP_FORMAT.*byte ${good.length}:`)) },
    ]);
    writeFileSync(file, Buffer.concat([good, Buffer.from('0600', 'hex')]));
    const cut = await replay({ speed: 'fast' });
    expect(cut.marks).toEqual([5]);
    expect(cut.context.logs[0]).toMatchObject({
      level: 'warn',
      message: expect.stringContaining(`byte ${good.length}`),
    });
  });

  test('reads a pipe while its writer fills it, and waits for neither', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const recorded = new Frames({ smallRows: 4, largeRows: 0 });
    write(
      recorded,
      [1, 2, 3].map((mark) => frameOf(recorded, 'ipv4', 40, mark)),
    ).piece.close();
    const bytes = readFileSync(file);
    const frames = new Frames({ smallRows: 16, largeRows: 0 });
    const context = new RecordingContext();
    const piece = new PcapReaderPiece(context, frames, protocols, [['file', pipe]]);
    expect(piece.start()).toEqual([]);
    piece.join(joining);
    const writer = openSync(pipe, 'w');
    // Half a block, its rest, and all others arrive separately.
    const lastBlock = bytes.lastIndexOf(Buffer.from([6, 0, 0, 0, 72, 0, 0, 0]));
    writeSync(writer, bytes, 0, lastBlock - 10);
    await context.arrival(1);
    expect(context.logs).toEqual([]);
    writeSync(writer, bytes, lastBlock - 10);
    await context.arrival(3);
    closeSync(writer);
    await expect.poll(() => context.logs).toMatchObject([{ message: expect.stringContaining('3 frames') }]);
    for (const row of context.rows) frames.release(row);
    piece.close();
    expect(frames.freeRows).toBe(frames.rows);
  });

  test('refuses bytes that are not a capture, also from a pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const context = new RecordingContext();
    const piece = new PcapReaderPiece(context, frames, protocols, [['file', pipe]]);
    expect(piece.start()).toEqual([]);
    piece.join(joining);
    const writer = openSync(pipe, 'w');
    writeSync(writer, 'not a capture');
    await expect
      .poll(() => context.logs)
      .toMatchObject([{ level: 'error', message: expect.stringContaining('FT_PCAP_FORMAT') }]);
    closeSync(writer);
    piece.close();
  });

  test('refuses a file that is not a capture, and a missing file', () => {
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const start = (path: string) =>
      new PcapReaderPiece(new RecordingContext(), frames, protocols, [['file', path]]).start();
    writeFileSync(file, 'not a capture');
    expect(() => start(file)).toThrow(expect.objectContaining({ code: 'FT_PCAP_FORMAT' }));
    expect(() => start(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'FT_PCAP_FILE' }));
    expect(() => start(folder)).toThrow(expect.objectContaining({ code: 'FT_PCAP_FILE' }));
  });
});
