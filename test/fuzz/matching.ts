import { pathToFileURL } from 'node:url';
import { formatStack } from '../../host/stack/format-stack.ts';
import { matchStacks } from '../../host/stack/match.ts';
import { parseStack } from '../../host/stack/parse-stack.ts';
import { literally } from '../../host/stack/testing/match-model.ts';
import { stackText } from '../../host/stack/testing/stack-arbitrary.ts';

/*
 * Matching against the literal model, for as many pairs of random stacks as one cares to wait for:
 *
 *     node dist/test/fuzz/matching.js [PAIRS, 1000000 when left out] [SEED]
 *
 * The suite does the same for some thousands. It ends at the first pair about which the two disagree, and
 * prints the seed.
 */

export interface MatchingTally {
  readonly pairs: number;
  readonly matched: number;
  /** The pair about which matching and model disagree, or which match one way round only. */
  readonly disagreement?: string;
}

export function compareMatching(pairs: number, seed: number): MatchingTally {
  const random = xorshift(seed);
  let matched = 0;
  for (let pair = 1; pair <= pairs; pair++) {
    const [a, b] = [randomStack(random), randomStack(random)];
    const { matches, stack } = matchStacks(a, b);
    const isRight =
      matches === literally(a, b) &&
      matches === matchStacks(b, a).matches &&
      (stack === undefined || (literally(stack, a) && literally(stack, b)));
    if (!isRight) return { pairs: pair, matched, disagreement: `${formatStack(a)} and ${formatStack(b)}` };
    if (matches) matched++;
  }
  return { pairs, matched };
}

function randomStack(random: () => number) {
  return parseStack(stackText(Array.from({ length: 24 }, () => random() & 0xffff)));
}

/** Marsaglia's, of 32 bits: the same pairs for the same seed. */
function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [pairs = 1_000_000, seed = Date.now() & 0x7fffffff] = process.argv.slice(2).map(Number);
  const started = process.cpuUsage();
  const { matched, disagreement, pairs: compared } = compareMatching(pairs, seed);
  const seconds = (process.cpuUsage(started).user / 1e6).toFixed(0);
  process.stdout.write(
    disagreement === undefined
      ? `${compared} pairs, of which ${matched} match, and the model agrees (seed ${seed}, ${seconds} s)\n`
      : `pair ${compared} of seed ${seed}: ${disagreement}: matching and model do not agree\n`,
  );
  process.exitCode = disagreement === undefined ? 0 : 1;
}
