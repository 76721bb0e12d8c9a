import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { MOVED } from './ticket-uses.ts';

describe('Ledger', () => {
  it('distinguishes a live ticket from ended, repeated and invented ones', () => {
    const ledger = new Ledger(64, 4);
    for (const never of [0, 1, 2, 63, 4095, 4096]) expect(ledger.slotOf(never)).toBe(-1);
    const ticket = ledger.open(7, 0, 0);
    expect(ticket).not.toBe(0);
    expect(ledger.rows[ledger.slotOf(ticket)]).toBe(7);
    ledger.close(ledger.slotOf(ticket));
    expect(ledger.slotOf(ticket)).toBe(-1);
    const next = ledger.open(8, 0, 0);
    expect(next).not.toBe(ticket);
    for (const invented of [0, 1, 2 ** 32 - 1, next + 1, next + (1 << 12)])
      expect(ledger.slotOf(invented)).toBe(-1);
  });

  it('knows the body of a live ticket, and no byte around it', () => {
    const ledger = new Ledger(64, 4);
    const slot = ledger.slotOf(ledger.open(3, 1000, 100));
    expect(ledger.slotOfBody(3, 1000, 100)).toBe(slot);
    expect(ledger.slotOfBody(3, 1099, 1)).toBe(slot);
    expect(ledger.slotOfBody(3, 1100, 0)).toBe(slot);
    for (const [address, length] of [
      [999, 1],
      [1099, 2],
      [1100, 1],
      [1000, 2 ** 32 - 1],
      [0, 0],
    ] as const) {
      expect(ledger.slotOfBody(3, address, length)).toBe(-1);
    }
    expect(ledger.slotOfBody(4, 1000, 1)).toBe(-1);
    ledger.close(slot);
    expect(ledger.slotOfBody(3, 1000, 1)).toBe(-1);
    // Slots that are free have no row: -1 names none of them.
    expect([ledger.slotOfBody(-1, 1000, 1), ledger.slotOfBody(-1, 0, 0)]).toEqual([-1, -1]);
  });

  it('behaves as a map from tickets to rows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 300 }), (choices) => {
        const ledger = new Ledger(512, 8);
        const model = new Map<number, number>();
        const ended: number[] = [];
        choices.forEach((choice, row) => {
          if (choice < 6 && ledger.room > 0) {
            const ticket = ledger.open(row, 0, 0);
            expect(model.has(ticket) || ended.includes(ticket)).toBe(false);
            model.set(ticket, row);
          } else if (model.size > 0) {
            const ticket = [...model.keys()][choice % model.size]!;
            ledger.close(ledger.slotOf(ticket));
            model.delete(ticket);
            ended.push(ticket);
          }
          expect(ledger.held).toBe(model.size);
          for (const [ticket, held] of model) expect(ledger.rows[ledger.slotOf(ticket)]).toBe(held);
          for (const ticket of ended) expect(ledger.slotOf(ticket)).toBe(-1);
        });
      }),
    );
  });

  it('never gives ticket 0, however often a slot is used', () => {
    const ledger = new Ledger(2, 1);
    for (let n = 0; n < 2 ** 20 + 2; n++) {
      const ticket = ledger.open(0, 0, 0);
      if (ticket === 0 || ledger.slotOf(ticket) !== 0) throw new Error(`ticket ${ticket} at use ${n}`);
      ledger.close(0);
    }
    expect(ledger.room).toBe(1);
  });

  it('counts large rows against a quarter of all', () => {
    const ledger = new Ledger(32, 16, 24);
    expect(ledger.largeRoom).toBe(2);
    const slots = [3, 24, 31].map((row) => ledger.slotOf(ledger.open(row, 0, 0)));
    expect(ledger.largeRoom).toBe(0);
    ledger.close(slots[0]!);
    expect(ledger.largeRoom).toBe(0);
    ledger.close(slots[2]!);
    expect(ledger.largeRoom).toBe(1);
    ledger.closeAll(() => {});
    expect(ledger.largeRoom).toBe(2);
  });

  it('disposes of every row that has not moved on when all ends', () => {
    const ledger = new Ledger(16, 4);
    ledger.open(1, 0, 0);
    const moved = ledger.slotOf(ledger.open(2, 0, 0));
    ledger.open(3, 0, 0);
    ledger.uses[moved]! |= MOVED;
    const rows: number[] = [];
    expect(ledger.closeAll((row) => rows.push(row))).toBe(2);
    expect(rows.sort()).toEqual([1, 3]);
    expect(ledger.room).toBe(4);
  });
});
