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
    /FT_SOCKET_OPEN.*descriptor 3.* is a datagram socket; this piece takes stream sockets/,
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

/** Datagrams of `front`, by Edge, go to a program that writes capital letters. */
function capitalDatagrams(lab: NetLab, fronts: Record<string, { piece: string; settings: object }>): string {
  const file = join(lab.folder, 'datagrams.yaml');
  const pieces = Object.entries(fronts).flatMap(([name, front]) => [
    [name, { ...front, edges: { udp: `${name}-in` } }],
    [
      `hub-${name}`,
      { piece: 'hub', settings: { stack: 'ip/udp' }, edges: { net: [`${name}-in`, `${name}-out`] } },
    ],
    [
      `back-${name}`,
      {
        piece: 'unix-datagram',
        settings: { connect: join(lab.folder, 'tr') },
        edges: { udp: `${name}-out` },
      },
    ],
  ]);
  writeFileSync(file, JSON.stringify({ pieces: Object.fromEntries(pieces) }));
  return file;
}

/** Sends a datagram again and again, and prints the first reply. */
const ask = (family: string, to: string, text: string) => [
  'python3',
  '-c',
  `import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM)
${family === 'AF_UNIX' ? "s.bind('')" : ''}
s.settimeout(60)
s.sendto(b'${text}', ${to})
print(s.recv(70000).decode())`,
];

const capitalService = (lab: NetLab) => [
  'socat',
  `UNIX-RECVFROM:${join(lab.folder, 'tr')},fork`,
  'EXEC:tr a-z A-Z',
];

labTest(
  'datagram sockets of systemd carry IPv4, IPv6 and UNIX, with the first datagram',
  async ({ lab, skip }) => {
    if (!hasCommand('systemd-socket-activate')) skip('systemd-socket-activate is not here');
    const host = await lab.namespace('a');
    host.start(capitalService(lab));
    const path = join(lab.folder, 'in');
    const inherit = { inherit: 'systemd' };
    const file = capitalDatagrams(lab, {
      net: { piece: 'udp', settings: { ...inherit, 'to-loopback': true } },
      path: { piece: 'unix-datagram', settings: inherit },
    });
    const funnel = host.start([
      'systemd-socket-activate',
      ...['-d', '-l', '[::]:7000', '-l', path],
      ...run(file),
    ]);
    await funnel.waitFor(/Listening on .*in/);
    expect(await host.run(ask('AF_INET', "('127.0.0.1', 7000)", 'first'))).toBe('FIRST\n');
    expect(await host.run(ask('AF_INET6', "('::1', 7000)", 'sixth'))).toBe('SIXTH\n');
    expect(await host.run(ask('AF_UNIX', `'${path}'`, 'local'))).toBe('LOCAL\n');
    // Longer than a small room of the lane, on the socket of both IP versions.
    const long = 'a'.repeat(4000);
    expect(await host.run(ask('AF_INET', "('127.0.0.1', 7000)", long))).toBe(`${long.toUpperCase()}\n`);
    expect((await funnel.stop()).status).toBe(0);
  },
);

labTest('sequenced packets of systemd are connections with borders', async ({ lab, skip }) => {
  if (!hasCommand('systemd-socket-activate')) skip('systemd-socket-activate is not here');
  const host = await lab.namespace('a');
  host.start(capitalService(lab));
  const path = join(lab.folder, 'in');
  const file = capitalDatagrams(lab, { path: { piece: 'unix-datagram', settings: { inherit: 'systemd' } } });
  const funnel = host.start(['systemd-socket-activate', '--seqpacket', '-l', path, ...run(file)]);
  await funnel.waitFor(/Listening on .*in/);
  // The reply comes although the client has ended its own direction.
  const client = `import socket,sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(60)
s.connect(sys.argv[1])
for text in (b'one', b'two'): s.send(text)
s.shutdown(socket.SHUT_WR)
print(sorted(s.recv(100).decode() for n in range(2)))`;
  expect(await host.run(['python3', '-c', client, path])).toBe("['ONE', 'TWO']\n");
  expect((await funnel.stop()).status).toBe(0);
});

labTest('inetd has its datagram socket again when the Funnel was idle', async ({ lab, skip }) => {
  if (!hasCommand('inetutils-inetd')) skip('inetutils-inetd is not here');
  const host = await lab.namespace('a');
  host.start(capitalService(lab));
  const settings = { inherit: 'inetd', 'to-loopback': true, idle: '500ms' };
  const file = capitalDatagrams(lab, { net: { piece: 'udp', settings } });
  const totals = join(lab.folder, 'totals');
  const command = run(file, '--until-end', '--totals', totals);
  const service = join(lab.folder, 'inetd.conf');
  writeFileSync(service, `127.0.0.1:7000 dgram udp wait root ${process.execPath} ${command.join(' ')}\n`);
  host.start(['inetutils-inetd', '-d', service]);
  await host.run(['sh', '-c', 'until ss -Huln sport = 7000 | grep -q .; do sleep 0.05; done']);
  for (const text of ['first', 'second']) {
    expect(await host.run(ask('AF_INET', "('127.0.0.1', 7000)", text))).toBe(`${text.toUpperCase()}\n`);
    // The totals are written at its end.
    await host.run(['sh', '-c', `until [ -s ${totals} ]; do sleep 0.05; done; rm ${totals}`]);
  }
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
  // As `systemctl reload` with Type=notify-reload.
  funnel.child.kill('SIGHUP');
  await host.run(['sh', '-c', `until [ $(grep -c RELOADING=1 ${heard}) = 2 ]; do sleep 0.05; done`]);
  await funnel.waitFor(/SIGHUP: the configuration was read again/);
  expect((await funnel.stop()).status).toBe(0);
  await until('STOPPING=1');
  const said = readFileSync(heard!, 'utf8');
  const reloads = said.match(/RELOADING=1\nMONOTONIC_USEC=\d+(WATCHDOG=1)*READY=1/g);
  expect(reloads).toHaveLength(2);
  expect(said.match(/STOPPING=1/g)).toHaveLength(1);
});
