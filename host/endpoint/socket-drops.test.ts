import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SocketDrops } from './socket-drops.ts';

const channels = new Set<number>();
const looks: number[] = [];
let drops = 0;
let counted = 0;
let each: SocketDrops;

beforeEach(() => {
  vi.useFakeTimers();
  channels.clear();
  looks.length = 0;
  drops = counted = 0;
  const io = {
    takeDrops: (channel: number) => {
      looks.push(channel);
      return drops;
    },
  };
  const context = {
    count: (name: string, frames: number) => {
      expect(name).toBe('queue-overrun');
      counted += frames;
    },
  };
  each = new SocketDrops(io, context, () => channels);
});
afterEach(() => {
  each.close();
  vi.useRealTimers();
});

it('drops are counted every second', () => {
  for (let n = 0; n < 5; n++) channels.add(n);
  drops = 2;
  vi.advanceTimersByTime(999);
  expect(counted).toBe(0);
  vi.advanceTimersByTime(1);
  expect(counted).toBe(10);
  vi.advanceTimersByTime(1000);
  expect(counted).toBe(20);
});

it('thousands of sockets are looked at in shares, each once in a round', () => {
  for (let n = 0; n < 8000; n++) channels.add(n);
  vi.advanceTimersByTime(1000);
  expect(looks.length).toBe(64);
  for (let before = 64; before < 8000; before = looks.length) {
    vi.advanceTimersByTime(10);
    expect(looks.length).toBe(Math.min(before + 64, 8000));
  }
  expect(looks).toEqual([...channels]);
  vi.advanceTimersByTime(1000);
  expect(looks.length).toBe(8000);
  vi.advanceTimersByTime(10);
  expect(looks.length).toBe(8064);
});

it('a socket that is closed in the middle of a round is not looked at, and one that is opened is', () => {
  for (let n = 0; n < 100; n++) channels.add(n);
  vi.advanceTimersByTime(1000);
  channels.delete(99);
  channels.add(1000);
  vi.advanceTimersByTime(10);
  expect(looks).toEqual([...channels]);
});

it('nothing is looked at after the end', () => {
  channels.add(1);
  each.close();
  vi.advanceTimersByTime(5000);
  expect(looks).toEqual([]);
});
