import type { Given, Settings } from './driver.ts';
import {
  datagram,
  icmp6,
  neighbourAdvertisement,
  neighbourSolicitation,
  routerAdvertisement,
  routerSolicitation,
  tcp6,
  udp6,
} from './packets.ts';

/** An instance of a piece among random neighbours. */
export interface Scene {
  readonly settings: Settings;
  /** The next step; `offers` are the present offers of the piece. */
  next(offers: readonly string[]): Given;
  /** Returns the packet that an end brings in reply to one that came to it; undefined for none. */
  reply?(packet: Uint8Array): Uint8Array | undefined;
  /** The next instant, when the piece wants to be called at `wakeAt`. */
  later(now: number, wakeAt: number): number;
}

type Random = (below: number) => number;

const TOP = 'fc64:bed:c000:201';
const ROUTER = '192.0.2.1:25790';
const NATIVE = '2001:db8::1';
/** So few neighbours that they are met again. */
const NEIGHBOURS = 6;

const word = (value: number): string => value.toString(16);
/** The address of a peer with the public IPv4 address 192.0.2.`last`. */
const address = (last: number, port: number, lanip = 1): string =>
  `${TOP}:c000:${word(0x200 + last)}:${word(port)}:${word(lanip)}`;

abstract class RandomScene {
  abstract readonly settings: Settings;
  protected readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  later(now: number, wakeAt: number): number {
    const kind = this.random(8);
    if (kind < 2) return now;
    if (kind < 4 && wakeAt !== Number.POSITIVE_INFINITY) return Math.max(now, wakeAt);
    if (kind === 4) return now + this.random(40_000);
    return now + this.random(400) / 4;
  }

  protected one<T>(...choices: readonly T[]): T {
    return choices[this.random(choices.length)]!;
  }

  protected isRare(): boolean {
    return this.random(12) === 0;
  }

  /** An ordinary packet, now and then with something special about it. */
  protected plain(source: string, destination: string): Uint8Array {
    const hops = this.isRare() ? this.random(2) : this.one(2, 64, 255);
    const trafficClass = this.one(0, 0, 1, 2, 3, 0xb8);
    const kind = this.random(6);
    if (kind < 2) return tcp6(source, destination, this.random(64));
    if (kind === 2) {
      const type = this.one('80', '81', '01', '03');
      return icmp6(source, destination, `${type}00 0000 1234 0001 abcdef`, { hops, trafficClass });
    }
    const size = this.isRare() ? this.one(1240, 1241, 1400) : 8 + this.random(60);
    return udp6(source, destination, size, { hops, trafficClass });
  }

  /** Now and then something is wrong with a packet: it is cut, longer, or a bit is another. */
  protected damaged(packet: Uint8Array): Uint8Array {
    if (this.random(10) > 0) return packet;
    const kind = this.random(3);
    if (kind === 0) return packet.slice(0, this.random(packet.length));
    if (kind === 1) return Uint8Array.of(...packet, ...new Uint8Array(1 + this.random(5)));
    const other = packet.slice();
    const bit = this.random(packet.length * 8);
    other[bit >> 3]! ^= 1 << (bit & 7);
    return other;
  }
}

/** The peer between a host and the world. */
export class PeerScene extends RandomScene implements Scene {
  readonly settings: Settings;
  readonly #allowsPrivate: boolean;
  #me = address(11, 58_898);

  constructor(random: Random) {
    super(random);
    this.#allowsPrivate = this.random(4) === 0;
    const settings: (readonly [string, string])[] = [
      ['router', '192.0.2.1'],
      ['port', '50000'],
      ['variant', this.one('plain', 'tcp')],
      ['default-route', this.one('true', 'false')],
      ['refresh', this.one('true', 'false')],
      ['keepalive', this.one('1s', '5s', '30s')],
      ['allow-private', String(this.#allowsPrivate)],
      ['drop-unmarkable', this.one('true', 'false')],
    ];
    if (this.random(5) === 0) settings.push(['lan-multicast', 'false']);
    if (this.random(8) === 0) settings.push(['direct', 'false']);
    this.settings = settings;
  }

  next(offers: readonly string[]): Given {
    const offered = offers.find((offer) => offer.startsWith('ipv6 address '));
    if (offered !== undefined) this.#me = offered.replace(/^ipv6 address |\/114$/g, '');
    return this.random(2) === 0 ? this.#fromHost() : this.#fromCarrier();
  }

  #neighbour(): { address: string; at: string } {
    const port = 50_000 + 2 * this.random(NEIGHBOURS);
    return { address: address(12, port, this.one(1, 1, 2)), at: `192.0.2.12:${port}` };
  }

  #sibling(): { address: string; at: string } {
    const n = this.random(NEIGHBOURS);
    return { address: address(11, 40_000 + 2 * n), at: `192.168.1.${n + 2}:51000` };
  }

  #subnet(): string {
    return this.#me.replace(/:1$/, ':0');
  }

  #fromHost(): Given {
    const me = this.#me;
    const kind = this.random(14);
    if (kind === 0) {
      const hops = this.isRare() ? 254 : 255;
      return this.#host(icmp6(this.one('::', 'fe80::5'), 'ff02::2', '8500 0000 00000000', { hops }));
    }
    if (kind === 1) {
      const target = this.one('fe80::', this.#subnet(), me, this.#neighbour().address);
      return this.#host(neighbourSolicitation(me, target, this.isRare() ? 64 : 255));
    }
    if (kind === 2) {
      const unasked = this.one(routerAdvertisement(this.#subnet()), neighbourAdvertisement(me, me));
      return this.#host(unasked);
    }
    const source = this.isRare() ? this.one(NATIVE, 'fe80::5', '::', this.#subnet()) : me;
    const odd = ['ff02::1', '::1', 'fe80::1', `${TOP}:c100::1`, me.replace(/:1$/, ':9'), this.#subnet()];
    const usual = [NATIVE, this.#neighbour().address, this.#neighbour().address, this.#sibling().address];
    return this.#host(this.plain(source, this.random(4) === 0 ? this.one(...odd) : this.one(...usual)));
  }

  #host(packet: Uint8Array): Given {
    return { edge: 'ipv6', bytes: this.damaged(packet) };
  }

  #fromCarrier(): Given {
    const me = this.#me;
    const neighbour = this.#neighbour();
    const sibling = this.#sibling();
    const kind = this.random(20);
    if (kind === 0) return this.#carrier(this.one(ROUTER, neighbour.at), new Uint8Array(0));
    if (kind <= 2) return this.#carrier(ROUTER, this.#advertisement());
    if (kind === 3) return this.#carrier(this.one(ROUTER, neighbour.at), routerSolicitation());
    if (kind === 4) return this.#carrier(this.one(neighbour.at, '192.0.2.1:25792'), this.#advertisement());
    if (kind <= 6) return this.#carrier(neighbour.at, neighbourAdvertisement(neighbour.address, me));
    if (kind <= 8) return this.#carrier(sibling.at, neighbourAdvertisement(sibling.address, me));
    if (kind === 9) {
      const { address: source, at } = this.one(neighbour, sibling);
      const target = this.isRare() ? this.one(this.#subnet(), sibling.address) : me;
      const to = this.one('10.9.9.9:50000', '224.0.0.1:25790');
      const packet = neighbourSolicitation(source, target, this.isRare() ? 1 : 255);
      return this.#carrier(at, packet, to);
    }
    const isOdd = this.random(5) === 0;
    const destination = isOdd ? this.one('ff02::1', this.#subnet(), sibling.address, NATIVE) : me;
    if (kind <= 12)
      return this.#carrier(ROUTER, this.plain(this.one(NATIVE, neighbour.address), destination));
    if (kind === 13)
      return this.#carrier('10.0.0.1:50000', this.plain(`${TOP}:800:1:c350:8001`, destination));
    if (kind === 14) {
      return this.#carrier(
        '198.51.100.1:25790',
        this.plain('fc64:bed:c633:6401:c000:263:c350:1', destination),
      );
    }
    if (kind === 15) return this.#carrier(neighbour.at, this.plain(sibling.address, destination));
    if (kind <= 17) return this.#carrier(sibling.at, this.plain(sibling.address, destination));
    return this.#carrier(neighbour.at, this.plain(neighbour.address, destination));
  }

  #advertisement(): Uint8Array {
    const kind = this.random(8);
    const port = this.isRare() ? 2 * (1 + this.random(5)) : 58_898;
    const prefix = address(11, port, 0);
    if (kind === 0) return routerAdvertisement(`${TOP}:7c00:1:e612:c000`);
    if (kind === 1) return routerAdvertisement(prefix, { flags: '98' });
    if (kind === 2) return routerAdvertisement(prefix, { to: this.one(this.#me, NATIVE) });
    const routable = '03 04 20 00 ffffffff ffffffff 00000000 20010db8000000000000000000000000';
    return routerAdvertisement(prefix, { options: this.isRare() ? routable : '' });
  }

  #carrier(from: string, payload: Uint8Array, to = '10.9.9.9:50000'): Given {
    const bytes = datagram(from, to, this.damaged(payload), { trafficClass: this.random(4) });
    return { edge: 'carrier', bytes };
  }
}

/** The router among peers, with a native network behind it. */
export class RouterScene extends RandomScene implements Scene {
  readonly settings: Settings;
  /** Solicitations that are still to come from one sender, all at one instant. */
  #storm = 0;

  constructor(random: Random) {
    super(random);
    const settings: (readonly [string, string])[] = [
      ['address', '192.0.2.1'],
      ['local-addresses', this.one('true', 'false')],
      ['allow-private', this.one('true', 'false', 'false')],
      ['drop-unmarkable', this.one('true', 'false')],
    ];
    for (let n = this.random(4); n > 0; n--) settings.push(['routable-prefix', `2001:db8:${n}::/48`]);
    this.settings = settings;
  }

  override later(now: number, wakeAt: number): number {
    return this.#storm > 0 ? now : super.later(now, wakeAt);
  }

  next(): Given {
    if (this.random(200) === 0) this.#storm = 40;
    if (this.#storm > 0) {
      this.#storm--;
      return this.#carrier('192.0.2.14:50000', routerSolicitation());
    }
    return this.random(4) === 0 ? this.#fromNative() : this.#fromPeer();
  }

  #peer(): { address: string; at: string } {
    const port = 50_000 + 2 * this.random(NEIGHBOURS);
    return { address: address(12, port, this.one(1, 2)), at: `192.0.2.12:${port}` };
  }

  #destination(self: string): string {
    const odd = [
      'ff02::1',
      'fe80::1',
      self.replace(/:[12]$/, ':0'),
      address(1, 25_790, 0),
      `${TOP}:800:1:c350:8001`,
      `${TOP}:c100::1`,
      `${TOP}::1`,
      '2001:db8:ffff::1',
    ];
    return this.random(3) === 0 ? this.one(...odd) : this.one(NATIVE, this.#peer().address);
  }

  #fromPeer(): Given {
    const peer = this.#peer();
    const kind = this.random(14);
    if (kind === 0) return this.#carrier(peer.at, new Uint8Array(0));
    if (kind === 1) return this.#carrier(peer.at, routerSolicitation(this.isRare() ? 254 : 255));
    if (kind === 2) {
      const option = this.one('', '0101 000000000001', '0101 000000000000', '0201 000000000001');
      return this.#carrier(
        peer.at,
        icmp6(this.one('::', peer.address), 'ff02::2', `8500 0000 00000000 ${option}`),
      );
    }
    if (kind === 3) {
      const target = this.one('fe80::', address(1, 25_790, 0), NATIVE);
      return this.#carrier(peer.at, neighbourSolicitation(peer.address, target));
    }
    if (kind === 4)
      return this.#carrier(peer.at, neighbourAdvertisement(peer.address, address(1, 25_790, 0)));
    if (kind === 5) {
      const from = this.one('10.0.0.1:50000', '127.0.0.1:50000', '192.0.2.12:0');
      return this.#carrier(from, this.plain(`${TOP}:800:1:c350:8001`, this.#destination(peer.address)));
    }
    if (kind === 6) {
      const source = this.one(NATIVE, 'fe80::1', 'fc64:bed:c633:6401:c000:20c:c350:1');
      return this.#carrier(peer.at, this.plain(source, this.#destination(peer.address)));
    }
    if (kind === 7) {
      const moved = `192.0.2.${this.one(12, 13)}:${this.one(60_000, 60_001)}`;
      return this.#carrier(moved, this.plain(peer.address, this.#destination(peer.address)));
    }
    const isLinkLocal = this.isRare();
    const source = isLinkLocal ? peer.address.replace(TOP, 'fe80:0:0:0') : peer.address;
    return this.#carrier(peer.at, this.plain(source, this.#destination(peer.address)));
  }

  #fromNative(): Given {
    const source = this.isRare() ? this.one(this.#peer().address, `${TOP}::1`) : NATIVE;
    const packet = this.isRare() ? routerSolicitation() : this.plain(source, this.#destination(NATIVE));
    return { edge: 'native', bytes: this.damaged(packet) };
  }

  #carrier(from: string, payload: Uint8Array): Given {
    const bytes = datagram(from, '192.0.2.1:25790', this.damaged(payload), { trafficClass: this.random(4) });
    return { edge: 'carrier', bytes };
  }
}
