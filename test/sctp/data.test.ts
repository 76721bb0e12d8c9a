import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type Answer, causeOf, parameter, ScriptedPeer, sackOf } from './scripted-peer.ts';
import { TwoEnds } from './two-ends.ts';
import { be32, CHUNK, chunk, encode, read16, read32 } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

const types = (chunks: readonly { type: number }[]) => chunks.map(({ type }) => type);
const tsnsOf = ({ chunks }: Answer) =>
  chunks.filter(({ type }) => type === CHUNK.DATA).map(({ value }) => read32(value, 0));
const sackIn = ({ chunks }: Answer) => {
  const found = chunks.filter(({ type }) => type === CHUNK.SACK);
  return found.length === 0 ? undefined : sackOf(found.at(-1)!);
};
const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, n) => n + first);

describe('received data', () => {
  test('is acknowledged: the first packet at once, every second at once, another within 200 ms', () => {
    const peer = new ScriptedPeer(make).open();
    expect(sackIn(peer.send(peer.data()))).toMatchObject({ cumulative: 1000, gaps: [] });
    expect(sackIn(peer.send(peer.data({ ssn: 1 })))).toBeUndefined();
    expect(peer.wakeAt).toBe(peer.rig.now + 200);
    expect(sackIn(peer.send(peer.data({ ssn: 2 })))).toMatchObject({ cumulative: 1002 });
    peer.send(peer.data({ ssn: 3 }));
    expect(sackIn(peer.passToWake())).toMatchObject({ cumulative: 1003 });
    // The I bit (RFC 9260 §3.3.1).
    expect(sackIn(peer.send(peer.data({ ssn: 4, flags: 11 })))).toMatchObject({ cumulative: 1004 });
  });

  test('is reported with gaps and duplicates, also where TSNs come round', () => {
    const peer = new ScriptedPeer(make).open({ tsn: 0xffff_fffe });
    peer.send(peer.data());
    peer.send(peer.data({ ssn: 1 }));
    const unordered = { isUnordered: true };
    expect(sackIn(peer.send(peer.data({ tsn: 3, ...unordered })))).toMatchObject({
      cumulative: 0xffff_ffff,
      gaps: [[4, 4]],
    });
    expect(sackIn(peer.send(peer.data({ tsn: 4, ...unordered })))).toMatchObject({ gaps: [[4, 5]] });
    const doubled = peer.send(peer.data({ tsn: 3, ...unordered }));
    expect(sackIn(doubled)).toMatchObject({ gaps: [[4, 5]], duplicates: [3] });
    expect(doubled.reasons).toEqual(['duplicate']);
    expect(doubled.messages).toEqual([]);
    expect(sackIn(peer.send(peer.data({ tsn: 1, ...unordered })))).toMatchObject({
      gaps: [
        [2, 2],
        [4, 5],
      ],
    });
    expect(sackIn(peer.send(peer.data({ tsn: 0, ...unordered })))).toMatchObject({
      cumulative: 1,
      gaps: [[2, 3]],
    });
    expect(sackIn(peer.send(peer.data({ tsn: 2, ...unordered })))).toMatchObject({ cumulative: 4, gaps: [] });
  });

  test('in more gaps than a packet can report is reported from the lowest on, within the MTU', () => {
    const peer = new ScriptedPeer(make).open();
    peer.send(peer.data());
    let last: Answer | undefined;
    for (let n = 0; n < 600; n++) last = peer.send(peer.data({ tsn: 1002 + 2 * n, isUnordered: true }));
    const [packet] = last!.packets;
    const { gaps } = sackIn(last!)!;
    expect(gaps.slice(0, 2)).toEqual([
      [2, 2],
      [4, 4],
    ]);
    expect(gaps.length).toBeGreaterThan(300);
    expect(encode(packet!).length).toBeLessThanOrEqual(1280 - 28);
  });

  test('is delivered in the order of its stream, and no stream waits for another', () => {
    const peer = new ScriptedPeer(make).open();
    const ppids = (answer: Answer) => answer.messages.map(({ ppid }) => ppid);
    expect(ppids(peer.send(peer.data({ tsn: 1001, sid: 1, ssn: 1, ppid: 11 })))).toEqual([]);
    expect(ppids(peer.send(peer.data({ tsn: 1003, sid: 2, ssn: 0, ppid: 20 })))).toEqual([20]);
    expect(ppids(peer.send(peer.data({ tsn: 1002, sid: 1, ssn: 2, ppid: 12 })))).toEqual([]);
    expect(ppids(peer.send(peer.data({ tsn: 1004, sid: 1, ssn: 77, ppid: 9, isUnordered: true })))).toEqual([
      9,
    ]);
    expect(ppids(peer.send(peer.data({ tsn: 1000, sid: 1, ssn: 0, ppid: 10 })))).toEqual([10, 11, 12]);
  });

  test('in fragments is put together whatever their order', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [2, 0, 1],
    ];
    for (const order of orders) {
      const peer = new ScriptedPeer(make).open();
      const whole = bytes(30);
      const pieces = [2, 0, 1].map((flags, n) =>
        peer.data({ flags, bytes: whole.slice(10 * n, 10 * n + 10), ppid: 5 }),
      );
      const messages = order.flatMap((n) => peer.send(pieces[n]!).messages);
      expect(messages.map((each) => [...each.bytes])).toEqual([[...whole]]);
      expect(messages[0]!.ppid).toBe(5);
    }
  });

  test.each<[string, { first: object; second: object }]>([
    ['a first fragment behind one that is not the last', { first: { flags: 2 }, second: { flags: 2 } }],
    ['another stream within a message', { first: { flags: 2 }, second: { flags: 1, sid: 1 } }],
    ['another number within a message', { first: { flags: 2 }, second: { flags: 1, ssn: 1 } }],
    ['unordered within an ordered message', { first: { flags: 2 }, second: { flags: 5 } }],
  ])('that contradicts itself ends the association: %s', (_, { first, second }) => {
    for (const isReverse of [false, true]) {
      const peer = new ScriptedPeer(make).open();
      // Behind a hole, so that both are kept.
      const both = [peer.data({ tsn: 1001, ...first }), peer.data({ tsn: 1002, ...second })];
      if (isReverse) both.reverse();
      peer.send(both[0]!);
      const { chunks, reasons, notices } = peer.send(both[1]!);
      expect(types(chunks)).toContain(CHUNK.ABORT);
      expect(causeOf(chunks.find(({ type }) => type === CHUNK.ABORT)!)!.code).toBe(13);
      expect(reasons).toEqual(['violation']);
      expect(notices).toEqual([CHUNK.ABORT]);
    }
  });

  test('with a number that its stream had already ends the association', () => {
    const peer = new ScriptedPeer(make).open();
    peer.send(peer.data({ ssn: 0 }));
    expect(types(peer.send(peer.data({ ssn: 0 })).chunks)).toContain(CHUNK.ABORT);
    const other = new ScriptedPeer(make).open();
    other.send(other.data({ ssn: 5 }));
    expect(types(other.send(other.data({ ssn: 5 })).chunks)).toContain(CHUNK.ABORT);
  });

  test('of no bytes ends the association with its TSN; a chunk that is too short is dropped', () => {
    const peer = new ScriptedPeer(make).open();
    const { chunks } = peer.send(peer.data({ bytes: bytes(0) }));
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(causeOf(chunks[0]!)).toEqual({ code: 9, value: Uint8Array.from(be32(1000)) });
    const other = new ScriptedPeer(make).open();
    expect(other.send(chunk(CHUNK.DATA, [1, 2, 3], 3))).toMatchObject({ chunks: [], reasons: ['bad-chunk'] });
    expect(other.isAlive).toBe(true);
  });

  test('on a stream that does not exist is acknowledged, dropped and reported', () => {
    const peer = new ScriptedPeer(make).open({ outStreams: 3 });
    const answer = peer.send(peer.data({ sid: 3 }));
    expect(answer.reasons).toEqual(['invalid-stream']);
    expect(answer.messages).toEqual([]);
    expect(causeOf(answer.chunks.find(({ type }) => type === CHUNK.ERROR)!)).toEqual({
      code: 1,
      value: Uint8Array.of(0, 3, 0, 0),
    });
    expect(sackIn(answer)).toMatchObject({ cumulative: 1000 });
  });

  test('goes on where the numbers of a stream come round', () => {
    const peer = new ScriptedPeer(make, { 'receive-buffer': '1048576' }).open();
    let count = 0;
    for (let ssn = 0; ssn < 70_000; ) {
      const packets = Array.from({ length: 250 }, () => [
        peer.data({ ssn: ssn++ & 0xffff, bytes: Uint8Array.of(1) }),
      ]);
      count += peer.sendMany(packets).messages.length;
      count += peer.pass(1).messages.length;
    }
    expect(count).toBe(70_000);
  });

  test('beyond the buffer is dropped and not acknowledged, data that fills a gap is taken, and the window opens again', () => {
    const peer = new ScriptedPeer(make, { 'receive-buffer': '8192' }).open();
    peer.rig.ready('streams', false);
    peer.send(peer.data());
    let answer = peer.send(peer.data({ tsn: 1002, ssn: 2, bytes: bytes(1000) }));
    for (let n = 3; n < 20; n++) answer = peer.send(peer.data({ tsn: 1000 + n, ssn: n, bytes: bytes(1000) }));
    expect(answer.reasons).toEqual(['no-buffer']);
    const { window, gaps } = sackIn(answer)!;
    expect(window).toBe(0);
    expect(gaps).toHaveLength(1);
    const [, last] = gaps[0]!;
    expect(last).toBeLessThan(12);
    expect(sackIn(peer.send(peer.data({ tsn: 1001, ssn: 1, bytes: bytes(1000) })))).toMatchObject({
      cumulative: 1000 + last,
      gaps: [],
    });
    peer.rig.ready('streams', true);
    const opened = peer.pass(0);
    expect(opened.messages.map(({ ssn }) => ssn)).toEqual(Array.from({ length: last + 1 }, (_, n) => n));
    expect(sackIn(opened)!.window).toBe(8192);
  });

  test('without an end fills no more than the buffer and its reserve, and then ends the association', () => {
    const peer = new ScriptedPeer(make, { 'receive-buffer': '65536', 'max-message': '8192' }).open();
    let taken = 0;
    let answer = peer.send(peer.data({ flags: 2, bytes: bytes(1000) }));
    while (answer.reasons[0] === 'data' && ++taken < 1000) {
      // The window stays open for the largest message there may be to be finished.
      const sack = sackIn(answer);
      if (sack !== undefined && taken < 90) expect(sack.window).toBeGreaterThan(0);
      answer = peer.send(peer.data({ flags: 0, bytes: bytes(1000) }));
    }
    // 65536 bytes, twice the largest message, and 16384: in blocks of 256 bytes, four for each fragment.
    expect(taken).toBeLessThanOrEqual((65_536 + 2 * 8192 + 16_384) / 1024);
    expect(taken).toBeGreaterThanOrEqual(90);
    expect(answer.reasons).toEqual(['too-large']);
    expect(causeOf(answer.chunks.at(-1)!)!.code).toBe(4);
    expect(answer.notices).toEqual([CHUNK.ABORT]);
  });

  test('of a message that is larger than the buffer is taken, as far as messages may be', () => {
    const peer = new ScriptedPeer(make, { 'receive-buffer': '8192', 'max-message': '20000' }).open();
    const whole = bytes(20_000);
    let messages: readonly unknown[] = [];
    for (let at = 0; at < 20_000; at += 1000) {
      const flags = (at === 0 ? 2 : 0) | (at === 19_000 ? 1 : 0);
      messages = peer.send(peer.data({ flags, bytes: whole.slice(at, at + 1000) })).messages;
    }
    expect(messages).toMatchObject([{ bytes: whole }]);
  });

  test('too far ahead is not taken', () => {
    const peer = new ScriptedPeer(make).open();
    expect(peer.send(peer.data({ tsn: 1000 + 4096 })).reasons).toEqual(['beyond-window']);
    expect(peer.send(peer.data({ tsn: 999 + 4096, isUnordered: true })).reasons).toEqual(['data']);
    expect(peer.send(peer.data({ tsn: 999 })).reasons).toEqual(['duplicate']);
  });
});

describe('sent data', () => {
  test('is cut to fragments of the MTU in a row, with one number, padded and bundled in order', () => {
    const peer = new ScriptedPeer(make).open();
    const whole = bytes(3001);
    const { packets, chunks } = peer.write(
      { sid: 4, ppid: 9, bytes: whole },
      { sid: 4, ppid: 10, bytes: bytes(5) },
    );
    for (const packet of packets) expect(encode(packet).length).toBeLessThanOrEqual(1280 - 28);
    expect(tsnsOf({ chunks } as Answer)).toEqual([0, 1, 2, 3].map((n) => peer.peerTsn + n));
    expect(chunks.map(({ flags }) => flags)).toEqual([2, 0, 1, 3]);
    expect(chunks.map(({ value }) => read16(value, 6))).toEqual([0, 0, 0, 1]);
    expect(chunks.map(({ value }) => read16(value, 4))).toEqual([4, 4, 4, 4]);
    expect(Buffer.concat(chunks.slice(0, 3).map(({ value }) => value.slice(12)))).toEqual(Buffer.from(whole));
    expect(packets.at(-1)!.chunks).toHaveLength(2);
  });

  test('unordered has the U bit in each fragment, and leaves the numbers of the stream', () => {
    const peer = new ScriptedPeer(make).open();
    const { chunks } = peer.write(
      { sid: 1, ppid: 0, bytes: bytes(1500), isUnordered: true },
      { sid: 1, ppid: 0, bytes: bytes(5) },
    );
    expect(chunks.map(({ flags }) => flags & 4)).toEqual([4, 4, 0]);
    expect(read16(chunks[2]!.value, 6)).toBe(0);
  });

  test('stays within the congestion window, which opens by a packet for each SACK in slow start', () => {
    const peer = new ScriptedPeer(make).open();
    // min(4 * 1240, max(2 * 1240, 4404)) are 4404 bytes: four packets, of which the last goes beyond.
    const first = tsnsOf(
      peer.write(...Array.from({ length: 40 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    expect(first).toHaveLength(4);
    const second = tsnsOf(peer.send(peer.sack(first[1]!)));
    expect(second).toHaveLength(3);
    const third = tsnsOf(peer.send(peer.sack(first[3]!)));
    expect(third).toHaveLength(3);
  });

  test('stays within the window of the peer, and one chunk at a time looks whether a closed one has opened', () => {
    const peer = new ScriptedPeer(make).open({ window: 1500 });
    const lots = Array.from({ length: 6 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1000) }));
    const [first, ...more] = tsnsOf(peer.write(...lots));
    expect(more).toEqual([]);
    const [probe, ...others] = tsnsOf(peer.send(peer.sack(first!, { window: 0 })));
    expect(others).toEqual([]);
    // For as long as the peer says that it is there, nothing is lost.
    for (let n = 0; n < 40; n++) {
      const answer = peer.passToWake();
      if (tsnsOf(answer).length > 0) expect(tsnsOf(answer)).toEqual([probe]);
      peer.send(peer.sack(first!, { window: 0 }));
    }
    expect(tsnsOf(peer.send(peer.sack(probe!, { window: 100_000 }))).length).toBeGreaterThan(0);
  });

  test('that a SACK names is gone, and one that names what was never sent ends the association', () => {
    const peer = new ScriptedPeer(make).open();
    const [tsn] = tsnsOf(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }));
    expect(peer.send(peer.sack(tsn!)).reasons).toEqual(['acknowledgement']);
    expect(peer.send(peer.sack(tsn! - 1)).reasons).toEqual(['duplicate']);
    const { chunks, reasons } = peer.send(peer.sack(tsn! + 1));
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(reasons).toEqual(['violation']);
  });

  test.each<[string, readonly (readonly [number, number])[]]>([
    ['begins at 0', [[0, 2]]],
    ['touches the cumulative TSN', [[1, 2]]],
    ['ends before it begins', [[3, 2]]],
    [
      'overlaps',
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      'goes back',
      [
        [4, 4],
        [2, 2],
      ],
    ],
    ['names what was never sent', [[2, 9]]],
  ])('a Gap Ack Block that %s does nothing', (_, gaps) => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 5 }, () => ({ sid: 0, ppid: 0, bytes: bytes(10) }))),
    );
    expect(peer.send(peer.sack(tsns[0]! - 1, { gaps }))).toMatchObject({ chunks: [], reasons: ['bad-sack'] });
    expect(peer.send(peer.sack(tsns[4]!)).reasons).toEqual(['acknowledgement']);
    expect(peer.send(chunk(CHUNK.SACK, [1, 2, 3])).reasons).toEqual(['bad-chunk']);
  });

  test('that three SACKs miss is sent again at once, and once only; then the window is half', () => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 8 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    const cumulative = tsns[0]! - 1;
    const more = [2, 3].map((end) => tsnsOf(peer.send(peer.sack(cumulative, { gaps: [[2, end]] }))));
    expect(more.flat()).not.toContain(tsns[0]);
    const third = tsnsOf(peer.send(peer.sack(cumulative, { gaps: [[2, 4]] })));
    expect(third).toContain(tsns[0]);
    for (let end = 5; end < 8; end++) {
      if (end <= 4 + more.flat().length)
        expect(tsnsOf(peer.send(peer.sack(cumulative, { gaps: [[2, end]] })))).not.toContain(tsns[0]);
    }
    // A SACK that says the same again misses nothing more.
    const other = new ScriptedPeer(make).open();
    const again = tsnsOf(
      other.write(...Array.from({ length: 4 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    for (let n = 0; n < 6; n++)
      expect(tsnsOf(other.send(other.sack(again[0]! - 1, { gaps: [[2, 2]] })))).not.toContain(again[0]);
  });

  test('whose acknowledgement in a gap is revoked is in flight again', () => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 4 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    peer.send(peer.sack(tsns[0]!, { gaps: [[2, 2]] }));
    peer.send(peer.sack(tsns[0]!));
    const again = new Set<number>();
    for (let n = 0; n < 3; n++) for (const tsn of tsnsOf(peer.passToWake())) again.add(tsn);
    expect([...again]).toContain(tsns[1]);
    peer.send(peer.sack(tsns[3]!));
    for (let n = 0; n < 5; n++) expect(tsnsOf(peer.passToWake())).toEqual([]);
  });

  test('that is not acknowledged is sent again after RTO, one packet, each time twice as late', () => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 4 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    const times: number[] = [];
    for (let n = 0; n < 4; n++) {
      const before = peer.rig.now;
      expect(tsnsOf(peer.passToWake())).toEqual([tsns[0]]);
      times.push(peer.rig.now - before);
    }
    expect(times).toEqual([1000, 2000, 4000, 8000]);
    // All that was in flight is to be sent again as the window allows.
    expect(tsnsOf(peer.send(peer.sack(tsns[0]!)))).toEqual([tsns[1], tsns[2]]);
  });

  test('grows by one packet in each round trip once it has gone beyond half of what was lost', () => {
    const peer = new ScriptedPeer(make, { 'send-buffer': '1048576' }).open({ window: 1_000_000 });
    let flight = tsnsOf(
      peer.write(...Array.from({ length: 200 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    flight = tsnsOf(peer.passToWake());
    const rounds: number[] = [];
    for (let round = 0; round < 9; round++) {
      rounds.push(flight.length);
      flight = flight.flatMap((tsn) => tsnsOf(peer.send(peer.sack(tsn))));
    }
    // Slow start up to four packets, and one that goes beyond the window; then one more in each round.
    expect(rounds[0]).toBe(1);
    expect(Math.max(...rounds.slice(0, 4))).toBeLessThanOrEqual(6);
    for (let n = 4; n < 9; n++) expect(rounds[n]! - rounds[n - 1]!).toBeLessThanOrEqual(1);
    expect(rounds[8]).toBeGreaterThan(rounds[4]!);
  });

  test('has its timer set anew only where the earliest of it was acknowledged', () => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 4 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    const at = peer.rig.now + 1000;
    for (let n = 0; n < 19; n++) {
      peer.rig.now += 50;
      peer.send(peer.sack(tsns[0]! - 1, { gaps: n === 0 ? [[2, 2]] : [] }));
    }
    expect(peer.wakeAt).toBe(at);
    peer.send(peer.sack(tsns[0]!));
    expect(peer.wakeAt).toBeGreaterThan(at);
  });

  test('ends the association where nothing of it is ever acknowledged', () => {
    const peer = new ScriptedPeer(make, { 'max-retransmits': '4', heartbeat: '1h' }).open();
    peer.write({ sid: 0, ppid: 0, bytes: bytes(10) });
    for (let n = 0; n < 4; n++) expect(types(peer.passToWake().chunks)).toEqual([CHUNK.DATA]);
    const { chunks, notices } = peer.passToWake();
    expect(types(chunks)).toEqual([CHUNK.ABORT]);
    expect(notices).toEqual([CHUNK.ABORT]);
    expect(peer.wakeAt).toBe(Infinity);
    expect(peer.rig.logged.at(-1)).toMatch(/1 messages were not delivered/);
  });

  test('finds a full buffer, is paused before that, and goes on when there is room', () => {
    const peer = new ScriptedPeer(make, { 'send-buffer': '8192', 'max-message': '8192' }).open();
    const message = { sid: 0, ppid: 0, bytes: bytes(1000) };
    const result = peer.write(...Array.from({ length: 9 }, () => message));
    expect(result.reasons).toEqual([...Array(8).fill('accepted'), 'send-buffer-full']);
    expect(peer.rig.process().paused).toEqual(['streams']);
    peer.send(peer.sack(peer.peerTsn + 3));
    expect(peer.rig.process().paused).toEqual([]);
    expect(peer.write(message).reasons).toEqual(['accepted']);
  });

  test('too large, cut short, or without a peer is refused by name', () => {
    const peer = new ScriptedPeer(make, { 'max-message': '100' }).open();
    expect(peer.write({ sid: 0, ppid: 0, bytes: bytes(101) }).reasons).toEqual(['too-large']);
    expect(peer.write({ sid: 0, ppid: 0, bytes: bytes(0) }).reasons).toEqual(['bad-message']);
    expect(peer.fromAbove(chunk(CHUNK.SACK, [])).reasons).toEqual(['bad-message']);
    peer.destinationPort = 1;
    expect(peer.fromAbove(chunk(CHUNK.SHUTDOWN)).reasons).toEqual(['wrong-state']);
    peer.destinationPort = 0;
    expect(peer.write({ sid: 0, ppid: 0, bytes: bytes(1) }).reasons).toEqual(['bad-message']);
  });
});

describe('a round trip', () => {
  test('sets the time-out: SRTT and four times its variance, within the bounds, and not by what was sent twice', () => {
    const peer = new ScriptedPeer(make, { 'rto-min': '1ms' }).open();
    const timeoutAfter = (rtt: number) => {
      const [tsn] = tsnsOf(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }));
      peer.rig.now += rtt;
      peer.send(peer.sack(tsn!));
      const [next] = tsnsOf(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }));
      const rto = peer.wakeAt - peer.rig.now;
      peer.send(peer.sack(next!));
      return rto;
    };
    // First: R + 4 * R/2. Then the next message measures 0 ms, too.
    expect(timeoutAfter(100)).toBe(300);
  });

  test('is measured by a heartbeat where what was acknowledged had been sent twice, so that the time-out shrinks again', () => {
    const peer = new ScriptedPeer(make, { 'rto-min': '50ms' }).open();
    const [tsn] = tsnsOf(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }));
    for (let n = 0; n < 3; n++) expect(tsnsOf(peer.passToWake())).toEqual([tsn]);
    const { chunks } = peer.send(peer.sack(tsn!));
    expect(types(chunks)).toEqual([CHUNK.HEARTBEAT]);
    peer.rig.now += 10;
    peer.send(chunk(CHUNK.HEARTBEAT_ACK, chunks[0]!.value));
    peer.write({ sid: 0, ppid: 0, bytes: bytes(10) });
    expect(peer.wakeAt - peer.rig.now).toBe(50);
  });
});

describe('shutdown', () => {
  test('waits for what was sent, goes again until it is answered, and is complete once', () => {
    const peer = new ScriptedPeer(make).open();
    const [tsn] = tsnsOf(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }));
    expect(peer.fromAbove(chunk(CHUNK.SHUTDOWN))).toMatchObject({ chunks: [], reasons: ['accepted'] });
    expect(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }).reasons).toEqual(['shutting-down']);
    peer.send(peer.data());
    const { chunks } = peer.send(peer.sack(tsn!));
    expect(chunks).toEqual([chunk(CHUNK.SHUTDOWN, be32(1000))]);
    expect(types(peer.passToWake().chunks)).toEqual([CHUNK.SHUTDOWN]);
    const answer = peer.send(chunk(CHUNK.SHUTDOWN_ACK));
    expect(answer.chunks).toEqual([chunk(CHUNK.SHUTDOWN_COMPLETE)]);
    expect(answer.packets[0]!.tag).toBe(peer.ownTag);
    expect(answer.notices).toEqual([CHUNK.SHUTDOWN_COMPLETE]);
    expect(peer.wakeAt).toBe(Infinity);
  });

  test('of the peer lets the rest be sent, and is acknowledged then', () => {
    const peer = new ScriptedPeer(make).open();
    const tsns = tsnsOf(
      peer.write(...Array.from({ length: 6 }, () => ({ sid: 0, ppid: 0, bytes: bytes(1200) }))),
    );
    const more = peer.send(chunk(CHUNK.SHUTDOWN, be32(tsns[1]!)));
    expect(types(more.chunks)).toEqual([CHUNK.DATA, CHUNK.DATA]);
    expect(peer.write({ sid: 0, ppid: 0, bytes: bytes(10) }).reasons).toEqual(['shutting-down']);
    expect(peer.send(peer.data()).reasons).toEqual(['wrong-state']);
    const { chunks } = peer.send(chunk(CHUNK.SHUTDOWN, be32(tsns[0]! + 5)));
    expect(types(chunks)).toEqual([CHUNK.SHUTDOWN_ACK]);
    expect(types(peer.passToWake().chunks)).toEqual([CHUNK.SHUTDOWN_ACK]);
    expect(peer.send(chunk(CHUNK.SHUTDOWN_COMPLETE)).notices).toEqual([CHUNK.SHUTDOWN_COMPLETE]);
    expect(peer.wakeAt).toBe(Infinity);
  });

  test('is repeated at once for data that still comes, with a SACK where there are gaps', () => {
    const peer = new ScriptedPeer(make).open();
    expect(types(peer.fromAbove(chunk(CHUNK.SHUTDOWN)).chunks)).toEqual([CHUNK.SHUTDOWN]);
    expect(peer.send(peer.data()).chunks).toEqual([chunk(CHUNK.SHUTDOWN, be32(1000))]);
    const { chunks } = peer.send(peer.data({ tsn: 1002, isUnordered: true }));
    expect(types(chunks)).toEqual([CHUNK.SHUTDOWN, CHUNK.SACK]);
  });

  test('of both at once ends, in whatever order packets arrive', () => {
    const peer = new ScriptedPeer(make).open();
    peer.fromAbove(chunk(CHUNK.SHUTDOWN));
    expect(types(peer.send(chunk(CHUNK.SHUTDOWN, be32(peer.peerTsn - 1))).chunks)).toEqual([
      CHUNK.SHUTDOWN_ACK,
    ]);
    expect(types(peer.send(chunk(CHUNK.SHUTDOWN_ACK)).chunks)).toEqual([CHUNK.SHUTDOWN_COMPLETE]);
    const ends = new TwoEnds(make);
    ends.send(ends.a, { sid: 0, ppid: 0, bytes: bytes(1) });
    ends.run(1000);
    ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
    ends.give(ends.b, chunk(CHUNK.SHUTDOWN));
    ends.run(5000);
    expect([ends.a.wakeAt, ends.b.wakeAt]).toEqual([Infinity, Infinity]);
  });

  test('that is never answered ends with an ABORT', () => {
    const peer = new ScriptedPeer(make, { heartbeat: '1h' }).open();
    peer.fromAbove(chunk(CHUNK.SHUTDOWN));
    let answer: Answer | undefined;
    for (let n = 0; n < 20 && peer.wakeAt < Infinity; n++) answer = peer.passToWake();
    expect(types(answer!.chunks)).toEqual([CHUNK.ABORT]);
    expect(peer.rig.now).toBeLessThanOrEqual(1000 + 5 * 60_000 + 1);
  });
});

describe('verification tags', () => {
  test('off by one let nothing pass', () => {
    const peer = new ScriptedPeer(make).open();
    const all = [
      peer.data({ tsn: 1000 }),
      peer.sack(peer.peerTsn - 1),
      chunk(CHUNK.HEARTBEAT, parameter(1, [1])),
      chunk(CHUNK.SHUTDOWN, be32(peer.peerTsn - 1)),
      chunk(CHUNK.SHUTDOWN_ACK),
      chunk(CHUNK.COOKIE_ACK),
      chunk(CHUNK.ERROR, parameter(3, be32(1))),
      chunk(77),
    ];
    for (const tag of [peer.tag + 1, peer.tag - 1, 0, peer.ownTag]) {
      for (const each of all)
        expect(peer.sendTagged(tag, each)).toMatchObject({ chunks: [], messages: [], reasons: ['bad-tag'] });
    }
    expect(peer.isAlive).toBe(true);
  });

  test('of an ABORT: ours without the T bit, or the peer’s with it', () => {
    const ended = (tag: (peer: ScriptedPeer) => number, flags: number) => {
      const peer = new ScriptedPeer(make).open();
      const { chunks, notices } = peer.sendTagged(tag(peer), chunk(CHUNK.ABORT, [], flags));
      expect(chunks).toEqual([]);
      expect(peer.isAlive).toBe(notices.length === 0);
      return notices.length > 0;
    };
    expect(ended((peer) => peer.tag, 0)).toBe(true);
    expect(ended((peer) => peer.ownTag, 1)).toBe(true);
    expect(ended((peer) => peer.tag, 1)).toBe(false);
    expect(ended((peer) => peer.ownTag, 0)).toBe(false);
    expect(ended((peer) => peer.tag + 1, 0)).toBe(false);
  });

  test('of a SHUTDOWN COMPLETE, which counts only where it is awaited', () => {
    const peer = new ScriptedPeer(make).open();
    expect(peer.send(chunk(CHUNK.SHUTDOWN_COMPLETE)).reasons).toEqual(['wrong-state']);
    peer.send(chunk(CHUNK.SHUTDOWN, be32(peer.peerTsn - 1)));
    expect(peer.sendTagged(peer.tag, chunk(CHUNK.SHUTDOWN_COMPLETE, [], 1)).reasons).toEqual(['bad-tag']);
    expect(peer.sendTagged(peer.ownTag, chunk(CHUNK.SHUTDOWN_COMPLETE, [], 1)).reasons).toEqual(['closing']);
  });
});

describe('a packet of no association', () => {
  test.each<[string, (peer: ScriptedPeer) => ReturnType<ScriptedPeer['init']>, number | undefined]>([
    ['DATA', (peer) => peer.data(), CHUNK.ABORT],
    ['a SACK', (peer) => peer.sack(1), CHUNK.ABORT],
    ['a HEARTBEAT', () => chunk(CHUNK.HEARTBEAT, parameter(1, [1])), CHUNK.ABORT],
    ['a SHUTDOWN', () => chunk(CHUNK.SHUTDOWN, be32(1)), CHUNK.ABORT],
    ['a SHUTDOWN ACK', () => chunk(CHUNK.SHUTDOWN_ACK), CHUNK.SHUTDOWN_COMPLETE],
    ['an ERROR', () => chunk(CHUNK.ERROR, parameter(1, be32(1))), CHUNK.ABORT],
    ['an ABORT', () => chunk(CHUNK.ABORT), undefined],
    ['a SHUTDOWN COMPLETE', () => chunk(CHUNK.SHUTDOWN_COMPLETE), undefined],
    ['a COOKIE ACK', () => chunk(CHUNK.COOKIE_ACK), undefined],
    ['a stale cookie', () => chunk(CHUNK.ERROR, parameter(3, be32(1))), undefined],
  ])('with %s is answered as RFC 9260 §8.4 says, with its tag and the T bit', (_, contents, answer) => {
    const peer = new ScriptedPeer(make);
    const { chunks, packets, reasons } = peer.sendTagged(0x55, contents(peer));
    expect(chunks).toEqual(answer === undefined ? [] : [chunk(answer, [], 1)]);
    if (answer !== undefined) expect(packets[0]!.tag).toBe(0x55);
    expect(reasons).toEqual(['out-of-the-blue']);
  });

  test('with an ABORT anywhere in it is not answered', () => {
    const peer = new ScriptedPeer(make);
    expect(peer.sendTagged(5, peer.data(), chunk(CHUNK.ABORT)).chunks).toEqual([]);
  });

  test('is answered only so often in a second, or never', () => {
    const peer = new ScriptedPeer(make, { 'abort-rate': '3' });
    const answers = (n: number) =>
      Array.from({ length: n }, () => peer.sendTagged(5, peer.data()).chunks.length).reduce((a, b) => a + b);
    expect(answers(10)).toBe(3);
    peer.rig.now += 1000;
    expect(answers(10)).toBe(3);
    const silent = new ScriptedPeer(make, { 'abort-rate': '0' });
    expect(silent.sendTagged(5, silent.data()).chunks).toEqual([]);
  });
});

describe('chunks', () => {
  test('that are not known are dropped with what follows or passed over, and reported, as their types say', () => {
    const told = (type: number) => {
      const peer = new ScriptedPeer(make).open();
      const { chunks, messages, reasons } = peer.send(chunk(type, [1, 2]), peer.data());
      expect(reasons).toEqual(['unknown-chunk']);
      const error = chunks.find((each) => each.type === CHUNK.ERROR);
      if (error !== undefined) expect([...causeOf(error)!.value.slice(0, 6)]).toEqual([type, 0, 0, 6, 1, 2]);
      return { isReported: error !== undefined, isPassedOver: messages.length > 0 };
    };
    expect(told(0x30)).toEqual({ isReported: false, isPassedOver: false });
    expect(told(0x70)).toEqual({ isReported: true, isPassedOver: false });
    expect(told(0xb0)).toEqual({ isReported: false, isPassedOver: true });
    expect(told(0xf0)).toEqual({ isReported: true, isPassedOver: true });
  });

  test('before one that is cut short, or has no length, are processed, and it is not', () => {
    for (const tail of [
      [0, 7, 0, 0],
      [0, 3, 0, 40, 0, 0, 0, 0],
      [0, 3, 0, 3],
    ]) {
      const peer = new ScriptedPeer(make).open();
      const whole = encode({ sourcePort: 7, destinationPort: 5001, tag: peer.tag, chunks: [peer.data()] });
      const { messages, reasons } = peer.sendBytes(reseal(Uint8Array.from([...whole, ...tail])));
      expect(messages).toHaveLength(1);
      expect(reasons).toEqual(['bad-chunk']);
      expect(peer.isAlive).toBe(true);
    }
  });

  test('a HEARTBEAT is answered with what it held, to where it came from; one without its parameter is not', () => {
    const peer = new ScriptedPeer(make).open();
    const info = parameter(1, [1, 2, 3, 4, 5]);
    const { chunks } = peer.send(chunk(CHUNK.HEARTBEAT, info.slice(0, 9)));
    expect(types(chunks)).toEqual([CHUNK.HEARTBEAT_ACK]);
    expect([...chunks[0]!.value]).toEqual(info.slice(0, 9));
    expect(peer.send(chunk(CHUNK.HEARTBEAT, [])).reasons).toEqual(['bad-parameter']);
    expect(peer.send(chunk(CHUNK.HEARTBEAT_ACK, info)).reasons).toEqual(['bad-parameter']);
  });

  test('an idle association sends heartbeats; those that are not answered end it', () => {
    const peer = new ScriptedPeer(make, { 'max-retransmits': '3', heartbeat: '10s' }).open();
    const before = peer.rig.now;
    const beat = peer.passToWake();
    expect(types(beat.chunks)).toEqual([CHUNK.HEARTBEAT]);
    expect(peer.rig.now - before).toBeGreaterThanOrEqual(10_500);
    expect(peer.rig.now - before).toBeLessThanOrEqual(11_500);
    expect(peer.send(chunk(CHUNK.HEARTBEAT_ACK, beat.chunks[0]!.value)).reasons).toEqual(['control']);
    // The same again is no answer to the next.
    expect(peer.send(chunk(CHUNK.HEARTBEAT_ACK, beat.chunks[0]!.value)).reasons).toEqual(['bad-parameter']);
    const seen: number[] = [];
    for (let n = 0; n < 10 && peer.wakeAt < Infinity; n++) seen.push(...types(peer.passToWake().chunks));
    expect(seen).toEqual([
      CHUNK.HEARTBEAT,
      CHUNK.HEARTBEAT,
      CHUNK.HEARTBEAT,
      CHUNK.HEARTBEAT,
      CHUNK.HEARTBEAT,
      CHUNK.ABORT,
    ]);
  });
});

/** Seals bytes that are no whole packet. */
function reseal(all: Uint8Array): Uint8Array {
  all.fill(0, 8, 12);
  let crc = 0xffff_ffff;
  for (const byte of all) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  new DataView(all.buffer).setUint32(8, ~crc >>> 0, true);
  return all;
}
