import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot, setUpOrEnd } from './setup.mjs';

/*
 * `npm run mutate`: makes small wrong changes, one at a time, and looks whether a test notices.
 * tools/mutate/README.md says how to read what it prints.
 */

const HELP = `npm run mutate -- [AREA | FOLDER | FILE …] [options]

Makes small wrong changes in the source, one at a time, and runs the tests that have to notice them.

  --changed [REV]  only the lines that differ from REV (HEAD by default; a branch's start, for instance main)
  --sample N       N lines of each area, chosen by --seed, instead of all
  --seed N         1 by default
  --workers N      processes at once for TypeScript, 2 by default
  --constants      change also what runs once, when a file is imported: each such change starts all tests of the area
  --help

Without a name: all areas; with --changed: those that the change touches. The exit status is 1 where an area notices
less than its share, and 2 where the words of the call are off.
`;

const { hostAreas, areas, areasNamed } = await import('./mutate/areas.mjs');
const { changedLines } = await import('./mutate/changed-lines.mjs');
const { reportText, scoreOf } = await import('./mutate/score.mjs');
const { sample } = await import('./mutate/sample.mjs');

const { chosen, options } = readArguments(process.argv.slice(2));
await setUpOrEnd('test');
let isBelow = false;
for (const { area, below } of chosen) {
  const lines = linesOf(below);
  if (lines.size === 0) continue;
  const verdicts = hostAreas.includes(area)
    ? await onHost(area, below, lines)
    : await onAssembly(area, lines);
  process.stdout.write(reportText(area, verdicts));
  isBelow ||= scoreOf(verdicts).percent < area.floor;
}
process.exitCode = isBelow ? 1 : 0;

async function onHost(area, below, lines) {
  const { runHostMutants } = await import('./mutate/host-run.mjs');
  const isAll = options.changed === undefined && options.sample === undefined;
  const whole = below.endsWith('.ts') ? [below] : [`${below}**/*.ts`];
  const ranges = [...lines].flatMap(([file, numbers]) => numbers.map((line) => `${file}:${line}-${line}`));
  return await runHostMutants(projectRoot, area, isAll ? whole : ranges, {
    workers: options.workers,
    withConstants: options.constants,
    isWhole: isAll,
  });
}

async function onAssembly(area, lines) {
  const { runAssemblyMutants } = await import('./mutate/assembly-run.mjs');
  const isMeant = (file, line) => lines.get(file)?.includes(line) ?? false;
  const choose = (all) => (options.sample === undefined ? all : sample(all, options.sample, options.seed));
  return runAssemblyMutants(projectRoot, area, isMeant, choose);
}

/**
 * The lines that are meant, by file: all, those of a change, or a sample (AssemblyScript samples changes
 * instead).
 */
function linesOf(below) {
  const all = new Map(
    filesBelow(below).map((file) => {
      const count = readFileSync(join(projectRoot, file), 'utf8').split('\n').length;
      return [file, Array.from({ length: count }, (_, n) => n + 1)];
    }),
  );
  let meant = all;
  if (options.changed !== undefined) {
    const ranges = changedLines(
      execFileSync('git', ['diff', '-U0', options.changed, '--', below], {
        cwd: projectRoot,
        encoding: 'utf8',
      }),
    );
    const isChanged = (file, line) =>
      (ranges.get(file) ?? []).some(({ from, to }) => line >= from && line <= to);
    meant = new Map(
      [...all]
        .map(([file, numbers]) => [file, numbers.filter((line) => isChanged(file, line))])
        .filter(([, numbers]) => numbers.length > 0),
    );
  }
  if (options.sample === undefined || below.includes('/assembly/')) return meant;
  // Lines that only close, comment or import hold nothing to change.
  const places = [...meant].flatMap(([file, numbers]) => {
    const text = readFileSync(join(projectRoot, file), 'utf8').split('\n');
    return numbers
      .filter(
        (line) => /[\w)]/.test(text[line - 1]) && !/^\s*(\/\/|\/?\*|import|export type)/.test(text[line - 1]),
      )
      .map((line) => [file, line]);
  });
  const taken = new Map();
  for (const [file, line] of sample(places, options.sample, options.seed)) {
    if (!taken.has(file)) taken.set(file, []);
    taken.get(file).push(line);
  }
  return taken;
}

function filesBelow(below) {
  const path = join(projectRoot, below);
  if (!existsSync(path)) return [];
  if (below.endsWith('.ts')) return [below];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length + 1))
    .filter((file) => !/\.test\.ts$|\.d\.ts$|\/testing\//.test(file))
    .filter((file) => file.includes('/assembly/') === below.includes('/assembly'))
    .sort();
}

function readArguments(args) {
  // `--changed` may stand without a value; the parser of Node has no such option.
  const given = args.map((arg, n) => {
    if (arg !== '--changed') return arg;
    const next = args[n + 1];
    return next === undefined || next.startsWith('--') || existsSync(join(projectRoot, next))
      ? '--changed=HEAD'
      : arg;
  });
  try {
    const { values, positionals } = parseArgs({
      args: given,
      allowPositionals: true,
      options: {
        changed: { type: 'string' },
        sample: { type: 'string' },
        seed: { type: 'string', default: '1' },
        workers: { type: 'string', default: '2' },
        constants: { type: 'boolean', default: false },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    const chosen =
      positionals.length > 0 ? areasNamed(positionals) : areas.map((area) => ({ area, below: area.source }));
    return {
      chosen,
      options: {
        changed: values.changed,
        sample: values.sample === undefined ? undefined : wholeNumber('--sample', values.sample),
        seed: wholeNumber('--seed', values.seed),
        workers: wholeNumber('--workers', values.workers),
        constants: values.constants,
      },
    };
  } catch (error) {
    if (!(error instanceof RangeError) && !String(error?.code).startsWith('ERR_PARSE_ARGS')) throw error;
    process.stderr.write(`mutate: ${error.message}\n${HELP}`);
    process.exit(2);
  }
}

function wholeNumber(name, text) {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new RangeError(`${name} takes a whole number from 1`);
  return Number(text);
}
