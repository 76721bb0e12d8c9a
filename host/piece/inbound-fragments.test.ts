import { beforeEach, describe, expect, it } from 'vitest';
import { type InboundFragments, LAST_FRAGMENT, MOST_INBOUND } from './inbound-fragments.ts';
import { Ledger } from './ledger.ts';
import { BODY_PASSED, USED } from './ticket-uses.ts';

const EDGE = 3;
let ledger: Ledger;
let fragments: InboundFragments;
let disposed: number[];
const dispose = (row: number) => void disposed.push(row);

beforeEach(() => {
  ledger = new Ledger(256, 128);
  fragments = ledger.inbound;
  disposed = [];
});

const last = (index: number) => (index | LAST_FRAGMENT) >>> 0;

/** A fragment arrives, with withheld bytes or seen whole. @returns the slot of its ticket */
function arrive(message: number, index: number, row: number, { whole = false, hops = 1, edge = EDGE } = {}) {
  const ticket = fragments.arrive(row, edge, message, index, 100 * row, whole ? 0 : 10, hops);
  return ledger.slotOf(ticket);
}

describe('the fragments of a frame', () => {
  it('are found by their rows, in the slot of the ticket and in others', () => {
    const head = arrive(1, 0, 10);
    const other = arrive(2, 0, 20);
    arrive(1, 1, 11);
    arrive(2, 1, 21);
    arrive(1, last(2), 12);
    const slots = [10, 11, 12].map((row) => fragments.slotOfRow(head, row));
    expect(slots[0]).toBe(head);
    expect(new Set(slots).size).toBe(3);
    expect(slots.map((slot) => ledger.rows[slot])).toEqual([10, 11, 12]);
    expect([20, 21, 13].map((row) => fragments.slotOfRow(head, row))).toEqual([-1, -1, -1]);
    expect(ledger.rows[fragments.slotOfRow(other, 21)]).toBe(21);
    expect([fragments.fragmentsOf(head), fragments.fragmentsOf(other)]).toEqual([3, 2]);
  });

  it('end with their ticket, all of them and no others', () => {
    const head = arrive(1, 0, 10);
    arrive(2, 0, 20);
    for (const index of [1, 2]) arrive(1, index, 10 + index);
    arrive(1, 3, 0, { whole: true });
    expect(fragments.seen).toBe(1);
    ledger.uses[head]! |= USED;
    fragments.settle(head, dispose);
    expect(disposed.sort()).toEqual([10, 11, 12]);
    expect([fragments.seen, fragments.fragmentsOf(head)]).toEqual([0, 0]);
    // The next one of the frame is none that may come in, and the other frame goes on.
    expect([fragments.admits(EDGE, 1, 4), fragments.admits(EDGE, 2, 1)]).toEqual([false, true]);
  });

  it('whose bytes went on leave their ticket to the others', () => {
    const head = arrive(1, 0, 10);
    arrive(1, 1, 11);
    const further = fragments.slotOfRow(head, 11);
    ledger.uses[further]! |= BODY_PASSED;
    fragments.settle(further, dispose);
    expect([disposed, fragments.fragmentsOf(head)]).toEqual([[11], 1]);
    ledger.uses[head]! |= BODY_PASSED;
    fragments.settle(head, dispose);
    expect([disposed, fragments.fragmentsOf(head), fragments.emptyHeads]).toEqual([[11, 10], 0, 1]);
    expect(arrive(1, 2, 12)).toBe(head);
    expect([ledger.rows[head], fragments.emptyHeads]).toEqual([12, 0]);
  });

  it('have the largest count of hops of all', () => {
    const head = arrive(1, 0, 10, { hops: 5 });
    arrive(1, 1, 11, { hops: 2 });
    expect(fragments.hopsOf(head)).toBe(5);
    arrive(1, 2, 12, { hops: 6 });
    expect(fragments.hopsOf(head)).toBe(6);
    ledger.uses[head]! |= USED;
    fragments.settle(head, dispose);
    expect(fragments.hopsOf(arrive(2, 0, 13, { hops: 1 }))).toBe(1);
  });

  it('come in order; one behind a gap ends its frame, which stays given up', () => {
    expect(fragments.admits(EDGE, 1, 1)).toBe(false);
    const head = arrive(1, 0, 0, { whole: true });
    const ticket = ledger.ticketOf(head);
    expect(fragments.admits(EDGE + 1, 1, 1)).toBe(false);
    expect(fragments.admits(EDGE, 1, last(2))).toBe(false);
    expect([fragments.isGivenUp(ticket), fragments.isGivenUp(ticket + 1), fragments.isGivenUp(0)]).toEqual([
      false,
      false,
      false,
    ]);
    // The piece holds the fragment that it saw, until it names the ticket.
    fragments.settle(head, dispose);
    expect(fragments.fragmentsOf(head)).toBe(1);
    expect(fragments.admits(EDGE, 1, 1)).toBe(false);
  });
});

describe('incomplete frames', () => {
  it('are so many, and then the one that waited longest makes room', () => {
    const heads = Array.from({ length: MOST_INBOUND }, (_, n) => arrive(n + 1, 0, 0, { whole: true }));
    const tickets = heads.map((head) => ledger.ticketOf(head));
    arrive(1, 1, 0, { whole: true });
    expect(fragments.admits(EDGE, 100, 0)).toBe(true);
    expect(tickets.map((ticket) => fragments.isGivenUp(ticket))).toEqual(tickets.map((_, n) => n === 1));
    expect(fragments.lost).toBe(1);
    expect([fragments.admits(EDGE, 2, 1), fragments.admits(EDGE, 1, 2)]).toEqual([false, true]);
    arrive(100, 0, 0, { whole: true });
    expect(fragments.admits(EDGE, 101, 0)).toBe(true);
    expect(fragments.isGivenUp(tickets[2]!)).toBe(true);
  });

  it('make no room while the piece holds rows of all', () => {
    for (let n = 0; n < MOST_INBOUND; n++) arrive(n + 1, 0, n);
    expect(fragments.admits(EDGE, 100, 0)).toBe(false);
    arrive(1, last(1), 200);
    expect(fragments.admits(EDGE, 100, 0)).toBe(true);
  });

  it('of an Edge and Shape end when the piece leaves there', () => {
    arrive(1, 0, 10);
    arrive(1, 0, 20, { edge: EDGE + 1 });
    fragments.left(EDGE);
    expect([fragments.admits(EDGE, 1, 1), fragments.admits(EDGE + 1, 1, 1)]).toEqual([false, true]);
  });
});
