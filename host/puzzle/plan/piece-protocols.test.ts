import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Piece as Description } from '../../../abi/host/contract.ts';
import { Classifier } from '../../frame/classifier.ts';
import { Composer } from '../../frame/composer.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import { arrange } from './arrange.ts';
import type { Place } from './arrangement.ts';
import { definePieceProtocols } from './piece-protocols.ts';

const TOY = 'space toy-kind 8 bits; in ip-protocol 253; header 4; next toy-kind u8[0]; length u16[2] total';
const PUPPET = 'in toy-kind 7; header 4 + u8[0] * 2; checksum contents u16[2]; leaf';

function place(
  name: string,
  direction: 'up' | 'down',
  stack: string,
  protocols: Description['protocols'],
): Place {
  const shape = { stack, direction, reach: 'headers' as const, properties: [] };
  return {
    name,
    description: {
      name,
      version: '1',
      summary: '',
      protocols,
      edges: [{ name: 'net', optional: false, repeated: false, shapes: [shape] }],
      curves: [],
      settings: [],
      reasons: [],
    },
    edges: new Map([['net', ['a']]]),
  };
}

describe('definePieceProtocols', () => {
  it('lets pieces of third parties match, and their frames be parsed, printed and composed', () => {
    // The piece whose protocol is in the Name Space of the other comes first.
    const places = [
      place('theatre', 'up', 'toy/puppet', [['puppet', PUPPET]]),
      place('shop', 'down', 'ip/toy', [
        ['toy', TOY],
        ['udp', undefined],
      ]),
    ];
    const protocols = new Protocols();
    expect(definePieceProtocols(protocols, places)).toEqual([]);
    const { mistakes, joints } = arrange(protocols, places, new Map([['a', { copies: false }]]));
    expect(mistakes).toEqual([]);
    expect(joints[0]!.pairs.map(({ stack }) => stack)).toEqual(['ip/toy/puppet']);

    const frames = new Frames({ smallRows: 2, largeRows: 0 });
    const row = frames.allocate(56);
    const start = frames.start[row]!;
    const bytes = Buffer.from(
      `6000000000 0cfd40${'00'.repeat(32)} 07000000 02000000 11223344 55555555`.replaceAll(' ', ''),
      'hex',
    );
    bytes.writeUInt16BE(12 + 0, 4);
    bytes.writeUInt16BE(12, 42);
    frames.bytes.set(bytes, start);
    frames.begin(row, start, 56, protocols.number('ipv6'));
    const plan = new Classifier(protocols, [{ stack: parseStack('toy/puppet', protocols), tag: 1 }]);
    expect(plan.accepts(plan.walk(frames, row, true))).toEqual([1]);
    const words = Array.from({ length: frames.partCount[row]! }, (_, part) => {
      const at = (row * MAX_PARTS + part) * PART_WORDS;
      return `${protocols.name(frames.partWords[at]! & 0xffff)} ${frames.partWords[at + 2]!}`;
    });
    expect(words).toEqual(['ipv6 40', 'toy 4', 'puppet 8', ' 4']);
    for (let part = 0; part < 3; part++) frames.partWords[(row * MAX_PARTS + part) * PART_WORDS]! |= 2 << 24;
    frames.bytes.fill(0xee, start + 42, start + 44);
    expect(new Composer(protocols).finish(frames, row)).toBe(0);
    // The length 12, and the inverted sum of 0200 1122 3344 4666.
    expect(Buffer.from(frames.bytes.subarray(start + 40, start + 52)).toString('hex')).toBe(
      '0700000c0200b99911223344',
    );
    expect(formatStack(parseStack('ipv6/253/7', protocols), protocols)).toBe('ipv6/toy/7');
  });

  it('reports the piece with an invalid definition, and two pieces with different definitions', () => {
    const protocols = new Protocols();
    const mistakes = definePieceProtocols(protocols, [
      place('first', 'up', 'toy', [['toy', TOY]]),
      place('second', 'up', 'toy', [['toy', TOY.replace('header 4', 'header 8')]]),
      place('same', 'up', 'toy', [['toy', TOY]]),
      place('wrong', 'up', 'ip', [['mine', 'header']]),
      place('thief', 'up', 'ip', [['mine', 'in ip-protocol 6']]),
    ]);
    expect(mistakes.map(({ piece, code }) => [piece, code])).toEqual([
      ['second', 'FT_PROTOCOL_DIFFERS'],
      ['wrong', 'FT_PROTOCOL_SYNTAX'],
      ['thief', 'FT_PROTOCOL_IDENTIFIER'],
    ]);
    expect(mistakes[0]!.message).toContain('its protocol toy: ');
  });

  it('does not depend on the order of the pieces', () => {
    const places = [
      place('a', 'up', 'ip', [['one', 'space s1 8 bits; in ip-protocol 253; header 1; next s1 u8[0]']]),
      place('b', 'up', 'ip', [['two', 'space s2 8 bits; in s1 1; header 1; next s2 u8[0]']]),
      place('c', 'up', 'ip', [['three', 'in s2 1; header 1']]),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(places, { minLength: 3 }), (shuffled) => {
        const protocols = new Protocols();
        expect(definePieceProtocols(protocols, shuffled)).toEqual([]);
        expect(formatStack(parseStack('ip/253/1/three', protocols), protocols)).toBe('ip/one/two/three');
      }),
    );
  });
});
