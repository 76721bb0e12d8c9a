import { expect, it } from 'vitest';
import { changeAtRandom } from './random-changes.ts';

it('accounts for every frame through hundreds of random changes, and a failed one is not noticed', async () => {
  const { applied, refused, frames } = await changeAtRandom(400, 20_261_123);
  expect(applied).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(50);
  expect(frames).toBeGreaterThan(400);
});
