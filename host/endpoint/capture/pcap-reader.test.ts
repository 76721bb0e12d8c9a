import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { INBOUND, OUTBOUND } from './captured-packet.ts';
import { PcapReaderPiece } from './pcap-reader.ts';
import { readPcapReaderSettings } from './pcap-reader-description.ts';
import { captureBytes, type TestCapture, type TestPacket } from './testing/capture-bytes.ts';

/* The way of the packets of a file. pcap.test.ts and tests beside the readers test how a file is read. */

const protocols = new Protocols();
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reader-'));
  file = join(folder, 'a.pcapng');
});
afterEach(() => rmSync(folder, { recursive: true }));

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
/** IPv4, UDP without a checksum. */
const RIGHT = '4500001c000000004011f6cdc0000201c00002020001000200080000';
/** The same as a system leaves it to its network card. */
const OFFLOADED = '4500001c0000000040110000c0000201c00002020001000200080000';

async function replay(bytes: Uint8Array, settings: Record<string, string> = {}) {
  writeFileSync(file, bytes);
  const frames = new Frames({ smallRows: 64, largeRows: 1 });
  const context = new RecordingContext();
  const given = Object.entries({ file, speed: 'fast', ...settings });
  const piece = new PcapReaderPiece(context, frames, protocols, given);
  expect(piece.start()).toEqual([]);
  expect(context.sources).toEqual(['open']);
  piece.join({ edge: 3, described: 0, shape: 0, joint: 'net', properties: [] });
  await expect.poll(() => context.sources, { timeout: 30_000 }).toHaveLength(2);
  const got = context.rows.map((row) => {
    const at = frames.start[row]!;
    const found = {
      hex: Buffer.from(frames.bytes.subarray(at, at + frames.length[row]!)).toString('hex'),
      time: [frames.recordedSeconds[row], frames.recordedNanoseconds[row]],
    };
    frames.release(row);
    return found;
  });
  piece.close();
  expect(frames.freeRows).toBe(frames.rows);
  expect(context.edgeShapes.every((each) => each === 3)).toBe(true);
  return { context, got, messages: context.logs.map(({ level, message }) => `${level}: ${message}`) };
}

const capture = (packets: readonly TestPacket[], options: TestCapture = {}) => captureBytes(packets, options);

test('frames have the times of their packets, also out of gzip', async () => {
  const packets = [
    { bytes: hex(RIGHT), seconds: 5, nanoseconds: 6 },
    { bytes: hex(RIGHT), seconds: 4, nanoseconds: 999_999_999 },
  ];
  for (const bytes of [capture(packets), gzipSync(capture(packets))]) {
    const { got, context, messages } = await replay(bytes);
    expect(got.map(({ time }) => time)).toEqual([
      [5, 6],
      [4, 999_999_999],
    ]);
    expect(messages).toEqual([`info: ${file} is at its end: 2 frames`]);
    expect(context.sources).toEqual(['open', 'ended']);
    expect(context.statuses.at(-1)).toEqual({
      health: 'good',
      summary: `${file} is at its end`,
      facts: { frames: '2' },
    });
  }
});

test('packets of one direction are replayed, where the file or a header has it', async () => {
  const link = (type: string) => hex(`${type}00010006aabbccddeeff00000800${RIGHT}`);
  const packets: TestPacket[] = [
    { bytes: hex(RIGHT), direction: INBOUND },
    { bytes: hex(`${RIGHT}aa`), direction: OUTBOUND },
    { bytes: hex(`${RIGHT}bbbb`) },
    { bytes: link('0000'), linkType: 113 },
    { bytes: link('0004'), linkType: 113 },
    // The file counts more than the header.
    { bytes: hex(`00002100${RIGHT}`).slice(1), linkType: 9, direction: INBOUND },
  ];
  const lengths = async (which: string) => {
    const { got, context } = await replay(capture(packets), { packets: which });
    expect(got.length + context.counters.get('other-way')).toBe(packets.length);
    return got.map(({ hex }) => hex.length / 2);
  };
  expect(await lengths('all')).toEqual([28, 29, 30, 44, 44, 31]);
  expect(await lengths('inbound')).toEqual([28, 44, 31]);
  expect(await lengths('outbound')).toEqual([29, 44]);
});

test('offloaded frames are mended where that is wished; otherwise the first one brings a hint', async () => {
  const packets = [RIGHT, OFFLOADED, OFFLOADED].map((text) => ({ bytes: hex(text) }));
  const plain = await replay(capture(packets));
  expect(plain.got.map(({ hex }) => hex)).toEqual([RIGHT, OFFLOADED, OFFLOADED]);
  expect(plain.messages).toEqual([
    `warn: frame 2 of ${file} has a wrong IPv4 header checksum, as where a network card does such work; the setting \`mend: true\` fills it in, and without it such frames may end on their way`,
    `info: ${file} is at its end: 3 frames`,
  ]);
  const mended = await replay(capture(packets), { mend: 'true' });
  expect(mended.got.map(({ hex }) => hex)).toEqual([RIGHT, RIGHT, RIGHT]);
  expect(mended.messages).toEqual([`info: ${file} is at its end: 3 frames, 2 of them mended`]);
  expect(mended.context.statuses.at(-1)?.facts).toEqual({ frames: '3', mended: '2' });
});

test('unknown link types are counted and named, each once and not without end', async () => {
  const packets = [127, 127, 105, 101, ...Array.from({ length: 19 }, (_, n) => 147 + n)].map((linkType) => ({
    bytes: hex(RIGHT),
    linkType,
  }));
  const { context, got, messages } = await replay(capture(packets));
  expect(got).toHaveLength(1);
  expect(context.counters.get('unknown-link')).toBe(packets.length - 1);
  expect(messages[0]).toBe(
    `warn: unknown-link: 127 (802.11 with radiotap header): frames of this link type in ${file} are passed over; \`funnel piece doc pcap-reader\` lists those that are read`,
  );
  expect(messages[1]).toMatch(/^warn: unknown-link: 105 \(802\.11\): /);
  expect(messages.filter((message) => message.includes('unknown-link'))).toHaveLength(8);
  expect(context.statuses.at(-1)?.facts['unknown-link']).toMatch(
    /^127 \(802\.11 with radiotap header\), 105 \(802\.11\), 147 \(private 0\), /,
  );
});

test('what is no whole frame is passed over by name', async () => {
  const packets: TestPacket[] = [
    { bytes: hex(RIGHT), captured: 27 },
    { bytes: new Uint8Array(), linkType: 101 },
    { bytes: hex('02000000'), linkType: 0 },
    { bytes: hex('0200'), linkType: 0 },
    { bytes: new Uint8Array(66_241).fill(0x45) },
    { bytes: hex(RIGHT) },
  ];
  const { context, got } = await replay(capture(packets));
  expect(got).toHaveLength(1);
  expect([...context.counters.entries()]).toEqual([
    ['cut-short', 1],
    ['not-a-frame', 4],
  ]);
});

test('missing packets of a capture are reported at its end', async () => {
  const whole = capture([{ bytes: hex(RIGHT) }], { lost: 7 });
  const lost = await replay(whole);
  expect(lost.messages).toEqual([
    `warn: ${file} lacks 7 packets, which were lost when it was recorded`,
    `info: ${file} is at its end: 1 frames`,
  ]);
  expect(lost.context.statuses.at(-1)?.facts).toEqual({ frames: '1', 'lost-when-recorded': '7' });
  // Random bytes do not pack, so half of them stand in the first half.
  const noise = Uint8Array.from({ length: 60_000 }, (_, n) => (n * n * 31) >> 5);
  const packed = gzipSync(capture([{ bytes: hex(RIGHT) }, { bytes: noise }]));
  const cut = await replay(packed.subarray(0, packed.length - 20));
  expect(cut.messages[0]).toBe(`warn: ${file}: the gzip data ends early: its writer was cut off`);
  expect(cut.context.sources).toEqual(['open', 'ended']);
});

test('a mistake in the middle is a failure', async () => {
  const bad = Buffer.concat([capture([{ bytes: hex(RIGHT) }]), Buffer.alloc(8000, 1)]);
  for (const bytes of [bad, gzipSync(bad)]) {
    const { context, got, messages } = await replay(bytes);
    expect(got).toHaveLength(1);
    expect(messages.at(-1)).toMatch(
      /^error: FT_PCAP_FORMAT: .*at byte \d+: a block has an invalid length of 16843009 bytes$/,
    );
    expect(context.sources).toEqual(['open', 'failed']);
    expect(context.statuses.at(-1)).toMatchObject({
      health: 'failed',
      summary: expect.stringContaining('at byte'),
    });
  }
});

test('what begins as no capture is refused at the start, also within gzip', () => {
  const frames = new Frames({ smallRows: 1, largeRows: 0 });
  const start = (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    return new PcapReaderPiece(new RecordingContext(), frames, protocols, [['file', file]]).start();
  };
  const refused = (text: RegExp) =>
    expect.objectContaining({ code: 'FT_PCAP_FORMAT', message: expect.stringMatching(text) });
  expect(() => start(gzipSync('not a capture'))).toThrow(
    refused(/at byte 0: this is neither a pcapng nor a pcap file/),
  );
  expect(() => start(hex('28b52ffd00'))).toThrow(refused(/compressed by Zstandard/));
  expect(() => start(hex('1f8b0800000000000003ffffffff'))).toThrow(refused(/the gzip data is damaged/));
});

test('frames that come in are counted, and nothing is read before the Edge is joined or while it is not ready', async () => {
  writeFileSync(file, capture([{ bytes: hex(RIGHT) }]));
  const frames = new Frames({ smallRows: 4, largeRows: 0 });
  const context = new RecordingContext();
  const piece = new PcapReaderPiece(context, frames, protocols, [['file', file]]);
  piece.start();
  const inbox = new Inbox(4);
  inbox.push(frames.allocate(10), 0, 0);
  inbox.push(frames.allocate(10), 0, 0);
  expect(piece.process(0, inbox, 1)).toBe(Infinity);
  expect([inbox.length, context.counters.get('answered-a-recording')]).toEqual([1, 1]);
  piece.process(0, inbox, 1);
  expect(frames.freeRows).toBe(4);
  piece.ready(3, false);
  piece.join({ edge: 3, described: 0, shape: 0, joint: 'net', properties: [] });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(context.rows).toEqual([]);
  piece.ready(3, true);
  await context.arrival(1);
  frames.release(context.rows[0]!);
  piece.leave();
  piece.close();
});

test('settings that cannot be are named', () => {
  const given = Object.entries({
    speed: 'slow',
    packets: 'some',
    mend: 'yes',
    direction: 'left',
    stack: 'ipx',
  });
  const { problems } = readPcapReaderSettings(given, protocols);
  expect(problems.map(({ setting }) => setting)).toEqual([
    'file',
    'speed',
    'stack',
    'direction',
    'packets',
    'mend',
  ]);
});
