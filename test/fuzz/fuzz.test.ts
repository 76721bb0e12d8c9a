import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz-loop.ts';
import { insist } from './fuzz-target.ts';
import { corpusOf, fuzzTargets } from './fuzz-targets.ts';
import { describeReport, hasGrown } from './main.ts';

// Each target for a few seconds with a fixed seed; `npm run fuzz` is for longer runs and other seeds.

/** Inputs for each target: what a busy machine does in seconds. */
const COUNTS: Readonly<Record<string, number>> = {
  parser: 60_000,
  stacks: 800,
  configuration: 600,
  component: 600,
  rewriter: 4000,
  outcomes: 15_000,
  '6bed4': 40,
  '6bed4-router': 40,
};
const COUNT_OF_PIECE = 100;
/** A target may have to build its piece first, on a machine that is busy. */
const TIMEOUT_MS = 300_000;

describe('bytes from nobody honest', () => {
  for (const target of fuzzTargets()) {
    it(
      `${target.name}: ${target.summary}`,
      async () => {
        const report = await fuzz(target, {
          seed: 20_240,
          count: COUNTS[target.name] ?? COUNT_OF_PIECE,
          seconds: Number.POSITIVE_INFINITY,
          corpus: corpusOf(target.name),
          isGuided: false,
          folder: 'build/fuzz',
          watches: true,
        });
        if (report.finding !== undefined) throw report.finding.error;
        expect(hasGrown(report), describeReport(report, 20_240)).toBe(false);
      },
      TIMEOUT_MS,
    );
  }
});

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

  it('finds what is there to find, and keeps the input', async () => {
    const { finding } = await fuzz(planted, { ...options, count: 1_000_000 });
    expect(finding?.error).toMatchObject({ message: 'the planted mistake' });
    expect(finding!.input[2]).toBe(0x60);
  });

  it('makes the same inputs of the same seed', async () => {
    const run = async () => (await fuzz(planted, { ...options, count: 1_000_000, seed: 9 })).executions;
    expect(await run()).toBe(await run());
  });
});
