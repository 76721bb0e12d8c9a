import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { MOST_OWN, OWN } from './outbound-fragments.ts';
import { CUT, OUTBOUND } from './ticket-uses.ts';

describe('frames that leave in fragments', () => {
  it('are numbered by ticket, Edge and Shape, until they end or their ticket does', () => {
    const ledger = new Ledger(600, 600);
    const { outbound } = ledger;
    const slot = ledger.slotOf(ledger.open(5, 0, 0));
    const here = outbound.begin(slot, 1, 70);
    const there = outbound.begin(slot, 2, 71);
    expect([outbound.find(slot, 1), outbound.find(slot, 2), outbound.find(slot, 3)]).toEqual([
      here,
      there,
      -1,
    ]);
    expect([outbound.take(here), outbound.take(here), outbound.take(there)]).toEqual([0, 1, 0]);
    outbound.remove(here);
    expect(outbound.find(slot, 1)).toBe(-1);
    ledger.close(slot);
    expect(outbound.find(slot, 2)).toBe(-1);
  });

  it('of the piece’s own are so many', () => {
    const { outbound } = new Ledger(8, 8);
    for (let n = 0; n < MOST_OWN; n++) expect(outbound.begin(OWN, n, n + 1)).toBeGreaterThanOrEqual(0);
    expect(outbound.begin(OWN, MOST_OWN, 1000)).toBe(-1);
    outbound.left(3);
    expect(outbound.begin(OWN, MOST_OWN, 1000)).toBeGreaterThanOrEqual(0);
  });

  it('are cut when there are too many: that of which nothing went for longest, and never one of the piece’s own', () => {
    const ledger = new Ledger(600, 600);
    const { outbound } = ledger;
    const own = outbound.begin(OWN, 0, 1);
    const slots = Array.from({ length: 255 }, (_, row) => ledger.slotOf(ledger.open(row, 0, 0)));
    for (const [n, slot] of slots.entries()) outbound.begin(slot, 0, n + 2);
    outbound.take(outbound.find(slots[0]!, 0));
    const late = ledger.slotOf(ledger.open(300, 0, 0));
    outbound.begin(late, 0, 999);
    expect(outbound.find(OWN, 0)).toBe(own);
    expect(outbound.find(slots[0]!, 0)).toBeGreaterThanOrEqual(0);
    expect(outbound.find(slots[1]!, 0)).toBe(-1);
    expect(ledger.uses[slots[1]!]! & CUT).toBe(CUT);
    expect(ledger.uses[late]! & (CUT | OUTBOUND)).toBe(OUTBOUND);
  });
});
