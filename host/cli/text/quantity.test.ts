import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatRate, formatUptime, plural } from './quantity.ts';

describe('quantities', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1234567, '1 234 567'],
    [9_999_999, '9 999 999'],
    [12_345_678, '12.3 M'],
    [999_999_999, '1.00 G'],
  ])('counts %d as %j', (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1.5e12, '1.50 TB'],
  ])('writes %d bytes as %j', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0, '0'],
    [0.25, '0.3'],
    [9.96, '10'],
    [1234.5, '1 235'],
  ])('writes a rate of %d as %j', (rate, text) => expect(formatRate(rate)).toBe(text));

  it.each([
    [0, '0:00:00'],
    [83_999, '0:01:23'],
    [86_399_999, '23:59:59'],
    [277_506_000, '3 d 05:05:06'],
  ])('writes %d ms as %j', (ms, text) => expect(formatUptime(ms)).toBe(text));

  it('uses the singular for one', () => {
    expect([plural(0, 'piece'), plural(1, 'piece'), plural(2, 'piece')]).toEqual([
      '0 pieces',
      '1 piece',
      '2 pieces',
    ]);
  });

  it('never exceeds its column', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (number) => {
        expect(formatCount(number).length).toBeLessThanOrEqual(9);
        expect(formatBytes(number).length).toBeLessThanOrEqual(8);
        expect(formatRate(number).length).toBeLessThanOrEqual(9);
      }),
    );
  });
});
