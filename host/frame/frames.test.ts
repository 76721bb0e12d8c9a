import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Frames,
  HEADROOM,
  LARGE_ROOM,
  MAX_FRAME_BYTES,
  MAX_PARTS,
  PART_WORDS,
  SMALL_ROOM,
  TAILROOM,
} from './frames.ts';

const SMALL = 3;
const LARGE = 2;
const SMALL_BYTES = SMALL_ROOM - HEADROOM - TAILROOM;

type Command = { does: 'allocate'; length: number } | { does: 'retain' | 'release'; which: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    does: fc.constant('allocate'),
    length: fc.constantFrom(0, 1, 64, SMALL_BYTES, SMALL_BYTES + 1, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1),
  }),
  fc.record({ does: fc.constantFrom('retain', 'release'), which: fc.nat(9) }),
);

describe('Frames', () => {
  it('releases many rows at a time, including shared ones and large ones', () => {
    const frames = new Frames({ smallRows: SMALL, largeRows: LARGE });
    const rows = Int32Array.from([10, MAX_FRAME_BYTES, 10, 10], (length) => frames.allocate(length));
    frames.retain(rows[2]!);
    expect(frames.releaseAll(rows, 0, 4)).toBe(MAX_FRAME_BYTES + 30);
    expect(frames.freeRows).toBe(SMALL + LARGE - 1);
    expect([...rows].map((row) => frames.references[row])).toEqual([0, 0, 1, 0]);
    frames.release(rows[2]!);
    expect(frames.freeRows).toBe(SMALL + LARGE);
    expect(() => frames.releaseAll(rows, 3, 4)).toThrow(/more often/);
  });

  it('allocates and releases rooms like a model of counts', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const frames = new Frames({ smallRows: SMALL, largeRows: LARGE });
        const held = new Map<number, number>();
        let fewest = SMALL + LARGE;
        for (const each of commands) {
          const rows = [...held.keys()];
          const small = rows.filter((row) => row < SMALL).length;
          if (each.does === 'allocate') {
            const fits =
              (each.length <= SMALL_BYTES && small < SMALL) ||
              (each.length <= MAX_FRAME_BYTES && rows.length - small < LARGE);
            const row = frames.allocate(each.length);
            expect(row >= 0).toBe(fits);
            if (!fits) continue;
            expect(held.has(row)).toBe(false);
            held.set(row, 1);
            expect([frames.length[row], frames.partCount[row], frames.hops[row]]).toEqual([
              each.length,
              0,
              0,
            ]);
            expect(frames.start[row]! - frames.roomStart(row)).toBe(HEADROOM);
            expect(frames.start[row]! + each.length + TAILROOM).toBeLessThanOrEqual(frames.roomEnd(row));
            expect([frames.rowAt(frames.roomStart(row)), frames.rowAt(frames.roomEnd(row) - 1)]).toEqual([
              row,
              row,
            ]);
          } else if (rows.length > 0) {
            const row = rows[each.which % rows.length]!;
            const references = held.get(row)! + (each.does === 'retain' ? 1 : -1);
            if (each.does === 'retain') frames.retain(row);
            // Alone, or among those of an array from one index up to another.
            else if (each.which % 2 === 0) frames.release(row);
            else frames.releaseAll(Int32Array.of(-1, row, -1), 1, 2);
            if (references === 0) held.delete(row);
            else held.set(row, references);
            expect(frames.references[row]).toBe(references);
          }
          fewest = Math.min(fewest, SMALL + LARGE - held.size);
          expect(frames.freeRows).toBe(SMALL + LARGE - held.size);
          expect(frames.lowWater).toBe(fewest);
        }
      }),
    );
  });

  it('has adjacent rooms that fill its memory', () => {
    const frames = new Frames({ smallRows: SMALL, largeRows: LARGE });
    let at = 0;
    for (let row = 0; row < frames.rows; row++) {
      expect(frames.roomStart(row)).toBe(at);
      at = frames.roomEnd(row);
      expect(at % 8).toBe(0);
    }
    expect(at).toBe(frames.roomsEnd);
    expect(at).toBe(SMALL * SMALL_ROOM + LARGE * LARGE_ROOM);
    expect(frames.rowAt(at)).toBe(-1);
  });

  it('copies a recorded time whole, and a fresh row has none', () => {
    const frames = new Frames({ smallRows: 2, largeRows: 0 });
    const [from, to] = [frames.allocate(1), frames.allocate(1)];
    const none = frames.recordedNanoseconds[to];
    frames.recordedSeconds[from] = 1234;
    frames.recordedNanoseconds[from] = 5678;
    frames.copyTime(to, from);
    expect([frames.recordedSeconds[to], frames.recordedNanoseconds[to]]).toEqual([1234, 5678]);
    frames.release(to);
    expect(frames.recordedNanoseconds[frames.allocate(1)]).toBe(none);
  });

  it('detects a release too many', () => {
    const frames = new Frames({ smallRows: 1, largeRows: 0 });
    const row = frames.allocate(1);
    frames.release(row);
    expect(() => frames.release(row)).toThrow('released more often');
  });

  it('holds exactly as many parts as its limit', () => {
    const frames = new Frames({ smallRows: 2, largeRows: 0 });
    const row = frames.allocate(100);
    for (let part = 0; part < MAX_PARTS; part++) expect(frames.addPart(row, part, part, 1)).toBe(true);
    expect(frames.addPart(row, 1, 1, 1)).toBe(false);
    expect(frames.partCount[row]).toBe(MAX_PARTS);
    expect([
      ...frames.partWords.subarray((row * MAX_PARTS + 5) * PART_WORDS, (row * MAX_PARTS + 6) * PART_WORDS),
    ]).toEqual([5, 5, 1]);
    frames.begin(row, frames.start[row]!, 7, 9);
    expect([frames.partCount[row], frames.length[row]]).toEqual([1, 7]);
  });
});
