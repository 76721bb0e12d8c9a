import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from './setup/step.mjs';
import { projectRoot, setUp } from './setup.mjs';
import { stylePieces } from './style-pieces.mjs';

/*
 * `npm test`: sets up, checks style and types, and runs every test. Arguments behind `--` go to vitest (a
 * folder, `-t`); then style is not checked, for quick rounds. The last line is always `N passed, N failed,
 * N skipped`.
 */

const tally = { passed: 0, failed: 0, skipped: [] };
const chosen = process.argv.slice(2);
if (chosen.includes('--help') || chosen.includes('-h')) {
  console.log(`npm test                        every test, with style and types
npm test -- host/stack          the tests whose paths contain this
npm test -- -t 'a name'         the tests whose names match this
npm test -- --project unit      those inside one process; \`e2e\` for those with network namespaces
Other arguments go to vitest: \`npx vitest --help\` lists them.`);
  process.exit(0);
}
let interruptedBy;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interruptedBy = signal;
    for (const child of children) child.kill(signal);
  });
}
const children = new Set();

try {
  await setUp('test');
  tally.passed++; // setting up compiles with every type checked, or fails
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.log(`${error.log ?? ''}\nsetup: ${error.message}`);
  tally.failed++;
  finish();
}

if (chosen.length === 0) {
  const style = await run(['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
  if (style === 0) tally.passed++;
  else tally.failed++;
  const pieceStyle = stylePieces();
  if (pieceStyle === '') tally.passed++;
  else tally.failed++;
  if (pieceStyle !== '') console.log(pieceStyle);
}

if (interruptedBy === undefined) await runTests();
await removeLeftovers();
finish();

/**
 * Without root, tests that make network namespaces run in a user namespace where that is allowed; other tests
 * do not.
 */
async function runTests() {
  const { findIsolation } = await import('../dist/test/net/isolation.js');
  const isolation = await findIsolation();
  if (isolation.kind !== 'user-namespace') return runVitest([], []);
  await runVitest(['--project', 'unit'], []);
  console.log('not root: the end-to-end tests run in a user namespace');
  if (interruptedBy === undefined) await runVitest(['--project', 'e2e'], isolation.wrapper);
}

async function runVitest(projects, wrapper) {
  const file = join(projectRoot, '.setup', `tally.${process.pid}.json`);
  const reporters = ['--reporter=default', '--reporter=./tools/test/tally-reporter.mjs'];
  const options = [...reporters, ...projects, ...(projects.length > 0 ? ['--passWithNoTests'] : [])];
  const status = await run(['node_modules/vitest/vitest.mjs', 'run', ...options, ...chosen], {
    env: { FUNNEL_TALLY: file },
    wrapper,
  });
  let result = { passed: 0, failed: 0, skipped: [] };
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.log('the tests ended without a result');
  }
  rmSync(file, { force: true });
  tally.passed += result.passed;
  tally.failed += result.failed;
  tally.skipped.push(...result.skipped);
  if (status !== 0 && result.failed === 0) tally.failed++;
}

/** Tests clean up after themselves. This removes and reports what a killed test left. */
async function removeLeftovers() {
  const { sweep } = await import('../dist/test/net/sweep.js');
  const left = await sweep();
  if (left.length === 0) return;
  console.log(`left behind by a test, and removed now: ${left.join(', ')}`);
  if (interruptedBy === undefined) tally.failed++;
}

function finish() {
  let failed = tally.failed;
  for (const { name, reason } of tally.skipped)
    console.log(`skipped: ${name}: ${reason || 'no reason given'}`);
  // Root on Debian can run everything but what needs data that is not part of the project.
  if (process.env.CI === 'true' && process.getuid?.() === 0) {
    const unexcused = tally.skipped.filter(({ reason }) => !reason.includes('../shared'));
    if (unexcused.length > 0) console.log(`failed: ${unexcused.length} skipped that could run here`);
    failed += unexcused.length;
  }
  if (interruptedBy !== undefined) console.log(`interrupted by ${interruptedBy}`);
  const skipped =
    failed > tally.failed ? tally.skipped.length - (failed - tally.failed) : tally.skipped.length;
  console.log(`${tally.passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exit(failed > 0 || interruptedBy !== undefined ? 1 : 0);
}

/** Runs Node on a file of the project, perhaps by way of another command; its output is ours. */
function run(args, { env = {}, wrapper = [] } = {}) {
  const [command, ...rest] = [...wrapper, process.execPath, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      cwd: projectRoot,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    children.add(child);
    child.on('error', reject);
    child.on('close', (status) => {
      children.delete(child);
      resolve(status ?? 1);
    });
  });
}
