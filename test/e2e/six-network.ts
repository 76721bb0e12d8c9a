import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FunnelProcess, framesRelayed } from '../net/funnel-process.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab, Segment } from '../net/net-lab.ts';
import { ping } from '../net/ping.ts';

type Settings = Record<string, string | number | boolean | readonly string[]>;

/**
 * A 6bed4 router on an IPv4 segment of a lab, and the means to add peers. Addresses are for documentation
 * (RFC 5737).
 */
export class SixNetwork {
  readonly lab: NetLab;
  readonly segment: Segment;
  readonly router: Namespace;
  routerFunnel!: FunnelProcess;

  private constructor(lab: NetLab, segment: Segment, router: Namespace) {
    this.lab = lab;
    this.segment = segment;
    this.router = router;
  }

  static async open(lab: NetLab): Promise<SixNetwork> {
    const segment = await lab.segment('segment');
    const router = await lab.namespace('router');
    await segment.join(router, 'eth0', `${ROUTER}/24`);
    const network = new SixNetwork(lab, segment, router);
    await network.startRouter();
    return network;
  }

  async startRouter(settings: Settings = {}): Promise<void> {
    const file = this.#write('router', {
      pieces: {
        net: { piece: 'udp', edges: { udp: 'wan' } },
        relay: {
          piece: '6bed4-router',
          settings: { address: ROUTER, ...settings },
          edges: { native: 'system', carrier: 'wan' },
        },
        system: { piece: 'tun', settings: { device: 'six' }, edges: { ip: 'system' } },
      },
    });
    this.routerFunnel = await FunnelProcess.start(this.router, file, this.lab.folder);
  }

  /** Puts a host on the segment, without a Funnel. @param number the last octet of its IPv4 address */
  async host(name: string, number: number): Promise<Namespace> {
    const host = await this.lab.namespace(name);
    await this.segment.join(host, 'eth0', `192.0.2.${number}/24`);
    return host;
  }

  /**
   * Gives a host a Funnel with 6bed4, and waits until it has an address.
   *
   * @param between what stands between 6bed4, on the networks `lan` and `wan`, and the system, on `lan2` and
   * `wan2`
   */
  async startPeer(host: Namespace, settings: Settings = {}, between?: Record<string, object>): Promise<Peer> {
    const [lan, wan] = between === undefined ? ['lan', 'wan'] : ['lan2', 'wan2'];
    const file = this.#write(host.name, {
      pieces: {
        system: { piece: 'tun', settings: { device: 'six' }, edges: { ip: lan } },
        six: {
          piece: '6bed4',
          settings: { router: ROUTER, ...settings },
          edges: { ipv6: 'lan', carrier: 'wan' },
        },
        net: { piece: 'udp', edges: { udp: wan } },
        ...between,
      },
    });
    const peer = new Peer(host, await FunnelProcess.start(host, file, this.lab.folder));
    await peer.address();
    return peer;
  }

  /** Packets that the router has passed on. */
  async relayed(): Promise<number> {
    return framesRelayed(await this.routerFunnel.snapshot());
  }

  /** Pings until the answers come while the router sends nothing. */
  async untilDirect(from: Peer, to: Peer, timeoutMs = 150_000): Promise<void> {
    const address = await to.address();
    await eventually(timeoutMs, `a direct path to ${address}`, async () => {
      const before = await this.relayed();
      const { received } = await ping(from.host, address, { count: 3, patienceSeconds: 1 });
      return received === 3 && (await this.relayed()) === before;
    });
  }

  /** JSON is YAML. */
  #write(name: string, configuration: object): string {
    const file = join(this.lab.folder, `${name}.yaml`);
    writeFileSync(file, JSON.stringify(configuration, undefined, 2));
    return file;
  }
}

export class Peer {
  readonly host: Namespace;
  readonly funnel: FunnelProcess;

  constructor(host: Namespace, funnel: FunnelProcess) {
    this.host = host;
    this.funnel = funnel;
  }

  /** Its IPv6 address, as soon as it has one. */
  async address(): Promise<string> {
    let found: string | undefined;
    await eventually(60_000, `${this.host.name} has an IPv6 address`, async () => {
      [found] = await this.host.globalAddresses('six');
      return found !== undefined;
    });
    return found!;
  }
}

/** The router's IPv4 address. */
export const ROUTER = '192.0.2.1';

/** Looks again and again until it is so. */
export async function eventually(
  timeoutMs: number,
  what: string,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(50);
  }
}
