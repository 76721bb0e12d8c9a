import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Assembly, compileAssembly } from '../views/compile-assembly.ts';
import { internetChecksum, pseudoHeader6 } from '../views/internet-checksum.ts';
import { fromHex, ipv4, ipv6, toHex, toIpv6 } from './packet-text.ts';

let as: Assembly;
let bytes: Uint8Array;
let room: number;
const probes: [number, number][] = [];

beforeAll(async () => {
  ({ exports: as, bytes } = await compileAssembly(new URL('./assembly/protocol.ts', import.meta.url), {
    test: { probe: (entry: number, kind: number) => probes.push([entry, kind]) },
  }));
  room = as.room!() as number;
});

const u64 = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));
const half = (address: string, which: 0 | 1): bigint =>
  new DataView(Uint8Array.from(ipv6(address)).buffer).getBigUint64(which * 8);
const put = (data: ArrayLike<number>, at = room): void => bytes.set(data, at);
const written = (length: number | bigint, at = room): string => toHex(bytes.slice(at, at + Number(length)));
const link = (v4: string, port: number): bigint => (BigInt(ipv4(v4)) << 16n) | BigInt(port);

describe('the address format', () => {
  const address = (v4: string, port: number, lanip: number, top = 'fc64:bed::'): string => {
    const at = new DataView(new ArrayBuffer(16));
    at.setBigUint64(0, half(top, 0));
    at.setBigUint64(8, u64(as.lowerHalf!(ipv4(v4), port, BigInt(lanip))));
    return toIpv6(new Uint8Array(at.buffer));
  };

  it.each([
    ['192.0.2.11', 58898, 1, 'fc64:bed:c000:201::', 'fc64:bed:c000:201:c000:20b:e612:1'],
    ['145.136.0.1', 25790, 0x1234, 'fc64:bed::', 'fc64:bed:0:0:9088:1:64be:5234'],
    ['192.0.2.1', 25790, 0, 'fc64:bed:c000:201::', 'fc64:bed:c000:201:c000:201:64be:0'],
    // All four values of the low two bits of the first octet.
    ['192.1.2.3', 0x1234, 0x3fff, 'fc64:bed::', 'fc64:bed:0:0:c001:203:1234:3fff'],
    ['193.1.2.3', 0x1234, 0x3fff, 'fc64:bed::', 'fc64:bed:0:0:c001:203:1234:7fff'],
    ['194.1.2.3', 0x1234, 0x3fff, 'fc64:bed::', 'fc64:bed:0:0:c001:203:1234:bfff'],
    ['195.1.2.3', 0x1234, 0x3fff, 'fc64:bed::', 'fc64:bed:0:0:c001:203:1234:ffff'],
  ])('%s:%i lanip %i', (v4, port, lanip, top, expected) => {
    expect(address(v4, port, lanip, top)).toBe(expected);
    const lower = half(expected, 1);
    expect(Number(as.v4Of!(lower)) >>> 0).toBe(ipv4(v4));
    expect(as.portOf!(lower)).toBe(port);
    expect(as.lanipOf!(lower)).toBe(BigInt(lanip));
    expect(as.isLowerHalf!(lower)).toBe(1);
  });

  it('goes there and back, and never looks like a group or a global identifier', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 0x3fff }),
        (v4, port, lanip) => {
          const lower = u64(as.lowerHalf!(v4, port, BigInt(lanip)));
          expect(Number(as.v4Of!(lower)) >>> 0).toBe(v4);
          expect(as.portOf!(lower)).toBe(port);
          expect(as.lanipOf!(lower)).toBe(BigInt(lanip));
          expect(Number(lower >> 56n) & 3).toBe(0);
          expect(u64(as.peerOf!(lower))).toBe(u64(as.lowerHalf!(v4, port, 0n)));
          expect(u64(as.endpointOf!(lower))).toBe((BigInt(v4) << 16n) | BigInt(port));
        },
      ),
    );
  });

  it.each([0x01, 0x02, 0x03, 0xff])('has no first octet %i in its lower half', (first) => {
    expect(as.isLowerHalf!(BigInt(first) << 56n)).toBe(0);
  });
});

describe('the filter of IPv4 addresses', () => {
  it.each([
    ['0.0.0.0', true, true],
    ['0.255.255.255', true, true],
    ['127.0.0.1', true, true],
    ['169.254.0.1', true, true],
    ['224.0.0.1', true, true],
    ['240.0.0.1', true, true],
    ['255.255.255.255', true, true],
    ['10.0.0.1', true, false],
    ['172.16.0.1', true, false],
    ['172.31.255.255', true, false],
    ['192.168.3.4', true, false],
    ['100.64.0.1', true, false],
    ['100.127.255.255', true, false],
    ['1.0.0.1', false, false],
    ['100.63.255.255', false, false],
    ['100.128.0.0', false, false],
    ['126.255.255.255', false, false],
    ['128.0.0.1', false, false],
    ['169.253.0.1', false, false],
    ['169.255.0.1', false, false],
    ['172.15.255.255', false, false],
    ['172.32.0.1', false, false],
    ['192.0.2.1', false, false],
    ['223.255.255.255', false, false],
  ])('%s: %s; where private ones are allowed: %s', (v4, strictly, inLab) => {
    expect(as.isForbiddenIpv4!(ipv4(v4), 0)).toBe(Number(strictly));
    expect(as.isForbiddenIpv4!(ipv4(v4), 1)).toBe(Number(inLab));
  });
});

/**
 * A message as in the RFCs, with the checksum of the slow model: what the product's bytes are compared
 * with.
 */
function message(source: string, destination: string, body: string, hops = 255): string {
  const icmp = fromHex(body);
  icmp[2] = icmp[3] = 0;
  const from = ipv6(source);
  const to = ipv6(destination);
  const checksum = internetChecksum(pseudoHeader6(from, to, icmp.length, 58), icmp);
  icmp[2] = checksum >> 8;
  icmp[3] = checksum & 255;
  return toHex(
    Uint8Array.of(0x60, 0, 0, 0, icmp.length >> 8, icmp.length & 255, 58, hops, ...from, ...to, ...icmp),
  );
}

describe('messages, byte by byte', () => {
  it('router solicitation: the constant of the C programs', () => {
    expect(written(as.writeRouterSolicitation!(room))).toBe(
      toHex(
        fromHex(
          '60000000 0010 3a ff 00000000000000000000000000000000 ff020000000000000000000000000002 8500 7aae 00000000 0101 000000000001',
        ),
      ),
    );
  });

  it('router advertisement to one without an address', () => {
    put(ipv6('::'), room + 1000);
    const length = as.writeRouterAdvertisement!(
      room,
      room + 1000,
      half('fc64:bed:c000:201::', 0),
      u64(as.lowerHalf!(ipv4('192.0.2.11'), 58898, 0n)),
      0,
      0,
    );
    expect(written(length)).toBe(
      message(
        'fe80::',
        'ff02::1',
        '8600 0000 00 18 ffff ffffffff ffffffff 03 04 72 c0 ffffffff ffffffff 00000000 fc640bedc0000201c000020be6120000',
      ),
    );
    expect(length).toBe(88);
  });

  it('router advertisement to one with an address, with routable prefixes', () => {
    const asker = 'fc64:bed:c000:201:c000:20b:e612:1';
    put(ipv6(asker), room + 1000);
    put(ipv6('2001:db8::'), room + 1100);
    bytes.set([48, 0, 0, 0, 0, 0, 0, 0], room + 1116);
    put(ipv6('2001:db8:1:2:3::'), room + 1124);
    bytes.set([80, 0, 0, 0, 0, 0, 0, 0], room + 1140);
    const length = as.writeRouterAdvertisement!(
      room,
      room + 1000,
      half('fc64:bed:c000:201::', 0),
      u64(as.lowerHalf!(ipv4('203.0.113.9'), 5, 0n)),
      room + 1100,
      2,
    );
    expect(written(length)).toBe(
      message(
        'fe80::',
        asker,
        `8600 0000 00 18 ffff ffffffff ffffffff
         03 04 72 c0 ffffffff ffffffff 00000000 fc640bedc0000201c80071090005c000
         03 04 30 00 ffffffff ffffffff 00000000 20010db8000000000000000000000000
         03 04 50 00 ffffffff ffffffff 00000000 20010db8000100020003000000000000`,
      ),
    );
  });

  it('neighbour solicitation, with the link-layer address that has the port low byte first', () => {
    const own = 'fc64:bed:c000:201:c000:20b:e612:1';
    const target = 'fc64:bed:c000:201:c000:20c:c350:2';
    const length = as.writeNeighbourSolicitation!(
      room,
      half(own, 0),
      half(own, 1),
      half(target, 0),
      half(target, 1),
      link('192.0.2.11', 58898),
    );
    expect(written(length)).toBe(
      message(own, target, '8700 0000 00000000 fc640bedc0000201c000020cc3500002 01 01 12e6 c000020b'),
    );
    expect(length).toBe(72);
  });

  it("a peer's neighbour advertisement: addresses swapped, solicited and overriding, no option", () => {
    const own = 'fc64:bed:c000:201:c000:20b:e612:1';
    const target = 'fc64:bed:c000:201:c000:20c:c350:2';
    as.writeNeighbourSolicitation!(
      room + 500,
      half(own, 0),
      half(own, 1),
      half(target, 0),
      half(target, 1),
      0n,
    );
    const length = as.writeNeighbourAnswer!(room, room + 500);
    expect(written(length)).toBe(message(target, own, '8800 0000 60000000 fc640bedc0000201c000020cc3500002'));
    expect(length).toBe(64);
  });

  it("a router's neighbour advertisement", () => {
    const asker = 'fc64:bed:c000:201:c000:20b:e612:1';
    const global = 'fc64:bed:c000:201:c000:201:64be:0';
    put(ipv6(asker), room + 500);
    const length = as.writeRouterNeighbourAnswer!(
      room,
      room + 500,
      half(global, 0),
      half(global, 1),
      link('192.0.2.1', 25790),
    );
    expect(written(length)).toBe(
      message('fe80::', asker, '8800 0000 c0000000 fc640bedc0000201c000020164be0000 0201 be64 c0000201'),
    );
  });

  it('router advertisement to the host that a peer serves', () => {
    put(ipv6('2001:db8::'), room + 1100);
    bytes.set([32, 0, 0, 0, 0, 0, 0, 0], room + 1116);
    for (const isDefault of [false, true]) {
      const length = as.writeHostAdvertisement!(
        room,
        half('ff02::1', 0),
        half('ff02::1', 1),
        Number(isDefault),
        half('fc64:bed:c000:201::', 0),
        u64(as.lowerHalf!(ipv4('192.0.2.11'), 58898, 0n)),
        room + 1100,
        1,
      );
      expect(written(length)).toBe(
        message(
          'fe80::',
          'ff02::1',
          `8600 0000 00 18 ${isDefault ? 'ffff' : '0000'} 00008000 00000100
           03 04 72 c0 ffffffff ffffffff 00000000 fc640bedc0000201c000020be6120000
           18 03 20 18 ffffffff 20010db8000000000000000000000000`,
        ),
      );
    }
  });
});

describe('checks of a message', () => {
  const [right, badHopLimit, badChecksum, badMessage] = [0, 1, 2, 3];
  const own = 'fc64:bed:c000:201:c000:20b:e612:1';
  const all = 'ff02::1';
  const target = 'fc640bedc0000201c000020cc3500002';
  const check = (packet: string): number | bigint => {
    const data = fromHex(packet);
    put(data);
    return as.checkMessage!(room, data.length);
  };

  it.each([
    [
      'a solicitation as it should be',
      message('::', 'ff02::2', '8500 0000 00000000 0101 000000000001'),
      right,
    ],
    ['without options', message('::', 'ff02::2', '8500 0000 00000000'), right],
    ['hop limit 254', message('::', 'ff02::2', '8500 0000 00000000', 254), badHopLimit],
    ['hop limit 0', message('::', 'ff02::2', '8500 0000 00000000', 0), badHopLimit],
    ['code 1', message('::', 'ff02::2', '8501 0000 00000000'), badMessage],
    ['too short', message('::', 'ff02::2', '8500 0000 0000'), badMessage],
    ['option of length 0', message('::', 'ff02::2', '8500 0000 00000000 0100 000000000001'), badMessage],
    [
      'option longer than the packet',
      message('::', 'ff02::2', '8500 0000 00000000 0102 000000000001'),
      badMessage,
    ],
    ['half an option', message('::', 'ff02::2', '8500 0000 00000000 0101'), badMessage],
    ['advertisement too short', message('fe80::', all, '8600 0000 00 18 ffff 00000000'), badMessage],
    ['advertisement', message('fe80::', all, '8600 0000 00 18 ffff 00000000 00000000'), right],
    ['neighbour solicitation', message(own, own, `8700 0000 00000000 ${target}`), right],
    ['for a group', message(own, own, `8700 0000 00000000 ff020000000000000000000000000001`), badMessage],
    ['too short for a target', message(own, own, `8700 0000 00000000 ${target.slice(2)}`), badMessage],
    [
      'from :: with a link-layer address',
      message('::', own, `8700 0000 00000000 ${target} 0101 000000000001`),
      badMessage,
    ],
    ['from :: without one', message('::', own, `8700 0000 00000000 ${target}`), right],
    ['neighbour advertisement', message(own, own, `8800 0000 60000000 ${target}`), right],
    ['solicited, to a group', message(own, all, `8800 0000 60000000 ${target}`), badMessage],
    ['not solicited, to a group', message(own, all, `8800 0000 20000000 ${target}`), right],
    ['redirect', message(own, own, `8900 0000 00000000 ${target} ${target}`), right],
    ['redirect too short', message(own, own, `8900 0000 00000000 ${target}`), badMessage],
  ])('%s', (_, packet, expected) => {
    expect(check(packet)).toBe(expected);
  });

  it('behind an extension header', () => {
    const data = fromHex(message('::', 'ff02::2', '8500 0000 00000000'));
    data[6] = 0;
    expect(check(toHex(data))).toBe(badMessage);
  });

  it('a flipped bit anywhere behind the hop limit is noticed', () => {
    const packet = fromHex(message(own, own, `8700 0000 00000000 ${target} 0101 12e6 c000020b`));
    fc.assert(
      fc.property(fc.integer({ min: 64, max: packet.length * 8 - 1 }), (bit) => {
        const wrong = packet.slice();
        wrong[bit >> 3]! ^= 1 << (bit & 7);
        // The checksum goes first, so that it is named whatever the bit means.
        expect(check(toHex(wrong))).toBe(badChecksum);
      }),
    );
  });

  it.each([
    ['8500 0000 00000000', true],
    ['8500 0000 00000000 0101 000000000001', true],
    ['8500 0000 00000000 0101 000000000100', true],
    ['8500 0000 00000000 0101 ffffffff0000', false],
    ['8500 0000 00000000 0201 000000000001', false],
    ['8500 0000 00000000 0102 000000000001 0000000000000001', false],
    ['8500 0000 00000000 0101 000000000001 0101 000000000001', false],
  ])('%s is a solicitation of 6bed4: %s', (body, expected) => {
    const data = fromHex(message('::', 'ff02::2', body));
    put(data);
    expect(as.checkMessage!(room, data.length)).toBe(right);
    expect(as.isSolicitationOf6bed4!(room, data.length)).toBe(Number(expected));
  });
});

describe('reading a router advertisement', () => {
  const ours = '03 04 72 c0 ffffffff ffffffff 00000000 fc640bedc0000201c000020be6120000';
  const routable = '03 04 30 00 ffffffff ffffffff 00000000 20010db8000000000000000000000000';
  const read = (options: string, { source = 'fe80::', flags = '18' } = {}): number | bigint => {
    const data = fromHex(
      message(source, 'ff02::1', `8600 0000 00 ${flags} ffff ffffffff ffffffff ${options}`),
    );
    put(data);
    expect(as.checkMessage!(room, data.length)).toBe(0);
    return as.readRouterAdvertisement!(room, data.length);
  };

  it('gives our prefix and the routable ones', () => {
    expect(read(`${ours} ${routable}`)).toBe(1);
    expect(u64(as.advertisedTop!())).toBe(half('fc64:bed:c000:201::', 0));
    expect(u64(as.advertisedLower!())).toBe(half('::c000:20b:e612:0', 1));
    expect(as.advertisedRoutableCount!()).toBe(1);
    const at = as.advertisedRoutable!() as number;
    expect(toIpv6(bytes.slice(at, at + 16))).toBe('2001:db8:0:0:0:0:0:0');
    expect(bytes[at + 16]).toBe(48);
  });

  it('takes ten routable prefixes and ignores what is more', () => {
    expect(read(`${ours} ${routable.repeat(12)}`)).toBe(1);
    expect(as.advertisedRoutableCount!()).toBe(10);
  });

  it('passes over options that it does not know, and prefixes of odd lengths', () => {
    const short = routable.replace('04 30', '04 0f');
    const long = routable.replace('04 30', '04 81');
    expect(read(`0101 000000000001 ${short} ${long} ${ours} 0501 000000000500`)).toBe(1);
    expect(as.advertisedRoutableCount!()).toBe(0);
  });

  it.each([
    ['from another address', ours, { source: 'fe80::1' }],
    ['with managed addresses', ours, { flags: '98' }],
    ['without a prefix for us', routable, {}],
    ['with a prefix for us of another length', ours.replace('04 72', '04 40'), {}],
    ['with two prefixes for us', `${ours} ${ours}`, {}],
    ['with a prefix option of another length', '03 01 72 c0 ffffffff', {}],
  ])('refuses one %s', (_, options, more) => {
    expect(read(options, more)).toBe(0);
  });

  it('takes one with other configuration (O) but not managed addresses (M)', () => {
    expect(read(ours, { flags: '58' })).toBe(1);
  });
});

describe('a token bucket', () => {
  it('gives its burst at once, and then its rate', () => {
    // Buckets are the module's; time goes on, so that each test finds them full.
    let now = 1e6;
    const key = 7;
    const taken = (tries: number): number =>
      Array.from({ length: tries }, () => Number(as.take!(now, key))).reduce((a, b) => a + b, 0);
    expect(taken(100)).toBe(10);
    now += 99;
    expect(taken(1)).toBe(0);
    now += 1;
    expect(taken(5)).toBe(1);
    now += 500;
    expect(taken(50)).toBe(5);
    now += 1e6;
    expect(taken(50)).toBe(10);
  });

  it('never gives more than burst and rate allow, at whatever instants', () => {
    let start = 1e9;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 }), (steps) => {
        start += 1e7;
        let now = start;
        let taken = 0;
        for (const step of steps) {
          now += step;
          taken += Number(as.take!(now, 3));
        }
        expect(taken).toBeLessThanOrEqual(10 + (now - start) / 100 + 1e-6);
      }),
    );
  });
});

describe('the neighbour cache', () => {
  const [none, lan1, lan2, attempt1, attempt2, attempt3, failed, reachable, stale] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ];
  const lower = (n: number, lanip = 1): bigint =>
    u64(as.lowerHalf!(ipv4('203.0.113.0') + (n >> 16), n & 0xffff, BigInt(lanip)));
  const path = (n: number): bigint => u64(as.endpointOf!(lower(n)));
  const add = (now: number, n: number, state: number, { lan = false, ours = true } = {}): number =>
    as.addNeighbour!(now, lower(n), path(n), state, 0, Number(lan), Number(ours)) as number;
  const state = (n: number): number => {
    const entry = as.findNeighbour!(lower(n)) as number;
    return entry === 0 ? none : (as.stateOf!(entry) as number);
  };
  beforeEach(() => {
    as.forgetNeighbours!();
    probes.length = 0;
  });

  it('goes through its states at their times, and asks when it should', () => {
    const entry = add(0, 1, lan1, { lan: true });
    const steps: [number, number, number][] = [
      [49.9, lan1, 0],
      [50, lan2, 1],
      [99.9, lan2, 0],
      [100, attempt1, 2],
      [150, attempt2, 2],
      [200, attempt3, 2],
      [249, attempt3, 0],
      [250, failed, 0],
      [30_249, failed, 0],
      [30_250, none, 0],
    ];
    for (const [now, expected, probe] of steps) {
      probes.length = 0;
      as.advance!(now);
      expect(state(1), `at ${now}`).toBe(expected);
      expect(probes, `at ${now}`).toEqual(probe === 0 ? [] : [[entry, probe]]);
    }
    expect(as.countNeighbours!()).toBe(0);
    expect(as.nextNeighbourDeadline!()).toBe(Infinity);
  });

  it('keeps a neighbour that answered 27.5 s, and 30 s more while it asks again', () => {
    const entry = add(0, 1, attempt1);
    as.setReachable!(entry, 20, path(1));
    as.advance!(27_519);
    expect(state(1)).toBe(reachable);
    as.advance!(27_520);
    expect(state(1)).toBe(stale);
    expect(as.mayAskAgain!(entry, 27_600)).toBe(1);
    expect(as.mayAskAgain!(entry, 28_599)).toBe(0);
    expect(as.mayAskAgain!(entry, 28_600)).toBe(1);
    as.setReachable!(entry, 28_700, path(1));
    expect(state(1)).toBe(reachable);
    expect(as.mayAskAgain!(entry, 40_000)).toBe(0);
    as.advance!(28_700 + 27_500 + 29_999);
    expect(state(1)).toBe(stale);
    as.advance!(28_700 + 27_500 + 30_000);
    expect(state(1)).toBe(none);
  });

  it('sends no burst when it is woken late', () => {
    add(0, 1, attempt1);
    as.advance!(5000);
    expect(state(1)).toBe(attempt2);
    expect(probes.length).toBe(1);
  });

  it('knows a neighbour by all 48 bits of its endpoint, and by nothing else', () => {
    add(0, 1, attempt1);
    expect(as.findNeighbour!(lower(1, 77))).not.toBe(0);
    fc.assert(
      fc.property(fc.integer({ min: 14, max: 61 }), (bit) => {
        const other = lower(1) ^ (1n << BigInt(bit));
        expect(as.findNeighbour!(other)).toBe(0);
      }),
    );
  });

  it('is a map, as long as no place is short', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 200_000 }), { maxLength: 100 }), (neighbours) => {
        as.forgetNeighbours!();
        for (const n of neighbours) expect(add(0, n, attempt1)).not.toBe(0);
        expect(as.countNeighbours!()).toBe(neighbours.length);
        for (const n of neighbours) expect(state(n)).toBe(attempt1);
      }),
      { numRuns: 50 },
    );
  });

  it('evicts failures first, then attempts, and the proven only among themselves', () => {
    // As many neighbours as the table has places are more than some eight places in a row can hold.
    for (let n = 1; n <= 4000; n++) {
      const entry = add(n / 1000, n, attempt1);
      expect(entry).not.toBe(0);
      if (n % 2) as.setReachable!(entry, n / 1000, path(n));
    }
    const proven = [...Array(4000).keys()].filter((n) => state(n + 1) === reachable).length;
    expect(proven).toBeGreaterThan(900);
    expect(as.countNeighbours!()).toBeLessThanOrEqual(1024);
  });

  it('lets a stranger take a free place only', () => {
    let refused = 0;
    for (let n = 1; n <= 4000; n++) if (add(0, n, attempt1, { ours: false }) === 0) refused++;
    expect(refused).toBe(4000 - Number(as.countNeighbours!()));
    expect(refused).toBeGreaterThan(2975);
    for (let n = 1; n <= 50; n++) expect(state(n)).toBe(attempt1);
  });

  it('returns no later instant than that of the next change', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(60)), { maxLength: 60 }), (events) => {
        as.forgetNeighbours!();
        let now = 0;
        for (const [step, n] of events) {
          now += step;
          as.advance!(now);
          if (state(n) === none) add(now, n, attempt1);
          else if (n % 3 === 0) as.setReachable!(as.findNeighbour!(lower(n)), now, path(n));
          const next = as.nextNeighbourDeadline!() as number;
          expect(next).toBeGreaterThan(now);
          // Just before that instant nothing changes.
          const before = Array.from({ length: 61 }, (_, m) => state(m));
          probes.length = 0;
          as.advance!(Math.min(next, now + 1e6) - 0.001);
          expect(probes).toEqual([]);
          expect(Array.from({ length: 61 }, (_, m) => state(m))).toEqual(before);
        }
      }),
      { numRuns: 50 },
    );
  });
});
