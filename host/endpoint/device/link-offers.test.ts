import { describe, expect, it, test } from 'vitest';
import type { Property, Value } from '../../../abi/host/contract.ts';
import { mistakeInOffer, wantedProperties } from './link-offers.ts';
import { readTunSettings } from './tun-settings.ts';

const offer = (name: string, value: Value): Property => ({ name, value });
const text = (name: string, val: string) => offer(name, { tag: 'text', val });
const atMost = (name: string, val: bigint) => offer(name, { tag: 'at-most', val });
const { settings } = readTunSettings([
  ['mtu', '1400'],
  ['address', '192.0.2.1/24'],
]);
const { settings: bare } = readTunSettings([]);

describe('wantedProperties', () => {
  it('joins the settings, the properties that an ended lane left, and all offers', () => {
    const left = { mtu: 1380, isUp: false, addresses: new Set(['fc64::1/64']), routes: new Set(['::/0']) };
    const offers = [
      [text('address', '198.51.100.1/24'), atMost('mtu', 1300n)],
      [text('route', '203.0.113.7/24'), atMost('size', 1290n), offer('framed', { tag: 'yes' })],
    ];
    expect(wantedProperties(settings, left, offers)).toEqual({
      mtu: 1290,
      isUp: true,
      addresses: new Set(['192.0.2.1/24', 'fc64::1/64', '198.51.100.1/24']),
      routes: new Set(['::/0', '203.0.113.0/24']),
      linkLocal: false,
    });
  });

  it.each([
    ['nothing', [], false],
    ['an address', [text('address', '192.0.2.1/24')], true],
    ['a route', [text('route', '::/0')], true],
    ['up', [offer('up', { tag: 'yes' })], true],
    ['an mtu alone', [atMost('mtu', 1300n)], false],
  ])('offers of %s decide whether the device is up', (_what, properties, isUp) => {
    expect(wantedProperties(bare, undefined, [properties]).isUp).toBe(isUp);
  });

  it('ignores an offer with a mistake', () => {
    const wrong = [
      text('address', '192.0.2.1/33'),
      text('route', 'elsewhere'),
      offer('address', { tag: 'yes' }),
      atMost('mtu', 67n),
      offer('mtu', { tag: 'yes' }),
      atMost('size', 20n),
    ];
    for (const each of wrong) expect(mistakeInOffer(each)).toContain(each.name === 'size' ? '20' : each.name);
    expect(wantedProperties(bare, undefined, [wrong])).toEqual(wantedProperties(bare, undefined, []));
  });
});

test('the size of a frame of Ethernet counts its header, and an MTU does not', () => {
  const { settings: tap } = readTunSettings([['mode', 'ethernet']]);
  const mtu = (name: string, bytes: bigint) =>
    wantedProperties(tap, undefined, [[{ name, value: { tag: 'at-most', val: bytes } }]]).mtu;
  expect(mtu('size', 1414n)).toBe(1400);
  expect(mtu('mtu', 1414n)).toBe(1414);
  expect(mtu('size', 70n)).toBe(68);
});
