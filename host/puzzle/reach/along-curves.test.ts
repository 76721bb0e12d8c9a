import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Curve, Piece as Description, Property } from '../../../abi/host/contract.ts';
import { opposes } from '../../stack/direction.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import type { Place } from '../plan/arrangement.ts';
import { propertyText } from '../plan/properties.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { AlongCurves, type Station } from './along-curves.ts';
import { StacksAlong } from './stacks-along.ts';

const protocols = new Protocols();
const stacks = new StacksAlong(protocols);

describe('a listen', () => {
  const net = samplePlace('net', { e: ['ip/udp up'] }, { e: ['wan'] });
  const phone = (network: string) => samplePlace('phone', { e: ['ip/udp/5060 down'] }, { e: [network] });

  it('reaches the Edges that carry it behind a piece with Curves, with the stack at that place', () => {
    const tap = samplePlace(
      'tap',
      { a: ['ip up'], b: ['ip down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0'] },
    );
    expect(targetsOf([phone('lan'), tap, net], 'ip/udp/local:7000')).toEqual([
      'tap.a@lan ip/udp/local:7000',
      'net.e@wan ip/udp/local:7000',
    ]);
    // Behind the piece, only what the piece lets through is wanted.
    const narrow = samplePlace(
      'tap',
      { a: ['ipv4/udp up'], b: ['ipv4/udp down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0'] },
    );
    expect(targetsOf([phone('lan'), narrow, net], 'ip/udp/local:7000')[1]).toBe(
      'net.e@wan ipv4/udp/local:7000',
    );
    const wrap = samplePlace(
      'wrap',
      { in: ['ip up'], out: ['ip/udp/9 down'] },
      { in: ['lan'], out: ['wan'] },
      { curves: ['0/0 1/0 +28'] },
    );
    expect(targetsOf([phone('lan'), wrap, net], 'ip/udp/local:7000')[1]).toBe(
      'net.e@wan ip/udp/9/udp/local:7000',
    );
  });

  it('ends where a Curve is opaque, or leads nowhere, or nothing faces it', () => {
    const seal = samplePlace(
      'seal',
      { a: ['ip up'], b: ['ip down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0 opaque'] },
    );
    expect(targetsOf([phone('lan'), seal, net], 'ip/udp/local:7000')).toEqual([
      'seal.a@lan ip/udp/local:7000',
    ]);
    const plain = samplePlace('tap', { a: ['ip up'], b: ['ip down'] }, { a: ['lan'], b: ['wan'] });
    expect(targetsOf([phone('lan'), plain, net], 'ip/udp/local:7000')).toEqual([
      'tap.a@lan ip/udp/local:7000',
    ]);
    const other = samplePlace(
      'tap',
      { a: ['ip/tcp up'], b: ['ip/tcp down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0'] },
    );
    expect(targetsOf([phone('lan'), other, net], 'ip/udp/local:7000')).toEqual([]);
    // A Shape with an open step takes frames only where its piece listens, and that piece listens below
    // itself.
    const open = samplePlace(
      'tap',
      { a: ['ip/udp/* up'], b: ['ip/udp/* down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0'] },
    );
    expect(targetsOf([phone('lan'), open, net], 'ip/udp/local:7000')).toEqual([
      'tap.a@lan ip/udp/local:7000',
    ]);
  });

  it('goes round a loop of hubs once, and not back to its piece', () => {
    const hub = (name: string, networks: string[]) =>
      samplePlace(
        name,
        { 'net*': ['ip up', 'ip down'] },
        { net: networks },
        { curves: ['0/0 0/0', '0/0 0/1', '0/1 0/1'] },
      );
    const list = targetsOf(
      [phone('lan'), hub('one', ['lan', 'x', 'wan']), hub('two', ['x', 'wan', 'lan']), net],
      'ip/udp/local:7000',
    );
    expect([...new Set(list)].sort()).toEqual([...list].sort());
    expect(list.some((text) => text.startsWith('phone'))).toBe(false);
    expect(list.filter((text) => text.startsWith('net'))).toEqual(['net.e@wan ip/udp/local:7000']);
  });

  it('reaches what a literal model reaches, whatever the order of the pieces', () => {
    fc.assert(
      fc.property(puzzles, fc.nat(), fc.constantFrom('up', 'down', 'peer'), (places, at, direction) => {
        const stations = stationsOf(places);
        const from = stations[at % stations.length]!;
        const text = ({ station, stack }: { station: Named; stack: string }) => `${station.id} ${stack}`;
        const found = new AlongCurves(stacks, stations)
          .listenTargets(from, direction, 'ip/udp/local:5')
          .map(text)
          .sort();
        expect(found).toEqual(literalTargets(stations, from, direction).sort());
        const turned = new AlongCurves(stacks, [...stations].reverse());
        expect(turned.listenTargets(from, direction, 'ip/udp/local:5').map(text).sort()).toEqual(found);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an offer', () => {
  it('reaches the networks behind Curves that keep it, with the sizes that hold there', () => {
    const tunnel = samplePlace(
      'tunnel',
      { a: ['ip up'], b: ['ip/udp/9 down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0 +28 keeps mtu'] },
    );
    const far = samplePlace('far', { e: ['ip up'] }, { e: ['wan'] });
    expect(offered([tunnel, far], { far: [mtu(1308), address] })).toEqual({ lan: ['mtu at most 1280'] });
  });

  it('takes the shortest path, and among equals the strictest value', () => {
    const hop = (name: string, networks: [string, string], grows: number) =>
      samplePlace(
        name,
        { a: ['ip up'], b: ['ip down'] },
        { a: [networks[0]], b: [networks[1]] },
        { curves: [`0/0 1/0 +${grows} keeps mtu`] },
      );
    const far = samplePlace('far', { e: ['ip up'] }, { e: ['z'] });
    expect(
      offered(
        [
          hop('long', ['a', 'm'], 500),
          hop('long2', ['m', 'z'], 0),
          hop('one', ['a', 'z'], 10),
          hop('two', ['a', 'z'], 20),
          far,
        ],
        { far: [mtu(1000)] },
      ),
    ).toEqual({
      a: ['mtu at most 980'],
      m: ['mtu at most 1000'],
    });
  });

  it('reaches what a literal model reaches, whatever the order of the pieces', () => {
    fc.assert(
      fc.property(puzzles, fc.nat(), (places, at) => {
        const stations = stationsOf(places);
        const from = stations[at % stations.length]!;
        const offers = [address, mtu(1280)];
        const results = [stations, [...stations].reverse()].map((list) =>
          textsOf(new AlongCurves(stacks, list).offers((each) => (each === from ? offers : []))),
        );
        expect(results[0]).toEqual(literalOffers(stations, from));
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 500 },
    );
  });
});

const address: Property = { name: 'address', value: { tag: 'text', val: 'fc64::1/64' } };
function mtu(bytes: number): Property {
  return { name: 'mtu', value: { tag: 'at-most', val: BigInt(bytes) } };
}

/** Pieces that connect networks by Curves of all kinds. */
const puzzles = fc
  .array(
    fc.record({
      networks: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 2, maxLength: 3 }),
      stack: fc.constantFrom('ip', 'ipv4', 'ip/udp'),
      curves: fc.uniqueArray(
        fc.constantFrom('0/0 1/0', '0/0 1/1', '0/1 1/0', '0/1 1/1 opaque', '0/0 0/1', '1/0 1/1'),
        { maxLength: 4 },
      ),
      keeps: fc.constantFrom('', ' keeps mtu', ' keeps mtu,address', ' keeps address'),
      isHub: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((list) =>
    list.map(({ networks, stack, curves, keeps, isHub }, n) =>
      isHub
        ? samplePlace(
            `p${n}`,
            { 'net*': [`${stack} up`, `${stack} down`] },
            { net: networks },
            { curves: ['0/0 0/0', '0/0 0/1'].map((each) => `${each}${keeps}`) },
          )
        : samplePlace(
            `p${n}`,
            { a: [`${stack} up`, `${stack} peer`], b: [`${stack} down`, `${stack} peer`] },
            { a: [networks[0]!], b: [networks[1]!] },
            {
              curves: curves.map(
                (each, at) =>
                  `${each.replace(' opaque', '')}${at === 1 ? ' +8' : ''}${each.includes('opaque') ? ' opaque' : ''}${keeps}`,
              ),
            },
          ),
    ),
  );

interface Named extends Station {
  readonly id: string;
}

function stationsOf(places: readonly Place[]): Named[] {
  return places.flatMap((place) =>
    place.description.edges.flatMap((edge, described) =>
      (place.edges.get(edge.name) ?? []).map((network) => ({
        piece: place,
        description: place.description,
        described,
        shapes: edge.shapes.map((_, shape) => shape),
        network,
        id: `${place.name}.${edge.name}@${network}`,
      })),
    ),
  );
}

function targetsOf(places: readonly Place[], stack: string): string[] {
  const stations = stationsOf(places);
  return new AlongCurves(stacks, stations)
    .listenTargets(stations[0]!, 'down', stack)
    .map(({ station, stack: there }) => `${station.id} ${there}`);
}

function offered(places: readonly Place[], offers: Readonly<Record<string, readonly Property[]>>) {
  return textsOf(
    new AlongCurves(stacks, stationsOf(places)).offers(({ piece }) => offers[(piece as Place).name] ?? []),
  );
}

function textsOf(carried: ReturnType<AlongCurves<Named>['offers']>): Record<string, string[]> {
  return Object.fromEntries(
    [...carried].map(([network, list]) => [
      network,
      list.map(({ property }) => propertyText(property)).sort(),
    ]),
  );
}

/** Returns the shortest path to each Shape of a piece along such Curves, by trying all sequences of them. */
function shortestPaths(
  { curves }: Description,
  described: number,
  shape: number,
  passes: (curve: Curve) => boolean,
) {
  type Way = { described: number; shape: number; used: readonly number[]; bends: number; grows: number };
  const best = new Map<string, Way>();
  let front: Way[] = [{ described, shape, used: [], bends: 0, grows: 0 }];
  while (front.length > 0) {
    front = front.flatMap((way) =>
      curves.flatMap((curve, number) => {
        if (!passes(curve)) return [];
        const ends = [
          [curve.fromEdge, curve.fromShape, curve.toEdge, curve.toShape, curve.overhead],
          [curve.toEdge, curve.toShape, curve.fromEdge, curve.fromShape, -curve.overhead],
        ];
        return ends.flatMap(([edge, from, toEdge, to, grows], back) => {
          // A shortest path takes no Curve twice in the same direction.
          if (way.used.includes(2 * number + back)) return [];
          const bends = way.bends + (edge === toEdge ? 0 : 1);
          if (edge !== way.described || from !== way.shape || bends > 1) return [];
          const used = [...way.used, 2 * number + back];
          return [{ described: toEdge!, shape: to!, used, bends, grows: way.grows + grows! }];
        });
      }),
    );
    for (const way of front) {
      const key = `${way.described} ${way.shape}`;
      const other = best.get(key);
      if (other === undefined || (other.used.length === way.used.length && way.grows < other.grows))
        best.set(key, way);
    }
  }
  return [...best.values()];
}

function literalTargets(
  stations: readonly Named[],
  from: Named,
  direction: 'up' | 'down' | 'peer',
): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (exit: Named, way: typeof direction, stack: string): void => {
    if (done.has(`${exit.id} ${way} ${stack}`)) return;
    done.add(`${exit.id} ${way} ${stack}`);
    for (const station of stations) {
      if (station.network !== exit.network || [exit.piece, from.piece].includes(station.piece)) continue;
      for (const shape of station.shapes) {
        const own = station.description.edges[station.described]!.shapes[shape]!;
        if (!opposes(way, own.direction)) continue;
        // All Shapes of a piece have the same stack here, so the stack behind it is what both accept.
        const match = matchStacks(parseStack(stack, protocols), parseStack(own.stack, protocols), protocols);
        if (match.stack === undefined) continue;
        found.add(`${station.id} ${stack}`);
        const both = formatStack(match.stack, protocols);
        for (const lead of shortestPaths(
          station.description,
          station.described,
          shape,
          ({ opaque }) => !opaque,
        )) {
          for (const end of stations) {
            if (end.piece !== station.piece || end === station || end.described !== lead.described) continue;
            visit(end, end.description.edges[end.described]!.shapes[lead.shape]!.direction, both);
          }
        }
      }
    }
  };
  visit(from, direction, 'ip/udp/local:5');
  return [...found];
}

/** In rounds: the offers on each network after so many pieces. */
function literalOffers(stations: readonly Named[], from: Named): Record<string, string[]> {
  const result: Record<string, string[]> = {};
  for (const [name, start] of [
    ['address', undefined],
    ['mtu', 1280],
  ] as const) {
    const known = new Map<string, number | undefined>([[from.network, start]]);
    for (let isNew = true; isNew; ) {
      const next = new Map<string, number | undefined>();
      for (const station of stations) {
        if (!known.has(station.network) || station.piece === from.piece) continue;
        for (const shape of station.shapes) {
          for (const { described, shape: to, grows } of shortestPaths(
            station.description,
            station.described,
            shape,
            ({ keeps }) => keeps.includes(name),
          )) {
            for (const end of stations) {
              if (
                end.piece !== station.piece ||
                end === station ||
                end.described !== described ||
                !end.shapes.includes(to)
              )
                continue;
              if (known.has(end.network)) continue;
              const here = known.get(station.network);
              const value = here === undefined ? undefined : here + grows;
              const other = next.get(end.network);
              next.set(
                end.network,
                other === undefined || value === undefined ? value : Math.min(other, value),
              );
            }
          }
        }
      }
      for (const [network, value] of next) known.set(network, value);
      isNew = next.size > 0;
    }
    known.delete(from.network);
    for (const [network, value] of known) {
      result[network] = [
        ...(result[network] ?? []),
        name === 'mtu' ? `mtu at most ${value}` : 'address fc64::1/64',
      ].sort();
    }
  }
  return result;
}
