import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, sipProxy } from './driver.ts';
import {
  ALICE,
  audio,
  BOB,
  establish,
  fromBob,
  headerOf,
  inDialog,
  only,
  portIn,
  request,
  response,
  rtp,
} from './phones.ts';
import { ACK, RST, StreamPeer } from './stream-peer.ts';

const SETTINGS = { phone: 'bob=[2001:db8::6]:5060', proxy6: '[2001:db8::9]:5060', proxy4: '192.0.2.9:5060' };

let make: BoundComponent;
let before: Driver;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  before = new Driver(make, SETTINGS).start();
});

/** Another instance, at a time of another clock, that takes over. */
function succeed(settings: Record<string, string> = {}): Driver {
  const state = before.save();
  expect(Buffer.from(before.save())).toEqual(Buffer.from(state));
  const after = new Driver(make, { ...SETTINGS, ...settings }, 99n);
  after.now = 50_000_000;
  return after.start(state);
}

describe('a new instance that takes over', () => {
  it('relays the media of a call, and knows its sides when they say more', () => {
    const { answer, invite, port4, port6 } = establish(before);
    const after = succeed();
    expect(after.send('192.0.2.4:6000', rtp(1), port4).sent[0]!.to).toBe('[2001:db8::6]:7000');
    expect(after.send('[2001:db8::6]:7000', rtp(1), port6).sent[0]!.to).toBe('192.0.2.4:6000');
    const again = only(after.send(ALICE, inDialog('INVITE', answer, { body: audio('192.0.2.4', 6200) })));
    expect(portIn(again)).toBe(port6);
    const back = only(after.send(BOB, fromBob('UPDATE', invite, { body: audio('2001:db8::6', 7200) })));
    expect(portIn(back)).toBe(port4);
    // Ports that are in use are given to no other call.
    const other = establish(after, { callId: 'another' });
    expect(other.port6).not.toBe(port6);
  });

  it('knows the response to what the other one sent, and refuses a forged one', () => {
    const invite = only(before.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    const after = succeed();
    const text = response(invite, '200 OK', { body: audio('2001:db8::6', 7000) });
    expect(after.send(BOB, text).sent[0]!.to).toBe(ALICE);
    expect(after.send(BOB, text.replace('z9hG4bKalice1', 'z9hG4bKmallory')).ended).toEqual([
      'stray-response',
    ]);
  });

  it('has forks share a port, times go on, and what has ended stay so', () => {
    const invite = only(before.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) })));
    for (const [tag, address] of [
      ['bob', '2001:db8::6'],
      ['carol', '2001:db8::7'],
    ])
      before.send(BOB, response(invite, '183 Session Progress', { tag: tag!, body: audio(address!, 7000) }));
    const after = succeed();
    for (const from of ['[2001:db8::6]:7000', '[2001:db8::7]:7000'])
      expect(after.send(from, rtp(1), portIn(invite)).sent[0]!.to).toBe('192.0.2.4:6000');
    after.pass(190_000);
    expect(after.send('[2001:db8::7]:7000', rtp(1), portIn(invite)).sent).toHaveLength(1);
    after.pass(12_000);
    expect(after.send('[2001:db8::7]:7000', rtp(1), portIn(invite)).ended).toEqual(['no-call']);
  });

  it('knows who is registered', () => {
    const arrived = only(
      before.send(ALICE, request('REGISTER', { uri: 'sip:example.com', to: '<sip:alice@example.com>' })),
    );
    before.send(
      '[2001:db8::9]:5060',
      response(arrived, '200 OK', { extra: [`Contact: ${headerOf(arrived, 'Contact')};expires=60`] }),
    );
    const after = succeed();
    const call = request('OPTIONS', { uri: 'sip:alice@[2001:db8::1]' });
    expect(after.send(BOB, call).sent[0]!.to).toBe(ALICE);
    after.pass(61_000);
    expect(after.send(BOB, call).sent[0]!.to).toBe('192.0.2.9:5060');
  });

  it('refuses a state that is larger than it may be, and leaves ports alone that it may not use', () => {
    establish(before, { callId: 'c1' });
    establish(before, { callId: 'c2' });
    expect(() => succeed({ calls: '1' })).toThrow('more than this version can');
    const after = succeed({ 'media-ports': '40000-40999' });
    expect(after.send('192.0.2.4:6000', rtp(1), 30_000).ended).toEqual(['no-call']);
    expect(establish(after, { callId: 'c3' }).port6).toBe(40_000);
  });

  it('takes no state that was damaged for a call that leads anywhere else, and never traps', () => {
    const { port4 } = establish(before);
    const state = before.save();
    for (let at = 0; at < state.length; at++) {
      const damaged = Uint8Array.from(state);
      damaged[at]! ^= 0xff;
      const after = new Driver(make, SETTINGS);
      try {
        after.start(damaged);
      } catch (error) {
        expect(String(error)).toMatch(/state/);
        continue;
      }
      after.send('192.0.2.4:6000', rtp(1), port4);
      after.pass(1000);
      after.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000) }));
    }
  });
});

it('a full load of calls is saved and restored', () => {
  before = new Driver(make, { ...SETTINGS, calls: '4000', 'media-ports': '10000-59999' }).start();
  for (let n = 0; n < 4000; n++) establish(before, { callId: `c${n}`, branch: `z9hG4bK${n}` });
  const after = succeed({ calls: '4000', 'media-ports': '10000-59999' });
  // Ports are opened a few at a time, so that no call has too much to do.
  for (let n = 0; n < 5000 && after.pass(0).wakeAt === after.now; n++);
  const ports = [...after.listening.values()].join();
  expect(ports.match(/local:\d+/g)!.length).toBeGreaterThan(4000 * 4);
  expect(after.save().length).toBe(before.save().length);
});

it('has what fits of connections whose peers read nothing, and the calls in any case', () => {
  before = new Driver(make, SETTINGS).startWithStreams();
  const { port4, port6 } = establish(before);
  const slow = Array.from({ length: 150 }, (_, n) => new StreamPeer(before, `192.0.2.77:${40_000 + n}`));
  for (const [n, peer] of slow.entries()) {
    peer.window = 0;
    peer.connect();
    const options = request('OPTIONS', { branch: `z9hG4bKslow${n}` }).replace('SIP/2.0/UDP', 'SIP/2.0/TCP');
    const [sent] = peer.take(peer.send(options.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n')));
    expect(sent!.to).toBe(BOB);
    const long = response(sent!.text, '200 OK', { extra: [`X: ${'x'.repeat(7_500)}`] });
    for (let each = 0; each < 4; each++) before.send(BOB, long);
  }
  const state = before.save();
  expect(state.length).toBeGreaterThan(4_000_000);
  const after = new Driver(make, SETTINGS, 99n);
  after.now = 50_000_000;
  after.startWithStreams(state);
  expect(after.send('192.0.2.4:6000', rtp(1), port4).sent[0]!.from).toBe(`[2001:db8::1]:${port6}`);
  const flagsOf = (peer: StreamPeer): readonly number[] => {
    const later = new StreamPeer(after, peer.endpoint);
    later.sent = peer.sent;
    later.acknowledge();
    return later.flags;
  };
  expect(flagsOf(slow[0]!)).toEqual([]);
  expect(flagsOf(slow.at(-1)!)).toEqual([RST | ACK]);
});

describe('the status', () => {
  it('shows calls and registrations, once a second at most', () => {
    before.send('192.0.2.4:6000', rtp(1), 5060);
    expect(before.statuses.at(-1)).toEqual({
      health: 'good',
      summary: 'relays between the phones of IPv4 and those of IPv6',
      facts: { port: '5060', calls: '0', registrations: '0' },
    });
    const reports = before.statuses.length;
    establish(before);
    expect(before.statuses.length).toBe(reports);
    before.now += 1001;
    before.send('192.0.2.4:6000', rtp(1), 5060);
    expect(before.statuses.at(-1)!.facts).toMatchObject({ calls: '1' });
  });
});
