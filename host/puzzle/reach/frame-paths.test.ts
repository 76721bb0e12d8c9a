import { describe, expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { arrange } from '../plan/arrange.ts';
import type { Place } from '../plan/arrangement.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { framePathsThrough, type Hop } from './frame-paths.ts';

const protocols = new Protocols();

describe('the paths of frames', () => {
  const tunnel = (name: string, from: string, to: string) =>
    samplePlace(
      name,
      { in: ['ipv6 up'], out: ['ipv4/udp/*/ipv6 down'] },
      { in: [from], out: [to] },
      {
        curves: ['0/0 1/0 +28'],
      },
    );
  const web = samplePlace('web', { tcp: ['ipv4/udp/*/ipv6/tcp/80 up'] }, { tcp: ['wan'] });
  const system = samplePlace('system', { ip: ['ip down'] }, { ip: ['lan'] });

  it('spread wanted stacks from behind a piece to the front of it', () => {
    const { joints } = pathsOf([system, tunnel('six', 'lan', 'wan'), web]);
    expect(joints).toEqual([
      {
        name: 'lan',
        travelling: [
          { direction: 'up', here: ['ip'], later: [] },
          { direction: 'down', here: ['ipv6'], later: ['ipv6/tcp/80'] },
        ],
      },
      {
        name: 'wan',
        travelling: [
          { direction: 'up', here: ['ipv4/udp/*/ipv6'], later: [] },
          { direction: 'down', here: ['ipv4/udp/*/ipv6/tcp/80'], later: [] },
        ],
      },
    ]);
  });

  it('lead from one Edge of a repeated one to the others, and keep what is known of a frame', () => {
    const hub = samplePlace(
      'hub',
      { 'net*': ['ip up', 'ip down'] },
      { net: ['lan', 'two', 'three'] },
      { curves: ['0/0 0/0', '0/0 0/1', '0/1 0/1'] },
    );
    const end = (name: string, stack: string, network: string) =>
      samplePlace(name, { e: [`${stack} up`] }, { e: [network] });
    const phone = samplePlace('phone', { e: ['ipv4/udp/5060 down'] }, { e: ['lan'] });
    const { entrances } = pathsOf([phone, hub, end('net', 'ip/udp', 'two'), end('other', 'ip', 'three')]);
    const [first] = entrances.find(({ piece }) => piece === 'phone')!.hops;
    expect(
      first!.onward.flatMap(({ hops }) =>
        hops.map(({ network, piece, stack }) => `${network} ${piece} ${stack}`),
      ),
    ).toEqual(['two net ipv4/udp/5060', 'three other ipv4/udp/5060']);
  });

  it('spread wanted stacks over any number of Joints, and not through opaque Curves', () => {
    const relay = (name: string, from: string, to: string, opaque = '') =>
      samplePlace(
        name,
        { a: ['ip up'], b: ['ip down'] },
        { a: [from], b: [to] },
        { curves: [`0/0 1/0${opaque}`] },
      );
    const mail = samplePlace('mail', { tcp: ['ip/tcp/25 up'] }, { tcp: ['four'] });
    const places = (opaque: string) => [
      samplePlace('system', { ip: ['ip down'] }, { ip: ['one'] }),
      relay('x', 'one', 'two'),
      relay('y', 'two', 'three', opaque),
      relay('z', 'three', 'four'),
      mail,
    ];
    const laterOn = (opaque: string) =>
      pathsOf(places(opaque)).joints.map(
        ({ travelling }) => travelling.find(({ direction }) => direction === 'down')!.later,
      );
    expect(laterOn('')).toEqual([['ip/tcp/25'], ['ip/tcp/25'], ['ip/tcp/25'], []]);
    expect(laterOn(' opaque')).toEqual([[], [], ['ip/tcp/25'], []]);
  });

  it('end on a loop of pieces that wrap', () => {
    const places = [
      samplePlace(
        'x',
        { in: ['ip up'], out: ['ipv4/udp/9/ipv4 down'] },
        { in: ['a'], out: ['b'] },
        { curves: ['0/0 1/0'] },
      ),
      samplePlace(
        'y',
        { in: ['ip up'], out: ['ipv4/udp/9/ipv4 down'] },
        { in: ['b'], out: ['a'] },
        { curves: ['0/0 1/0'] },
      ),
      samplePlace('z', { e: ['ip down'] }, { e: ['a'] }),
    ];
    expect(pathsOf(places).joints).toHaveLength(2);
    expect(pathsOf(places).entrances.map(({ piece }) => piece)).toEqual(['z']);
  });

  it('take one Curve in a piece, both ways, and Hairpins besides', () => {
    const three = (curves: string[]) => [
      samplePlace(
        'p',
        { a: ['ip up'], b: ['ip up'], c: ['ip up'] },
        { a: ['a'], b: ['b'], c: ['c'] },
        { curves },
      ),
      ...['a', 'b', 'c'].map((name) => samplePlace(name, { ip: ['ip down'] }, { ip: [name] })),
    ];
    const from = (curves: string[], piece: string) => {
      const entrance = pathsOf(three(curves)).entrances.find((each) => each.piece === piece)!;
      return entrance.hops[0]!.onward.map(({ edge, isHairpin }) => `${edge}${isHairpin ? ' hairpin' : ''}`);
    };
    expect(from(['0/0 1/0', '1/0 2/0'], 'a')).toEqual(['b']);
    expect(from(['0/0 1/0', '1/0 2/0'], 'b')).toEqual(['a', 'c']);
    expect(from(['0/0 1/0', '1/0 2/0', '0/0 0/0'], 'a')).toEqual(['b', 'a hairpin']);
  });

  it('report N and M at each Edge', () => {
    const wire = samplePlace('wire', { link: ['ethernet down'] }, { link: ['lan'] });
    const dns = samplePlace('dns', { udp: ['udp/53 up'] }, { udp: ['lan'] });
    const [hop] = pathsOf([wire, dns]).entrances.find(({ piece }) => piece === 'wire')!.hops;
    expect(hop).toMatchObject({ stack: 'ethernet/ip/udp/53', skipHeaders: [2], skipTrailers: 1 });
    const ip = samplePlace(
      'ip',
      { a: ['ip up'], b: ['ip down'] },
      { a: ['lan'], b: ['wan'] },
      { curves: ['0/0 1/0'] },
    );
    const http = samplePlace('http', { tcp: ['ip/tcp/80 up'] }, { tcp: ['wan'] });
    const [first] = pathsOf([wire, ip, http]).entrances.find(({ piece }) => piece === 'wire')!.hops;
    expect(first).toMatchObject({ skipHeaders: [1], skipTrailers: 0 });
    const next: Hop = first!.onward[0]!.hops[0]!;
    expect(next).toMatchObject({ piece: 'http', stack: 'ip/tcp/80', skipHeaders: [0, 1] });
  });
});

function pathsOf(places: readonly Place[]) {
  const networks = new Map([
    ['lan', { copies: true }],
    ['a', { copies: true }],
  ]);
  return framePathsThrough(protocols, places, arrange(protocols, places, networks).joints);
}
