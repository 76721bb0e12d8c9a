import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../abi/build/package-root.ts';
import { type FuzzReport, fuzz } from './fuzz-loop.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { corpusOf, fuzzTargets, keepInputs } from './fuzz-targets.ts';

/** `npm run fuzz`: prints what was run and found. Its exit status: 0, or 1 with a finding. */
export async function runFuzz(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const targets = fuzzTargets();
  if (values.list === true) {
    for (const { name, summary } of targets) process.stdout.write(`${name.padEnd(20)}  ${summary}\n`);
    return 0;
  }
  const chosen =
    values.target === undefined ? targets : targets.filter(({ name }) => values.target!.includes(name));
  if (chosen.length === 0)
    throw new Error(`there is no target ${values.target?.join(', ')}; \`--list\` tells which there are`);
  if (values.input !== undefined) return reproduce(chosen, values.input);
  const count = values.count === undefined ? Number.POSITIVE_INFINITY : wholeNumber('count', values.count);
  const all =
    values.seconds === undefined
      ? values.count === undefined
        ? 30
        : Number.POSITIVE_INFINITY
      : wholeNumber('seconds', values.seconds);
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', values.seed);
  let status = 0;
  for (const target of chosen) {
    const report = await fuzz(target, {
      seed,
      count,
      seconds: all,
      corpus: corpusOf(target.name),
      isGuided: values.guided === true || values.keep === true,
      folder: join(packageRoot(), 'build', 'fuzz'),
      watches: true,
    });
    process.stdout.write(`${describeReport(report, seed)}\n`);
    if (values.keep === true) keepInputs(target.name, report.kept);
    if (report.finding === undefined && !hasGrown(report)) continue;
    status = 1;
    if (report.finding !== undefined) tellFinding(target.name, report.finding.error, report.finding.file);
    else process.stdout.write(`finding: ${target.name}: memory has grown\n`);
  }
  return status;
}

const OPTIONS = {
  target: { type: 'string', multiple: true },
  seconds: { type: 'string' },
  count: { type: 'string' },
  seed: { type: 'string' },
  input: { type: 'string' },
  guided: { type: 'boolean' },
  keep: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const USAGE = `npm run fuzz -- [options]

  --target NAME   only this one; may be given again. --list tells which there are
  --seconds N     for each target; 30 when neither this nor --count is given
  --count N       inputs for each target
  --seed N        makes the same inputs again
  --guided        keeps what reaches new code and changes it further; slower
  --keep          is guided, and puts what reached new code into test/fuzz/corpus, where each run begins
  --input FILE    runs one input, such as that of a finding

A finding puts its input into build/fuzz, and makes the exit status 1.
`;

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`--${name} is ${text}, and is to be a whole number`);
  return number;
}

/**
 * Growth of the heap after the first tenth of a run that is more than what inputs of the pool and caches
 * account for.
 */
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

export function hasGrown({ heapEarly, heapEnd }: FuzzReport): boolean {
  return heapEnd - heapEarly > MOST_GROWTH_BYTES;
}

export function describeReport(report: FuzzReport, seed: number): string {
  const {
    target,
    executions,
    units,
    unit,
    seconds,
    heapEarly,
    heapEnd,
    residentEarly,
    residentEnd,
    blocks,
    kept,
  } = report;
  const rate = Math.round(units / Math.max(seconds, 0.001));
  const memory = `heap ${mega(heapEarly)} to ${mega(heapEnd)} MiB, resident ${mega(residentEarly)} to ${mega(residentEnd)} MiB`;
  const guided = blocks > 0 ? `; ${blocks} blocks of code, ${kept.length} inputs kept` : '';
  return `${target.padEnd(18)} seed ${seed}: ${executions} inputs, ${units} ${unit} in ${seconds.toFixed(1)} s (${rate}/s); ${memory}${guided}; ${report.finding === undefined ? 'nothing found' : 'A FINDING'}`;
}

function mega(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

async function reproduce(targets: readonly FuzzTarget[], file: string): Promise<number> {
  if (targets.length !== 1) throw new Error('name the --target that the input is for');
  const target = targets[0]!;
  try {
    const units = await (await target.open()).execute(new Uint8Array(readFileSync(file)));
    process.stdout.write(`${target.name}: ${units} ${target.unit}, and nothing found\n`);
    return 0;
  } catch (error) {
    tellFinding(target.name, error, file);
    return 1;
  }
}

function tellFinding(name: string, error: unknown, file: string): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stdout.write(
    `finding: ${name}: ${text}\n  again: npm run fuzz -- --target ${name} --input ${file}\n`,
  );
}
