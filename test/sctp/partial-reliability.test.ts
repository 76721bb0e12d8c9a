import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type Answer, causeOf, parameter, parameterOf, ScriptedPeer, sackOf } from './scripted-peer.ts';
import { randomBy, TwoEnds } from './two-ends.ts';
import { be16, be32, CHUNK, chunk, type Message, read16, read32, type WireChunk } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

const SUPPORTED = parameter(0xc000);
const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, n) => n + first);
const message = (sid: number, ppid: number, length = 10, isUnordered = false): Message => ({
  sid,
  ppid,
  bytes: bytes(length, ppid),
  isUnordered,
});
const tsnsOf = ({ chunks }: Answer) =>
  chunks.filter(({ type }) => type === CHUNK.DATA).map(({ value }) => read32(value, 0));
const forwardIn = ({ chunks }: Answer) => {
  const found = chunks.findLast(({ type }) => type === CHUNK.FORWARD_TSN);
  return found === undefined ? undefined : forwardOf(found);
};
const ppids = (answer: Answer) => answer.messages.map(({ ppid }) => ppid);

function forwardOf({ value }: WireChunk): { tsn: number; streams: [number, number][] } {
  const streams: [number, number][] = [];
  for (let at = 4; at < value.length; at += 4) streams.push([read16(value, at), read16(value, at + 2)]);
  return { tsn: read32(value, 0), streams };
}

function forward(tsn: number, ...streams: readonly (readonly [number, number])[]): WireChunk {
  return chunk(CHUNK.FORWARD_TSN, [
    ...be32(tsn),
    ...streams.flatMap(([sid, ssn]) => [...be16(sid), ...be16(ssn)]),
  ]);
}

/** A peer that supports FORWARD TSN, with a piece that gives up messages on streams 1 to 4. */
function peerWith(settings: Readonly<Record<string, string>> = {}, fields = {}): ScriptedPeer {
  return new ScriptedPeer(make, settings).open({ parameters: SUPPORTED, ...fields });
}

describe('partial reliability', () => {
  test('is announced in INIT and INIT ACK, as a parameter and as an extension', () => {
    const peer = new ScriptedPeer(make);
    for (const each of [peer.ask().initAck, new ScriptedPeer(make).beOpened()]) {
      expect(parameterOf(each, 0xc000)).toEqual(new Uint8Array());
      expect([...parameterOf(each, 0x8008)!]).toContain(CHUNK.FORWARD_TSN);
    }
  });

  test.each([
    ['the parameter', SUPPORTED],
    ['the list of extensions', parameter(0x8008, [130, 192])],
  ])('is used where the peer supports it by %s, and an unknown chunk otherwise', (_, parameters) => {
    const peer = peerWith({}, { parameters });
    expect(peer.send(forward(1000)).reasons).toEqual(['control']);
    const other = new ScriptedPeer(make).open();
    const { reasons, chunks } = other.send(forward(1000));
    expect(reasons).toEqual(['unknown-chunk']);
    expect(causeOf(chunks.find(({ type }) => type === CHUNK.ERROR)!)!.code).toBe(6);
  });
});

describe('a message that is given up', () => {
  test('by its lifetime counts from when it was written, sent or not', () => {
    const peer = peerWith({ reliability: '1 lifetime 100ms' });
    expect(tsnsOf(peer.write(message(1, 1)))).toEqual([peer.peerTsn]);
    // In flight it may still arrive.
    expect(peer.pass(150).chunks).toEqual([]);
    // The time-out makes it due again, which is too late.
    const late = peer.passToWake();
    expect(tsnsOf(late)).toEqual([]);
    expect(forwardIn(late)).toEqual({ tsn: peer.peerTsn, streams: [[1, 0]] });
    peer.send(peer.sack(peer.peerTsn));
    expect(tsnsOf(peer.write(message(1, 2)))).toEqual([peer.peerTsn + 1]);
  });

  test('before it was sent leaves no trace, whatever the peer supports', () => {
    for (const parameters of [SUPPORTED, []]) {
      const peer = peerWith({ reliability: '1 lifetime 100ms' }, { parameters });
      peer.write(message(0, 1));
      peer.send(peer.sack(peer.peerTsn, { window: 0 }));
      peer.write(message(0, 2), message(1, 3), message(1, 4));
      expect(peer.pass(200).chunks.filter(({ type }) => type === CHUNK.FORWARD_TSN)).toEqual([]);
      const { chunks } = peer.send(peer.sack(peer.peerTsn + 1));
      expect(chunks).toEqual([]);
      const [after] = peer.write(message(1, 5)).chunks;
      // The number of the stream was not used up.
      expect([read32(after!.value, 0), read16(after!.value, 6)]).toEqual([peer.peerTsn + 2, 0]);
    }
  });

  test.each([0, 1, 3])('after %s resends is not sent once more', (resends) => {
    const peer = peerWith({ reliability: `2-4 resends ${resends}` });
    peer.write(message(3, 1));
    for (let n = 0; n < resends; n++) expect(tsnsOf(peer.passToWake())).toEqual([peer.peerTsn]);
    const last = peer.passToWake();
    expect(tsnsOf(last)).toEqual([]);
    expect(forwardIn(last)).toEqual({ tsn: peer.peerTsn, streams: [[3, 0]] });
    expect(last.chunks.length).toBe(1);
  });

  test('is sent again without end where the peer does not support it', () => {
    const peer = new ScriptedPeer(make, { reliability: '1 resends 0' }).open();
    peer.write(message(1, 1));
    for (let n = 0; n < 3; n++) expect(tsnsOf(peer.passToWake())).toEqual([peer.peerTsn]);
  });

  test('goes as a whole: fragments that were acknowledged, in flight, and not sent yet', () => {
    const peer = peerWith({ reliability: '1 resends 0' }, { window: 3000 });
    const { length } = tsnsOf(peer.write(message(1, 1, 10_000), message(0, 2)));
    expect(length).toBeGreaterThan(1);
    const first = peer.peerTsn;
    // All that was sent came, the rest did not go: nothing is missing, and yet the peer must drop its part.
    peer.send(peer.sack(first, { window: 0 }));
    const late = peer.passToWake();
    const end = forwardIn(late)!;
    expect(end.streams).toEqual([[1, 0]]);
    // One more TSN than was sent stands for all of the rest.
    expect(end.tsn).toBe(first + length);
    const answer = peer.send(peer.sack(end.tsn));
    expect([...tsnsOf(late), ...tsnsOf(answer)]).toEqual([end.tsn + 1]);
  });

  test('after a fast retransmit was due shrinks the window all the same (RFC 3758 §3.5 F5)', () => {
    const sentWith = (reliability: string) => {
      const peer = peerWith({ reliability });
      for (let n = 0; n < 6; n++) peer.write(message(1, n, 1000));
      const first = peer.peerTsn;
      let answer: Answer | undefined;
      for (let n = 1; n <= 3; n++) answer = peer.send(peer.sack(first - 1, { gaps: [[2, n + 1]] }));
      return { peer, first, answer: answer! };
    };
    const reliable = sentWith('1 resends 9');
    expect(tsnsOf(reliable.answer)).toContain(reliable.first);
    const partial = sentWith('1 resends 0');
    expect(tsnsOf(partial.answer)).not.toContain(partial.first);
    expect(forwardIn(partial.answer)).toEqual({ tsn: partial.first, streams: [[1, 0]] });
  });

  test('for a more important one is the least important that waits, and the oldest of these', () => {
    const settings = { reliability: '1 priority 5', 'send-buffer': '8192', 'max-message': '2000' };
    const peer = peerWith(settings, { window: 1500 });
    peer.write(message(0, 1, 1400));
    const fill = peer.write(message(0, 2, 1500), message(1, 3, 1500), message(1, 4, 1500));
    expect(fill.reasons).toEqual(['accepted', 'accepted', 'accepted']);
    expect(peer.write(message(1, 5, 1900)).reasons).toEqual(['send-buffer-full']);
    expect(peer.write(message(0, 6, 1900)).reasons).toEqual(['accepted']);
    expect(peer.write(message(0, 7, 1900)).reasons).toEqual(['accepted']);
    expect(peer.write(message(0, 8, 1900)).reasons).toEqual(['send-buffer-full']);
    const sent: number[] = [];
    for (let n = 0, cumulative = peer.peerTsn; n < 30; n++) {
      const { chunks } = peer.send(peer.sack(cumulative));
      for (const { value } of chunks.filter(({ type }) => type === CHUNK.DATA)) {
        cumulative = read32(value, 0);
        sent.push(read32(value, 8));
      }
    }
    expect([...new Set(sent)].sort()).toEqual([2, 6, 7]);
  });

  test('is reported until the peer follows: with the time-out, and with every second SACK', () => {
    const peer = peerWith({ reliability: '1 resends 0' });
    peer.write(message(1, 1));
    expect(forwardIn(peer.passToWake())).toBeDefined();
    const stale = peer.sack(peer.peerTsn - 1);
    expect(forwardIn(peer.send(stale))).toBeUndefined();
    expect(forwardIn(peer.send(stale))).toBeDefined();
    expect(peer.wakeAt).toBeLessThan(Infinity);
    expect(forwardIn(peer.passToWake())).toBeDefined();
    peer.send(peer.sack(peer.peerTsn));
    for (let n = 0; n < 3; n++) expect(forwardIn(peer.passToWake())).toBeUndefined();
    expect(peer.isAlive).toBe(true);
  });

  test('does not keep an association whose peer is gone', () => {
    const peer = peerWith({ reliability: '1 resends 0', 'max-retransmits': '3' });
    peer.write(message(1, 1));
    const notices: number[] = [];
    while (peer.wakeAt < Infinity) notices.push(...peer.passToWake().notices);
    expect(notices).toEqual([CHUNK.ABORT]);
    expect(peer.rig.logged.at(-1)).toMatch(/the peer does not answer; 1 messages were given up/);
  });

  test('names each stream once, and no unordered message; too many streams wait for the next one', () => {
    const peer = peerWith(
      { reliability: '0-255 resends 0', mtu: '576' },
      { inStreams: 256, outStreams: 256 },
    );
    const all = Array.from({ length: 200 }, (_, n) => message(n % 190, n, 1));
    peer.write(message(9, 0, 1, true), ...all);
    let covered = peer.peerTsn - 1;
    const seen = new Set<number>();
    for (let n = 0; n < 400 && covered < peer.peerTsn + 200; n++) {
      const answer = n % 3 === 0 ? peer.passToWake() : peer.send(peer.sack(covered));
      for (const packet of answer.packets)
        for (const each of packet.chunks.filter(({ type }) => type === CHUNK.FORWARD_TSN)) {
          expect(each.value.length).toBeLessThanOrEqual(576 - 28 - 12 - 4);
          const { tsn, streams } = forwardOf(each);
          const sids = streams.map(([sid]) => sid);
          expect(new Set(sids).size).toBe(sids.length);
          for (const sid of sids) seen.add(sid);
          covered = Math.max(covered, tsn);
        }
    }
    expect(covered).toBe(peer.peerTsn + 200);
    expect(seen.size).toBe(190);
  });

  test('lets a shutdown go on', () => {
    const peer = peerWith({ reliability: '1 lifetime 100ms' });
    peer.rig.ready('carrier', false);
    expect(peer.write(message(1, 2), message(1, 3)).chunks).toEqual([]);
    peer.fromAbove(chunk(CHUNK.SHUTDOWN));
    expect(peer.pass(50).chunks).toEqual([]);
    const { chunks } = peer.pass(500);
    expect(chunks.map(({ type }) => type)).toEqual([CHUNK.SHUTDOWN]);
    // A SACK that comes late is no loss.
    expect(peer.send(peer.sack(peer.peerTsn - 1)).reasons).toEqual(['duplicate']);
    peer.send(chunk(CHUNK.SHUTDOWN_ACK));
    expect(peer.rig.logged.at(-1)).toMatch(/was closed; 2 messages were given up/);
  });
});

describe('what the peer gives up', () => {
  test('is acknowledged like data, and lets the stream go on from the next message', () => {
    const peer = peerWith();
    peer.send(peer.data({ ssn: 0 }));
    const second = peer.tsn;
    expect(ppids(peer.send(peer.data({ tsn: second + 1, sid: 1, ssn: 1, ppid: 11 })))).toEqual([]);
    expect(ppids(peer.send(peer.data({ tsn: second + 3, sid: 1, ssn: 3, ppid: 13 })))).toEqual([]);
    expect(ppids(peer.send(peer.data({ tsn: second + 4, sid: 1, ssn: 4, ppid: 14 })))).toEqual([]);
    const answer = peer.send(forward(second, [1, 0]));
    expect(ppids(answer)).toEqual([11]);
    expect(sackOf(answer.chunks[0]!)).toMatchObject({ cumulative: second + 1, gaps: [[2, 3]] });
    const rest = peer.send(forward(second + 2, [1, 2]));
    expect(ppids(rest)).toEqual([13, 14]);
    expect(sackOf(rest.chunks[0]!)).toMatchObject({ cumulative: second + 4, gaps: [] });
  });

  test('that has been said before changes nothing, and is acknowledged at once', () => {
    const peer = peerWith();
    peer.send(peer.data({ ssn: 0 }));
    peer.send(forward(1005));
    for (const tsn of [1005, 1003, 900]) {
      const { chunks, reasons } = peer.send(forward(tsn));
      expect(reasons).toEqual(['duplicate']);
      expect(sackOf(chunks[0]!).cumulative).toBe(1005);
    }
    expect(peer.send(peer.data({ tsn: 1004, ssn: 4 })).reasons).toEqual(['duplicate']);
  });

  test('takes fragments with it: before, in and behind what is skipped, and the room that they took', () => {
    const peer = peerWith({ 'receive-buffer': '8192', 'max-message': '4000' });
    for (let n = 0; n < 60; n++) {
      const base = 1000 + 10 * n;
      peer.send(peer.data({ tsn: base, flags: 2, bytes: bytes(1000), isUnordered: true }));
      peer.send(peer.data({ tsn: base + 2, flags: 0, bytes: bytes(1000), isUnordered: true }));
      peer.send(peer.data({ tsn: base + 4, flags: 0, bytes: bytes(1000), isUnordered: true }));
      peer.send(forward(base + 3));
      // The rest of the message can never be complete.
      const late = peer.data({ tsn: base + 5, flags: 1, bytes: bytes(1000), isUnordered: true });
      expect(peer.send(late).reasons).toEqual(['abandoned']);
      const { chunks } = peer.send(forward(base + 9));
      expect(sackOf(chunks.at(-1)!)).toMatchObject({ cumulative: base + 9, window: 8192 });
    }
    expect(ppids(peer.send(peer.data({ tsn: 1600, ppid: 5 })))).toEqual([5]);
  });

  test('without naming streams frees fragments by their TSNs (RFC 3758 §3.6)', () => {
    const peer = peerWith();
    peer.send(peer.data({ tsn: 1001, flags: 2, isUnordered: true }));
    peer.send(forward(1003));
    expect(ppids(peer.send(peer.data({ tsn: 1004, ppid: 8 })))).toEqual([8]);
    expect(peer.isAlive).toBe(true);
  });

  test('far ahead, of streams that do not exist, or cut short does no harm', () => {
    const peer = peerWith();
    peer.send(peer.data({ tsn: 1002, ssn: 2 }));
    expect(peer.send(chunk(CHUNK.FORWARD_TSN, be32(1001).slice(0, 3))).reasons).toEqual(['bad-chunk']);
    expect(peer.send(chunk(CHUNK.FORWARD_TSN, [...be32(1001), 0, 1])).reasons).toEqual(['bad-chunk']);
    const far = 1000 + 0x7000_0000;
    const answer = peer.send(forward(far, [9999, 7], [0, 2]));
    expect(ppids(answer)).toEqual([1]);
    expect(sackOf(answer.chunks[0]!)).toMatchObject({ cumulative: far, gaps: [] });
    expect(ppids(peer.send(peer.data({ tsn: far + 1, ssn: 3, ppid: 4 })))).toEqual([4]);
  });

  test('on a stream with many waiting messages delivers them in order, also where numbers come round', () => {
    const peer = peerWith();
    peer.send(forward(1000, [0, 0x7000]));
    peer.send(forward(1001, [0, 0xe000]));
    const order = [5, 2, 9, 3, 8, 4, 7, 6, 1].map((n) => n - 5);
    for (const n of order)
      peer.send(peer.data({ tsn: 1010 + n, ssn: (n + 0x1_0000) & 0xffff, ppid: n + 10 }));
    // Numbers -4 and on wait for all before them.
    const answer = peer.send(forward(1005, [0, 0xfffd]));
    expect(ppids(answer)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });
});

test('fragments without a beginning break the protocol where nothing is given up', () => {
  const peer = new ScriptedPeer(make).open();
  peer.send(peer.data({}));
  expect(peer.send(peer.data({ flags: 0, isUnordered: true })).reasons).toEqual(['violation']);
});

test('between two pieces, lost messages of partial streams are left out, and all others arrive', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = randomBy(seed);
    const network = () => (random() < 0.25 ? [] : [5 + random() * 60]);
    const reliability = ['1 lifetime 300ms', '2 resends 0', '3 priority 2'][seed % 3]!;
    const ends = new TwoEnds(make, {
      network,
      seed,
      settingsA: { reliability, 'send-buffer': '32768', 'max-message': '8000' },
    });
    const partial = Number(reliability[0]);
    const sent: Message[] = [];
    for (let n = 0; n < 150; n++) {
      const each = message(
        Math.floor(random() * 4),
        n,
        1 + Math.floor(random() * (n % 5 === 0 ? 6000 : 100)),
      );
      const before = ends.a.reasons.get('accepted') ?? 0;
      ends.send(ends.a, each);
      if ((ends.a.reasons.get('accepted') ?? 0) > before) sent.push(each);
      ends.run(random() * 60);
      if (random() < 0.05) ends.replace(random() < 0.5 ? ends.a : ends.b);
    }
    ends.network = () => [10];
    ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
    ends.runUntil(() => ends.b.notices.at(-1) === CHUNK.SHUTDOWN_COMPLETE);
    for (let sid = 0; sid < 4; sid++) {
      const of = (list: readonly Message[]) =>
        list.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
      const got = of(ends.b.received);
      const all = of(sent);
      if (sid === partial) expect(got).toEqual(all.filter((ppid) => got.includes(ppid)));
      else expect(got).toEqual(all);
    }
    for (const { ppid, bytes: got } of ends.b.received)
      expect(Buffer.compare(got, sent.find((each) => each.ppid === ppid)!.bytes)).toBe(0);
    ends.run(120_000);
    expect(ends.a.wakeAt).toBe(Infinity);
  }
});
