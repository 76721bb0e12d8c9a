import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz-loop.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { corpusOf } from './fuzz-targets.ts';
import { describeReport, hasGrown } from './main.ts';

/**
 * A test for each target, always with the same seed: half a minute in continuous integration, and elsewhere
 * what a busy machine does in seconds. `npm run fuzz` is for longer runs and other seeds.
 */
export function fuzzEach(title: string, targets: readonly FuzzTarget[]): void {
  describe(title, () => {
    for (const target of targets) {
      it(
        `${target.name}: ${target.summary}`,
        async () => {
          const report = await fuzz(target, {
            seed: 20_240,
            ...(isContinuousIntegration
              ? { count: Number.POSITIVE_INFINITY, seconds: SECONDS }
              : { count: COUNTS[target.name] ?? COUNT_OF_PIECE, seconds: Number.POSITIVE_INFINITY }),
            corpus: corpusOf(target.name),
            isGuided: false,
            folder: 'build/fuzz',
            watches: true,
          });
          if (report.finding !== undefined) throw report.finding.error;
          expect(report.units, 'what was tried').toBeGreaterThan(0);
          expect(hasGrown(report), describeReport(report, 20_240)).toBe(false);
        },
        TIMEOUT_MS,
      );
    }
  });
}

const isContinuousIntegration = (process.env.CI ?? '') !== '';
const SECONDS = 30;
const COUNTS: Readonly<Record<string, number>> = {
  parser: 60_000,
  capture: 4000,
  stacks: 800,
  definitions: 1500,
  configuration: 600,
  component: 600,
  rewriter: 4000,
  outcomes: 15_000,
  '6bed4': 40,
  '6bed4-router': 40,
  'frame-sequence': 60,
  sctp: 60,
  'rtp-encryption': 60,
  sipproxy64: 150,
};
const COUNT_OF_PIECE = 100;
/** A target may have to build its piece first, on a machine that is busy. */
const TIMEOUT_MS = 300_000;
