import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FunnelError } from '../stack/funnel-error.ts';

/**
 * Makes a server listen at a path where no other server listens. A socket that a dead process left is
 * replaced.
 *
 * The server first listens under a name of its own; then the path becomes a second name of it. That step is
 * atomic, so any number of processes may try at once. The socket is for this user only, and so is its folder
 * where it is created here.
 *
 * @returns a function that removes the path again, unless another server has taken it
 * @throws {FunnelError} `FT_CONTROL_IN_USE`, `FT_CONTROL_PATH`, `FT_CONTROL_PERMISSION`; the server does not
 *   listen then
 */
export async function claimSocket(server: Server, name: string): Promise<() => void> {
  const path = asPath(name);
  const folder = dirname(path);
  const draft = asPath(join(folder, `.${randomBytes(4).toString('hex')}`));
  for (const each of [path, draft]) {
    if (Buffer.byteLength(each) > LONGEST_PATH)
      throw new FunnelError(
        'FT_CONTROL_PATH',
        `the path of a control socket has at most ${LONGEST_PATH} bytes, but this one is longer: ${each}; choose a shorter one`,
      );
  }
  try {
    makeFolder(folder);
    await listen(server, draft);
    chmodSync(draft, 0o600);
    for (let tries = 0; !isLinked(draft, path); tries++) {
      if (tries === MOST_TRIES) throw inUse(path);
      await removeDead(path);
    }
    rmSync(draft);
    const { ino, dev } = lstatSync(path);
    return () => {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now?.ino === ino && now.dev === dev) rmSync(path, { force: true });
    };
  } catch (error) {
    // A server that closes removes the name at which it listened, which is the draft.
    server.close();
    throw error instanceof FunnelError ? error : pathError(path, error);
  }
}

/**
 * Returns a path that Node cannot mistake: Node reads a number without a slash, such as 8080 or `.12e3`, as a
 * TCP port, and would listen there on all addresses.
 */
export function asPath(path: string): string {
  return path.includes('/') ? path : `./${path}`;
}

/** Creates the folder for this user only. The folders above it get the usual mode. */
function makeFolder(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Adds a second path to a file; false where something is at that path already. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // This call binds the socket, so the process creates nothing else under this mask.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

/**
 * Removes a socket that no process listens at.
 *
 * Several processes may try at once, and one of them may have put its own socket there meanwhile. So a
 * process first gives the socket a second name, made of its inode number. Only one process can do that, and
 * while the name exists no other process removes the socket and no other socket gets the number. Then it
 * checks again: a dead socket stays dead.
 */
export async function removeDead(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket())
    throw new FunnelError('FT_CONTROL_PATH', `${path} exists and is not a socket; choose another path`);
  if (await isAlive(path)) throw inUse(path);
  const mark = join(dirname(path), `.${there.ino}.dead`);
  try {
    if (!isLinked(path, mark)) {
      await waitForRemoval(mark);
      return;
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    if (await isAlive(mark)) throw inUse(path);
    const marked = lstatSync(mark);
    const now = lstatSync(path, { throwIfNoEntry: false });
    if (now?.ino === marked.ino && now.dev === marked.dev) rmSync(path);
  } finally {
    rmSync(mark, { force: true });
  }
}

/**
 * Waits for another process that removes the socket. The mark of a process that was killed meanwhile is
 * removed.
 */
async function waitForRemoval(mark: string): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += 10) {
    await sleep(10);
    if (lstatSync(mark, { throwIfNoEntry: false }) === undefined) return;
  }
  rmSync(mark, { force: true });
}

/** Whether a process listens at a path. */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const end = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(PATIENCE_MS, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') end(false);
      else if (code === 'EAGAIN') end(true);
      else reject(pathError(path, error));
    });
  });
}

function inUse(path: string): FunnelError {
  return new FunnelError(
    'FT_CONTROL_IN_USE',
    `a running Funnel listens at ${path}; change it with funnel apply, end it with funnel end, or choose another path with --control`,
  );
}

function pathError(path: string, error: unknown): FunnelError {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new FunnelError(
      'FT_CONTROL_PERMISSION',
      `a control socket at ${path} is not permitted to this user (${code}); choose another path with --control`,
      { cause: error },
    );
  return new FunnelError(
    'FT_CONTROL_PATH',
    `a control socket cannot be created at ${path} (${code}); choose another path with --control`,
    { cause: error },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The size of `sun_path` in Linux, without the terminating zero. */
const LONGEST_PATH = 107;
/** Other processes may take the path between two steps; after so many times it is in use. */
const MOST_TRIES = 10;
/** A server that does not accept within this time is busy, not dead. */
const PATIENCE_MS = 1000;
