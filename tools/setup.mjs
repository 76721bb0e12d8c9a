import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAll } from './setup/build.mjs';
import { completePath, installPackages } from './setup/debian.mjs';
import { exclusively, keepInUse } from './setup/lock.mjs';
import { installModules } from './setup/modules.mjs';
import { endRunningStep, SetupFailure, say } from './setup/step.mjs';

/*
 * From a fresh clone to something that runs: the Debian packages, the Node packages, and what is built from
 * the source. Doing it again costs next to nothing. It uses nothing but Node, because nothing else is there
 * yet.
 */

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const OLDEST_NODE = [20, 19];

/**
 * Sets up for `purpose`, and reserves the result for this process: no other set-up changes it before this
 * process ends.
 *
 * @param {'start' | 'test'} purpose
 * @throws {SetupFailure}
 */
export async function setUp(purpose) {
  checkNode();
  completePath();
  // Within a test run everything is set up, and in use.
  if (process.env.FUNNEL_SET_UP === projectRoot) return;
  const interrupted = (signal) => {
    endRunningStep();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await exclusively(projectRoot, async () => {
      await installPackages(projectRoot, purpose);
      await installModules(projectRoot);
      await buildAll(projectRoot);
      keepInUse(projectRoot);
    });
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
  process.env.FUNNEL_SET_UP = projectRoot;
}

/** Sets up, or reports why that fails and ends the process with status 1. */
export async function setUpOrEnd(purpose) {
  try {
    await setUp(purpose);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    if (error.log !== undefined)
      process.stderr.write(error.log.endsWith('\n') ? error.log : `${error.log}\n`);
    say(error.message);
    process.exit(1);
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupFailure(
    `Node ${OLDEST_NODE.join('.')} or later is needed, and this is ${process.versions.node}: install a newer one`,
  );
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === join(projectRoot, 'tools', 'setup.mjs')) {
  await setUpOrEnd('test');
}
