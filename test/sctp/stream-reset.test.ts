import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type Answer, parameter, parameterOf, ScriptedPeer } from './scripted-peer.ts';
import { randomBy, TwoEnds } from './two-ends.ts';
import { be16, be32, CHUNK, chunk, type Message, read16, read32, type WireChunk } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

/** Types of parameters of RE-CONFIG, and results of requests (RFC 6525 §4). */
const OUTGOING = 13;
const INCOMING = 14;
const ALL_TSNS = 15;
const RESPONSE = 16;
const ADD_OUTGOING = 17;
const ADD_INCOMING = 18;
const [NOTHING, PERFORMED, DENIED, WRONG_STREAM, BUSY, BAD_NUMBER, IN_PROGRESS] = [0, 1, 2, 3, 4, 5, 6];
const SUPPORTED = parameter(0x8008, [CHUNK.RE_CONFIG]);

const message = (sid: number, ppid: number, length = 10): Message => ({
  sid,
  ppid,
  bytes: Uint8Array.from({ length }, (_, n) => n + ppid),
});
const outgoingReset = (number: number, lastTsn: number, ...sids: readonly number[]) =>
  parameter(OUTGOING, [...be32(number), ...be32(0), ...be32(lastTsn), ...sids.flatMap(be16)]);
const response = (number: number, result: number) => parameter(RESPONSE, [...be32(number), ...be32(result)]);
const reConfig = (...parameters: readonly (readonly number[])[]) => chunk(CHUNK.RE_CONFIG, parameters.flat());
/** From above: the reset of these streams, or of all. */
const reset = (...sids: readonly number[]) => reConfig(outgoingReset(0, 0, ...sids));

interface Parameter {
  readonly type: number;
  readonly number: number;
  readonly value: Uint8Array;
}
function parametersOf({ value }: WireChunk): Parameter[] {
  const all: Parameter[] = [];
  for (let at = 0; at < value.length; ) {
    const length = read16(value, at + 2);
    all.push({
      type: read16(value, at),
      number: read32(value, at + 4),
      value: value.slice(at + 4, at + length),
    });
    at += (length + 3) & ~3;
  }
  return all;
}
const reConfigsIn = ({ chunks }: Answer) =>
  chunks.filter(({ type }) => type === CHUNK.RE_CONFIG).flatMap(parametersOf);
const requestIn = (answer: Answer) => {
  const found = reConfigsIn(answer).find(({ type }) => type === OUTGOING);
  if (found === undefined) return undefined;
  const sids: number[] = [];
  for (let at = 12; at < found.value.length; at += 2) sids.push(read16(found.value, at));
  return { number: found.number, answered: read32(found.value, 4), lastTsn: read32(found.value, 8), sids };
};
const resultsIn = (answer: Answer) =>
  reConfigsIn(answer)
    .filter(({ type }) => type === RESPONSE)
    .map(({ number, value }) => [number, read32(value, 4)]);
const dataIn = ({ chunks }: Answer) =>
  chunks
    .filter(({ type }) => type === CHUNK.DATA)
    .map(({ value }) => ({ tsn: read32(value, 0), ssn: read16(value, 6), ppid: read32(value, 8) }));

const openPeer = (settings = {}, fields = {}) =>
  new ScriptedPeer(make, settings).open({ parameters: SUPPORTED, ...fields });

test('RE-CONFIG is announced in INIT and INIT ACK, and only used where the peer does, too', () => {
  const peer = new ScriptedPeer(make);
  for (const each of [peer.ask().initAck, new ScriptedPeer(make).beOpened()])
    expect([...parameterOf(each, 0x8008)!]).toContain(CHUNK.RE_CONFIG);
  const other = new ScriptedPeer(make).open();
  expect(other.fromAbove(reset(1)).reasons).toEqual(['not-supported']);
  expect(other.send(reConfig(outgoingReset(1000, 999, 1))).reasons).toEqual(['unknown-chunk']);
});

test('what is wanted before the association is open is asked for then, or reported as denied', () => {
  for (const parameters of [SUPPORTED, []]) {
    const peer = new ScriptedPeer(make);
    peer.beOpened(message(1, 1));
    expect(peer.fromAbove(reset(1)).reasons).toEqual(['accepted']);
    peer.write(message(1, 2));
    peer.send(peer.initAck({ parameters }));
    const answer = peer.send(chunk(CHUNK.COOKIE_ACK));
    if (parameters === SUPPORTED) {
      expect(requestIn(answer)).toMatchObject({ sids: [1], lastTsn: peer.peerTsn });
      expect(dataIn(answer)).toMatchObject([{ ssn: 0, ppid: 1 }]);
      continue;
    }
    expect(answer.notices).toEqual([CHUNK.COOKIE_ACK, CHUNK.RE_CONFIG]);
    const all = [...dataIn(answer), ...dataIn(peer.send(peer.sack(peer.peerTsn)))];
    expect(all).toMatchObject([
      { ssn: 0, ppid: 1 },
      { ssn: 1, ppid: 2 },
    ]);
  }
});

describe('streams to the peer', () => {
  test('are reset behind what was written before; what comes later waits for the answer', () => {
    const peer = openPeer();
    peer.write(message(1, 1), message(2, 2));
    const asked = peer.fromAbove(reset(1, 2));
    expect(asked.reasons).toEqual(['accepted']);
    expect(requestIn(asked)).toEqual({
      number: peer.peerTsn,
      answered: 999,
      lastTsn: peer.peerTsn + 1,
      sids: [1, 2],
    });
    const written = peer.write(message(1, 3), message(3, 4), message(2, 5));
    expect(dataIn(written)).toEqual([{ tsn: peer.peerTsn + 2, ssn: 0, ppid: 4 }]);
    const answered = peer.send(reConfig(response(peer.peerTsn, PERFORMED)), peer.sack(peer.peerTsn + 2));
    expect(dataIn(answered)).toEqual([
      { tsn: peer.peerTsn + 3, ssn: 0, ppid: 3 },
      { tsn: peer.peerTsn + 4, ssn: 0, ppid: 5 },
    ]);
    expect(answered.notices).toEqual([CHUNK.RE_CONFIG]);
    expect(dataIn(peer.write(message(1, 6)))).toEqual([{ tsn: peer.peerTsn + 5, ssn: 1, ppid: 6 }]);
  });

  test('that still have messages to send are reset when those have their TSNs', () => {
    const peer = openPeer({}, { window: 1500 });
    peer.write(message(1, 1, 1400), message(1, 2, 1400));
    expect(requestIn(peer.fromAbove(reset(1)))).toBeUndefined();
    peer.write(message(1, 3));
    const answer = peer.send(peer.sack(peer.peerTsn + 1));
    const { lastTsn } = requestIn(answer)!;
    expect(dataIn(answer).at(-1)).toMatchObject({ tsn: lastTsn, ppid: 2 });
  });

  test('give up what waits beyond its lifetime, but not behind the reset, where the stream has no turn', () => {
    const peer = openPeer({ reliability: '1 lifetime 100ms' }, { window: 1500 });
    for (let ppid = 1; ppid <= 6; ppid++) peer.write(message(1, ppid, 1000));
    peer.fromAbove(reset(1));
    peer.write(message(1, 7), message(1, 8));
    peer.rig.now += 500;
    for (let n = 0; n < 10; n++) {
      peer.rig.now += 50;
      peer.rig.process();
    }
    expect(peer.isAlive).toBe(true);
  });

  test('keep their numbers where the peer denies the reset', () => {
    for (const result of [DENIED, WRONG_STREAM, BUSY, BAD_NUMBER, 99]) {
      const peer = openPeer();
      peer.write(message(1, 1));
      peer.fromAbove(reset(1));
      peer.write(message(1, 2));
      const answer = peer.send(reConfig(response(peer.peerTsn, result)));
      expect(dataIn(answer)).toMatchObject([{ ssn: 1, ppid: 2 }]);
      expect(answer.notices).toEqual([CHUNK.RE_CONFIG]);
      expect(peer.fromAbove(reset(1)).reasons).toEqual(['accepted']);
    }
  });

  test('have one request in flight at a time, with all streams that fit (RFC 6525 §5.1.1)', () => {
    const peer = openPeer({ streams: '2000', mtu: '576' }, { inStreams: 2000, outStreams: 2000 });
    const all = Array.from({ length: 300 }, (_, n) => n);
    const seen: number[] = [];
    let request = requestIn(peer.fromAbove(reset(...all)))!;
    expect(requestIn(peer.fromAbove(reset(1000)))).toBeUndefined();
    for (let n = 0; n < 3; n++) {
      expect(request.number).toBe(peer.peerTsn + n);
      seen.push(...request.sids);
      const answer = peer.send(reConfig(response(request.number, PERFORMED)));
      for (const packet of answer.packets)
        expect(packet.chunks.reduce((sum, { value }) => sum + 4 + value.length, 0)).toBeLessThan(576 - 40);
      if (n < 2 && requestIn(answer) === undefined) break;
      request = requestIn(answer) ?? request;
    }
    expect(seen).toEqual([...all, 1000]);
  });

  test('are asked for again with the time-out, ever more slowly, until the association ends', () => {
    const peer = openPeer({ 'max-retransmits': '3' });
    const first = requestIn(peer.fromAbove(reset(1)));
    const times: number[] = [];
    const notices: number[] = [];
    for (let before = peer.rig.now; notices.length === 0; before = peer.rig.now) {
      const answer = peer.passToWake();
      notices.push(...answer.notices);
      times.push(peer.rig.now - before);
      if (answer.notices.length === 0) expect(requestIn(answer)).toEqual(first);
    }
    expect(times).toEqual([1000, 2000, 4000, 8000]);
    expect(notices).toEqual([CHUNK.ABORT]);
  });

  test('are asked for again without counting an error while the peer is at it', () => {
    const peer = openPeer({ 'max-retransmits': '3' });
    const first = requestIn(peer.fromAbove(reset(1)));
    for (let n = 0; n < 10; n++) {
      peer.send(reConfig(response(peer.peerTsn, IN_PROGRESS)));
      expect(requestIn(peer.passToWake())).toEqual(first);
    }
    expect(peer.send(reConfig(response(peer.peerTsn, PERFORMED))).notices).toEqual([CHUNK.RE_CONFIG]);
    // An answer to what was answered is nothing.
    expect(peer.send(reConfig(response(peer.peerTsn, PERFORMED))).notices).toEqual([]);
  });

  test('are reset because the peer wants it, once', () => {
    const peer = openPeer();
    peer.write(message(3, 1));
    const wish = reConfig(parameter(INCOMING, [...be32(1000), ...be16(3)]));
    const answer = peer.send(wish);
    expect(resultsIn(answer)).toEqual([[1000, PERFORMED]]);
    expect(requestIn(answer)).toMatchObject({ number: peer.peerTsn, answered: 1000, sids: [3] });
    const again = peer.send(wish);
    expect(resultsIn(again)).toEqual([[1000, PERFORMED]]);
    expect(requestIn(again)).toBeUndefined();
    const other = peer.send(reConfig(parameter(INCOMING, [...be32(1001), ...be16(3)])));
    expect(resultsIn(other)).toEqual([[1001, NOTHING]]);
    peer.send(reConfig(response(peer.peerTsn, PERFORMED)));
    expect(dataIn(peer.write(message(3, 2)))).toMatchObject([{ ssn: 0 }]);
  });

  test('are added, up to the setting, when the peer has agreed', () => {
    const peer = openPeer({ streams: '12' }, { inStreams: 10 });
    const add = (count: number) =>
      reConfig(parameter(ADD_OUTGOING, [...be32(0), ...be16(count), ...be16(0)]));
    expect(peer.fromAbove(add(3)).reasons).toEqual(['invalid-stream']);
    const [request] = reConfigsIn(peer.fromAbove(add(2)));
    expect(request).toMatchObject({ type: ADD_OUTGOING, number: peer.peerTsn });
    expect(peer.write(message(11, 1)).reasons).toEqual(['invalid-stream']);
    expect(peer.send(reConfig(response(peer.peerTsn, PERFORMED))).notices).toEqual([CHUNK.RE_CONFIG]);
    expect(dataIn(peer.write(message(11, 1)))).toMatchObject([{ ssn: 0 }]);
  });

  test.each<[string, WireChunk, string]>([
    ['a stream that does not exist', reset(500), 'invalid-stream'],
    ['nothing', chunk(CHUNK.RE_CONFIG, []), 'bad-message'],
    ['an odd number of bytes', reConfig(parameter(OUTGOING, Array(13).fill(0))), 'bad-message'],
    [
      'a length beyond the chunk',
      chunk(CHUNK.RE_CONFIG, [0, 13, 0, 40, ...Array(12).fill(0)]),
      'bad-message',
    ],
    ['what only a peer sends', reConfig(response(1, 1)), 'bad-message'],
  ])('are not reset by %s', (_, contents, reason) => {
    const peer = openPeer();
    const { reasons, chunks } = peer.fromAbove(contents);
    expect([reasons, chunks]).toEqual([[reason], []]);
  });

  test('are not reset twice at once', () => {
    const peer = openPeer();
    peer.fromAbove(reset(1));
    expect(peer.fromAbove(reset(2, 1)).reasons).toEqual(['wrong-state']);
    expect(peer.fromAbove(reset(2)).reasons).toEqual(['accepted']);
  });
});

describe('streams from the peer', () => {
  test('are reset at once if all data came, and the upper layer learns it behind the last message', () => {
    const peer = openPeer();
    peer.send(peer.data({ ssn: 0 }));
    peer.rig.ready('streams', false);
    peer.send(peer.data({ ssn: 1, ppid: 2 }));
    const answer = peer.send(reConfig(outgoingReset(1000, 1001, 0)));
    expect(resultsIn(answer)).toEqual([[1000, PERFORMED]]);
    expect(answer.notices).toEqual([]);
    peer.send(peer.data({ ssn: 0, ppid: 3 }));
    peer.rig.ready('streams', true);
    const result = peer.rig.process();
    expect(result.sent.filter(({ edge }) => edge === 'streams').map(({ bytes }) => bytes[32])).toEqual([
      CHUNK.DATA,
      CHUNK.RE_CONFIG,
      CHUNK.DATA,
    ]);
  });

  test('wait for data that is missing, and hold back what is from behind the reset', () => {
    const peer = openPeer();
    peer.send(peer.data({ ssn: 0 }));
    peer.send(peer.data({ tsn: 1002, ssn: 2, ppid: 3 }));
    const request = reConfig(outgoingReset(1000, 1002, 0));
    expect(resultsIn(peer.send(request))).toEqual([[1000, IN_PROGRESS]]);
    expect(resultsIn(peer.send(request))).toEqual([[1000, IN_PROGRESS]]);
    expect(peer.send(peer.data({ tsn: 1003, ssn: 0, ppid: 4 })).reasons).toEqual(['no-buffer']);
    expect(peer.send(peer.data({ tsn: 1004, sid: 5, ssn: 0, ppid: 5 })).reasons).toEqual(['data']);
    const filled = peer.send(peer.data({ tsn: 1001, ssn: 1, ppid: 2 }));
    expect(filled.messages.map(({ ppid }) => ppid)).toEqual([2, 3]);
    expect(resultsIn(filled)).toEqual([[1000, PERFORMED]]);
    expect(peer.send(peer.data({ tsn: 1003, ssn: 0, ppid: 4 })).messages.map(({ ppid }) => ppid)).toEqual([
      4,
    ]);
    expect(resultsIn(peer.send(request))).toEqual([[1000, PERFORMED]]);
  });

  test('keep the same answer for a request that comes again, also one of two in a chunk', () => {
    const peer = openPeer();
    const both = reConfig(outgoingReset(1000, 999, 1), parameter(INCOMING, [...be32(1001), ...be16(2)]));
    const first = resultsIn(peer.send(both));
    expect(first).toEqual([
      [1000, PERFORMED],
      [1001, PERFORMED],
    ]);
    const again = peer.send(both);
    expect(resultsIn(again)).toEqual(first);
    expect(again.notices).toEqual([]);
  });

  test.each<[string, readonly number[], number]>([
    ['another number than the next', outgoingReset(1007, 999, 1), BAD_NUMBER],
    ['a stream that does not exist', outgoingReset(1000, 999, 900), WRONG_STREAM],
    ['a wish for one that does not exist', parameter(INCOMING, [...be32(1000), ...be16(900)]), WRONG_STREAM],
    ['a reset of all TSNs', parameter(ALL_TSNS, be32(1000)), DENIED],
    ['streams that we are to add', parameter(ADD_INCOMING, [...be32(1000), 0, 1, 0, 0]), DENIED],
    ['more streams than the setting', parameter(ADD_OUTGOING, [...be32(1000), 1, 0, 0, 0]), DENIED],
    ['no more streams', parameter(ADD_OUTGOING, [...be32(1000), 0, 0, 0, 0]), NOTHING],
    ['some more streams', parameter(ADD_OUTGOING, [...be32(1000), 0, 6, 0, 0]), PERFORMED],
  ])('%s: has its result', (_, request, result) => {
    const peer = openPeer();
    expect(resultsIn(peer.send(reConfig(request)))).toEqual([[read32(Uint8Array.from(request), 4), result]]);
    expect(peer.isAlive).toBe(true);
    const sixteenth = peer.send(peer.data({ sid: 15 })).reasons;
    expect(sixteenth).toEqual([result === PERFORMED ? 'data' : 'invalid-stream']);
  });

  test.each<[string, readonly number[]]>([
    ['a parameter that ends too early', [0, OUTGOING, 0, 16, ...be32(1000)]],
    ['half a stream', [0, OUTGOING, 0, 17, ...Array(13).fill(0), 0, 0, 0]],
    ['a length of 4', [0, OUTGOING, 0, 4]],
    ['a response of a wrong length', parameter(RESPONSE, Array(10).fill(0))],
  ])('%s changes nothing', (_, value) => {
    const peer = openPeer();
    const { reasons, chunks } = peer.send(chunk(CHUNK.RE_CONFIG, value));
    expect([reasons, chunks]).toEqual([['bad-parameter'], []]);
  });
});

test('between two pieces streams are reset again and again while messages flow, whatever is lost', () => {
  let asked = 0;
  let performed = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const random = randomBy(seed);
    const network = () => (random() < 0.15 ? [] : [5 + random() * 60]);
    const ends = new TwoEnds(make, { network, seed });
    const sent: Message[] = [];
    for (let n = 0; n < 120; n++) {
      const each = message(
        Math.floor(random() * 3),
        n,
        1 + Math.floor(random() * (n % 7 === 0 ? 5000 : 100)),
      );
      sent.push(each);
      ends.send(ends.a, each);
      if (n > 5 && random() < 0.3) {
        const before = ends.a.reasons.get('accepted');
        ends.give(ends.a, reset(Math.floor(random() * 3)));
        asked += ends.a.reasons.get('accepted')! - before!;
      }
      ends.run(random() * 80);
      if (random() < 0.1) ends.replace(random() < 0.5 ? ends.a : ends.b);
    }
    ends.runUntil(() => ends.b.received.length === sent.length);
    for (let sid = 0; sid < 3; sid++) {
      const of = (list: readonly Message[]) =>
        list.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
      expect(of(ends.b.received)).toEqual(of(sent));
    }
    ends.run(60_000);
    expect(ends.a.notices.filter((type) => type === CHUNK.ABORT)).toEqual([]);
    performed += ends.b.notices.filter((type) => type === CHUNK.RE_CONFIG).length;
  }
  // Several resets of one request are reported together.
  expect(performed).toBeGreaterThan(asked / 3);
  expect(performed).toBeGreaterThan(20);
});
