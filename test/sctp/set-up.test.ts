import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { causeOf, parameter, parameterOf, ScriptedPeer } from './scripted-peer.ts';
import { TwoEnds } from './two-ends.ts';
import { be32, C, CHUNK, chunk, encode, read16, read32, seal } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

const types = (chunks: readonly { type: number }[]) => chunks.map(({ type }) => type);

describe('an INIT', () => {
  test('is answered to where it came from, with its tag, a new tag, a cookie, and nothing kept', () => {
    const peer = new ScriptedPeer(make, { associations: '1' });
    peer.from = { ...peer.from, udp: 40_000 };
    const before = peer.rig.piece.save(peer.rig.now);
    const answer = peer.sendTagged(0, peer.init());
    expect(answer.to).toEqual([peer.from]);
    expect(answer.reasons).toEqual(['handshake']);
    expect(answer.packets).toHaveLength(1);
    expect(answer.packets[0]).toMatchObject({ sourcePort: 5001, destinationPort: 7, tag: peer.ownTag });
    expect(types(answer.chunks)).toEqual([CHUNK.INIT_ACK]);
    const [initAck] = answer.chunks;
    expect(read32(initAck!.value, 0)).not.toBe(0);
    expect(read32(initAck!.value, 4)).toBeGreaterThanOrEqual(1500);
    expect(read16(initAck!.value, 8)).toBeGreaterThan(0);
    expect(read16(initAck!.value, 10)).toBeGreaterThan(0);
    expect(parameterOf(initAck!, 7)!.length).toBeGreaterThan(32);
    expect(parameterOf(initAck!, 11)).toBeUndefined();
    expect(peer.rig.piece.save(peer.rig.now)).toEqual(before);
    expect(peer.wakeAt).toBe(Infinity);
  });

  test('in a flood costs no association: the one that there may be is still to be had', () => {
    const peer = new ScriptedPeer(make, { associations: '1' });
    for (let n = 0; n < 2000; n++) peer.sendTagged(0, peer.init({ tag: n + 1 }));
    peer.open();
    expect(peer.isAlive).toBe(true);
  });

  test.each<[string, Parameters<ScriptedPeer['init']>[0], number | undefined]>([
    ['tag 0', { tag: 0 }, undefined],
    ['no outbound streams', { outStreams: 0 }, CHUNK.ABORT],
    ['no inbound streams', { inStreams: 0 }, CHUNK.ABORT],
    ['a window below 1500', { window: 1499 }, CHUNK.ABORT],
    ['a host name', { parameters: parameter(11, [0x61, 0]) }, CHUNK.ABORT],
    ['a parameter that goes beyond its end', { parameters: [0, 5, 0, 9, 1, 2, 3, 4] }, undefined],
    ['a parameter without a length', { parameters: [0xc0, 0, 0, 0] }, undefined],
    ['an address of the wrong length', { parameters: parameter(5, [1, 2]) }, undefined],
  ])('with %s leads to no association, and changes none', (_, fields, answer) => {
    const peer = new ScriptedPeer(make).open();
    const { chunks, packets, reasons } = peer.sendTagged(0, peer.init(fields));
    expect(types(chunks)).toEqual(answer === undefined ? [] : [answer]);
    if (answer !== undefined) expect(packets[0]!.tag).toBe(peer.ownTag);
    expect(chunks.every(({ flags }) => flags === 0)).toBe(true);
    expect(reasons).toEqual(['bad-parameter']);
    expect(peer.isAlive).toBe(true);
  });

  test('that ends with a parameter which is only a header is good', () => {
    const peer = new ScriptedPeer(make);
    peer.open({ parameters: [0xc0, 0, 0, 4] });
    expect(peer.isAlive).toBe(true);
  });

  test('with padding that is not zero is read without it, and so is any chunk', () => {
    const peer = new ScriptedPeer(make);
    const { sourcePort, destinationPort } = peer;
    // A parameter of 5 bytes with 3 bytes of padding, and the Forward-TSN-Supported parameter behind it.
    const parameters = [...parameter(0x8123, [1]), ...parameter(0xc000)];
    parameters.fill(0xee, 5, 8);
    peer.open({ parameters });
    const padded = encode({ sourcePort, destinationPort, tag: peer.tag, chunks: [peer.data({ tsn: 1000 })] });
    const message = Uint8Array.of(1, 2, 3);
    expect(padded.slice(-4)).toEqual(Uint8Array.of(...message, 0));
    padded[padded.length - 1] = 0xee;
    expect(peer.sendBytes(seal(padded)).messages.map(({ bytes }) => bytes)).toEqual([message]);
    // The peer announced the extension behind the padding, so this is no unknown chunk.
    const skip = peer.send(chunk(CHUNK.FORWARD_TSN, be32(1001)));
    expect(skip.reasons).toEqual(['control']);
  });

  test('with a tag, or beside another chunk, is dropped', () => {
    const peer = new ScriptedPeer(make);
    expect(peer.sendTagged(1, peer.init())).toMatchObject({ chunks: [], reasons: ['bad-tag'] });
    expect(peer.sendTagged(0, peer.init(), chunk(CHUNK.COOKIE_ACK))).toMatchObject({
      chunks: [],
      reasons: ['bad-chunk'],
    });
    expect(peer.sendTagged(0, chunk(CHUNK.COOKIE_ACK), peer.init())).toMatchObject({
      chunks: [],
      reasons: ['out-of-the-blue'],
    });
  });

  test('to a port without a listener is refused with its tag; a neighbour that listens opens the port', () => {
    const peer = new ScriptedPeer(make);
    peer.destinationPort = 2905;
    const { chunks, packets, reasons } = peer.sendTagged(0, peer.init());
    expect(chunks).toEqual([chunk(CHUNK.ABORT)]);
    expect(packets[0]!.tag).toBe(peer.ownTag);
    expect(reasons).toEqual(['not-listening']);
    expect(peer.rig.piece.listening(5, 'ip/sctp/local:{2904,2905}/sctp-data/m3ua', true)).toBeUndefined();
    expect(types(peer.sendTagged(0, peer.init()).chunks)).toEqual([CHUNK.INIT_ACK]);
    expect(peer.rig.piece.listening(5, 'ip/sctp/local:{2904,2905}/sctp-data/m3ua', false)).toBeUndefined();
    expect(types(peer.sendTagged(0, peer.init()).chunks)).toEqual([CHUNK.ABORT]);
  });

  test('has unknown parameters reported, passed over, or made an end of, as their types say', () => {
    const peer = new ScriptedPeer(make);
    const skipped = parameter(0x8123, [1]);
    const reported = parameter(0xc123, [2, 3]);
    const stopped = parameter(0x4123, [4]);
    const after = parameter(0xc124, [5]);
    const { initAck } = peer.ask({ parameters: [...skipped, ...reported, ...stopped, ...after] });
    const { value } = initAck;
    const found: number[][] = [];
    for (let at = 16; at < value.length; at += (read16(value, at + 2) + 3) & ~3)
      if (read16(value, at) === 8) found.push([...value.slice(at + 4, at + read16(value, at + 2))]);
    expect(found).toEqual([reported, stopped]);
  });

  test('that comes again late leaves the association unchanged, and gets an INIT ACK with another tag', () => {
    const peer = new ScriptedPeer(make).open();
    peer.send(peer.data());
    const { tag } = peer.ask({ tsn: 1000 });
    expect(tag).not.toBe(peer.tag);
    expect(peer.isAlive).toBe(true);
    expect(peer.send(peer.data({ ssn: 1 })).messages).toHaveLength(1);
  });

  test('of a running association that adds an address is refused with a cause, and changes nothing', () => {
    const peer = new ScriptedPeer(make).open();
    const { chunks, packets } = peer.sendTagged(
      0,
      peer.init({ tag: 77, parameters: parameter(5, [192, 0, 2, 77]) }),
    );
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(packets[0]!.tag).toBe(77);
    expect(causeOf(chunks[0]!)!.code).toBe(11);
    expect(peer.isAlive).toBe(true);
  });

  test('from another address that names one of an association belongs to that, and adds to it', () => {
    const peer = new ScriptedPeer(make).open();
    const { from } = peer;
    peer.from = C;
    const { chunks, to } = peer.sendTagged(0, peer.init({ tag: 78, parameters: parameter(5, from.address) }));
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(causeOf(chunks[0]!)!.code).toBe(11);
    expect(to).toEqual([C]);
    peer.from = from;
    expect(peer.isAlive).toBe(true);
  });
});

describe('a COOKIE ECHO', () => {
  test('with any bit changed is dropped', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask();
    peer.tag = tag;
    for (let bit = 0; bit < cookie.length * 8; bit++) {
      const forged = cookie.slice();
      forged[bit >> 3]! ^= 1 << (bit & 7);
      expect(peer.send(chunk(CHUNK.COOKIE_ECHO, forged))).toMatchObject({
        chunks: [],
        reasons: ['bad-cookie'],
      });
    }
    for (const length of [0, 4, cookie.length - 4]) {
      expect(peer.send(chunk(CHUNK.COOKIE_ECHO, cookie.slice(0, length))).reasons).toEqual(['bad-cookie']);
    }
    expect(types(peer.send(chunk(CHUNK.COOKIE_ECHO, cookie)).chunks)).toEqual([CHUNK.COOKIE_ACK]);
  });

  test('with another tag or other ports than the cookie has is dropped', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask();
    const echo = chunk(CHUNK.COOKIE_ECHO, cookie);
    expect(peer.sendTagged(tag + 1, echo).reasons).toEqual(['bad-cookie']);
    peer.sourcePort = 8;
    expect(peer.sendTagged(tag, echo).reasons).toEqual(['bad-cookie']);
  });

  test('of another instance is dropped: each has secrets of its own', () => {
    const { tag, cookie } = new ScriptedPeer(make, {}, 1).ask();
    const other = new ScriptedPeer(make, {}, 2);
    expect(other.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie)).reasons).toEqual(['bad-cookie']);
  });

  test('after its time is answered with how stale it is, and leads to nothing', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask();
    peer.rig.now += 61_000;
    const { chunks, packets, reasons } = peer.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie), peer.data());
    expect(types(chunks)).toEqual([CHUNK.ERROR]);
    expect(packets[0]!.tag).toBe(peer.ownTag);
    expect(causeOf(chunks[0]!)).toEqual({ code: 3, value: Uint8Array.from(be32(1_000_000)) });
    expect(reasons).toEqual(['stale-cookie']);
    // Where an association exists, the age of a cookie does not matter.
    peer.open();
    const own = peer.ask();
    expect(own.tag).not.toBe(peer.tag);
  });

  test('that comes twice is answered twice, and is no restart', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask();
    peer.tag = tag;
    const echo = chunk(CHUNK.COOKIE_ECHO, cookie);
    expect(peer.send(echo).notices).toEqual([CHUNK.COOKIE_ACK]);
    peer.send(peer.data());
    peer.rig.now += 100_000;
    const again = peer.send(echo);
    expect(types(again.chunks)).toContain(CHUNK.COOKIE_ACK);
    expect(again.notices).toEqual([]);
    expect(peer.send(peer.data({ ssn: 1 })).messages).toHaveLength(1);
  });

  test('may have data behind it, which is delivered', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask();
    peer.tag = tag;
    const { chunks, messages } = peer.send(chunk(CHUNK.COOKIE_ECHO, cookie), peer.data());
    expect(types(chunks)).toEqual([CHUNK.COOKIE_ACK, CHUNK.SACK]);
    expect(messages).toHaveLength(1);
  });

  test('of a peer that restarted restarts the association, and its streams begin at 0 again', () => {
    const peer = new ScriptedPeer(make).open();
    peer.send(peer.data());
    peer.ownTag = 0x1111_2222;
    peer.tsn = 5;
    const { tag, cookie } = peer.ask();
    const { chunks, notices, packets } = peer.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie));
    expect(types(chunks)).toEqual([CHUNK.COOKIE_ACK]);
    expect(packets[0]!.tag).toBe(0x1111_2222);
    expect(notices).toEqual([CHUNK.ABORT, CHUNK.COOKIE_ACK]);
    peer.tag = tag;
    expect(peer.send(peer.data({ ssn: 0 })).messages).toHaveLength(1);
  });

  test('of a restart while the shutdown is acknowledged gets a SHUTDOWN ACK and an ERROR', () => {
    const peer = new ScriptedPeer(make).open();
    const { ownTag } = peer;
    peer.ownTag = 0x3333_4444;
    const { tag, cookie } = peer.ask();
    peer.ownTag = ownTag;
    expect(types(peer.send(chunk(CHUNK.SHUTDOWN, be32(peer.peerTsn - 1))).chunks)).toEqual([
      CHUNK.SHUTDOWN_ACK,
    ]);
    const { chunks, packets } = peer.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie));
    expect(types(chunks)).toEqual([CHUNK.SHUTDOWN_ACK, CHUNK.ERROR]);
    expect(packets.map((packet) => packet.tag)).toEqual([ownTag, 0x3333_4444]);
    expect(causeOf(chunks[1]!)!.code).toBe(10);
    // An INIT gets the SHUTDOWN ACK again, too.
    expect(types(peer.sendTagged(0, peer.init({ tag: 99 })).chunks)).toEqual([CHUNK.SHUTDOWN_ACK]);
  });

  test('finds no room where all associations are taken', () => {
    const peer = new ScriptedPeer(make, { associations: '1' }).open();
    peer.sourcePort = 8;
    const { tag, cookie } = peer.ask();
    const { chunks, reasons } = peer.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie));
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(causeOf(chunks[0]!)!.code).toBe(4);
    expect(reasons).toEqual(['too-many-associations']);
  });
});

describe('an association that is opened here', () => {
  test('repeats its INIT ever more slowly, and gives up', () => {
    const peer = new ScriptedPeer(make, { 'max-init-retransmits': '3' });
    const init = peer.beOpened();
    expect(init.type).toBe(CHUNK.INIT);
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      const before = peer.rig.now;
      const { chunks, packets } = peer.passToWake();
      expect(chunks).toEqual([init]);
      expect(packets[0]!.tag).toBe(0);
      times.push(peer.rig.now - before);
    }
    expect(times).toEqual([1000, 2000, 4000]);
    const last = peer.passToWake();
    expect(last).toMatchObject({ chunks: [], notices: [CHUNK.ABORT] });
    expect(peer.wakeAt).toBe(Infinity);
    expect(peer.rig.logged.at(-1)).toMatch(/the peer does not answer; 1 messages were not delivered/);
  });

  test('echoes the cookie as it came, first in its packet, again until it is acknowledged, and nothing else before', () => {
    const peer = new ScriptedPeer(make);
    peer.beOpened();
    const unknown = parameter(0xc077, [7]);
    const { chunks } = peer.send(
      chunk(CHUNK.INIT_ACK, [...peer.initValue(), ...parameter(7, [5, 4, 3, 2, 1]), ...unknown]),
    );
    expect(types(chunks)).toEqual([CHUNK.COOKIE_ECHO, CHUNK.ERROR]);
    expect([...chunks[0]!.value]).toEqual([5, 4, 3, 2, 1]);
    expect(causeOf(chunks[1]!)).toEqual({ code: 8, value: Uint8Array.from(unknown) });
    expect(peer.write({ sid: 0, ppid: 2, bytes: Uint8Array.of(2) }).chunks).toEqual([]);
    for (let n = 0; n < 8; n++) expect(types(peer.passToWake().chunks)).toEqual([CHUNK.COOKIE_ECHO]);
    expect(types(peer.send(chunk(CHUNK.COOKIE_ACK)).chunks)).toEqual([CHUNK.DATA, CHUNK.DATA]);
  });

  test.each<[string, (peer: ScriptedPeer) => ReturnType<ScriptedPeer['init']>, number | undefined]>([
    ['no tag', (peer) => peer.initAck({ tag: 0 }), CHUNK.ABORT],
    ['no streams', (peer) => peer.initAck({ inStreams: 0 }), CHUNK.ABORT],
    ['no streams to us', (peer) => peer.initAck({ outStreams: 0 }), CHUNK.ABORT],
    ['no cookie', (peer) => chunk(CHUNK.INIT_ACK, peer.initValue()), CHUNK.ABORT],
    ['a host name', (peer) => peer.initAck({ parameters: parameter(11, [0x61, 0]) }), CHUNK.ABORT],
  ])('ends where the INIT ACK has %s', (_, initAck, answer) => {
    const peer = new ScriptedPeer(make);
    peer.beOpened();
    const { chunks, notices, reasons } = peer.send(initAck(peer));
    expect(types(chunks)).toEqual([answer]);
    expect(notices).toEqual([CHUNK.ABORT]);
    expect(reasons).toEqual(['bad-parameter']);
    expect(peer.wakeAt).toBe(Infinity);
  });

  test('goes on waiting where the INIT ACK has a window below 1500, or came with another tag', () => {
    const peer = new ScriptedPeer(make);
    peer.beOpened();
    expect(types(peer.send(peer.initAck({ window: 1 })).chunks)).toEqual([CHUNK.ABORT]);
    expect(peer.sendTagged(peer.tag + 1, peer.initAck()).reasons).toEqual(['bad-tag']);
    expect(types(peer.passToWake().chunks)).toEqual([CHUNK.INIT]);
    expect(types(peer.send(peer.initAck()).chunks)).toEqual([CHUNK.COOKIE_ECHO]);
    // Only one is taken.
    expect(peer.send(peer.initAck()).reasons).toEqual(['wrong-state']);
  });

  test('takes a large INIT ACK', () => {
    const peer = new ScriptedPeer(make);
    peer.beOpened();
    const cookie = Array.from({ length: 6000 }, (_, n) => n & 255);
    const { chunks } = peer.send(peer.initAck({}, cookie));
    expect([...chunks[0]!.value]).toEqual(cookie);
  });

  test('uses no more streams than the peer takes', () => {
    const peer = new ScriptedPeer(make, { streams: '20' });
    peer.beOpened();
    peer.send(peer.initAck({ inStreams: 3, outStreams: 2 }));
    peer.send(chunk(CHUNK.COOKIE_ACK));
    expect(peer.write({ sid: 2, ppid: 0, bytes: Uint8Array.of(1) }).reasons).toEqual(['accepted']);
    expect(peer.write({ sid: 3, ppid: 0, bytes: Uint8Array.of(1) }).reasons).toEqual(['invalid-stream']);
    expect(peer.send(peer.data({ sid: 1 })).reasons).toEqual(['data']);
    expect(peer.send(peer.data({ sid: 2 })).reasons).toEqual(['invalid-stream']);
  });

  test('asks for more time where its cookie was stale, and gives up at the third time', () => {
    const peer = new ScriptedPeer(make);
    peer.beOpened();
    for (let n = 0; n < 2; n++) {
      peer.send(peer.initAck());
      const { chunks } = peer.send(chunk(CHUNK.ERROR, parameter(3, be32(2_000_000))));
      expect(types(chunks)).toEqual([CHUNK.INIT]);
      expect(read32(parameterOf(chunks[0]!, 9)!, 0)).toBeGreaterThanOrEqual(2000);
    }
    peer.send(peer.initAck());
    expect(peer.send(chunk(CHUNK.ERROR, parameter(3, be32(2_000_000)))).notices).toEqual([CHUNK.ABORT]);
  });
});

describe('two sides that open at once', () => {
  test.each([0, 3, 9, 10, 11, 25])('meet in one association (the second %i ms after the first)', (ms) => {
    const ends = new TwoEnds(make);
    ends.send(ends.a, { sid: 0, ppid: 1, bytes: Uint8Array.of(1) });
    ends.run(ms);
    ends.send(ends.b, { sid: 0, ppid: 2, bytes: Uint8Array.of(2) });
    ends.run(5000);
    expect(ends.b.received.map(({ ppid }) => ppid)).toEqual([1]);
    expect(ends.a.received.map(({ ppid }) => ppid)).toEqual([2]);
    expect(ends.a.notices).toEqual([CHUNK.COOKIE_ACK]);
    expect(ends.b.notices).toEqual([CHUNK.COOKIE_ACK]);
  });

  test('an INIT that comes while one is on its way is answered with the same tag; one from elsewhere adds nothing', () => {
    const peer = new ScriptedPeer(make);
    const init = peer.beOpened();
    const { tag } = peer.ask();
    expect(tag).toBe(read32(init.value, 0));
    peer.send(peer.initAck());
    expect(peer.ask().tag).toBe(tag);
    const { chunks } = peer.sendTagged(0, peer.init({ parameters: parameter(5, [192, 0, 2, 99]) }));
    expect(chunks).toEqual([]);
  });

  test('a cookie of ours that came late is dropped (table 12, C)', () => {
    const peer = new ScriptedPeer(make);
    // A cookie of before; then an association with the same tag of the peer is opened from here.
    const early = peer.ask();
    peer.beOpened();
    peer.send(peer.initAck());
    peer.send(chunk(CHUNK.COOKIE_ACK));
    expect(peer.sendTagged(early.tag, chunk(CHUNK.COOKIE_ECHO, early.cookie))).toMatchObject({
      chunks: [],
      reasons: ['wrong-state'],
    });
    expect(peer.isAlive).toBe(true);
  });
});

describe('by UDP', () => {
  test('a peer is where the last packet with the right tag came from, and a wrong tag moves nothing', () => {
    const peer = new ScriptedPeer(make).open();
    const told = () => peer.send(peer.data({ isUnordered: true })).to.at(-1)?.udp;
    peer.from = { ...peer.from, udp: 1234 };
    expect(peer.sendTagged(peer.tag ^ 1, peer.data({ tsn: 5 })).reasons).toEqual(['bad-tag']);
    expect(peer.write({ sid: 0, ppid: 0, bytes: Uint8Array.of(1) }).to).toEqual([
      { ...peer.from, udp: 9899 },
    ]);
    told();
    expect(peer.write({ sid: 0, ppid: 0, bytes: Uint8Array.of(1) }).to).toEqual([
      { ...peer.from, udp: 1234 },
    ]);
    // Without encapsulation it is reached without (RFC 6951 §5.4).
    peer.from = { ...peer.from, udp: 0 };
    told();
    expect(peer.write({ sid: 0, ppid: 0, bytes: Uint8Array.of(1) }).to).toEqual([{ ...peer.from, udp: 0 }]);
  });

  test('addresses that a peer names are proven by heartbeats with nonces before anything else goes there', () => {
    const peer = new ScriptedPeer(make);
    const { tag, cookie } = peer.ask({
      parameters: [
        ...parameter(5, C.address),
        ...parameter(5, [127, 0, 0, 1]),
        ...parameter(5, [10, 0, 0, 1]),
        ...parameter(5, [224, 0, 0, 1]),
      ],
    });
    peer.tag = tag;
    const { packets, to } = peer.send(chunk(CHUNK.COOKIE_ECHO, cookie));
    const first = [...to.keys()].map((n) => [to[n]!.address.join('.'), packets[n]!.chunks[0]!.type]);
    const later = peer.pass(0);
    const all = [
      ...first,
      ...later.to.map((end, n) => [end.address.join('.'), later.packets[n]!.chunks[0]!.type]),
    ];
    expect(all).toEqual([
      ['192.0.2.2', CHUNK.COOKIE_ACK],
      ['192.0.2.3', CHUNK.HEARTBEAT],
    ]);
    expect(
      peer.write({ sid: 0, ppid: 0, bytes: Uint8Array.of(1) }).to.map(({ address }) => address[3]),
    ).toEqual([2]);
  });
});

test('a packet that cannot be is counted for what is wrong in it', () => {
  const peer = new ScriptedPeer(make).open();
  const good = encode({
    sourcePort: 7,
    destinationPort: 5001,
    tag: peer.tag,
    chunks: [peer.data({ tsn: 1 })],
  });
  for (let bit = 0; bit < good.length * 8; bit += 5) {
    const damaged = good.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(peer.sendBytes(damaged)).toMatchObject({ chunks: [], messages: [], reasons: ['bad-checksum'] });
  }
  for (let length = 0; length < 16; length++)
    expect(peer.sendBytes(good.slice(0, length)).reasons).toEqual(['malformed']);
  peer.sourcePort = 0;
  expect(peer.send(peer.data()).reasons).toEqual(['malformed']);
});

test('the status shows the Edges without a network, an association that opens, and its peer', () => {
  const bare = new ScriptedPeer(make);
  const status = (peer: ScriptedPeer) => peer.rig.statuses.at(-1)!;
  bare.rig.process();
  expect(status(bare)).toMatchObject({
    health: 'good',
    summary: 'waits for an association, of a neighbour or of another host',
    facts: { associations: '0' },
  });
  bare.rig.leave('streams');
  bare.rig.process();
  expect(status(bare)).toMatchObject({
    health: 'pending',
    summary: 'waits for a network on its Edge streams',
  });
  const opening = new ScriptedPeer(make);
  opening.beOpened();
  expect(status(opening)).toMatchObject({
    health: 'pending',
    summary: 'opens an association, and waits for the other host',
    facts: { associations: '0', opening: '1' },
  });
  const open = new ScriptedPeer(make).open();
  expect(status(open)).toEqual({
    health: 'good',
    summary: 'has an association with another host',
    facts: { associations: '1', peers: expect.stringMatching(/^[\d.]+:7$/) },
  });
  const reports = open.rig.statuses.length;
  open.rig.process();
  expect(open.rig.statuses.length).toBe(reports);
});
