import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generate } from '../../abi/generate/generate.ts';
import { readBenchOptions } from '../bench/bench-options.ts';
import { runFuzz } from '../fuzz/main.ts';
import { projectRoot } from '../net/project-root.ts';
import { MarkdownDocument } from './markdown.ts';
import { apply, recipeSteps } from './recipe-steps.ts';

/*
 * Follows CONTRIBUTING.md as a newcomer does: in a copy of the project, each block is put where the sentence
 * above it says, and each command is run there.
 */

const contributing = MarkdownDocument.read('CONTRIBUTING.md');
const steps = recipeSteps(contributing);
const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
let copy: string;

beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), 'funnel-contributing-'));
  const parts = ['abi', 'dist', 'docs', 'host', 'pieces-as', 'test', 'tools', 'wit'];
  const files = [
    '.gitignore',
    'biome.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'vitest.config.ts',
  ];
  for (const part of [...parts, ...files])
    cpSync(join(projectRoot, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
  for (const step of steps) {
    if (step.kind === 'run' || step.kind === 'example') continue;
    const file = join(copy, step.file);
    mkdirSync(dirname(file), { recursive: true });
    apply(step, file);
  }
  // The copy has its own packages, and is compiled as set-up compiles it.
  await node('node_modules/typescript/bin/tsc', '-p', '.');
}, 600_000);

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('CONTRIBUTING.md', () => {
  it('has a recipe for each thing that people add', () => {
    const headings = new Set(contributing.prose.map(({ text }) => text));
    for (const thing of [
      'a protocol',
      'a piece',
      'an endpoint',
      'a command',
      'a control method',
      'a setting',
      'an error code',
    ])
      expect(headings).toContain(`## Adding ${thing}`);
    expect(steps.filter(({ kind }) => kind === 'new').length).toBeGreaterThan(4);
  });

  it('gives files that need no further formatting than its own command makes', async () => {
    const touched = new Set(
      steps.flatMap((step) => (step.kind === 'run' || step.kind === 'example' ? [] : [step.file])),
    );
    await node(
      'node_modules/@biomejs/biome/bin/biome',
      'check',
      '--write',
      '--vcs-enabled=false',
      ...touched,
    );
  });

  for (const { command, line } of steps.filter((step) => step.kind === 'run')) {
    it(`runs at line ${line}: ${command}`, async () => {
      const [program, ...args] = command.split(/ +/);
      if (program === 'npm') await checkNpm(args);
      else if (program === 'npx') await checkNpx(args);
      else if (program === 'node') await node(...args);
      else if (program === 'funnel') await node('dist/host/cli/main.js', ...args);
      else expect.fail(`${program} is not a command of the project`);
    });
  }

  it('shows examples that can be read', async () => {
    const { default: typescript } = await import('typescript');
    for (const step of steps) {
      if (step.kind !== 'example') continue;
      if (step.language === 'yaml') parse(step.text);
      else if (step.language === 'wit') await generateWith(step.text);
      else if (step.language === 'json') JSON.parse(step.text);
      else if (step.language === 'ts') {
        const { diagnostics } = typescript.transpileModule(step.text, { reportDiagnostics: true });
        expect(diagnostics).toEqual([]);
      } else expect(['', 'c']).toContain(step.language);
    }
  });

  it('names options of npm run that exist', async () => {
    const options = [...contributing.text.matchAll(/npm run (\w+)[^\n]*?`?-- (--[a-z-]+)/g)];
    expect(options.length).toBeGreaterThan(2);
    for (const [, script, option] of options) await checkOptions(script!, [option!]);
  });

  it('would be refused with a block whose place is not said, or is not there', () => {
    const block = '```ts\nentry,\n```\n';
    const stepsIn = (text: string) => recipeSteps(new MarkdownDocument(`${text}\n\n${block}`));
    expect(() => stepsIn('Put this somewhere:')).toThrow('does not say where it goes');
    const [step] = stepsIn('At the end of `nothing` in `host/cli/command.ts`:');
    expect(() =>
      apply(step as Extract<typeof step, { kind: 'entry' }>, join(copy, 'host/cli/command.ts')),
    ).toThrow('has no `nothing`');
    expect(() => apply({ kind: 'new', file: '', text: '', line: 1 }, join(copy, 'package.json'))).toThrow(
      'EEXIST',
    );
  });

  it('links to files that are there', () => {
    expect(contributing.links.length).toBeGreaterThan(10);
    expect(contributing.links.filter((link) => !existsSync(join(projectRoot, link)))).toEqual([]);
  });
});

/**
 * `npm test` with arguments runs these tests in the copy; everything else takes long, and is known by its
 * script.
 */
async function checkNpm(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args[0] === 'run' ? args.slice(1) : args;
  expect(Object.keys(scripts)).toContain(name);
  expect(existsSync(join(projectRoot, scripts[name!].replace(/^node /, '')))).toBe(true);
  if (rest.length === 0) return;
  expect(rest[0]).toBe('--');
  if (name !== 'test') return checkOptions(name!, rest.slice(1));
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  await node(
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=json',
    `--outputFile=${report}`,
    ...rest.slice(1),
  );
  const { numPassedTests, numPendingTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8'));
  // Without namespaces the test of them is skipped; a filter that finds nothing would pass too.
  expect(numTotalTests).toBeGreaterThan(0);
  if (!rest.some((each) => each.startsWith('test/net/'))) expect(numPassedTests).toBeGreaterThan(0);
  else expect(numPassedTests + numPendingTests).toBeGreaterThan(0);
}

async function checkOptions(script: string, args: readonly string[]): Promise<void> {
  if (script === 'bench') {
    readBenchOptions(args.flatMap((each) => (each === '--json' ? [each, 'figures.json'] : [each])));
  } else {
    expect(['fuzz', 'mutate']).toContain(script);
    // That it prints its usage is what --help does.
    const usage = script === 'fuzz' ? await usageOfFuzz() : usageOf('tools/mutate.mjs');
    for (const option of args)
      if (option.startsWith('--') && option !== '--help') expect(usage).toContain(` ${option} `);
  }
}

function usageOf(tool: string): string {
  return execFileSync(process.execPath, [join(projectRoot, tool), '--help'], { encoding: 'utf8' });
}

async function usageOfFuzz(): Promise<string> {
  const written: string[] = [];
  const write = process.stdout.write;
  process.stdout.write = ((text: string) => written.push(text) > 0) as typeof write;
  try {
    expect(await runFuzz(['--help'])).toBe(0);
  } finally {
    process.stdout.write = write;
  }
  return written.join('');
}

/**
 * The tools of the project, by the files that npx would find; all of the copy takes long, so style is checked
 * above.
 */
async function checkNpx([tool, ...args]: readonly string[]): Promise<void> {
  const bin = join(projectRoot, 'node_modules', '.bin', tool!);
  expect(existsSync(bin)).toBe(true);
  if (tool === 'tsc') return; // The copy was compiled, with the same options.
  await node(
    `node_modules/.bin/${tool}`,
    ...args.filter((each) => each !== '--write' && each !== '.'),
    'host/stack/stack.ts',
  );
}

/** Runs Node on a file of the copy; its output is the message of a failure. */
function node(...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, FUNNEL_SET_UP: copy, VITEST: '', VITEST_POOL_ID: '', VITEST_WORKER_ID: '' };
    execFile(process.execPath, args, { cwd: copy, env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`node ${args.join(' ')}\n${stdout}\n${stderr}\n${failuresIn(args)}`));
    });
  });
}

/** The failures that a run of vitest reported. */
function failuresIn(args: readonly string[]): string {
  const file = args.find((each) => each.startsWith('--outputFile='))?.slice('--outputFile='.length);
  if (file === undefined || !existsSync(file)) return '';
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'));
  return JSON.stringify(
    testResults.filter(({ status }: { status: string }) => status !== 'passed'),
    undefined,
    2,
  );
}

/**
 * Generates everything that is made from the contract, with a function at the end of its interface `control`.
 */
async function generateWith(addition: string): Promise<void> {
  const wit = readFileSync(join(projectRoot, 'wit', 'funnel.wit'), 'utf8');
  const [, name] = /^([a-z-]+): func/m.exec(addition) ?? [];
  expect(name).toBeDefined();
  const changed = wit.replace(/^interface control \{[\s\S]*?(?=^\})/m, (body) => body + addition);
  const files = await generate(changed);
  expect(files.size).toBeGreaterThan(3);
  for (const [file, text] of files)
    if (/contract\.ts$|funnel\.h$/.test(file)) expect(text.toLowerCase()).toContain(name);
}
