import { describe, expect, it } from 'vitest';
import { LaneMemory } from './lane-memory.ts';

describe('the memory of a lane', () => {
  it('has regions that share no cache line, up to its last byte, and -1 where it is full', () => {
    const memory = new LaneMemory(65_536);
    expect([memory.take(1), memory.take(64), memory.take(65)]).toEqual([0, 64, 128]);
    expect(memory.take(65_536 - 256 + 1)).toBe(-1);
    expect(memory.take(65_536 - 256)).toBe(256);
    expect([memory.take(1), memory.take(64)]).toEqual([-1, -1]);
    expect(memory.take(0)).toBe(65_536);
  });

  it('has whole pages, at least as many bytes as asked', () => {
    expect([1, 65_536, 65_537].map((bytes) => new LaneMemory(bytes).buffer.byteLength)).toEqual([
      65_536, 65_536, 131_072,
    ]);
  });

  it('gives a returned region to the next that takes as much', () => {
    const memory = new LaneMemory(65_536);
    const [first, second] = [memory.take(100), memory.take(100)];
    memory.give(first, 100);
    memory.give(second, 128);
    expect(memory.take(64)).toBe(256);
    expect([memory.take(65), memory.take(128), memory.take(128)]).toEqual([second, first, 320]);
  });
});
