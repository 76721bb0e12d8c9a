import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { endedFor, FunnelProcess, framesAt, losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { startAgent, startRadius } from './site-servers.ts';

// Two sites. The piece that loses packets stands between the concentrators, where SCTP sends again.
//
//   client 10.0.1.2 ── 10.0.1.1 site a 192.0.2.1 ══ SCTP ══ 192.0.2.2 site b 10.0.2.1 ── 10.0.2.2 server

/** Little is sent at a time, so losses are found by time-outs. */
const TIMES = { 'rto-initial': '300ms', 'rto-min': '100ms', 'rto-max': '500ms' };

interface Sites {
  readonly client: Namespace;
  readonly server: Namespace;
  readonly a: FunnelProcess;
  readonly b: FunnelProcess;
}

/** @param delay of what goes to the servers; then what clients send again is detected, too */
async function sites(lab: NetLab, port: number, delay?: string): Promise<Sites> {
  const [client, a, b, server] = [
    await lab.namespace('client'),
    await lab.namespace('a'),
    await lab.namespace('b'),
    await lab.namespace('server'),
  ];
  await lab.wire(client, 'eth0', a, 'lan');
  await lab.wire(a, 'wan', b, 'wan');
  await lab.wire(b, 'lan', server, 'eth0');
  await client.addAddress('eth0', '10.0.1.2/24');
  await a.addAddress('lan', '10.0.1.1/24');
  await a.addAddress('wan', '192.0.2.1/24');
  await b.addAddress('wan', '192.0.2.2/24');
  await b.addAddress('lan', '10.0.2.1/24');
  await server.addAddress('eth0', '10.0.2.2/24');
  const start = (host: Namespace, settings: object, between: Record<string, object> = {}) => {
    const path = join(lab.folder, `${host.name}.yaml`);
    const local = Object.keys(between).length > 0 ? 'asked' : 'lan';
    const pieces = {
      lan: { piece: 'udp', edges: { udp: 'lan' } },
      ...between,
      concentrator: { piece: 'concentrator', settings, edges: { local, far: 'streams' } },
      sctp: { piece: 'sctp', settings: TIMES, edges: { streams: 'streams', carrier: 'line' } },
      fault: { piece: 'fault', settings: { seed: 5, loss: 0.1 }, edges: { a: 'line', b: 'wan' } },
      wan: { piece: 'udp', edges: { udp: 'wan' } },
    };
    // JSON is valid YAML.
    writeFileSync(path, JSON.stringify({ pieces }));
    return FunnelProcess.start(host, path, lab.folder);
  };
  const detector = { piece: 'resend-detector', edges: { clients: 'lan', servers: 'asked' } };
  const slow = {
    piece: 'fault',
    settings: { stack: 'ip/udp', 'delay-a-to-b': delay },
    edges: { a: 'asked', b: 'lan' },
  };
  return {
    client,
    server,
    b: await start(b, { target: `${port}=10.0.2.2` }, delay === undefined ? {} : { slow }),
    a: await start(a, { serve: port, remote: '192.0.2.2' }, delay === undefined ? {} : { detector }),
  };
}

labTest(
  'snmpwalk reads an agent at another site, though a tenth of what is between is lost',
  async ({ lab, skip }) => {
    if (!hasCommand('snmpd') || !hasCommand('snmpwalk'))
      skip('snmpd or snmpwalk is not here: Debian’s snmpd and snmp');
    const { client, server, a, b } = await sites(lab, 161);
    const agent = await startAgent(lab, server, '10.0.2.2');
    // Not one request may be sent twice: each is answered within the five seconds.
    const walk = await client.run([
      'snmpwalk',
      '-v2c',
      '-c',
      'public',
      '-t',
      '5',
      '-r',
      '0',
      '10.0.1.1',
      '.1.3.6.1.2.1.1',
    ]);
    expect(walk).toMatch(/STRING: "?the other site/);
    expect(walk.split('\n').length).toBeGreaterThan(10);
    const [here, there] = [await a.snapshot(), await b.snapshot()];
    // The client's requests and responses have these numbers on both sides.
    const { in: requests, out: answers } = framesAt(here, 'concentrator', 'local');
    expect(framesAt(there, 'concentrator', 'local')).toEqual({ in: answers, out: requests });
    expect(
      [...losses(here).keys(), ...losses(there).keys()].filter((name) => !name.startsWith('fault')),
    ).toEqual([]);
    await agent.stop('SIGTERM');
  },
);

labTest('RADIUS clients are accepted and rejected by a server at another site', async ({ lab, skip }) => {
  if (!hasCommand('freeradius') || !hasCommand('radclient'))
    skip('freeradius or radclient is not here: Debian’s freeradius and freeradius-utils');
  const { client, server, a, b } = await sites(lab, 1812);
  const radius = await startRadius(lab, server);
  const ask = (password: string) =>
    client.runAnyway([
      'sh',
      '-c',
      `echo 'User-Name=bob,User-Password=${password}' | radclient -x -r 1 -t 5 10.0.1.1:1812 auth secret`,
    ]);
  for (let n = 0; n < 20; n++) {
    const good = await ask('hello');
    expect(`${good.stdout}${good.stderr}`).toMatch(/Access-Accept/);
    expect(good.stdout).toMatch(/from the other site/);
  }
  expect((await ask('wrong')).stdout).toMatch(/Access-Reject/);
  const [here, there] = [await a.snapshot(), await b.snapshot()];
  expect(framesAt(here, 'concentrator', 'local')).toEqual({ in: 21, out: 21 });
  expect(framesAt(there, 'concentrator', 'local')).toEqual({ in: 21, out: 21 });
  expect(
    [...losses(here).keys(), ...losses(there).keys()].filter((name) => !name.startsWith('fault')),
  ).toEqual([]);
  await radius.stop('SIGTERM');
});

labTest(
  'resent requests of RADIUS clients do not cross, though the server takes three seconds',
  async ({ lab, skip }) => {
    if (!hasCommand('freeradius') || !hasCommand('radclient'))
      skip('freeradius or radclient is not here: Debian’s freeradius and freeradius-utils');
    const { client, server, a, b } = await sites(lab, 1812, '3s');
    const radius = await startRadius(lab, server);
    const command = `echo 'User-Name=bob,User-Password=hello' | radclient -x -r 20 -t 1 10.0.1.1:1812 auth secret`;
    const output = await client.run(['sh', '-c', command]);
    expect(output).toMatch(/Access-Accept/);
    // radclient reports each transmission.
    const sendings = output.match(/Sent Access-Request/g)!.length;
    expect(sendings).toBeGreaterThanOrEqual(3);
    const [here, there] = [await a.snapshot(), await b.snapshot()];
    expect(framesAt(here, 'detector', 'clients')).toEqual({ in: sendings, out: 1 });
    expect(endedFor(here, 'detector', 'resend')).toBe(sendings - 1);
    expect(framesAt(here, 'concentrator', 'local')).toEqual({ in: 1, out: 1 });
    expect(framesAt(there, 'concentrator', 'local')).toEqual({ in: 1, out: 1 });
    await radius.stop('SIGTERM');
  },
);
