import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escaped, jsonText, printable } from './foreign-text.ts';

/** Dangerous characters as ranges of Unicode, written down apart from the categories that the module uses. */
const DANGEROUS: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f], // C0
  [0x7f, 0x9f], // DEL, C1
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f], // combining grapheme joiner
  [0x600, 0x605], // Arabic number signs
  [0x61c, 0x61c], // Arabic letter mark
  [0x6dd, 0x6dd],
  [0x70f, 0x70f],
  [0x890, 0x891],
  [0x8e2, 0x8e2],
  [0x115f, 0x1160], // Hangul fillers
  [0x17b4, 0x17b5], // Khmer inherent vowels
  [0x180b, 0x180f], // Mongolian selectors and vowel separator
  [0x200b, 0x200f], // zero width, marks of direction
  [0x2028, 0x202e], // separators, embedding of direction
  [0x2060, 0x206f], // invisible operators, isolates
  [0x2800, 0x2800], // braille blank
  [0x3164, 0x3164], // Hangul filler
  [0xd800, 0xdfff], // surrogates
  [0xe000, 0xf8ff], // private use
  [0xfdd0, 0xfdef], // noncharacters
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff], // byte order mark
  [0xffa0, 0xffa0], // halfwidth Hangul filler
  [0xfff0, 0xfffb], // reserved, interlinear annotation
  [0xfffe, 0xffff],
  [0x110bd, 0x110bd], // Kaithi number signs
  [0x110cd, 0x110cd],
  [0x13430, 0x1343f], // Egyptian format controls
  [0x1bca0, 0x1bca3], // shorthand format controls
  [0x1d159, 0x1d159], // null notehead
  [0x1d173, 0x1d17a], // musical format controls
  [0xe0000, 0xe0fff], // tags, more variation selectors, reserved
  [0xf0000, 0x10ffff], // private use planes
];

/** The last two characters of the planes 1 to 14 are noncharacters. */
function isDangerous(code: number): boolean {
  if ((code & 0xfffe) === 0xfffe) return true;
  return DANGEROUS.some(([first, last]) => code >= first && code <= last);
}

describe('foreign text', () => {
  it('escapes every dangerous character of Unicode, and no other', () => {
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code);
      const hex = `\\u{${code.toString(16)}}`;
      const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
      const expected = isDangerous(code) ? (short ?? hex) : character;
      const line = isDangerous(code) ? (short === undefined ? hex : ' ') : character;
      if (escaped(character) !== expected || printable(character) !== line) wrong.push(code.toString(16));
      const json = jsonText(character);
      if (JSON.parse(json) !== character || (isDangerous(code) && !/^"\\[ -~]+"$/.test(json)))
        wrong.push(`${code.toString(16)} in JSON`);
    }
    expect(wrong).toEqual([]);
  });

  it('keeps its value in JSON, without dangerous characters other than the line feeds of the layout', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2), (value, space) => {
        const text = jsonText(value, space);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        for (const character of text.replaceAll('\n', ''))
          expect(isDangerous(character.codePointAt(0)!)).toBe(false);
      }),
    );
  });

  it('becomes one line of limited length', () => {
    expect(printable('a\x1b[2Jb\x07\u202ec\u009b')).toBe('a\\u{1b}[2Jb\\u{7}\\u{202e}c\\u{9b}');
    expect(printable('two\nlines')).toBe('two lines');
    expect(printable('lone \ud800 surrogate')).toBe('lone \\u{d800} surrogate');
    expect(printable('x'.repeat(30), { longest: 10 })).toBe(`${'x'.repeat(10)}…`);
    expect(printable('Größe ↔ 尺寸 😀 שלום नमस्ते')).toBe('Größe ↔ 尺寸 😀 שלום नमस्ते');
  });
});
