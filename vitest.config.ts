import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { seedOf } from './tools/test/seed.mjs';

/**
 * Two projects. What runs inside one process runs in parallel; what makes network namespaces, or builds with the whole
 * machine, runs alone, one file at a time, after all else, because two of those at once would disturb each other.
 */
const alone = [
  'test/e2e/**/*.test.ts',
  'test/net/**/*.test.ts',
  'test/demo/**/*.test.ts',
  'test/documents/contributing.test.ts',
];
const never = ['**/node_modules/**', 'dist/**', '.setup/**'];

const seeded = fileURLToPath(new URL('tools/test/seeded.mjs', import.meta.url));
/** Random tests of one version draw the same cases in each run. */
const chance = {
  name: 'seeded',
  enforce: 'pre',
  resolveId(source: string, importer: string | undefined) {
    return source === 'fast-check' && importer !== seeded ? seeded : undefined;
  },
} as const;
const env = { FUNNEL_SEED: seedOf(process.env) };

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [chance],
        test: {
          env,
          name: 'unit',
          include: ['{host,abi,pieces-as,test,tools}/**/*.test.ts'],
          exclude: [...never, ...alone],
          globalSetup: 'tools/test/built.mjs',
          pool: 'forks',
          maxWorkers: 2,
          // Generous: a slow machine is no failure, and nothing here measures time.
          testTimeout: 240_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [chance],
        test: {
          env,
          name: 'e2e',
          include: alone,
          exclude: never,
          globalSetup: 'tools/test/built.mjs',
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          // So is this: a direct path that was missed for once is tried again half a minute later.
          testTimeout: 400_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 1, concurrent: false },
        },
      },
    ],
  },
});
