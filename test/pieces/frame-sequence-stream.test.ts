import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { complianceChecks } from '../compliance/compliance-checks.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import {
  ACK,
  areSame,
  be32,
  concat,
  FIN,
  ME,
  PEER,
  PEER6,
  RST,
  read,
  STRANGER,
  SYN,
  stream,
} from './carrier-frames.ts';
import { type GivenFrame, PieceRig, problemsOf, type RigResult, type SentFrame } from './piece-rig.ts';

/** The protocol that the piece brings for frames of any bytes. */
const OPAQUE = 'opaque-frame';
const MAX = 66_240;

let component: Uint8Array;
let make: BoundComponent;
beforeAll(async () => {
  component = await builtPiece(join(packageRoot(), 'pieces-as/frame-sequence'));
  make = await runByOffset(component);
}, 300_000);

describe('incoming bytes of a stream', () => {
  test('frames of all sizes come out as they were, however the stream is cut', () => {
    const sizes = fc.oneof(
      fc.constantFrom(0, 1, 2, 3, 1399, 1400, 1401, 65_535, 65_536, MAX - 1, MAX),
      fc.nat(3000),
    );
    fc.assert(
      fc.property(
        fc.array(sizes, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.nat(),
        (lengths, cuts, seed) => {
          const frames = lengths.map((length, i) =>
            Uint8Array.from({ length }, (_, at) => at * 7 + i * 31 + seed),
          );
          const whole = concat(...frames.flatMap((frame) => [be32(frame.length), frame]));
          const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].sort(
            (a, b) => a - b,
          );
          const segments = at.slice(1).flatMap((end, i) => chunked(whole.subarray(at[i]!, end), 60_000));
          const rig = opened({ stack: OPAQUE });
          const out: Uint8Array[] = [];
          for (const segment of segments) {
            const result = rig.process(stream(segment));
            out.push(...delivered(result).map((frame) => frame.bytes));
            expect(result.ends.every(({ reason }) => reason === 'merged')).toBe(true);
          }
          expect(areSame(out, frames)).toBe(true);
          expect(rig.held).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a frame is one payload that the host is to parse, with the ticket of what completed it', () => {
    const rig = opened();
    const first = rig.process(stream([...be32(3), 0x45, 1]));
    expect(first).toMatchObject({ sent: [], ends: [{ reason: 'merged' }] });
    expect(first.wakeAt).toBe(rig.now + 30_000);
    const [frame] = delivered(rig.process(stream([2, ...be32(2), 0x60, 3])));
    expect(frame!.parts.map((part) => [part.role, part.marks])).toEqual([['payload', PartMarks.unparsed]]);
    expect(frame!.ticket).toBe(3);
    expect([...frame!.bytes]).toEqual([0x45, 1, 2]);
  });

  test('a frame that is no packet of IP, or empty, ends by name where frames are packets', () => {
    const rig = opened();
    expect(rig.process(stream([...be32(1), 0x15])).ends).toMatchObject([{ reason: 'unrecognised' }]);
    expect(rig.process(stream(be32(0))).ends).toMatchObject([{ reason: 'empty' }]);
  });

  test('one that is too large is passed over, and what follows is carried', () => {
    const rig = opened({ 'max-frame': '100' });
    const result = rig.process(
      stream([...be32(101), ...Array(50).fill(0x45)]),
      stream(Array(40).fill(0x45)),
      stream([...Array(11).fill(0x45), ...be32(1), 0x46]),
    );
    expect(result.ends.map(({ reason }) => reason)).toEqual(['too-large', 'too-large']);
    expect(delivered(result).map((frame) => [...frame.bytes])).toEqual([[0x46]]);
  });

  test('a length that ends within itself, and a frame that ends within itself, are errors by name', () => {
    for (const bytes of [[0], [0, 0, 0], [...be32(4)], [...be32(4), 0x45, 0, 0]]) {
      const rig = opened();
      rig.process(stream(bytes));
      const result = rig.process(stream([], FIN | ACK));
      expect(result.ends).toMatchObject([{ reason: 'closed-within-frame' }]);
      expect(answers(result)).toEqual([FIN | ACK]);
      // The next stream starts over.
      rig.process(stream([], SYN));
      expect(delivered(rig.process(stream([...be32(1), 0x45])))).toHaveLength(1);
    }
    const rig = opened();
    expect(rig.process(stream([...be32(1), 0x45], FIN | ACK)).ends).toEqual([]);
    expect(opened().process(stream([], RST)).ends).toMatchObject([{ reason: 'control' }]);
  });

  test('a stream that begins again within a frame breaks that frame off', () => {
    const rig = opened();
    rig.process(stream([...be32(9), 0x45]));
    expect(rig.process(stream([], SYN)).ends).toMatchObject([{ reason: 'closed-within-frame' }]);
    expect(delivered(rig.process(stream([...be32(1), 0x45])))).toHaveLength(1);
  });

  test('a stream that stands still within a frame is given up', () => {
    const rig = opened({ timeout: '5s' });
    rig.process(stream([0, 0]));
    rig.now += 5000;
    const result = rig.process();
    expect(answers(result)).toEqual([RST | ACK]);
    expect(rig.logged).toEqual(['warn the stream stood still within a frame, and is closed']);
    expect(rig.process(stream([0])).ends).toMatchObject([{ reason: 'not-open' }]);
  });

  test('frames that fit in no outcome any more are lost by name', () => {
    const rig = opened({ stack: OPAQUE });
    const result = rig.process(stream(new Uint8Array(4 * 10_000)), stream(new Uint8Array(4 * 10)));
    expect(delivered(result)).toHaveLength(8192);
    expect(result.ends).toMatchObject([{ ticket: 3, reason: 'too-many' }]);
  });

  test('only one stream at a time: another is reset', () => {
    const rig = opened();
    const result = rig.process(stream([], SYN, STRANGER), stream([1], ACK, STRANGER));
    expect(result.ends).toMatchObject([{ reason: 'busy' }, { reason: 'busy' }]);
    expect(answers(result)).toEqual([RST | ACK, RST | ACK]);
    expect(read(result.sent[0]!)).toMatchObject({
      to: STRANGER.address,
      toPort: STRANGER.port,
      fromPort: ME.port,
    });
    expect(delivered(rig.process(stream([...be32(1), 0x45])))).toHaveLength(1);
  });

  test('bytes without a stream, and frames that are none of the carrier, end by name', () => {
    const rig = new PieceRig(make).join();
    expect(rig.process(stream([1, 2])).ends).toMatchObject([{ reason: 'not-open' }]);
    expect(rig.process({ edge: 'carrier', parts: [{ bytes: [1] }] }).ends).toMatchObject([
      { reason: 'malformed' },
    ]);
  });

  test('without a neighbour at the Edge frames, they end by name', () => {
    const rig = new PieceRig(make, { stack: OPAQUE, 'max-frame': '1000000' }).join(['carrier']);
    rig.process(stream([], SYN));
    expect(rig.process(stream([...be32(1), 0x45])).ends).toMatchObject([{ reason: 'not-joined' }]);
    expect(rig.process(stream([...be32(100_000), 0x45])).ends).toMatchObject([{ reason: 'not-joined' }]);
  });

  test('the stream goes on in another instance, without the frame that was under way', () => {
    for (const sent of [[...be32(3), 0x45], [0, 0], []]) {
      const rig = opened();
      rig.process(stream(sent));
      const next = new PieceRig(make);
      expect(next.piece.restore(2000, '0.1.0', rig.piece.save(1000))).toBeUndefined();
      next.join();
      const rest = sent.length === 5 ? [0x45, 0x45] : sent.length === 2 ? [0, 1, 0x45] : [];
      const result = next.process(stream([...rest, ...be32(1), 0x46]));
      expect(delivered(result).map((frame) => [...frame.bytes])).toEqual(
        sent.length === 2 ? [[0x45], [0x46]] : [[0x46]],
      );
      if (sent.length === 5) {
        const other = new PieceRig(make);
        other.piece.restore(2000, '0.1.0', rig.piece.save(1000));
        other.join();
        expect(other.process(stream([0x45])).ends).toMatchObject([{ reason: 'broken-off' }]);
      }
    }
  });
});

describe('a frame that is larger than may be', () => {
  test('passes in fragments as it comes, and the first says how long it is', () => {
    const rig = opened({ stack: OPAQUE, 'max-frame': '4294967295' });
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i * 13);
    const pieces = chunked(concat(be32(bytes.length), bytes, be32(1), [7]), 50_000).flatMap((segment) =>
      delivered(rig.process(stream(segment))),
    );
    expect(pieces.map((piece) => piece.hasMore)).toEqual([true, true, true, true, false, false]);
    expect(pieces[0]!.parts[0]).toMatchObject({ role: 'header', bytes: Uint8Array.from(be32(200_000)) });
    expect(areSame([concat(...pieces.slice(0, -1).map((piece) => piece.bytes)).slice(4)], [bytes])).toBe(
      true,
    );
    expect([...pieces.at(-1)!.bytes]).toEqual([7]);
  });

  test.each([2 ** 31, 2 ** 32 - 1])(
    '%i bytes pass through a memory of 64 MiB',
    (length) => {
      const rig = opened({ stack: OPAQUE, 'max-frame': '4294967295' });
      const segment = stream(new Uint8Array(65_000));
      const calls = Array.from({ length: 7 }, () => segment);
      let passed = delivered(rig.process(stream(be32(length)))).length;
      for (let left = length; left > 0; ) {
        const given =
          left >= 7 * 65_000 ? calls : chunked(new Uint8Array(left), 65_000).map((each) => stream(each));
        const pieces = delivered(rig.process(...given));
        for (const piece of pieces) {
          const { bytes } = piece.parts.at(-1)!;
          passed += bytes.length;
          left -= bytes.length;
          if (piece.hasMore === (left === 0)) throw new Error(`the piece that leaves ${left} bytes`);
        }
      }
      expect(passed).toBe(length);
      expect(delivered(rig.process(stream([...be32(1), 9])))[0]!.bytes).toEqual(Uint8Array.of(9));
    },
    300_000,
  );

  test('announced by a sender that sends nothing, it holds nothing and is given up', () => {
    const rig = opened({ stack: OPAQUE, 'max-frame': '4294967295' });
    const result = rig.process(stream(be32(0xffff_ffff)));
    expect(result).toMatchObject({ sent: [], ends: [{ reason: 'merged' }] });
    expect(rig.held).toBe(0);
    rig.now = result.wakeAt;
    expect(answers(rig.process())).toEqual([RST | ACK]);
  });

  test('where a piece does not fit any more, the rest of the frame is passed over', () => {
    const rig = opened({ stack: OPAQUE, 'max-frame': '4294967295' });
    // Small frames fill the tables in front of it.
    const result = rig.process(
      stream(new Uint8Array(4 * 8192)),
      stream([...be32(70_000), 1]),
      stream(new Uint8Array(60_000)),
    );
    expect(result.ends.map(({ reason }) => reason)).toEqual(['too-many', 'too-many']);
    expect(delivered(rig.process(stream(new Uint8Array(9999)), stream([...be32(1), 9])))).toHaveLength(1);
  });
});

describe('outgoing frames in a stream', () => {
  test('is the length and the frame, and bytes that stayed with the host stay there', () => {
    const rig = opened();
    const [frame] = rig.process(packet([1, 2, 3])).sent;
    expect(frame!.edge).toBe('carrier');
    expect([...read(frame!).body]).toEqual([...be32(23), ...ipv4Header, 1, 2, 3]);
    expect(read(frame!)).toMatchObject({
      to: PEER.address,
      from: ME.address,
      toPort: PEER.port,
      fromPort: ME.port,
    });
    expect(frame!.parts.map((part) => part.marks)).toEqual([
      PartMarks.unfinished,
      PartMarks.unfinished,
      0,
      0,
      PartMarks.withheld,
    ]);
  });

  test('comes out of another instance as it went in: any parts and lengths', () => {
    const part = fc.record({ length: fc.oneof(fc.nat(200), fc.nat(3000)), isHeader: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(part, { minLength: 1, maxLength: 32 }), { maxLength: 6 }), (frames) => {
        const sender = opened({ stack: OPAQUE });
        const receiver = opened({ stack: OPAQUE });
        let byte = 0;
        const given = frames.map(
          (parts): GivenFrame => ({
            edge: 'frames',
            parts: parts.map(({ length, isHeader }) => ({
              role: isHeader ? 'header' : 'payload',
              bytes: Uint8Array.from({ length }, () => byte++ % 251),
            })),
          }),
        );
        const { sent, ends } = sender.process(...given);
        expect(ends).toEqual([]);
        const out = sent.flatMap((frame) => delivered(receiver.process(stream(read(frame).body))));
        expect(out.map((frame) => frame.bytes)).toEqual(
          given.map(({ parts }) => concat(...parts.map((p) => p.bytes))),
        );
      }),
      { numRuns: 25 },
    );
  });

  test('headers that the host has yet to finish stay so, and where that cannot be the frame is lost by name', () => {
    const rig = opened({ stack: OPAQUE });
    const unfinished = (length: number): GivenFrame => ({
      edge: 'frames',
      parts: [
        { protocol: 'ipv4', role: 'header', marks: PartMarks.unfinished, bytes: ipv4Header },
        { bytes: new Uint8Array(length) },
      ],
    });
    expect(rig.process(unfinished(100)).sent[0]!.parts[3]).toMatchObject({
      role: 'header',
      marks: PartMarks.unfinished,
    });
    expect(rig.process(unfinished(66_000)).ends).toMatchObject([{ reason: 'unfinished' }]);
  });

  test('without a stream, or without a carrier, it is lost by name', () => {
    expect(new PieceRig(make).join().process(packet([])).ends).toMatchObject([{ reason: 'not-connected' }]);
    expect(new PieceRig(make).join(['frames']).process(packet([])).ends).toMatchObject([
      { reason: 'not-joined' },
    ]);
    expect(opened({ 'max-frame': '30' }).process(packet(Array(11).fill(0))).ends).toMatchObject([
      { reason: 'too-large' },
    ]);
  });

  test('when the carrier leaves, its stream is gone', () => {
    const rig = opened();
    rig.leave('carrier').join(['carrier']);
    expect(rig.process(packet([])).ends).toMatchObject([{ reason: 'not-connected' }]);
  });

  test('while the carrier is full, frames wait', () => {
    const rig = opened();
    rig.ready('carrier', false);
    expect(rig.process().paused).toEqual(['frames']);
    rig.ready('carrier', true);
    expect(rig.process().paused).toEqual([]);
  });

  describe('a frame in fragments', () => {
    const settings = { stack: OPAQUE, 'max-frame': '4294967295' };
    const piece = (bytes: ArrayLike<number>, more: boolean, total?: number, of = 'a'): GivenFrame => ({
      edge: 'frames',
      of,
      parts: [
        ...(total === undefined ? [] : [{ protocol: OPAQUE, role: 'header' as const, bytes: be32(total) }]),
        { bytes, marks: more ? PartMarks.more : 0 },
      ],
    });

    test('goes out as it comes, when its length was announced', () => {
      const rig = opened(settings);
      const { sent, ends } = rig.process(
        piece([1, 2], true, 5),
        piece([3, 4], true),
        piece([5], false),
        piece([6], false, undefined, 'b'),
      );
      expect(ends).toEqual([]);
      expect([...concat(...sent.map((frame) => read(frame).body))]).toEqual([
        ...be32(5),
        1,
        2,
        3,
        4,
        5,
        ...be32(1),
        6,
      ]);
    });

    test('is lost by name when it was not', () => {
      const { sent, ends } = opened(settings).process(
        piece([1], true),
        piece([2], true),
        piece([3], false),
        piece([4], false, undefined, 'b'),
      );
      expect(sent).toHaveLength(1);
      expect(ends.map(({ reason }) => reason)).toEqual(['length-unknown']);
    });

    test.each<[string, GivenFrame[]]>([
      ['ends too early', [piece([1], true, 5), piece([2], false)]],
      ['is too long', [piece([1], true, 5), piece([2, 3, 4, 5, 6], false)]],
      ['goes on too long', [piece([1], true, 3), piece([2, 3, 4], true)]],
    ])('that %s puts the stream out of step, and it is reset', (_name, given) => {
      const rig = opened(settings);
      const result = rig.process(...given);
      expect(answers(result)).toEqual([24, RST | ACK]);
      expect(result.ends.map(({ reason }) => reason)).toEqual(['length-wrong']);
      expect(rig.process(packet([])).ends).toHaveLength(1);
      expect(rig.process(stream([], SYN)).ends).toMatchObject([{ reason: 'control' }]);
    });

    test('is not finished on a stream that came later', () => {
      const rig = opened(settings);
      rig.process(piece([1], true, 5));
      expect(rig.process(stream([], FIN | ACK), stream([], SYN)).ends.map(({ reason }) => reason)).toEqual([
        'control',
        'control',
        'not-connected',
      ]);
      expect(rig.process(piece([2], true))).toMatchObject({ sent: [], ends: [] });
      expect(rig.process(piece([3], false, undefined, 'b')).sent).toHaveLength(1);
      expect(rig.held).toBe(0);
    });

    test('is left off, and what waits has lost its stream', () => {
      const rig = opened({ ...settings, timeout: '2s' });
      rig.process(piece([1], true, 3));
      expect(rig.process(piece([2], true, 2, 'b')).ends).toEqual([]);
      expect(rig.process(piece([3], false, undefined, 'c')).sent).toEqual([]);
      rig.now += 2000;
      const result = rig.process();
      expect(answers(result)).toEqual([RST | ACK]);
      expect(result.ends.map(({ reason }) => reason)).toEqual([
        'timed-out',
        'not-connected',
        'not-connected',
      ]);
      expect(rig.held).toBe(0);
    });

    test('lets only a bounded number wait', () => {
      const rig = opened(settings);
      rig.process(piece([1], true, 2));
      const others = Array.from({ length: 257 }, (_, n) => piece([n & 255], false, undefined, `other ${n}`));
      expect(rig.process(...others).ends).toMatchObject([{ reason: 'busy' }]);
      rig.ready('carrier', false);
      expect(rig.process(piece([2], false)).sent).toHaveLength(1);
      rig.ready('carrier', true);
      const { sent } = rig.process();
      expect(sent.map((each) => read(each).body.at(-1))).toEqual(Array.from({ length: 256 }, (_, n) => n));
      expect(rig.held).toBe(0);
    });
  });

  test('frames that fit in no outcome are lost by name', () => {
    const result = opened({ stack: OPAQUE }).process(
      ...Array.from({ length: 6000 }, (): GivenFrame => ({ edge: 'frames', parts: [{ bytes: [1] }] })),
    );
    expect(result.ends.length).toBeGreaterThan(0);
    expect(new Set(result.ends.map(({ reason }) => reason))).toEqual(new Set(['too-many']));
    expect(result.ends.length + result.sent.length).toBe(6000);
  });
});

describe('a stream that is opened from here', () => {
  const settings = { remote: '192.0.2.2', 'remote-port': '40000' };

  test('is opened at once, carries frames when it is answered, and is opened again when it closes', () => {
    const rig = new PieceRig(make, settings).join();
    expect(rig.description.edges[1]!.shapes[0]!.stack).toBe('ip/tcp/remote:40000');
    const first = rig.process();
    expect(first.sent.map(read)).toMatchObject([
      { flags: SYN, to: PEER.address, toPort: 40_000, fromPort: 0, from: [0, 0, 0, 0] },
    ]);
    expect(rig.process(packet([])).ends).toMatchObject([{ reason: 'not-connected' }]);
    expect(rig.process(stream([], SYN | ACK, STRANGER)).ends).toMatchObject([{ reason: 'not-open' }]);
    expect(rig.process(stream([], SYN | ACK)).ends).toMatchObject([{ reason: 'control' }]);
    expect(read(rig.process(packet([])).sent[0]!)).toMatchObject({ fromPort: ME.port, from: ME.address });
    const closed = rig.process(stream([], RST | ACK));
    expect(closed.wakeAt).toBe(rig.now + 1000);
    rig.now += 1000;
    expect(answers(rig.process())).toEqual([SYN]);
  });

  test('is tried ever more slowly while it is refused or not answered', () => {
    const rig = new PieceRig(make, settings).join();
    let { wakeAt } = rig.process();
    const waits: number[] = [];
    for (let n = 0; n < 7; n++) {
      expect(wakeAt).toBe(rig.now + 10_000);
      if (n % 2) rig.now = wakeAt;
      const refused = n % 2 ? rig.process() : rig.process(stream([], RST | ACK));
      waits.push(refused.wakeAt - rig.now);
      rig.now = refused.wakeAt;
      const again = rig.process();
      expect(answers(again)).toEqual([SYN]);
      wakeAt = again.wakeAt;
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('over IPv6', () => {
    const rig = new PieceRig(make, { ...settings, remote: '2001:db8::2' }).join();
    expect(rig.process().sent.map(read)).toMatchObject([{ flags: SYN, to: PEER6.address }]);
    expect(rig.process(stream([], SYN | ACK, PEER6)).ends).toMatchObject([{ reason: 'control' }]);
    expect(delivered(rig.process(stream([...be32(1), 0x45], ACK, PEER6)))).toHaveLength(1);
    expect(read(rig.process(packet([9])).sent[0]!)).toMatchObject({ to: PEER6.address });
  });
});

test('impossible settings are reported, and possible ones accepted', () => {
  expect(problemsOf(make, { mode: 'streams' })).toEqual([
    'mode must be stream, message-reliable or message-unreliable, not "streams"',
  ]);
  expect(problemsOf(make, { carrier: 'ip/udp' })).toEqual([
    'carrier must be ip/tcp, ipv4/tcp or ipv6/tcp in this mode',
  ]);
  for (const stack of ['ip', 'ethernet'])
    expect(problemsOf(make, { stack, 'max-frame': '66241' })).toEqual([
      'max-frame is at most 66240, but for stacks that begin with opaque-frame',
    ]);
  expect(problemsOf(make, { timeout: '0' })).toEqual(['timeout must be longer than nothing']);
  for (const stack of ['', '{udp,tcp}', '80', 'ethertype:'])
    expect(problemsOf(make, { stack })).toEqual([
      'stack must begin with ip or with one protocol, such as ethernet or opaque-frame',
    ]);
  for (const remote of ['x', '1.2.3', '1::2::3', '1:2:3:4:5:6:7', '12345::', 'g::', '1:2:3:4:5:6:7:8:9', ':'])
    expect(problemsOf(make, { remote })).toEqual([`remote must be an IPv4 or IPv6 address, not "${remote}"`]);
  for (const remote of ['1.2.3.4', '::', '::1', 'FE80::1', '1:2:3:4:5:6:7:8', '1::'])
    expect(problemsOf(make, { remote })).toEqual([]);
  expect(problemsOf(make, { stack: 'opaque-frame', 'max-frame': '4294967295' })).toEqual([]);
});

describe('compliance of a stream that is opened from here', () => {
  const settings = Object.entries({ remote: '192.0.2.2', stack: OPAQUE, 'max-frame': '4294967295' });
  for (const { name, run } of complianceChecks(() => Promise.resolve(component), { settings, calls: 150 }))
    test(name, run, 300_000);
});

const ipv4Header = [0x45, ...Array(19).fill(0)];

/** A packet from any sender. */
function packet(payload: readonly number[]): GivenFrame {
  return {
    edge: 'frames',
    parts: [{ protocol: 'ipv4', role: 'header', bytes: ipv4Header }, { bytes: payload }],
  };
}

test('the status shows the Edges without a network, and the other side', () => {
  const rig = new PieceRig(make, { mode: 'stream' });
  const status = () => rig.statuses.at(-1)!;
  rig.process();
  expect(status().summary).toBe('waits for a network on its Edge carrier');
  rig.join(['carrier']).process();
  expect(status().summary).toBe('waits for a network on its Edge frames');
  rig.join(['frames']).process();
  expect(status()).toEqual({
    health: 'pending',
    summary: 'waits for the other side to open the stream',
    facts: {},
  });
  const open = opened({});
  expect(open.statuses.at(-1)).toEqual({
    health: 'good',
    summary: 'carries frames to the other side',
    facts: { remote: expect.stringMatching(/^[\d.]+:\d+$/) },
  });
  const reports = open.statuses.length;
  open.process();
  expect(open.statuses.length).toBe(reports);
  const opening = new PieceRig(make, { mode: 'stream', remote: '192.0.2.2' }).join();
  opening.process();
  expect(opening.statuses.at(-1)!.summary).toBe('opens the stream to the other side');
});

/** An instance with a stream that came to it. */
function opened(settings: Record<string, string> = {}): PieceRig {
  const rig = new PieceRig(make, settings).join();
  expect(rig.process(stream([], SYN)).ends).toMatchObject([{ reason: 'control' }]);
  return rig;
}

function delivered({ sent }: RigResult): SentFrame[] {
  return sent.filter((frame) => frame.edge === 'frames');
}

/** Flags of what went out on the carrier. */
function answers({ sent }: RigResult): number[] {
  return sent.filter((frame) => frame.edge === 'carrier').map((frame) => read(frame).flags);
}

function chunked(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
