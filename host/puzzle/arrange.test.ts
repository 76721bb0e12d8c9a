import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Piece as Description, Shape } from '../../abi/host/contract.ts';
import { Protocols } from '../stack/protocols.ts';
import { arrange } from './arrange.ts';
import type { NetworkOptions, Place } from './arrangement.ts';

const protocols = new Protocols();

describe('arrange', () => {
  it('joins Edges whose Shapes match, and only those Shapes', () => {
    const { joints, mistakes } = arranged([
      place('tun', { ip: ['ip down'] }, { ip: ['lan'] }),
      place(
        'six',
        { ipv6: ['ipv6 up', 'ipv6/icmpv6 up'], carrier: ['ipv4/udp/* down'] },
        { ipv6: ['lan'], carrier: ['wan'] },
      ),
      place('udp', { udp: ['ip/udp up', 'ethernet peer'] }, { udp: ['wan'] }),
    ]);
    expect(mistakes).toEqual([]);
    expect(
      joints.map(({ name, members, pairs }) => [
        name,
        members.map((member) => member.shapes),
        pairs.map((pair) => pair.stack),
      ]),
    ).toEqual([
      ['lan', [[0], [0, 1]], ['ipv6', 'ipv6/icmpv6']],
      ['wan', [[0], [0]], ['ipv4/udp/*']],
    ]);
    expect(joints[1]!.members[0]).toMatchObject({ place: 1, edge: 1, described: 1 });
  });

  it('numbers the Edges of a repeated Edge one by one', () => {
    const hub = place(
      'hub',
      { net: ['ip up', 'ip down', 'ip peer'] },
      { net: ['a', 'b', 'c'] },
      { repeated: true },
    );
    const others = ['a', 'b', 'c'].map((network) =>
      place(`tun-${network}`, { ip: ['ip down'] }, { ip: [network] }),
    );
    const { joints, mistakes } = arranged([hub, ...others]);
    expect(mistakes).toEqual([]);
    expect(joints.map((joint) => joint.members[0]!.edge)).toEqual([0, 1, 2]);
    expect(joints.map((joint) => joint.members[0]!.shapes)).toEqual([[0], [0], [0]]);
  });

  it('tells all mistakes at once, each with what to do', () => {
    const { mistakes } = arranged([
      place('one', { ip: ['ip down'] }, { ipp: ['lan'] }),
      place('two', { ip: ['ip down'] }, { ip: ['lan', 'wan'] }),
      place('three', { ip: ['ipv6 up'] }, { ip: ['far'] }),
      place('four', { ip: ['ipv6 up'] }, { ip: ['lab'] }),
      place('five', { ip: ['ipv4 down'] }, { ip: ['lab'] }),
      place('six', { ip: ['nonsense// up'] }, { ip: ['lab'] }),
      place('seven', { ip: ['ip up'] }, { ip: ['sky'] }),
      place('eight', { ip: ['ip up'] }, { ip: ['sky'] }),
    ]);
    expect(mistakes.map(({ code, piece }) => `${piece}: ${code}`).sort()).toEqual([
      'eight: FT_SHAPES_DO_NOT_MATCH',
      'five: FT_SHAPES_DO_NOT_MATCH',
      'four: FT_SHAPES_DO_NOT_MATCH',
      'one: FT_EDGE_UNJOINED',
      'one: FT_EDGE_UNKNOWN',
      'seven: FT_SHAPES_DO_NOT_MATCH',
      expect.stringMatching(/^six: FT_STACK/),
      'three: FT_SHAPES_DO_NOT_MATCH',
      'two: FT_EDGE_REPEATED',
    ]);
    const why = (name: string) => mistakes.find(({ piece }) => piece === name)!.message;
    expect(why('three')).toContain('no other piece is on network far');
    expect(why('five')).toContain('ipv4 and ipv6 of four');
    expect(why('seven')).toContain('nothing on network sky faces it');
    expect(why('one')).toContain('it has ip');
  });

  it('takes what an optional Edge leaves out', () => {
    const { mistakes } = arranged([place('one', { ip: ['ip down'] }, {}, { optional: true })]);
    expect(mistakes).toEqual([]);
  });

  it('comes to the same whatever the order of the pieces', () => {
    const pool = [
      place('tun', { ip: ['ip down'] }, { ip: ['lan'] }),
      place('six', { ipv6: ['ipv6 up'], carrier: ['ipv4/udp/* down'] }, { ipv6: ['lan'], carrier: ['wan'] }),
      place('udp', { udp: ['ip/udp up'] }, { udp: ['wan'] }),
      place('odd', { ip: ['ipv4 up'] }, { ip: ['wan'] }),
      place('web', { web: ['ip/tcp/80 up'] }, { web: ['lan'] }),
      place('other', { ip: ['ipv6 up'] }, { ip: ['lan'] }),
    ];
    const summary = (places: readonly Place[]) => {
      const { joints, mistakes } = arranged(places);
      const members = joints.flatMap((joint) =>
        joint.members.map(
          ({ place, edge, shapes }) => `${joint.name} ${places[place]!.name} ${edge} ${shapes}`,
        ),
      );
      return {
        members: members.sort(),
        mistakes: mistakes.map(({ code, network }) => `${code} ${network}`).sort(),
      };
    };
    const expected = summary(pool);
    fc.assert(
      fc.property(fc.shuffledSubarray(pool, { minLength: pool.length }), (shuffled) => {
        expect(summary(shuffled)).toEqual(expected);
      }),
    );
  });
});

function arranged(places: readonly Place[], networks: ReadonlyMap<string, NetworkOptions> = new Map()) {
  return arrange(protocols, places, networks);
}

/** Edges are written as lists of `stack direction`. */
function place(
  name: string,
  edges: Readonly<Record<string, readonly string[]>>,
  networks: Readonly<Record<string, readonly string[]>>,
  { optional = false, repeated = false } = {},
): Place {
  const description: Description = {
    name,
    version: '1.0.0',
    summary: '',
    protocols: [],
    edges: Object.entries(edges).map(([edge, shapes]) => ({
      name: edge,
      optional,
      repeated,
      shapes: shapes.map(shapeOf),
    })),
    curves: [],
    settings: [],
    reasons: [],
  };
  return { name, description, edges: new Map(Object.entries(networks)) };
}

function shapeOf(text: string): Shape {
  const [stack, direction] = text.split(' ') as [string, Shape['direction']];
  return { stack, direction, reach: 'whole-frame', properties: [] };
}
