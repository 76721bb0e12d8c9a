import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable } from './printable.ts';

describe('printable', () => {
  it('makes escape sequences and marks of direction visible', () => {
    expect(printable('a\x1b[2Jb\x07\u202ec\u009b')).toBe('a\\u001b[2Jb\\u0007\\u202ec\\u009b');
    expect(printable('two\nlines')).toBe('two lines');
    expect(printable('lone \ud800 surrogate')).toBe('lone \\ud800 surrogate');
  });

  it('leaves other writing as it is', () => {
    expect(printable('Größe ↔ 尺寸 😀')).toBe('Größe ↔ 尺寸 😀');
  });

  it('never lets a control character through', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/\p{Cc}/u.test(printable(text))));
  });
});
