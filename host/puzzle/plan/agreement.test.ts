import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { arrange } from './arrange.ts';
import type { Place } from './arrangement.ts';
import { propertyText } from './properties.ts';

const protocols = new Protocols();

describe('the properties that Joints settle', () => {
  it('include what either side makes available, for both sides', () => {
    expect(
      settled([
        samplePlace('tcp', { up: ['ip/tcp up available reliable, available ordered'] }, { up: ['lan'] }),
        samplePlace(
          'sip',
          { down: ['ip/tcp/5060 down required reliable, desired framed'] },
          { down: ['lan'] },
        ),
      ]),
    ).toEqual({ 'tcp.up/0': ['ordered', 'reliable'], 'sip.down/0': ['ordered', 'reliable'] });
  });

  it('exclude what one side rejects, with a conflict when the other requires it', () => {
    const rejecting = samplePlace('plain', { down: ['ip/tcp down rejected encrypted'] }, { down: ['lan'] });
    expect(
      settled([samplePlace('tls', { up: ['ip/tcp up available encrypted'] }, { up: ['lan'] }), rejecting]),
    ).toEqual({ 'tls.up/0': [], 'plain.down/0': [] });
    expect(
      mistakesOf([
        samplePlace('tls', { up: ['ip/tcp up available encrypted, required encrypted'] }, { up: ['lan'] }),
        rejecting,
      ]),
    ).toEqual([
      'tls.up: ip/tcp of tls requires encrypted; ip/tcp of plain rejects encrypted; put a piece between them that adds it, or keep them on networks of their own',
    ]);
  });

  it('bound sizes: the lower limit holds, and a desired one where it conflicts with nothing', () => {
    const pair = (a: string, b: string) => [
      samplePlace('a', { e: [`ip up ${a}`] }, { e: ['lan'] }),
      samplePlace('b', { e: [`ip down ${b}`] }, { e: ['lan'] }),
    ];
    const between = (a: string, b: string) => settled(pair(a, b))['a.e/0'];
    expect(between('available size at-most 1500', 'available size at-most 1400')).toEqual([
      'size at most 1400',
    ]);
    expect(between('available size at-most 1500', 'required size at-least 1280')).toEqual([
      'size at most 1500',
    ]);
    expect(between('indifferent size at-most 1500', 'required size at-least 1280')).toEqual([]);
    expect(between('desired size at-most 576', 'available size at-most 1500')).toEqual(['size at most 576']);
    expect(
      between('desired size at-most 576, available size at-most 1500', 'required size at-least 1280'),
    ).toEqual(['size at most 1500']);
    expect(between('available size at-least 1280', 'available size at-least 576')).toEqual([
      'size at least 576',
    ]);
    expect(mistakesOf(pair('available size at-most 1200', 'required size at-least 1280'))).toEqual([
      'b.e: ip of b requires size at least 1280 bytes; ip of a offers size at most 1200 bytes; give a other settings, or keep them on networks of their own',
    ]);
    expect(mistakesOf(pair('required size at-most 1200', 'required size at-least 1280'))).toHaveLength(1);
    expect(mistakesOf(pair('available size at-least 1200', 'required size at-least 1280'))).toHaveLength(1);
    expect(mistakesOf(pair('rejected delay at-least 50', 'available delay at-least 60'))).toHaveLength(1);
    expect(mistakesOf(pair('rejected delay at-least 50', 'available delay at-least 40'))).toEqual([]);
  });

  it('compare a limit from behind a piece only with the wishes of the other side', () => {
    const places = [
      samplePlace('small', { ip: ['ip down available size at-most 1000'] }, { ip: ['lan'] }),
      samplePlace(
        'tunnel',
        { in: ['ip up required size at-least 1280'], out: ['ip down required size at-least 1308'] },
        { in: ['lan'], out: ['wan'] },
        { curves: ['0/0 1/0 +28 keeps size'] },
      ),
      samplePlace('wide', { ip: ['ip up available size at-most 65535'] }, { ip: ['wan'] }),
    ];
    expect(mistakesOf(places)).toEqual([
      'tunnel.in: ip of tunnel requires size at least 1280 bytes; ip of small offers size at most 1000 bytes; give small other settings, or keep them on networks of their own',
    ]);
  });

  it('are explained in one message for all conflicts of several Shapes', () => {
    const picky = 'required reliable, required ordered, required encrypted';
    expect(
      mistakesOf([
        samplePlace('a', { e: [`ip/tcp down ${picky}`, `ip/udp down ${picky}`] }, { e: ['lan'] }),
        samplePlace('b', { e: ['ip up available encrypted, rejected encrypted'] }, { e: ['lan'] }),
      ]),
    ).toEqual([
      'a.e: ip/tcp and ip/udp of a require reliable, ordered and encrypted; ip of b rejects encrypted and offers delivery that may lose and delivery in any order; put a piece between them that adds them, or keep them on networks of their own',
    ]);
  });

  it('are explained where one Shape both requires and rejects what the other has otherwise', () => {
    expect(
      mistakesOf([
        samplePlace(
          'a',
          { e: ['ip/tcp down required reliable, rejected delay at-least 50'] },
          { e: ['lan'] },
        ),
        samplePlace('b', { e: ['ip up available delay at-least 60'] }, { e: ['lan'] }),
      ]),
    ).toEqual([
      'a.e: ip/tcp of a requires reliable and rejects delay at least 50; ip of b offers delivery that may lose and delay at least 60; put a piece between them that adds them, or keep them on networks of their own',
    ]);
  });

  it('do not depend on an optional Edge behind a Curve that keeps nothing', () => {
    const tap = samplePlace(
      'tap',
      { a: ['ip up'], b: ['ip down'], 'copy?': ['ip down'] },
      { a: ['lan'], b: ['wan'], copy: ['cap'] },
      { curves: ['0/0 1/0 keeps reliable', '0/0 2/0', '1/0 2/0'] },
    );
    const places = [
      samplePlace('user', { e: ['ip down required reliable'] }, { e: ['lan'] }),
      tap,
      samplePlace('wire', { e: ['ip up available reliable'] }, { e: ['wan'] }),
      samplePlace('file', { e: ['ip up'] }, { e: ['cap'] }),
    ];
    expect(mistakesOf(places)).toEqual([]);
    expect(settled(places)['file.e/0']).toEqual([]);
  });

  it('compare texts literally', () => {
    const pair = (wish: string) => [
      samplePlace('a', { e: ['ip up available identity alice, available identity bob'] }, { e: ['lan'] }),
      samplePlace('b', { e: [`ip down ${wish}`] }, { e: ['lan'] }),
    ];
    expect(settled(pair('required identity bob'))['b.e/0']).toEqual(['identity alice', 'identity bob']);
    expect(mistakesOf(pair('required identity eve'))).toHaveLength(1);
    expect(settled(pair('rejected identity bob'))['b.e/0']).toEqual(['identity alice']);
  });

  it('spread along Curves that keep them, with sizes less what the Curves add', () => {
    const tunnel = samplePlace(
      'tunnel',
      { in: ['ipv6 up'], out: ['ipv4/udp down'] },
      { in: ['lan'], out: ['wan'] },
      { curves: ['0/0 1/0 +28 keeps size,low-delay'] },
    );
    const places = [
      samplePlace('top', { ip: ['ipv6 down required size at-least 1280'] }, { ip: ['lan'] }),
      tunnel,
      samplePlace(
        'socket',
        { udp: ['ip/udp up available size at-most 1500, available low-delay, available encrypted'] },
        { udp: ['wan'] },
      ),
    ];
    expect(settled(places)).toEqual({
      'top.ip/0': ['low-delay', 'size at most 1472'],
      'tunnel.in/0': ['low-delay', 'size at most 1472'],
      'tunnel.out/0': ['encrypted', 'low-delay', 'size at most 1500'],
      'socket.udp/0': ['encrypted', 'low-delay', 'size at most 1500'],
    });
    // In the other direction the overhead is subtracted: a limit above the piece is larger below it.
    const limited = samplePlace('top', { ip: ['ipv6 down available size at-most 1000'] }, { ip: ['lan'] });
    expect(settled([limited, ...places.slice(1)])['socket.udp/0']).toContain('size at most 1028');
  });

  it('hold behind a piece only where they hold on each path to it', () => {
    const fork = samplePlace(
      'fork',
      { top: ['ip up'], left: ['ipv4 down'], right: ['ipv6 down'] },
      { top: ['a'], left: ['b'], right: ['c'] },
      { curves: ['0/0 1/0 keeps reliable,ordered,size', '0/0 2/0 keeps reliable,size'] },
    );
    const end = (name: string, stack: string, direction: string, network: string, wishes: string) =>
      samplePlace(name, { e: [`${stack} ${direction} ${wishes}`] }, { e: [network] });
    const places = [
      end('user', 'ip', 'down', 'a', 'indifferent reliable'),
      fork,
      end('one', 'ipv4', 'up', 'b', 'available reliable, available ordered, available size at-most 900'),
      end('two', 'ipv6', 'up', 'c', 'available reliable, available ordered, available size at-most 700'),
    ];
    expect(settled(places)['user.e/0']).toEqual(['reliable', 'size at most 700']);
    const worse = end('two', 'ipv6', 'up', 'c', 'available size at-most 700');
    expect(settled([...places.slice(0, 3), worse])['user.e/0']).toEqual(['size at most 700']);
  });

  it('hold at an Edge of a repeated one where they hold at all the others', () => {
    const hub = (networks: string[]) =>
      samplePlace(
        'hub',
        { 'net*': ['ip up', 'ip down'] },
        { net: networks },
        {
          curves: ['0/0 0/1 keeps reliable', '0/0 0/0 keeps reliable', '0/1 0/1 keeps reliable'],
        },
      );
    const places = [
      samplePlace('a', { e: ['ip down'] }, { e: ['a'] }),
      samplePlace('b', { e: ['ip up available reliable'] }, { e: ['b'] }),
      hub(['a', 'b']),
    ];
    expect(settled(places)['a.e/0']).toEqual(['reliable']);
    const unreliable = samplePlace('c', { e: ['ip up'] }, { e: ['c'] });
    expect(settled([...places.slice(0, 2), hub(['a', 'b', 'c']), unreliable])['a.e/0']).toEqual([]);
  });

  it('end on a loop of pieces, where a limit would shrink for ever', () => {
    const wrap = (name: string, from: string, to: string) =>
      samplePlace(
        name,
        { a: ['ip up'], b: ['ip down'] },
        { a: [from], b: [to] },
        {
          curves: ['0/0 1/0 +1 keeps size'],
        },
      );
    const limit = 2n ** 32n;
    const places = [
      wrap('x', 'one', 'two'),
      wrap('y', 'two', 'one'),
      samplePlace('z', { e: [`ip up available size at-most ${limit}`] }, { e: ['one'] }),
    ];
    expect(arrange(protocols, places, new Map([['one', { copies: true }]])).mistakes).toEqual([]);
  });

  it('are explained where they conflict, with a piece that would solve it', () => {
    const sip = samplePlace(
      'sip',
      { carrier: ['tcp/5060 down required framed, required reliable'] },
      { carrier: ['lan'] },
    );
    const tcp = samplePlace('tcp', { up: ['tcp up available reliable'] }, { up: ['lan'] });
    const known = [
      samplePlace(
        'frame-sequence',
        { up: ['tcp up available framed'], down: ['tcp down'] },
        {},
        {
          curves: ['0/0 1/0 +4 keeps reliable,ordered'],
        },
      ),
      samplePlace(
        'lossy-frames',
        { up: ['tcp up available framed'], down: ['tcp down'] },
        {},
        { curves: ['0/0 1/0'] },
      ),
      samplePlace(
        'udp-frames',
        { up: ['udp up available framed'], down: ['tcp down'] },
        {},
        {
          curves: ['0/0 1/0 keeps reliable'],
        },
      ),
    ].map(({ description }) => description);
    const { mistakes } = arrange(protocols, [sip, tcp], new Map(), known);
    expect(mistakes).toEqual([
      {
        code: 'FT_PROPERTY_CONFLICT',
        piece: 'sip',
        edge: 'carrier',
        network: 'lan',
        message:
          'tcp/5060 of sip requires framed; tcp of tcp offers a stream; a frame-sequence piece between them would solve it',
      },
    ]);
    // The proposed piece does resolve it.
    const between = { ...samplePlace('f', {}), description: known[0]! };
    expect(
      mistakesOf([
        sip,
        {
          ...between,
          edges: new Map([
            ['up', ['lan']],
            ['down', ['wan']],
          ]),
        },
        { ...tcp, edges: new Map([['up', ['wan']]]) },
      ]),
    ).toEqual([]);
  });

  it('do not depend on the order of joining', () => {
    const names = ['reliable', 'ordered', 'framed', 'size'];
    const wish = fc
      .tuple(
        fc.constantFrom('available', 'required', 'desired', 'indifferent', 'rejected'),
        fc.constantFrom(...names),
        fc.constantFrom('at-most', 'at-least'),
        fc.integer({ min: 1, max: 9 }),
      )
      .map(([kind, name, tag, n]) =>
        name === 'size' ? `${kind} size ${tag} ${n * 100}` : `${kind} ${name}`,
      );
    const shape = fc
      .tuple(fc.constantFrom('up', 'down'), fc.array(wish, { maxLength: 3 }))
      .map(([direction, wishes]) => `ip ${direction}${wishes.length > 0 ? ` ${wishes.join(', ')}` : ''}`);
    const piece = fc.tuple(
      fc.array(fc.tuple(shape, fc.constantFrom('a', 'b', 'c')), { minLength: 2, maxLength: 2 }),
      fc.subarray(names),
      fc.integer({ min: -20, max: 40 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 2, maxLength: 7 }).chain((drawn) => {
          const places = drawn.map(([edges, keeps, overhead], n) =>
            samplePlace(
              `p${n}`,
              Object.fromEntries(edges.map(([each], m) => [`e${m}`, [each]])),
              Object.fromEntries(edges.map(([, network], m) => [`e${m}`, [network]])),
              {
                curves: [
                  `0/0 1/0 ${overhead < 0 ? '' : '+'}${overhead}${keeps.length > 0 ? ` keeps ${keeps}` : ''}`,
                ],
              },
            ),
          );
          return fc.tuple(fc.constant(places), fc.shuffledSubarray(places, { minLength: places.length }));
        }),
        ([places, shuffled]) => {
          expect(settled(shuffled)).toEqual(settled(places));
          expect(mistakesOf(shuffled).sort()).toEqual(mistakesOf(places).sort());
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Returns the reported properties of each joined Shape. */
function settled(places: readonly Place[]): Record<string, readonly string[]> {
  const reported: [string, readonly string[]][] = [];
  for (const { members } of arrange(protocols, places, new Map()).joints) {
    for (const { placeIndex: place, described, shapes, properties } of members) {
      const { name, description } = places[place]!;
      const edge = `${name}.${description.edges[described]!.name}`;
      for (const [n, shape] of shapes.entries())
        reported.push([`${edge}/${shape}`, properties[n]!.map(propertyText)]);
    }
  }
  return Object.fromEntries(reported);
}

function mistakesOf(places: readonly Place[]): string[] {
  return arrange(protocols, places, new Map())
    .mistakes.filter(({ code }) => code === 'FT_PROPERTY_CONFLICT')
    .map(({ piece, edge, message }) => `${piece}.${edge}: ${message}`);
}
