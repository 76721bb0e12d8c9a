import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../command.ts';
import { labTest } from '../lab-test.ts';
import type { NetLab } from '../net-lab.ts';
import { funnelCommand } from '../project-root.ts';

/** Streams of inherited descriptors go to a program that writes capital letters. */
function capitals(lab: NetLab, settings: object): string {
  const file = join(lab.folder, 'capitals.yaml');
  const pieces = {
    front: { piece: 'inherited', settings, edges: { tcp: 'in' } },
    hub: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['in', 'out'] } },
    back: { piece: 'process', settings: { command: ['tr', 'a-z', 'A-Z'] }, edges: { tcp: 'out' } },
  };
  writeFileSync(file, JSON.stringify({ pieces }));
  return file;
}

const run = (file: string, ...more: string[]) => [
  process.execPath,
  funnelCommand,
  'run',
  '--no-control',
  ...more,
  file,
];

labTest('sockets of systemd carry what comes to them, with the first connection', async ({ lab, skip }) => {
  if (!hasCommand('systemd-socket-activate')) skip('systemd-socket-activate is not here');
  const host = await lab.namespace('a');
  const path = join(lab.folder, 'in.sock');
  const funnel = host.start([
    'systemd-socket-activate',
    ...['-l', '[::]:7000', '-l', path, '--fdname=web:local'],
    ...run(capitals(lab, {})),
  ]);
  await funnel.waitFor(/Listening on .*in\.sock/);
  // The first one starts the Funnel, and waits for it.
  for (const where of ['TCP4:127.0.0.1:7000', 'TCP6:[::1]:7000', `UNIX-CONNECT:${path}`]) {
    const said = await host.run(['sh', '-c', `echo from ${where.slice(0, 4)} | socat -t 60 - ${where}`]);
    expect(said).toBe(`FROM ${where.slice(0, 4).toUpperCase()}\n`);
  }
  expect((await funnel.stop()).status).toBe(0);
});

labTest('only named sockets are taken, and none of another process or kind', async ({ lab, skip }) => {
  if (!hasCommand('systemd-socket-activate')) skip('systemd-socket-activate is not here');
  const host = await lab.namespace('a');
  const refused = async (argv: readonly string[], why: RegExp, poke = '') => {
    const running = host.start(argv);
    if (poke !== '') {
      await running.waitFor(/Listening on/);
      await host.run(['sh', '-c', poke]);
    }
    const { status, stderr, stdout } = await running.ended;
    expect(status).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(why);
  };
  const activate = ['systemd-socket-activate', '-l', '127.0.0.1:7000'];
  await refused(
    [...activate, '--fdname=web', ...run(capitals(lab, { name: 'mail' }))],
    /FT_SOCKET_ADDRESS.*no descriptor is called mail; there are web/,
    'echo | socat - TCP:127.0.0.1:7000 || true',
  );
  const file = capitals(lab, {});
  await refused(
    [...activate, '-d', ...run(file)],
    /FT_SOCKET_OPEN.*descriptor 3.* is a datagram socket/,
    'echo | socat - UDP:127.0.0.1:7000',
  );
  await refused(
    ['env', 'LISTEN_FDS=1', 'LISTEN_PID=1', ...run(file)],
    /FT_SOCKET_ADDRESS.*passed to process 1,/,
  );
  await refused(run(file), /FT_SOCKET_ADDRESS.*no descriptors/);
});

labTest('inetd starts a Funnel for a connection, which ends with it', async ({ lab, skip }) => {
  if (!hasCommand('inetutils-inetd')) skip('inetutils-inetd is not here');
  const host = await lab.namespace('a');
  const command = run(capitals(lab, { by: 'inetd' }), '--until-end', '--totals', `${lab.folder}/totals`);
  const service = join(lab.folder, 'inetd.conf');
  writeFileSync(service, `127.0.0.1:7000 stream tcp nowait root ${process.execPath} ${command.join(' ')}\n`);
  host.start(['inetutils-inetd', '-d', service]);
  await host.run(['sh', '-c', 'until ss -Htln sport = 7000 | grep -q .; do sleep 0.05; done']);
  const said = await host.run(['sh', '-c', 'echo hello | socat -t 60 - TCP:127.0.0.1:7000']);
  expect(said).toBe('HELLO\n');
  // The totals are written at its end.
  await host.run(['sh', '-c', `until [ -s ${lab.folder}/totals ]; do sleep 0.05; done`]);
});

labTest('a service manager hears of the start, signs of life, changes and the end', async ({ lab }) => {
  const host = await lab.namespace('a');
  const [socket, heard, control] = ['notify', 'heard', 'control'].map((name) => join(lab.folder, name));
  host.start(['socat', '-u', `UNIX-RECV:${socket}`, `OPEN:${heard},creat,append`]);
  await host.run(['sh', '-c', `until [ -S ${socket} ]; do sleep 0.05; done`]);
  const file = join(lab.folder, 'one.yaml');
  const program = { piece: 'process', settings: { command: ['sh', '-c', 'env; cat'], open: 'active' } };
  writeFileSync(
    file,
    JSON.stringify({
      pieces: {
        front: { ...program, edges: { tcp: 'in' } },
        back: { piece: 'unix', settings: { connect: '/nowhere' }, edges: { tcp: 'out' } },
        hub: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['in', 'out'] } },
      },
    }),
  );
  const env = { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' };
  const argv = [process.execPath, funnelCommand, 'run', '--control', control!, file];
  const funnel = host.start(argv, { env });
  const until = (text: string) =>
    host.run(['sh', '-c', `until grep -q '${text}' ${heard}; do sleep 0.05; done`]);
  await until('^READY=1$');
  await until('WATCHDOG=1');
  await host.run([process.execPath, funnelCommand, 'apply', '--control', control!, file]);
  await until('MONOTONIC_USEC=');
  expect((await funnel.stop()).status).toBe(0);
  await until('STOPPING=1');
  const said = readFileSync(heard!, 'utf8');
  expect(said).toMatch(/RELOADING=1\nMONOTONIC_USEC=\d+(WATCHDOG=1)*READY=1/);
  expect(said.match(/STOPPING=1/g)).toHaveLength(1);
});
