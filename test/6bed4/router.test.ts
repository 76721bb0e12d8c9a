import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece, Driver, type Given, type Settings } from './driver.ts';
import { fromHex, ipv6, toHex } from './packet-text.ts';
import {
  datagram,
  icmp6,
  neighbourAdvertisement,
  neighbourSolicitation,
  packet6,
  routerAdvertisement,
  routerSolicitation,
  udp6,
} from './packets.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(builtPiece('6bed4-router'));
});

const TOP = 'fc64:bed:c000:201';
const ROUTER_ADDRESS = `${TOP}:c000:201:64be:0`;
/** A peer at 192.0.2.11:58898. */
const PEER = `${TOP}:c000:20b:e612:1`;
const PEER_PREFIX = `${TOP}:c000:20b:e612:0`;
const PEER_AT = '192.0.2.11:58898';
/** Another at 192.0.2.12:50000. */
const OTHER = `${TOP}:c000:20c:c350:1`;
const OTHER_AT = '192.0.2.12:50000';
const FAR = 'fc64:bed:c633:6401:c000:263:c350:1';
const NATIVE = '2001:db8::1';

let driver: Driver;
const base: Settings = [['address', '192.0.2.1']];
const begin = (settings: Settings = base, ...edges: string[]): Driver => {
  driver = new Driver(make, settings).start().join(...edges);
  return driver;
};
const carrier = (from: string, payload: Uint8Array): Given => ({
  edge: 'carrier',
  bytes: datagram(from, '192.0.2.1:25790', payload),
});
const native = (bytes: Uint8Array): Given => ({ edge: 'native', bytes });
const hex = (bytes: Uint8Array): string => toHex(bytes);
const lessAHop = (packet: Uint8Array): string => {
  const less = packet.slice();
  less[7]! -= 1;
  return toHex(less);
};
const error = (body: string, packet: Uint8Array, to: string): string =>
  hex(icmp6(ROUTER_ADDRESS, to, `${body} ${toHex(packet.subarray(0, 1232))}`, { hops: 64 }));
const of = (address: string): string => toHex(ipv6(address));

describe('the description of the router', () => {
  const describeWith = (settings: Settings): unknown => make({} as never).describe(settings);

  it('has its port in its Shapes', () => {
    const { description } = new Driver(make, [...base, ['port', '4000']]);
    expect(description.edges[0]!.shapes.map(({ stack }) => stack)).toEqual([
      'ipv4/udp/local:4000',
      'ipv4/udp/local:4000/ipv6',
      'ipv4/udp/local:4000/ipv6/icmpv6',
    ]);
    expect(description.edges[1]!.optional).toBe(true);
  });

  it.each([
    ['::/0', 'fc64:bed:c000:201::/64'],
    ['fc64::/16', 'fc64:bed:c000:201::/64'],
    ['2001::/16', '2001:bed:c000:201::/64'],
    ['2001:db8::/32', '2001:db8:c000:201::/64'],
    ['2001:db8:1::/48', '2001:db8:1:bed::/64'],
    ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
    ['fd12:3456:789a:1::/64', 'fd12:3456:789a:1::/64'],
    ['2001:DB8:1:2:3:4:5:6/64', '2001:db8:1:2::/64'],
  ])('makes of %s the /64 %s', (prefix, route) => {
    begin([...base, ['prefix', prefix]]);
    expect(driver.offers).toContain(`native route ${route}`);
  });

  it('puts the netid where it belongs', () => {
    begin([...base, ['netid', 'abc1'], ['prefix', '2001:db8:1::/48']]);
    expect(driver.offers).toContain('native route 2001:db8:1:abc1::/64');
  });

  it.each([
    ['prefix', '2001:db8::/33'],
    ['prefix', '2001:db8::/56'],
    ['prefix', '2001:db8::/128'],
    ['prefix', 'fd00::/16'],
    ['prefix', 'fd12:3456:789a::/48'],
    ['prefix', '2001:db8::'],
    ['prefix', '2001:db8::/'],
    ['prefix', '2001:db8::/x'],
    ['prefix', '2001:db8::/129'],
    ['prefix', '2001:db8/64'],
    ['prefix', '1:2:3:4:5:6:7:8:9/64'],
    ['prefix', '1::2::3/64'],
    ['prefix', '12345::/64'],
    ['prefix', '1:2:3:4:5:6:7:8::/64'],
    ['prefix', ':1::/64'],
    ['netid', 'xyz'],
    ['netid', '12345'],
    ['netid', '1:2'],
    ['port', '0'],
    ['routable-prefix', '2001::/15'],
    ['routable-prefix', 'here'],
    ['address', '192.0.2.256'],
    ['address', '0.0.0.0'],
  ])('refuses %s %s', (name, value) => {
    const settings: Settings = [...(name === 'address' ? [] : base), [name, value]];
    expect(describeWith(settings)).toMatchObject([{ setting: name }]);
  });

  it('refuses an eleventh routable prefix', () => {
    const settings = [
      ...base,
      ...Array<readonly [string, string]>(11).fill(['routable-prefix', '2001:db8::/32']),
    ];
    expect(describeWith(settings)).toMatchObject([{ setting: 'routable-prefix' }]);
  });

  it('offers its /64 to the native network', () => {
    begin();
    expect([...driver.offers].sort()).toEqual([
      'native mtu at-most 1280',
      'native route fc64:bed:c000:201::/64',
      'native up yes',
    ]);
    begin([...base, ['local-addresses', 'true']]);
    expect(driver.offers).toContain('native address fc64:bed:c000:201::1/64');
  });

  it('needs no clock, and nothing saved', () => {
    begin();
    expect(driver.process().wakeAt).toBe(Number.POSITIVE_INFINITY);
    expect(driver.piece.save(1).length).toBe(0);
  });
});

describe('solicitations', () => {
  beforeEach(() => {
    begin();
  });

  it('of a new peer are answered to all nodes, by its endpoint', () => {
    const { sent, ended } = driver.process(carrier(PEER_AT, routerSolicitation()));
    expect(ended).toEqual(['solicitation-answered']);
    expect(sent).toEqual([
      {
        edge: 'carrier',
        packet: hex(routerAdvertisement(PEER_PREFIX)),
        continues: false,
        to: PEER_AT,
        sourcePort: 25790,
        ttl: 64,
        trafficClass: 0,
        dontFragment: false,
      },
    ]);
  });

  it('are answered from the address that was asked, as is all that passes to a peer', () => {
    const asked = '192.0.2.77';
    const at = (from: string, payload: Uint8Array): Given => ({
      edge: 'carrier',
      bytes: datagram(from, `${asked}:25790`, payload),
    });
    const packets = [routerSolicitation(), neighbourSolicitation(PEER, ROUTER_ADDRESS), udp6(PEER, OTHER)];
    for (const packet of packets) {
      driver.from = '';
      expect(driver.process(at(PEER_AT, packet)).sent).toHaveLength(1);
      expect(driver.from).toBe(asked);
    }
  });

  it('of one with an address are answered to that, whatever it is', () => {
    for (const source of [PEER, NATIVE, 'fe80::7']) {
      const rs = icmp6(source, 'ff02::2', '8500 0000 00000000');
      const { sent } = driver.process(carrier(PEER_AT, rs));
      expect(sent).toMatchObject([{ packet: hex(routerAdvertisement(PEER_PREFIX, { to: source })) }]);
    }
  });

  it('get the routable prefixes', () => {
    begin([
      ...base,
      ['routable-prefix', '2001:db8::/32'],
      ['routable-prefix', '2001:db8:ffff:ffff:ffff::/65'],
    ]);
    const options = `03 04 20 00 ffffffff ffffffff 00000000 ${of('2001:db8::')}
      03 04 41 00 ffffffff ffffffff 00000000 ${of('2001:db8:ffff:ffff:8000::')}`;
    expect(driver.process(carrier(PEER_AT, routerSolicitation())).sent).toMatchObject([
      { packet: hex(routerAdvertisement(PEER_PREFIX, { options })) },
    ]);
  });

  it.each([
    ['hop limit 254', routerSolicitation(254), 'bad-hop-limit'],
    ['code 1', icmp6('::', 'ff02::2', '8501 0000 00000000'), 'bad-neighbour-discovery'],
    [
      'a bad option',
      icmp6('::', 'ff02::2', '8500 0000 00000000 0201 000000000001'),
      'bad-neighbour-discovery',
    ],
    ['identity 0', icmp6('::', 'ff02::2', '8500 0000 00000000 0101 000000000000'), 'bad-neighbour-discovery'],
    [
      'a longer option',
      icmp6('::', 'ff02::2', `8500 0000 00000000 0102${'01'.repeat(14)}`),
      'bad-neighbour-discovery',
    ],
    [
      'an option of length 0',
      icmp6('::', 'ff02::2', '8500 0000 00000000 0100 000000000001'),
      'bad-neighbour-discovery',
    ],
  ])('with %s are not answered', (_, packet, reason) => {
    expect(driver.process(carrier(PEER_AT, packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('with a wrong checksum are not answered', () => {
    const wrong = routerSolicitation();
    wrong[50]! ^= 0x40;
    expect(driver.process(carrier(PEER_AT, wrong))).toMatchObject({ sent: [], ended: ['bad-checksum'] });
  });

  it('of one endpoint are answered four times at once, and then once a second', () => {
    const ask = (from: string): string => driver.process(carrier(from, routerSolicitation())).ended[0]!;
    const answered = (tries: number): number =>
      Array.from({ length: tries }, () => ask(PEER_AT)).filter((reason) => reason === 'solicitation-answered')
        .length;
    expect(answered(40)).toBe(4);
    expect(ask(PEER_AT)).toBe('rate-limited');
    // Others do not suffer.
    expect(ask(OTHER_AT)).toBe('solicitation-answered');
    driver.now += 1000;
    expect(answered(40)).toBe(1);
  });

  it.each([['fe80::'], ['fe80::c000:201:64be:0'], [ROUTER_ADDRESS]])(
    'for neighbour %s are answered',
    (target) => {
      const ns = neighbourSolicitation(PEER, target);
      const { sent, ended } = driver.process(carrier(PEER_AT, ns));
      expect(ended).toEqual(['solicitation-answered']);
      const body = `8800 0000 c0000000 ${of(ROUTER_ADDRESS)} 0201 be64 c0000201`;
      expect(sent).toMatchObject([{ to: PEER_AT, packet: hex(icmp6('fe80::', PEER, body)) }]);
    },
  );

  it.each([
    ['for another', PEER_AT, neighbourSolicitation(PEER, OTHER), 'bad-neighbour-discovery'],
    [
      'with two options',
      PEER_AT,
      icmp6(PEER, 'fe80::', `8700 0000 00000000 ${of('fe80::')} 0101000000000000 0e01000000000000`),
      'bad-neighbour-discovery',
    ],
    ['from another endpoint', OTHER_AT, neighbourSolicitation(PEER, 'fe80::'), 'spoofed-source'],
    ['by hop limit 1', PEER_AT, neighbourSolicitation(PEER, 'fe80::', 1), 'bad-hop-limit'],
  ])('for a neighbour %s are not answered', (_, from, packet, reason) => {
    expect(driver.process(carrier(from, packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it.each([
    ['a router advertisement', routerAdvertisement(PEER_PREFIX)],
    ['a neighbour advertisement', neighbourAdvertisement(PEER, OTHER)],
    ['a redirect', icmp6(PEER, OTHER, `8900 0000 00000000 ${of(OTHER)} ${of(OTHER)}`)],
  ])('are not %s', (_, packet) => {
    expect(driver.process(carrier(PEER_AT, packet))).toMatchObject({
      sent: [],
      ended: ['unexpected-neighbour-discovery'],
    });
  });
});

describe('packets of peers', () => {
  beforeEach(() => {
    begin();
  });

  it.each([
    ['another peer', OTHER, OTHER_AT],
    ['a peer of another router', FAR, '192.0.2.99:50000'],
    ['another address of the same peer', `${TOP}:c000:20b:e612:77`, PEER_AT],
  ])('are relayed to %s', (_, destination, to) => {
    const packet = udp6(PEER, destination, 1240, { trafficClass: 0x2e });
    const { sent, ended } = driver.process(carrier(PEER_AT, packet));
    expect(ended).toEqual([]);
    expect(sent).toEqual([
      {
        edge: 'carrier',
        packet: lessAHop(packet),
        continues: true,
        to,
        sourcePort: 25790,
        ttl: 64,
        trafficClass: 0x2e,
        dontFragment: false,
      },
    ]);
  });

  it('reach the native network', () => {
    const packet = udp6(PEER, NATIVE);
    expect(driver.process(carrier(PEER_AT, packet)).sent).toEqual([
      { edge: 'native', packet: lessAHop(packet), continues: true },
    ]);
  });

  it('keep a mark of congestion on the next way, where the transport understands it', () => {
    const marked = (destination: string, inner: number, outer: number): number[] => {
      const packet = udp6(PEER, destination, 20, { trafficClass: inner });
      const bytes = datagram(PEER_AT, '192.0.2.1:25790', packet, { trafficClass: outer });
      const [sent] = driver.process({ edge: 'carrier', bytes }).sent;
      const relayed = fromHex(sent!.packet);
      return [((relayed[0]! & 15) << 4) | (relayed[1]! >> 4), sent!.trafficClass ?? -1];
    };
    const [notEct, ect1, ect0, ce] = [0, 1, 2, 3];
    // By the inner mark, then by the outer one: RFC 6040 §4.2, but for Not-ECT under CE, which goes on here.
    for (const [inner, byOuter] of [
      [notEct, [notEct, notEct, notEct, notEct]],
      [ect1, [ect1, ect1, ect1, ce]],
      [ect0, [ect0, ect1, ect0, ce]],
      [ce, [ce, ce, ce, ce]],
    ] as const)
      for (const outer of [notEct, ect1, ect0, ce]) {
        const kept = 0xb8 | byOuter[outer!]!;
        expect(marked(OTHER, 0xb8 | inner!, outer!), `${inner} under ${outer}`).toEqual([kept, kept]);
      }
    expect(marked(NATIVE, 0x02, 0x03)).toEqual([0x03, -1]);
  });

  it.each([false, true])('a mark of congestion that is lost is counted (dropped: %s)', (isDropped) => {
    begin([...base, ['drop-unmarkable', String(isDropped)]]);
    for (const [inner, outer] of [
      [0, 0],
      [0, 1],
      [2, 3],
      [0, 3],
    ] as const) {
      const packet = udp6(PEER, OTHER, 20, { trafficClass: inner });
      const bytes = datagram(PEER_AT, '192.0.2.1:25790', packet, { trafficClass: outer });
      const { sent, ended } = driver.process({ edge: 'carrier', bytes });
      const isEnded = isDropped && inner === 0 && outer === 3;
      expect([sent.length, ended]).toEqual(isEnded ? [0, ['unmarkable']] : [1, []]);
    }
    driver.now += 6000;
    driver.process();
    expect(driver.status?.facts).toMatchObject({ 'lost-congestion-marks': '1' });
  });

  it('are counted by peer in the status, for two minutes', () => {
    driver.process();
    const facts = { address: '192.0.2.1:25790', prefix: `${TOP}::/64`, peers: '0' };
    const summary = 'relays between peers and the native network';
    expect(driver.status).toEqual({ health: 'good', summary, facts });
    driver.process(carrier(PEER_AT, udp6(PEER, OTHER)));
    driver.process(carrier(OTHER_AT, udp6(OTHER, PEER)));
    driver.process(carrier(OTHER_AT, udp6(OTHER, PEER)));
    // A sender of a forged source is no peer.
    driver.process(carrier('192.0.2.77:50000', udp6(PEER, OTHER)));
    driver.now += 6000;
    driver.process();
    expect(driver.status?.facts).toEqual({ ...facts, peers: '2' });
    driver.now += 60_000;
    driver.process(carrier(OTHER_AT, udp6(OTHER, PEER)));
    driver.now += 60_000;
    driver.process();
    expect(driver.status?.facts).toEqual({ ...facts, peers: '1' });
    driver.now += 125_000;
    driver.process();
    expect(driver.status?.facts).toEqual(facts);
  });

  it('may be of the link, among peers', () => {
    const packet = udp6('fe80::c000:20b:e612:1', OTHER);
    expect(driver.process(carrier(PEER_AT, packet)).sent).toMatchObject([{ to: OTHER_AT }]);
    const out = udp6('fe80::c000:20b:e612:1', NATIVE);
    expect(driver.process(carrier(PEER_AT, out)).ended).toEqual(['no-native']);
  });

  it('reach this machine by port 0, where that is allowed', () => {
    const packet = udp6(PEER, `${TOP}::1`);
    expect(driver.process(carrier(PEER_AT, packet)).ended).toEqual(['unroutable']);
    begin([...base, ['local-addresses', 'true']]);
    expect(driver.process(carrier(PEER_AT, packet)).sent).toMatchObject([{ edge: 'native' }]);
    expect(driver.process(native(udp6(`${TOP}::1`, PEER))).sent).toMatchObject([{ to: PEER_AT }]);
  });

  it.each([
    ['hop limit 1', udp6(PEER, OTHER, 20, { hops: 1 }), 'hop-limit', '0300 0000 00000000'],
    ['1281 bytes', udp6(PEER, OTHER, 1241), 'too-big', '0200 0000 00000500'],
    ['a destination on the link', udp6(PEER, 'fe80::1'), 'unroutable', '0100 0000 00000000'],
    ['the loopback address', udp6(PEER, '::1'), 'unroutable', '0100 0000 00000000'],
    ['the router itself', udp6(PEER, ROUTER_ADDRESS), 'unroutable', '0103 0000 00000000'],
    ['a group bit', udp6(PEER, `${TOP}:c100:20c:c350:1`), 'unroutable', '0103 0000 00000000'],
    ['lanip 0 of itself', udp6(PEER, PEER_PREFIX), 'masquerading', '0103 0000 00000000'],
    ['a private IPv4 address', udp6(PEER, `${TOP}:800:1:c350:8001`), 'forbidden-ipv4', '0103 0000 00000000'],
    [
      'a loopback IPv4 address',
      udp6(PEER, `${TOP}:7c00:1:c350:c001`),
      'forbidden-ipv4',
      '0103 0000 00000000',
    ],
  ])('with %s end, and are answered', (_, packet, reason, body) => {
    const { sent, ended } = driver.process(carrier(PEER_AT, packet));
    expect(ended).toEqual([reason]);
    expect(sent).toMatchObject([{ edge: 'carrier', to: PEER_AT, packet: error(body, packet, PEER) }]);
  });

  it('find no native network where there is none', () => {
    begin(base, 'carrier');
    const packet = udp6(PEER, NATIVE);
    const { sent, ended } = driver.process(carrier(PEER_AT, packet));
    expect(ended).toEqual(['no-native']);
    expect(sent).toMatchObject([{ packet: error('0100 0000 00000000', packet, PEER) }]);
  });

  it('of another port are answered with an advertisement only, and not often', () => {
    const packet = udp6(PEER, OTHER);
    const moved = '192.0.2.11:60000';
    const { sent, ended } = driver.process(carrier(moved, packet));
    expect(ended).toEqual(['mapping-changed']);
    expect(sent).toMatchObject([
      { to: moved, packet: hex(routerAdvertisement(`${TOP}:c000:20b:ea60:0`, { to: 'ff02::1' })) },
    ]);
    const reasons = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      const [reason] = driver.process(carrier(moved, packet)).ended;
      reasons.set(reason!, (reasons.get(reason!) ?? 0) + 1);
    }
    expect(Object.fromEntries(reasons)).toEqual({ 'mapping-changed': 3, 'rate-limited': 97 });
  });

  it('of a flood of one endpoint keep no other endpoint of its address from an advertisement', () => {
    const packet = udp6(PEER, OTHER);
    const solicit = (port: number) =>
      driver.process(carrier(`192.0.2.11:${port}`, routerSolicitation())).ended[0];
    const counts = { answered: 0, others: 0 };
    // For ten seconds: a stale peer sends a hundred packets a second, and another of its kind solicits as
    // often.
    for (let n = 0; n < 1000; n++) {
      driver.now += 10;
      driver.process(carrier('192.0.2.11:60000', packet));
      if (solicit(60_002) === 'solicitation-answered') counts.others++;
      // Peers behind the same NAT ask as RFC 4861 lets them, each at its own time.
      if (n % 100 === 50 && solicit(40_000 + n) === 'solicitation-answered') counts.answered++;
    }
    expect(counts.answered).toBe(10);
    expect(counts.others).toBeLessThanOrEqual(4 + 10);
  });

  it('of many endpoints of one address get no more advertisements than the address', () => {
    const kinds = new Map<string, number>();
    for (let port = 1024; port < 3024; port++) {
      const [reason] = driver.process(carrier(`192.0.2.11:${port}`, routerSolicitation())).ended;
      kinds.set(reason!, (kinds.get(reason!) ?? 0) + 1);
    }
    expect(kinds.get('solicitation-answered')).toBe(20);
    expect(kinds.get('rate-limited')).toBe(1980);
    // The other kind has tokens of its own, and so has another address.
    expect(driver.process(carrier('192.0.2.11:60000', udp6(PEER, OTHER))).ended).toEqual(['mapping-changed']);
    expect(driver.process(carrier('192.0.2.77:60000', routerSolicitation())).ended).toEqual([
      'solicitation-answered',
    ]);
  });

  it('of another address are answered so too, before anything else is looked at', () => {
    for (const packet of [udp6(PEER, NATIVE), udp6(PEER, PEER_PREFIX), udp6(PEER, OTHER, 20, { hops: 1 })]) {
      expect(driver.process(carrier('198.51.100.1:58898', packet)).ended).toEqual(['mapping-changed']);
    }
  });

  it.each([
    ['an empty datagram', PEER_AT, new Uint8Array(0), 'keepalive'],
    ['39 bytes', PEER_AT, udp6(PEER, OTHER).subarray(0, 39), 'malformed'],
    ['version 4', PEER_AT, fromHex(`45${'00'.repeat(60)}`), 'malformed'],
    ['a packet cut off', PEER_AT, udp6(PEER, OTHER).subarray(0, 50), 'malformed'],
    [
      'no payload where there should be one',
      PEER_AT,
      packet6(PEER, OTHER, 17, new Uint8Array(0)),
      'malformed',
    ],
    ['a foreign prefix', PEER_AT, udp6(NATIVE, OTHER), 'spoofed-source'],
    ['the prefix of another router', PEER_AT, udp6(FAR, OTHER), 'spoofed-source'],
    ['a link-local source of another', PEER_AT, udp6('fe80::1', OTHER), 'spoofed-source'],
    ['a source of another, to a group', OTHER_AT, udp6(PEER, 'ff02::1'), 'spoofed-source'],
    ['a group', PEER_AT, udp6(PEER, 'ff02::1'), 'multicast'],
    ['a private sender', '10.0.0.1:50000', routerSolicitation(), 'forbidden-ipv4'],
    ['a sender on the link', '169.254.1.1:50000', routerSolicitation(), 'forbidden-ipv4'],
    ['a sender with port 0', '192.0.2.11:0', routerSolicitation(), 'forbidden-ipv4'],
    ['an error that dies', PEER_AT, icmp6(PEER, OTHER, '0100 0000 00000000', { hops: 1 }), 'hop-limit'],
  ])('with %s end in silence', (_, from, payload, reason) => {
    expect(driver.process(carrier(from, payload))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('may have private IPv4 addresses in a lab', () => {
    begin([...base, ['allow-private', 'true']]);
    expect(driver.process(carrier('10.0.0.1:50000', routerSolicitation())).ended).toEqual([
      'solicitation-answered',
    ]);
    expect(driver.process(carrier('127.0.0.1:50000', routerSolicitation())).ended).toEqual([
      'forbidden-ipv4',
    ]);
  });

  it('are answered ten times a second, each sender by himself', () => {
    const dying = (source: string, from: string): number =>
      driver.process(carrier(from, udp6(source, NATIVE, 20, { hops: 1 }))).sent.length;
    let answers = 0;
    for (let n = 0; n < 50; n++) answers += dying(PEER, PEER_AT);
    expect(answers).toBe(10);
    expect(dying(OTHER, OTHER_AT)).toBe(1);
    driver.now += 500;
    for (let n = 0; n < 50; n++) answers += dying(PEER, PEER_AT);
    expect(answers).toBe(15);
  });

  it('find a restarted router unchanged', () => {
    const packet = udp6(PEER, OTHER);
    begin();
    expect(driver.process(carrier(PEER_AT, packet)).sent).toMatchObject([{ to: OTHER_AT }]);
  });
});

describe('packets of the native network', () => {
  beforeEach(() => {
    begin();
  });

  it('are relayed to the peer whose address it is', () => {
    for (const packet of [udp6(NATIVE, PEER), icmp6(NATIVE, PEER, '8000 0000 12345678', { hops: 9 })]) {
      expect(driver.process(native(packet)).sent).toMatchObject([
        { edge: 'carrier', to: PEER_AT, packet: lessAHop(packet), sourcePort: 25790, continues: true },
      ]);
    }
  });

  it.each([
    ['solicitations', routerSolicitation(), 'unexpected-neighbour-discovery'],
    ['another prefix', udp6(NATIVE, '2001:db8:9::1'), 'foreign-destination'],
    ['the prefix of another router', udp6(NATIVE, FAR), 'foreign-destination'],
    ['a group', udp6(NATIVE, 'ff0e::1'), 'multicast'],
    ["a peer's source", udp6(OTHER, PEER), 'spoofed-source'],
    ['a source of this machine that may not be', udp6(`${TOP}::1`, PEER), 'spoofed-source'],
    ['half a header', udp6(NATIVE, PEER).subarray(0, 30), 'malformed'],
  ])('with %s end in silence', (_, packet, reason) => {
    expect(driver.process(native(packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it.each([
    ['hop limit 1', udp6(NATIVE, PEER, 20, { hops: 1 }), 'hop-limit', '0300 0000 00000000'],
    ['1281 bytes', udp6(NATIVE, PEER, 1241), 'too-big', '0200 0000 00000500'],
    ['the router itself', udp6(NATIVE, ROUTER_ADDRESS), 'unroutable', '0103 0000 00000000'],
    ['port 0', udp6(NATIVE, `${TOP}::1`), 'unroutable', '0103 0000 00000000'],
    [
      'a private IPv4 address',
      udp6(NATIVE, `${TOP}:800:1:c350:8001`),
      'forbidden-ipv4',
      '0103 0000 00000000',
    ],
  ])('with %s end, and are answered', (_, packet, reason, body) => {
    const { sent, ended } = driver.process(native(packet));
    expect(ended).toEqual([reason]);
    expect(sent).toEqual([{ edge: 'native', packet: error(body, packet, NATIVE), continues: false }]);
  });
});
