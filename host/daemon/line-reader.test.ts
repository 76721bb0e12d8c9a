import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LineReader } from './line-reader.ts';

it('returns the same lines for any chunks of the bytes', () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\n', ' ')),
  );
  fc.assert(
    fc.property(texts, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (lines, sizes) => {
      const bytes = Buffer.from(`${lines.map((line) => `${line}\n`).join('')}rest`);
      const reader = new LineReader(1000);
      const found: string[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = sizes[n % sizes.length]!;
        reader.push(bytes.subarray(at, at + size));
        at += size;
        for (let line = reader.next(); line !== undefined; line = reader.next()) found.push(line);
      }
      expect(found).toEqual(lines);
      expect(reader.isInLine).toBe(true);
      reader.push(Buffer.from('\n'));
      expect(reader.next()).toBe('rest');
      expect(reader.isInLine).toBe(false);
    }),
  );
});

it('refuses a line as soon as it is too long, and a line that is not UTF-8 alone', () => {
  const reader = new LineReader(10);
  reader.push(Buffer.from('0123456789\n'));
  expect(reader.next()).toBe('0123456789');
  reader.push(Buffer.from('0123456789'));
  expect(reader.next()).toBeUndefined();
  reader.push(Buffer.from('x'));
  expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'FT_CONTROL_TOO_LARGE' }));
  reader.push(Buffer.from([0xc3, 0x28, 0x0a, 0x61, 0x0a]));
  expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'FT_CONTROL_JSON' }));
  expect(reader.next()).toBe('a');
});

it('takes a long line byte by byte in linear time', () => {
  const reader = new LineReader(1 << 20);
  for (let n = 0; n < 1 << 19; n++) {
    reader.push(Buffer.of(0x61));
    if (reader.next() !== undefined) throw new Error('no line ends here');
  }
  reader.push(Buffer.of(0x0a));
  expect(reader.next()).toHaveLength(1 << 19);
});
