import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames } from '../../frame/frames.ts';
import type { Piece } from '../../piece/piece.ts';
import { nativePieces } from '../catalogue.ts';
import { ACK, SYN } from './stream-header.ts';
import { TcpPiece } from './tcp.ts';
import { protocols, type Segment, StreamBench } from './testing/stream-bench.ts';

// Many readers that take nothing, behind one endpoint: the memory that it holds for all of them is bounded.

const READERS = 4;
const BUFFER = 131_072;
const SMALL_ROOM = 2048;
const TIMEOUT_MS = 300_000;

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

interface Reader {
  readonly socket: Socket;
  readonly syn: Segment;
  sent: number;
  received: Buffer[];
}

async function readersOf(bench: StreamBench<Piece>, dial: () => Socket): Promise<Reader[]> {
  const readers: Reader[] = [];
  for (let n = 0; n < READERS; n++) {
    const socket = dial();
    await once(socket, 'connect');
    while (bench.segments.filter(({ flags }) => (flags & SYN) !== 0).length <= n) await sleep(1);
    const syn = bench.segments.filter(({ flags }) => (flags & SYN) !== 0)[n]!;
    readers.push({ socket, syn, sent: 0, received: [] });
  }
  return readers;
}

/** The byte of a stream at a place. */
const byteAt = (reader: number, at: number): number => (reader * 31 + at * 7 + (at >> 8)) & 255;

describe.each(['tcp', 'unix'])('the memory of %s for readers that take nothing', (name) => {
  const settings = (path: string): [string, string][] => [
    ...(name === 'tcp'
      ? ([
          ['port', '0'],
          ['address', '127.0.0.1'],
        ] as const)
      : ([['listen', path]] as const)
    ).map(([key, value]): [string, string] => [key, value]),
    ['buffer', String(BUFFER)],
    ['patience', '1h'],
  ];

  async function withBench(
    use: (bench: StreamBench<Piece>, readers: Reader[]) => Promise<void>,
    grantsCredit = false,
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'memory-'));
    const path = join(folder, 's');
    const bench = new StreamBench<Piece>(
      (context, frames) => nativePieces.get(name)!.make(context, frames, protocols, settings(path)),
      new Frames({ smallRows: 4096, largeRows: 8 }),
    ).start();
    const sockets: Socket[] = [];
    try {
      const dial = (): Socket => {
        const { piece } = bench;
        const socket = piece instanceof TcpPiece ? connect(piece.ports[0]!, '127.0.0.1') : connect(path);
        sockets.push(socket);
        return socket;
      };
      const readers = await readersOf(bench, dial);
      for (const { syn } of readers)
        bench.reply(syn, SYN | ACK, undefined, grantsCredit ? { window: 65_535, acknowledgement: 1 } : {});
      bench.run();
      await use(bench, readers);
      expect([...bench.context.counters.entries()].filter(([reason]) => reason !== 'control')).toEqual([]);
    } finally {
      for (const socket of sockets) socket.destroy();
      bench.piece.close();
      rmSync(folder, { recursive: true });
    }
    expect(bench.frames.freeRows).toBe(bench.frames.rows - bench.inbox.length);
  }

  /** The rows that the endpoint holds: all but those in its inbox. */
  const heldRows = ({ frames, inbox }: StreamBench<Piece>): number =>
    frames.rows - frames.freeRows - inbox.length;

  /** Sends as long as frames are taken. Resolves when the endpoint has taken none for a while. */
  async function fill(bench: StreamBench<Piece>, readers: readonly Reader[], length: number): Promise<void> {
    for (let idle = 0, turn = 0; idle < 20; ) {
      for (let n = 0; n < 64 && bench.inbox.length < 128; n++) {
        const reader = turn++ % readers.length;
        const { syn, sent } = readers[reader]!;
        readers[reader]!.sent += length;
        bench.reply(syn, ACK, Buffer.from(Uint8Array.from({ length }, (_, at) => byteAt(reader, sent + at))));
      }
      const before = bench.inbox.length;
      bench.run();
      expect(heldRows(bench) * SMALL_ROOM).toBeLessThanOrEqual(BUFFER);
      await sleep(1);
      idle = bench.inbox.length < before ? 0 : idle + 1;
    }
  }

  test.each([1400, 200])(
    'is bounded by the setting, whatever they are sent (%i bytes a frame), and nothing is lost',
    async (length) => {
      await withBench(async (bench, readers) => {
        await fill(bench, readers, length);
        // The bound is what stopped it.
        expect(heldRows(bench) * SMALL_ROOM).toBeGreaterThan(BUFFER - 2 * SMALL_ROOM);
        for (const reader of readers) reader.socket.on('data', (chunk) => reader.received.push(chunk));
        const isThere = ({ received, sent }: Reader): boolean =>
          received.reduce((sum, chunk) => sum + chunk.length, 0) === sent;
        while (!readers.every(isThere)) {
          bench.run();
          await sleep(1);
        }
        readers.forEach(({ received, sent }, reader) => {
          const expected = Buffer.from(Uint8Array.from({ length: sent }, (_, at) => byteAt(reader, at)));
          expect(Buffer.compare(Buffer.concat(received), expected)).toBe(0);
        });
        expect(heldRows(bench)).toBe(0);
      });
    },
    TIMEOUT_MS,
  );

  test(
    'leaves a stream some credit, and gives the rest back when they read',
    async () => {
      await withBench(async (bench, readers) => {
        await fill(bench, readers.slice(1), 1400);
        // A stream opens while nearly all is held: its window is small, and never nothing.
        const [first] = readers;
        bench.segments.length = 0;
        first!.socket.write('hello');
        while (bench.segments.length === 0) await sleep(1);
        expect(bench.segments[0]!.window).toBe(2048);
        for (const { socket } of readers) socket.resume();
        while (bench.inbox.length > 0 || heldRows(bench) > 0) {
          bench.run();
          await sleep(1);
        }
        bench.segments.length = 0;
        first!.socket.write('again');
        while (bench.segments.length === 0) await sleep(1);
        expect(bench.segments[0]!.window).toBe(65_535);
      }, true);
    },
    TIMEOUT_MS,
  );
});
