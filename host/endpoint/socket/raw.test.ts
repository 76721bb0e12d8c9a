import { describe, expect, test } from 'vitest';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import { rawDescription } from './raw-description.ts';
import { readRawSettings } from './raw-settings.ts';

const protocols = new Protocols();
const read = (...given: [string, string][]) => readRawSettings(given, protocols);

describe('the settings of raw', () => {
  test.each([
    ['132', 132],
    ['sctp', 132],
    ['ipv6', 41],
    ['icmp', 1],
    ['icmpv6', 58],
    ['ipv6-icmp', 58],
    ['ospf', 89],
    ['254', 254],
  ])('protocol %s is %i', (text, number) => {
    expect(read(['protocol', text])).toMatchObject({ settings: { protocols: [number] }, problems: [] });
  });

  test.each(['0', '255', '256', '43', '44', '60', 'scpt', 'ip', '-1', '4 1', ''])(
    'protocol %j is refused',
    (text) => {
      expect(read(['protocol', text]).problems.map(({ setting }) => setting)).toEqual(['protocol']);
    },
  );

  test('reports all mistakes at once, including a missing protocol', () => {
    const { problems } = read(
      ['family', 'ipx'],
      ['address', '192.0.2.300'],
      ['device', 'a/b'],
      ['destinations', '192.0.2.0/33'],
      ['to-loopback', 'yes'],
    );
    expect(problems.map(({ setting }) => setting)).toEqual([
      ...['protocol', 'family', 'address', 'device', 'destinations', 'to-loopback'],
    ]);
  });
});

describe('the Shapes of raw', () => {
  const stacks = (...given: [string, string][]) =>
    rawDescription(read(...given).settings).edges[0]!.shapes.map(({ stack }) => stack);

  test('are the protocols, and the errors that no socket of ICMP brings', () => {
    expect(stacks(['protocol', 'sctp'])).toEqual(['ip/{132}', 'ip/{icmp,icmpv6}']);
    expect(stacks(['protocol', '41'], ['protocol', '4'], ['family', 'ipv4'])).toEqual([
      'ipv4/{41,4}',
      'ipv4/icmp',
    ]);
    expect(stacks(['protocol', 'icmp'])).toEqual(['ip/{1}', 'ipv6/icmpv6']);
    expect(stacks(['protocol', 'icmp'], ['protocol', 'icmpv6'])).toEqual(['ip/{1,58}']);
    expect(stacks(['protocol', 'icmpv6'], ['family', 'ipv6'])).toEqual(['ipv6/{58}']);
  });

  test('are stacks, for each protocol that can be set', () => {
    for (let n = 1; n < 255; n++) {
      const { settings, problems } = read(['protocol', String(n)]);
      if (problems.length > 0) continue;
      for (const { stack } of rawDescription(settings).edges[0]!.shapes)
        expect(() => parseStack(stack, protocols), stack).not.toThrow();
    }
  });
});
