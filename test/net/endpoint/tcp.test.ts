import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../command.ts';
import { FunnelProcess, losses } from '../funnel-process.ts';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';
import { NativePieceProcess } from './native-piece.ts';

async function twoHosts(lab: NetLab): Promise<[Namespace, Namespace]> {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  return [a, b];
}

async function start(lab: NetLab, host: Namespace, pieces: object): Promise<FunnelProcess> {
  const file = join(lab.folder, `${host.name}.yaml`);
  writeFileSync(file, JSON.stringify({ pieces }));
  return FunnelProcess.start(host, file, lab.folder);
}

/** Connections to port 5201 of host a go on to port 5201 of host b. */
const relay = {
  front: { piece: 'tcp', settings: { port: 5201 }, edges: { tcp: 'in' } },
  hub: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['in', 'out'] } },
  back: { piece: 'tcp', settings: { remote: '192.0.2.2:5201' }, edges: { tcp: 'out' } },
};

labTest(
  'iperf3 runs through two endpoints and a hub, both ways, and nothing finds its queue full',
  async ({ lab }) => {
    const [a, b] = await twoHosts(lab);
    const funnel = await start(lab, a, relay);
    const server = b.start(['iperf3', '-s', '--forceflush']);
    await server.waitFor(/listening/);
    for (const way of [[], ['-R'], ['-P', '4'], ['--bidir']]) {
      const shown = await b.run(['iperf3', '-c', '192.0.2.1', '-n', '20M', '-J', ...way]);
      const { end } = JSON.parse(shown);
      // It counts at the end of its clock, when the last bytes are still under way.
      expect(end.sum_received.bytes).toBeGreaterThan(1_000_000);
    }
    // At its end iperf3 closes connections with bytes under way, which are reset then.
    const lost = [...losses(await funnel.snapshot()).keys()].filter(
      (name) => !/ (reset|not-connected)$/.test(name),
    );
    expect(lost).toEqual([]);
    expect((await funnel.stop()).status).toBe(0);
  },
);

labTest('the data of ncat, and the end of each direction, arrive apart', async ({ lab, skip }) => {
  if (!hasCommand('ncat') || !hasCommand('socat')) skip('ncat or socat is not here');
  const [a, b] = await twoHosts(lab);
  await start(lab, a, relay);
  // The server replies only after the end of the request, of which it makes a digest.
  b.start(['socat', 'TCP4-LISTEN:5201,reuseaddr,fork', 'SYSTEM:sha256sum']);
  await b.run(['sh', '-c', 'until nc -z 192.0.2.2 5201; do sleep 0.05; done']);
  const file = join(lab.folder, 'random');
  await b.run(['sh', '-c', `head -c 30000000 /dev/urandom > ${file}`]);
  const [replied, wanted] = [
    await b.run(['sh', '-c', `ncat 192.0.2.1 5201 < ${file}`]),
    await b.run(['sh', '-c', `sha256sum < ${file}`]),
  ];
  expect(replied).toBe(wanted);
});

labTest('frames of a tunnel pass over one connection, and again after it broke', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const site = (n: number, remote: object) => ({
    system: {
      piece: 'tun',
      settings: { device: 'fun0', address: `198.51.100.${n}/24` },
      edges: { ip: 'lan' },
    },
    cut: { piece: 'frame-sequence', settings: remote, edges: { frames: 'lan', carrier: 'wan' } },
    socket: { piece: 'tcp', edges: { tcp: 'wan' } },
  });
  const funnel = await start(lab, a, site(1, {}));
  const other = await start(lab, b, site(2, { remote: '192.0.2.1' }));
  const ping = async () => {
    for (;;) {
      const { status } = await b.runAnyway(['ping', '-n', '-c', '1', '-W', '1', '198.51.100.1']);
      if (status === 0) break;
    }
    return b.run(['ping', '-n', '-c', '20', '-i', '0.02', '-s', '1300', '198.51.100.1']);
  };
  expect(await ping()).toContain('20 received');
  await b.run(['ss', '-K', 'dport', '=', '4294']);
  expect(await ping()).toContain('20 received');
  for (const each of [funnel, other]) expect((await each.stop()).status).toBe(0);
});

labTest('without descriptors it accepts later, and loses no connection', async ({ lab, skip }) => {
  if (!hasCommand('prlimit')) skip('prlimit is not here');
  const [a, b] = await twoHosts(lab);
  const piece = new NativePieceProcess(
    lab,
    a,
    'tcp',
    [
      ['port', '7000'],
      ['family', 'ipv4'],
      ['half-close', 'false'],
    ],
    // Node opens the modules of all endpoints at once, so the limit is above their number.
    ['prlimit', '--nofile=220:220'],
  );
  await piece.running.waitFor(/ready/);
  const script = `
    const net = require('net');
    let done = 0;
    const all = Array.from({ length: 250 }, (_, n) => {
      const socket = net.connect(7000, '192.0.2.1', () => socket.end(String(n).padStart(3, '0')));
      socket.on('error', (error) => console.log('failed', error.code));
    });
    setTimeout(() => console.log('connected'), 500);
    setTimeout(() => process.exit(), 5000);
  `;
  const client = b.start([process.execPath, '-e', script]);
  await piece.running.waitFor(/^frame 45.*$/m);
  await client.waitFor(/connected/);
  expect(JSON.parse(await piece.ask('logs'))).toEqual([
    { level: 'warn', message: expect.stringContaining('no descriptor is left') },
  ]);
  expect((await client.ended).stdout).toBe('connected\n');
  // As connections end, those that waited are accepted, with what they sent.
  for (let n = 0; n < 250; n++) {
    const text = Buffer.from(String(n).padStart(3, '0')).toString('hex');
    await piece.running.waitFor(new RegExp(`^frame 45.{78}${text}$`, 'm'));
  }
  await piece.ask('close');
});
