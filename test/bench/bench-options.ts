import { parseArgs } from 'node:util';

/** The options of a run of the bench. */
export interface BenchOptions {
  /** Where the figures go besides the terminal. */
  readonly json: string | undefined;
  /** Only rows whose name contains this. */
  readonly only: string | undefined;
  /** Few and short rounds: to see that it works, not to compare. */
  readonly isQuick: boolean;
  /** Rows whose name contains this run under the profiler. */
  readonly profile: string | undefined;
  /** Where processes that are measured leave their profiles; set while `profile` is at work. */
  readonly profileFolder: string | undefined;
}

/** @throws {TypeError} for an option that is not known, with what is wrong. */
export function readBenchOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      json: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      prof: { type: 'string' },
    },
  });
  return {
    json: values.json,
    only: values.only ?? values.prof,
    isQuick: values.quick,
    profile: values.prof,
    profileFolder: process.env.FUNNEL_BENCH_PROFILES,
  };
}

export const USAGE = `usage: npm run bench -- [--json FILE] [--only TEXT] [--quick] [--prof TEXT]

  --json FILE   also writes the figures, as { "row": { "value", "unit", "ratio", "against" } }
  --only TEXT   only rows whose name contains TEXT
  --quick       short rounds: whether it works, not how fast
  --prof TEXT   runs the rows whose name contains TEXT under the profiler, and prints where the time went`;
