import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Connection } from './connection.ts';
import { StreamQueues } from './stream-queues.ts';

interface Waiting {
  readonly row: number;
  at: number;
  left: number;
}

const newConnection = () => new Connection(1, new Uint8Array(40), true, false);

describe('the frames that wait for streams', () => {
  it('hold at most so many bytes of rooms in all, and none when they have gone', () => {
    const frames = new Frames({ smallRows: 256, largeRows: 4 });
    const roomOf = (row: number) => frames.roomEnd(row) - frames.roomStart(row);
    const step = fc.record({
      stream: fc.nat(3),
      length: fc.constantFrom(1, 1400, 9000),
      drops: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const most = 200_000;
        const queues = new StreamQueues(frames, most);
        const connections = [0, 1, 2, 3].map(newConnection);
        const held = new Map(connections.map((each) => [each, 0]));
        const all = () => [...held.values()].reduce((sum, each) => sum + each, 0);
        for (const { stream, length, drops } of steps) {
          const connection = connections[stream]!;
          const row = drops ? -1 : frames.allocate(length);
          if (row < 0) {
            queues.drop(connection);
            held.set(connection, 0);
          } else if (queues.hasRoom(connection, row)) {
            queues.add(connection, row, 0, length);
            held.set(connection, held.get(connection)! + roomOf(row));
          } else {
            // Rows, and bytes of one stream, are bounded too.
            expect(all() + roomOf(row) > most || connection.queuedRows > 0).toBe(true);
            frames.release(row);
          }
          expect([queues.held, all() <= most]).toEqual([all(), true]);
          expect(queues.share).toBe(Math.max(2048, Math.min(65_535, (most - all()) >>> 1)));
        }
        for (const connection of connections) queues.drop(connection);
        expect([queues.held, frames.freeRows]).toEqual([0, frames.rows]);
      }),
    );
  });

  it('are lists by stream, from which bytes are written in order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), stream: fc.nat(2), n: fc.nat(100) }),
      fc.record({ kind: fc.constant('write' as const), stream: fc.nat(2), n: fc.nat(300) }),
      fc.record({ kind: fc.constant('drop' as const), stream: fc.nat(2), n: fc.constant(0) }),
      fc.record({ kind: fc.constant('move' as const), stream: fc.nat(2), n: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const frames = new Frames({ smallRows: 128, largeRows: 0 });
        let queues = new StreamQueues(frames, 1 << 30);
        const connections = [0, 1, 2].map(newConnection);
        const model: Waiting[][] = [[], [], []];
        for (const { kind, stream, n } of steps) {
          const connection = connections[stream]!;
          const waiting = model[stream]!;
          if (kind === 'add' && queues.hasRoom(connection, 0)) {
            const row = frames.allocate(n);
            queues.add(connection, row, 1000 * row, n);
            waiting.push({ row, at: 1000 * row, left: n });
          } else if (kind === 'write') {
            const addresses = new Int32Array(4);
            const lengths = new Int32Array(4);
            const count = queues.stage(connection, addresses, lengths);
            expect(count).toBe(Math.min(4, waiting.length));
            expect([...addresses.subarray(0, count)]).toEqual(waiting.slice(0, 4).map(({ at }) => at));
            expect([...lengths.subarray(0, count)]).toEqual(waiting.slice(0, 4).map(({ left }) => left));
            let bytes = Math.min(
              n,
              lengths.reduce((sum, each) => sum + each, 0),
            );
            // A frame without bytes behind the last that was written stays.
            const isWhole = queues.written(connection, bytes);
            let isCut = false;
            while (bytes > 0) {
              const first = waiting[0]!;
              if (first.left > bytes) {
                first.at += bytes;
                first.left -= bytes;
                isCut = true;
                break;
              }
              bytes -= first.left;
              waiting.shift();
            }
            expect(isWhole).toBe(!isCut);
          } else if (kind === 'drop') {
            expect(queues.drop(connection)).toBe(waiting.length);
            waiting.length = 0;
          } else if (kind === 'move') {
            // A successor takes all streams over.
            const successor = new StreamQueues(frames, 1 << 30);
            for (const each of connections) successor.takeOver(queues, each);
            queues = successor;
          }
          for (const [index, each] of connections.entries()) {
            expect(each.queuedRows).toBe(model[index]!.length);
            expect(each.queuedBytes).toBe(model[index]!.reduce((sum, { left }) => sum + left, 0));
          }
          const rows = model.flat().length;
          expect(frames.rows - frames.freeRows).toBe(rows);
          // All streams together have a quarter of the lane's rows.
          expect(queues.hasRoom(newConnection(), 0)).toBe(rows < 32);
        }
        for (const each of connections) queues.drop(each);
        expect(frames.freeRows).toBe(frames.rows);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['bytes', 65_534, 1, true],
    ['bytes', 65_535, 1, false],
    ['frames', 255, 255, true],
    ['frames', 256, 256, false],
  ])('have room behind so many %s: %i in %i frames: %s', (_, bytes, rows, hasRoom) => {
    const queues = new StreamQueues(new Frames({ smallRows: 2048, largeRows: 0 }), 1 << 30);
    const connection = newConnection();
    connection.queuedBytes = bytes;
    connection.queuedRows = rows;
    expect(queues.hasRoom(connection, 0)).toBe(hasRoom);
  });

  it('of a predecessor count for the successor, and no longer for the predecessor', () => {
    const frames = new Frames({ smallRows: 16, largeRows: 0 });
    const [before, after] = [new StreamQueues(frames, 1 << 30), new StreamQueues(frames, 1 << 30)];
    const connection = newConnection();
    for (let n = 0; n < 4; n++) before.add(connection, frames.allocate(1), n, 1);
    expect([before, after].map((each) => each.hasRoom(newConnection(), 0))).toEqual([false, true]);
    after.takeOver(before, connection);
    expect([before, after].map((each) => each.hasRoom(newConnection(), 0))).toEqual([true, false]);
    expect(after.drop(connection)).toBe(4);
    expect(frames.freeRows).toBe(16);
  });
});
