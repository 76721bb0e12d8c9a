import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asPath, claimSocket, isAlive } from './claim-socket.ts';
import { defaultControlPath } from './control-path.ts';
import { findControl, tidySockets } from './find-control.ts';

let folder: string;
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claim-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

const server = (): Server => {
  const made = createServer((socket) => socket.end());
  servers.push(made);
  return made;
};

async function reach(path: string): Promise<void> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.destroy();
}

describe('a control socket', () => {
  it('is for this user only, in a folder of this user only, and gone when it is released', async () => {
    const path = join(folder, 'new', 'deeper', 'a.sock');
    const giveUp = await claimSocket(server(), path);
    await reach(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'new', 'deeper')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'new', 'deeper'))).toEqual(['a.sock']);
    giveUp();
    expect(readdirSync(join(folder, 'new', 'deeper'))).toEqual([]);
  });

  it('leaves the errors of its server to others once it listens', async () => {
    const made = server();
    await claimSocket(made, join(folder, 'a.sock'));
    expect(made.listenerCount('error')).toBe(0);
  });

  it('is in use where it takes no more connections for now', async () => {
    const path = join(folder, 'busy.sock');
    const made = server();
    made.listen({ path, backlog: 1 });
    await once(made, 'listening');
    // The event loop accepts nothing before all of them have asked.
    const sockets = Array.from({ length: 8 }, () => connect(path).on('error', () => {}));
    const alive = await isAlive(path);
    for (const socket of sockets) socket.destroy();
    expect(alive).toBe(true);
  });

  it('is refused where another server listens, which continues', async () => {
    const path = join(folder, 'a.sock');
    await claimSocket(server(), path);
    await expect(claimSocket(server(), path)).rejects.toMatchObject({ code: 'FT_CONTROL_IN_USE' });
    await reach(path);
    expect(readdirSync(folder)).toEqual(['a.sock']);
  });

  it('replaces the socket of a process that was killed', async () => {
    const path = join(folder, 'a.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('listens'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(claimSocket(server(), path)).rejects.toMatchObject({ code: 'FT_CONTROL_IN_USE' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(folder)).toEqual(['a.sock']);
    await claimSocket(server(), path);
    await reach(path);
    expect(readdirSync(folder)).toEqual(['a.sock']);
  });

  it('has one winner when many servers replace a dead socket at once', async () => {
    const path = join(folder, 'a.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    for (let round = 0; round < 20; round++) {
      const all = Array.from({ length: 8 }, server);
      const results = await Promise.allSettled(all.map((each) => claimSocket(each, path)));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'FT_CONTROL_IN_USE' });
      await reach(path);
      expect(readdirSync(folder)).toEqual(['a.sock']);
      // Its path stays behind: a server removes only the name with which it began.
      for (const each of all) each.close();
    }
  });

  it('does not remove what is not a socket, and reports what is wrong with a path', async () => {
    const path = join(folder, 'a.sock');
    writeFileSync(path, 'mine');
    await expect(claimSocket(server(), path)).rejects.toMatchObject({ code: 'FT_CONTROL_PATH' });
    expect(readdirSync(folder)).toEqual(['a.sock']);
    const long = join(folder, 'x'.repeat(100));
    await expect(claimSocket(server(), long)).rejects.toThrow(/at most 107 bytes/);
    await expect(claimSocket(server(), join(path, 'b.sock'))).rejects.toMatchObject({
      code: 'FT_CONTROL_PATH',
    });
  });

  it('does not release a path that another server has taken meanwhile', async () => {
    const path = join(folder, 'a.sock');
    const giveUp = await claimSocket(server(), path);
    rmSync(path);
    await claimSocket(server(), path);
    giveUp();
    await reach(path);
  });
});

describe('the default path', () => {
  const user = (runtime?: string, uid = 1000, networkNamespace = '7') => ({
    env: runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime },
    geteuid: () => uid,
    networkNamespace,
  });

  it('is named after the configuration, in the folder that the system provides for the user', () => {
    expect(defaultControlPath('/etc/net.yaml', user('/run/user/1000'))).toMatch(
      /^\/run\/user\/1000\/funnel\/net\.[0-9a-f]{8}\.7\.sock$/,
    );
    expect(defaultControlPath('net', user(undefined, 0))).toMatch(
      /^\/run\/funnel\/net\.[0-9a-f]{8}\.7\.sock$/,
    );
    expect(defaultControlPath('net.yaml', user())).toBeUndefined();
    expect(defaultControlPath('net.yaml', user('not/absolute'))).toBeUndefined();
  });

  it('differs for configurations of one name in different folders, and for network namespaces', () => {
    const paths = ['/a/net.yaml', '/b/net.yaml', '/a/net.yml', '/a/net'].flatMap((file) =>
      ['7', '8'].map((namespace) => defaultControlPath(file, user('/run', 0, namespace))),
    );
    expect(new Set(paths).size).toBe(paths.length);
    writeFileSync(join(folder, 'net.yaml'), '');
    symlinkSync(join(folder, 'net.yaml'), join(folder, 'other.yaml'));
    const ends = ['net.yaml', 'other.yaml', './net.yaml'].map((name) =>
      defaultControlPath(join(folder, name), user('/run'))?.replace(/^.*?\./, ''),
    );
    expect(new Set(ends).size).toBe(1);
  });

  it('fits into a path of the system, whatever the configuration is called', () => {
    for (const name of ['x'.repeat(255), '\u{1f600}'.repeat(60), '-'])
      expect(
        Buffer.byteLength(defaultControlPath(`/etc/${name}`, user('/run/user/4294967295', 1, '4294967295'))!),
      ).toBeLessThan(107);
  });

  it('is found by the same configuration, or as the only one', async () => {
    const system = user(folder);
    await expect(findControl('a.yaml', system)).rejects.toMatchObject({ code: 'FT_CONTROL_ABSENT' });
    const [a, b] = ['a.yaml', 'b.yaml'].map((name) => defaultControlPath(name, system)!);
    await claimSocket(server(), a!);
    for (const name of ['a.yaml', 'c.yaml', undefined]) expect(await findControl(name, system)).toBe(a);
    await claimSocket(server(), b!);
    expect(await findControl('b.yaml', system)).toBe(b);
    // From another network namespace, there is one Funnel of this configuration.
    expect(await findControl('b.yaml', user(folder, 1000, '9'))).toBe(b);
    await expect(findControl('c.yaml', system)).rejects.toMatchObject({ code: 'FT_CONTROL_WHICH' });
    await expect(findControl('c.yaml', user())).rejects.toMatchObject({ code: 'FT_CONTROL_ABSENT' });
  });

  it('is not found where only dead processes left sockets, and these are removed', async () => {
    const system = user(folder);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => defaultControlPath(name, system)!);
    for (const path of [a!, c!]) {
      const dead = server();
      await claimSocket(dead, path);
      // A killed process leaves the name of a socket at which no process listens.
      renameSync(path, `${path}.kept`);
      await new Promise((resolve) => dead.close(resolve));
      renameSync(`${path}.kept`, path);
    }
    await claimSocket(server(), b!);
    expect(await findControl(undefined, system)).toBe(b);
    expect(readdirSync(join(folder, 'funnel'))).toEqual([basename(b!)]);
    expect(await tidySockets(join(folder, 'none'))).toEqual([]);
  });

  it('is a socket that ends in .sock, and has no dot in front: those are drafts', async () => {
    for (const name of ['a.sock', '.b.sock', 'c']) server().listen(join(folder, name));
    writeFileSync(join(folder, 'd.sock'), '');
    expect((await tidySockets(folder)).map((path) => basename(path))).toEqual(['a.sock']);
    expect(readdirSync(folder).sort()).toEqual(['.b.sock', 'a.sock', 'c', 'd.sock']);
  });
});

describe('the path of a control socket', () => {
  it.each([
    ['8080', './8080'],
    ['.12e3', './.12e3'],
    ['funnel.sock', './funnel.sock'],
    ['./8080', './8080'],
    ['/run/8080', '/run/8080'],
  ])('%s cannot be read as a port', (given, path) => {
    expect(asPath(given)).toBe(path);
  });

  it('holds for a name that is a number, in the working directory', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const made = server();
      const release = await claimSocket(made, '8080');
      expect(typeof made.address()).toBe('string');
      expect(lstatSync(join(folder, '8080')).isSocket()).toBe(true);
      release();
    } finally {
      process.chdir(before);
    }
  });
});
