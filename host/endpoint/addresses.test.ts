import { BlockList, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Grants } from './grants.ts';
import { formatAddress, formatPrefix, maskPrefix, parseAddress, parsePrefix } from './ip-address.ts';
import { parseGroup } from './socket/udp-listens.ts';

const octets = (length: number) =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    // Few values, so that prefixes and addresses meet, and zeroes run.
    fc
      .array(fc.constantFrom(0, 1, 127, 255), { minLength: length, maxLength: length })
      .map((each) => Uint8Array.from(each)),
  );
const address = fc.oneof(octets(4), octets(16));
const prefix = address.chain((bytes) => fc.nat(bytes.length * 8).map((length) => ({ bytes, length })));

test('a written address is read back, and Node agrees', () => {
  fc.assert(
    fc.property(address, (bytes) => {
      const text = formatAddress(bytes);
      expect(parseAddress(text)).toEqual(bytes);
      if (isIPv6(text)) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
    }),
  );
});

test('the forms of IPv6 addresses are read', () => {
  expect(formatAddress(parseAddress('FC64:0BED::192.0.2.11')!)).toBe('fc64:bed::c000:20b');
  expect(formatAddress(parseAddress('::')!)).toBe('::');
  expect(formatAddress(parseAddress('1:0:0:2::0:3')!)).toBe('1:0:0:2::3');
  for (const wrong of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '::g',
    'fe80::1%lo',
    '1:2:3:4:5:6:7',
    '192.0.2.1/24',
    ' ::1',
  ])
    expect(parseAddress(wrong)).toBeUndefined();
  for (const wrong of ['::1/129', '192.0.2.0/33', '::/', '::/-1', '::/1/2'])
    expect(parsePrefix(wrong)).toBeUndefined();
  expect(formatPrefix(maskPrefix(parsePrefix('fc64:bed:c000:201:c000:20b:e612:1/114')!))).toBe(
    'fc64:bed:c000:201:c000:20b:e612:0/114',
  );
});

test('grants are those of the prefixes, less this machine', () => {
  const prefixes = fc.array(prefix, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      prefixes,
      fc.array(address, { maxLength: 3 }),
      address,
      fc.boolean(),
      fc.boolean(),
      (granted, own, asked, allowsOwn, loopback) => {
        const grants = new Grants(granted, { own: allowsOwn, loopback });
        grants.setOwn(own);
        const text = formatAddress(asked);
        const family = asked.length === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        for (const { bytes, length } of granted)
          if (bytes.length === asked.length) list.addSubnet(formatAddress(bytes), length, family);
        const isLoopback = asked.length === 4 ? asked[0] === 127 : text === '::1';
        const isMapped =
          /^::ffff:(?!0$)[0-9a-f]+(:[0-9a-f]+)?$/.test(text) && asked[10] === 255 && asked[11] === 255;
        const isOwn = own.some((each) => formatAddress(each) === text);
        const expected = isMapped
          ? false
          : isLoopback
            ? loopback
            : (allowsOwn || !isOwn) && list.check(text, family);
        const at = 3;
        const memory = new Uint8Array(32);
        memory.set(asked, at);
        expect(asked.length === 4 ? grants.allowsIpv4(memory, at) : grants.allowsIpv6(memory, at)).toBe(
          expected,
        );
      },
    ),
    { numRuns: 2000 },
  );
});

test('without prefixes everything else is granted', () => {
  const grants = new Grants([]);
  expect(grants.allowsIpv4(parseAddress('192.0.2.1')!, 0)).toBe(true);
  expect(grants.allowsIpv4(parseAddress('127.1.2.3')!, 0)).toBe(false);
  expect(grants.allowsIpv6(parseAddress('2001:db8::1')!, 0)).toBe(true);
  expect(grants.allowsIpv6(parseAddress('::ffff:127.0.0.1')!, 0)).toBe(false);
});

test('groups are read in both forms', () => {
  expect(parseGroup('224.0.0.1:25790')).toEqual({ address: '224.0.0.1', port: 25790, family: 4 });
  expect(parseGroup('[ff02::fb]:5353')).toEqual({ address: 'ff02::fb', port: 5353, family: 6 });
  for (const wrong of [
    '224.0.0.1',
    '224.0.0.1:0',
    '10.0.0.1:9',
    'ff02::fb:5353',
    '[224.0.0.1]:9',
    '[fe80::1]:9',
    'x',
  ])
    expect(parseGroup(wrong)).toBeUndefined();
});
