import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { capture } from '../net/capture.ts';
import type { Running } from '../net/command.ts';
import { FunnelProcess } from '../net/funnel-process.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { readPcapng } from '../net/pcapng.ts';
import { projectRoot } from '../net/project-root.ts';

export type Settings = Record<string, string | number | boolean | readonly string[]>;

/** The addresses (RFC 5737, RFC 3849) of the proxy, and of the host on each side of it. */
export const PROXY4 = '192.0.2.1';
export const PROXY6 = '2001:db8::1';
export const HOST4 = '192.0.2.4';
export const HOST6 = '2001:db8::6';

/** A Funnel with SIPproxy64 between a host that has IPv4 only and one that has IPv6 only. */
export class SipNetwork {
  readonly lab: NetLab;
  readonly proxy: Namespace;
  readonly host4: Namespace;
  readonly host6: Namespace;
  funnel!: FunnelProcess;

  private constructor(lab: NetLab, proxy: Namespace, host4: Namespace, host6: Namespace) {
    this.lab = lab;
    this.proxy = proxy;
    this.host4 = host4;
    this.host6 = host6;
  }

  /**
   * @param settings besides the addresses; when left out, the Funnel is that of `examples/sipproxy64`
   * @param pathMtu of a second link to the host of IPv6, behind a router
   * @param piecesAround the pieces instead of SIPproxy64 on one network, by its settings
   */
  static async open(
    lab: NetLab,
    settings?: Settings,
    pathMtu?: number,
    piecesAround?: (proxy: Settings) => object,
  ): Promise<SipNetwork> {
    const proxy = await lab.namespace('proxy');
    const host4 = await lab.namespace('four');
    const host6 = await lab.namespace('six');
    await lab.wire(host4, 'eth0', proxy, 'four');
    if (pathMtu === undefined) await lab.wire(host6, 'eth0', proxy, 'six');
    else await wireByRouter(lab, host6, proxy, pathMtu);
    await host4.addAddress('eth0', `${HOST4}/24`);
    await proxy.addAddress('four', `${PROXY4}/24`);
    for (const [host, device, address] of [
      [host6, 'eth0', HOST6] as const,
      [proxy, 'six', PROXY6] as const,
    ]) {
      await host.sysctl(`ipv6.conf.${device}.disable_ipv6`, 0);
      const prefix = pathMtu === undefined ? 64 : 128;
      await host.ip('-6', 'addr', 'add', `${address}/${prefix}`, 'dev', device, 'nodad');
    }
    writeRtpCapture(join(lab.folder, 'rtp.pcap'));
    const network = new SipNetwork(lab, proxy, host4, host6);
    await network.start(settings, piecesAround);
    return network;
  }

  async start(settings?: Settings, piecesAround?: (proxy: Settings) => object): Promise<void> {
    let file = join(projectRoot, 'examples', 'sipproxy64', 'proxy.yaml');
    if (settings !== undefined) {
      file = join(this.lab.folder, 'proxy.json');
      const all = { ipv4: PROXY4, ipv6: PROXY6, ...settings };
      const net = { piece: 'udp', edges: { udp: 'wan' } };
      const streams = { piece: 'tcp', edges: { tcp: 'wan' } };
      const sip = { piece: 'sipproxy64', settings: all, edges: { ipv4: 'wan', ipv6: 'wan' } };
      writeFileSync(file, JSON.stringify({ pieces: piecesAround?.(all) ?? { net, streams, sip } }));
    }
    this.funnel = await FunnelProcess.start(this.proxy, file, this.lab.folder);
  }

  /** Records what passes at a host; the payloads of its media are read when it is stopped. */
  async record(host: Namespace): Promise<Recording> {
    const file = join(this.lab.folder, `${host.name}.pcapng`);
    return new Recording(host, host === this.host6, await capture(host, 'eth0', file), file);
  }

  /**
   * Starts a sipp that waits for requests, and returns when it can get them: one that came before would be
   * refused.
   */
  async answering(host: Namespace, scenario: string, ...args: string[]): Promise<Running> {
    const running = this.sipp(host, scenario, ...args);
    await this.#waitForPort(host, running);
    return running;
  }

  /** The lines of the example's README that begin with `sipp`, each as a command that needs no terminal. */
  exampleLines(): string[][] {
    const text = readFileSync(join(projectRoot, 'examples', 'sipproxy64', 'README.md'), 'utf8');
    return [...text.matchAll(/^sipp .*$/gm)].map(([line]) => [...line.split(' '), '-nostdin']);
  }

  /** Starts a command at a host; `isServer` waits until it can get requests. */
  async command(host: Namespace, argv: readonly string[], isServer = false): Promise<Running> {
    const running = host.start(argv, { cwd: this.lab.folder, env: { ...process.env, TERM: 'dumb' } });
    if (isServer) await this.#waitForPort(host, running);
    return running;
  }

  /** Starts kamailio at the host of IPv6, and returns when it can get requests. */
  async kamailio(): Promise<Running> {
    const file = join(projectRoot, 'test', 'sipproxy64', 'scenarios', 'kamailio.cfg');
    const folder = join(this.lab.folder, 'kamailio');
    mkdirSync(folder);
    const argv = ['kamailio', '-f', file, '-DD', '-E', '-m', '64', '-M', '8', '-Y', folder, '-w', folder];
    const running = this.host6.start(argv, { cwd: folder });
    await this.#waitForPort(this.host6, running);
    return running;
  }

  async #waitForPort(host: Namespace, running: Running): Promise<void> {
    const port = /:13C4 /;
    while (running.isRunning && !port.test(await host.run(['cat', ...LISTENING]))) await sleep(20);
  }

  /** Starts a sipp with a scenario of test/sipproxy64, or a file of its own text. */
  sipp(host: Namespace, scenario: string, ...args: string[]): Running {
    return this.sippAt(host, 5060, scenario, ...args);
  }

  /** The same, with another port of SIP, and media beside it. */
  sippAt(host: Namespace, port: number, scenario: string, ...args: string[]): Running {
    const file = join(projectRoot, 'test', 'sipproxy64', 'scenarios', `${scenario}.xml`);
    const address = host === this.host4 ? HOST4 : HOST6;
    const options = ['-sf', file, '-i', address, '-p', `${port}`, '-mi', address, '-mp', `${port + 940}`];
    return host.start(['sipp', ...options, '-nostdin', '-trace_err', ...args], {
      cwd: this.lab.folder,
      env: { ...process.env, TERM: 'dumb' },
    });
  }
}

/** Puts a router between the two, whose link to the host takes packets of `mtu` bytes. */
async function wireByRouter(lab: NetLab, host: Namespace, proxy: Namespace, mtu: number): Promise<void> {
  const router = await lab.namespace('router');
  await lab.wire(host, 'eth0', router, 'host');
  await lab.wire(router, 'proxy', proxy, 'six');
  for (const [space, device, address] of [
    [host, 'eth0', 'fd00:1::2'],
    [router, 'host', 'fd00:1::1'],
    [router, 'proxy', 'fd00:2::1'],
    [proxy, 'six', 'fd00:2::2'],
  ] as const) {
    await space.sysctl(`ipv6.conf.${device}.disable_ipv6`, 0);
    await space.ip('-6', 'addr', 'add', `${address}/64`, 'dev', device, 'nodad');
  }
  await host.ip('link', 'set', 'dev', 'eth0', 'mtu', `${mtu}`);
  await router.ip('link', 'set', 'dev', 'host', 'mtu', `${mtu}`);
  await router.sysctl('ipv6.conf.all.forwarding', 1);
  await router.ip('-6', 'route', 'add', HOST6, 'via', 'fd00:1::2');
  await router.ip('-6', 'route', 'add', PROXY6, 'via', 'fd00:2::2');
  await host.ip('-6', 'route', 'add', PROXY6, 'via', 'fd00:1::1');
  await proxy.ip('-6', 'route', 'add', HOST6, 'via', 'fd00:2::1');
}

/** A capture of one host's wire. */
export class Recording {
  readonly file: string;
  readonly #host: Namespace;
  readonly #isIpv6: boolean;
  readonly #running: Running;

  constructor(host: Namespace, isIpv6: boolean, running: Running, file: string) {
    this.#host = host;
    this.#isIpv6 = isIpv6;
    this.#running = running;
    this.file = file;
  }

  /** Ends it when all that passed so far is in the file: a ping that is made now is seen there. */
  async stop(): Promise<void> {
    const [proxy, protocol] = this.#isIpv6 ? [PROXY6, 58] : [PROXY4, 1];
    await this.#host.run(['ping', '-c', '1', '-W', '60', proxy]);
    const isPing = (bytes: Buffer): boolean =>
      this.#isIpv6 ? bytes[20] === protocol && bytes[54] === 129 : bytes[23] === protocol && bytes[34] === 0;
    while (!readPcapng(this.file).some(({ bytes }) => isPing(bytes))) await sleep(50);
    await this.#running.stop('SIGINT');
  }

  /**
   * The payloads of UDP from one address to another, or a port of it, as hexadecimal, sorted; without those
   * of SIP.
   */
  media(from: string, to: string, port?: number): string[] {
    const found: string[] = [];
    for (const packet of datagrams(this.file)) {
      if (packet.from !== from || packet.to !== to || packet.fromPort === 5060 || packet.toPort === 5060)
        continue;
      if (port !== undefined && packet.toPort !== port) continue;
      found.push(packet.payload.toString('hex'));
    }
    return found.sort();
  }
}

/** Where the kernel lists what listens. */
const LISTENING = ['udp', 'udp6', 'tcp', 'tcp6'].map((name) => `/proc/net/${name}`);

interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Buffer;
}

function datagrams(file: string): Datagram[] {
  const found: Datagram[] = [];
  for (const { bytes } of readPcapng(file)) {
    const ip = bytes.subarray(14);
    const isIpv6 = bytes.readUInt16BE(12) === 0x86dd;
    if (!isIpv6 && bytes.readUInt16BE(12) !== 0x0800) continue;
    if ((isIpv6 ? ip[6] : ip[9]) !== 17) continue;
    const header = isIpv6 ? 40 : (ip[0]! & 15) * 4;
    const udp = ip.subarray(header, header + ip.readUInt16BE(header + 4));
    const address = (at: number): string =>
      isIpv6 ? textOf(ip.subarray(at, at + 16)) : ip.subarray(at, at + 4).join('.');
    found.push({
      from: address(isIpv6 ? 8 : 12),
      to: address(isIpv6 ? 24 : 16),
      fromPort: udp.readUInt16BE(0),
      toPort: udp.readUInt16BE(2),
      payload: udp.subarray(8),
    });
  }
  return found;
}

/** As the addresses of the lab are written. */
function textOf(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

/** Ten packets of RTP, 20 ms apart, that sipp plays. */
function writeRtpCapture(file: string): void {
  const blocks: Buffer[] = [];
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  blocks.push(head);
  for (let n = 0; n < RTP_PACKETS; n++) {
    const rtp = Buffer.alloc(12 + 160, n);
    rtp.writeUInt16BE(0x8000, 0);
    rtp.writeUInt16BE(n, 2);
    rtp.writeUInt32BE(n * 160, 4);
    rtp.writeUInt32BE(0x1234_5678, 8);
    const packet = Buffer.alloc(14 + 20 + 8 + rtp.length);
    packet.writeUInt16BE(0x0800, 12);
    packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17], 14);
    packet.writeUInt16BE(packet.length - 14, 16);
    packet.set([192, 0, 2, 4, 192, 0, 2, 1], 26);
    packet.writeUInt16BE(6000, 34);
    packet.writeUInt16BE(6000, 36);
    packet.writeUInt16BE(8 + rtp.length, 38);
    packet.set(rtp, 42);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor((n * 20_000) / 1_000_000), 0);
    record.writeUInt32LE((n * 20_000) % 1_000_000, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    blocks.push(record, packet);
  }
  writeFileSync(file, Buffer.concat(blocks));
}

export const RTP_PACKETS = 10;
