import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece, Driver, type Given, type Sent, type Settings } from './driver.ts';
import { fromHex, ipv4, toHex } from './packet-text.ts';
import {
  ACK,
  datagram,
  FIN,
  icmp6,
  neighbourAdvertisement,
  neighbourSolicitation,
  packet6,
  RST,
  routerAdvertisement,
  routerSolicitation,
  SYN,
  tcp6,
  udp6,
} from './packets.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(builtPiece('6bed4'));
});

const ROUTER = '192.0.2.1:25790';
const TOP = 'fc64:bed:c000:201';
/** As the router sees us: 192.0.2.11:58898. */
const ME = `${TOP}:c000:20b:e612:1`;
const MINE = `${TOP}:c000:20b:e612:0`;
const AGAIN = `${TOP}:c000:20b:1234:0`;
/** Another peer: 192.0.2.12:50000. */
const PEER = `${TOP}:c000:20c:c350:1`;
const PEER_AT = '192.0.2.12:50000';
/** A peer behind the same NAT: 192.0.2.11:40000, at home 192.168.1.7:51000. */
const SIBLING = `${TOP}:c000:20b:9c40:1`;
const SIBLING_AT_HOME = '192.168.1.7:51000';
const FAR = 'fc64:bed:c633:6401:c000:263:c350:1';
const NATIVE = '2001:db8::1';

let driver: Driver;
const base: Settings = [
  ['router', '192.0.2.1'],
  ['port', '50000'],
];

const begin = (settings: Settings = base): Driver => {
  driver = new Driver(make, settings).start().join();
  return driver;
};
const carrier = (from: string, payload: Uint8Array, to = '10.9.9.9:50000', trafficClass = 0): Given => ({
  edge: 'carrier',
  bytes: datagram(from, to, payload, { trafficClass }),
});
const host = (bytes: Uint8Array): Given => ({ edge: 'ipv6', bytes });
/** A peer that is connected, and has nothing left to send. */
const connected = (settings: Settings = base): Driver => {
  begin(settings).process();
  const result = driver.process(carrier(ROUTER, routerAdvertisement(MINE), `10.9.9.9:${driver.port}`));
  expect(result.ended).toEqual(['advertisement-accepted']);
  return driver;
};
const hex = (bytes: Uint8Array): string => toHex(bytes);
const lessAHop = (packet: Uint8Array): string => {
  const less = packet.slice();
  less[7]! -= 1;
  return toHex(less);
};
const isKeepalive = (sent: Sent): boolean => sent.packet === '';
const isSolicitation = (sent: Sent): boolean => sent.packet === hex(routerSolicitation());
const nsOf = (target: string): string =>
  toHex(
    icmp6(
      ME,
      target,
      `8700 0000 00000000 ${toHex(udp6(target, ME)).slice(16, 48)} 0101 12e6 ${ipv4('192.0.2.11').toString(16)}`,
    ),
  );

describe('the status for the user', () => {
  it('goes from no address to an address with a reachable router', () => {
    begin().process();
    expect(driver.status).toEqual({
      health: 'pending',
      summary: 'has no IPv6 address yet, and waits for the router',
      facts: { router: ROUTER, 'router-state': 'asked' },
    });
    driver.process(carrier(ROUTER, routerAdvertisement(MINE)));
    expect(driver.status).toEqual({
      health: 'good',
      summary: 'has an IPv6 address',
      facts: {
        address: ME,
        router: ROUTER,
        'router-state': 'reachable',
        'peers-direct': '0',
        'peers-relayed': '0',
      },
    });
  });

  it('says that the router does not answer, before there is an address and after', () => {
    begin();
    for (const seconds of [1, 2, 5, 12]) {
      driver.now = seconds * 1000;
      driver.process();
    }
    expect(driver.status).toMatchObject({
      health: 'failed',
      summary: 'has no IPv6 address, because the router does not answer',
      facts: { 'router-state': 'silent' },
    });
    driver.process(carrier(ROUTER, routerAdvertisement(MINE)));
    expect(driver.status?.health).toBe('good');
    for (let n = 1; n <= 4; n++) {
      driver.now = 12_000 + n * 30_000;
      driver.process();
    }
    expect(driver.status).toMatchObject({ health: 'impaired', facts: { 'router-state': 'silent' } });
  });

  it('refuses a router whose packets the settings refuse', () => {
    for (const [router, message] of [
      [
        '10.77.0.1',
        'router is a private address, whose packets are refused; set allow-private to true to take them',
      ],
      ['127.0.0.1', 'router must be the address of another host that packets can come from'],
    ] as const) {
      expect(new Driver(make, [['router', '192.0.2.1']]).piece.describe([['router', router]])).toEqual([
        { setting: 'router', message },
      ]);
    }
    expect(
      new Driver(make, base).piece.describe([
        ['router', '10.77.0.1'],
        ['allow-private', 'true'],
      ]),
    ).toHaveProperty('edges');
  });
});

describe('the description of the peer', () => {
  const describeWith = (settings: Settings): unknown => make({} as never).describe(settings);

  it('has the Shapes of TCP in its variant only', () => {
    const plain = new Driver(make, base).description;
    const tcp = new Driver(make, [...base, ['variant', 'tcp']]).description;
    expect(plain.edges.map(({ shapes }) => shapes.map(({ stack }) => stack))).toEqual([
      ['ipv6', 'ipv6/icmpv6'],
      ['ipv4/udp/*', 'ipv4/udp/*/ipv6', 'ipv4/udp/*/ipv6/icmpv6'],
    ]);
    expect(tcp.edges[0]!.shapes[2]!.stack).toBe('ipv6/tcp');
    expect(tcp.edges[1]!.shapes[3]!.stack).toBe('ipv4/udp/*/ipv6/tcp');
    expect(tcp.curves.every(({ overhead }) => overhead === 28)).toBe(true);
  });

  it.each([
    ['port', '50001'],
    ['port', '0'],
    ['port', '65536'],
    ['router', '192.0.2'],
    ['router', '0.0.0.0'],
    ['router-port', '0'],
    ['keepalive', '10ms'],
    ['keepalive-ttl', '0'],
    ['keepalive-ttl', '256'],
    ['variant', 'sctp'],
    ['allow-private', 'perhaps'],
  ])('refuses %s %s', (name, value) => {
    const settings: Settings = [...(name === 'router' ? [] : base.slice(0, 1)), [name, value]];
    expect(describeWith(settings)).toMatchObject([{ setting: name }]);
  });

  it('starts with a router only', () => {
    expect(make({ log: () => {} } as never).start(0, [], [])).toMatchObject([{ setting: 'router' }]);
  });
});

describe('its port', () => {
  it('is that of the settings', () => {
    expect(begin().port).toBe(50000);
    expect([...driver.listening.values()]).toEqual([
      'ipv4/udp/local:50000',
      'ipv4/udp/local:50000/ipv6',
      'ipv4/udp/local:50000/ipv6/icmpv6',
      'ipv4/udp/25790/ipv6/icmpv6',
    ]);
    expect(driver.offers).toEqual(new Set(['carrier group 224.0.0.1:25790']));
  });

  it('is an even one at random otherwise', () => {
    const ports = new Set<number>();
    for (let seed = 1n; seed < 40n; seed++) {
      const { port } = new Driver(make, base.slice(0, 1), seed * 7919n).start().join();
      expect(port % 2).toBe(0);
      expect(port).toBeGreaterThanOrEqual(49152);
      expect(port).toBeLessThanOrEqual(65534);
      ports.add(port);
    }
    expect(ports.size).toBeGreaterThan(30);
  });

  it('is another one where the first are taken; eight are tried at once, and more later', () => {
    const tried: string[] = [];
    driver = new Driver(make, base.slice(0, 1)).start();
    driver.refuseListen = (stack) => {
      if (tried.length < 10) tried.push(stack);
      return tried.length < 10 ? 'in use' : undefined;
    };
    driver.join();
    expect(tried.length).toBe(8);
    expect(driver.logged.length).toBe(8);
    expect(driver.logged[0]).toMatch(/^warn: cannot listen on UDP port \d+: in use$/);
    const { wakeAt, sent } = driver.process();
    expect(sent).toEqual([]);
    expect(wakeAt).toBe(2000);
    driver.now = 2000;
    expect(driver.process().sent.filter(isSolicitation).length).toBe(1);
    expect(driver.port % 2).toBe(0);
  });

  it('is tried again with back-off', () => {
    driver = new Driver(make, base).start();
    driver.refuseListen = () => 'in use';
    driver.join();
    const waits: number[] = [];
    for (let n = 0; n < 9; n++) {
      const { wakeAt } = driver.process();
      waits.push((wakeAt - driver.now) / 1000);
      driver.now = wakeAt;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('takes back what it listens on, where a part of it is refused', () => {
    driver = new Driver(make, base).start();
    driver.refuseListen = (stack) => (stack.endsWith('icmpv6') ? 'no' : undefined);
    driver.join();
    expect(driver.listening.size).toBe(0);
  });

  it('works without the LAN where that is refused', () => {
    driver = new Driver(make, base).start();
    driver.refuseListen = (stack) => (stack.includes('25790') ? 'taken' : undefined);
    driver.join();
    expect(driver.port).toBe(50000);
    expect(driver.offers.size).toBe(0);
    expect(driver.logged).toEqual(['info: no peers are looked for on the LAN: taken']);
  });
});

describe('finding its address', () => {
  it('solicits at once, and after 1, 3, 7, 15, 30, 30 s', () => {
    begin();
    const calls = driver.wakeUntil(1000 + 120_000);
    expect(calls.map(({ at }) => (at - 1000) / 1000)).toEqual([0, 1, 4, 11, 26, 56, 86, 116]);
    for (const { sent } of calls) {
      expect(sent).toEqual([
        {
          edge: 'carrier',
          packet: hex(routerSolicitation()),
          continues: false,
          to: ROUTER,
          sourcePort: 50000,
          ttl: 64,
          trafficClass: 0,
          dontFragment: false,
        },
      ]);
    }
  });

  it('solicits no more seldom than it would keep alive', () => {
    begin([...base, ['keepalive', '5s']]);
    const calls = driver.wakeUntil(1000 + 20_000);
    expect(calls.map(({ at }) => (at - 1000) / 1000)).toEqual([0, 1, 4, 9, 14, 19]);
  });

  it('offers the advertised prefixes', () => {
    connected();
    expect([...driver.offers].sort()).toEqual([
      'carrier group 224.0.0.1:25790',
      `ipv6 address ${ME}/114`,
      'ipv6 mtu at-most 1280',
      'ipv6 route fc64::/16',
      'ipv6 up yes',
    ]);
    expect(driver.logged).toEqual(['info: the router sees us as 192.0.2.11 port 58898']);
  });

  it('offers routable prefixes, and all of IPv6 where it is to', () => {
    begin([...base, ['default-route', 'true']]).process();
    const options = '03 04 30 00 ffffffff ffffffff 00000000 20010db8000000000000000000000000';
    driver.process(carrier(ROUTER, routerAdvertisement(MINE, { options })));
    expect([...driver.offers].filter((offer) => offer.includes('route')).sort()).toEqual([
      'ipv6 route 2001:db8::/48',
      'ipv6 route ::/0',
      'ipv6 route fc64::/16',
    ]);
  });

  it('offers the /64 of a router with a prefix of its own', () => {
    begin().process();
    driver.process(carrier(ROUTER, routerAdvertisement('2001:db8:1:2:c000:20b:e612:0')));
    expect(driver.offers).toContain('ipv6 route 2001:db8:1:2::/64');
    expect(driver.offers).toContain('ipv6 address 2001:db8:1:2:c000:20b:e612:1/114');
  });

  it('keeps the mapping alive with empty datagrams of TTL 3, and asks whether it still holds', () => {
    connected();
    const calls = driver.wakeUntil(1000 + 95_000);
    expect(calls.map(({ at }) => at)).toEqual([31_000, 61_000, 91_000]);
    for (const { sent } of calls) {
      expect(sent.length).toBe(2);
      expect(sent[0]).toMatchObject({ packet: '', to: ROUTER, ttl: 3, sourcePort: 50000 });
      expect(isSolicitation(sent[1]!)).toBe(true);
    }
  });

  it('asks nothing with `refresh` off', () => {
    connected([...base, ['refresh', 'false'], ['keepalive-ttl', '5'], ['keepalive', '10s']]);
    const calls = driver.wakeUntil(1000 + 25_000);
    expect(calls.map(({ at }) => at)).toEqual([11_000, 21_000]);
    for (const { sent } of calls) expect(sent).toMatchObject([{ packet: '', ttl: 5 }]);
  });

  it.each([
    ['from another endpoint', '192.0.2.1:25791', {}, 'spoofed-source'],
    ['from another address', '192.0.2.2:25790', {}, 'spoofed-source'],
    ['from another IPv6 address', ROUTER, { from: 'fe80::1' }, 'bad-neighbour-discovery'],
    ['with managed addresses', ROUTER, { flags: '98' }, 'bad-neighbour-discovery'],
    ['with a prefix of another length', ROUTER, { bits: '40' }, 'bad-neighbour-discovery'],
    ['for somebody else', ROUTER, { to: PEER }, 'unexpected-neighbour-discovery'],
    ['to another group', ROUTER, { to: 'ff02::2' }, 'unexpected-neighbour-discovery'],
  ])('refuses an advertisement %s', (_, from, options, reason) => {
    begin().process();
    expect(driver.process(carrier(from, routerAdvertisement(MINE, options))).ended).toEqual([reason]);
    expect(driver.offers.size).toBe(1);
  });

  it('takes an advertisement to its link-local address', () => {
    begin().process();
    const to = 'fe80::c000:20b:e612:1';
    expect(driver.process(carrier(ROUTER, routerAdvertisement(MINE, { to }))).ended).toEqual([
      'advertisement-accepted',
    ]);
  });

  it.each([
    [`${TOP}:a00:1:e612:0`, 'a private IPv4 address'],
    [`${TOP}:7c00:1:e612:c000`, 'a loopback address'],
    [`${TOP}:c000:20b:0:0`, 'port 0'],
    [`${TOP}:c100:20b:e612:0`, 'a group bit'],
    ['fe80::c000:20b:e612:0', 'a link-local prefix'],
    ['ff02::c000:20b:e612:0', 'a group'],
  ])('refuses to be %s: %s', (prefix) => {
    begin().process();
    expect(driver.process(carrier(ROUTER, routerAdvertisement(prefix))).ended).toEqual([
      'bad-neighbour-discovery',
    ]);
  });

  it('may have a private IPv4 address in a lab', () => {
    begin([...base, ['allow-private', 'true']]).process();
    const result = driver.process(carrier(ROUTER, routerAdvertisement(`${TOP}:800:1:e612:8000`)));
    expect(result.ended).toEqual(['advertisement-accepted']);
  });

  it('replaces its address when the NAT has another mapping, and forgets its neighbours', () => {
    connected();
    driver.process(host(udp6(ME, PEER)));
    driver.process(carrier(PEER_AT, neighbourAdvertisement(PEER, ME)));
    expect(driver.process(host(udp6(ME, PEER))).sent[0]!.to).toBe(PEER_AT);
    // To the outdated address, as when a router answers a packet that it does not recognise.
    const result = driver.process(carrier(ROUTER, routerAdvertisement(AGAIN, { to: ME })));
    expect(result.ended).toEqual(['advertisement-accepted']);
    expect([...driver.offers].filter((offer) => offer.includes('address'))).toEqual([
      `ipv6 address ${TOP}:c000:20b:1234:1/114`,
    ]);
    expect(driver.offers).toContain('ipv6 up yes');
    const renamed = `${TOP}:c000:20b:1234:1`;
    expect(driver.process(host(udp6(ME, PEER))).ended).toEqual(['foreign-source']);
    expect(driver.process(host(udp6(renamed, PEER))).sent.at(-1)!.to).toBe(ROUTER);
  });

  it('has its new address within one keepalive though nothing is sent', () => {
    connected();
    const [first] = driver.wakeUntil(1000 + 30_000);
    expect(first!.sent.some(isSolicitation)).toBe(true);
    driver.process(carrier(ROUTER, routerAdvertisement(AGAIN)));
    expect(driver.offers).toContain(`ipv6 address ${TOP}:c000:20b:1234:1/114`);
  });

  it('changes no offer when it is notified of the same', () => {
    connected();
    const before = [...driver.offers];
    driver.process(carrier(ROUTER, routerAdvertisement(MINE)));
    expect([...driver.offers]).toEqual(before);
    expect(driver.logged.length).toBe(1);
  });
});

describe('packets of the host', () => {
  beforeEach(() => {
    connected([...base, ['direct', 'false']]);
  });

  it.each([
    ['another peer', PEER],
    ['a peer of another router', FAR],
    ['the native network', NATIVE],
    ['the router, which answers for lanip 0', MINE],
  ])('go to the router for %s', (_, destination) => {
    const packet = udp6(ME, destination, 30, { trafficClass: 0xb9 });
    const { sent, ended } = driver.process(host(packet));
    expect(ended).toEqual([]);
    expect(sent).toEqual([
      {
        edge: 'carrier',
        packet: lessAHop(packet),
        continues: true,
        to: ROUTER,
        sourcePort: 50000,
        ttl: 64,
        trafficClass: 0xb9,
        dontFragment: false,
      },
    ]);
  });

  it('may have any lanip but 0', () => {
    expect(driver.process(host(udp6(`${TOP}:c000:20b:e612:3fff`, NATIVE))).sent.length).toBe(1);
    expect(driver.process(host(udp6(MINE, NATIVE))).ended).toEqual(['foreign-source']);
  });

  it('take ICMPv6 along, whole', () => {
    const ping = icmp6(ME, NATIVE, '8000 0000 1234 0001 abcdef', { hops: 64 });
    expect(driver.process(host(ping)).sent).toMatchObject([{ packet: lessAHop(ping), to: ROUTER }]);
  });

  it('lose what is behind the end of the packet', () => {
    const packet = udp6(ME, NATIVE);
    const padded = Uint8Array.of(...packet, 1, 2, 3);
    expect(driver.process(host(padded)).sent).toMatchObject([{ packet: lessAHop(packet) }]);
  });

  /** The error that quotes a packet. */
  const error = (body: string, packet: Uint8Array, source = MINE, to = ME): string =>
    hex(icmp6(source, to, `${body} ${toHex(packet.subarray(0, 1232))}`, { hops: 64 }));

  it.each([
    ['hop limit 1', udp6(ME, NATIVE, 20, { hops: 1 }), 'hop-limit', '0300 0000 00000000'],
    ['hop limit 0', udp6(ME, NATIVE, 20, { hops: 0 }), 'hop-limit', '0300 0000 00000000'],
    ['1281 bytes', udp6(ME, NATIVE, 1241), 'too-big', '0200 0000 00000500'],
    ['a destination on the link', udp6(ME, 'fe80::1'), 'unroutable', '0100 0000 00000000'],
    ['a destination that 6bed4 cannot have', udp6(ME, `${TOP}:c100::1`), 'unroutable', '0100 0000 00000000'],
  ])('with %s end, and are answered', (_, packet, reason, body) => {
    const { sent, ended } = driver.process(host(packet));
    expect(ended).toEqual([reason]);
    expect(sent).toEqual([{ edge: 'ipv6', packet: error(body, packet), continues: false }]);
  });

  it('of another source end, and are answered', () => {
    const packet = udp6(NATIVE, PEER);
    const { sent, ended } = driver.process(host(packet));
    expect(ended).toEqual(['foreign-source']);
    expect(sent).toMatchObject([{ packet: error('0105 0000 00000000', packet, MINE, NATIVE) }]);
    const local = udp6('fe80::1', PEER);
    expect(driver.process(host(local)).sent).toMatchObject([
      { packet: error('0102 0000 00000000', local, MINE, 'fe80::1') },
    ]);
  });

  it('of 1280 bytes go on', () => {
    expect(driver.process(host(udp6(ME, NATIVE, 1240))).ended).toEqual([]);
  });

  it.each([
    ['to a group', udp6(ME, 'ff02::1'), 'multicast'],
    ['from a group', udp6('ff02::1', NATIVE), 'foreign-source'],
    ['from nobody', udp6('::', NATIVE), 'foreign-source'],
    ['to its own prefix', udp6(ME, `${TOP}:c000:20b:e612:2`), 'own-prefix'],
    ['that is an error and dies', icmp6(ME, NATIVE, '0300 0000 00000000', { hops: 1 }), 'hop-limit'],
    [
      'that is a redirect on its way out',
      icmp6(ME, NATIVE, '8900 0000 00000000', { hops: 1 }),
      'bad-hop-limit',
    ],
    ['too short', fromHex('6000000000'), 'malformed'],
    ['of version 4', fromHex(`45${'00'.repeat(50)}`), 'malformed'],
    ['longer than it is', udp6(ME, NATIVE).subarray(0, 50), 'malformed'],
    ['without a payload that its header tells of', packet6(ME, NATIVE, 17, new Uint8Array(0)), 'malformed'],
  ])('%s end in silence', (_, packet, reason) => {
    expect(driver.process(host(packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('are answered ten times at once, and then ten times a second', () => {
    const dying = (): number => driver.process(host(udp6(ME, NATIVE, 20, { hops: 1 }))).sent.length;
    let answers = 0;
    for (let n = 0; n < 50; n++) answers += dying();
    expect(answers).toBe(10);
    driver.now += 1000;
    for (let n = 0; n < 50; n++) answers += dying();
    expect(answers).toBe(20);
  });

  it('find no way before there is an address', () => {
    begin().process();
    const packet = udp6('2001:db8::9', NATIVE);
    const { sent, ended } = driver.process(host(packet));
    expect(ended).toEqual(['not-connected']);
    expect(sent).toMatchObject([{ packet: error('0100 0000 00000000', packet, 'fe80::', '2001:db8::9') }]);
  });
});

describe('the host that looks for its router', () => {
  const rs = icmp6('fe80::5', 'ff02::2', '8500 0000 00000000');

  it('gets the prefix, and the routes', () => {
    connected();
    const { sent, ended } = driver.process(host(rs));
    expect(ended).toEqual(['solicitation-answered']);
    const body = (lifetime: string): string => `8600 0000 00 18 ${lifetime} 00008000 00000100
      03 04 72 c0 ffffffff ffffffff 00000000 ${toHex(udp6(MINE, ME)).slice(16, 48)}
      18 03 10 18 ffffffff fc640000000000000000000000000000`;
    expect(sent).toEqual([
      { edge: 'ipv6', packet: hex(icmp6('fe80::', 'fe80::5', body('0000'))), continues: false },
    ]);
    connected([...base, ['default-route', 'true']]);
    const unaddressed = icmp6('::', 'ff02::2', '8500 0000 00000000');
    expect(driver.process(host(unaddressed)).sent).toMatchObject([
      { packet: hex(icmp6('fe80::', 'ff02::1', body('ffff'))) },
    ]);
  });

  it('gets no advertisement before there is an address', () => {
    begin().process();
    expect(driver.process(host(rs))).toMatchObject({ sent: [], ended: ['not-connected'] });
  });

  it.each([
    ['fe80::', 'solicitation-answered'],
    [MINE, 'solicitation-answered'],
    [PEER, 'solicitation-answered'],
    [ME, 'own-prefix'],
  ])('is answered for %s: %s', (target, reason) => {
    connected();
    const of = toHex(udp6(target, ME)).slice(16, 48);
    const { sent, ended } = driver.process(host(icmp6(ME, target, `8700 0000 00000000 ${of}`)));
    expect(ended).toEqual([reason]);
    expect(sent.map(({ packet }) => packet)).toEqual(
      reason === 'own-prefix'
        ? []
        : [hex(icmp6('fe80::', ME, `8800 0000 c0000000 ${of} 0201 be64 c0000201`))],
    );
  });

  it.each([
    ['hop limit 254', icmp6('::', 'ff02::2', '8500 0000 00000000', { hops: 254 }), 'bad-hop-limit'],
    ['code 1', icmp6('::', 'ff02::2', '8501 0000 00000000'), 'bad-neighbour-discovery'],
    ['an advertisement', routerAdvertisement(MINE), 'unexpected-neighbour-discovery'],
    ['a neighbour advertisement', neighbourAdvertisement(ME, ME), 'unexpected-neighbour-discovery'],
    [
      'a search for duplicates',
      icmp6('::', 'ff02::1', `8700 0000 00000000 ${'00'.repeat(15)}01`),
      'unexpected-neighbour-discovery',
    ],
  ])('is not answered to %s', (_, packet, reason) => {
    connected();
    expect(driver.process(host(packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('is not answered to a wrong checksum', () => {
    connected();
    const wrong = rs.slice();
    wrong[42]! ^= 1;
    expect(driver.process(host(wrong))).toMatchObject({ sent: [], ended: ['bad-checksum'] });
  });
});

describe('packets of the carrier', () => {
  beforeEach(() => {
    connected();
  });

  it('go to the host from the router, whatever their source', () => {
    for (const source of [NATIVE, FAR, PEER, `${TOP}:c000:20b:e612:2`]) {
      const packet = udp6(source, ME);
      expect(driver.process(carrier(ROUTER, packet))).toMatchObject({
        ended: [],
        sent: [{ edge: 'ipv6', packet: lessAHop(packet), continues: true }],
      });
    }
  });

  it('go to the host from the peer to whom their source belongs', () => {
    const packet = udp6(PEER, ME);
    expect(driver.process(carrier(PEER_AT, packet)).sent).toMatchObject([{ packet: lessAHop(packet) }]);
    const local = udp6('fe80::c000:20c:c350:1', ME);
    expect(driver.process(carrier(PEER_AT, local)).ended).toEqual([]);
  });

  it('go to the host from the router that the source names', () => {
    const packet = udp6(FAR, ME);
    expect(driver.process(carrier('198.51.100.1:25790', packet)).ended).toEqual([]);
    expect(driver.process(carrier('198.51.100.1:25791', packet)).ended).toEqual(['spoofed-source']);
    expect(driver.process(carrier('198.51.100.2:25790', packet)).ended).toEqual(['spoofed-source']);
  });

  it('are ICMPv6 as well', () => {
    const ping = icmp6(PEER, ME, '8000 0000 1234 0001 abcdef', { hops: 64 });
    expect(driver.process(carrier(PEER_AT, ping)).sent).toMatchObject([{ packet: lessAHop(ping) }]);
  });

  it.each([
    ['another port, from the router', '10.9.9.9:50002'],
    ['the port of the LAN group, and no group', '10.9.9.9:25790'],
    ['another group on its port', '224.0.0.2:25790'],
  ])('to %s end', (_where, to) => {
    for (const packet of [udp6(PEER, ME), routerAdvertisement(MINE), new Uint8Array(0)]) {
      const { sent, ended } = driver.process(carrier(ROUTER, packet, to));
      expect([sent, ended]).toEqual([[], ['foreign-destination']]);
    }
    expect(driver.process(carrier(ROUTER, udp6(PEER, ME))).ended).toEqual([]);
  });

  it('keep a mark of congestion, where the transport understands it', () => {
    const marked = (inner: number, outer: number): number => {
      const packet = udp6(PEER, ME, 20, { trafficClass: inner });
      const bytes = fromHex(driver.process(carrier(PEER_AT, packet, undefined, outer)).sent[0]!.packet);
      return ((bytes[0]! & 15) << 4) | (bytes[1]! >> 4);
    };
    const [notEct, ect1, ect0, ce] = [0, 1, 2, 3];
    // By the inner mark, then by the outer one: RFC 6040 §4.2, but for Not-ECT under CE, which goes on here.
    for (const [inner, byOuter] of [
      [notEct, [notEct, notEct, notEct, notEct]],
      [ect1, [ect1, ect1, ect1, ce]],
      [ect0, [ect0, ect1, ect0, ce]],
      [ce, [ce, ce, ce, ce]],
    ] as const)
      for (const outer of [notEct, ect1, ect0, ce])
        expect(marked(0xb8 | inner!, outer!), `${inner} under ${outer}`).toBe(0xb8 | byOuter[outer!]!);
  });

  it.each([false, true])('a mark of congestion that is lost is counted (dropped: %s)', (isDropped) => {
    begin([...base, ['drop-unmarkable', String(isDropped)]]);
    driver.process(carrier(ROUTER, routerAdvertisement(MINE)));
    const [plain, marked] = [udp6(PEER, ME), udp6(PEER, ME, 20, { trafficClass: 2 })];
    for (const [packet, outer, isLost] of [
      [plain, 0, false],
      [plain, 1, false],
      [marked, 3, false],
      [plain, 3, true],
    ] as const) {
      const { sent, ended } = driver.process(carrier(PEER_AT, packet, undefined, outer));
      const isEnded = isLost && isDropped;
      expect([sent.length, ended]).toEqual(isEnded ? [0, ['unmarkable']] : [1, []]);
    }
    driver.now += 2000;
    driver.process();
    expect(driver.status?.facts).toMatchObject({ 'lost-congestion-marks': '1' });
  });

  it.each([
    ['an empty datagram', PEER_AT, new Uint8Array(0), 'keepalive'],
    ['39 bytes', PEER_AT, udp6(PEER, ME).subarray(0, 39), 'malformed'],
    ['version 4', PEER_AT, fromHex(`45${'00'.repeat(60)}`), 'malformed'],
    ['a packet cut off', PEER_AT, udp6(PEER, ME).subarray(0, 50), 'malformed'],
    ['the source of another port', '192.0.2.12:50002', udp6(PEER, ME), 'spoofed-source'],
    ['the source of another address', '192.0.2.13:50000', udp6(PEER, ME), 'spoofed-source'],
    ['a source far away', PEER_AT, udp6(NATIVE, ME), 'spoofed-source'],
    ['a source of ours', PEER_AT, udp6(ME, ME), 'spoofed-source'],
    ['a private sender', '10.0.0.1:50000', udp6(`${TOP}:800:1:c350:8001`, ME), 'forbidden-ipv4'],
    ['a destination of another', ROUTER, udp6(PEER, SIBLING), 'foreign-destination'],
    ['lanip 0', PEER_AT, udp6(PEER, MINE), 'foreign-destination'],
    ['a group', PEER_AT, udp6(PEER, 'ff02::1'), 'multicast'],
    ['a router solicitation', PEER_AT, routerSolicitation(), 'unexpected-neighbour-discovery'],
    [
      'a redirect',
      ROUTER,
      icmp6('fe80::', ME, `8900 0000 00000000 ${'fe'.repeat(32)}`),
      'unexpected-neighbour-discovery',
    ],
    ['an error that dies', PEER_AT, icmp6(PEER, ME, '0100 0000 00000000', { hops: 1 }), 'hop-limit'],
  ])('with %s end', (_, from, payload, reason) => {
    expect(driver.process(carrier(from, payload))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('that die are answered to where they came from', () => {
    const packet = udp6(PEER, ME, 20, { hops: 1 });
    const { sent, ended } = driver.process(carrier(PEER_AT, packet));
    expect(ended).toEqual(['hop-limit']);
    expect(sent).toMatchObject([
      {
        edge: 'carrier',
        to: PEER_AT,
        packet: hex(icmp6(MINE, PEER, `0300 0000 00000000 ${toHex(packet)}`, { hops: 64 })),
      },
    ]);
  });

  it('wait for an address', () => {
    begin().process();
    expect(driver.process(carrier(ROUTER, udp6(NATIVE, ME))).ended).toEqual(['not-connected']);
    expect(driver.process(carrier(PEER_AT, neighbourSolicitation(PEER, ME))).ended).toEqual([
      'not-connected',
    ]);
  });
});

describe('direct peering', () => {
  beforeEach(() => {
    connected();
  });
  const send = (packet = udp6(ME, PEER)) => driver.process(host(packet)).sent;

  it('solicits when the first packet goes, three times at intervals of 50 ms, and meanwhile the router relays', () => {
    const first = send();
    expect(first.map(({ to, packet }) => [to, packet])).toEqual([
      [PEER_AT, nsOf(PEER)],
      [ROUTER, lessAHop(udp6(ME, PEER))],
    ]);
    expect(first[0]!.continues).toBe(false);
    const calls = driver.wakeUntil(driver.now + 1000);
    expect(calls.map(({ at }) => at)).toEqual([1050, 1100]);
    for (const { sent } of calls) expect(sent).toMatchObject([{ to: PEER_AT, packet: nsOf(PEER) }]);
    expect(send()).toMatchObject([{ to: ROUTER }]);
  });

  it('asks for the very address that the packet goes to', () => {
    const other = `${TOP}:c000:20c:c350:77`;
    expect(send(udp6(ME, other))[0]!.packet).toBe(nsOf(other));
  });

  it('goes direct once the peer has answered', () => {
    send();
    const answer = driver.process(carrier(PEER_AT, neighbourAdvertisement(PEER, ME)));
    expect(answer).toMatchObject({ sent: [], ended: ['advertisement-accepted'] });
    expect(send()).toEqual([
      {
        edge: 'carrier',
        packet: lessAHop(udp6(ME, PEER)),
        continues: true,
        to: PEER_AT,
        sourcePort: 50000,
        ttl: 64,
        trafficClass: 0,
        dontFragment: false,
      },
    ]);
  });

  it('probes again while a path grows old, once a second, and falls back to the router without a reply', () => {
    send();
    driver.process(carrier(PEER_AT, neighbourAdvertisement(PEER, ME)));
    driver.now += 27_499;
    driver.process();
    expect(send()).toMatchObject([{ to: PEER_AT }]);
    driver.now += 1;
    expect(send()).toMatchObject([{ packet: nsOf(PEER) }, { to: PEER_AT, continues: true }]);
    driver.now += 999;
    expect(send()).toMatchObject([{ to: PEER_AT, continues: true }]);
    driver.now += 1;
    expect(send()).toMatchObject([{ packet: nsOf(PEER) }, { to: PEER_AT, continues: true }]);
    driver.now += 28_999;
    driver.process();
    expect(send().at(-1)!.to).toBe(PEER_AT);
    driver.now += 1;
    // It starts over.
    driver.process();
    expect(send()).toMatchObject([{ packet: nsOf(PEER) }, { to: ROUTER, continues: true }]);
  });

  it('stays with the router for 30 s where the peer does not answer in time, whatever it sends later', () => {
    send();
    driver.wakeUntil(1200);
    const late = driver.process(carrier(PEER_AT, neighbourAdvertisement(PEER, ME)));
    expect(late.ended).toEqual(['unexpected-neighbour-discovery']);
    driver.now = 1000 + 150 + 29_999;
    driver.process();
    expect(send()).toMatchObject([{ to: ROUTER }]);
    driver.now += 1;
    driver.process();
    expect(send()).toMatchObject([{ packet: nsOf(PEER) }, { to: ROUTER }]);
  });

  it.each([
    ['from another endpoint', '192.0.2.12:50002', neighbourAdvertisement(PEER, ME), 'spoofed-source'],
    [
      'of another peer',
      '192.0.2.13:50000',
      neighbourAdvertisement(`${TOP}:c000:20d:c350:1`, ME),
      'unexpected-neighbour-discovery',
    ],
    ['to another', PEER_AT, neighbourAdvertisement(PEER, SIBLING), 'unexpected-neighbour-discovery'],
    [
      'that the peer did not solicit',
      PEER_AT,
      neighbourAdvertisement(PEER, ME, '20'),
      'unexpected-neighbour-discovery',
    ],
    ['by way of the router', ROUTER, neighbourAdvertisement(PEER, ME), 'unexpected-neighbour-discovery'],
    [
      'for another target',
      PEER_AT,
      icmp6(PEER, ME, `8800 0000 60000000 ${toHex(udp6(SIBLING, ME)).slice(16, 48)}`),
      'unexpected-neighbour-discovery',
    ],
  ])('believes no answer %s', (_, from, packet, reason) => {
    send();
    expect(driver.process(carrier(from, packet)).ended).toEqual([reason]);
    expect(send()).toMatchObject([{ to: ROUTER }]);
  });

  it('answers a peer that asks', () => {
    for (const lanip of [1, 2, 0x3fff]) {
      const target = `${TOP}:c000:20b:e612:${lanip.toString(16)}`;
      const { sent, ended } = driver.process(carrier(PEER_AT, neighbourSolicitation(PEER, target)));
      expect(ended).toEqual(['solicitation-answered']);
      expect(sent).toMatchObject([
        { to: PEER_AT, packet: hex(neighbourAdvertisement(target, PEER)), ttl: 64 },
      ]);
    }
  });

  it.each([
    ['for lanip 0', PEER_AT, neighbourSolicitation(PEER, MINE), 'unexpected-neighbour-discovery'],
    ['for another', PEER_AT, neighbourSolicitation(PEER, SIBLING), 'unexpected-neighbour-discovery'],
    ['with another source', '192.0.2.13:50000', neighbourSolicitation(PEER, ME), 'spoofed-source'],
    [
      'of a private sender',
      '10.0.0.1:50000',
      neighbourSolicitation(`${TOP}:800:1:c350:8001`, ME),
      'forbidden-ipv4',
    ],
    ['that is our own', '192.0.2.11:58898', neighbourSolicitation(ME, ME), 'unexpected-neighbour-discovery'],
    ['with hop limit 254', PEER_AT, neighbourSolicitation(PEER, ME, 254), 'bad-hop-limit'],
  ])('answers no solicitation %s', (_, from, packet, reason) => {
    expect(driver.process(carrier(from, packet))).toMatchObject({ sent: [], ended: [reason] });
  });

  it('tries no peer outside of its own /64, nor where peers cannot be', () => {
    for (const destination of [
      FAR,
      NATIVE,
      `${TOP}:800:1:c350:8001`,
      `${TOP}:7c00:1:c350:c001`,
      `${TOP}:c000:20c:0:1`,
    ]) {
      expect(send(udp6(ME, destination))).toMatchObject([{ to: ROUTER, continues: true }]);
    }
    expect(send(udp6(ME, `${TOP}:c000:201:64be:0`))).toMatchObject([{ to: ROUTER }]);
  });

  it('tries private addresses in a lab', () => {
    connected([...base, ['allow-private', 'true']]);
    expect(send(udp6(ME, `${TOP}:800:1:c350:8001`))[0]).toMatchObject({ to: '10.0.0.1:50000' });
  });
});

describe('peers behind the same NAT', () => {
  beforeEach(() => {
    connected();
  });
  const send = (packet = udp6(ME, SIBLING)) => driver.process(host(packet)).sent;

  it('are asked for twice by multicast on the LAN, then three times through the NAT', () => {
    expect(send()).toMatchObject([
      { to: '224.0.0.1:25790', ttl: 1, packet: nsOf(SIBLING), sourcePort: 50000 },
      { to: ROUTER, continues: true },
    ]);
    const calls = driver.wakeUntil(driver.now + 1000);
    expect(calls.map(({ at, sent }) => [at, sent[0]!.to, sent[0]!.ttl])).toEqual([
      [1050, '224.0.0.1:25790', 1],
      [1100, '192.0.2.11:40000', 64],
      [1150, '192.0.2.11:40000', 64],
      [1200, '192.0.2.11:40000', 64],
    ]);
  });

  it('are reached where they answered from, and believed from there', () => {
    expect(driver.process(carrier(SIBLING_AT_HOME, udp6(SIBLING, ME))).ended).toEqual(['spoofed-source']);
    send();
    expect(driver.process(carrier(SIBLING_AT_HOME, neighbourAdvertisement(SIBLING, ME))).ended).toEqual([
      'advertisement-accepted',
    ]);
    expect(send()).toMatchObject([{ to: SIBLING_AT_HOME }]);
    expect(driver.process(carrier(SIBLING_AT_HOME, udp6(SIBLING, ME))).ended).toEqual([]);
    expect(driver.process(carrier('192.168.1.8:51000', udp6(SIBLING, ME))).ended).toEqual(['spoofed-source']);
  });

  it('are answered when they ask, and asked in return', () => {
    const asked = carrier(SIBLING_AT_HOME, neighbourSolicitation(SIBLING, ME), '224.0.0.1:25790');
    const { sent, ended } = driver.process(asked);
    expect(ended).toEqual(['solicitation-answered']);
    expect(sent).toMatchObject([
      { to: SIBLING_AT_HOME, packet: nsOf(SIBLING) },
      { to: SIBLING_AT_HOME, packet: hex(neighbourAdvertisement(ME, SIBLING)) },
    ]);
    // No neighbour is solicited twice at once.
    expect(driver.process(asked).sent.length).toBe(1);
    driver.process(carrier(SIBLING_AT_HOME, neighbourAdvertisement(SIBLING, ME)));
    expect(send()).toMatchObject([{ to: SIBLING_AT_HOME, continues: true }]);
  });

  it('are not believed from the world outside', () => {
    const outside = carrier('198.51.100.7:51000', neighbourSolicitation(SIBLING, ME));
    expect(driver.process(outside)).toMatchObject({ sent: [], ended: ['spoofed-source'] });
    send();
    const answer = carrier('198.51.100.7:51000', neighbourAdvertisement(SIBLING, ME));
    expect(driver.process(answer).ended).toEqual(['spoofed-source']);
  });

  it('cannot be those of another NAT', () => {
    const foreign = carrier(SIBLING_AT_HOME, neighbourSolicitation(PEER, ME), '224.0.0.1:25790');
    expect(driver.process(foreign)).toMatchObject({ sent: [], ended: ['spoofed-source'] });
  });

  it('are not looked for where the LAN is not to be used', () => {
    connected([...base, ['lan-multicast', 'false']]);
    expect(driver.offers).not.toContain('carrier group 224.0.0.1:25790');
    expect(send()[0]).toMatchObject({ to: '192.0.2.11:40000' });
    const asked = carrier(SIBLING_AT_HOME, neighbourSolicitation(SIBLING, ME));
    expect(driver.process(asked).ended).toEqual(['spoofed-source']);
  });
});

describe('the first SYN', () => {
  const tcp: Settings = [...base, ['variant', 'tcp']];
  beforeEach(() => {
    connected(tcp);
  });
  const syn = tcp6(ME, PEER, SYN);
  const send = (packet = syn) => driver.process(host(packet)).sent;

  it('goes direct; the next packets go to the router while solicitations run', () => {
    expect(send()).toMatchObject([{ to: PEER_AT, packet: lessAHop(syn), continues: true }]);
    expect(send()).toMatchObject([{ to: ROUTER, packet: lessAHop(syn) }]);
    const calls = driver.wakeUntil(driver.now + 1000);
    expect(calls.map(({ at, sent }) => [at, sent[0]!.packet])).toEqual([
      [1050, nsOf(PEER)],
      [1100, nsOf(PEER)],
    ]);
  });

  it('proves the way when a segment with ACK comes back by it', () => {
    send();
    const answer = tcp6(PEER, ME, SYN | ACK);
    expect(driver.process(carrier(PEER_AT, answer)).sent).toMatchObject([{ packet: lessAHop(answer) }]);
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: PEER_AT }]);
  });

  it.each([
    ['FIN', FIN],
    ['RST', RST],
    ['SYN', SYN],
  ])('is not proven by %s', (_, flags) => {
    send();
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, flags)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: ROUTER }]);
  });

  it('is not proven by way of the router', () => {
    send();
    driver.process(carrier(ROUTER, tcp6(PEER, ME, SYN | ACK)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: ROUTER }]);
  });

  it('is not proven by another peer whose endpoint differs in the last of six bytes', () => {
    send();
    const other = `${TOP}:c000:20c:c351:1`;
    driver.process(carrier('192.0.2.12:50001', tcp6(other, ME, SYN | ACK)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: ROUTER }]);
  });

  it('is answered direct by the other side too', () => {
    const opening = tcp6(PEER, ME, SYN);
    expect(driver.process(carrier(PEER_AT, opening)).sent).toMatchObject([{ edge: 'ipv6' }]);
    expect(send(tcp6(ME, PEER, SYN | ACK))).toMatchObject([{ to: PEER_AT }]);
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, ACK)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: PEER_AT }]);
  });

  it('that meets another SYN falls back to solicitations', () => {
    send();
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, SYN)));
    expect(send(tcp6(ME, PEER, SYN | ACK))).toMatchObject([{ to: ROUTER }]);
    driver.wakeUntil(1060);
    driver.process(carrier(PEER_AT, neighbourAdvertisement(PEER, ME)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: PEER_AT }]);
  });

  it('proves nothing where solicitations were begun by something else, or have failed', () => {
    send(udp6(ME, PEER));
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, ACK)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: ROUTER }]);
    driver.wakeUntil(2000);
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, ACK)));
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: ROUTER }]);
  });

  it('keeps a way that grew old', () => {
    send();
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, SYN | ACK)));
    driver.now += 27_500;
    driver.process();
    driver.process(carrier(PEER_AT, tcp6(PEER, ME, ACK)));
    // Reachable again, so nothing is asked.
    expect(send(tcp6(ME, PEER, ACK))).toMatchObject([{ to: PEER_AT, continues: true }]);
  });

  it('is nothing special in the plain variant', () => {
    connected();
    expect(send()).toMatchObject([{ packet: nsOf(PEER) }, { to: ROUTER }]);
  });
});

describe('a restart', () => {
  it('keeps port, address and routes, and has them confirmed at once', () => {
    connected(base.slice(0, 1));
    const { port } = driver;
    const state = driver.piece.save(driver.now);
    const offered = [...driver.offers].sort();
    const next = new Driver(make, base.slice(0, 1), 99n);
    next.now = 5_000_000;
    next.start();
    expect(next.piece.restore(next.now, '0.1.0', state)).toBeUndefined();
    next.join();
    expect(next.port).toBe(port);
    expect([...next.offers].sort()).toEqual(offered);
    const { sent, wakeAt } = next.process();
    expect(sent.filter(isKeepalive).length).toBe(1);
    expect(sent.filter(isSolicitation).length).toBe(1);
    expect(wakeAt).toBe(5_030_000);
  });

  it('keeps no address when the router, or the port, is another', () => {
    connected();
    const state = driver.piece.save(driver.now);
    for (const changed of [
      [['router', '192.0.2.2'], base[1]!],
      [base[0]!, ['port', '50002']],
    ] as Settings[]) {
      const next = new Driver(make, changed).start();
      next.piece.restore(1000, '0.1.0', state);
      next.join();
      expect([...next.offers]).toEqual(['carrier group 224.0.0.1:25790']);
      expect(next.process().sent.filter(isKeepalive)).toEqual([]);
    }
  });

  it('has nothing to keep before there is an address', () => {
    begin().process();
    const next = new Driver(make, base).start();
    expect(next.piece.restore(0, '0.1.0', driver.piece.save(0))).toBeUndefined();
    next.join();
    expect(next.process().sent.filter(isSolicitation).length).toBe(1);
  });
});

describe('joining and leaving', () => {
  it('offers again where it is joined again', () => {
    connected();
    driver.leave('ipv6');
    driver.offers.clear();
    expect(driver.process(carrier(ROUTER, udp6(NATIVE, ME))).ended).toEqual(['not-connected']);
    driver.join('ipv6');
    expect(driver.offers).toContain(`ipv6 address ${ME}/114`);
  });

  it('is quiet without its carrier, and solicits when it is back', () => {
    connected();
    driver.leave('carrier');
    expect(driver.process()).toMatchObject({ sent: [], wakeAt: Number.POSITIVE_INFINITY });
    expect(driver.process(host(udp6(ME, NATIVE))).ended).toEqual(['not-connected']);
    driver.now += 100_000;
    driver.join('carrier');
    expect(driver.port).toBe(50000);
    expect(driver.process().sent.filter(isSolicitation).length).toBe(1);
    expect(driver.process(host(udp6(ME, NATIVE))).ended).toEqual([]);
  });

  it('accepts the same properties again and again', () => {
    connected();
    driver.join();
    driver.join();
    expect(driver.listening.size).toBe(4);
    expect(driver.process().sent).toEqual([]);
  });
});
