import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Frames, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { INBOUND, OUTBOUND, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { PcapWriterPiece } from './pcap-writer.ts';
import { pcapWriterDescription, readPcapWriterSettings } from './pcap-writer-description.ts';
import { packetsIn } from './testing/capture-bytes.ts';

/* Formats, times, directions, statistics; what a writer does with its file is tested in pcap.test.ts. */

const protocols = new Protocols();
let folder: string;
let frames: Frames;
let context: RecordingContext;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'writer-'));
  frames = new Frames({ smallRows: 16, largeRows: 0 });
  context = new RecordingContext();
});
afterEach(() => {
  expect(frames.freeRows).toBe(frames.rows);
  rmSync(folder, { recursive: true });
});

const WALL_MS = 1_600_000_000_250;

function start(name: string, settings: Record<string, string> = {}): PcapWriterPiece {
  const given = Object.entries({ file: join(folder, name), ...settings });
  const piece = new PcapWriterPiece(context, frames, protocols, given, () => WALL_MS);
  expect(piece.start()).toEqual([]);
  piece.join({ edge: 0, described: 0, shape: 0, joint: 'lan', properties: [] });
  piece.takeOver();
  return piece;
}

function frame(protocol = 'ipv4', length = 40): number {
  const row = frames.allocate(length);
  const at = frames.start[row]!;
  frames.bytes.fill(7, at, at + length);
  frames.begin(row, at, length, protocols.number(protocol));
  return row;
}

function record(piece: PcapWriterPiece, row: number, shape = 0): void {
  const inbox = new Inbox(4);
  inbox.push(row, shape << 16, 0);
  piece.process(1, inbox, 4);
  expect(inbox.length).toBe(0);
}

const read = (name: string) => packetsIn(readFileSync(join(folder, name)));
const magic = (name: string) => readFileSync(join(folder, name)).toString('hex', 0, 4);

test.each([
  ['a.pcapng', {}, '0a0d0d0a'],
  ['a', {}, '0a0d0d0a'],
  ['a.pcap', {}, 'd4c3b2a1'],
  ['A.CAP', {}, 'd4c3b2a1'],
  ['a.pcap.old', {}, '0a0d0d0a'],
  ['a.pcap', { format: 'pcapng' }, '0a0d0d0a'],
  ['a.pcapng', { format: 'pcap' }, 'd4c3b2a1'],
  ['a.pcap', { format: 'pcap-ns' }, '4d3cb2a1'],
])('%s with %o begins with %s, with frames and without', (name, settings, begin) => {
  start(name, settings).close();
  expect(magic(name)).toBe(begin);
  const piece = start(name, settings);
  record(piece, frame());
  piece.close();
  expect(magic(name)).toBe(begin);
  expect(read(name).packets).toMatchObject([{ original: 40, linkType: 101, seconds: 1_600_000_000 }]);
});

test('a pcap file without frames has the link type of its stack', () => {
  for (const [stack, linkType] of [
    ['ethernet/ip', 1],
    ['ppp', 9],
    ['sll', 113],
    ['ip/udp', 101],
  ] as const) {
    start('a.pcap', { stack }).close();
    expect(readFileSync(join(folder, 'a.pcap')).readUInt32LE(20)).toBe(linkType);
  }
});

test('a pcap file has one link type, and pcapng one interface for each', () => {
  for (const [name, found, lost] of [
    ['a.pcap', [113, 113], 1],
    ['a.pcapng', [113, 1, 113], 0],
  ] as const) {
    context = new RecordingContext();
    const piece = start(name);
    for (const protocol of ['sll', 'ethernet', 'sll']) record(piece, frame(protocol));
    piece.close();
    expect(read(name).packets.map(({ linkType }) => linkType)).toEqual(found);
    expect(context.counters.get('other-link')).toBe(lost);
  }
});

test('each protocol that a capture knows is recorded as what it is', () => {
  const piece = start('a');
  const names = ['ethernet', 'ppp', 'pppoe', 'sll', 'sll2', 'ipv4', 'ipv6'];
  for (const name of names) record(piece, frame(name));
  record(piece, frame('tcp'));
  piece.close();
  expect(read('a').packets.map(({ linkType }) => linkType)).toEqual([1, 9, 51, 113, 276, 101, 101]);
  expect(context.counters.get('unknown-link')).toBe(1);
});

test('a frame out of a capture keeps its time, unless it shall not', () => {
  for (const [times, seconds, nanoseconds] of [
    ['original', 5, 123_456_789],
    ['now', 1_600_000_000, 250_000_000],
  ] as const) {
    const piece = start(times, { times });
    const row = frame();
    frames.recordedSeconds[row] = 5;
    frames.recordedNanoseconds[row] = 123_456_789;
    record(piece, row);
    // The row is free again, and the next frame in it is of now.
    record(piece, frame());
    piece.close();
    expect(read(times).packets).toMatchObject([
      { seconds, nanoseconds },
      { seconds: 1_600_000_000, nanoseconds: 250_000_000 },
    ]);
  }
});

test('with both directions the Shape says which way a frame went', () => {
  const piece = start('both', { direction: 'both' });
  record(piece, frame(), 0);
  record(piece, frame(), 1);
  piece.close();
  expect(read('both').packets.map(({ direction }) => direction)).toEqual([OUTBOUND, INBOUND]);
  expect(piece.description.edges[0]!.shapes.map(({ direction }) => direction)).toEqual(['up', 'down']);
  const one = start('one', { direction: 'up' });
  record(one, frame());
  one.close();
  expect(read('one').packets.map(({ direction }) => direction)).toEqual([UNKNOWN_DIRECTION]);
});

describe('a pcapng file', () => {
  test.each([
    [{}, 'lan'],
    [{ interface: 'eth7' }, 'eth7'],
  ])('with %o names the interface', (settings, name) => {
    const piece = start('a', settings);
    record(piece, frame());
    piece.close();
    expect(read('a').reader.interfaceName).toBe(name);
    expect(readFileSync(join(folder, 'a')).includes('piece here')).toBe(true);
  });

  test('ends with the frames that the writer lost, since it began', () => {
    context.counters.add('queue-full', 5);
    const piece = start('a');
    record(piece, frame());
    record(piece, frame('tcp'));
    context.counters.add('queue-full', 2);
    context.counters.add('recorded', 9);
    piece.close();
    expect(read('a').reader.dropped).toBe(3);
  });

  test('has frames that could not leave, with a comment; a pcap file has none of them', async () => {
    const unfit = () => {
      const row = frame();
      const at = row * MAX_PARTS * PART_WORDS;
      // An unfinished header that is shorter than any of its kind.
      frames.partCount[row] = 0;
      frames.addPart(row, protocols.number('ipv4') | (2 << 24), frames.start[row]!, 10);
      frames.addPart(row, 1 << 16, frames.start[row]! + 10, 30);
      expect(frames.partWords[at + 2]).toBe(10);
      return row;
    };
    const fragment = () => {
      const row = frame();
      frames.messageIds[row] = frames.newMessageId();
      return row;
    };
    const piece = start('a');
    for (const row of [unfit(), fragment(), frame(), unfit()]) record(piece, row);
    piece.close();
    expect(read('a').packets).toHaveLength(4);
    const text = readFileSync(join(folder, 'a'), 'latin1');
    const comments = [
      ...text.matchAll(
        /the headers cannot be completed: ipv4-truncated \(unfit\)|a fragment of a frame that is larger than a row \(too-large\)/g,
      ),
    ];
    expect(comments.map(([found]) => found.slice(0, 11))).toEqual([
      'the headers',
      'a fragment ',
      'the headers',
    ]);
    expect(context.counters.get('unfit')).toBe(0);
    const classic = start('a.pcap');
    for (const row of [unfit(), fragment(), frame()]) record(classic, row);
    classic.close();
    expect(read('a.pcap').packets).toHaveLength(1);
    expect([context.counters.get('unfit'), context.counters.get('too-large')]).toEqual([1, 1]);
  });
});

test('a pcap file goes on without a second header, after a change and after a forced end', () => {
  const first = start('a.pcap');
  record(first, frame('ethernet'));
  const second = new PcapWriterPiece(
    context,
    frames,
    protocols,
    [['file', join(folder, 'a.pcap')]],
    () => WALL_MS,
  );
  second.succeed([first]);
  expect(second.start()).toEqual([]);
  second.takeOver();
  first.close();
  record(second, frame('ethernet', 41));
  // It remembers the link type.
  record(second, frame('ppp', 42));
  second.close();
  context.isResumed = true;
  const third = start('a.pcap');
  record(third, frame('ethernet', 43));
  third.close();
  expect(read('a.pcap').packets.map(({ original }) => original)).toEqual([40, 41, 43]);
  expect(context.counters.get('other-link')).toBe(1);
  // Nothing was recorded before the end: there is no header yet.
  writeFileSync(join(folder, 'b.pcap'), '');
  const fourth = start('b.pcap');
  record(fourth, frame('ppp', 44));
  fourth.close();
  expect(read('b.pcap').packets).toMatchObject([{ original: 44, linkType: 9 }]);
});

test('a piece of another format does not take the file over', () => {
  const first = start('a', { format: 'pcap' });
  const given = Object.entries({ file: join(folder, 'a'), format: 'pcapng' });
  const second = new PcapWriterPiece(context, frames, protocols, given);
  second.succeed([first]);
  expect(() => second.start()).toThrow('another capture is written to it');
  second.close();
  first.close();
});

test('a change ends a section with its statistics, and begins another', () => {
  const first = start('a', { interface: 'one' });
  record(first, frame());
  record(first, frame('tcp'));
  const given = Object.entries({ file: join(folder, 'a'), interface: 'two' });
  const second = new PcapWriterPiece(context, frames, protocols, given, () => WALL_MS);
  second.succeed([first]);
  expect(second.start()).toEqual([]);
  second.takeOver();
  first.close();
  record(second, frame('ethernet', 41));
  second.close();
  const { packets, reader } = read('a');
  expect(packets).toMatchObject([{ original: 40 }, { original: 41, interfaceNumber: 0, linkType: 1 }]);
  expect(reader.dropped).toBe(1);
  expect(reader.interfaceName).toBe('two');
});

describe('a file that another program', () => {
  const status = () => `${context.statuses.at(-1)?.health}: ${context.statuses.at(-1)?.summary}`;
  /** A change as `funnel apply` makes it with the same configuration. */
  const again = (piece: PcapWriterPiece, name: string): PcapWriterPiece => {
    const given = Object.entries({ file: join(folder, name) });
    const next = new PcapWriterPiece(context, frames, protocols, given, () => WALL_MS);
    next.succeed([piece]);
    expect(next.start()).toEqual([]);
    next.takeOver();
    piece.close();
    return next;
  };

  test.each(['moved', 'removed', 'replaced'])('%s is written where it is, until a change', async (what) => {
    const piece = start('a.pcapng');
    expect([status(), piece.deviates]).toEqual(['good: records', false]);
    record(piece, frame());
    await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(1));
    if (what === 'removed') rmSync(join(folder, 'a.pcapng'));
    else renameSync(join(folder, 'a.pcapng'), join(folder, 'a.1'));
    if (what === 'replaced') writeFileSync(join(folder, 'a.pcapng'), 'older');
    expect(piece.deviates).toBe(true);
    record(piece, frame());
    const next = again(piece, 'a.pcapng');
    expect([status(), next.deviates]).toEqual(['good: records', false]);
    record(next, frame());
    next.close();
    if (what !== 'removed') expect(read('a.1').packets.length).toBe(2);
    expect(read('a.pcapng').packets.length).toBe(1);
  });

  test.each(['a.pcapng', 'a.pcap'])('emptied holds a readable capture of what follows: %s', async (name) => {
    const piece = start(name, { format: name.slice(2) });
    for (let n = 0; n < 3; n++) record(piece, frame());
    await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(3));
    truncateSync(join(folder, name));
    record(piece, frame());
    await vi.waitFor(() => expect(context.counters.get('not-written')).toBe(1));
    expect(status()).toBe('failed: cannot write: another program emptied the file');
    record(piece, frame());
    await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(4));
    expect(status()).toBe('good: records');
    record(piece, frame());
    piece.close();
    expect(read(name).packets.length).toBe(2);
    expect(context.logs.map(({ message }) => message)).toEqual([
      expect.stringContaining('and the capture begins anew'),
    ]);
  });

  test('emptied just before the end is left empty', async () => {
    const piece = start('a.pcapng');
    record(piece, frame());
    await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(1));
    truncateSync(join(folder, 'a.pcapng'));
    piece.close();
    expect(readFileSync(join(folder, 'a.pcapng')).length).toBe(0);
  });
});

test('the next reader of a pipe gets a capture of its own', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const refused = new PcapWriterPiece(context, frames, protocols, [['file', pipe]]);
  expect(() => refused.start()).toThrow('is a pipe without a reader. Start the reader first');
  const first = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const piece = start('pipe');
  record(piece, frame());
  await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(1));
  const bytes = Buffer.alloc(4096);
  expect(packetsIn(bytes.subarray(0, readSync(first, bytes))).packets.length).toBe(1);
  closeSync(first);
  record(piece, frame());
  await vi.waitFor(() => expect(context.counters.get('not-written')).toBe(1));
  expect(context.statuses.at(-1)).toMatchObject({ health: 'failed', facts: { file: pipe } });
  const second = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  record(piece, frame());
  await vi.waitFor(() => expect(context.counters.get('recorded')).toBe(2));
  expect(context.statuses.at(-1)).toMatchObject({ health: 'good' });
  expect(packetsIn(bytes.subarray(0, readSync(second, bytes))).packets.length).toBe(1);
  closeSync(second);
  piece.close();
});

test('settings that cannot be are named', () => {
  const given = Object.entries({ format: 'erf', direction: 'left', times: 'soon', snaplen: '0' });
  const { problems } = readPcapWriterSettings(given, protocols);
  expect(problems.map(({ setting }) => setting)).toEqual(['file', 'format', 'direction', 'snaplen', 'times']);
  const properties = (direction: 'up' | 'down' | 'peer') =>
    pcapWriterDescription({ stack: 'ip', direction }).edges[0]!.shapes[0]!.properties.map(
      ({ property }) => property.name,
    );
  expect(properties('up')).toEqual(['framed', 'ordered', 'duplicate-free', 'low-delay']);
  expect(properties('down')).toEqual(['framed']);
});
