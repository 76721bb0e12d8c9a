import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';

type Entry = readonly [row: number, edgeShape: number, skips: number];

const entry: fc.Arbitrary<Entry> = fc.tuple(
  fc.nat(0x7fff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.nat(0xffff),
);

describe('an inbox', () => {
  it('is a bounded queue, also after its numbers have wrapped', () => {
    const step = fc.oneof(fc.record({ push: entry }), fc.record({ take: fc.nat(10) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.nat(20), (steps, turned) => {
        const inbox = new Inbox(8);
        // Frames came and went before.
        for (let n = 0; n < turned; n++) {
          inbox.push(n, n, n);
          inbox.take(1);
        }
        const model: Entry[] = [];
        for (const each of steps) {
          if ('push' in each) {
            expect(inbox.push(...each.push)).toBe(model.length < 8);
            if (model.length < 8) model.push(each.push);
          } else {
            const count = Math.min(each.take, model.length);
            inbox.take(count);
            model.splice(0, count);
          }
          expect(inbox.length).toBe(model.length);
          const at = model.map((_, n) => inbox.at(n));
          expect(at.map((n) => [inbox.rows[n], inbox.edgeShapes[n], inbox.skips[n]])).toEqual(model);
          const waiting = new Uint32Array(30).fill(0xee);
          inbox.listTo(waiting, model.length);
          expect([...waiting]).toEqual([...model.flat(), ...Array(30 - 3 * model.length).fill(0xee)]);
        }
      }),
    );
  });

  it.each([0, 5])('takes as many frames as it has room for, and no more, after %i others', (before) => {
    const inbox = new Inbox(4);
    for (let n = 0; n < before; n++) inbox.push(9, 9, 9);
    inbox.take(Math.min(before, 4));
    expect([1, 2, 3, 4, 5].map((row) => inbox.push(row, row, row))).toEqual([true, true, true, true, false]);
    expect([inbox.length, [0, 1, 2, 3].map((n) => inbox.rows[inbox.at(n)])]).toEqual([4, [1, 2, 3, 4]]);
    inbox.take(1);
    expect([inbox.push(6, 6, 6), inbox.push(7, 7, 7)]).toEqual([true, false]);
  });

  it.each([0, -1, 3, 6, 1000])('is refused a capacity of %s, which is not a power of two', (capacity) => {
    expect(() => new Inbox(capacity)).toThrow(RangeError);
  });

  it.each([1, 2, 1024])('has the capacity %s that it is given', (capacity) => {
    expect(new Inbox(capacity).capacity).toBe(capacity);
  });
});

describe('an outbox', () => {
  it('keeps all pushed frames, one by one or together, in any number', () => {
    const step = fc.oneof(
      fc.record({ one: entry }),
      fc.record({ many: fc.array(entry, { maxLength: 300 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const outbox = new Outbox();
        const model: Entry[] = [];
        for (const each of steps) {
          if ('one' in each) {
            outbox.push(...each.one);
            model.push(each.one);
          } else {
            outbox.pushAll(Uint32Array.from(each.many.flat()), each.many.length);
            model.push(...each.many);
          }
          expect(outbox.length).toBe(model.length);
        }
        expect(model.map((_, n) => [outbox.rows[n], outbox.edgeShapes[n], outbox.skips[n]])).toEqual(model);
      }),
      { numRuns: 50 },
    );
  });

  it.each([255, 256, 257, 512, 513])('has %s frames in arrays of the least power of two', (count) => {
    for (const together of [true, false]) {
      const outbox = new Outbox();
      if (together) outbox.pushAll(new Uint32Array(3 * count), count);
      else for (let n = 0; n < count; n++) outbox.push(n, 0, 0);
      expect(outbox.rows.length).toBe(count <= 256 ? 256 : count <= 512 ? 512 : 1024);
    }
  });
});
