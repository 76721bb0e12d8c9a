import { describe, expect, test } from 'vitest';
import { packetDescription } from './packet-description.ts';
import { readPacketSettings } from './packet-settings.ts';

describe('the settings of packet', () => {
  test('are read, with their defaults', () => {
    expect(readPacketSettings([['device', 'eth0']])).toEqual({
      settings: {
        device: 'eth0',
        mode: 'ethernet',
        promiscuous: false,
        outgoing: false,
        send: 'own',
        mtu: 1500,
      },
      problems: [],
    });
  });

  test('have all mistakes reported at once, including a missing device', () => {
    const { problems } = readPacketSettings([
      ['mode', 'cooked'],
      ['promiscuous', 'yes'],
      ['outgoing', ''],
      ['send', 'own,any'],
      ['mtu', '67'],
    ]);
    expect(problems.map(({ setting }) => setting)).toEqual([
      ...['device', 'mode', 'promiscuous', 'outgoing', 'send', 'mtu'],
    ]);
    for (const device of ['a/b', 'a b', '', 'x'.repeat(16)])
      expect(readPacketSettings([['device', device]]).problems.map(({ setting }) => setting)).toEqual([
        'device',
      ]);
  });

  test('decide about the Edge and the largest frame', () => {
    const shapeOf = (...given: [string, string][]) => {
      const [edge] = packetDescription(readPacketSettings([['device', 'd'], ...given]).settings).edges;
      const size = edge!.shapes[0]!.properties.find(({ property }) => property.name === 'size')!.property
        .value;
      return [edge!.name, edge!.shapes[0]!.stack, size];
    };
    expect(shapeOf()).toEqual(['ethernet', 'ethernet', { tag: 'at-most', val: 1514n }]);
    expect(shapeOf(['mtu', '9000'])).toEqual(['ethernet', 'ethernet', { tag: 'at-most', val: 9014n }]);
    expect(shapeOf(['mode', 'ip'])).toEqual(['ip', 'ip', { tag: 'at-most', val: 1500n }]);
  });
});
