import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './step.mjs';

/**
 * Two set-ups at once wait for each other, and no set-up changes `node_modules` or `dist` while a process
 * that uses them still runs. Files that name a process record both, so that files of a killed process are
 * recognised. A process is its number and the moment it began, because the system reuses numbers.
 */
const POLL_MS = 200;
/** Breaking a stale lock takes microseconds; a process that has been at it for this long was killed. */
const BREAKING_MS = 5000;

/**
 * Does `work` while no other set-up of this project does.
 *
 * @template T
 * @param {string} root
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function exclusively(root, work) {
  const folder = stateFolder(root);
  const lock = join(folder, 'lock');
  const mine = join(folder, `lock.${process.pid}`);
  writeFileSync(mine, identity(process.pid) ?? '');
  let isReported = false;
  try {
    while (!takes(mine, lock)) {
      const holder = readOrEmpty(lock);
      if (holder !== '' && !isAlive(holder)) {
        breakLock(folder, lock);
        continue;
      }
      if (!isReported) say(`waiting for process ${holder.split(' ')[0]}, which is setting up too`);
      isReported = true;
      await sleep(POLL_MS);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  const release = () => rmSync(lock, { force: true });
  process.on('exit', release); // an interrupted set-up ends without coming back here
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

/** From now until it ends, this process uses what the set-up made. The caller must have the lock. */
export function keepInUse(root) {
  const file = join(usersFolder(root), String(process.pid));
  writeFileSync(file, identity(process.pid) ?? '');
  process.on('exit', () => rmSync(file, { force: true }));
}

/** Waits until no other living process uses what the set-up made. The caller must have the lock. */
export async function untilUnused(root, what) {
  let isReported = false;
  for (;;) {
    const users = otherUsers(root);
    if (users.length === 0) return;
    if (!isReported)
      say(`${what} must be made again; waiting for process ${users.join(', ')}, which uses it`);
    isReported = true;
    await sleep(POLL_MS);
  }
}

function otherUsers(root) {
  const folder = usersFolder(root);
  const users = [];
  for (const name of readdirSync(folder)) {
    if (name === String(process.pid)) continue;
    if (isAlive(readOrEmpty(join(folder, name)))) users.push(name);
    else rmSync(join(folder, name), { force: true });
  }
  return users;
}

/** A link appears with its content or not at all: no other process ever sees an empty lock. */
function takes(mine, lock) {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Only one process at a time checks again and removes, so that none removes a new lock as the stale one. */
function breakLock(folder, lock) {
  const breaking = join(folder, 'breaking');
  try {
    mkdirSync(breaking);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const since = statSync(breaking, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > BREAKING_MS)
      rmSync(breaking, { recursive: true, force: true });
    return;
  }
  try {
    const holder = readOrEmpty(lock);
    if (holder !== '' && !isAlive(holder)) unlinkSync(lock);
  } finally {
    rmdirSync(breaking);
  }
}

/**
 * A process by its number and the moment it began, in clock ticks since the machine started (proc(5), field
 * 22).
 */
function identity(pid) {
  const about = readOrEmpty(`/proc/${pid}/stat`);
  if (about === '') return undefined;
  const fields = about.slice(about.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
}

function isAlive(who) {
  return who !== '' && identity(who.split(' ')[0]) === who;
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function stateFolder(root) {
  const folder = join(root, '.setup');
  mkdirSync(folder, { recursive: true });
  return folder;
}

function usersFolder(root) {
  const folder = join(stateFolder(root), 'users');
  mkdirSync(folder, { recursive: true });
  return folder;
}
