import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { capture } from '../net/capture.ts';
import { hasCommand, type Running } from '../net/command.ts';
import { endedFor, FunnelProcess, framesAt, losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { outerPackets } from '../net/outer-packet.ts';
import { readPcapng } from '../net/pcapng.ts';
import { projectRoot } from '../net/project-root.ts';
import { startAgent, startRadius } from './site-servers.ts';

// The configurations of examples/site-to-site, in its network. A piece that loses a tenth of the packets, in
// each direction, is put between SCTP and the line of each site.
//
//   client 10.0.1.2 ── 10.0.1.1 site a 192.0.2.1 ══ SCTP ══ 192.0.2.2 site b 10.0.2.1 ── RADIUS 10.0.2.2
//                                                                                        SNMP   10.0.2.3

const SERVICES = [1812, 1813, 161];

interface Piece {
  settings?: Record<string, unknown>;
  readonly edges: Record<string, string>;
}

class Sites {
  readonly client: Namespace;
  readonly server: Namespace;
  /** The host of the Funnel at the servers' site: for the servers, a client of their own network. */
  readonly near: Namespace;
  readonly a: FunnelProcess;
  readonly b: FunnelProcess;
  readonly #folder: string;
  readonly #recordings: Running[];

  private constructor(
    hosts: readonly [Namespace, Namespace, Namespace],
    funnels: readonly [FunnelProcess, FunnelProcess],
    folder: string,
    recordings: Running[],
  ) {
    [this.client, this.near, this.server] = hosts;
    [this.a, this.b] = funnels;
    this.#folder = folder;
    this.#recordings = recordings;
  }

  static async start(lab: NetLab): Promise<Sites> {
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
    await server.addAddress('eth0', '10.0.2.3/24');
    const start = (host: Namespace, name: string) => {
      const text = readFileSync(join(projectRoot, 'examples', 'site-to-site', `${name}.yaml`), 'utf8');
      const { pieces } = parse(text) as { pieces: Record<string, Piece> };
      expect(pieces.sctp!.edges.carrier).toBe('wan');
      pieces.sctp!.edges.carrier = 'lossy';
      // However slow the machine is, no request counts as lost.
      if (pieces.detector !== undefined) pieces.detector.settings = { again: '2m', window: '2m' };
      const fault = { piece: 'fault', settings: { seed: 5, loss: 0.1 }, edges: { a: 'lossy', b: 'wan' } };
      const path = join(lab.folder, `${host.name}.yaml`);
      // JSON is valid YAML.
      writeFileSync(path, JSON.stringify({ pieces: { ...pieces, fault } }));
      return FunnelProcess.start(host, path, lab.folder);
    };
    const recordings = [
      await capture(client, 'eth0', join(lab.folder, 'client.pcapng')),
      await capture(server, 'eth0', join(lab.folder, 'server.pcapng')),
    ];
    const funnels = [await start(b, 'servers'), await start(a, 'clients')] as const;
    return new Sites([client, b, server], [funnels[1], funnels[0]], lab.folder, recordings);
  }

  /** Ends the recordings. Returns the requests that a host's network saw, each as often as it was sent. */
  async requests(host: 'client' | 'server'): Promise<string[]> {
    await Promise.all(this.#recordings.map((recording) => recording.stop('SIGINT')));
    return outerPackets(readPcapng(join(this.#folder, `${host}.pcapng`)))
      .filter(({ toPort }) => SERVICES.includes(toPort))
      .map(({ toPort, payload }) => `${toPort} ${payload.toString('hex')}`);
  }

  /** The losses of both sites, without the packets that the test loses on purpose. */
  async losses(): Promise<string[]> {
    const [here, there] = [await this.a.snapshot(), await this.b.snapshot()];
    expect(endedFor(here, 'fault', 'lost')).toBeGreaterThan(0);
    expect(endedFor(there, 'fault', 'lost')).toBeGreaterThan(0);
    return [...losses(here).keys(), ...losses(there).keys()].filter((name) => !name.startsWith('fault'));
  }
}

labTest(
  'of examples/site-to-site: no client of RADIUS or SNMP waits in vain, and no resend crosses, though a tenth is lost',
  async ({ lab, skip }) => {
    for (const command of ['snmpd', 'snmpwalk', 'freeradius', 'radclient'])
      if (!hasCommand(command)) skip(`${command} is not here: Debian’s snmpd, snmp, freeradius`);
    const sites = await Sites.start(lab);
    const radius = await startRadius(lab, sites.server);
    const agent = await startAgent(lab, sites.server, '10.0.2.3');

    /** A client's session. It fails if a client gave up; the recording has what was sent again. */
    const session = async (host: Namespace, radiusAt: string, agentAt: string, name: string) => {
      const ask = (port: number, sort: string, attributes: string) =>
        host.runAnyway([
          'sh',
          '-c',
          `echo '${attributes}' | radclient -x -r 3 -t 10 ${radiusAt}:${port} ${sort} secret`,
        ]);
      for (let n = 0; n < 10; n++) {
        expect((await ask(1812, 'auth', 'User-Name=bob,User-Password=hello')).stdout).toMatch(
          /Access-Accept/,
        );
        const start = `User-Name=bob,Acct-Status-Type=Start,Acct-Session-Id=${name}${n}`;
        expect((await ask(1813, 'acct', start)).stdout).toMatch(/Accounting-Response/);
      }
      const refused = await ask(1812, 'auth', 'User-Name=bob,User-Password=wrong');
      expect(refused.stdout).toMatch(/Access-Reject/);
      const options = ['-v2c', '-c', 'public', '-t', '10', '-r', '3'];
      expect(await host.run(['snmpwalk', ...options, agentAt, '.1.3.6.1.2.1.1'])).toMatch(/the other site/);
    };
    await session(sites.near, '10.0.2.2', '10.0.2.3', 'near');
    await session(sites.client, '10.0.1.1', '10.0.1.1', 'far');

    // A server that is busy for a while makes every client send again: only the first request crosses.
    radius.child.kill('SIGSTOP');
    const impatient = sites.client.start([
      'sh',
      '-c',
      "echo 'User-Name=bob,User-Password=hello' | stdbuf -oL radclient -x -r 30 -t 1 10.0.1.1:1812 auth secret",
    ]);
    await impatient.waitFor(/(Sent Access-Request[\s\S]*?){3}/);
    radius.child.kill('SIGCONT');
    await impatient.waitFor(/Received Access-Accept/);
    await impatient.ended;
    const resends = impatient.stdout.match(/Sent Access-Request/g)!.length - 1;

    expect(await sites.losses()).toEqual([]);
    const here = await sites.a.snapshot();
    expect(endedFor(here, 'detector', 'resend') + endedFor(here, 'detector', 'answered')).toBe(resends);
    const [sent, arrived] = [await sites.requests('client'), await sites.requests('server')];
    const distinct = new Set(sent);
    expect(framesAt(here, 'concentrator', 'local').in).toBe(distinct.size);
    expect(sent.length - distinct.size).toBe(resends);
    // Nothing reached a server twice: neither what far clients sent, nor what the near client sent.
    expect(new Set(arrived).size).toBe(arrived.length);
    expect(arrived.filter((request) => distinct.has(request)).sort()).toEqual([...distinct].sort());
    await Promise.all([radius.stop('SIGTERM'), agent.stop('SIGTERM')]);
  },
);
