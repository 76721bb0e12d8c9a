import { once } from 'node:events';
import { existsSync, linkSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimSocket, isAlive } from './claim-socket.ts';

// Several processes may claim one path at once. Here another process acts exactly between two steps.

const before = vi.hoisted(() => ({
  lstat: (_path: string): unknown => undefined,
  link: (_from: string, _to: string) => {},
  mkdir: (_path: string) => {},
}));
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>();
  return {
    ...original,
    lstatSync: (path: string, options: object) => {
      const changes = before.lstat(path);
      const status = original.lstatSync(path, options);
      return status === undefined ? undefined : Object.assign(status, changes as object | undefined);
    },
    mkdirSync: (path: string, options: object) => {
      before.mkdir(path);
      return original.mkdirSync(path, options);
    },
    linkSync: (from: string, to: string) => {
      before.link(from, to);
      original.linkSync(from, to);
    },
  };
});

let folder: string;
let path: string;
const servers: Server[] = [];
const never = () => {};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'claim-'));
  path = join(folder, 'a.sock');
  await leaveDeadSocket(path);
});
afterEach(() => {
  before.lstat = never;
  before.link = never;
  before.mkdir = never;
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

function newServer(): Server {
  const server = createServer((socket) => socket.end());
  servers.push(server);
  return server;
}

async function listenAt(at: string): Promise<Server> {
  const server = newServer();
  server.listen(at);
  await once(server, 'listening');
  return server;
}

/** A server that closes removes the name at which it listened, and no other name of its socket. */
async function leaveDeadSocket(at: string): Promise<void> {
  const server = await listenAt(`${at}.first`);
  linkSync(`${at}.first`, at);
  server.close();
  await once(server, 'close');
  expect(existsSync(`${at}.first`)).toBe(false);
}

async function reach(at: string): Promise<void> {
  const socket = connect(at);
  await once(socket, 'connect');
  socket.destroy();
}

/** Does it once, before a name that ends so is looked at. */
function beforeLookAt(end: string, action: () => void): void {
  before.lstat = (at) => {
    if (!at.endsWith(end)) return;
    before.lstat = never;
    action();
  };
}

const names = () => readdirSync(folder).sort();

describe('a dead socket', () => {
  it('is replaced', async () => {
    await claimSocket(newServer(), path);
    await reach(path);
    expect(names()).toEqual(['a.sock']);
  });

  it('stays where another process has put its own in its place before the removal', async () => {
    await listenAt(join(folder, 'other'));
    beforeLookAt('.dead', () => {
      rmSync(path);
      linkSync(join(folder, 'other'), path);
    });
    await expect(claimSocket(newServer(), path)).rejects.toMatchObject({ code: 'FT_CONTROL_IN_USE' });
    await reach(path);
    expect(lstatSync(path).ino).toBe(lstatSync(join(folder, 'other')).ino);
    expect(names()).toEqual(['a.sock', 'other']);
  });

  it('is no obstacle where another process removes it first', async () => {
    beforeLookAt('.dead', () => rmSync(path));
    await claimSocket(newServer(), path);
    await reach(path);
    expect(names()).toEqual(['a.sock']);
  });

  it('is no obstacle where it is gone before it has a second name', async () => {
    before.link = (_, to) => {
      if (!to.endsWith('.dead')) return;
      before.link = never;
      rmSync(path);
    };
    await claimSocket(newServer(), path);
    await reach(path);
    expect(names()).toEqual(['a.sock']);
  });

  it('is no obstacle where it is gone at the first look', async () => {
    before.link = (from, to) => {
      if (to !== path || from === path) return;
      before.link = never;
      beforeLookAt('a.sock', () => rmSync(path));
    };
    await claimSocket(newServer(), path);
    await reach(path);
    expect(names()).toEqual(['a.sock']);
  });

  it('is left to another process that removes it', async () => {
    const mark = join(folder, `.${lstatSync(path).ino}.dead`);
    linkSync(path, mark);
    let looks = 0;
    before.lstat = (at) => {
      if (at !== mark || ++looks < 3) return;
      before.lstat = never;
      rmSync(path);
      rmSync(mark);
    };
    await claimSocket(newServer(), path);
    await reach(path);
    expect(looks).toBe(3);
    expect(names()).toEqual(['a.sock']);
  });

  it('is removed at last where the process that wanted to remove it was killed', async () => {
    linkSync(path, join(folder, `.${lstatSync(path).ino}.dead`));
    await claimSocket(newServer(), path);
    await reach(path);
    expect(names()).toEqual(['a.sock']);
  });
});

describe('a claim', () => {
  it('that cannot get the path leaves nothing, and its server listens no more', async () => {
    rmSync(path);
    writeFileSync(path, 'mine');
    const server = newServer();
    await expect(claimSocket(server, path)).rejects.toMatchObject({ code: 'FT_CONTROL_PATH' });
    expect(server.listening).toBe(false);
    expect(names()).toEqual(['a.sock']);
  });

  it('gives up after ten sockets that were dead each time', async () => {
    const dead = join(folder, 'dead');
    await leaveDeadSocket(dead);
    let claims = 0;
    before.link = (from, to) => {
      // Whenever this process would take the path, another has taken it and died.
      if (to !== path || from === dead) return;
      claims++;
      if (!existsSync(path)) linkSync(dead, path);
    };
    const server = newServer();
    await expect(claimSocket(server, path)).rejects.toMatchObject({ code: 'FT_CONTROL_IN_USE' });
    expect(claims).toBe(11);
    expect(server.listening).toBe(false);
    expect(names()).toEqual(['a.sock', 'dead']);
  });

  it('that is released leaves the path to a socket on another device or with another number', async () => {
    rmSync(path);
    const release = await claimSocket(newServer(), path);
    await listenAt(join(folder, 'other'));
    rmSync(path);
    linkSync(join(folder, 'other'), path);
    release();
    await reach(path);
    rmSync(path);
    release();
    expect(names()).toEqual(['other']);
  });

  it('that is released leaves the path to a socket with the same number on another device', async () => {
    rmSync(path);
    const release = await claimSocket(newServer(), path);
    before.lstat = () => ({ dev: -1 });
    release();
    expect(names()).toEqual(['a.sock']);
    before.lstat = never;
    release();
    expect(names()).toEqual([]);
  });

  it.each([
    ['EACCES', 'FT_CONTROL_PERMISSION'],
    ['EPERM', 'FT_CONTROL_PERMISSION'],
    ['EROFS', 'FT_CONTROL_PERMISSION'],
    ['ENOSPC', 'FT_CONTROL_PATH'],
  ])('that the system refuses with %s leaves nothing, and names the path: %s', async (error, code) => {
    rmSync(path);
    const fail = () => {
      throw Object.assign(new Error(error), { code: error });
    };
    const refused = { code, message: expect.stringMatching(new RegExp(`${path}.*\\(?${error}\\)?`)) };
    before.link = fail;
    const server = newServer();
    await expect(claimSocket(server, path)).rejects.toMatchObject(refused);
    expect([server.listening, names()]).toEqual([false, []]);
    before.link = never;
    before.mkdir = (each) => each === folder && fail();
    await expect(claimSocket(newServer(), path)).rejects.toMatchObject(refused);
    expect(names()).toEqual([]);
  });
});

describe('a socket is alive', () => {
  it('where a process listens, and not where it is dead or gone', async () => {
    await listenAt(join(folder, 'other'));
    expect(await isAlive(join(folder, 'other'))).toBe(true);
    expect(await isAlive(path)).toBe(false);
    expect(await isAlive(join(folder, 'none'))).toBe(false);
  });

  it('or it cannot be known, where the system refuses to connect otherwise', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(isAlive(join(folder, 'file', 'x'))).rejects.toMatchObject({
      code: 'FT_CONTROL_PATH',
    });
  });
});
