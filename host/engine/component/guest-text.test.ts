import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TEXT_LENGTH, shownProblem, shownText } from './guest-text.ts';

describe('text of a guest', () => {
  it('is left alone where it is harmless', () => {
    for (const text of ['', 'héllo wörld', '日本語 🎉', 'a\\b']) expect(shownText(text)).toBe(text);
  });

  it('cannot steer a terminal, break a line or turn the direction', () => {
    expect(shownText('\u001b]0;owned\u0007')).toBe('\\u{1b}]0;owned\\u{7}');
    expect(shownText('one\r\ntwo\tthree')).toBe('one\\r\\ntwo\\tthree');
    expect(shownText('\u009b31m\u2028\u202e\u2066')).toBe('\\u{9b}31m\\u{2028}\\u{202e}\\u{2066}');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(shownText(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('is cut', () => {
    expect(shownText('x'.repeat(5000))).toHaveLength(MAX_TEXT_LENGTH + 1);
    // A pair that is cut in two leaves no half of it.
    expect(shownText('🎉'.repeat(10), 3)).toBe('🎉\\u{d83c}…');
  });

  it('of a problem is shown in both fields', () => {
    expect(shownProblem({ message: 'a\n' })).toEqual({ message: 'a\\n' });
    expect(shownProblem({ setting: '\u0000', message: '' })).toEqual({ setting: '\\u{0}', message: '' });
  });
});
