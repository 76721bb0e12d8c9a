import { describe, expect, test } from 'vitest';
import { connectorCommand, findConnector, needNft } from './connector.ts';
import { hasIpv4Default, hasIpv6Default } from './default-routes.ts';
import { readUplinkSettings } from './uplink.ts';

describe('a connector', () => {
  test('is the first that is installed, and for root masquerading or slirp4netns', () => {
    expect(findConnector('auto', () => true, false)).toBe('pasta');
    expect(findConnector('auto', (name) => name === 'slirp4netns', false)).toBe('slirp4netns');
    expect(findConnector('slirp4netns', () => true, false)).toBe('slirp4netns');
    expect(findConnector('auto', () => true, true, true)).toBe('masquerade');
    expect(findConnector('auto', (name) => name !== 'nsenter', true, true)).toBe('slirp4netns');
    expect(findConnector('auto', () => true, true, false)).toBe('slirp4netns');
    expect(() => findConnector('masquerade', () => true, false, true)).toThrow(/masquerade is for root/);
    expect(() => findConnector('masquerade', () => true, true, false)).toThrow(/read-only/);
  });

  test('that is missing is named with its package', () => {
    expect(() => findConnector('auto', () => false, false)).toThrow(/apt-get install passt/);
    expect(() => findConnector('slirp4netns', () => false, false)).toThrow(/apt-get install slirp4netns/);
    expect(() => findConnector('auto', (name) => name === 'pasta', true, true)).toThrow(/pasta refuses root/);
    expect(() => needNft(() => false)).toThrow(/apt-get install nftables/);
  });

  test('opens no port in any direction, and nothing of the loopback', () => {
    const pasta = connectorCommand('pasta', 9).join(' ');
    for (const option of [
      '--tcp-ports none',
      '--udp-ports none',
      '--tcp-ns none',
      '--udp-ns none',
      '--no-map-gw',
    ])
      expect(pasta).toContain(option);
    expect(connectorCommand('slirp4netns', 9)).toContain('--disable-host-loopback');
  });

  test('has its own addresses if the neighbour has those of the machine', () => {
    expect(connectorCommand('pasta', 9, { ipv4: true, ipv6: false }).join(' ')).toContain(
      '--address 192.0.0.10',
    );
    expect(connectorCommand('pasta', 9)).not.toContain('--address');
  });
});

test('a default route must lead to a gateway or device', () => {
  const head = 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n';
  const ipv4 = `${head}eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
  expect([hasIpv4Default(ipv4), hasIpv4Default(ipv4, 'eth0'), hasIpv4Default(ipv4, 'up0')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(hasIpv4Default(ipv4.replace('0003', '0203'))).toBe(false);
  expect(hasIpv4Default(`${head}eth0\t00000000\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`)).toBe(false);
  const zeroes = '0'.repeat(32);
  const ipv6 = (flags: string, device: string) =>
    `${zeroes} 00 ${zeroes} 00 ${zeroes} 00000400 00000001 00000000 ${flags} ${device}\n`;
  expect(hasIpv6Default(ipv6('00000003', 'eth0'))).toBe(true);
  // The kernel has one of these without any network.
  expect(hasIpv6Default(ipv6('00200200', 'lo'))).toBe(false);
  expect([hasIpv4Default(''), hasIpv6Default('')]).toEqual([false, false]);
});

test('impossible settings are reported all at once', () => {
  const { problems } = readUplinkSettings([
    ['via', 'magic'],
    ['tcp', 'x'],
    ['mtu', '100'],
    ['address', '1.2.3'],
  ]);
  expect(problems.map(({ setting }) => setting).sort()).toEqual(['address', 'mtu', 'tcp', 'via']);
});
