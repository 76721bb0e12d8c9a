import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';

/**
 * Changes the TypeScript of one area with Stryker, in a copy of the project below `build`, and runs the
 * area's tests for each change: only those tests that reach it.
 *
 * @param {string} root of the project
 * @param {import('./areas.mjs').Area} area
 * @param {readonly string[]} patterns what to change: files, patterns, or `file:line-line`
 * @param {{ workers: number, withConstants: boolean, isWhole: boolean }} options `withConstants`:
 * change also what runs once, when a file is imported; `isWhole`: the patterns name whole files
 * @returns {Promise<import('./score.mjs').Verdict[]>}
 */
export async function runHostMutants(root, area, patterns, { workers, withConstants, isWhole }) {
  const folder = join(root, 'build', 'mutate', area.name.replaceAll('/', '-'));
  mkdirSync(folder, { recursive: true });
  process.env.FUNNEL_MUTATE_TESTS = area.tests.join(' ');
  // The copy has what the project built; setting up there again would build it anew.
  process.env.FUNNEL_SET_UP = root;
  const results = await new Stryker({
    mutate: [
      ...patterns,
      '!**/*.test.ts',
      '!**/testing/**',
      '!**/assembly/**',
      '!**/*.d.ts',
      '!host/stack/registry/**',
    ],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'tools/mutate/vitest.config.ts', related: false },
    coverageAnalysis: 'perTest',
    // No test reaches such code by itself, so each change starts all tests of the area.
    ignoreStatic: !withConstants,
    concurrency: workers,
    // The first run finds out which test reaches which line: minutes on a busy machine.
    dryRunTimeoutMinutes: 60,
    // A change that makes a loop endless ends here; the first factor is for a machine that is busy.
    timeoutFactor: 4,
    timeoutMS: 20_000,
    reporters: ['json', 'html'],
    jsonReporter: { fileName: join(folder, 'report.json') },
    htmlReporter: { fileName: join(folder, 'report.html') },
    // The record of the last run keeps old results of the lines that are not meant now.
    incremental: isWhole,
    incrementalFile: join(folder, 'incremental.json'),
    tempDirName: join('build', 'mutate', 'copy'),
    ignorePatterns: ['build', '.git', '.ci'],
    fileLogLevel: 'off',
    logLevel: 'warn',
    allowEmpty: true,
    // Vitest leaves types out without looking at them.
    disableTypeChecks: false,
  }).runMutationTest();
  const sources = new Map();
  const textOf = (file) => {
    if (!sources.has(file)) sources.set(file, readFileSync(join(root, file), 'utf8').split('\n'));
    return sources.get(file);
  };
  return results.flatMap((mutant) => {
    // Changes that the compiler refuses, or that Stryker could not judge, are none that a test could notice.
    if (mutant.status === 'CompileError' || mutant.status === 'RuntimeError') return [];
    if (!withConstants && /^Static mutant/.test(mutant.statusReason ?? '')) return [];
    const file = mutant.fileName.slice(mutant.fileName.startsWith(root) ? root.length + 1 : 0);
    return {
      file,
      line: mutant.location.start.line,
      original: excerpt(textOf(file), mutant.location),
      replacement: mutant.replacement ?? '',
      noticed: mutant.status === 'Killed' || mutant.status === 'Timeout',
      setAside: mutant.status === 'Ignored' ? (mutant.statusReason ?? 'ignored') : undefined,
    };
  });
}

/** The text between two places of a file; lines begin at 1 and columns too. */
function excerpt(lines, { start, end }) {
  const part = lines.slice(start.line - 1, end.line);
  if (part.length === 0) return '';
  part[part.length - 1] = part[part.length - 1].slice(0, end.column - 1);
  part[0] = part[0].slice(start.column - 1);
  return part.join('\n');
}
