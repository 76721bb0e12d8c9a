import { expect, test } from 'vitest';
import { sample } from './sample.mjs';

const all = Array.from({ length: 100 }, (_, n) => n);

test('a sample keeps the order, has no item twice, and is the same for the same seed', () => {
  const chosen = sample(all, 20, 7);
  expect(chosen).toHaveLength(20);
  expect(new Set(chosen).size).toBe(20);
  expect([...chosen].sort((a, b) => a - b)).toEqual(chosen);
  expect(sample(all, 20, 7)).toEqual(chosen);
  expect(sample(all, 20, 8)).not.toEqual(chosen);
});

test('a sample larger than the list is the whole list', () => {
  expect(sample(all, 1000, 1)).toEqual(all);
});
