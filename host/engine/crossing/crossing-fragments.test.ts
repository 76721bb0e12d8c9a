import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PartMarks } from '../../../abi/host/contract.ts';
import { LAST_FRAGMENT, MOST_INBOUND } from '../../piece/inbound-fragments.ts';
import { MOST_OWN } from '../../piece/outbound-fragments.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import {
  Crossing,
  EDGE_HEADERS,
  EDGE_WHOLE,
  header,
  type LoweredFrame,
  type LoweredPart,
  type OutFrame,
  payload,
} from '../testing/crossing.ts';
import { BROKEN_FRAME } from './lifting.ts';

let crossing: Crossing;

/** Lets a fragment wait, which comes in alone if it is admitted. */
function come(
  messageId: number,
  index: number,
  bytes: readonly number[],
  edge = EDGE_HEADERS,
  isLast = false,
  hops = 0,
) {
  const { frames, inbox, ledger } = crossing;
  const row = crossing.arrive(edge, [payload(0, bytes)]);
  frames.messageIds[row] = messageId;
  frames.hops[row] = hops;
  frames.fragments[row] = index | (isLast ? LAST_FRAGMENT : 0);
  if (messageId > 0) frames.newMessageId();
  if (!ledger.inbound.admits(edge, messageId, frames.fragments[row]!)) {
    frames.release(row);
    inbox.take(1);
    return undefined;
  }
  return crossing.lower()[0]!;
}

function end(messageId: number, index: number, bytes: readonly number[], edge = EDGE_HEADERS) {
  return come(messageId, index, bytes, edge, true);
}

/** The frame of a ticket, unchanged, for an Edge. */
function on(frame: LoweredFrame | undefined, edge = EDGE_HEADERS): OutFrame {
  return { edge, ticket: frame!.ticket, parts: frame!.parts.map((part) => crossing.again(part)) };
}

/** The contents of the outbox: bytes, message id, fragment index, and whether it is the last. */
function sent(): [bytes: number[], messageId: number, index: number, isLast: boolean][] {
  const { frames, outbox } = crossing;
  return Array.from(outbox.rows.subarray(0, outbox.length), (row, n) => {
    const fragment = frames.fragments[row]!;
    return [
      [...crossing.row(n).bytes],
      frames.messageIds[row]!,
      fragment & ~LAST_FRAGMENT,
      fragment >= LAST_FRAGMENT,
    ];
  });
}

function marksOf(frame: LoweredFrame | undefined): number {
  return frame!.parts[0]!.marks & (PartMarks.more | PartMarks.continued);
}

describe.each([true, false])('frames in fragments, with the frame kernel: %s', (usesKernel) => {
  beforeEach(() => {
    crossing = new Crossing(usesKernel, 256);
  });

  it.each([EDGE_HEADERS, EDGE_WHOLE])('have one ticket, which ends with the last (Edge %s)', (edge) => {
    const a = come(7, 0, [1], edge);
    crossing.lift({ frames: [on(a, edge)] });
    const b = come(7, 1, [2], edge);
    crossing.lift({ frames: [on(b, edge)] });
    const c = end(7, 2, [3], edge);
    expect([a, b, c].map(marksOf)).toEqual([
      PartMarks.more,
      PartMarks.more | PartMarks.continued,
      PartMarks.continued,
    ]);
    expect(new Set([a!.ticket, b!.ticket, c!.ticket]).size).toBe(1);
    crossing.lift({ frames: [on(c, edge)] });
    const messageId = sent()[0]![1];
    expect(sent()).toEqual([
      [[1], messageId, 0, false],
      [[2], messageId, 1, false],
      [[3], messageId, 2, true],
    ]);
    expect(messageId).not.toBe(0);
    expect(crossing.ledger.held).toBe(0);
    expect(() => crossing.lift({ frames: [], ends: [[c!.ticket, 0]] })).toThrow(/does not hold/);
    expect(crossing.leaked()).toBe(0);
  });

  it('are distinguished from those of another frame, and from whole frames, between them', () => {
    const a = come(7, 0, [1]);
    const x = come(8, 0, [10]);
    crossing.arrive(EDGE_HEADERS, [payload(0, [99])]);
    const [whole] = crossing.lower();
    const b = end(7, 1, [2]);
    const y = end(8, 1, [20]);
    expect(a!.ticket).toBe(b!.ticket);
    expect(x!.ticket).toBe(y!.ticket);
    expect(new Set([a!.ticket, x!.ticket, whole!.ticket]).size).toBe(3);
    expect(crossing.ledger.held).toBe(5);
    crossing.lift({ frames: [on(a), on(x), on(whole), on(b), on(y)] });
    const [first, second] = sent().map(([, messageId]) => messageId);
    expect(sent()).toEqual([
      [[1], first, 0, false],
      [[10], second, 0, false],
      [[99], 0, 0, false],
      [[2], first, 1, true],
      [[20], second, 1, true],
    ]);
    expect(crossing.ledger.held).toBe(0);
    expect(crossing.leaked()).toBe(0);
  });

  it('may be held, and pass one by one: each is kept until its bytes go on', () => {
    const all = [come(7, 0, [1]), come(7, 1, [2]), end(7, 2, [3])];
    crossing.lift({ frames: [] });
    expect(crossing.ledger.held).toBe(3);
    for (const [n, frame] of all.entries()) {
      crossing.lift({ frames: [on(frame)] });
      expect(crossing.ledger.held).toBe(2 - n);
    }
    expect(sent().map(([bytes]) => bytes)).toEqual([[1], [2], [3]]);
    // Their bytes belong to the host again.
    expect(() => crossing.lift({ frames: [{ ...on(all[0]), ticket: 0 }] })).toThrow(/not part of a frame/);
    expect(crossing.leaked()).toBe(0);
  });

  it('go on in frames without a ticket as well, and keep the count of hops', () => {
    const a = come(7, 0, [1, 2]);
    crossing.frames.hops[crossing.ledger.rows[crossing.ledger.slotOf(a!.ticket)]!] = 9;
    crossing.lift({
      frames: [{ ...on(a), ticket: 0, parts: [{ ...a!.parts[0]!, marks: PartMarks.withheld }] }],
    });
    expect(sent()).toEqual([[[1, 2], 0, 0, false]]);
    expect(crossing.frames.hops[crossing.outbox.rows[0]!]).toBe(10);
    expect(crossing.ledger.held).toBe(0);
    const b = end(7, 1, [3]);
    expect(b!.ticket).toBe(a!.ticket);
    crossing.lift({ frames: [], ends: [[b!.ticket, 1]] });
    expect(crossing.counters.get('answered')).toBe(1);
    expect(crossing.leaked()).toBe(0);
  });

  it.each([
    [5, 2, 6],
    [2, 5, 6],
    [5, 5, 6],
  ])('go on with the largest hop count of all, where they came with %i and %i', (first, second, expected) => {
    // The previous ticket in the same slot had a larger count.
    const before = end(6, 0, [0], EDGE_WHOLE);
    crossing.frames.hops.fill(0);
    crossing.lift({ frames: [on(before, EDGE_WHOLE)] });
    const a = come(7, 0, [1], EDGE_WHOLE, false, first);
    const b = come(7, 1, [2], EDGE_WHOLE, true, second);
    crossing.lift({ frames: [on(a, EDGE_WHOLE), on(b, EDGE_WHOLE)] });
    const hops = [1, 2].map((n) => crossing.frames.hops[crossing.outbox.rows[n]!]);
    expect(hops).toEqual([expected, expected]);
    const later = come(8, 0, [1], EDGE_WHOLE, true, 1);
    crossing.lift({ frames: [on(later, EDGE_WHOLE)] });
    expect(crossing.frames.hops[crossing.outbox.rows[3]!]).toBe(2);
    expect(crossing.leaked()).toBe(0);
  });

  it.each([1, 2])('take no place among the incomplete once all %i of a frame have come', (count) => {
    const all: LoweredFrame[] = [];
    for (let messageId = 1; messageId <= MOST_INBOUND; messageId++)
      for (let index = 0; index < count; index++)
        all.push(come(messageId, index, [messageId], EDGE_WHOLE, index === count - 1)!);
    crossing.lift({ frames: [] });
    expect(crossing.ledger.held).toBe(MOST_INBOUND * count);
    // Another message begins, and the host gives up none of the held ones for it.
    const next = come(1000, 0, [7], EDGE_WHOLE);
    expect(next).toBeDefined();
    const tickets = [...new Set(all.map(({ ticket }) => ticket))];
    expect(tickets).toHaveLength(MOST_INBOUND);
    crossing.lift({ frames: [], ends: [...tickets, next!.ticket].map((ticket) => [ticket, 0] as const) });
    expect(crossing.counters.get('lost')).toBe(MOST_INBOUND * count + 1);
    expect(crossing.leaked()).toBe(0);
  });

  it('do not come in after their ticket has ended, and an end counts each that is inside', () => {
    const a = come(7, 0, [1]);
    come(7, 1, [2]);
    come(7, 2, [3], EDGE_WHOLE); // another Edge: neither of this frame nor a first fragment
    crossing.lift({ frames: [], ends: [[a!.ticket, 0]] });
    expect(crossing.counters.get('lost')).toBe(2);
    expect(end(7, 2, [3])).toBeUndefined();
    expect(crossing.ledger.held).toBe(0);
    expect(crossing.leaked()).toBe(0);
  });

  it('end at a missing one; those that the piece holds stay with it', () => {
    const a = come(7, 0, [1]);
    expect(come(7, 2, [3])).toBeUndefined();
    expect(come(7, 1, [2])).toBeUndefined();
    expect(crossing.ledger.held).toBe(1);
    crossing.lift({ frames: [on(a)] });
    // No fragment of it is left: naming its ticket has no effect, and is not a fault.
    expect(crossing.ledger.room).toBe(256);
    const own: LoweredPart = { protocol: 3, role: 0, marks: 0, offset: 64, length: 4 };
    crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: a!.ticket, parts: [own] }] });
    crossing.lift({ frames: [], ends: [[a!.ticket, 0]] });
    expect(sent()).toHaveLength(1);
    expect(crossing.counters.get(BROKEN_FRAME)).toBe(1);
    expect(crossing.counters.get('lost')).toBe(0);
    expect(crossing.leaked()).toBe(0);
  });

  it('without a first one do not come in', () => {
    expect(come(7, 1, [2])).toBeUndefined();
    expect(end(7, 2, [2])).toBeUndefined();
    expect(end(8, 0, [5])!.parts[0]!.marks & PartMarks.more).toBe(0);
    expect(crossing.leaked()).toBe(0);
  });

  it('never pass for a whole frame after a loss on the way out', () => {
    crossing = new Crossing(usesKernel, 256);
    const a = come(7, 0, [1]);
    const rows: number[] = [];
    for (let row = 0; row >= 0; row = crossing.frames.allocate(1)) rows.push(row);
    crossing.lift({ frames: [on(a)] });
    expect(crossing.counters.get('no-room')).toBe(1);
    for (const row of rows.slice(1)) crossing.frames.release(row);
    crossing.lift({ frames: [on(end(7, 1, [2]))] });
    expect(sent().map(([bytes, , place, isLast]) => [bytes, place, isLast])).toEqual([[[2], 1, true]]);
    expect(crossing.leaked()).toBe(0);
  });

  it('go out by two Edges, with a message id for each', () => {
    const a = come(7, 0, [1]);
    crossing.lift({ frames: [on(a), on(a, EDGE_WHOLE)] });
    const b = end(7, 1, [2]);
    crossing.lift({ frames: [on(b, EDGE_WHOLE), on(b)] });
    const messageIds = sent().map(([, messageId]) => messageId);
    expect([
      messageIds[0] === messageIds[3],
      messageIds[1] === messageIds[2],
      messageIds[0] === messageIds[1],
    ]).toEqual([true, true, false]);
    expect(sent().map(([, , place, isLast]) => [place, isLast])).toEqual([
      [0, false],
      [0, false],
      [1, true],
      [1, true],
    ]);
    expect(crossing.leaked()).toBe(0);
  });

  it('are cut from a whole frame, and from a frame of the piece’s own', () => {
    crossing.arrive(EDGE_HEADERS, [payload(0, [1, 2, 3])]);
    const [frame] = crossing.lower() as [LoweredFrame];
    const [body] = frame.parts as [LoweredPart];
    const cut = (from: number, more: boolean, ticket: number): OutFrame => ({
      edge: EDGE_HEADERS,
      ticket,
      parts: [
        { ...body, offset: body.offset + from, length: 1, marks: body.marks | (more ? PartMarks.more : 0) },
      ],
    });
    crossing.lift({ frames: [cut(0, true, frame.ticket), cut(0, true, 0)] });
    crossing.lift({ frames: [cut(1, true, frame.ticket)] });
    crossing.lift({ frames: [cut(1, false, 0), cut(2, false, frame.ticket)] });
    const [of, own] = sent().map(([, messageId]) => messageId);
    expect(of).not.toBe(own);
    expect(sent()).toEqual([
      [[1], of, 0, false],
      [[1], own, 0, false],
      [[2], of, 1, false],
      [[2], own, 1, true],
      [[3], of, 2, true],
    ]);
    expect(crossing.leaked()).toBe(0);
  });

  it('of the piece’s own frames are limited in number, by Edge and Shape', () => {
    const part: LoweredPart = { protocol: 3, role: 0, marks: PartMarks.more, offset: 64, length: 4 };
    for (let shape = 1; shape <= MOST_OWN + 1; shape++)
      crossing.outlets.set(EDGE_WHOLE, shape, false, true, { matches: () => true });
    crossing.lower(0);
    const frames = Array.from({ length: MOST_OWN }, (_, n) => ({
      edge: EDGE_WHOLE,
      shape: n,
      ticket: 0,
      parts: [part],
    }));
    crossing.lift({ frames });
    const more = (marks: number) => ({
      frames: [{ edge: EDGE_WHOLE, shape: MOST_OWN, ticket: 0, parts: [{ ...part, marks }] }],
    });
    crossing.lift(more(0));
    expect(() => crossing.lift(more(PartMarks.more))).toThrow(/64 of those are incomplete already/);
    expect(crossing.leaked()).toBe(0);
  });

  it('of frames that never end make room for others, and hold nothing', () => {
    const tickets: number[] = [];
    for (let messageId = 1; messageId <= MOST_INBOUND * 3; messageId++) {
      const frame = come(messageId, 0, [messageId & 0xff]);
      tickets.push(frame!.ticket);
      crossing.lift({ frames: [on(frame)] });
      while (crossing.outbox.length > 0)
        crossing.frames.release(crossing.outbox.rows[--crossing.outbox.length]!);
    }
    expect(crossing.ledger.held).toBe(0);
    expect(crossing.ledger.room).toBe(256 - MOST_INBOUND);
    // The host gave up the first of them; the last goes on.
    expect(come(1, 1, [5])).toBeUndefined();
    const next = end(MOST_INBOUND * 3, 1, [6]);
    expect(next!.ticket).toBe(tickets.at(-1));
    crossing.lift({ frames: [on(next)], ends: [[tickets[MOST_INBOUND * 2 - 1]!, 0]] });
    expect(sent()).toMatchObject([[[6], expect.any(Number), 1, true]]);
    expect(crossing.leaked()).toBe(0);
  });

  it('that the piece holds make no room', () => {
    crossing = new Crossing(usesKernel, 256);
    let held = 0;
    for (let messageId = 1; messageId <= 64 && crossing.frames.freeRows > 4; messageId++)
      if (come(messageId, 0, [1]) !== undefined) held++;
    crossing.lift({ frames: [] });
    expect(crossing.ledger.held).toBe(held);
    expect(held).toBe(64);
    expect(come(1000, 0, [1])).toBeUndefined();
    expect(crossing.leaked()).toBe(0);
  });

  it('end with the Edge by which they come or go', () => {
    const a = come(7, 0, [1]);
    crossing.lift({ frames: [on(a, EDGE_WHOLE)] });
    crossing.ledger.outbound.left(EDGE_WHOLE);
    // A piece joins there anew, and must not take the rest for a first fragment.
    const b = come(7, 1, [2]);
    crossing.lift({ frames: [on(b, EDGE_WHOLE)] });
    expect(crossing.counters.get(BROKEN_FRAME)).toBe(1);
    expect(sent()).toHaveLength(1);
    crossing.ledger.inbound.left(EDGE_HEADERS);
    expect(come(7, 2, [3])).toBeUndefined();
    expect(crossing.ledger.room).toBe(256);
    expect(crossing.leaked()).toBe(0);
  });

  it('come unchanged through a piece that passes everything, whatever is held, mixed and lost', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            sender: fc.nat(3),
            more: fc.boolean(),
            edge: fc.nat(1),
            isLost: fc.integer({ min: 0, max: 9 }),
            flush: fc.boolean(),
          }),
          { minLength: 1, maxLength: 40 },
        ),
        (steps) => {
          crossing = new Crossing(usesKernel, 256);
          const senders = new Map<
            string,
            { messageId: number; index: number; isBroken: boolean; bytes: number[] }
          >();
          const frames: { bytes: number[]; isWhole: boolean }[] = [];
          const got = new Map<number, { bytes: number[]; next: number }>();
          const whole: number[][] = [];
          let lastMessageId = 0;
          let waiting: OutFrame[] = [];
          const flush = (): void => {
            crossing.lift({ frames: waiting });
            waiting = [];
            for (const [bytes, messageId, index, isLast] of sent()) {
              if (messageId === 0) {
                whole.push(bytes);
                continue;
              }
              const before = got.get(messageId) ?? { bytes: [], next: 0 };
              expect(index).toBe(before.next);
              got.set(messageId, { bytes: [...before.bytes, ...bytes], next: index + 1 });
              if (isLast) whole.push(got.get(messageId)!.bytes);
            }
            while (crossing.outbox.length > 0)
              crossing.frames.release(crossing.outbox.rows[--crossing.outbox.length]!);
          };
          steps.forEach(({ sender, more, edge, isLost, flush: isFlush }, n) => {
            const key = `${sender} ${edge}`;
            const at = senders.get(key) ?? {
              messageId: ++lastMessageId,
              index: 0,
              isBroken: false,
              bytes: [],
            };
            at.bytes.push(n);
            if (isLost === 0) {
              at.isBroken = true;
            } else {
              const frame = come(at.messageId, at.index, [n], edge, !more);
              expect(frame === undefined).toBe(at.isBroken);
              if (frame !== undefined) waiting.push(on(frame, edge));
            }
            at.index++;
            if (more) {
              senders.set(key, at);
            } else {
              frames.push({ bytes: at.bytes, isWhole: !at.isBroken });
              senders.delete(key);
            }
            // The visible bytes are in the arena of the last call.
            if (isFlush || edge === EDGE_WHOLE) flush();
          });
          flush();
          const byBytes = (a: number[], b: number[]) => a[0]! - b[0]!;
          expect(whole.sort(byBytes)).toEqual(
            frames
              .filter(({ isWhole }) => isWhole)
              .map(({ bytes }) => bytes)
              .sort(byBytes),
          );
          expect(crossing.ledger.held).toBe(0);
          expect(crossing.leaked()).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('with headers alone, without bytes, or with a fault among them, leave nothing behind', () => {
    crossing.arrive(EDGE_HEADERS, [header(5, [1, 2]), payload(0, [])]);
    const row = crossing.inbox.rows[crossing.inbox.at(0)]!;
    crossing.frames.messageIds[row] = 7;
    crossing.frames.newMessageId();
    const [first] = crossing.lower() as [LoweredFrame];
    come(7, 1, [], EDGE_HEADERS);
    const last = end(7, 2, [9]);
    expect(crossing.ledger.held).toBe(3);
    expect(() => crossing.lift({ frames: [on(first), on(last)], ends: [[12345, 0]] })).toThrow(PieceFault);
    expect(crossing.ledger.closeAll((lost) => crossing.frames.release(lost))).toBe(3);
    expect([crossing.ledger.held, crossing.ledger.room]).toEqual([0, 256]);
    expect(crossing.leaked()).toBe(0);
  });
});
