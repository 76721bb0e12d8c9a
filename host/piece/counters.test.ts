import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';

describe('counters', () => {
  it('add up by name, keep their indices, and lose nothing when they grow', () => {
    const step = fc.record({
      name: fc.nat(60).map((n) => `reason-${n}`),
      amount: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counters = new Counters();
        const model = new Map<string, number>();
        const indices = new Map<string, number>();
        for (const { name, amount } of steps) {
          counters.add(name, amount);
          model.set(name, (model.get(name) ?? 0) + amount);
          if (!indices.has(name)) indices.set(name, counters.index(name));
        }
        expect([...counters.entries()]).toEqual([...model]);
        for (const [name, index] of indices) {
          expect(counters.index(name)).toBe(index);
          expect(counters.values[index]).toBe(model.get(name));
          expect(counters.get(name)).toBe(model.get(name));
        }
        expect([...indices.values()]).toEqual([...indices.keys()].map((_, n) => n));
      }),
    );
  });

  it('have room for every name', () => {
    const counters = new Counters();
    for (let n = 0; n < 100; n++) {
      counters.add(`name-${n}`, n);
      expect(counters.values.length).toBeGreaterThan(n);
    }
    expect([...counters.entries()].map(([, value]) => value)).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    );
  });

  it('return 0 for a name that never came up, and do not remember it', () => {
    const counters = new Counters();
    expect(counters.get('lost')).toBe(0);
    expect([...counters.entries()]).toEqual([]);
  });
});
