import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_PROPERTIES_TEXT,
  MAX_TEXT_LENGTH,
  shownDescription,
  shownProblem,
  shownText,
} from './guest-text.ts';

describe('text of a guest', () => {
  it('is unchanged if it is harmless', () => {
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
    // A surrogate pair that is cut in two leaves no half.
    expect(shownText('🎉'.repeat(10), 3)).toBe('🎉\\u{d83c}…');
  });

  it('that goes into the memory of neighbours has the same limits in a description and in an offer', () => {
    const described = (texts: readonly string[], keeps: readonly string[] = []) => ({
      name: 'a',
      version: '1',
      summary: '',
      protocols: [],
      edges: texts.map((text, n) => ({
        name: `e${n}`,
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: 'ip',
            direction: 'up' as const,
            reach: 'headers' as const,
            properties: [
              {
                wish: 'available' as const,
                property: { name: 'address', value: { tag: 'text' as const, val: text } },
              },
            ],
          },
        ],
      })),
      curves: [
        { fromEdge: 0, fromShape: 0, toEdge: 0, toShape: 0, opaque: false, overhead: 0, keeps: [...keeps] },
      ],
      settings: [],
      reasons: [],
    });
    const codeOf = (texts: readonly string[], keeps?: readonly string[]) => {
      try {
        return shownDescription(described(texts, keeps)).edges.length;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const long = 'x'.repeat(1024);
    const most = Math.floor(MAX_PROPERTIES_TEXT / (long.length + 'address'.length));
    expect(codeOf([long])).toBe(1);
    expect(codeOf(Array(most).fill(long))).toBe(most);
    expect(codeOf(Array(most + 1).fill(long))).toBe('FT_FAULT_RESULT');
    expect(codeOf([`${long}x`])).toBe('FT_FAULT_RESULT');
    expect(codeOf(['fe80::1\n'])).toBe('FT_FAULT_RESULT');
    expect(codeOf([''], ['x'.repeat(64)])).toBe(1);
    expect(codeOf([''], ['x'.repeat(65)])).toBe('FT_FAULT_RESULT');
  });

  it('of a problem is shown in both fields', () => {
    expect(shownProblem({ message: 'a\n' })).toEqual({ message: 'a\\n' });
    expect(shownProblem({ setting: '\u0000', message: '' })).toEqual({ setting: '\\u{0}', message: '' });
  });
});
