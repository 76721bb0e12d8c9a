import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { MOST_OWN, OWN } from './outbound-fragments.ts';
import { CUT, DEPARTS } from './ticket-uses.ts';

describe('frames that leave in pieces', () => {
  it('are numbered by ticket, Edge and Shape, until they end or their ticket does', () => {
    const ledger = new Ledger(600, 600);
    const { departures } = ledger;
    const slot = ledger.slotOf(ledger.open(5, 0, 0));
    const here = departures.begin(slot, 1, 70);
    const there = departures.begin(slot, 2, 71);
    expect([departures.find(slot, 1), departures.find(slot, 2), departures.find(slot, 3)]).toEqual([
      here,
      there,
      -1,
    ]);
    expect([departures.take(here), departures.take(here), departures.take(there)]).toEqual([0, 1, 0]);
    departures.remove(here);
    expect(departures.find(slot, 1)).toBe(-1);
    ledger.close(slot);
    expect(departures.find(slot, 2)).toBe(-1);
  });

  it('of the piece’s own are so many', () => {
    const { departures } = new Ledger(8, 8);
    for (let n = 0; n < MOST_OWN; n++) expect(departures.begin(OWN, n, n + 1)).toBeGreaterThanOrEqual(0);
    expect(departures.begin(OWN, MOST_OWN, 1000)).toBe(-1);
    departures.left(3);
    expect(departures.begin(OWN, MOST_OWN, 1000)).toBeGreaterThanOrEqual(0);
  });

  it('are cut when there are too many: that of which nothing went for longest, and never one of the piece’s own', () => {
    const ledger = new Ledger(600, 600);
    const { departures } = ledger;
    const own = departures.begin(OWN, 0, 1);
    const slots = Array.from({ length: 255 }, (_, row) => ledger.slotOf(ledger.open(row, 0, 0)));
    for (const [n, slot] of slots.entries()) departures.begin(slot, 0, n + 2);
    departures.take(departures.find(slots[0]!, 0));
    const late = ledger.slotOf(ledger.open(300, 0, 0));
    departures.begin(late, 0, 999);
    expect(departures.find(OWN, 0)).toBe(own);
    expect(departures.find(slots[0]!, 0)).toBeGreaterThanOrEqual(0);
    expect(departures.find(slots[1]!, 0)).toBe(-1);
    expect(ledger.uses[slots[1]!]! & CUT).toBe(CUT);
    expect(ledger.uses[late]! & (CUT | DEPARTS)).toBe(DEPARTS);
  });
});
