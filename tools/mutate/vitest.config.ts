import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const patterns = (process.env.FUNNEL_MUTATE_TESTS ?? '').split(' ');
const fewerRuns = fileURLToPath(new URL('fewer-runs.mjs', import.meta.url));

/**
 * How the tests of one area run for `npm run mutate`: those that `FUNNEL_MUTATE_TESTS` names, in processes,
 * as the unit tests do. Stryker asks for threads, where `process.umask` and the like do not work. Properties
 * run fewer times than in `npm test`.
 */
export default defineConfig({
  plugins: [
    {
      name: 'processes',
      configureVitest({ project }) {
        project.config.pool = 'forks';
      },
    },
    {
      name: 'fewer-runs',
      enforce: 'pre',
      resolveId(source, importer) {
        return source === 'fast-check' && importer !== fewerRuns ? fewerRuns : undefined;
      },
    },
  ],
  test: {
    include: patterns.filter((pattern) => !pattern.startsWith('!')),
    exclude: [
      '**/node_modules/**',
      'dist/**',
      '.setup/**',
      ...patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1)),
    ],
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
