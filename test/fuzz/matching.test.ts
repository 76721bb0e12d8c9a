import { expect, it } from 'vitest';
import { compareMatching } from './matching.ts';

// A million pairs; the seeds that are new each time stand in the titles.
const seeds = [1, 2, ...Array.from({ length: 2 }, () => 1 + Math.floor(Math.random() * 2 ** 31))];

it.each(seeds)(
  'matching agrees with a literal reading of the specification on 250000 pairs (seed %i)',
  (seed) => {
    const { disagreement, matched, pairs } = compareMatching(250_000, seed);
    expect(disagreement).toBeUndefined();
    expect(pairs).toBe(250_000);
    expect(matched).toBeGreaterThan(50_000);
  },
);
