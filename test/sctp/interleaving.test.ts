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

const SUPPORTED = parameter(0x8008, [CHUNK.FORWARD_TSN, CHUNK.RE_CONFIG, CHUNK.I_DATA, CHUNK.I_FORWARD_TSN]);
const ON = { interleaving: 'true' };
const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, n) => n + first);
const message = (sid: number, ppid: number, length = 10, isUnordered = false): Message => ({
  sid,
  ppid,
  bytes: bytes(length, ppid),
  isUnordered,
});
const ppids = (answer: Answer) => answer.messages.map(({ ppid }) => ppid);
const openPeer = (settings: Readonly<Record<string, string>> = {}, fields = {}) =>
  new ScriptedPeer(make, { ...ON, ...settings }).open({ parameters: SUPPORTED, ...fields });

interface Fragment {
  readonly tsn: number;
  readonly sid?: number;
  readonly mid?: number;
  /** The number of the fragment, or of the first one the payload protocol. */
  readonly fsn?: number;
  readonly flags?: number;
  readonly value?: Uint8Array;
}
function iData({ tsn, sid = 0, mid = 0, fsn = 0, flags = 3, value = bytes(4, fsn) }: Fragment): WireChunk {
  return chunk(CHUNK.I_DATA, [...be32(tsn), ...be16(sid), 0, 0, ...be32(mid), ...be32(fsn), ...value], flags);
}
const iDataIn = ({ chunks }: Answer) =>
  chunks
    .filter(({ type }) => type === CHUNK.I_DATA)
    .map(({ value, flags }) => ({
      tsn: read32(value, 0),
      sid: read16(value, 4),
      mid: read32(value, 8),
      fsn: read32(value, 12),
      flags,
      length: value.length - 16,
    }));
const abortIn = ({ chunks }: Answer) => {
  const found = chunks.find(({ type }) => type === CHUNK.ABORT);
  return found === undefined ? undefined : causeOf(found)!.code;
};

describe('interleaving', () => {
  test('is announced where the setting says so, and used where both sides announce it', () => {
    for (const setting of ['true', 'false']) {
      const peer = new ScriptedPeer(make, { interleaving: setting });
      for (const each of [peer.ask().initAck, new ScriptedPeer(make, { interleaving: setting }).beOpened()]) {
        const list = [...parameterOf(each, 0x8008)!];
        expect(list.includes(CHUNK.I_DATA)).toBe(setting === 'true');
        expect(list.includes(CHUNK.I_FORWARD_TSN)).toBe(setting === 'true');
      }
      peer.open({ parameters: SUPPORTED });
      const { chunks } = peer.write(message(0, 1));
      expect(chunks[0]!.type).toBe(setting === 'true' ? CHUNK.I_DATA : CHUNK.DATA);
    }
    const { chunks } = new ScriptedPeer(make, ON).open().write(message(0, 1));
    expect(chunks[0]!.type).toBe(CHUNK.DATA);
  });

  test('leaves no room for DATA where it was agreed, nor for I-DATA where it was not', () => {
    const peer = openPeer();
    expect(abortIn(peer.send(peer.data()))).toBe(13);
    const other = new ScriptedPeer(make).open();
    expect(other.send(iData({ tsn: 1000 })).reasons).toEqual(['unknown-chunk']);
    expect(other.isAlive).toBe(true);
  });

  test('lets a small message pass a large one, whose fragments are numbered', () => {
    const peer = openPeer({ mtu: '576' });
    const sent = iDataIn(peer.write(message(1, 77, 5000), message(2, 88, 64)));
    const small = sent.findIndex(({ sid }) => sid === 2);
    expect(small).toBe(1);
    expect(sent[small]).toMatchObject({ mid: 0, fsn: 88, flags: 3, length: 64 });
    const large = sent.filter(({ sid }) => sid === 1);
    expect(large.length).toBeGreaterThan(2);
    expect(large[0]).toMatchObject({ mid: 0, fsn: 77, flags: 2 });
    expect(large.slice(1).map(({ fsn }) => fsn)).toEqual(large.slice(1).map((_, n) => n + 1));
    expect(sent.map(({ tsn }) => tsn)).toEqual(sent.map((_, n) => peer.peerTsn + n));
    for (const { length } of large) expect(length + 20).toBeLessThanOrEqual(576 - 40);
  });

  test('numbers ordered and unordered messages of a stream each by themselves', () => {
    const peer = openPeer();
    const all = [false, true, false, true, true].map((isUnordered, n) => message(1, n, 10, isUnordered));
    expect(iDataIn(peer.write(...all)).map(({ mid }) => mid)).toEqual([0, 0, 1, 1, 2]);
  });

  test('begins no more messages than the buffer of the peer can hold together', () => {
    const peer = openPeer({ mtu: '576', 'send-buffer': '262144' }, { window: 10_000 });
    let cumulative = peer.peerTsn - 1;
    const begun = new Map<number, number>();
    let most = 0;
    const look = (answer: Answer) => {
      for (const { sid, flags, tsn } of iDataIn(answer)) {
        cumulative = tsn;
        if ((flags & 2) !== 0) begun.set(sid, 4000);
        most = Math.max(
          most,
          [...begun.values()].reduce((sum, each) => sum + each, 0),
        );
        if ((flags & 1) !== 0) begun.delete(sid);
      }
    };
    look(peer.write(...Array.from({ length: 9 }, (_, n) => message(n, n, 4000))));
    for (let n = 0; n < 200; n++) look(peer.send(peer.sack(cumulative, { window: 10_000 })));
    expect(begun.size).toBe(0);
    expect(most).toBeLessThanOrEqual(10_000);
    expect(most).toBeGreaterThan(4000);
  });

  test('puts fragments together whatever their order, of several messages at once', () => {
    const pieces = [0, 1].flatMap((mid) =>
      [0, 1, 2, 3].map((fsn) => ({
        tsn: 1000 + 2 * fsn + mid,
        mid,
        fsn: fsn === 0 ? 50 + mid : fsn,
        flags: [2, 0, 0, 1][fsn]!,
        value: bytes(5, 10 * mid + 2 * fsn),
      })),
    );
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomBy(seed);
      const order = pieces.map((each) => ({ each, at: random() })).sort((a, b) => a.at - b.at);
      const peer = openPeer();
      const got = order.flatMap(({ each }) => peer.send(iData(each)).messages);
      expect(got.map(({ ppid }) => ppid)).toEqual([50, 51]);
      for (const [mid, each] of got.entries())
        expect([...each.bytes]).toEqual([0, 1, 2, 3].flatMap((fsn) => [...bytes(5, 10 * mid + 2 * fsn)]));
    }
  });

  test('delivers in the order of 32-bit numbers', () => {
    const peer = openPeer();
    expect(ppids(peer.send(iData({ tsn: 1001, mid: 1, fsn: 11 })))).toEqual([]);
    expect(ppids(peer.send(iData({ tsn: 1002, mid: 0x1_0000, fsn: 99 })))).toEqual([]);
    expect(ppids(peer.send(iData({ tsn: 1000, mid: 0, fsn: 10 })))).toEqual([10, 11]);
  });

  test.each<[string, readonly Fragment[]]>([
    [
      'the same fragment twice',
      [
        { tsn: 1001, fsn: 1, flags: 0 },
        { tsn: 1002, fsn: 1, flags: 0 },
      ],
    ],
    [
      'one behind the last',
      [
        { tsn: 1001, fsn: 1, flags: 1 },
        { tsn: 1002, fsn: 2, flags: 0 },
      ],
    ],
    [
      'a last one before others',
      [
        { tsn: 1001, fsn: 5, flags: 0 },
        { tsn: 1002, fsn: 2, flags: 1 },
      ],
    ],
    [
      'the same fragment twice, between others',
      [
        { tsn: 1001, fsn: 1, flags: 0 },
        { tsn: 1002, fsn: 5, flags: 0 },
        { tsn: 1003, fsn: 3, flags: 0 },
        { tsn: 1004, fsn: 3, flags: 0 },
      ],
    ],
  ])('%s ends the association', (_, fragments) => {
    const peer = openPeer();
    const answers = fragments.map((each) => peer.send(iData(each)));
    expect(answers.map(abortIn)).toEqual([...fragments.slice(1).map(() => undefined), 13]);
  });

  test('an I-DATA of no bytes, or one that is too short, is what a DATA would be', () => {
    const peer = openPeer();
    expect(peer.send(chunk(CHUNK.I_DATA, Array(15).fill(0))).reasons).toEqual(['bad-chunk']);
    expect(abortIn(peer.send(iData({ tsn: 1000, value: new Uint8Array() })))).toBe(9);
  });
});

describe('given up, interleaved', () => {
  test('a message is skipped with all its fragments, and those between them are not', () => {
    const peer = openPeer({ mtu: '576', reliability: '1 resends 0' });
    const sent = iDataIn(peer.write(message(1, 77, 1500, true), message(2, 88, 1500)));
    const last = sent.at(-1)!.tsn;
    const late = peer.passToWake();
    const again = new Set(iDataIn(late).map(({ sid }) => sid));
    expect([...again]).toEqual([2]);
    const forward = late.chunks.find(({ type }) => type === CHUNK.I_FORWARD_TSN)!;
    expect(read32(forward.value, 0)).toBe(peer.peerTsn);
    expect([...forward.value.slice(4)]).toEqual([...be16(1), ...be16(1), ...be32(0)]);
    let answer = peer.send(peer.sack(peer.peerTsn + 1));
    for (let n = 0; n < 8; n++) answer = peer.send(peer.sack(last));
    expect(answer.chunks).toEqual([]);
    expect(peer.isAlive).toBe(true);
  });

  test('what the peer skips frees its fragments, ordered ones and unordered ones each', () => {
    const peer = openPeer({ 'receive-buffer': '8192', 'max-message': '4000' });
    const skip = (tsn: number, sid: number, isUnordered: boolean, mid: number) =>
      chunk(CHUNK.I_FORWARD_TSN, [...be32(tsn), ...be16(sid), ...be16(Number(isUnordered)), ...be32(mid)]);
    for (let n = 0; n < 30; n++) {
      const base = 1000 + 10 * n;
      for (const u of [0, 4]) {
        peer.send(iData({ tsn: base + u, sid: 3, mid: n, fsn: 1, flags: u, value: bytes(1000) }));
        peer.send(iData({ tsn: base + u + 1, sid: 3, mid: n, fsn: 7, flags: u, value: bytes(1000) }));
      }
      peer.send(skip(base + 5, 3, true, n));
      peer.send(skip(base + 9, 3, false, n));
      // Again, since a repeated one is acknowledged at once.
      const { chunks } = peer.send(skip(base + 9, 3, false, n));
      expect(sackOf(chunks.at(-1)!)).toMatchObject({ cumulative: base + 9, window: 8192 });
    }
    expect(ppids(peer.send(iData({ tsn: 1300, sid: 3, mid: 30, fsn: 5 })))).toEqual([5]);
    expect(peer.send(chunk(CHUNK.I_FORWARD_TSN, [...be32(1400), 0, 1, 0, 1])).reasons).toEqual(['bad-chunk']);
    expect(peer.send(chunk(CHUNK.FORWARD_TSN, be32(1400))).reasons).toEqual(['unknown-chunk']);
  });
});

test('between two pieces, large and small messages arrive whatever is lost, replaced or given up', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomBy(seed);
    const network = () => (random() < 0.12 ? [] : [5 + random() * 60]);
    const ends = new TwoEnds(make, {
      network,
      seed,
      settingsA: { ...ON, reliability: '3 resends 0' },
      settingsB: { ...ON, 'receive-buffer': '65536' },
    });
    const sent: Message[] = [];
    for (let n = 0; n < 80; n++) {
      const length = 1 + Math.floor(random() * (n % 4 === 0 ? 12_000 : 200));
      const each = message(Math.floor(random() * 4), n, length, random() < 0.2);
      const before = ends.a.reasons.get('accepted') ?? 0;
      ends.send(ends.a, each);
      if ((ends.a.reasons.get('accepted') ?? 0) > before) sent.push(each);
      ends.run(random() * 100);
      if (random() < 0.1) ends.replace(random() < 0.5 ? ends.a : ends.b);
    }
    ends.network = () => [10];
    ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
    ends.runUntil(() => ends.b.notices.at(-1) === CHUNK.SHUTDOWN_COMPLETE);
    for (let sid = 0; sid < 4; sid++) {
      const of = (list: readonly Message[]) =>
        list.filter((each) => each.sid === sid && each.isUnordered !== true).map(({ ppid }) => ppid);
      const got = of(ends.b.received);
      expect(got).toEqual(sid === 3 ? of(sent).filter((ppid) => got.includes(ppid)) : of(sent));
    }
    const surely = sent.filter(({ sid }) => sid !== 3).map(({ ppid }) => ppid);
    const got = new Map(ends.b.received.map(({ ppid, bytes: value }) => [ppid, value]));
    expect(surely.filter((ppid) => !got.has(ppid))).toEqual([]);
    expect(got.size).toBe(ends.b.received.length);
    for (const [ppid, value] of got)
      expect(Buffer.compare(value, sent.find((each) => each.ppid === ppid)!.bytes)).toBe(0);
    expect(ends.log.some(({ packet }) => packet.chunks.some(({ type }) => type === CHUNK.DATA))).toBe(false);
  }
});
