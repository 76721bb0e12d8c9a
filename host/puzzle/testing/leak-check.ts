import { afterEach, beforeEach, expect } from 'vitest';
import { Lane } from '../lane.ts';

/**
 * For test files that run lanes: checks that each test leaves nothing behind. After a test, every lane that
 * it started is closed, all rows are free, and the process has no handle, socket or timer that it did not
 * have before.
 *
 * Call it once, at the top of a file. Tests may close their lanes themselves.
 */
export function checkForLeaks(): void {
  const started: Lane[] = [];
  const start = Lane.prototype.start;
  let before: ReadonlyMap<string, number>;

  beforeEach(() => {
    started.length = 0;
    before = resources();
    Lane.prototype.start = function (this: Lane, ...given) {
      started.push(this);
      return start.apply(this, given);
    };
  });

  afterEach(async () => {
    Lane.prototype.start = start;
    for (const lane of started) {
      lane.close();
      expect(lane.frames.freeRows, 'rows of a lane that are free after it was closed').toBe(lane.frames.rows);
    }
    // A closed handle is gone only after a turn or two of the event loop.
    let left = whatIsMore(before);
    for (let n = 0; n < MOST_TURNS && left.length > 0; n++) {
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
      left = whatIsMore(before);
    }
    expect(left, 'handles and timers that a test has left').toEqual([]);
  }, 60_000);
}

/** Ample for a loaded machine. */
const MOST_TURNS = 3000;
const TURN_MS = 10;

/** Returns the kinds of resources that keep the process alive, with their numbers. */
export function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Returns the kinds of which there are more than before, without those that the test runner itself uses. */
export function whatIsMore(before: ReadonlyMap<string, number>): string[] {
  return [...resources()]
    .filter(([kind, count]) => count > (before.get(kind) ?? 0) && !OF_THE_RUNNER.has(kind))
    .map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`);
}

const OF_THE_RUNNER: ReadonlySet<string> = new Set([
  'FSReqCallback',
  'FSReqPromise',
  'PipeWrap',
  'MessagePort',
  'Immediate',
  'CloseReq',
]);
