import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { labTest } from '../net/lab-test.ts';
import type { NetLab } from '../net/net-lab.ts';
import { funnelExec, startFunnelExec, whyNoUser } from '../net/ordinary-user.ts';

/* `funnel exec --socks` as a user without any privilege runs it, towards a server on another host. */
const noUser = await whyNoUser();
beforeEach(({ skip }) => {
  if (noUser !== undefined) skip(noUser);
  if (!hasCommand('proxychains4')) skip('proxychains4 is not here');
});

const RECORD = join('/tmp', `funnel-socks-${process.pid}.pcapng`);
afterAll(() => rmSync(RECORD, { force: true }));

async function userAndServer(lab: NetLab) {
  const [near, far] = [await lab.namespace('near'), await lab.namespace('far')];
  await lab.wire(near, 'eth0', far, 'eth0');
  await near.addAddress('eth0', '192.0.2.1/24');
  await far.addAddress('eth0', '192.0.2.2/24');
  writeFileSync(join(lab.folder, 'page'), 'from the far side\n');
  const web = far.start(['python3', '-u', '-m', 'http.server', '--directory', lab.folder, '8000']);
  await web.waitFor(/Serving/);
  return { near, far };
}

const PAGE = 'http://192.0.2.2:8000/page';
/** Python obeys no ALL_PROXY. */
const PYTHON = [
  'python3',
  '-c',
  `import urllib.request as r; print(r.urlopen('${PAGE}').read().decode(), end='')`,
];

describe('funnel exec --socks', () => {
  labTest('leads programs that obey ALL_PROXY, and others by proxychains4', async ({ lab }) => {
    const { near } = await userAndServer(lab);
    for (const command of [['curl', '-sS', PAGE], PYTHON]) {
      const { status, stdout, stderr } = await funnelExec(near, [
        '--socks',
        '--capture',
        RECORD,
        '--',
        ...command,
      ]);
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'from the far side\n', stderr: '' });
      // The connection has passed the puzzle: as bytes, not as packets of this machine's TCP.
      expect(readFileSync(RECORD).toString('latin1')).toMatch(/GET \/page[\s\S]*from the far side/);
    }
  });

  labTest('passes the status and signals of its command on, and leaves nothing', async ({ lab }) => {
    const near = await lab.namespace('near');
    expect((await funnelExec(near, ['--socks', '--', 'sh', '-c', 'exit 7'])).status).toBe(7);
    expect(
      (await funnelExec(near, ['--socks', '--', 'no-such-program'], { path: '/usr/bin:/bin' })).status,
    ).toBe(127);
    // Not dash: it ignores a signal that the thread of proxychains takes while dash is in `vfork`.
    const slow = startFunnelExec(near, [
      '--socks',
      '--',
      'bash',
      '-c',
      'trap "echo got; exit 3" TERM; echo up; while :; do sleep 0.05; done',
    ]);
    await slow.waitFor(/up/);
    expect(await slow.stop('SIGTERM')).toMatchObject({ status: 3, stdout: expect.stringContaining('got') });
    const environment = await funnelExec(near, [
      '--socks',
      '--',
      'sh',
      '-c',
      'env; cat "$PROXYCHAINS_CONF_FILE"; ls /tmp',
    ]);
    const [, name, password, port] =
      /^ALL_PROXY=socks5h:\/\/(\w+):(\w+)@127\.0\.0\.1:(\d+)$/m.exec(environment.stdout) ?? [];
    expect(environment.stdout).toContain(`socks5 127.0.0.1 ${port} ${name} ${password}\n`);
    expect(environment.stdout).not.toMatch(/^funnel-socks-\d+$/m);
    // The proxy has ended with the command.
    expect(
      (await near.runAnyway(['curl', '-sS', '--socks5', `${name}:${password}@127.0.0.1:${port}`, PAGE]))
        .status,
    ).not.toBe(0);
  });

  labTest('warns of programs that go past the puzzle, and refuses what needs packets', async ({ lab }) => {
    const near = await lab.namespace('near');
    const fixed = await funnelExec(near, ['--socks', '--', '/sbin/ldconfig', '--version']);
    expect(fixed).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/ldconfig goes past the puzzle .*linked statically/),
    });
    for (const options of [['--loss', '5%'], ['--publish', '80'], ['--map-root'], ['--keep-address']]) {
      const refused = await funnelExec(near, ['--socks', ...options, '--', 'true']);
      expect(refused).toMatchObject({ status: 125, stderr: expect.stringContaining('FT_EXEC_USAGE') });
    }
    const file = join(lab.folder, 'none.yaml');
    writeFileSync(file, 'pieces: { end: { piece: tcp }, middle: { piece: hub } }');
    const none = await funnelExec(near, ['--socks', file, '--', 'true']);
    expect(none.stderr).toContain('FT_EXEC_NO_SOCKS');
  });

  labTest('takes the proxy of a configuration, with its password', async ({ lab }) => {
    const { near } = await userAndServer(lab);
    const file = join(lab.folder, 'proxy.yaml');
    const pieces = {
      proxy: { piece: 'socks5', settings: { port: 1080, user: 'a user:p@ss:word' }, edges: { tcp: 'net' } },
      tcp: { piece: 'tcp', edges: { tcp: 'net' } },
    };
    writeFileSync(file, JSON.stringify({ pieces }));
    const got = await funnelExec(near, ['--socks', file, '--', 'curl', '-sS', PAGE]);
    expect(got).toMatchObject({ status: 0, stdout: 'from the far side\n' });
  });
});
