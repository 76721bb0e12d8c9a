import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { complianceChecks } from '../compliance/compliance-checks.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { FaultModel, type FaultSettings } from './fault-model.ts';
import { type GivenFrame, PieceRig, problemsOf, type RigResult } from './piece-rig.ts';

let component: Uint8Array;
let make: BoundComponent;
beforeAll(async () => {
  component = await builtPiece(join(packageRoot(), 'pieces-as/fault'));
  make = await runByOffset(component);
}, 300_000);

test('without faults everything passes as it came, both ways', () => {
  const rig = new PieceRig(make).join();
  const result = rig.process(packet('a', 1), packet('b', 2), packet('a', 3));
  expect(result.sent.map((f) => [f.edge, tagOf(f.bytes)])).toEqual([
    ['b', 1],
    ['a', 2],
    ['b', 3],
  ]);
  expect(result.ends).toEqual([]);
  expect(result.wakeAt).toBe(Infinity);
});

test('a frame to an Edge that is on no network is lost by name, also one that was held', () => {
  const rig = new PieceRig(make, { delay: '10ms' }).join();
  rig.process(packet('a', 1));
  rig.leave('b');
  expect(rig.process(packet('a', 2)).ends).toEqual([{ ticket: 2, reason: 'not-joined' }]);
  rig.now += 10;
  expect(rig.process().ends).toEqual([{ ticket: 1, reason: 'not-joined' }]);
  expect(rig.held).toBe(0);
});

test('a frame in fragments has one fate: it passes whole and in order, or is lost as a whole', () => {
  const faults = fc.record({
    loss: fc.constantFrom('0', '0.3'),
    duplicate: fc.constantFrom('0', '1'),
    reorder: fc.constantFrom('0', '1'),
    corrupt: fc.constantFrom('0', '0.5'),
    delay: fc.constantFrom('0', '5ms'),
    jitter: fc.constantFrom('0', '5ms'),
    hold: fc.constantFrom('4', '512'),
    rate: fc.constantFrom('0', '1000'),
    queue: fc.constant('5ms'),
  });
  const step = fc.record({
    sender: fc.nat(2),
    isLast: fc.nat(3).map((n) => n === 0),
    wait: fc.constantFrom(0, 0, 1, 3, 20),
  });
  fc.assert(
    fc.property(faults, fc.nat(), fc.array(step, { maxLength: 40 }), (settings, seed, steps) => {
      const rig = new PieceRig(make, { ...settings, seed: String(seed) }).join();
      const underWay = new Map<number, string>();
      const lengths = new Map<number, number>();
      const tickets = new Map<string, number>();
      const came = new Map<number, { count: number; isOver: boolean }>();
      const lost = new Set<number>();
      // Those that have one piece have fates as any frame.
      const whole = new Set<number>();
      let wakeAt = Infinity;
      const note = (result: RigResult): void => {
        for (const { ticket, bytes, hasMore } of result.sent) {
          if (whole.has(ticket)) continue;
          const before = came.get(ticket) ?? { count: 0, isOver: false };
          expect(before.isOver).toBe(false);
          expect(bytes[0]).toBe(before.count);
          came.set(ticket, { count: before.count + 1, isOver: !hasMore });
        }
        for (const { ticket } of result.ends) lost.add(ticket);
        wakeAt = result.wakeAt;
      };
      const give = (sender: number, isLast: boolean, n: number): void => {
        const of = underWay.get(sender) ?? `frame ${n}`;
        const ticket = tickets.get(of) ?? rig.nextTicket;
        tickets.set(of, ticket);
        const length = lengths.get(ticket) ?? 0;
        if (length === 0 && isLast) whole.add(ticket);
        lengths.set(ticket, length + 1);
        if (isLast) underWay.delete(sender);
        else underWay.set(sender, of);
        const marks = isLast ? 0 : PartMarks.more;
        // Corruption strikes behind the header.
        const header = { protocol: 'ipv4', role: 'header' as const, bytes: [length, ...Array(19).fill(1)] };
        note(rig.process({ edge: 'a', of, parts: [header, { marks, bytes: Array(50).fill(2) }] }));
      };
      for (const [n, { sender, isLast, wait }] of steps.entries()) {
        rig.now += wait;
        give(sender, isLast, n);
      }
      for (const sender of [...underWay.keys()]) give(sender, true, 1000);
      while (wakeAt < Infinity) {
        rig.now = Math.max(rig.now, wakeAt);
        note(rig.process());
      }
      for (const [ticket, length] of lengths) {
        if (whole.has(ticket)) continue;
        const { count, isOver } = came.get(ticket) ?? { count: 0, isOver: false };
        if (lost.has(ticket)) expect(isOver).toBe(false);
        else expect([ticket, count, isOver]).toEqual([ticket, length, true]);
      }
      expect(rig.held).toBe(0);
    }),
    { numRuns: 150 },
  );
});

describe('by a seed', () => {
  const settings: fc.Arbitrary<FaultSettings> = fc.record({
    loss: fc.constantFrom(0, 0.1, 0.5, 1),
    burst: fc.constantFrom(0, 0, 1, 3, 20),
    duplicate: fc.constantFrom(0, 0.3),
    reorder: fc.constantFrom(0, 0.25, 0.9, 1),
    delay: fc.constantFrom(0, 5, 30),
    jitter: fc.constantFrom(0, 4, 40),
    rate: fc.constantFrom(0, 0, 100, 1000),
    queue: fc.constantFrom(1, 10, 200),
    gap: fc.integer({ min: 1, max: 4 }),
    time: fc.constantFrom(1, 20, 50),
  });
  /** Between bursts one frame passes at least. */
  const possible = settings.filter(({ loss, burst }) => burst === 0 || loss / (1 - loss) <= burst);
  const call = fc.record({
    wait: fc.constantFrom(0, 1, 3, 20, 'next' as const),
    sizes: fc.array(fc.integer({ min: 24, max: 400 }), { maxLength: 12 }),
  });

  test('exactly what the model says, whatever the settings, the frames and their times', () => {
    fc.assert(
      fc.property(possible, fc.nat(), fc.array(call, { maxLength: 25 }), (faults, seed, calls) => {
        const rig = new PieceRig(make, textOf(faults, seed)).join();
        const models = {
          a: new FaultModel(faults, seed),
          b: new FaultModel(faults, ~seed),
        };
        let tag = 0;
        let next = Infinity;
        for (const { wait, sizes } of calls) {
          rig.now = wait !== 'next' ? rig.now + wait : next === Infinity ? rig.now + 1 : next;
          const given = sizes.map(
            (bytes, i) => ({ edge: (i + tag) % 3 ? 'a' : 'b', tag: tag++, bytes }) as const,
          );
          const result = rig.process(...given.map((each) => packet(each.edge, each.tag, each.bytes)));
          const fates = (edge: 'a' | 'b') =>
            models[edge].call(
              rig.now,
              given.filter((each) => each.edge === edge),
            );
          const [there, back] = [fates('a'), fates('b')];
          expect(tags(result, 'b')).toEqual(there.sent);
          expect(tags(result, 'a')).toEqual(back.sent);
          expect(result.ends.map(({ reason }) => reason).sort()).toEqual(
            [...there.ended, ...back.ended].sort(),
          );
          next = Math.min(models.a.next, models.b.next);
          expect(result.wakeAt).toBe(next);
        }
        // When all has been waited for, nothing is held.
        for (let n = 0; n < 10_000 && next < Infinity; n++) {
          rig.now = next;
          next = rig.process().wakeAt;
        }
        expect(rig.held).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('the same seed gives the same faults, and another seed others', () => {
    const fates = (seed: string): number[] => {
      const rig = new PieceRig(make, { seed, loss: '50%' }).join();
      return tags(rig.process(...Array.from({ length: 200 }, (_, i) => packet('a', i))), 'b');
    };
    expect(fates('7')).toEqual(fates('7'));
    expect(fates('7')).not.toEqual(fates('8'));
  });

  test('the choice of lost frames depends neither on the other faults nor on the other direction', () => {
    const lost = (settings: Record<string, string>, others: boolean): number[] => {
      const rig = new PieceRig(make, { loss: '20%', ...settings }).join();
      const given = Array.from({ length: 250 }, (_, i) =>
        others && i % 2 ? [packet('b', 0), packet('a', i)] : [packet('a', i)],
      ).flat();
      const first = rig.nextTicket;
      const ofA = new Map(given.flatMap((f, i) => (f.edge === 'a' ? [[first + i, i] as const] : [])));
      const order = [...ofA.keys()];
      return rig
        .process(...given)
        .ends.flatMap(({ ticket }) => (ofA.has(ticket) ? [order.indexOf(ticket)] : []));
    };
    const alone = lost({}, false);
    expect(alone.length).toBeGreaterThan(20);
    expect(lost({ delay: '5ms', duplicate: '0.5', reorder: '0.5', corrupt: '1' }, false)).toEqual(alone);
    expect(lost({}, true)).toEqual(alone);
  });

  test('as many frames meet a fault as its probability says', () => {
    const rig = new PieceRig(make, { loss: '10%', duplicate: '0.2', corrupt: '30%', seed: '42' }).join();
    const counts = { lost: 0, duplicated: 0, corrupted: 0 };
    const all = 20_000;
    for (let n = 0; n < all / 200; n++) {
      const result = rig.process(...Array.from({ length: 200 }, (_, i) => packet('a', i)));
      counts.lost += result.ends.length;
      counts.duplicated += result.sent.filter(
        (f, i) => i > 0 && f.ticket === result.sent[i - 1]!.ticket,
      ).length;
      counts.corrupted += new Set(
        result.sent.filter((f) => f.bytes.slice(24).some((byte) => byte !== 0)).map((f) => f.ticket),
      ).size;
    }
    // Within five standard deviations.
    const isAbout = (count: number, of: number, p: number): void =>
      expect(Math.abs(count - of * p)).toBeLessThan(5 * Math.sqrt(of * p * (1 - p)));
    isAbout(counts.lost, all, 0.1);
    const kept = all - counts.lost;
    isAbout(counts.duplicated, kept, 0.2);
    isAbout(counts.corrupted, kept, 0.3);
  });

  test('sequences of chance go on in another instance', () => {
    const settings = { loss: '0.5', seed: '3' };
    const whole = new PieceRig(make, settings).join();
    const expected = [1, 2, 3].map((n) => tags(whole.process(...many(n)), 'b'));
    const first = new PieceRig(make, settings).join();
    const got = [tags(first.process(...many(1)), 'b')];
    const second = new PieceRig(make, settings);
    expect(second.piece.restore(1000, '0.1.0', first.piece.save(1000))).toBeUndefined();
    second.join();
    got.push(tags(second.process(...many(2)), 'b'), tags(second.process(...many(3)), 'b'));
    expect(got).toEqual(expected);
  });
});

test('directions have faults of their own', () => {
  const rig = new PieceRig(make, { loss: '1', 'loss-b-to-a': '0', 'delay-b-to-a': '5ms' }).join();
  const result = rig.process(packet('a', 1), packet('b', 2));
  expect(result.ends).toEqual([{ ticket: 1, reason: 'lost' }]);
  expect(result.wakeAt).toBe(rig.now + 5);
  rig.now += 5;
  expect(tags(rig.process(), 'a')).toEqual([2]);
});

test('corruption turns one bit of what is no header, and nothing else', () => {
  const rig = new PieceRig(make, { 'corrupt-a-to-b': '1' }).join();
  expect(rig.description.edges.map((edge) => edge.shapes[0]!.reach)).toEqual(['whole-frame', 'headers']);
  const struck = new Set<number>();
  for (let n = 0; n < 1000; n++) {
    const { bytes } = rig.process(packet('a', n, 34)).sent[0]!;
    const clean = packetBytes(n, 34);
    const bits = [...bytes].flatMap((byte, at) =>
      [...Array(8).keys()].filter((bit) => ((byte ^ clean[at]!) >> bit) & 1).map((bit) => at * 8 + bit),
    );
    expect(bits).toHaveLength(1);
    expect(bits[0]! >> 3).toBeGreaterThanOrEqual(24);
    struck.add(bits[0]!);
  }
  // Ten bytes behind the headers: each of their bits was struck.
  expect(struck.size).toBe(80);
  expect(rig.process(packet('a', 1, 24)).sent[0]!.bytes).toEqual(packetBytes(1, 24));
  expect(rig.process(packet('b', 1, 34)).sent[0]!.bytes).toEqual(packetBytes(1, 34));
});

describe('holding', () => {
  test('a held frame goes on with all its parts, withheld or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ length: fc.nat(3000), isHeader: fc.boolean() }), {
          minLength: 1,
          maxLength: 32,
        }),
        fc.boolean(),
        (lengths, isWhole) => {
          const rig = new PieceRig(make, {
            delay: '3ms',
            ...(isWhole ? { corrupt: '0.000000001' } : {}),
          }).join();
          let byte = 0;
          const parts = lengths.map(({ length, isHeader }) => ({
            protocol: 'ipv4',
            role: isHeader ? ('header' as const) : ('payload' as const),
            bytes: Uint8Array.from({ length }, () => byte++),
          }));
          const expected = parts.flatMap(({ bytes }) => [...bytes]);
          expect(rig.process({ edge: 'a', parts, skipHeaders: 1 }).sent).toEqual([]);
          rig.process(packet('b', 5));
          rig.now += 3;
          const { sent } = rig.process();
          expect(sent).toHaveLength(2);
          const [frame] = sent.filter((f) => f.edge === 'b');
          expect([...frame!.bytes]).toEqual(expected);
          expect(frame!.parts.map((part) => part.role)).toEqual(parts.map((part) => part.role));
          expect([frame!.ticket, frame!.skipHeaders]).toEqual([1, 1]);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('beyond the setting hold, frames are lost by name, and places are used again', () => {
    const rig = new PieceRig(make, { delay: '10ms', hold: '5' }).join();
    for (let round = 0; round < 20; round++) {
      const result = rig.process(...many(7));
      expect(result.ends.map(({ reason }) => reason)).toEqual(['hold-full', 'hold-full']);
      rig.now += 10;
      expect(tags(rig.process(), 'b')).toHaveLength(5);
    }
  });

  test('without memory for their bytes, too', () => {
    const rig = new PieceRig(make, { delay: '10ms', hold: '900', corrupt: '0.000000001' }).join();
    let held = 0;
    for (let n = 0; n < 100; n++) held += 1 - rig.process(packet('a', n, 66_000)).ends.length;
    expect(held).toBeGreaterThan(10);
    expect(held).toBeLessThan(100);
    rig.now += 10;
    // More than one call can carry: the piece asks to be called again at once.
    let released = 0;
    for (let calls = 0; released < held && calls < 20; calls++) {
      const result = rig.process();
      released += result.sent.length;
      expect(result.wakeAt).toBe(released < held ? rig.now : Infinity);
    }
    expect(released).toBe(held);
  });

  test('frames that fit in no outcome are held', () => {
    const rig = new PieceRig(make, { delay: '1ms', hold: '900' }).join();
    const parts = Array.from({ length: 32 }, () => ({ role: 'header' as const, bytes: [1] }));
    const given = Array.from({ length: 225 }, (): GivenFrame => ({ edge: 'a', parts }));
    for (let n = 0; n < 4; n++) rig.process(...given);
    rig.now += 1;
    expect(rig.process().sent).toHaveLength(512);
    expect(rig.process().sent).toHaveLength(388);
  });
});

test('a rate spreads frames, and loses those that would wait too long', () => {
  // 1000 bytes at 1000 kbit/s are 8 ms.
  const rig = new PieceRig(make, { rate: '1000', queue: '20ms' }).join();
  const result = rig.process(...Array.from({ length: 6 }, (_, i) => packet('a', i, 1000)));
  expect(result.ends.map(({ ticket, reason }) => [ticket, reason])).toEqual([
    [4, 'rate-exceeded'],
    [5, 'rate-exceeded'],
    [6, 'rate-exceeded'],
  ]);
  const times: number[] = [];
  for (let { wakeAt } = result; wakeAt < Infinity; ) {
    rig.now = wakeAt;
    const woken = rig.process();
    times.push(...woken.sent.map(() => rig.now - 1000));
    wakeAt = woken.wakeAt;
  }
  expect(times).toEqual([8, 16, 24]);
});

test('losses in bursts are as many as `loss` says, and as long as `burst` says', () => {
  const rig = new PieceRig(make, { loss: '10%', burst: '5', seed: '3' }).join();
  let lost = 0;
  let bursts = 0;
  let before = -2;
  const count = 40_000;
  for (let n = 0; n < count; n += 200) {
    const first = rig.nextTicket;
    for (const { ticket } of rig.process(...many(200)).ends) {
      const at = n + ticket - first;
      lost++;
      if (at !== before + 1) bursts++;
      before = at;
    }
  }
  // The expected values of 800 bursts and 4000 losses; with this seed the same each time.
  expect(lost / count).toBeCloseTo(0.1, 1);
  expect(lost / bursts).toBeGreaterThan(4.5);
  expect(lost / bursts).toBeLessThan(5.5);
});

test('a direction may have bursts of its own, and another share of losses', () => {
  const rig = new PieceRig(make, { 'loss-a-to-b': '50%', 'burst-a-to-b': '10', 'loss-b-to-a': '0' }).join();
  const result = rig.process(...many(200), ...many(50).map((frame) => ({ ...frame, edge: 'b' })));
  expect(tags(result, 'a')).toHaveLength(50);
  expect(result.ends.length).toBeGreaterThan(0);
});

test('impossible settings are reported', () => {
  expect(problemsOf(make, { loss: '90%', burst: '2' })).toEqual([
    'burst is too short: between bursts at least one frame passes, so that fewer are lost than loss says',
  ]);
  expect(problemsOf(make, { loss: '90%', burst: '9' })).toEqual([]);
  for (const bad of ['2', '-1', '101%', 'x', '', '.', '1e-3', '0.1.1', '%'])
    expect(problemsOf(make, { loss: bad })).toEqual([
      `loss must be a probability such as 0.01 or 1%, not "${bad}"`,
    ]);
  expect(problemsOf(make, { 'corrupt-a-to-b': '5' })).toHaveLength(1);
  expect(problemsOf(make, { hold: '901' })).toEqual(['hold must be a number from 1 to 900, not "901"']);
  expect(problemsOf(make, { loss: '.5', duplicate: '12.5%', reorder: '1.' })).toEqual([]);
});

describe('all faults at once, compliance', () => {
  const settings = Object.entries({
    ...{
      loss: '10%',
      duplicate: '0.3',
      corrupt: '20%',
      reorder: '20%',
      delay: '3ms',
      jitter: '5ms',
      rate: '500',
    },
    hold: '20',
  });
  for (const { name, run } of complianceChecks(() => Promise.resolve(component), { settings, calls: 200 }))
    test(name, run, 300_000);
});

/**
 * A frame of 14 and 10 bytes of headers, the tag in the first, and as many bytes behind them as make so many.
 */
function packet(edge: string, tag: number, length = 40): GivenFrame {
  const bytes = packetBytes(tag, Math.max(length, 24));
  return {
    edge,
    parts: [
      { protocol: 'ipv4', role: 'header', bytes: bytes.slice(0, 14) },
      { protocol: 'udp', role: 'header', bytes: bytes.slice(14, 24) },
      { bytes: bytes.slice(24) },
    ],
  };
}

function packetBytes(tag: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, tag);
  return bytes;
}

function tagOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function tags({ sent }: RigResult, edge: string): number[] {
  return sent.filter((f) => f.edge === edge).map((f) => tagOf(f.bytes));
}

function many(count: number): GivenFrame[] {
  return Array.from({ length: count }, (_, i) => packet('a', i));
}

function textOf(faults: FaultSettings, seed: number): Record<string, string> {
  const { loss, burst, duplicate, reorder, delay, jitter, rate, queue, gap, time } = faults;
  return {
    seed: String(seed),
    loss: String(loss),
    burst: String(burst),
    duplicate: String(duplicate),
    reorder: `${reorder * 100}%`,
    delay: `${delay}ms`,
    jitter: `${jitter}ms`,
    rate: String(rate),
    queue: `${queue}ms`,
    'reorder-gap': String(gap),
    'reorder-time': `${time}ms`,
  };
}
