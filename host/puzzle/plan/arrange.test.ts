import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Piece as Description } from '../../../abi/host/contract.ts';
import { Protocols } from '../../stack/protocols.ts';
import { stackText } from '../../stack/testing/stack-arbitrary.ts';
import { arrangeSlowly } from '../testing/arrange-model.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { arrange } from './arrange.ts';
import type { NetworkOptions, Place } from './arrangement.ts';

const protocols = new Protocols();

describe('arrange', () => {
  it('joins Edges whose Shapes match, and only those Shapes', () => {
    const { joints, mistakes } = arranged([
      samplePlace('tun', { ip: ['ip down'] }, { ip: ['lan'] }),
      samplePlace(
        'six',
        { ipv6: ['ipv6 up', 'ipv6/icmpv6 up'], carrier: ['ipv4/udp/* down'] },
        { ipv6: ['lan'], carrier: ['wan'] },
      ),
      samplePlace('udp', { udp: ['ip/udp up', 'ethernet peer'] }, { udp: ['wan'] }),
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
    expect(joints[1]!.members[0]).toMatchObject({ placeIndex: 1, edge: 1, described: 1 });
  });

  it('numbers the Edges of a repeated Edge one by one', () => {
    const hub = samplePlace('hub', { 'net*': ['ip up', 'ip down', 'ip peer'] }, { net: ['a', 'b', 'c'] });
    const others = ['a', 'b', 'c'].map((network) =>
      samplePlace(`tun-${network}`, { ip: ['ip down'] }, { ip: [network] }),
    );
    const { joints, mistakes } = arranged([hub, ...others]);
    expect(mistakes).toEqual([]);
    expect(joints.map((joint) => joint.members[0]!.edge)).toEqual([0, 1, 2]);
    expect(joints.map((joint) => joint.members[0]!.shapes)).toEqual([[0], [0], [0]]);
  });

  it('reports all mistakes at once, each with a remedy', () => {
    const { mistakes } = arranged([
      samplePlace('one', { ip: ['ip down'] }, { ipp: ['lan'] }),
      samplePlace('two', { ip: ['ip down'] }, { ip: ['lan', 'wan'] }),
      samplePlace('three', { ip: ['ipv6 up'] }, { ip: ['far'] }),
      samplePlace('four', { ip: ['ipv6 up'] }, { ip: ['lab'] }),
      samplePlace('five', { ip: ['ipv4 down'] }, { ip: ['lab'] }),
      samplePlace('six', { ip: ['nonsense// up'] }, { ip: ['lab'] }),
      samplePlace('seven', { ip: ['ip up'] }, { ip: ['sky'] }),
      samplePlace('eight', { ip: ['ip up'] }, { ip: ['sky'] }),
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

  it('accepts an optional Edge that is on no network', () => {
    const { mistakes } = arranged([samplePlace('one', { 'ip?': ['ip down'] })]);
    expect(mistakes).toEqual([]);
  });

  it('does not depend on the order of the pieces', () => {
    const pool = [
      samplePlace('tun', { ip: ['ip down'] }, { ip: ['lan'] }),
      samplePlace(
        'six',
        { ipv6: ['ipv6 up'], carrier: ['ipv4/udp/* down'] },
        { ipv6: ['lan'], carrier: ['wan'] },
      ),
      samplePlace('udp', { udp: ['ip/udp up'] }, { udp: ['wan'] }),
      samplePlace('odd', { ip: ['ipv4 up'] }, { ip: ['wan'] }),
      samplePlace('web', { web: ['ip/tcp/80 up'] }, { web: ['lan'] }),
      samplePlace('other', { ip: ['ipv6 up'] }, { ip: ['lan'] }),
    ];
    const summary = (places: readonly Place[]) => {
      const { joints, mistakes } = arranged(places);
      const members = joints.flatMap((joint) =>
        joint.members.map(
          ({ placeIndex: place, edge, shapes }) => `${joint.name} ${places[place]!.name} ${edge} ${shapes}`,
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

  it('finds the same as a model that compares every Shape with every other', () => {
    const shape = fc
      .tuple(
        fc.array(fc.nat(0xffff), { minLength: 12, maxLength: 12 }),
        fc.constantFrom('up', 'down', 'peer'),
      )
      .map(([choices, direction]) => `${stackText(choices)} ${direction}`);
    const edge = fc.tuple(
      fc.array(shape, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('lan', 'wan', 'far'),
    );
    const pool = fc.array(fc.array(edge, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pool, fc.boolean(), (drawn, copies) => {
        const places = drawn.map((edges, n) =>
          samplePlace(
            `p${n}`,
            Object.fromEntries(edges.map(([shapes], m) => [`e${m}`, shapes])),
            Object.fromEntries(edges.map(([, network], m) => [`e${m}`, [network]])),
          ),
        );
        const networks = new Map([['lan', { copies }]]);
        expect(summary(places, networks)).toEqual(arrangeSlowly(protocols, places, networks));
      }),
      { numRuns: 100 },
    );
  });

  it('compares few Shapes among a thousand pieces', () => {
    const { joints, mistakes } = arranged(manyPieces(1000));
    expect(mistakes).toEqual([]);
    expect(joints).toHaveLength(1 + 333);
    expect(joints[0]!.pairs).toHaveLength(333);
  });

  it('keeps single Shapes of an Edge on separate networks', () => {
    const phone = (network: string, stack: string) =>
      samplePlace(network, { out: [`${stack} down`] }, { out: [network] });
    const socket = (shapes: Record<string, number[]>) =>
      samplePlace(
        'socket',
        { ip: ['ipv4/udp up', 'ipv6/udp up'] },
        { ip: Object.keys(shapes) },
        { shapes: { ip: shapes } },
      );
    const good = arranged([
      socket({ lan: [0], wan: [1] }),
      phone('lan', 'ip/udp/5060'),
      phone('wan', 'ip/udp/5060'),
    ]);
    expect(good.mistakes).toEqual([]);
    expect(good.joints.map(({ name, pairs }) => [name, pairs.map(({ stack }) => stack)])).toEqual([
      ['lan', ['ipv4/udp/5060']],
      ['wan', ['ipv6/udp/5060']],
    ]);
    const both = arranged([
      socket({ lan: [0], wan: [0, 1] }),
      phone('lan', 'ip/udp'),
      phone('wan', 'ip/udp'),
    ]);
    expect(both.mistakes.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'FT_EDGE_REPEATED: its Shape ipv4/udp is on 2 networks, and can be on one; a hub can join networks',
      ...both.mistakes.slice(1).map(({ code, message }) => `${code}: ${message}`),
    ]);
    const lonely = arranged([socket({ lan: [0, 1] }), phone('lan', 'ipv4/udp/5060')]);
    expect(lonely.mistakes.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      expect.stringMatching(/^FT_SHAPES_DO_NOT_MATCH: nothing on network lan matches ipv6\/udp\. /),
    ]);
  });

  it('reports what is wrong with a description', () => {
    const { mistakes } = arranged([
      samplePlace('one', { 'a?': ['ip up'], 'b?': [] }, {}, { curves: ['0/0 0/1', '0/0 2/0', '0/0 0/0'] }),
    ]);
    expect(mistakes.map(({ code, edge, message }) => `${code} ${edge}: ${message.split(';')[0]}`)).toEqual([
      'FT_DESCRIPTION_SHAPES b: it has no Shapes, so nothing can match it',
      'FT_DESCRIPTION_CURVE undefined: Curve 0 runs to Shape 1 of Edge a, which has 1, counted from 0',
      'FT_DESCRIPTION_CURVE undefined: Curve 1 runs to Edge 2, of 2, counted from 0',
    ]);
    const many = samplePlace(
      'many',
      { 'a?': Array(257).fill('ip up') },
      {},
      { curves: Array(1025).fill('0/0 0/1') },
    );
    expect(arranged([many]).mistakes.map(({ code, message }) => `${code} ${message.split(';')[0]}`)).toEqual([
      'FT_DESCRIPTION_SIZE it has 257 Shapes, but the limit is 256',
      'FT_DESCRIPTION_SIZE it has 1025 Curves, but the limit is 1024',
    ]);
    // All counters are reported together: a lane with a hundred thousand reasons did little else.
    const { description: one } = samplePlace('much', { a: ['ip up'] });
    const named = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ name: `r${n}`, loss: true, summary: 'It ends.' }));
    const setting = {
      summary: '',
      kind: 'text',
      repeated: false,
      required: false,
      least: -Infinity,
      most: Infinity,
      default: '',
    } as const;
    const property = { wish: 'available', property: { name: 'nice', value: { tag: 'yes' } } } as const;
    const curve = { fromEdge: 0, fromShape: 0, toEdge: 0, toShape: 0, opaque: false, overhead: 0 };
    const much = (more: number) => ({
      ...one,
      settings: named(256 + more).map(({ name }) => ({ ...setting, name })),
      reasons: named(256 + more),
      edges: one.edges.map((edge) => ({
        ...edge,
        shapes: edge.shapes.map((shape) => ({ ...shape, properties: Array(64 + more).fill(property) })),
      })),
      curves: [{ ...curve, keeps: Array(64 + more).fill('nice') }],
    });
    const wide = (count: number) => ({
      ...one,
      protocols: Array.from({ length: count / 8 }, (_, n) => [`p${n}`, undefined] as const),
      edges: Array.from({ length: 16 }, (_, n) => ({
        ...one.edges[0]!,
        name: `e${n}`,
        shapes: [{ ...one.edges[0]!.shapes[0]!, properties: Array(count / 16).fill(property) }],
      })),
    });
    const sizes = (description: Description) =>
      arrange(new Protocols(), [{ name: 'wide', description, edges: new Map() }], new Map()).mistakes.flatMap(
        ({ code, message }) => (code === 'FT_DESCRIPTION_SIZE' ? [message.split(';')[0]] : []),
      );
    expect(sizes(wide(1024))).toEqual([]);
    expect(sizes(wide(1040))).toEqual([
      'it has 130 protocols, but the limit is 128',
      'it has 1040 properties of all Shapes, but the limit is 1024',
      'it has 65 properties of a Shape, but the limit is 64',
    ]);
    const codes = (more: number) =>
      arranged([{ name: 'much', description: much(more), edges: new Map() }]).mistakes.flatMap(
        ({ code, message }) => (code === 'FT_DESCRIPTION_SIZE' ? [message.split(';')[0]] : []),
      );
    expect(codes(0)).toEqual([]);
    expect(codes(1)).toEqual([
      'it has 257 settings, but the limit is 256',
      'it has 257 reasons, but the limit is 256',
      'it has 65 properties of a Shape, but the limit is 64',
      'it has 65 properties that a Curve keeps, but the limit is 64',
    ]);
    const { description } = samplePlace('two', { 'a?': ['ip up'] });
    const twice = { ...description, edges: [...description.edges, ...description.edges] };
    expect(arranged([{ name: 'two', description: twice, edges: new Map() }]).mistakes).toMatchObject([
      { code: 'FT_DESCRIPTION_NAME', message: expect.stringContaining('two of its Edges are named a') },
    ]);
  });
});

/** Returns the result in the format of the model. */
function summary(places: readonly Place[], networks: ReadonlyMap<string, NetworkOptions>) {
  const { joints, mistakes } = arranged(places, networks);
  const nameOf = ({ placeIndex, described }: { placeIndex: number; described: number }) =>
    `${places[placeIndex]!.name}.${places[placeIndex]!.description.edges[described]!.name}`;
  return {
    pairs: joints
      .flatMap(({ name, pairs }) =>
        pairs.map(
          ({ a, aShape, b, bShape, stack }) =>
            `${name}: ${nameOf(a)}/${aShape} ${nameOf(b)}/${bShape}: ${stack}`,
        ),
      )
      .sort(),
    mistakes: mistakes.map(({ code, piece, edge }) => `${code} ${piece}.${edge}`).sort(),
    shapes: joints
      .flatMap(({ members }) => members.map((member) => `${nameOf(member)} ${member.shapes}`))
      .sort(),
  };
}

/** Returns pieces of which a third share one socket, each with its own port; the others join each other. */
function manyPieces(count: number): readonly Place[] {
  const places = [samplePlace('socket', { udp: ['ip/udp up'] }, { udp: ['wan'] })];
  for (let n = 1; n < count; n += 3) {
    places.push(
      samplePlace(`phone${n}`, { out: [`ip/udp/local:${n} down`] }, { out: ['wan'] }),
      samplePlace(`host${n}`, { ip: ['ip down'] }, { ip: [`net${n}`] }),
      samplePlace(`serving${n}`, { ip: [`ip/{udp,tcp}/${n} up`, 'ip/icmpv6 up'] }, { ip: [`net${n}`] }),
    );
  }
  return places;
}

function arranged(places: readonly Place[], networks: ReadonlyMap<string, NetworkOptions> = new Map()) {
  return arrange(protocols, places, networks);
}
