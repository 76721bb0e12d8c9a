import { closeSync, readSync } from 'node:fs';
import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { TunPiece } from '../device/tun.ts';
import { EndpointError } from '../endpoint-error.ts';
import { formatPrefix } from '../ip-address.ts';
import { GuardedProcess } from '../namespace/guarded-process.ts';
import { NetworkNamespace, standardStreams } from '../namespace/network-namespace.ts';
import { ResolverRelay } from '../namespace/resolver-relay.ts';
import { SettingReader } from '../setting-reader.ts';
import { unnamedFile } from '../temporary-file.ts';
import {
  CONNECTORS,
  type Connector,
  connectorCommand,
  findConnector,
  needNft,
  OUTER_DEVICE,
} from './connector.ts';
import { type DefaultRoutes, defaultRoutesOf } from './default-routes.ts';
import { Masquerade } from './masquerade.ts';
import { RELAY_ROUTES, relayRules, TcpRelay } from './tcp-relay.ts';
import { uplinkDescription, uplinkSettings } from './uplink-description.ts';

/**
 * The native piece `uplink`: the ordinary Internet for a neighbour's packets, without privileges.
 *
 * ```
 *   puzzle ── tun ─┐ a namespace of its own: Linux  ┌─ up0 ── pasta ── the user's network
 *                  └ forwards and masquerades ──────┘
 * ```
 *
 * It offers its neighbour an address and routes in each IP version that this machine has, and relays DNS
 * queries at {@link UPLINK_RESOLVER} to the resolvers of this machine.
 */
export class UplinkPiece extends PieceBase implements Piece {
  readonly waitsInStart = true;
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #settings: UplinkSettings;
  readonly #problems: readonly Problem[];
  #namespace: NetworkNamespace | undefined;
  #device: TunPiece | undefined;
  #connection: Connection | undefined;
  #relay: ResolverRelay | undefined;
  #tcpRelay: TcpRelay | undefined;
  #routes: DefaultRoutes = { ipv4: false, ipv6: false };
  #hasEnded = false;
  #isClosed = false;

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#protocols = protocols;
    const read = readUplinkSettings(settings);
    this.#settings = read.settings;
    this.#problems = read.problems;
    this.description = uplinkDescription(read.settings.mtu);
  }

  /**
   * @throws EndpointError `FT_UPLINK_ABSENT`, `FT_UPLINK`, `FT_NAMESPACE_FORBIDDEN`, `FT_NAMESPACE`,
   * `FT_ADDON_ABSENT`, and those of tun
   */
  override start(now: number): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    try {
      needNft();
      const connector = findConnector(this.#settings.via);
      const namespace = NetworkNamespace.open({ output: 'ignore' });
      this.#namespace = namespace;
      const settings = [
        ['device', INNER_DEVICE],
        ['mtu', String(this.#settings.mtu)],
        ...GATEWAYS.map((address) => ['address', address] as const),
        ...this.#settings.addresses.map((address) => ['route', address] as const),
      ] as const;
      this.#device = new TunPiece(this.#context, this.#frames, this.#protocols, settings, namespace.sockets);
      this.#device.start(now);
      namespace.setVariable('net/ipv4/ip_forward', '1');
      namespace.setVariable('net/ipv6/conf/all/forwarding', '1');
      this.#masquerade(namespace);
      this.#connect(connector, namespace);
      if (this.#settings.isRelayed) this.#relayTcp(namespace);
      this.#relay = ResolverRelay.open(namespace, UPLINK_RESOLVER);
      this.#report(connector);
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  /** Reports for the user which networks the uplink reaches, and by which program. */
  #report(via: Connector): void {
    const { ipv4, ipv6 } = this.#routes;
    const facts = { via, ipv4: ipv4 ? 'yes' : 'no', ipv6: ipv6 ? 'yes' : 'no' };
    if (this.#hasEnded) this.#context.status({ health: 'failed', summary: `${via} has ended`, facts });
    else if (!ipv4 && !ipv6)
      this.#context.status({ health: 'failed', summary: 'this machine has no default route', facts });
    else this.#context.status({ health: 'good', summary: 'reaches the networks of this user', facts });
  }

  #masquerade(namespace: NetworkNamespace): void {
    const { status, output } = namespace.runTool(['nft', '-f', '-'], rules(this.#settings.isRelayed));
    if (status !== 0)
      throw new EndpointError(
        'FT_UPLINK',
        `piece ${this.#context.name}: nft cannot masquerade here (status ${status}): ${output.trim()}. The kernel needs nf_tables with NAT`,
      );
  }

  #relayTcp(namespace: NetworkNamespace): void {
    for (const family of ['-4', '-6']) {
      const { status, output } = namespace.runTool(['ip', family, '-batch', '-'], RELAY_ROUTES);
      if (status === 0) continue;
      throw new EndpointError(
        'FT_UPLINK',
        `piece ${this.#context.name}: ip cannot lead connections to a relay here (status ${status}): ${output.trim()}. Install iproute2, or choose tcp: direct`,
        { setting: 'tcp' },
      );
    }
    this.#tcpRelay = TcpRelay.open(namespace);
  }

  /** Starts the connector of the namespace, and waits until it has connected, usually a tenth of a second. */
  #connect(connector: Connector, namespace: NetworkNamespace): void {
    const outside = defaultRoutesOf('self');
    if (!outside.ipv4 && !outside.ipv6) {
      this.#context.log('warn', 'this machine has no default route, so the uplink reaches nothing');
      return;
    }
    const output = unnamedFile();
    try {
      const onEnd = (): void => {
        this.#hasEnded = true;
        if (this.#isClosed || this.#relay === undefined) return;
        this.#context.log(
          'error',
          `${connector} has ended, so the uplink reaches nothing. funnel apply starts it again`,
        );
        this.#report(connector);
      };
      const hidden = {
        ipv4: outside.ipv4 && this.#settings.addresses.some(isIpv4),
        ipv6: outside.ipv6 && this.#settings.addresses.some((each) => !isIpv4(each)),
      };
      const connection: Connection =
        connector === 'masquerade'
          ? new Masquerade(namespace.pid, outside, output, onEnd)
          : GuardedProcess.start(
              connectorCommand(connector, namespace.pid, hidden),
              standardStreams(output),
              onEnd,
            );
      this.#connection = connection;
      const end = performance.now() + PATIENCE_MS;
      for (;;) {
        const isRunning = connection.isRunning;
        this.#routes = defaultRoutesOf(namespace.pid, OUTER_DEVICE);
        const { ipv4, ipv6 } = this.#routes;
        const isComplete = (ipv4 || !outside.ipv4) && (ipv6 || !outside.ipv6 || connector === 'slirp4netns');
        const isLate = performance.now() > end;
        if (isRunning && (isComplete || (isLate && (ipv4 || ipv6)))) return;
        if (!isRunning || isLate) {
          const said = withoutNoise(textOf(output));
          throw new EndpointError(
            'FT_UPLINK',
            `piece ${this.#context.name}: ${connector} does not connect to the network of this user${said === '' ? '' : `: ${said}`}`,
          );
        }
        Atomics.wait(SLEEP, 0, 0, POLL_MS);
      }
    } finally {
      closeSync(output);
    }
  }

  override join(joining: Joining): void {
    // The offers of neighbours are for their own devices.
    this.#device?.join({ ...joining, properties: [] });
    for (const [name, value] of this.#offers())
      this.#context.offer(joining.edge, { name, value: { tag: 'text', val: value } }, true);
  }

  /**
   * Offers an address and a route in each IP version that this machine has, and always an IPv4 address, for
   * the resolver.
   */
  #offers(): readonly (readonly [string, string])[] {
    const { ipv4, ipv6 } = this.#routes;
    const { addresses } = this.#settings;
    const own = [
      ...(ipv4 && addresses.some(isIpv4) ? [] : [NEIGHBOUR_IPV4]),
      ...(addresses.some((each) => !isIpv4(each)) || !ipv6 ? [] : [NEIGHBOUR_IPV6]),
    ];
    return [
      ...[...addresses, ...own].map((each) => ['address', each] as const),
      ...(ipv4 ? [['route', '0.0.0.0/0'] as const] : []),
      ...(ipv6 ? [['route', '::/0'] as const] : []),
    ];
  }

  override leave(edge: number, shape: number): void {
    this.#device?.leave(edge, shape);
  }

  process(now: number, inbox: Inbox, limit: number): number {
    return this.#device!.process(now, inbox, limit);
  }

  /** Whether the program that connects the namespace has ended. */
  get deviates(): boolean {
    return this.#hasEnded;
  }

  close(): void {
    this.#isClosed = true;
    this.#relay?.close();
    this.#tcpRelay?.close();
    this.#device?.close();
    this.#connection?.close();
    void this.#namespace?.close();
  }
}

/** The connection of the namespace to the network of this machine's user. */
interface Connection {
  readonly isRunning: boolean;
  close(): void;
}

export interface UplinkSettings {
  readonly via: Connector | 'auto';
  readonly mtu: number;
  readonly isRelayed: boolean;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
}

/** All problems at once. */
export function readUplinkSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UplinkSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(uplinkSettings, given);
  const settings = {
    via: reader.choice('via', ['auto', ...CONNECTORS]),
    isRelayed: reader.choice('tcp', ['relayed', 'direct']) === 'relayed',
    addresses: reader.prefixes('address').map(formatPrefix),
    mtu: reader.number('mtu') ?? 1500,
  };
  return { settings, problems: reader.problems };
}

function isIpv4(prefix: string): boolean {
  return !prefix.includes(':');
}

/**
 * The address to which a neighbour sends DNS queries. The addresses are those for IPv4 behind another network
 * (RFC 7335).
 */
export const UPLINK_RESOLVER = '192.0.0.1';
const RESOLVER_PREFIX = '192.0.0.0/29';
const NEIGHBOUR_IPV4 = '192.0.0.2/29';
/**
 * The prefix is unique local (RFC 4193), so that programs prefer IPv4 for destinations that both reach (RFC
 * 6724).
 */
const NEIGHBOUR_IPV6 = 'fd66:756e:6e65:6c::2/64';
const GATEWAYS = [`${UPLINK_RESOLVER}/29`, 'fd66:756e:6e65:6c::1/64'] as const;

const INNER_DEVICE = 'puzzle';

/**
 * Rules for nft: packets of the neighbour leave with the namespace's own address, and only packets of their
 * connections come back.
 *
 * Packets that fit no connection are dropped before the namespace itself gets them, because it would reply
 * with a reset. The pasta of Debian 12 sends such segments, without any flag.
 */
function rules(isRelayed: boolean): string {
  return `
table inet funnel {${isRelayed ? relayRules(INNER_DEVICE, { ipv4: RESOLVER_PREFIX, ipv6: 'fd66:756e:6e65:6c::/64' }) : ''}
  chain outgoing {
    type nat hook postrouting priority 100
    oifname "${OUTER_DEVICE}" masquerade
  }
  chain through {
    type filter hook forward priority 0; policy drop
    iifname "${INNER_DEVICE}" oifname "${OUTER_DEVICE}" accept
    iifname "${OUTER_DEVICE}" oifname "${INNER_DEVICE}" ct state established,related accept
    iifname "${INNER_DEVICE}" reject
  }
  chain here {
    type filter hook input priority 0
    iifname "${OUTER_DEVICE}" ct state invalid drop
  }
}
`;
}

/** The messages of a connector that are read when it fails. */
const MAX_LOG_BYTES = 16_384;
const PATIENCE_MS = 5000;
const POLL_MS = 5;
/** Nothing ever notifies it, so each wait ends by its timeout. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

function textOf(descriptor: number): string {
  const room = Buffer.alloc(MAX_LOG_BYTES);
  return room.toString('utf8', 0, readSync(descriptor, room, 0, room.length, 0));
}

/** pasta prints this for each line on a machine without a syslog. */
function withoutNoise(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^Failed to send \d+ bytes to syslog/.test(line))
    .slice(-5)
    .join('; ');
}
