import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asPath, claimSocket } from './claim-socket.ts';
import { defaultControlPath, findControl } from './control-path.ts';

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
      // Its path stays behind: a server takes only the name away with which it began.
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

describe('the path when nothing is said', () => {
  const user = (runtime?: string, uid = 1000) => ({
    env: runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime },
    geteuid: () => uid,
  });

  it('is named after the configuration, in the folder that the system provides for the user', () => {
    expect(defaultControlPath('/etc/net.yaml', user('/run/user/1000'))).toBe(
      '/run/user/1000/funnel/net.sock',
    );
    expect(defaultControlPath('net', user(undefined, 0))).toBe('/run/funnel/net.sock');
    expect(defaultControlPath('net.yaml', user())).toBeUndefined();
    expect(defaultControlPath('net.yaml', user('not/absolute'))).toBeUndefined();
  });

  it('is found by the same configuration, or as the only one', async () => {
    const system = user(folder);
    expect(() => findControl('a.yaml', system)).toThrow(
      expect.objectContaining({ code: 'FT_CONTROL_ABSENT' }),
    );
    const [a, b] = ['a', 'b'].map((name) => defaultControlPath(name, system)!);
    await claimSocket(server(), a!);
    expect([
      findControl('a.yaml', system),
      findControl('c.yaml', system),
      findControl(undefined, system),
    ]).toEqual([a, a, a]);
    await claimSocket(server(), b!);
    expect(findControl('b.yaml', system)).toBe(b);
    expect(() => findControl('c.yaml', system)).toThrow(
      expect.objectContaining({ code: 'FT_CONTROL_WHICH' }),
    );
    expect(() => findControl('c.yaml', user())).toThrow(
      expect.objectContaining({ code: 'FT_CONTROL_ABSENT' }),
    );
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
