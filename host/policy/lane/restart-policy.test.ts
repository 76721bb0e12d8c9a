import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CALM_MS, FIRST_RESTART_MS, MAX_RESTART_MS } from '../../puzzle/runtime/seat.ts';
import type { PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { RestartPolicy } from './restart-policy.ts';

const fault = { code: 'FT_FAULT_STALL', message: 'it kept the lane' };
const restart = { failure: 'restart', identity: 'x' } as const;
let due: string[];
let policy: RestartPolicy;

beforeEach(() => {
  vi.useFakeTimers();
  due = [];
  policy = new RestartPolicy((piece) => due.push(piece));
});
afterEach(() => {
  policy.stop();
  vi.useRealTimers();
});

/** Loses the piece, waits until it is due, and lets it run. @returns the delay */
function delayOfRestart(): number {
  const from = performance.now();
  policy.lose('six', fault, restart);
  due.length = 0;
  while (due.length === 0) vi.advanceTimersToNextTimer();
  const delayMs = performance.now() - from;
  policy.beginReturn('six')!.complete();
  return delayMs;
}

it('doubles the delay with each fault up to a limit, and begins anew after a calm time', () => {
  const delays = Array.from({ length: 7 }, delayOfRestart);
  expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30].map((times) => times * FIRST_RESTART_MS));
  expect(delays.at(-1)).toBe(MAX_RESTART_MS);
  vi.advanceTimersByTime(CALM_MS + 1);
  expect(delayOfRestart()).toBe(FIRST_RESTART_MS);
});

it('takes exactly a calm minute for one that is not over', () => {
  delayOfRestart();
  vi.advanceTimersByTime(CALM_MS);
  expect(delayOfRestart()).toBe(2 * FIRST_RESTART_MS);
});

it('is due once after several faults, by the delay of the last', () => {
  policy.lose('six', fault, restart);
  vi.advanceTimersByTime(FIRST_RESTART_MS - 1);
  policy.lose('six', fault, restart);
  vi.advanceTimersByTime(2 * FIRST_RESTART_MS - 1);
  expect(due).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(due).toEqual(['six']);
  vi.advanceTimersByTime(10 * MAX_RESTART_MS);
  expect(due).toEqual(['six']);
});

it('counts a cancelled restart as no calm time', () => {
  policy.lose('six', fault, restart);
  vi.advanceTimersByTime(FIRST_RESTART_MS);
  policy.beginReturn('six')!.cancel();
  vi.advanceTimersByTime(CALM_MS + 1);
  expect(delayOfRestart()).toBe(2 * FIRST_RESTART_MS);
  // And so where the piece had returned before: what counts is that time.
  policy.lose('six', fault, restart);
  policy.beginReturn('six')!.cancel();
  vi.advanceTimersByTime(CALM_MS + 1);
  expect(delayOfRestart()).toBe(FIRST_RESTART_MS);
});

it('begins with the first delay, and with no calm time, where a piece of that name was removed', () => {
  for (let n = 0; n < 3; n++) delayOfRestart();
  policy.forget('six');
  expect(delayOfRestart()).toBe(FIRST_RESTART_MS);
  vi.advanceTimersByTime(CALM_MS + 1);
  policy.forget('six');
  policy.lose('six', fault, restart);
  const from = performance.now();
  policy.lose('six', fault, restart);
  due.length = 0;
  while (due.length === 0) vi.advanceTimersToNextTimer();
  expect(performance.now() - from).toBe(2 * FIRST_RESTART_MS);
});

it('never lets a piece with another policy run again', () => {
  policy.lose('six', fault, { ...restart, failure: 'closed' });
  vi.advanceTimersByTime(10 * MAX_RESTART_MS);
  expect(due).toEqual([]);
  expect(policy.faultOf('six')).toBe(fault);
});

it('leaves a piece lost, and due again soon, when its restart is cancelled', () => {
  policy.lose('six', fault, restart);
  vi.advanceTimersByTime(FIRST_RESTART_MS);
  const attempt = policy.beginReturn('six')!;
  expect(policy.isLost('six')).toBe(false);
  attempt.cancel();
  expect(policy.faultOf('six')).toBe(fault);
  due.length = 0;
  vi.advanceTimersByTime(FIRST_RESTART_MS);
  expect(due).toEqual(['six']);
});

it('knows a lost piece in another puzzle by name and identity', () => {
  policy.lose('six', fault, restart);
  const pieces = (name: string, identity: string) => [{ spec: { place: { name }, identity } as never }];
  expect([...policy.lostIn(pieces('six', 'x'))]).toEqual([['six', fault]]);
  expect([...policy.lostIn(pieces('six', 'y'))]).toEqual([]);
  expect([...policy.lostIn(pieces('tap', 'x'))]).toEqual([]);
  policy.lose('nameless', fault, { failure: 'closed', identity: undefined });
  expect([...policy.lostIn(pieces('tap', 'x'))]).toEqual([]);
  policy.keepLost(new Set(['six']));
  expect([policy.isLost('six'), policy.isLost('nameless')]).toEqual([true, false]);
  policy.keepLost(new Set());
  expect(policy.isLost('six')).toBe(false);
  vi.advanceTimersByTime(MAX_RESTART_MS);
  expect(due).toEqual([]);
});

it('counts faults and restarts until the piece is removed', () => {
  delayOfRestart();
  policy.lose('six', fault, undefined);
  const snapshot = { name: 'six', faults: 10, restarts: 20 } as PieceSnapshot;
  expect(policy.withCounts(snapshot)).toMatchObject({ faults: 12, restarts: 21 });
  policy.forget('six');
  expect(policy.withCounts(snapshot)).toBe(snapshot);
});
