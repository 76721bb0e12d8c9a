import { expect, it } from 'vitest';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { QuietHost } from '../testing/quiet-host.ts';
import type { CallState } from './call-state.ts';
import { hostFunction } from './host-functions.ts';

/* The status of a component is a table of a few lines: its facts are limited before the host lifts any. */

class Reports extends QuietHost {
  readonly all: PieceStatus[] = [];

  override status(status: PieceStatus): void {
    this.all.push(status);
  }
}

/** A guest's memory, and the function `status` as its code would call it. */
function guest() {
  const bytes = new Uint8Array(1 << 20);
  let free = 16;
  const memory = {
    view: () => new DataView(bytes.buffer),
    bytes: () => bytes,
    realloc: () => {
      throw new Error('a status returns nothing');
    },
  };
  const host = new Reports();
  const state = { checkImport: () => {}, messages: 0, fault: undefined } as never as CallState;
  let fuel = 0;
  const counter = {
    take: (units: number) => {
      fuel += units;
      return true;
    },
  };
  const call = hostFunction('status', memory as never, host, state, counter as never) as never as (
    ...args: number[]
  ) => void;
  const text = (value: string): [number, number] => {
    const written = new TextEncoder().encode(value);
    bytes.set(written, free);
    free += written.length;
    return [free - written.length, written.length];
  };
  const status = (
    health: number,
    summary: string,
    facts: readonly (readonly [string, string])[],
    count = facts.length,
  ): void => {
    const [summaryAt, summaryLength] = text(summary);
    const words = facts.flatMap(([name, value]) => [...text(name), ...text(value)]);
    free = (free + 3) & ~3;
    const at = free;
    for (const [n, word] of words.entries()) memory.view().setUint32(at + n * 4, word, true);
    free += words.length * 4;
    call(health, summaryAt, summaryLength, at, count);
  };
  return { host, status, usedFuel: () => fuel };
}

const facts = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, n) => [`fact-${n}`, `value ${n}`]);

it('lifts a status with its facts, in their order', () => {
  const { host, status } = guest();
  status(0, 'has an address', [
    ['router', 'reachable'],
    ['address', 'fc64::1'],
  ]);
  expect(host.all).toEqual([
    { health: 'good', summary: 'has an address', facts: { router: 'reachable', address: 'fc64::1' } },
  ]);
  expect(Object.keys(host.all[0]!.facts)).toEqual(['router', 'address']);
});

it('takes 32 facts, and faults a piece that reports more, also where the list is not in memory', () => {
  const { host, status } = guest();
  status(0, 'all', facts(32));
  expect(Object.keys(host.all[0]!.facts)).toHaveLength(32);
  for (const [given, count] of [
    [33, 33],
    [1, 0xffff_ffff],
    [1, 70_000],
  ] as const)
    expect(() => status(0, 'more', facts(given), count)).toThrow(/more than 32 facts/);
  expect(host.all).toHaveLength(1);
});

it('cuts long texts, and shows none of them as it could steer a terminal', () => {
  const { host, status } = guest();
  status(1, 's'.repeat(5000), [
    ['n'.repeat(5000), 'v'.repeat(5000)],
    ['e', '\u001b[31m\u202e'],
  ]);
  const [{ summary, facts: shown }] = host.all as [PieceStatus];
  const [[name, value], [, escaped]] = Object.entries(shown) as [[string, string], [string, string]];
  expect([summary.length, name.length, value.length]).toEqual([201, 41, 201]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for these
  expect(escaped).not.toMatch(/[\u001b\u202e]/);
});

it('charges fuel for the bytes of all its texts', () => {
  const small = guest();
  small.status(0, 'x', [['a', 'b']]);
  const large = guest();
  large.status(0, 'x'.repeat(1000), [['a'.repeat(2000), 'b'.repeat(4000)]]);
  expect(large.usedFuel() - small.usedFuel()).toBe(999 + 1999 + 3999);
});

it('faults a piece that reports a health which does not exist', () => {
  const { host, status } = guest();
  expect(() => status(4, 'x', [])).toThrow();
  expect(host.all).toEqual([]);
});
