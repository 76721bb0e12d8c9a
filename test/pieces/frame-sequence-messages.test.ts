import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { complianceChecks } from '../compliance/compliance-checks.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { areSame, be32, concat, ME, message, PEER, PEER6, read, STRANGER } from './carrier-frames.ts';
import { type GivenFrame, PieceRig, problemsOf, type RigResult, type SentFrame } from './piece-rig.ts';
import { ReassemblyModel, type Segment } from './reassembly-model.ts';

const OPAQUE = 'opaque-frame';
const MAX = 66_240;
const FIRST = 0x20;
const LAST = 0x10;

let component: Uint8Array;
let make: BoundComponent;
beforeAll(async () => {
  component = await builtPiece(join(packageRoot(), 'pieces-as/frame-sequence'));
  make = await runByOffset(component);
}, 300_000);

const SIZES = [0, 1, 1387, 1388, 1389, 1399, 1400, 1401, 65_535, 65_536, MAX - 1, MAX];

describe.each(['message-reliable', 'message-unreliable'])('%s', (mode) => {
  const remote = { mode, stack: OPAQUE, remote: '192.0.2.2', 'remote-port': '40000' };

  test('frames of all sizes come out of another instance as they were', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...SIZES), fc.nat(5000)), { maxLength: 6 }),
        fc.integer({ min: 64, max: 9000 }),
        (lengths, most) => {
          const sender = new PieceRig(make, { ...remote, 'max-segment': String(most) }).join();
          const receiver = new PieceRig(make, { mode, stack: OPAQUE }).join();
          const frames = lengths.map((length, n) => Uint8Array.from({ length }, (_, i) => i * 5 + n));
          // A call each: several large frames in segments of a few bytes are more than one outcome holds.
          const results = frames.map((bytes) => sender.process(frame([{ bytes }])));
          expect(results.flatMap(({ ends }) => ends)).toEqual([]);
          const sent = results.flatMap((result) => result.sent);
          for (const each of sent) expect(read(each).body.length).toBeLessThanOrEqual(most);
          const out = sent.flatMap((each) => delivered(receiver.process(message(read(each).body))));
          expect(
            areSame(
              out.map(({ bytes }) => bytes),
              frames,
            ),
          ).toBe(true);
          expect(receiver.held).toBe(0);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('a frame of which one outcome would not hold every segment is lost whole, by name, and the next is not', () => {
    const sender = new PieceRig(make, { ...remote, 'max-segment': '64' }).join();
    const receiver = new PieceRig(make, { mode, stack: OPAQUE }).join();
    const frames = [MAX, MAX, MAX, MAX, 1].map((length, n) =>
      Uint8Array.from({ length }, (_, i) => i * 5 + n),
    );
    const { sent, ends } = sender.process(...frames.map((bytes) => frame([{ bytes }])));
    // Each is 1274 segments of four parts, and an outcome holds 16384.
    expect(ends).toEqual([{ ticket: 4, reason: 'too-many' }]);
    const out = sent.flatMap((each) => delivered(receiver.process(message(read(each).body))));
    const kept = frames.filter((_, n) => n !== 3);
    expect(
      areSame(
        out.map(({ bytes }) => bytes),
        kept,
      ),
    ).toBe(true);
    expect(receiver.held).toBe(0);
  });

  test('many parts, seen and withheld, are cut wherever a message ends', () => {
    const sender = new PieceRig(make, { ...remote, 'max-segment': '100' }).join();
    const receiver = new PieceRig(make, { mode, stack: OPAQUE }).join();
    const parts = Array.from({ length: 32 }, (_, i) => ({
      role: i % 2 ? ('payload' as const) : ('header' as const),
      bytes: Array(i % 5 ? i : 0).fill(i),
    }));
    const { sent } = sender.process(frame(parts));
    const out = sent.flatMap((each) => delivered(receiver.process(message(read(each).body))));
    expect(out.map(({ bytes }) => [...bytes])).toEqual([parts.flatMap(({ bytes }) => bytes)]);
  });

  test('frames in fragments go through as they come, also without a length', () => {
    for (const isAnnounced of [true, false]) {
      const sender = new PieceRig(make, { ...remote, 'max-frame': '4294967295' }).join();
      const receiver = new PieceRig(make, { mode, stack: OPAQUE, 'max-frame': '4294967295' }).join();
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 11);
      const given = chunked(bytes, 50_000).map((chunk, i, all) =>
        frame(
          [
            ...(i === 0 && isAnnounced
              ? [{ protocol: OPAQUE, role: 'header' as const, bytes: be32(300_000) }]
              : []),
            { bytes: chunk, marks: i < all.length - 1 ? PartMarks.more : 0 },
          ],
          'large',
        ),
      );
      const sent = given.flatMap((each) => sender.process(each).sent);
      expect(sender.held).toBe(0);
      sent.push(...sender.process(frame([{ bytes: [1] }])).sent);
      const results = sent.map((each) => receiver.process(message(read(each).body)));
      const out = results.flatMap(delivered);
      const header = mode === 'message-unreliable' && isAnnounced ? 4 : 0;
      expect(areSame([concat(...out.slice(0, -1).map((each) => each.bytes)).slice(header)], [bytes])).toBe(
        true,
      );
      expect(out.map(({ hasMore }) => hasMore)).toEqual([...Array(out.length - 2).fill(true), false, false]);
      expect([...out.at(-1)!.bytes]).toEqual([1]);
      expect(receiver.held).toBe(0);
    }
  });

  test('pieces without bytes are borne', () => {
    const sender = new PieceRig(make, remote).join();
    const receiver = new PieceRig(make, { mode, stack: OPAQUE }).join();
    for (const lengths of [
      [0, 0, 0],
      [0, 3, 0],
      [2, 0, 1],
      [0, 0, 5],
      [4, 0],
    ]) {
      const given = lengths.map((length, i) =>
        frame(
          [{ bytes: Array(length).fill(i), marks: i < lengths.length - 1 ? PartMarks.more : 0 }],
          String(lengths),
        ),
      );
      const { sent } = sender.process(...given);
      const out = delivered(receiver.process(...sent.map((each) => message(read(each).body))));
      expect(out.map(({ bytes }) => [...bytes])).toEqual([
        lengths.flatMap((length, i) => Array(length).fill(i)),
      ]);
    }
  });

  test('a frame in fragments that is not as announced, or too large, is lost by name', () => {
    const rig = new PieceRig(make, { ...remote, 'max-frame': '5' }).join();
    const piece = (of: string, bytes: number[], more: boolean, total?: number): GivenFrame =>
      frame(
        [
          ...(total === undefined ? [] : [{ protocol: OPAQUE, role: 'header' as const, bytes: be32(total) }]),
          { bytes, marks: more ? PartMarks.more : 0 },
        ],
        of,
      );
    expect(rig.process(piece('a', [1], true, 3), piece('a', [2], false)).ends).toMatchObject([
      { reason: 'length-wrong' },
    ]);
    expect(rig.process(piece('b', [1, 2, 3], true)).ends).toEqual([]);
    expect(rig.process(piece('b', [4, 5, 6], true)).ends).toMatchObject([{ reason: 'too-large' }]);
    expect(rig.process(piece('b', [7], false)).ends).toEqual([]);
    expect(rig.process(piece('c', [1], false)).sent).toHaveLength(1);
    expect(rig.held).toBe(0);
  });

  test('large frames of several senders come out whole, however their pieces and other frames mix', () => {
    const step = fc.record({
      sender: fc.nat(3),
      length: fc.nat(3000),
      isLast: fc.nat(3),
      isAlone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const sender = new PieceRig(make, { ...remote, 'max-frame': '4294967295' }).join();
        const receiver = new PieceRig(make, { mode, stack: OPAQUE, 'max-frame': '4294967295' }).join();
        const underWay = new Map<number, { of: string; bytes: number[] }>();
        const frames: number[][] = [];
        const sent: SentFrame[] = [];
        const give = (each: GivenFrame): void => {
          const result = sender.process(each);
          expect(result.ends).toEqual([]);
          sent.push(...result.sent);
        };
        const piece = (key: number, bytes: number[], isLast: boolean, n: number): void => {
          const at = underWay.get(key) ?? { of: `frame ${n}`, bytes: [] };
          at.bytes.push(...bytes);
          underWay.set(key, at);
          give(frame([{ bytes, marks: isLast ? 0 : PartMarks.more }], at.of));
          if (!isLast) return;
          underWay.delete(key);
          frames.push(at.bytes);
        };
        for (const [n, { sender: key, length, isLast, isAlone }] of steps.entries()) {
          const bytes = Array.from({ length }, (_, i) => (n * 7 + i) & 0xff);
          if (!isAlone) {
            piece(key, bytes, isLast === 0, n);
            continue;
          }
          give(frame([{ bytes }]));
          frames.push(bytes);
        }
        for (const key of [...underWay.keys()]) piece(key, [key], true, 0);
        expect(sender.held).toBe(0);
        const out = sent.flatMap((each) => delivered(receiver.process(message(read(each).body))));
        const sorted = (all: readonly ArrayLike<number>[]) =>
          all.map((each) => Buffer.from(Array.from(each))).sort(Buffer.compare);
        expect(areSame(sorted(out.map((each) => each.bytes)), sorted(frames))).toBe(true);
        expect(receiver.held).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  test('a frame in fragments that comes no further is given up, and what waited for it goes on', () => {
    const rig = new PieceRig(make, { ...remote, timeout: '2s' }).join();
    rig.process(frame([{ bytes: [1], marks: PartMarks.more }], 'a'));
    rig.now += 1000;
    const before = rig.process(
      frame([{ bytes: [2], marks: PartMarks.more }], 'b'),
      frame([{ bytes: [3] }]),
      frame([{ bytes: [4] }], 'b'),
    );
    rig.now = before.wakeAt;
    const after = rig.process();
    expect(after.ends).toMatchObject([{ ticket: 1, reason: 'timed-out' }]);
    const bodies = [...before.sent, ...after.sent].map((each) => read(each).body.at(-1));
    expect(bodies.sort()).toEqual([2, 3, 4]);
    expect(after.wakeAt).toBe(Number.POSITIVE_INFINITY);
    expect(rig.held).toBe(0);
  });

  test('a mistake of a segment, a frame or its sender is counted by name', () => {
    const rig = new PieceRig(make, { mode, stack: 'ip', 'max-frame': '50' }).join();
    const reasonOf = (bytes: readonly number[]): string => rig.process(message(bytes)).ends[0]!.reason;
    expect(reasonOf([])).toBe('bad-segment');
    expect(reasonOf([0x40, 0, 0])).toBe('bad-segment');
    expect(reasonOf([0x80 | FIRST | LAST, ...Array(30).fill(0)])).toBe('bad-segment');
    expect(reasonOf([0x41 | FIRST | LAST, ...Array(30).fill(0)])).toBe('bad-segment');
    expect(reasonOf(segment(mode, { from: 0, bytes: [0x15], isFirst: true, isLast: true, total: 1 }))).toBe(
      'unrecognised',
    );
    expect(reasonOf(segment(mode, { from: 0, bytes: [], isFirst: true, isLast: true, total: 0 }))).toBe(
      'empty',
    );
    const large = { from: 0, bytes: Array(51).fill(0x45), isFirst: true, isLast: true, total: 51 };
    expect(reasonOf(segment(mode, large))).toBe('too-large');
    const answered = rig.process(frame([{ bytes: [0x45] }])).sent[0]!;
    expect(read(answered)).toMatchObject({
      to: PEER.address,
      toPort: PEER.port,
      fromPort: ME.port,
      from: ME.address,
    });
    const named = new PieceRig(make, { ...remote, remote: '192.0.2.9' }).join();
    const good = segment(mode, { from: 0, bytes: [1], isFirst: true, isLast: true, total: 1 });
    expect(named.process(message(good)).ends).toMatchObject([{ reason: 'busy' }]);
    const lonely = new PieceRig(make, { mode, stack: OPAQUE }).join(['carrier']);
    expect(lonely.process(message(good)).ends).toMatchObject([{ reason: 'not-joined' }]);
    expect(new PieceRig(make, { mode }).join().process(frame([{ bytes: [1] }])).ends).toMatchObject([
      { reason: 'not-connected' },
    ]);
  });

  test('over IPv6', () => {
    const rig = new PieceRig(make, { mode, stack: OPAQUE }).join();
    const good = segment(mode, { from: 0, bytes: [1], isFirst: true, isLast: true, total: 1 });
    expect(delivered(rig.process(message(good, PEER6)))).toHaveLength(1);
    expect(read(rig.process(frame([{ bytes: [1] }])).sent[0]!)).toMatchObject({
      to: PEER6.address,
      toPort: PEER6.port,
    });
  });

  test('frames that fit in no outcome any more are lost by name', () => {
    const rig = new PieceRig(make, { mode, stack: OPAQUE }).join();
    const good = message(segment(mode, { from: 0, bytes: [1], isFirst: true, isLast: true, total: 1 }));
    const result = rig.process(...Array.from({ length: 8200 }, () => good));
    expect(delivered(result)).toHaveLength(8192);
    expect(result.ends.map(({ reason }) => reason)).toEqual(Array(8).fill('too-many'));
  });

  describe('compliance', () => {
    const settings = Object.entries({ mode, stack: OPAQUE, 'max-frame': '4294967295', memory: '200000' });
    for (const { name, run } of complianceChecks(() => Promise.resolve(component), { settings, calls: 150 }))
      test(name, run, 300_000);
  });
});

describe('over a reliable carrier', () => {
  const start = (settings = {}): PieceRig =>
    new PieceRig(make, { mode: 'message-reliable', stack: OPAQUE, ...settings }).join();
  const part = (sequence: number, flags: number, ...bytes: number[]): GivenFrame =>
    message([0x40 | flags, 0, sequence >> 8, sequence & 255, ...bytes]);

  test('segments are frames from first to last, and the ticket of the first is that of the frame', () => {
    const rig = start();
    const result = rig.process(part(1, FIRST, 1), part(1, 0, 2), part(1, LAST, 3), part(2, FIRST | LAST, 4));
    expect(delivered(result).map(({ bytes, ticket }) => [...bytes, ticket])).toEqual([
      [1, 2, 3, 1],
      [4, 4],
    ]);
    expect(result.ends.map(({ ticket, reason }) => [ticket, reason])).toEqual([
      [2, 'merged'],
      [3, 'merged'],
    ]);
  });

  test('segments out of order are lost by name', () => {
    const rig = start();
    expect(rig.process(part(1, 0, 1)).ends).toMatchObject([{ ticket: 1, reason: 'out-of-sequence' }]);
    expect(rig.process(part(1, FIRST, 1), part(2, FIRST | LAST, 2)).ends).toMatchObject([
      { ticket: 2, reason: 'broken-off' },
    ]);
    expect(rig.process(part(3, FIRST, 1), part(4, LAST, 2)).ends).toMatchObject([
      { ticket: 4, reason: 'broken-off' },
      { ticket: 5, reason: 'out-of-sequence' },
    ]);
    rig.process(part(5, FIRST, 1));
    expect(rig.process(message([0x40, 0, 0, 5, 1], STRANGER)).ends).toMatchObject([{ reason: 'busy' }]);
    rig.now += 30_000;
    expect(rig.process().ends).toMatchObject([{ ticket: 6, reason: 'timed-out' }]);
    expect(rig.held).toBe(0);
  });

  test('a frame that grows too large is lost, and what is still to come of it', () => {
    const rig = start({ 'max-frame': '2' });
    expect(
      rig.process(part(1, FIRST, 1, 2), part(1, 0, 3), part(1, LAST, 4)).ends.map(({ reason }) => reason),
    ).toEqual(['too-large', 'too-large', 'out-of-sequence']);
  });

  test('a large frame from an unknown sender ends by name', () => {
    const rig = new PieceRig(make, { mode: 'message-reliable', stack: OPAQUE, 'max-frame': '999999' }).join([
      'carrier',
    ]);
    const long = Array(40_000).fill(1);
    expect(rig.process(part(1, FIRST, ...long), part(1, 0, ...long)).ends).toMatchObject([
      { ticket: 2, reason: 'not-joined' },
      { ticket: 1, reason: 'not-joined' },
    ]);
  });
});

describe('over an unreliable carrier', () => {
  const start = (settings = {}): PieceRig =>
    new PieceRig(make, { mode: 'message-unreliable', stack: OPAQUE, ...settings }).join();
  const part = (
    sequence: number,
    from: number,
    bytes: readonly number[],
    more: Partial<Segment> = {},
    source = PEER,
  ) =>
    message(
      segment(
        'message-unreliable',
        { from, bytes, isFirst: from === 0, isLast: false, total: 0, ...more },
        sequence,
      ),
      source,
    );
  const bytes = (length: number, value = 7): number[] => Array(length).fill(value);

  test('whatever is lost, late, twice or out of order: whole frames come out once, and all else times out', () => {
    const journey = fc.record({
      lengths: fc.array(fc.nat(8000), { minLength: 1, maxLength: 6 }),
      order: fc.infiniteStream(fc.nat()),
      lossPercent: fc.constantFrom(0, 0, 5, 30),
      twicePercent: fc.constantFrom(0, 20),
    });
    fc.assert(
      fc.property(journey, ({ lengths, order, lossPercent, twicePercent }) => {
        const next = (below: number): number => order.next().value % below;
        const sender = start({ remote: '192.0.2.2', 'remote-port': '40000', 'max-segment': '600' });
        const receiver = start();
        const frames = lengths.map((length, n) => Uint8Array.from({ length }, (_, i) => i * 3 + n));
        const underWay: { n: number; body: Uint8Array; key: number }[] = [];
        const whole = new Set(frames.keys());
        const begun = new Set<number>();
        for (const [n, each] of frames.entries()) {
          const { sent } = sender.process(frame([{ bytes: each }]));
          for (const carried of sent) {
            const { body } = read(carried);
            if (next(100) < lossPercent) {
              whole.delete(n);
              continue;
            }
            begun.add(n);
            underWay.push({ n, body, key: next(1000) });
            // Only for segmented frames: a whole frame that is sent twice arrives twice.
            if (sent.length > 1 && next(100) < twicePercent) underWay.push({ n, body, key: next(1000) });
          }
        }
        underWay.sort((a, b) => a.key - b.key);
        const results = underWay.map(({ body }) => receiver.process(message(body)));
        const out = results.flatMap(delivered).map((each) => each.bytes);
        const expected = [...whole].map((n) => frames[n]!);
        expect(areSame(out.sort(Buffer.compare), expected.sort(Buffer.compare))).toBe(true);
        receiver.now += 30_000;
        const lost = [...begun].filter((n) => !whole.has(n)).length;
        expect(receiver.process().ends.map(({ reason }) => reason)).toEqual(Array(lost).fill('timed-out'));
        expect(receiver.held).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test('segments of any kind lead to what the model says', () => {
    const any = fc.record({
      from: fc.oneof(fc.constant(0), fc.nat(24)),
      length: fc.nat(8),
      isFirst: fc.boolean(),
      isLast: fc.boolean(),
      total: fc.constantFrom(0, 0, 20, 24),
      isWrong: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
    });
    const honest = fc.nat(5).map((i) => ({
      ...{ from: i * 4, length: 4, isFirst: i === 0, isLast: i === 5, total: 24, isWrong: false },
    }));
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 1, arbitrary: any }, { weight: 3, arbitrary: honest }), {
          maxLength: 30,
        }),
        (all) => {
          const rig = start();
          const model = new ReassemblyModel();
          let opener = 0;
          for (const { from, length, isFirst, isLast, total, isWrong } of all) {
            const each = Array.from({ length }, (_, i) => (isWrong ? 99 : from + i));
            const given = { from, bytes: each, isFirst, isLast, total };
            const ticket = rig.nextTicket;
            const result = rig.process(message(segment('message-unreliable', given, 1)));
            const expected = model.take(given);
            const own = result.ends.filter((end) => end.ticket === ticket).map(({ reason }) => reason);
            if (typeof expected !== 'string') {
              expect(delivered(result).map((f) => [...f.bytes])).toEqual([[...expected]]);
              expect(own).toEqual(isFirst && isLast ? [] : ['merged']);
            } else {
              expect(delivered(result)).toEqual([]);
              expect(own).toEqual(expected === 'held' ? [] : [expected]);
              if (expected === 'held') opener = ticket;
              const others = result.ends.filter((end) => end.ticket !== ticket);
              expect(others.every((end) => end.ticket === opener && end.reason === 'inconsistent')).toBe(
                true,
              );
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('an overlap loses the whole frame, and what still comes of it, until its time is over', () => {
    const rig = start();
    rig.process(part(1, 0, bytes(10)));
    expect(rig.process(part(1, 5, bytes(10))).ends).toMatchObject([
      { ticket: 1, reason: 'inconsistent' },
      { ticket: 2, reason: 'inconsistent' },
    ]);
    expect(rig.process(part(1, 10, bytes(5), { isLast: true })).ends).toMatchObject([
      { reason: 'inconsistent' },
    ]);
    rig.now += 30_000;
    expect(rig.process().ends).toEqual([]);
    rig.process(part(1, 0, bytes(10)));
    expect(delivered(rig.process(part(1, 10, bytes(5), { isLast: true })))).toHaveLength(1);
  });

  test('frames of one sequence number and several sources do not mix', () => {
    const rig = start();
    rig.process(
      part(1, 0, bytes(4, 1)),
      part(1, 0, bytes(4, 2), {}, STRANGER),
      part(1, 0, bytes(4, 3), {}, PEER6),
    );
    const result = rig.process(
      part(1, 4, [9], { isLast: true }, STRANGER),
      part(1, 4, [9], { isLast: true }, PEER6),
      part(1, 4, [9], { isLast: true }),
    );
    expect(delivered(result).map((each) => each.bytes[0])).toEqual([2, 3, 1]);
  });

  test('a segment that comes again after its frame is a duplicate for a while', () => {
    const rig = start();
    const last = part(1, 4, [9], { isLast: true });
    rig.process(part(1, 0, bytes(4)), last);
    expect(rig.process(last).ends).toMatchObject([{ reason: 'duplicate' }]);
    rig.now += 1000;
    rig.process(last);
    expect(rig.held).toBe(1);
  });

  test('memory for as many frames as the setting says, and no more', () => {
    const rig = start({ memory: String(3 * MAX) });
    const result = rig.process(...[1, 2, 3, 4].map((n) => part(n, 0, bytes(4))));
    expect(result.ends).toMatchObject([{ ticket: 4, reason: 'no-memory' }]);
    rig.now = result.wakeAt;
    expect(rig.process().ends).toHaveLength(3);
    expect(rig.process(part(4, 0, bytes(4))).ends).toEqual([]);
  });

  test('more holes than 31 are not remembered', () => {
    const rig = start();
    for (let n = 0; n < 32; n++) expect(rig.process(part(1, n * 2, [n])).ends.length).toBe(n === 0 ? 0 : 1);
    expect(rig.process(part(1, 64, [1])).ends).toMatchObject([{ reason: 'too-many-holes' }]);
    for (let n = 0; n < 31; n++) rig.process(part(1, n * 2 + 1, [n]));
    expect(delivered(rig.process(part(1, 63, [1], { isLast: true })))).toHaveLength(1);
  });

  describe('a frame that is larger than may be', () => {
    const settings = { 'max-frame': '4294967295' };

    test('2³²−1 announced by a sender that sends nothing holds one ticket, and is given up', () => {
      const rig = start(settings);
      const result = rig.process(part(1, 0, [1], { total: 0xffff_ffff }));
      expect(delivered(result)).toHaveLength(1);
      expect(rig.held).toBe(1);
      rig.now = result.wakeAt;
      expect(rig.process().ends).toMatchObject([{ reason: 'timed-out' }]);
      expect(rig.held).toBe(0);
    });

    test('passes in fragments as its front comes, whatever the order within the window', () => {
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat(20)), fc.boolean(), (random, isAnnounced) => {
          const rig = start(settings);
          const whole = Uint8Array.from({ length: 150_000 }, (_, i) => i * 17);
          const segments = chunked(whole, 1400).map((chunk, i, all) => ({
            key: i + random.next().value,
            given: part(1, i * 1400, [...chunk], {
              isLast: i === all.length - 1,
              total: isAnnounced ? 150_000 : 0,
            }),
          }));
          const results = segments.sort((a, b) => a.key - b.key).map(({ given }) => rig.process(given));
          const out = results.flatMap(delivered);
          expect(
            areSame([concat(...out.map((each) => each.bytes)).slice(isAnnounced ? 4 : 0)], [whole]),
          ).toBe(true);
          expect(out.findIndex((each) => !each.hasMore)).toBe(out.length - 1);
          expect(rig.held).toBe(0);
        }),
        { numRuns: 6 },
      );
    });

    test('segments too far beyond a hole are lost by name, and so is an overlap with what was passed on', () => {
      const rig = start(settings);
      rig.process(part(1, 0, bytes(1000), { total: 200_000 }));
      expect(rig.process(part(1, 1000 + MAX, [1])).ends).toMatchObject([{ reason: 'beyond-window' }]);
      expect(rig.process(part(9, 5 * MAX, [1])).ends).toMatchObject([{ reason: 'beyond-window' }]);
      expect(rig.process(part(1, 500, bytes(100))).ends).toMatchObject([{ reason: 'duplicate' }]);
      expect(rig.process(part(1, 900, bytes(200))).ends.map(({ reason }) => reason)).toEqual([
        'inconsistent',
        'inconsistent',
      ]);
    });

    test('lets others pass meanwhile, whole and large', () => {
      const rig = start(settings);
      const large = (n: number, from: number, length: number, isLast = false): GivenFrame =>
        part(n, from, bytes(length, n), { total: 100_000, isLast });
      const told = (result: RigResult) =>
        delivered(result).map((each) => `${each.bytes.at(-1)}${each.hasMore ? '+' : ''} ${each.ticket}`);
      expect(told(rig.process(large(1, 0, 50_000)))).toEqual(['1+ 1']);
      expect(
        told(
          rig.process(
            part(3, 0, [3], { isLast: true, total: 1 }),
            part(4, 0, [4]),
            part(4, 1, [4], { isLast: true }),
            large(2, 0, 50_000),
          ),
        ),
      ).toEqual(['3 2', '4 3', '2+ 5']);
      expect(told(rig.process(large(1, 50_000, 50_000, true)))).toEqual(['1 1']);
      expect(told(rig.process(large(2, 50_000, 50_000, true)))).toEqual(['2 5']);
      expect(rig.held).toBe(0);
    });
  });
});

test('impossible settings are reported', () => {
  expect(problemsOf(make, { mode: 'message-unreliable', carrier: 'ip/tcp' })).toEqual([
    'carrier must be ip/udp, ipv4/udp or ipv6/udp in this mode',
  ]);
  expect(problemsOf(make, { 'max-segment': '63', memory: '66239' })).toEqual([
    'max-segment must be a number from 64 to 65000, not "63"',
    'memory must be a number from 66240 to 33554432, not "66239"',
  ]);
});

function segment(mode: string, { from, bytes, isFirst, isLast, total }: Segment, sequence = 1): number[] {
  const head = [0x40 | (isFirst ? FIRST : 0) | (isLast ? LAST : 0), 0, sequence >> 8, sequence & 255];
  if (mode === 'message-reliable') return [...head, ...bytes];
  return [...head, ...be32(from), ...(isFirst ? be32(total) : []), ...bytes];
}

/** A frame from any sender; those with one name are fragments of one. */
function frame(parts: GivenFrame['parts'], of?: string): GivenFrame {
  return { edge: 'frames', parts, ...(of === undefined ? {} : { of }) };
}

function delivered({ sent }: RigResult): SentFrame[] {
  return sent.filter((each) => each.edge === 'frames');
}

function chunked(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
