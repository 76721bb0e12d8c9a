import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from './debian.mjs';
import { untilUnused } from './lock.mjs';
import { runStep, SetupFailure } from './step.mjs';

/**
 * Makes `node_modules` what `package-lock.json` says. It changes nothing where that is so already, also when
 * an `npm install` of the user made it so.
 *
 * @param {string} root
 */
export async function installModules(root) {
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.setup-stamp');
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n${lockText}`).digest('hex');
  if (readOrEmpty(stamp) === hash) return;
  if (!agreesWithLock(root, lockText)) {
    if (existsSync(join(root, 'node_modules'))) await untilUnused(root, 'node_modules');
    const [command, ...before] = npm();
    await runStep({
      root,
      name: 'npm-ci',
      title: 'installing Node packages',
      command,
      args: [...before, 'ci', ...OPTIONS],
    });
  }
  writeFileSync(stamp, hash);
}

/**
 * States every option that we rely on, so that a user's own npm configuration (or `NODE_ENV=production`) does
 * not change it. No package that we use has an install script, so none is run.
 */
const OPTIONS = [
  '--include=dev',
  '--include=optional',
  '--include=peer',
  '--package-lock',
  '--install-strategy=hoisted',
  '--no-legacy-peer-deps',
  '--no-strict-peer-deps',
  '--no-dry-run',
  '--no-global',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--no-progress',
];

/** npm leaves a copy of the lock of what it has installed; it is the last thing that it writes. */
function agreesWithLock(root, lockText) {
  const installedText = readOrEmpty(join(root, 'node_modules', '.package-lock.json'));
  if (installedText === '') return false;
  let wanted;
  let installed;
  try {
    wanted = JSON.parse(lockText).packages;
    installed = JSON.parse(installedText).packages;
  } catch {
    return false;
  }
  for (const [path, about] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = installed[path];
    // An optional package is absent where it is for another system.
    if (
      there === undefined
        ? !about.optional
        : there.version !== about.version || there.integrity !== about.integrity
    ) {
      return false;
    }
  }
  return Object.keys(installed).every((path) => path in wanted);
}

/** The npm that runs us, else the one on the search path. */
function npm() {
  const mine = process.env.npm_execpath;
  if (mine?.endsWith('npm-cli.js') && existsSync(mine)) return [process.execPath, mine];
  if (onPath('npm')) return ['npm'];
  throw new SetupFailure(
    'npm is not installed: install the npm that belongs to this Node, and run this again',
  );
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
