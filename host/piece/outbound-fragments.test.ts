import fc from 'fast-check';
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

  it("of the piece's own are limited, and leave room for those of tickets", () => {
    const ledger = new Ledger(600, 600);
    const { outbound } = ledger;
    for (let n = 0; n < MOST_OWN; n++) expect(outbound.begin(OWN, n, n + 1)).toBe(n);
    expect(outbound.begin(OWN, MOST_OWN, 9999)).toBe(-1);
    const slot = ledger.slotOf(ledger.open(5, 0, 0));
    expect(outbound.find(slot, 1)).toBe(-1);
    expect(outbound.begin(slot, 1, 5000)).toBe(MOST_OWN);
    outbound.remove(0);
    expect(outbound.begin(OWN, 1, 9999)).toBe(0);
  });

  it('behave like a list of frames by slot, Edge and Shape', () => {
    interface Entry {
      readonly slot: number;
      readonly edgeShape: number;
      readonly messageId: number;
      next: number;
    }
    const place = { slot: fc.integer({ min: OWN, max: 3 }), edgeShape: fc.nat(2) };
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('take' as const, 'remove' as const), ...place }),
      fc.record({ kind: fc.constant('ended' as const), slot: fc.nat(3), edgeShape: fc.constant(0) }),
      fc.record({ kind: fc.constantFrom('left' as const), slot: fc.constant(0), edgeShape: fc.nat(2) }),
      fc.record({ kind: fc.constant('clear' as const), slot: fc.constant(0), edgeShape: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ledger = new Ledger(8, 8);
        const { outbound } = ledger;
        let model: Entry[] = [];
        let messageId = 0;
        const cut = new Set<number>();
        for (let slot = 0; slot < 4; slot++) ledger.open(slot, 0, 0);
        for (const { kind, slot, edgeShape } of steps) {
          const isHere = (each: Entry) => each.slot === slot && each.edgeShape === edgeShape;
          const entry = outbound.find(slot, edgeShape);
          const known = model.find(isHere);
          if (kind === 'take') {
            expect(entry >= 0).toBe(known !== undefined);
            const at = known === undefined ? outbound.begin(slot, edgeShape, ++messageId) : entry;
            const own = known ?? { slot, edgeShape, messageId, next: 0 };
            if (known === undefined) model.push(own);
            expect(outbound.messageIdOf(at)).toBe(own.messageId);
            expect(outbound.take(at)).toBe(own.next++);
          } else if (kind === 'remove') {
            if (entry >= 0) outbound.remove(entry);
            model = model.filter((each) => !isHere(each));
          } else if (kind === 'ended') {
            outbound.ended(slot);
            model = model.filter((each) => each.slot !== slot);
          } else if (kind === 'left') {
            outbound.left(edgeShape);
            for (const each of model)
              if (each.edgeShape === edgeShape && each.slot !== OWN) cut.add(each.slot);
            model = model.filter((each) => each.edgeShape !== edgeShape);
          } else {
            outbound.clear();
            model = [];
          }
          expect(outbound.own).toBe(model.filter((each) => each.slot === OWN).length);
          for (let each = OWN; each < 4; each++)
            for (let at = 0; at < 3; at++)
              expect(outbound.find(each, at) >= 0).toBe(
                model.some((one) => one.slot === each && one.edgeShape === at),
              );
          for (let each = 0; each < 4; each++) expect((ledger.uses[each]! & CUT) !== 0).toBe(cut.has(each));
        }
      }),
    );
  });

  it('of the piece’s own are so many', () => {
    const { outbound } = new Ledger(8, 8);
    for (let n = 0; n < MOST_OWN; n++) expect(outbound.begin(OWN, n, n + 1)).toBeGreaterThanOrEqual(0);
    expect(outbound.begin(OWN, MOST_OWN, 1000)).toBe(-1);
    outbound.left(3);
    expect(outbound.begin(OWN, MOST_OWN, 1000)).toBeGreaterThanOrEqual(0);
  });

  it('are cut if there are too many: first the one that has sent nothing for the longest time, but never one of the piece’s own', () => {
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
