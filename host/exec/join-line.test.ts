import { describe, expect, it } from 'vitest';
import { nativePieces } from '../endpoint/catalogue.ts';
import { describePiece, PieceRegistry } from '../policy/pieces/piece-registry.ts';
import { parseEndpointUrl } from './endpoint-url.ts';
import { joinConfiguration } from './join-line.ts';

const registry = new PieceRegistry();
const join = (urls: readonly string[], through: readonly string[] = []) =>
  joinConfiguration(urls, through, (reference) => describePiece(registry, reference, '.'));

/** Pieces with their Edges, in the order of the line. */
async function line(urls: readonly string[], through?: readonly string[]): Promise<string[]> {
  const { pieces } = await join(urls, through);
  return Object.entries(pieces).map(([name, { edges = {} }]) => `${name} ${JSON.stringify(edges)}`);
}

describe('the URL of an endpoint', () => {
  it.each([
    ['tun:', {}],
    [
      'tun://fun0?mode=ethernet&address=192.0.2.1/24&address=2001:db8::1/64',
      {
        device: 'fun0',
        mode: 'ethernet',
        address: ['192.0.2.1/24', '2001:db8::1/64'],
      },
    ],
    ['udp://0.0.0.0:25790', { family: 'ipv4', port: '25790' }],
    ['udp://[::]:53', { family: 'ipv6', port: '53' }],
    ['udp://:53', { port: '53' }],
    ['tcp://[2001:db8::1]:80?connect', { remote: '[2001:db8::1]:80' }],
    ['raw://192.0.2.1/41', { address: '192.0.2.1', protocol: '41' }],
    ['unix:@name', { listen: '@name' }],
    ['packet://eth0?promiscuous=true', { device: 'eth0', promiscuous: 'true' }],
    ['packet:wg0?mode=ip', { device: 'wg0', mode: 'ip' }],
    ['unix-datagram:/dev/log?connect', { connect: '/dev/log' }],
    ['unix-datagram:?inherit=systemd', { inherit: 'systemd' }],
    ['unix:/a%20b?connect&patience=5s', { connect: '/a b', patience: '5s' }],
    ['process:sort?command=-n&command=a%26b', { command: ['sort', '-n', 'a&b'] }],
    ['socks5://me:pass%40word@[::1]:1080', { user: 'me:pass@word', address: '::1', port: '1080' }],
  ])('%s has these settings', (url, settings) => {
    expect(parseEndpointUrl(url).settings).toEqual(settings);
  });

  it.each([
    ['', /does not begin with an endpoint/],
    ['fun0', /does not begin with an endpoint/],
    ['tub://fun0', /do you mean tun\?/],
    ['udp://2001:db8::1:53', /not HOST:PORT/],
    ['udp:53', /udp has no path \(here 53\)/],
    ['stdio://here', /stdio has no host/],
    ['uplink:?mtu', /mtu has no value; write mtu=VALUE/],
    ['uplink:?=4', /a setting has no name/],
    ['uplink:?mtu=%zz', /%25/],
    ['tun://fun0?device=fun1', /gives device twice/],
  ])('%s is refused with a remedy', (url, message) => {
    expect(() => parseEndpointUrl(url)).toThrow(
      expect.objectContaining({ code: 'FT_JOIN_URL', message: expect.stringMatching(message) }),
    );
  });

  it('whatever it is, has a reading or a code', () => {
    for (const name of nativePieces.keys())
      for (const rest of ['', '//', '//@', '//:', '//[', '//a:b', '?', '?a', '?a=%', '/%2', '//h/p?x=y'])
        try {
          expect(parseEndpointUrl(name + rest).piece).toBe(name);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FT_JOIN_URL' });
        }
  });
});

describe('a line', () => {
  it('leads from the endpoint that is carried to the one that carries, in either order', async () => {
    const there = await line(['tun:', 'udp:'], ['6bed4?router=192.0.2.1', 'tap']).catch(
      (error: unknown) => error,
    );
    // A tap's third Edge is optional, so it has a place on a line.
    expect(there).toEqual([
      'tun {"ip":"line-0"}',
      'piece-6bed4 {"ipv6":"line-0","carrier":"line-1"}',
      'tap {"a":"line-1","b":"line-2"}',
      'udp {"udp":"line-2"}',
    ]);
    expect(await line(['udp:', 'tun:'], ['tap', '6bed4?router=192.0.2.1'])).toEqual(there);
  });

  it('has a hub between two endpoints of one direction', async () => {
    expect(await line(['tcp://:1', 'unix:/a?connect'])).toEqual([
      'tcp {"tcp":"line-0"}',
      'hub {"net":["line-0","line-1"]}',
      'unix {"tcp":"line-1"}',
    ]);
    expect(await line(['tun:', 'tun:'], ['tap'])).toEqual([
      'tun {"ip":"line-0"}',
      'tap {"a":"line-0","b":"line-1"}',
      'hub {"net":["line-1","line-2"]}',
      'tun-3 {"ip":"line-2"}',
    ]);
  });

  it('takes further endpoints beside the second', async () => {
    expect(await line(['socks5:', 'tcp:', 'udp:'])).toEqual([
      'socks5 {"tcp":"line-0","udp":"line-0"}',
      'tcp {"tcp":"line-0"}',
      'udp {"udp":"line-0"}',
    ]);
    expect(await line(['tcp:', 'socks5:'])).toEqual([
      'socks5 {"tcp":"line-0","udp":[]}',
      'tcp {"tcp":"line-0"}',
    ]);
  });

  it('needs two endpoints, and those beside each other in one direction', async () => {
    await expect(join(['tun:'])).rejects.toMatchObject({ code: 'FT_JOIN_ENDS' });
    await expect(join(['tun:', 'tun:', 'udp:'])).rejects.toMatchObject({ code: 'FT_JOIN_ENDS' });
    await expect(join(['tun:', 'udp:'], ['nothing'])).rejects.toMatchObject({ code: 'FT_PIECE_UNKNOWN' });
  });
});
