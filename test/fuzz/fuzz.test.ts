import { describe, expect, it } from 'vitest';
import { fuzzEach } from './fuzz-each.ts';
import { fuzz } from './fuzz-loop.ts';
import { insist } from './fuzz-target.ts';
import { fuzzTargets } from './fuzz-targets.ts';

fuzzEach(
  'bytes from a dishonest sender',
  fuzzTargets().filter(({ name }) => !name.startsWith('piece-')),
);

describe('the fuzzer itself', () => {
  const planted = {
    name: 'planted',
    summary: 'a mistake that an input must be changed for to meet it',
    unit: 'inputs',
    maxBytes: 64,
    open: async () => ({
      seeds: [Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])],
      execute(input: Uint8Array) {
        insist(!(input[2] === 0x60 && input.length > 8), 'the planted mistake');
        return 1;
      },
    }),
  };
  const options = {
    seed: 1,
    seconds: Number.POSITIVE_INFINITY,
    corpus: [],
    isGuided: false,
    folder: 'build/fuzz',
    watches: false,
  };

  it('finds a planted fault, and keeps the input', async () => {
    const { finding } = await fuzz(planted, { ...options, count: 1_000_000 });
    expect(finding?.error).toMatchObject({ message: 'the planted mistake' });
    expect(finding!.input[2]).toBe(0x60);
  });

  it('makes the same inputs of the same seed', async () => {
    const run = async () => (await fuzz(planted, { ...options, count: 1_000_000, seed: 9 })).executions;
    expect(await run()).toBe(await run());
  });
});
