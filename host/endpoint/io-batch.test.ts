import { beforeEach, describe, expect, it } from 'vitest';
import { Frames, HEADROOM, SMALL_ROOM, TAILROOM } from '../frame/frames.ts';
import { Counters } from '../piece/counters.ts';
import type { PieceContext } from '../piece/piece.ts';
import type { BatchArrays, FunnelIo } from './addon.ts';
import { IoBatch } from './io-batch.ts';

const SLOTS = 64;
const READ_ROOM = SMALL_ROOM - HEADROOM - TAILROOM;

let frames: Frames;
let arrays: BatchArrays;
let calls: string[];
let counters: Counters;
const io = {
  createBatch: (given: BatchArrays) => {
    arrays = given;
    return 3;
  },
  releaseBatch: (batch: number) => calls.push(`release ${batch}`),
  gather: (batch: number, slot: number, address: number, length: number) =>
    calls.push(`gather ${batch} ${slot} ${address} ${length}`),
} as unknown as FunnelIo;
const context = { count: (name: string, n: number) => counters.add(name, n) } as unknown as PieceContext;
const used = () => frames.rows - frames.freeRows;
const make = () => new IoBatch(io, frames, () => {});

beforeEach(() => {
  frames = new Frames({ smallRows: 2 * SLOTS + 8, largeRows: 1 });
  calls = [];
  counters = new Counters();
});

describe('a batch of reads', () => {
  it('has a row for each slot, and gives all back when it is closed, once', () => {
    const batch = make();
    expect([batch.number, used(), arrays.slots, arrays.room]).toEqual([3, SLOTS, SLOTS, READ_ROOM]);
    expect(new Set(arrays.addresses).size).toBe(SLOTS);
    batch.close();
    batch.close();
    expect([used(), calls]).toEqual([0, ['release 3']]);
  });

  it('is refused where the lane has not so many rows, and takes none', () => {
    frames = new Frames({ smallRows: SLOTS - 2, largeRows: 1 });
    expect(make).toThrow(RangeError);
    expect(used()).toBe(0);
    frames = new Frames({ smallRows: SLOTS, largeRows: 0 });
    make().close();
    expect(used()).toBe(0);
  });

  it('hands a row on with the length that was read, and reads into another', () => {
    const batch = make();
    const addresses = [...arrays.addresses];
    batch.lengths[5] = 100;
    const row = batch.take(5);
    expect([frames.start[row], frames.length[row], frames.partCount[row]]).toEqual([addresses[5], 100, 0]);
    expect(arrays.addresses[5]).not.toBe(addresses[5]);
    expect([...arrays.addresses].filter((address, n) => address !== addresses[n])).toHaveLength(1);
    frames.release(row);
    batch.close();
    expect(used()).toBe(0);
  });

  it.each([
    [READ_ROOM, false],
    [READ_ROOM + 1, true],
  ])('gathers a frame of %i bytes from the spill: %s', (length, isGathered) => {
    const batch = make();
    const before = arrays.addresses[2]!;
    batch.lengths[2] = length;
    const row = batch.take(2);
    expect(calls).toEqual(isGathered ? [`gather 3 2 ${frames.start[row]} ${length}`] : []);
    expect(arrays.addresses[2] === before).toBe(isGathered);
    expect(frames.length[row]).toBe(length);
    frames.release(row);
    batch.close();
    expect(used()).toBe(0);
  });

  it('loses a frame, and keeps the row of its slot, where the lane has none free', () => {
    const batch = make();
    const rest: number[] = [];
    for (let row = frames.allocate(1); row >= 0; row = frames.allocate(1)) rest.push(row);
    const before = [...arrays.addresses];
    batch.lengths.fill(100);
    expect(batch.take(0)).toBe(-1);
    batch.lengths[1] = READ_ROOM + 1;
    expect(batch.take(1)).toBe(-1);
    expect([...arrays.addresses]).toEqual(before);
    expect(calls).toEqual([]);
    for (const row of rest) frames.release(row);
    batch.close();
    expect(used()).toBe(0);
  });
});

describe('a batch of writes', () => {
  const stage = (batch: IoBatch, n: number) => batch.stage(frames.allocate(10), 1000 + n, 2000 + n, n);

  it('is full with 64 frames, and releases them when it is settled', () => {
    const batch = make();
    const isFull = Array.from({ length: SLOTS }, (_, n) => stage(batch, n));
    expect(isFull).toEqual(Array.from({ length: SLOTS }, (_, n) => n === SLOTS - 1));
    expect([batch.staged, used()]).toEqual([SLOTS, 2 * SLOTS]);
    expect([...arrays.outAddresses]).toEqual(isFull.map((_, n) => 1000 + n));
    expect([...arrays.outHeaders]).toEqual(isFull.map((_, n) => 2000 + n));
    expect([...arrays.outLengths]).toEqual(isFull.map((_, n) => n));
    batch.settle(SLOTS, context, []);
    expect([batch.staged, used()]).toEqual([0, SLOTS]);
    expect([...counters.entries()]).toEqual([]);
    stage(batch, 7);
    expect([batch.staged, arrays.outAddresses[0]]).toEqual([1, 1007]);
    batch.close();
    expect([batch.staged, used()]).toEqual([0, 0]);
  });

  it('counts what was not written, by the kind of failure, once', () => {
    const names = Array.from({ length: 8 }, (_, kind) => `kind-${kind}`);
    const batch = make();
    for (let n = 0; n < 5; n++) stage(batch, n);
    arrays.tally[0] = 1;
    arrays.tally[7] = 3;
    batch.settle(1, context, names);
    expect([...counters.entries()]).toEqual([
      ['kind-0', 1],
      ['kind-7', 3],
    ]);
    stage(batch, 0);
    batch.settle(0, context, names);
    expect([counters.get('kind-0'), counters.get('kind-7')]).toEqual([1, 3]);
    batch.close();
    expect(used()).toBe(0);
  });
});
