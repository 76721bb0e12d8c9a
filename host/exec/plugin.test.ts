import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { connecting, listening, PluginError } from './plugin-ends.ts';
import { PtRefusal, ptEnds, ptFailed, ptReady, ptWish } from './plugin-pt.ts';
import { sip003Ends, sip003Options, sip003Wish } from './plugin-sip003.ts';

const SIP003 = {
  SS_REMOTE_HOST: '192.0.2.1',
  SS_REMOTE_PORT: '8388',
  SS_LOCAL_HOST: '127.0.0.1',
  SS_LOCAL_PORT: '40001',
};

describe('SIP003', () => {
  it('listens for the local program as a client, and for clients as a server', () => {
    const client = sip003Wish(SIP003);
    expect(sip003Ends(client, '192.0.2.1')).toEqual({
      application: listening('127.0.0.1', 40_001),
      peer: connecting('192.0.2.1', 8388),
    });
    const server = sip003Wish({ ...SIP003, SS_PLUGIN_OPTIONS: 'server;config=x.yaml' });
    expect(server.options.get('config')).toBe('x.yaml');
    expect(sip003Ends(server, '127.0.0.1')).toEqual({
      application: connecting('127.0.0.1', 40_001),
      peer: listening('192.0.2.1', 8388),
    });
    const everywhere = sip003Wish({ ...SIP003, SS_REMOTE_HOST: '::0|0.0.0.0', SS_PLUGIN_OPTIONS: 'server' });
    expect(everywhere.listen).toEqual({ host: '::0', port: 8388 });
  });

  it('reads options as they were written, whatever characters they have', () => {
    expect([...sip003Options('server;a=b=c;;x\\;y=1\\\\')]).toEqual([
      ['server', ''],
      ['a', 'b=c'],
      ['x;y', '1\\'],
    ]);
    const text = fc.string({ unit: fc.constantFrom('a', ';', '=', '\\', 'é') });
    const named = fc.uniqueArray(fc.tuple(text.filter(Boolean), text), { selector: ([name]) => name });
    const escaped = (each: string): string => each.replaceAll(/[;=\\]/g, '\\$&');
    fc.assert(
      fc.property(named, (options) => {
        const written = options.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join(';');
        expect([...sip003Options(written)]).toEqual(options);
      }),
    );
  });

  it.each([
    [{}, 'Shadowsocks starts this plugin'],
    [{ ...SIP003, SS_REMOTE_PORT: '70000' }, 'SS_REMOTE_PORT is "70000", and no port'],
    [{ ...SIP003, SS_LOCAL_PORT: undefined }, 'SS_LOCAL_PORT is undefined, and no port'],
  ])('refuses an environment that is none: %#', (environment, why) => {
    expect(() => sip003Wish(environment)).toThrow(why);
    expect(() => sip003Wish(environment)).toThrow(PluginError);
  });
});

describe('pluggable transports', () => {
  const client = { TOR_PT_MANAGED_TRANSPORT_VER: '1', TOR_PT_CLIENT_TRANSPORTS: 'obfs4,funnel' };
  const server = {
    TOR_PT_MANAGED_TRANSPORT_VER: '1,2',
    TOR_PT_SERVER_TRANSPORTS: 'funnel',
    TOR_PT_SERVER_BINDADDR: 'funnel_two-192.0.2.9:1,funnel-[2001:db8::1]:443',
    TOR_PT_ORPORT: '127.0.0.1:9001',
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
  };

  it('is a SOCKS server for the client', () => {
    const wish = ptWish(client, 'funnel');
    expect(wish).toEqual({ isServer: false, isWanted: true, endsWithInput: false });
    expect(ptEnds(wish).application).toEqual({
      piece: 'socks5',
      settings: { address: '127.0.0.1', port: 0 },
    });
    expect(ptReady(wish, 'funnel', 4321)).toEqual(['CMETHOD funnel socks5 127.0.0.1:4321', 'CMETHODS DONE']);
    expect(ptFailed(wish, 'funnel', 'no\nway')).toEqual(['CMETHOD-ERROR funnel no way', 'CMETHODS DONE']);
    expect(ptReady(ptWish(client, 'meek'), 'meek', 0)).toEqual(['CMETHODS DONE']);
  });

  it('listens where the server wants it, or where the system chooses', () => {
    const wish = ptWish(server, 'funnel');
    expect(wish).toEqual({
      isServer: true,
      isWanted: true,
      endsWithInput: true,
      bind: { host: '2001:db8::1', port: 443 },
      onion: { host: '127.0.0.1', port: 9001 },
    });
    expect(ptEnds(wish)).toEqual({
      application: connecting('127.0.0.1', 9001),
      peer: listening('2001:db8::1', 443),
    });
    expect(ptReady(wish, 'funnel', 443)).toEqual(['SMETHOD funnel [2001:db8::1]:443', 'SMETHODS DONE']);
    const free = ptWish({ ...server, TOR_PT_SERVER_BINDADDR: undefined }, 'funnel');
    expect(free).toMatchObject({ bind: { host: '0.0.0.0', port: 0 } });
  });

  test.each([
    [{}, /^ENV-ERROR TOR_PT_MANAGED_TRANSPORT_VER is not set/],
    [{ ...client, TOR_PT_MANAGED_TRANSPORT_VER: '2' }, /^VERSION-ERROR no-version$/],
    [{ ...client, ...server }, /^ENV-ERROR exactly one/],
    [{ ...client, TOR_PT_PROXY: 'socks5://127.0.0.1:1' }, /^PROXY-ERROR /],
    [{ ...server, TOR_PT_ORPORT: undefined }, /^ENV-ERROR TOR_PT_ORPORT is not set/],
    [{ ...server, TOR_PT_ORPORT: '9001' }, /^ENV-ERROR TOR_PT_ORPORT is "9001", not ADDRESS:PORT/],
    [{ ...server, TOR_PT_ORPORT: 'name:9001' }, /^ENV-ERROR TOR_PT_ORPORT is "name:9001"/],
    [{ ...server, TOR_PT_SERVER_BINDADDR: 'funnel-x' }, /^ENV-ERROR TOR_PT_SERVER_BINDADDR/],
  ])('report to Tor what is wrong with its wishes: %#', (environment, line) => {
    let refused: unknown;
    try {
      ptWish(environment, 'funnel');
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(PtRefusal);
    expect((refused as PtRefusal).line).toMatch(line);
  });
});
