import { expect, test } from 'vitest';
import { ipv4Addresses, ipv6Addresses } from './inner-addresses.ts';

test('IPv6 addresses of global scope count, and tentative ones are reported', () => {
  const line = (address: string, scope: string, flags: string, device: string) =>
    `${address} 02 40 ${scope} ${flags}     ${device}\n`;
  const address = '20010db8000000000000000000000001';
  expect(ipv6Addresses(line(address, '00', '80', 'fun0'))).toEqual({
    addresses: ['2001:0db8:0000:0000:0000:0000:0000:0001'],
    hasTentative: false,
  });
  expect(ipv6Addresses(line(address, '00', 'c0', 'fun0')).hasTentative).toBe(true);
  // Optimistic addresses are usable.
  expect(ipv6Addresses(line(address, '00', '44', 'fun0')).hasTentative).toBe(false);
  for (const other of [
    line('fe800000000000000000000000000001', '20', '80', 'fun0'),
    line('00000000000000000000000000000001', '10', '80', 'lo'),
    '',
    'x y',
  ])
    expect(ipv6Addresses(other)).toEqual({ addresses: [], hasTentative: false });
});

test('IPv4 addresses are the local ones, except for the loopback', () => {
  const trie = [
    'Main:',
    '  +-- 0.0.0.0/1 2 0 2',
    '     |-- 10.9.0.0',
    '        /24 link UNICAST',
    '     |-- 10.9.0.1',
    '        /32 host LOCAL',
    '     |-- 10.9.0.255',
    '        /32 link BROADCAST',
    '     |-- 127.0.0.1',
    '        /32 host LOCAL',
    'Local:',
    '     |-- 10.9.0.1',
    '        /32 host LOCAL',
  ].join('\n');
  expect(ipv4Addresses(trie)).toEqual(['10.9.0.1']);
  expect(ipv4Addresses('')).toEqual([]);
});
