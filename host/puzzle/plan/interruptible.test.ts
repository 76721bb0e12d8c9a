import { afterEach, describe, expect, it, vi } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { StackMemo } from '../../stack/stack-memo.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { arranging } from './arrange.ts';
import { joiningByDefault } from './default-policy.ts';

/*
 * A stranger's piece may describe 256 Shapes, each with a stack of 512 characters. The thread that plans a
 * puzzle has other work, so planning yields between any two of them.
 */

afterEach(() => {
  vi.restoreAllMocks();
});

const SHAPES = 256;
/** Few of {@link SHAPES}: a fraction of a millisecond. */
const A_FEW = 32;
const ports = (shape: number) => Array.from({ length: 40 }, (_, n) => 1000 + shape * 40 + n).join();
const wide = (direction: string, wish = '') =>
  Array.from({ length: SHAPES }, (_, shape) => `ip/udp/{${ports(shape)}} ${direction}${wish}`);

/** The most calls that lie between two yields. */
function mostBetweenYields(work: Generator<void, unknown>): { parsed: number; matched: number } {
  const parsed = vi.spyOn(StackMemo.prototype, 'parsed');
  const matched = vi.spyOn(StackMemo.prototype, 'match');
  const most = { parsed: 0, matched: 0 };
  for (let isDone = false; !isDone; ) {
    isDone = work.next().done === true;
    most.parsed = Math.max(most.parsed, parsed.mock.calls.length);
    most.matched = Math.max(most.matched, matched.mock.calls.length);
    parsed.mockClear();
    matched.mockClear();
  }
  return most;
}

describe('planning yields after each stack', () => {
  it.each([
    ['that are joined by default', {}],
    ['on one network', { b: ['n'] }],
  ])('of many Shapes %s', (_, networks) => {
    const places = [
      samplePlace('one', { b: wide('up') }, networks),
      samplePlace('two', { b: wide('down') }, networks),
    ];
    const protocols = new Protocols();
    for (const work of [joiningByDefault(protocols, places), arranging(protocols, places, new Map())]) {
      const { parsed, matched } = mostBetweenYields(work);
      expect(parsed).toBeLessThanOrEqual(A_FEW);
      expect(matched).toBeLessThanOrEqual(A_FEW);
    }
  });

  it('of many Shapes in conflict, and seeks pieces that would help for the first few only', () => {
    const edges = { a: ['ip/udp up'], b: ['ip/udp down available framed'] };
    const help = samplePlace('help', edges, {}, { curves: ['0/0 1/0'] });
    const networks = { b: ['n'] };
    const places = [
      samplePlace('one', { b: wide('up', ' required framed') }, networks),
      samplePlace('two', { b: wide('down') }, networks),
    ];
    const work = arranging(new Protocols(), places, new Map(), [help.description]);
    const { parsed, matched } = mostBetweenYields(work);
    expect(parsed).toBeLessThanOrEqual(A_FEW);
    expect(matched).toBeLessThanOrEqual(A_FEW);
  });
});
