import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Assembly, compileAssembly } from './compile-assembly.ts';
import { internetChecksum, pseudoHeader4, pseudoHeader6 } from './internet-checksum.ts';

let as: Assembly;
let bytes: Uint8Array;
let room: number;
let out: number;

beforeAll(async () => {
  ({ exports: as, bytes } = await compileAssembly(new URL('./assembly/views.ts', import.meta.url)));
  room = as.room!() as number;
  out = room + 7000;
});

const number = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => new DataView(bytes.buffer).getUint32(out + i * 4, true));
const give = (...numbers: number[]): void => {
  for (const [i, n] of numbers.entries()) new DataView(bytes.buffer).setUint32(out + i * 4, n, true);
};
const put = (data: Uint8Array | readonly number[], at = room): void => bytes.set(data, at);
const view = (): DataView => new DataView(bytes.buffer, room);
const octets = (min: number, max = min): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: min, maxLength: max });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u8 = fc.integer({ min: 0, max: 255 });

describe('checksums', () => {
  it('are those of the slow model, whatever the length', () => {
    fc.assert(
      fc.property(octets(0, 300), (data) => {
        put(data);
        expect(as.finish!(as.add!(0n, room, data.length))).toBe(internetChecksum(data));
      }),
    );
  });

  it('may be added up from pieces of any length', () => {
    fc.assert(
      fc.property(octets(0, 40), octets(0, 40), (a, b) => {
        put(a);
        put(b, room + 100);
        const first = as.add!(0n, room, a.length);
        const sum = (a.length & 1 ? as.addOdd! : as.add!)(first, room + 100, b.length);
        expect(as.finish!(sum)).toBe(internetChecksum(a, b));
      }),
    );
  });

  it('cover the pseudo-headers', () => {
    fc.assert(
      fc.property(octets(32), octets(0, 60), u8, (addresses, data, next) => {
        put(addresses);
        put(data, room + 100);
        const six = as.add!(as.addPseudoIpv6!(0n, room, data.length, next), room + 100, data.length);
        expect(as.finish!(six)).toBe(
          internetChecksum(
            pseudoHeader6(addresses.subarray(0, 16), addresses.subarray(16), data.length, next),
            data,
          ),
        );
        const four = as.add!(as.addPseudoIpv4!(0n, room, data.length, next), room + 100, data.length);
        expect(as.finish!(four)).toBe(
          internetChecksum(
            pseudoHeader4(addresses.subarray(0, 4), addresses.subarray(4, 8), data.length, next),
            data,
          ),
        );
      }),
    );
  });

  it('are updated by difference as they would be computed anew (RFC 1624)', () => {
    fc.assert(
      fc.property(octets(20, 60), fc.nat(6), octets(8), (data, word, change) => {
        // A sum of nothing but zeroes has no negative zero to come from; real packets hold an address.
        data[data.length - 1] = 1;
        data[data.length - 2] = 1;
        const before = internetChecksum(data);
        put(data);
        put(change, room + 100);
        const after = data.slice();
        after.set(change, word * 2);
        const updated = as.updateBytes!(before, room + word * 2, room + 100, 8);
        expect(updated).toBe(internetChecksum(after));
      }),
    );
  });

  it('have the example of RFC 1624 §4 right', () => {
    expect(as.update16!(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('of whole messages are filled in and seen to be right, and one changed bit makes them wrong', () => {
    const kinds = [
      { kind: 0, six: true, next: 17, at: 6 },
      { kind: 0, six: false, next: 17, at: 6 },
      { kind: 1, six: true, next: 6, at: 16 },
      { kind: 1, six: false, next: 6, at: 16 },
      { kind: 2, six: false, next: 0, at: 2 },
      { kind: 3, six: true, next: 58, at: 2 },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        octets(32),
        octets(20, 99),
        fc.nat(159),
        ({ kind, six, next, at }, addresses, message, bit) => {
          put(addresses);
          put(message, room + 100);
          as.fillChecksum!(kind, Number(six), room + 100, message.length, room);
          const model = message.slice();
          model.fill(0, at, at + 2);
          const pseudo =
            next === 0
              ? Uint8Array.of()
              : six
                ? pseudoHeader6(addresses.subarray(0, 16), addresses.subarray(16), message.length, next)
                : pseudoHeader4(addresses.subarray(0, 4), addresses.subarray(4, 8), message.length, next);
          const expected = internetChecksum(pseudo, model);
          expect(new DataView(bytes.buffer).getUint16(room + 100 + at)).toBe(
            kind === 0 && expected === 0 ? 0xffff : expected,
          );
          expect(as.hasRightChecksum!(kind, Number(six), room + 100, message.length, room)).toBe(1);
          bytes[room + 100 + (bit >> 3)]! ^= 1 << (bit & 7);
          if (kind === 0 && view().getUint16(106) === 0) return;
          expect(as.hasRightChecksum!(kind, Number(six), room + 100, message.length, room)).toBe(0);
        },
      ),
    );
  });

  it('of UDP may be absent over IPv4 and not over IPv6', () => {
    put(new Uint8Array(40));
    expect(as.hasRightChecksum!(0, 0, room + 8, 8, room)).toBe(1);
    expect(as.hasRightChecksum!(0, 1, room + 32, 8, room)).toBe(0);
  });
});

describe('the length check of a view', () => {
  const cases: [string, number, number, (at: DataView) => void][] = [
    ['Ethernet', 0, 14, () => {}],
    ['IPv4', 1, 20, (at) => at.setUint8(0, 0x45)],
    ['IPv6', 2, 40, (at) => at.setUint8(0, 0x6f)],
    ['UDP', 3, 8, () => {}],
    ['TCP', 4, 20, (at) => at.setUint8(12, 0x5f)],
    ['ICMPv4', 5, 8, () => {}],
    ['ICMPv6', 6, 8, () => {}],
  ];
  it.each(cases)('of %s passes its header and nothing shorter', (_, kind, least, prepare) => {
    put(new Uint8Array(64));
    prepare(view());
    expect(as.fits!(kind, room, least)).toBe(1);
    expect(as.fits!(kind, room, least - 1)).toBe(0);
    expect(as.fits!(kind, room, 0)).toBe(0);
  });

  it('refuses another version of IP', () => {
    fc.assert(
      fc.property(u8, (first) => {
        put([first]);
        expect(as.fits!(2, room, 40)).toBe(first >> 4 === 6 ? 1 : 0);
        expect(as.fits!(1, room, 60)).toBe(first >> 4 === 4 && (first & 15) >= 5 ? 1 : 0);
      }),
    );
  });

  it('refuses options that do not fit', () => {
    put([0x46]);
    expect(as.fits!(1, room, 23)).toBe(0);
    expect(as.fits!(1, room, 24)).toBe(1);
    put(new Uint8Array(20));
    view().setUint8(12, 0x60);
    expect(as.fits!(4, room, 23)).toBe(0);
    expect(as.fits!(4, room, 24)).toBe(1);
    view().setUint8(12, 0x40);
    expect(as.fits!(4, room, 60)).toBe(0);
  });
});

describe('fields', () => {
  it('of Ethernet', () => {
    fc.assert(
      fc.property(octets(14), u16, (data, type) => {
        put(data);
        give(type);
        as.writeEthernet!(room, out);
        as.readEthernet!(room, out);
        expect(number(4)).toEqual([view().getUint32(0), view().getUint32(6), type, data[0]! & 1]);
      }),
    );
  });

  it('of IPv4', () => {
    fc.assert(
      fc.property(octets(60), (data) => {
        data[0] = 0x40 | Math.max(5, data[0]! & 15);
        put(data);
        as.readIpv4!(room, out);
        const at = view();
        const header = (data[0]! & 15) * 4;
        const flags = at.getUint16(6);
        expect(number(13)).toEqual([
          header,
          data[1],
          at.getUint16(2),
          at.getUint16(4),
          (flags >> 14) & 1,
          (flags >> 13) & 1,
          (flags & 0x1fff) * 8,
          data[8],
          data[9],
          at.getUint16(10),
          at.getUint32(12),
          at.getUint32(16),
          internetChecksum(data.subarray(0, header)) === 0 ? 1 : 0,
        ]);
      }),
    );
  });

  it('of IPv4, written; and one hop further keeps the checksum right', () => {
    fc.assert(
      fc.property(
        u8,
        fc.integer({ min: 2, max: 255 }),
        u8,
        u16,
        u16,
        fc.boolean(),
        u32,
        u32,
        (protocol, ttl, tos, length, id, df, source, destination) => {
          bytes.fill(0xee, room, room + 20);
          give(protocol, ttl, tos, length, id, Number(df), source, destination);
          as.writeIpv4!(room, out);
          const model = new DataView(new ArrayBuffer(20));
          model.setUint16(0, 0x4500 | tos);
          model.setUint16(2, length);
          model.setUint16(4, id);
          model.setUint16(6, df ? 0x4000 : 0);
          model.setUint16(8, (ttl << 8) | protocol);
          model.setUint32(12, source);
          model.setUint32(16, destination);
          model.setUint16(10, internetChecksum(new Uint8Array(model.buffer)));
          expect(bytes.slice(room, room + 20)).toEqual(new Uint8Array(model.buffer));
          as.decrementTtl!(room);
          expect(bytes[room + 8]).toBe(ttl - 1);
          expect(internetChecksum(bytes.slice(room, room + 20))).toBe(0);
        },
      ),
    );
  });

  it('of IPv6', () => {
    fc.assert(
      fc.property(
        u8,
        fc.integer({ min: 0, max: 0xfffff }),
        u16,
        u8,
        u8,
        octets(32),
        (traffic, flow, length, next, hops, addresses) => {
          give(traffic, flow, length, next, hops);
          put(addresses, room + 8);
          as.writeIpv6!(room, out);
          const at = view();
          expect(at.getUint32(0)).toBe((0x60000000 | (traffic << 20) | flow) >>> 0);
          expect(at.getUint16(4)).toBe(length);
          expect(at.getUint16(6)).toBe((next << 8) | hops);
          as.readIpv6!(room, out);
          expect(number(7)).toEqual([traffic, flow, length, next, hops, at.getUint32(8), at.getUint32(24)]);
        },
      ),
    );
  });

  it('of UDP', () => {
    fc.assert(
      fc.property(u16, u16, u16, (source, destination, length) => {
        bytes.fill(0xee, room, room + 8);
        give(source, destination, length);
        as.writeUdp!(room, out);
        as.readUdp!(room, out);
        expect(number(4)).toEqual([source, destination, length, 0]);
        expect(view().getUint32(0)).toBe(((source << 16) | destination) >>> 0);
      }),
    );
  });

  it('of TCP', () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        u32,
        u32,
        fc.integer({ min: 5, max: 15 }),
        u8,
        u16,
        u16,
        u16,
        (source, destination, sequence, acknowledgement, words, flags, window, checksum, urgent) => {
          const fields = [
            source,
            destination,
            sequence,
            acknowledgement,
            words * 4,
            flags,
            window,
            checksum,
            urgent,
          ];
          give(...fields);
          as.writeTcp!(room, out);
          const at = view();
          expect(at.getUint32(4)).toBe(sequence);
          expect(at.getUint8(12) >> 4).toBe(words);
          expect(at.getUint8(13)).toBe(flags);
          expect(at.getUint16(16)).toBe(checksum);
          as.readTcp!(room, out);
          expect(number(9)).toEqual(fields);
        },
      ),
    );
  });

  it('of ICMP and ICMPv6', () => {
    fc.assert(
      fc.property(fc.boolean(), u8, u8, u32, (six, type, code, rest) => {
        bytes.fill(0xee, room, room + 8);
        give(type, code, rest);
        as.writeIcmp!(Number(six), room, out);
        expect([...bytes.slice(room, room + 4)]).toEqual([type, code, 0, 0]);
        expect(view().getUint32(4)).toBe(rest);
        as.readIcmp!(Number(six), room, out);
        if (six) {
          expect(number(6)).toEqual([
            type,
            code,
            0,
            rest,
            Number(type < 128),
            Number(type >= 133 && type <= 137),
          ]);
        } else expect(number(5)).toEqual([type, code, 0, rest, rest & 0xffff]);
      }),
    );
  });
});

describe('IPv6 addresses', () => {
  const address = (text: string): Uint8Array => {
    const [head = '', tail = ''] = text.split('::');
    const words = (part: string): number[] =>
      part ? part.split(':').map((w) => Number.parseInt(w, 16)) : [];
    const a = words(head);
    const b = words(tail);
    const all = [...a, ...new Array<number>(8 - a.length - b.length).fill(0), ...b];
    return Uint8Array.from(all.flatMap((w) => [w >> 8, w & 255]));
  };
  it.each([
    ['::', 1],
    ['::1', 2],
    ['ff02::1', 4],
    ['fe80::1', 8],
    ['febf::1', 8],
    ['fec0::1', 0],
    ['100::', 0],
    ['2001:db8::1', 0],
  ])('%s is known for what it is', (text, expected) => {
    put(address(text));
    expect(as.addressBits!(room)).toBe(expected);
  });

  it('share as many bits as they do', () => {
    fc.assert(
      fc.property(octets(16), fc.nat(127), fc.nat(128), (a, flipped, bits) => {
        const b = a.slice();
        b[flipped >> 3]! ^= 0x80 >> (flipped & 7);
        put(a);
        put(b, room + 16);
        expect(as.addressShares!(room, room + 16, bits)).toBe(bits <= flipped ? 1 : 0);
      }),
    );
  });
});

describe('the way to the upper layer', () => {
  const header = (next: number): number[] => [
    0x60,
    0,
    0,
    0,
    0,
    0,
    next,
    64,
    ...new Array<number>(32).fill(0),
  ];
  const found = (packet: number[], length = packet.length): object => {
    bytes.fill(0xee, room, room + 200);
    put(packet);
    const result = Number(as.upperLayer!(room, length));
    return {
      protocol: result & 255,
      isLater: (result & 256) !== 0,
      isWhole: (result & 512) !== 0,
      offset: result >>> 16,
    };
  };

  it('is at once without extension headers', () => {
    expect(found(header(6))).toEqual({ protocol: 6, isLater: false, isWhole: true, offset: 40 });
  });

  it('passes hop-by-hop options, routing, destination options and authentication', () => {
    const packet = [
      ...header(0),
      ...[43, 0, 1, 4, 0, 0, 0, 0],
      ...[60, 1, ...new Array<number>(14).fill(0)],
      ...[51, 0, 1, 4, 0, 0, 0, 0],
      ...[58, 2, ...new Array<number>(14).fill(0)],
    ];
    expect(found(packet)).toEqual({ protocol: 58, isLater: false, isWhole: true, offset: 88 });
  });

  it('distinguishes a later fragment from a first one', () => {
    expect(found([...header(44), 17, 0, 0, 1, 0, 0, 0, 9])).toEqual({
      protocol: 17,
      isLater: false,
      isWhole: true,
      offset: 48,
    });
    expect(found([...header(44), 17, 0, 5, 0xa8, 0, 0, 0, 9])).toMatchObject({ protocol: 17, isLater: true });
  });

  it('ends where a header is cut off', () => {
    expect(found([...header(0), 43, 1, 1, 4, 0, 0, 0, 0])).toMatchObject({
      protocol: 0,
      isWhole: false,
      offset: 40,
    });
    expect(found([...header(0), 43, 0, 1])).toMatchObject({ isWhole: false });
  });

  it('ends within the packet, whatever is in it', () => {
    fc.assert(
      fc.property(octets(0, 100), (rest) => {
        const packet = [...header(rest[0] ?? 0), ...rest];
        const { offset } = found(packet) as { offset: number };
        expect(offset).toBeLessThanOrEqual(packet.length);
      }),
    );
  });
});
