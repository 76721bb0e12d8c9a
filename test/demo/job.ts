import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FunnelProcess, framesRelayed, losses } from '../net/funnel-process.ts';
import type { Namespace } from '../net/namespace.ts';
import { NetLab } from '../net/net-lab.ts';
import { outerPackets } from '../net/outer-packet.ts';
import { readPcapng } from '../net/pcapng.ts';
import { ping, pingUntilAnswered } from '../net/ping.ts';
import { funnelCommand, projectRoot } from '../net/project-root.ts';
import { transfer } from '../net/transfer.ts';
import { BASELINE, outcomeTable, type Phase, shortcomings } from './outcome.ts';

/**
 * The main job: two hosts and a 6bed4 router, as network namespaces with only IPv4 between them, each with a
 * Funnel of its own. IPv6 goes from one host to the other, first by way of the router, then direct.
 */
export class Job {
  readonly #say: (line: string) => void;
  readonly #captures: string;
  readonly #bytes: number;
  #lab: NetLab | undefined;

  /** @param captures the folder where captures are left @param bytes how much to send over TCP, each time */
  constructor(say: (line: string) => void, captures: string, bytes: number) {
    this.#say = say;
    this.#captures = captures;
    this.#bytes = bytes;
  }

  /** @returns what ought to have been so and was not */
  async run(): Promise<string[]> {
    const lab = await NetLab.open('demo');
    this.#lab = lab;
    const [a, b, router] = [
      await lab.namespace('a'),
      await lab.namespace('b'),
      await lab.namespace('router'),
    ];
    const segment = await lab.segment('segment');
    for (const [host, address] of ADDRESSES) {
      await segment.join(host === 'a' ? a : host === 'b' ? b : router, 'eth0', `${address}/24`);
    }
    // Two clients of a wireless network that keeps them apart: each reaches the router, and not the other.
    await segment.isolate(a, true);
    await segment.isolate(b, true);
    this.#say(
      '6bed4 gives a host that has only IPv4 an IPv6 address, and carries its packets in UDP over IPv4:',
    );
    this.#say('directly to the other host where that works, and otherwise by way of a router');
    this.#say('a, b and a router are network namespaces of this machine, on one IPv4 segment');

    const funnels = new Map<string, FunnelProcess>();
    for (const host of [router, a, b]) {
      const folder = join(lab.folder, host.name);
      mkdirSync(folder);
      funnels.set(host.name, await FunnelProcess.start(host, configurationIn(folder, host), folder));
    }
    this.#say('each runs its own Funnel');
    const addressOfA = await addressOf(a);
    const addressOfB = await addressOf(b);
    this.#say(`IPv6 address of a: ${addressOfA}`);
    this.#say(`IPv6 address of b: ${addressOfB}`);

    const phases: (Omit<Phase, 'direct'> & { fromMs: number; toMs: number })[] = [];
    const measure = async (path: Phase['path']): Promise<void> => {
      this.#say(`${path}: ping, and ${this.#bytes / 1e6} MB over TCP, from a to b`);
      const before = await Promise.all([...funnels.values()].map((funnel) => funnel.snapshot()));
      const fromMs = Date.now();
      const pinged = await ping(a, addressOfB, { count: 20, intervalSeconds: 0.05 });
      const sent = await transfer(a, b, addressOfB, this.#bytes);
      const toMs = Date.now();
      const after = await Promise.all([...funnels.values()].map((funnel) => funnel.snapshot()));
      const lost = new Map<string, number>();
      [...funnels.keys()].forEach((host, i) => {
        const earlier = losses(before[i]!);
        for (const [what, frames] of losses(after[i]!)) {
          const more = frames - (earlier.get(what) ?? 0);
          if (more > 0 && !isNoLoss(what)) lost.set(`${host}, ${what}`, more);
        }
      });
      const relayed = framesRelayed(after[0]!) - framesRelayed(before[0]!);
      phases.push({ path, ping: pinged, transfer: sent, relayed, lost, fromMs, toMs });
    };

    await pingUntilAnswered(a, addressOfB);
    await sleep(SETTLE_MS);
    await measure('by way of the router');
    await segment.isolate(a, false);
    await segment.isolate(b, false);
    this.#say('now a and b reach each other in IPv4; waiting until their Funnels find out');
    await this.#untilDirect(a, addressOfB, funnels.get('router')!);
    await sleep(SETTLE_MS);
    await measure('direct');

    for (const funnel of funnels.values()) await funnel.stop();
    this.#say(`for comparison, the same over ${BASELINE}`);
    const plain = ADDRESSES.get('b')!;
    phases.unshift({
      path: BASELINE,
      ping: await ping(a, plain, { count: 20, intervalSeconds: 0.05 }),
      transfer: await transfer(a, b, plain, this.#bytes),
      relayed: 0,
      lost: new Map(),
      fromMs: 0,
      toMs: 0,
    });
    mkdirSync(this.#captures, { recursive: true });
    const received = ['a', 'b'].flatMap((host) => {
      const file = join(this.#captures, `${host}.pcapng`);
      copyFileSync(join(lab.folder, host, 'peer.pcapng'), file);
      const [own, other] =
        host === 'a' ? [ADDRESSES.get('a'), ADDRESSES.get('b')] : [ADDRESSES.get('b'), ADDRESSES.get('a')];
      return outerPackets(readPcapng(file)).filter(
        ({ from, to, innerProtocol }) => from === other && to === own && innerProtocol !== undefined,
      );
    });
    const outcome = phases.map((phase) => ({
      ...phase,
      direct: received.filter(({ timeMs }) => timeMs >= phase.fromMs && timeMs <= phase.toMs).length,
    }));
    this.#say('');
    for (const line of outcomeTable(outcome)) this.#say(line);
    this.#say('');
    this.#say(`captures, for Wireshark: ${join(this.#captures, 'a.pcapng')} and b.pcapng`);
    this.#say('what is inside their UDP: Decode As… UDP port 50000, IPv6; or tshark -d udp.port==50000,ipv6');
    for (const line of whatNext()) this.#say(line);
    return outcome.flatMap(shortcomings);
  }

  /** Ends everything that the job began. Idempotent. */
  async close(): Promise<void> {
    const lab = this.#lab;
    this.#lab = undefined;
    await lab?.close();
  }

  /** Direct is: a ping is answered, and the router has passed nothing on meanwhile. */
  async #untilDirect(from: Namespace, address: string, router: FunnelProcess): Promise<void> {
    const deadline = performance.now() + DIRECT_TIMEOUT_MS;
    for (;;) {
      const before = framesRelayed(await router.snapshot());
      const { received } = await ping(from, address, { count: 3, patienceSeconds: 1 });
      const after = framesRelayed(await router.snapshot());
      if (received === 3 && after === before) return;
      if (performance.now() > deadline)
        throw new Error(`no direct path within ${DIRECT_TIMEOUT_MS / 1000} s`);
    }
  }
}

/** Addresses for documentation (RFC 5737): the Funnels treat them as they treat any public address. */
const ADDRESSES = new Map([
  ['router', '192.0.2.1'],
  ['a', '192.0.2.11'],
  ['b', '192.0.2.12'],
]);
/** Packets that were on their way have arrived by then. */
const SETTLE_MS = 500;
/** A busy machine needs that long to begin. */
const ADDRESS_TIMEOUT_MS = 60_000;
/** A direct path that failed is not tried again for 30 s, and a busy machine may miss it more than once. */
const DIRECT_TIMEOUT_MS = 150_000;

/**
 * Frames that end there are no packets of ours: they are copies for the capture, and errors of the system
 * about a direct path that does not exist.
 */
function isNoLoss(what: string): boolean {
  return what.startsWith('capture ') || what === 'tap no-match';
}

/** A copy of the configuration in the folder of the host, where its capture is to be. */
function configurationIn(folder: string, host: Namespace): string {
  const name = host.name === 'router' ? 'router.yaml' : 'peer.yaml';
  const copy = join(folder, name);
  copyFileSync(join(projectRoot, 'test', 'demo', name), copy);
  return copy;
}

/** The commands that go on from here, with the configurations that were just used. */
function whatNext(): string[] {
  return [
    '',
    'what to do next:',
    `  alias funnel="node ${funnelCommand}"`,
    '  funnel graph test/demo/peer.yaml      # how the pieces of a host join; test/demo/router.yaml is the router',
    '  funnel explain test/demo/peer.yaml    # what is parsed where, and which paths frames take',
    '  funnel piece doc 6bed4                # the manual page of the piece',
    '  sudo funnel run test/demo/peer.yaml   # on a host of yours; set the address of your router in it first',
    '  docs/configuration.md is the reference of configurations',
  ];
}

async function addressOf(host: Namespace): Promise<string> {
  const deadline = performance.now() + ADDRESS_TIMEOUT_MS;
  for (;;) {
    const [address] = await host.globalAddresses('six');
    if (address !== undefined) return address;
    if (performance.now() > deadline)
      throw new Error(`${host.name} got no IPv6 address within ${ADDRESS_TIMEOUT_MS / 1000} s`);
    await sleep(50);
  }
}
