import { expect, it } from 'vitest';
import { changeAtRandom } from './random-changes.ts';

// Ten thousand changes; the seeds that are new each time stand in the titles, and in the message when one
// fails.
const seeds = [7, 20_261_123, ...Array.from({ length: 2 }, () => Math.floor(Math.random() * 2 ** 31))];

it.each(seeds)(
  'accounts for every frame through 2500 random changes, and a failed one is not noticed (seed %i)',
  async (seed) => {
    const { applied, refused, frames } = await changeAtRandom(2500, seed);
    expect(applied).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(500);
    expect(frames).toBeGreaterThan(2500);
  },
);
