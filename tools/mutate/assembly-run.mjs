import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { assemblyMutants } from './assembly-mutants.mjs';

/**
 * Where one change is known to change nothing: `// mutate: NAME OF THE KIND is the same, REASON` on its line
 * or the one above.
 */
const SET_ASIDE = /\/\/ mutate: (.+)$/;

/** Longest time for the tests of one piece, in milliseconds; a change that keeps them longer is noticed. */
const LONGEST_MS = 300_000;

/**
 * Changes the AssemblyScript of one area in a copy of the project below `build`, builds it there, and runs
 * the area's tests for each change.
 *
 * @param {string} root of the project
 * @param {import('./areas.mjs').Area} area
 * @param {(file: string, line: number) => boolean} isMeant
 * @param {(mutants: Mutant[]) => Mutant[]} choose all, or a sample
 * @returns {import('./score.mjs').Verdict[]}
 */
export function runAssemblyMutants(root, area, isMeant, choose) {
  const copy = copyOf(root);
  const meant = sourcesOf(join(root, area.source)).flatMap((path) => {
    const file = relative(root, path);
    const text = readFileSync(path, 'utf8');
    return assemblyMutants(text)
      .filter(({ line }) => isMeant(file, line))
      .map((mutant) => ({ ...mutant, file, text }));
  });
  if (judge(copy, area) !== 'survived') throw new Error(`the tests of ${area.name} fail without any change`);
  return choose(meant).map((mutant) => {
    const { file, text, from, to, line, original, replacement } = mutant;
    const setAside = reasonAt(text, line);
    const verdict = { file, line, original, replacement, noticed: true, setAside };
    if (setAside !== undefined) return verdict;
    writeFileSync(join(copy, file), text.slice(0, from) + replacement + text.slice(to));
    try {
      return { ...verdict, noticed: judge(copy, area) === 'noticed' };
    } finally {
      writeFileSync(join(copy, file), text);
    }
  });
}

/** A copy whose sources can be changed: what is large and stays the same is linked. */
function copyOf(root) {
  const copy = join(root, 'build', 'mutate', 'assembly-copy');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(root)) {
    if (['.git', 'build', 'node_modules', '.ci'].includes(name)) continue;
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function judge(copy, area) {
  const run = (...args) => {
    const { pid, status, error } = spawnSync(process.execPath, args, {
      cwd: copy,
      timeout: LONGEST_MS,
      stdio: 'ignore',
      // A group of its own: a test that loops for ever runs in a process below this one, and outlives it.
      detached: true,
      env: { ...process.env, FUNNEL_SET_UP: copy, FUNNEL_MUTATE_TESTS: area.tests.join(' ') },
    });
    if (error !== undefined && pid > 0) endGroup(pid);
    return status;
  };
  const build = area.source.startsWith('pieces-as/')
    ? run('tools/build-pieces.mjs', area.source.split('/')[1])
    : run('tools/build-kernel.mjs');
  // A change that the compiler refuses counts as noticed.
  if (build !== 0) return 'noticed';
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'tools/mutate/vitest.config.ts',
    '--bail',
    '1',
  ];
  return run(...vitest) === 0 ? 'survived' : 'noticed';
}

/** Ends the processes of a group that remain; it may be empty. */
function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function reasonAt(text, line) {
  const lines = text.split('\n');
  return SET_ASIDE.exec(lines[line - 1] ?? '')?.[1] ?? SET_ASIDE.exec(lines[line - 2] ?? '')?.[1];
}

function sourcesOf(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
