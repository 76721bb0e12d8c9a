import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seedOf } from './seed.mjs';

test.each([
  ['the tree of the commit', {}, '0f00ba5e', (0x0f00ba5).toString()],
  ['0 without git', {}, '', '0'],
  ['what FUNNEL_SEED says', { FUNNEL_SEED: '7' }, '0f00ba5e', '7'],
])('the seed is %s', (_what, env, tree, expected) => {
  expect(seedOf(env, () => tree)).toBe(expected);
});

test('another one each time, where FUNNEL_SEED is random', () => {
  const seeds = new Set(Array.from({ length: 20 }, () => seedOf({ FUNNEL_SEED: 'random' })));
  expect(seeds.size).toBeGreaterThan(1);
});

test.each(['-1', '1e3', 'seven', '12345678901'])('FUNNEL_SEED is not %s', (given) => {
  expect(() => seedOf({ FUNNEL_SEED: given })).toThrow('set a whole number, or random');
});

test('properties draw from it, unless they state a seed', () => {
  const drawn = (seed?: number) => {
    const numbers: number[] = [];
    const property = fc.property(fc.nat(), (number) => {
      numbers.push(number);
    });
    fc.assert(property, { numRuns: 5, ...(seed === undefined ? {} : { seed }) });
    return numbers;
  };
  expect(drawn()).toEqual(drawn(Number(process.env.FUNNEL_SEED)));
  expect(drawn()).not.toEqual(drawn(Number(process.env.FUNNEL_SEED) + 1));
});
