import type { EventEmitter } from 'node:events';
import { beforeEach, expect, it, vi } from 'vitest';
import { LaneThread } from './lane-thread.ts';

const story = vi.hoisted((): string[] => []);
const workers: EventEmitter[] = [];
vi.mock('node:v8', () => ({ setFlagsFromString: (flag: string) => void story.push(flag) }));
vi.mock('node:worker_threads', async (original) => {
  const { EventEmitter } = await import('node:events');
  class Worker extends EventEmitter {
    constructor(_file: string, { name }: { name: string }) {
      super();
      story.push(name);
      workers.push(this);
    }
  }
  return { ...(await original<typeof import('node:worker_threads')>()), Worker };
});

beforeEach(() => {
  story.length = 0;
  workers.length = 0;
});

it('the heap of a lane is made without the collections that give memory back, and other heaps with them', () => {
  new LaneThread({} as ConstructorParameters<typeof LaneThread>[0], vi.fn(), vi.fn());
  expect(story).toEqual(['--no-memory-reducer', 'funnel-lane']);
  workers[0]!.emit('online');
  expect(story.slice(2)).toEqual(['--memory-reducer']);
});
