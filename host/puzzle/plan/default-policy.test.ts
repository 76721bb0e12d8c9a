import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { opposes } from '../../stack/direction.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { arrange } from './arrange.ts';
import type { Place } from './arrangement.ts';
import { joinByDefault } from './default-policy.ts';

const protocols = new Protocols();
type Networks = Readonly<Record<string, readonly string[]>>;

const tun = (name = 'home', networks?: Networks) => samplePlace(name, { ip: ['ip down'] }, networks);
const six = (networks?: Networks) =>
  samplePlace('six', { ipv6: ['ipv6 up', 'ipv6/icmpv6 up'], carrier: ['ipv4/udp/* down'] }, networks);
const udp = (name = 'wan', networks?: Networks) => samplePlace(name, { udp: ['ip/udp up'] }, networks);
const web = (networks?: Networks) => samplePlace('web', { tcp: ['ip/tcp/80 up'] }, networks);
const hub = (networks?: Networks) =>
  samplePlace('hub', { 'net*': ['ip up', 'ip down', 'ip peer'] }, networks);

describe('the default policy', () => {
  it('joins a list of pieces silently where Shapes match', () => {
    expect(joined([tun(), six(), udp()])).toEqual({
      'home.ip': ['home.ip'],
      'six.carrier': ['six.carrier'],
      'six.ipv6': ['home.ip'],
      'wan.udp': ['six.carrier'],
    });
    expect(
      arrange(protocols, joinByDefault(protocols, [tun(), six(), udp()]).places, new Map()).mistakes,
    ).toEqual([]);
  });

  it('joins several Edges that match only the same Edge on one network, named after that Edge', () => {
    const sip = samplePlace('sip', { out: ['ip/udp/5060 down'] });
    const dns = samplePlace('dns', { out: ['ip/udp/53 down'] });
    expect(joined([sip, udp(), dns])).toEqual({
      'dns.out': ['wan.udp'],
      'sip.out': ['wan.udp'],
      'wan.udp': ['wan.udp'],
    });
  });

  it('keeps the networks that a configuration names, and joins the rest to them', () => {
    expect(joined([tun('home', { ip: ['lan'] }), six(), udp('wan', { udp: ['outside'] })])).toEqual({
      'home.ip': ['lan'],
      'six.carrier': ['outside'],
      'six.ipv6': ['lan'],
      'wan.udp': ['outside'],
    });
  });

  it('keeps named networks apart', () => {
    const places = [
      tun('one', { ip: ['left'] }),
      tun('two', { ip: ['right'] }),
      web({ tcp: ['left'] }),
      samplePlace('mail', { tcp: ['ip/tcp/25 up'] }, { tcp: ['right'] }),
    ];
    expect(joinByDefault(protocols, places)).toMatchObject({ places, decisions: [], mistakes: [] });
  });

  it('gives a network another name where a configuration has taken its own', () => {
    const taken = (network: string) =>
      ['1', '2'].map((n) => samplePlace(`${network}-${n}`, { e: ['arp peer'] }, { e: [network] }));
    const sip = samplePlace('sip', { out: ['ip/udp/5060 down'] });
    const dns = samplePlace('dns', { out: ['ip/udp/53 down'] });
    const names = (...networks: string[]) => joined([sip, udp(), dns, ...networks.flatMap(taken)])['dns.out'];
    expect(names('lan')).toEqual(['wan.udp']);
    expect(names('wan.udp')).toEqual(['wan.udp.2']);
    expect(names('wan.udp', 'wan.udp.2')).toEqual(['wan.udp.3']);
  });

  it('brings named networks together by no Edge, and reports only what it could decide otherwise', () => {
    expect(mistakesOf([tun('one', { ip: ['left'] }), web({ tcp: ['right'] })])).toEqual([]);
    expect(mistakesOf([tun('one', { ip: ['left'] }), tun('two', { ip: ['right'] }), web()])).toEqual([
      'FT_EDGE_AMBIGUOUS one.ip: it matches web.tcp only, and with two.ip that would bring the separate networks left or right on one network; name the networks under `edges:`',
      'FT_EDGE_AMBIGUOUS two.ip: it matches web.tcp only, and with one.ip that would bring the separate networks left or right on one network; name the networks under `edges:`',
      'FT_EDGE_AMBIGUOUS web.tcp: it could join one.ip on network left or two.ip on network right, and nothing says which; name its network under `edges:`',
    ]);
  });

  it('reports no choice of an Edge that is joined, where the others are on named networks', () => {
    const phone = (name: string, network: string) => [
      samplePlace(name, { out: ['ip/udp/5060 down'] }, { out: [network] }),
      udp(`wan-${network}`, { udp: [network] }),
    ];
    const places = [tun(), web(), ...phone('a', 'left'), ...phone('b', 'right')];
    expect(joined(places)).toMatchObject({ 'home.ip': ['home.ip'], 'web.tcp': ['home.ip'] });
    expect(joinByDefault(protocols, places)).toMatchObject({ mistakes: [], contested: new Set() });
  });

  it('gives each Edge that only a repeated Edge matches a network with it', () => {
    expect(joined([tun('a'), tun('b'), hub()])).toEqual({
      'a.ip': ['a.ip'],
      'b.ip': ['b.ip'],
      'hub.net': ['a.ip', 'b.ip'],
    });
  });

  it('never chooses: it reports an Edge with a choice, and its alternatives', () => {
    const places = [tun('a'), tun('b'), web(), samplePlace('mail', { tcp: ['ip/tcp/25 up'] })];
    expect(mistakesOf(places)).toEqual([
      'FT_EDGE_AMBIGUOUS a.ip: it could join mail.tcp or web.tcp, and nothing says which; name its network under `edges:`',
      'FT_EDGE_AMBIGUOUS b.ip: it could join mail.tcp or web.tcp, and nothing says which; name its network under `edges:`',
      'FT_EDGE_AMBIGUOUS mail.tcp: it could join a.ip or b.ip, and nothing says which; name its network under `edges:`',
      'FT_EDGE_AMBIGUOUS web.tcp: it could join a.ip or b.ip, and nothing says which; name its network under `edges:`',
    ]);
    expect(joined(places)).toEqual({});
  });

  it('reports networks that could as well be one', () => {
    const phone = samplePlace('phone', { out: ['ip/udp/5060 down'] });
    expect(mistakesOf([tun(), web(), phone, udp()])).toEqual([
      'FT_EDGE_AMBIGUOUS home.ip: it is joined with web.tcp, and wan.udp matches it too; name the networks under `edges:`, to bring them together or to keep them apart',
    ]);
    expect(mistakesOf([tun('home', { ip: ['lan'] }), web(), phone, udp()])).toEqual([]);
  });

  it('does not put two Edges of one piece on one network', () => {
    const echo = samplePlace('echo', { a: ['ip up'], b: ['ip/tcp up'] });
    expect(mistakesOf([tun(), echo])).toEqual([
      'FT_EDGE_AMBIGUOUS echo.a: it matches home.ip only, and with echo.b that would bring two Edges of echo on one network; name the networks under `edges:`',
      'FT_EDGE_AMBIGUOUS echo.b: it matches home.ip only, and with echo.a that would bring two Edges of echo on one network; name the networks under `edges:`',
      'FT_EDGE_AMBIGUOUS home.ip: it could join echo.a or echo.b, and nothing says which; name its network under `edges:`',
    ]);
  });

  it('joins an optional Edge with one alternative, leaves one with several alone, and says so', () => {
    const tap = samplePlace('tap', { 'copy?': ['ip down'], 'none?': ['arp peer'] });
    const writer = (name: string) => samplePlace(name, { in: ['ip up'] });
    expect(decisionsOf([tap, writer('w')])).toEqual([
      'tap.copy on tap.copy: it matches w.in',
      'tap.none alone: it is optional, and nothing matches it',
      'w.in on tap.copy: it matches only tap.copy',
    ]);
    expect(
      decisionsOf([tap, writer('v'), writer('w'), tun('x', { ip: ['lan'] }), hub({ net: ['lan'] })]),
    ).toContain('tap.none alone: it is optional, and nothing matches it');
    const out = samplePlace('tap', { 'copy?': ['ip down'] }, { copy: [] });
    expect(joined([out, tun(), web()])['tap.copy']).toEqual([]);
  });

  it('joins two optional Edges that match each other only', () => {
    const tap = samplePlace('tap', { 'copy?': ['ip down'] });
    expect(joined([tap, samplePlace('w', { 'in?': ['ip up'] })])).toEqual({
      'tap.copy': ['tap.copy'],
      'w.in': ['tap.copy'],
    });
  });

  it('does not depend on the order of the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(placeArbitrary(true), { minLength: 1, maxLength: 8 }).chain((drawn) => {
          const places = drawn.map((make, n) => make(`p${n}`));
          return fc.tuple(fc.constant(places), fc.shuffledSubarray(places, { minLength: places.length }));
        }),
        ([places, shuffled]) => {
          expect(joined(shuffled)).toEqual(joined(places));
          expect(decisionsOf(shuffled)).toEqual(decisionsOf(places));
          expect(mistakesOf(shuffled)).toEqual(mistakesOf(places));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('joins only where there is no other way to join everything', () => {
    let runs = 0;
    let decided = 0;
    fc.assert(
      fc.property(fc.array(placeArbitrary(false), { minLength: 1, maxLength: 4 }), (drawn) => {
        const places = drawn.map((make, n) => make(`p${n}`));
        const edges = places.flatMap((place) => place.description.edges.map((edge) => ({ place, edge })));
        fc.pre(edges.length <= 6);
        runs++;
        const outcome = joined(places);
        if (mistakesOf(places).length > 0 || Object.keys(outcome).length < edges.length) return;
        decided++;
        const ways = partitions(edges).filter((blocks) => blocks.every(isGood));
        expect(ways).toHaveLength(1);
        const blocks = ways[0]!.map((block) =>
          block.map(({ place, edge }) => `${place.name}.${edge.name}`).sort(),
        );
        const found = new Map<string, string[]>();
        for (const [name, [network]] of Object.entries(outcome))
          found.set(network!, [...(found.get(network!) ?? []), name]);
        expect([...found.values()].map((names) => names.sort()).sort()).toEqual(blocks.sort());
      }),
      { numRuns: 1500 },
    );
    expect(decided / runs).toBeGreaterThan(0.013);
  });
});

function joined(places: readonly Place[]): Record<string, readonly string[]> {
  return Object.fromEntries(
    joinByDefault(protocols, places)
      .places.flatMap(({ name, edges }) =>
        [...edges].map(([edge, networks]) => [`${name}.${edge}`, networks] as const),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function mistakesOf(places: readonly Place[]): string[] {
  return joinByDefault(protocols, places)
    .mistakes.map(({ code, piece, edge, message }) => `${code} ${piece}.${edge}: ${message}`)
    .sort();
}

function decisionsOf(places: readonly Place[]): string[] {
  return joinByDefault(protocols, places).decisions.map(
    ({ piece, edge, network, why }) =>
      `${piece}.${edge} ${network === undefined ? 'alone' : `on ${network}`}: ${why}`,
  );
}

/** Makers of places, each with a different name. */
function placeArbitrary(isVaried: boolean): fc.Arbitrary<(name: string) => Place> {
  const shape = fc.constantFrom(
    'ip down',
    'ipv6 up',
    'ip/udp up',
    'ipv4/udp/* down',
    'ip/tcp/80 up',
    'arp peer',
  );
  const suffix = isVaried ? fc.constantFrom('', '', '', '?', '*') : fc.constant('');
  const network = isVaried
    ? fc.constantFrom(undefined, undefined, [], ['lan'], ['wan'])
    : fc.constant(undefined);
  return fc
    .array(fc.tuple(shape, suffix, network), { minLength: 1, maxLength: 2 })
    .map(
      (edges) => (name: string) =>
        samplePlace(
          name,
          Object.fromEntries(edges.map(([each, mark], n) => [`e${n}${mark}`, [each]])),
          Object.fromEntries(
            edges.flatMap(([, , given], n) => (given === undefined ? [] : [[`e${n}`, given]])),
          ),
        ),
    );
}

interface PlacedEdge {
  readonly place: Place;
  readonly edge: Place['description']['edges'][number];
}

/** Whether no piece occurs twice, every Edge matches another, and all are connected. */
function isGood(block: readonly PlacedEdge[]): boolean {
  if (new Set(block.map(({ place }) => place)).size < block.length) return false;
  const reached = new Set(block.slice(0, 1));
  for (const one of reached) for (const other of block) if (doMatch(one, other)) reached.add(other);
  return block.length > 1 && reached.size === block.length;
}

function doMatch(a: PlacedEdge, b: PlacedEdge): boolean {
  return a.edge.shapes.some((one) =>
    b.edge.shapes.some(
      (two) =>
        opposes(one.direction, two.direction) &&
        matchStacks(parseStack(one.stack), parseStack(two.stack)).matches,
    ),
  );
}

function partitions<T>(items: readonly T[]): T[][][] {
  const [first, ...rest] = items;
  if (first === undefined) return [[]];
  return partitions(rest).flatMap((blocks) => [
    [[first], ...blocks],
    ...blocks.map((block, n) => blocks.with(n, [first, ...block])),
  ]);
}
