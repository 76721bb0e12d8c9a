import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Finished, Running } from '../net/command.ts';
import { FunnelProcess } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { pingUntilAnswered } from '../net/ping.ts';
import { funnelCommand } from '../net/project-root.ts';
import { eventually, ROUTER, SixNetwork } from './six-network.ts';

type Pieces = Record<string, object>;

/** A host with 6bed4, whose Funnel is changed while another host pings it by way of the router. */
class Changing {
  readonly host: Namespace;
  readonly folder: string;
  readonly #control: string;
  readonly #controlFolder: string;
  funnel!: FunnelProcess;

  private constructor(host: Namespace, folder: string) {
    this.host = host;
    this.folder = folder;
    // The path of a socket is short, and that of a lab need not be.
    this.#controlFolder = mkdtempSync(join(tmpdir(), 'funnel-apply-'));
    this.#control = join(this.#controlFolder, 'a.sock');
  }

  static async start(host: Namespace, folder: string, pieces: Pieces): Promise<Changing> {
    const changing = new Changing(host, folder);
    changing.funnel = await FunnelProcess.start(host, changing.#write(pieces), folder, changing.#control);
    return changing;
  }

  /** `funnel apply` with these pieces, and what it said. */
  apply(pieces: Pieces, ...options: string[]): Promise<Finished> {
    const argv = [process.execPath, funnelCommand, 'apply', this.#write(pieces), '--control', this.#control];
    return this.host.runAnyway([...argv, ...options], { cwd: this.folder });
  }

  async applied(pieces: Pieces): Promise<string> {
    const { status, stdout, stderr } = await this.apply(pieces);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }

  async end(): Promise<void> {
    const argv = [process.execPath, funnelCommand, 'end', '--control', this.#control];
    expect(await this.host.runAnyway(argv)).toMatchObject({ status: 0 });
    expect((await this.funnel.running.ended).status).toBe(0);
    rmSync(this.#controlFolder, { recursive: true });
  }

  /** JSON is YAML. Each in a file of its own, for some are read at once. */
  #write(pieces: Pieces): string {
    const file = join(this.folder, `changing-${++files}.yaml`);
    writeFileSync(file, JSON.stringify({ pieces }, undefined, 2));
    return file;
  }
}

let files = 0;

const tun = (settings: object = {}) => ({
  piece: 'tun',
  settings: { device: 'six', ...settings },
  edges: { ip: 'lan' },
});
const six = (settings: object = {}, carrier = 'wan') => ({
  piece: '6bed4',
  settings: { router: ROUTER, port: 50_000, ...settings },
  edges: { ipv6: 'lan', carrier },
});
const udp = (settings: object = {}) => ({
  piece: 'udp',
  settings: { port: 50_000, family: 'ipv4', ...settings },
  edges: { udp: 'wan' },
});

/** Two hosts whose packets go by way of the router; on the first there is nothing yet. */
async function hosts(lab: NetLab): Promise<{ host: Namespace; far: Namespace }> {
  const network = await SixNetwork.open(lab);
  const [host, far] = [await network.host('a', 11), await network.host('b', 12)];
  await network.segment.isolate(host, true);
  await network.segment.isolate(far, true);
  const peer = await network.startPeer(far);
  return { host, far: peer.host };
}

async function addressOf(host: Namespace): Promise<string> {
  let found: string[] = [];
  await eventually(60_000, 'an IPv6 address of 6bed4', async () => {
    found = (await host.globalAddresses('six')).filter((each) => each.startsWith('fc64:'));
    return found.length > 0;
  });
  return found[0]!;
}

/** Pings a hundred times a second until it has to stop. */
function startPing(from: Namespace, address: string): Running {
  return from.start(['ping', '-n', '-i', '0.01', address]);
}

/**
 * Stops it, and checks that no packet is missing or has arrived twice. Some packets are still under way when
 * it is stopped, on a busy machine many. So it waits for packets that were sent after everything else, and
 * judges only the packets up to these.
 */
async function expectNoLoss(ping: Running): Promise<number> {
  const answered = (): number[] =>
    [...ping.stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, number]) => Number(number));
  const before = Math.max(0, ...answered());
  await eventually(60_000, 'more answers', async () => Math.max(...answered()) >= before + 200);
  await ping.stop('SIGINT');
  const received = answered().filter((n) => n <= before + 100);
  const missing = Array.from({ length: before + 100 }, (_, n) => n + 1).filter((n) => !received.includes(n));
  expect({ missing, twice: received.length - new Set(received).size }).toEqual({ missing: [], twice: 0 });
  return before;
}

describe('funnel apply, while another host pings this one', () => {
  labTest(
    'adds a hub that records, changes a setting of 6bed4, takes the hub away again',
    async ({ lab }) => {
      const { host, far } = await hosts(lab);
      const changing = await Changing.start(host, lab.folder, { system: tun(), six: six(), net: udp() });
      const address = await addressOf(host);
      await pingUntilAnswered(far, address);
      const ping = startPing(far, address);
      const before = await changing.funnel.snapshot();

      const hub = {
        hub: { piece: 'hub', settings: { stack: 'ipv4/udp' }, edges: { net: ['wrapped', 'wan', 'copy'] } },
        record: {
          piece: 'pcap-writer',
          settings: { file: 'tap.pcapng', stack: 'ipv4/udp' },
          edges: { frames: 'copy' },
        },
      };
      const tapped = { system: tun(), six: six({}, 'wrapped'), net: udp(), ...hub };
      expect((await changing.apply(tapped, '--dry-run')).stdout).toContain('+ hub is added');
      expect((await changing.funnel.snapshot()).pieces.map(({ name }) => name)).toEqual([
        'system',
        'six',
        'net',
      ]);
      expect(
        await changing.applied(tapped),
      ).toBe(`+ hub is added: net joins wrapped; net joins wan; net joins copy
+ record is added: frames joins copy
~ six continues: carrier leaves wan; carrier joins wrapped
= as before: system, net
`);
      const tap = join(lab.folder, 'tap.pcapng');
      await eventually(60_000, 'recorded packets', async () => statSync(tap).size > 10_000);

      const other = { ...tapped, six: six({ keepalive: '7s' }, 'wrapped') };
      expect(await changing.applied(other)).toContain('~ six is replaced, and hands over its state\n');
      expect(await host.globalAddresses('six')).toEqual([address]);

      expect(await changing.applied({ system: tun(), six: six({ keepalive: '7s' }), net: udp() })).toContain(
        '- hub is removed',
      );
      const recorded = readFileSync(tap).length;
      const after = await changing.funnel.snapshot();
      const received = (snapshot: typeof after) => snapshot.pieces[0]!.edges[0]!.framesIn;
      expect(received(after)).toBeGreaterThan(received(before) + 50);
      expect(statSync(tap).size).toBe(recorded);
      expect(await expectNoLoss(ping)).toBeGreaterThan(100);
      expect(await host.globalAddresses('six')).toEqual([address]);
      await changing.end();
    },
    400_000,
  );

  labTest(
    'replaces the device and the sockets, which stay open',
    async ({ lab }) => {
      const { host, far } = await hosts(lab);
      const side = (settings: object) => ({
        side: {
          piece: 'tun',
          settings: { device: 'side', 'link-local': false, ...settings },
          edges: { ip: 'side' },
        },
        record: { piece: 'pcap-writer', settings: { file: 'side.pcapng' }, edges: { frames: 'side' } },
      });
      const first = { address: '198.51.100.1/24', mtu: 1400, route: ['203.0.113.0/24', '192.88.99.0/24'] };
      const changing = await Changing.start(host, lab.folder, {
        system: tun(),
        six: six(),
        net: udp(),
        ...side(first),
      });
      const address = await addressOf(host);
      await pingUntilAnswered(far, address);
      const devices = async () => {
        const links = JSON.parse(await host.ip('-j', 'addr')) as Link[];
        const routes = JSON.parse(await host.ip('-j', 'route')) as { dst: string; dev: string }[];
        const shown = (name: string) => {
          const link = links.find(({ ifname }) => ifname === name)!;
          return {
            index: link.ifindex,
            mtu: link.mtu,
            addresses: link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort(),
            routes: routes.flatMap(({ dst, dev }) => (dev === name ? [dst] : [])).sort(),
          };
        };
        return { six: shown('six'), side: shown('side') };
      };
      const before = await devices();
      const ping = startPing(far, address);

      const second = { address: ['198.51.100.1/24', 'fd00::1/64'], mtu: 1300, route: ['203.0.113.0/24'] };
      const others = {
        system: tun({ address: 'fd11::1/64' }),
        six: six(),
        net: udp({ destinations: '192.0.2.0/24' }),
        ...side(second),
      };
      expect(await changing.applied(others)).toBe(`~ system is replaced, and hands over its state
~ net is replaced, and hands over its state
~ side is replaced, and hands over its state
= as before: six, record
`);
      const after = await devices();
      expect(after.six).toEqual({
        ...before.six,
        addresses: [...before.six.addresses, 'fd11::1/64'].sort(),
      });
      expect(after.side).toEqual({
        index: before.side.index,
        mtu: 1300,
        addresses: ['198.51.100.1/24', 'fd00::1/64'],
        routes: ['198.51.100.0/24', '203.0.113.0/24'],
      });
      // The system has no multicast address for its own; what was put beside it on the device is taken back.
      const refused = await changing.apply({
        ...others,
        ...side({ ...second, address: ['fd22::1/64', 'ff05::1/64'] }),
      });
      expect(refused.status).toBe(4);
      expect(refused.stderr).toContain('FT_TUN_DEVICE: piece `side`');
      expect(await devices()).toEqual(after);
      // All at once: everything is replaced, 6bed4 with its state.
      const all = {
        system: tun(),
        six: six({ keepalive: '9s' }),
        net: udp({ own: true }),
        ...side(first),
      };
      expect(await changing.applied(all)).not.toContain('is added');
      expect(await devices()).toEqual(before);
      expect(await expectNoLoss(ping)).toBeGreaterThan(100);
      await changing.end();
    },
    400_000,
  );

  labTest(
    'refused, or replaced by a newer one, leaves all unchanged',
    async ({ lab }) => {
      const { host, far } = await hosts(lab);
      const pieces = { system: tun(), six: six(), net: udp() };
      const changing = await Changing.start(host, lab.folder, pieces);
      const address = await addressOf(host);
      await pingUntilAnswered(far, address);
      const holder = `require('node:dgram').createSocket('udp4').bind(50007, () => console.log('bound'))`;
      await host.start([process.execPath, '-e', holder]).waitFor(/^bound$/m);
      const ping = startPing(far, address);
      const names = async () => (await changing.funnel.snapshot()).pieces.map(({ name }) => name);

      const gate = (port: number) => ({
        gate: { piece: 'udp', settings: { port, family: 'ipv4' }, edges: { udp: 'gates' } },
        wall: { piece: 'tun', settings: { device: 'wall' }, edges: { ip: 'gates' } },
      });
      const refused = await changing.apply({ ...pieces, six: six({ keepalive: '3s' }), ...gate(50_007) });
      expect(refused.status).toBe(4);
      expect(refused.stderr).toMatch(
        /^\S+changing-\d+\.yaml:\d+:\d+: FT_UDP_PORT_IN_USE: setting `port` of piece `gate`: /,
      );
      expect(await names()).toEqual(['system', 'six', 'net']);
      expect((await host.runAnyway(['ip', 'link', 'show', 'wall'])).status).not.toBe(0);

      const many = await Promise.all(
        Array.from({ length: 4 }, (_, n) =>
          changing.apply({ ...pieces, ...(n % 2 === 0 ? gate(50_008) : {}) }),
        ),
      );
      for (const { status, stderr } of many)
        if (status !== 0) expect(stderr).toContain('FT_CHANGE_SUPERSEDED');
      expect(many.some(({ status }) => status === 0)).toBe(true);
      expect([3, 5]).toContain((await names()).length);
      await changing.applied({ ...pieces, ...gate(50_009) });
      expect(await names()).toEqual(['system', 'six', 'net', 'gate', 'wall']);
      await changing.applied(pieces);
      expect(await names()).toEqual(['system', 'six', 'net']);
      expect(await expectNoLoss(ping)).toBeGreaterThan(100);
      await changing.end();
    },
    400_000,
  );
});

interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly addr_info: readonly { local: string; prefixlen: number }[];
}
