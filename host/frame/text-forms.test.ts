import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fieldsEnd,
  fieldValue,
  lowerCaseBytes,
  mediaTypeEnd,
  skipSpace,
  startsWith,
  valueEnd,
} from './header-fields.ts';
import { Cut, type ParseFunction } from './parse-function.ts';
import { sdp } from './parse-sdp.ts';
import { sip } from './parse-sip.ts';
import { PROBLEM_KINDS } from './problem.ts';

/*
 * The text protocols, compared with regular expressions. Other bytes surround each text in memory, and they
 * would continue it: a parse function must not look at them.
 */

const FRONT = 'INVITE sip:a SIP/2.0\r\nl: 1\r\n';
const BEHIND = '=0 \r\n \r\n\r\n99';

interface Division {
  readonly header: number;
  readonly contents: number;
  readonly next: string;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(`${FRONT}${text}${BEHIND}`, (character) => character.charCodeAt(0));
}

function divide({ parse }: ParseFunction, text: string): Division | string {
  const bytes = bytesOf(text);
  const cut = new Cut();
  const problem = parse(bytes, FRONT.length, FRONT.length + text.length, cut);
  if (problem !== 0) return PROBLEM_KINDS[problem]!;
  const next = Buffer.from(bytes.subarray(cut.nextFrom, cut.nextTo)).toString('latin1');
  return { header: cut.header, contents: cut.contents, next };
}

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((each) => each.join(''));
const several = (part: fc.Arbitrary<string>, maxLength: number) =>
  fc.array(part, { maxLength }).map((each) => each.join(''));
const lineEnd = fc.oneof({ weight: 6, arbitrary: fc.constant('\r\n') }, oneOf('\n', '\r', ''));

describe('SDP (RFC 8866 §5)', () => {
  const literally = (text: string) =>
    /^v.0[\r\n]/s.test(text) && /^(?:[a-z]=[^\0\n]*\n)*(?:[a-z]=[^\0\n]*)?$/.test(text)
      ? { header: text.length, contents: 0, next: '' }
      : 'syntax';

  it('is a letter, = and a value on each line', () => {
    let valid = 0;
    let runs = 0;
    const line = joined(
      oneOf('a', 'm', 'v', 'z', 'z', 'a', '`', '{', '=', '\0', ''),
      oneOf('=', '=', '=', '=', '', '-', '=\0', '=='),
      oneOf('', 'x', 'IN IP4 192.0.2.1', 'a=b'),
      lineEnd,
    );
    const first = fc.oneof(
      { weight: 4, arbitrary: oneOf('v=0\r\n', 'v=0\n') },
      oneOf('v=1\n', 'w=0\n', 'v=0 \n'),
    );
    fc.assert(
      fc.property(joined(first, several(line, 4)), (text) => {
        const expected = literally(text);
        expect(divide(sdp, text), JSON.stringify(text)).toEqual(expected);
        runs++;
        if (expected !== 'syntax') valid++;
      }),
      { numRuns: 5000 },
    );
    expect(valid / runs).toBeGreaterThan(0.1);
  });

  it.each([
    'v=0\r\na',
    'v=0\r\na\r',
    'v=0\r\n`=x',
    'v=0\r\n{=x',
    'v=0\r\nA=x',
    'v=0\r\n=',
    'v-0\r\n',
    'v=0\ra\0',
  ])('is not %j', (text) => expect(divide(sdp, text)).toBe('syntax'));

  it.each(['v=0\r\na=', 'v=0\nz=x', 'v=0\ra', 'v=0\r\n'])('is %j', (text) =>
    expect(divide(sdp, text)).toEqual({ header: text.length, contents: 0, next: '' }),
  );
});

describe('SIP (RFC 3261 §7)', () => {
  const SPACE = '(?:[ \\t]|\\r?\\n(?=[ \\t]))*';
  const fieldOf = (fields: string, names: string) =>
    new RegExp(`(?:^|\\n)(?:${names})${SPACE}:${SPACE}([^]*)$`, 'i').exec(fields)?.[1];
  /** The first field counts, and a greedy search finds it from the front. */
  function literally(text: string): Division | string {
    const start = /^(?:\r?\n)*/.exec(text)![0].length;
    const [line] = /^[^\n]*\n/.exec(text.slice(start)) ?? [];
    if (line === undefined) return 'truncated';
    const isStart = /^SIP\/2\.0/i.test(line) ? line[7] === ' ' : / SIP\/2\.0\r?\n$/i.test(line);
    if (!isStart) return 'syntax';
    const from = start + line.length;
    const end = /(?:^|\n)\r?\n/.exec(text.slice(from));
    if (end === null) return 'truncated';
    const body = from + end.index + end[0].length;
    const fields = text.slice(from, body);
    let contents = text.length - body;
    const length = fieldOf(fields, 'content-length|l');
    if (length !== undefined) {
      const [, digits] = new RegExp(`^(\\d+)${SPACE}[\\r\\n]`).exec(length) ?? [];
      if (digits === undefined || Number(digits) > 0x7fff_ffff) return 'syntax';
      if (Number(digits) > contents) return 'length';
      contents = Number(digits);
    }
    const type = fieldOf(fields, 'content-type|c');
    const word = '[^\\0- ;(]';
    const next =
      type === undefined || contents === 0
        ? ''
        : (new RegExp(
            `^(?:${word}*/(?![^\\0- ;(])${SPACE}${word}*|${word}+(?<!/)${SPACE}/${SPACE}${word}*|${word}*)`,
          ).exec(type)?.[0] ?? '');
    return { header: body, contents, next };
  }

  const space = fc.oneof(
    { weight: 6, arbitrary: oneOf('', '', ' ') },
    oneOf('\t', '\r\n ', '\n\t', '  ', '\r\n'),
  );
  const name = oneOf(
    'Content-Length',
    'l',
    'L',
    'content-length',
    'Content-Type',
    'c',
    'C',
    'Via',
    'Content',
    'll',
  );
  const value = fc.oneof(
    oneOf('0', '1', '2', '3', '002', '9', '2147483647', '2147483648', 'x', '', '1 x', '1;x'),
    joined(
      oneOf('text', 'text/', 'a', ''),
      space,
      oneOf('/', '/', ''),
      space,
      oneOf('plain', 'b', ''),
      oneOf('', ';x=1', '(c)'),
    ),
  );
  const field = joined(name, space, oneOf(':', ':', ':', ':', '', '='), space, value, lineEnd);
  const startLine = fc.oneof(
    {
      weight: 5,
      arbitrary: oneOf('SIP/2.0 200 OK\r\n', 'INVITE sip:a SIP/2.0\r\n', 'X SIP/2.0\n', 'sip/2.0 \n'),
    },
    oneOf(
      'SIP/2.0\r\n',
      'SIP/2.1 200\r\n',
      'X SIP/2.0',
      'X SIP/2.0 \r\n',
      ' SIP/2.0\n',
      'XSIP/2.0\n',
      'aSIP/2.0\r\n',
    ),
  );
  const message = joined(
    oneOf('', '', '', '\r\n', '\n\r\n', '\r'),
    startLine,
    several(field, 3),
    fc.oneof({ weight: 6, arbitrary: oneOf('\r\n', '\n') }, oneOf('', '\r', ' \r\n')),
    oneOf('', 'a', 'ab', 'abc', 'abcdefghi'),
  ).filter((text) => text.length >= 12);

  it('is divided where its start line, fields and lengths say', () => {
    let runs = 0;
    const found = new Map<string, number>();
    fc.assert(
      fc.property(message, (text) => {
        const expected = literally(text);
        expect(divide(sip, text), JSON.stringify(text)).toEqual(expected);
        runs++;
        const kind = typeof expected === 'string' ? expected : expected.next === '' ? 'plain' : 'typed';
        found.set(kind, (found.get(kind) ?? 0) + 1);
      }),
      { numRuns: 10_000 },
    );
    for (const kind of ['truncated', 'syntax', 'length', 'plain', 'typed'])
      expect((found.get(kind) ?? 0) / runs, kind).toBeGreaterThan(0.01);
  });

  it('has a start line that no bytes in front of it complete', () => {
    const text = 'X SIP/2.0\r\nl: 0\r\n\r\n';
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const problems = [0, 1, 2, 3, 8].map(
      (from) => PROBLEM_KINDS[sip.parse(bytes, from, bytes.length, new Cut())],
    );
    expect(problems).toEqual(['', '', 'syntax', 'syntax', 'syntax']);
  });

  it.each([
    ['l: 2147483647', 'length'],
    ['l: 2147483648', 'syntax'],
    ['l: 5', 'length'],
    ['l: 4', { header: 27, contents: 4, next: '' }],
    ['l:', 'syntax'],
    ['l: 1 1', 'syntax'],
  ])('with %j and a body of four bytes is %j', (field, expected) => {
    expect(divide(sip, `SIP/2.0 200 OK\r\n${field}\r\n\r\nabcd`)).toEqual(
      typeof expected === 'string' ? expected : { ...expected, header: 20 + field.length },
    );
  });

  it.each([
    ['l: 000\r\n\r\n', 7, 'l: 007\r\n\r\n'],
    ['a: b\r\nContent-Length:\r\n 99\r\n\r\n', 5, 'a: b\r\nContent-Length:\r\n 05\r\n\r\n'],
    ['l: 00\r\n\r\n', 99, 'l: 99\r\n\r\n'],
    ['l: 00\r\n\r\n', 100, 'size'],
    ['l:\r\n\r\n', 1, 'size'],
    ['a: b\r\n\r\n', 5, 'a: b\r\n\r\n'],
    // A header that ends within its digits: those behind it are contents.
    ['l: 00', 42, 'l: 42'],
    ['l: 00', 100, 'size'],
  ])('writes its length into %j', (fields, length, expected) => {
    const header = `\r\nX SIP/2.0\r\n${fields}`;
    const bytes = Uint8Array.from(`${FRONT}${header}99${BEHIND}`, (character) => character.charCodeAt(0));
    const before = Buffer.from(bytes).toString('latin1');
    const problem = sip.finish!(bytes, FRONT.length, FRONT.length + header.length, length);
    const after = Buffer.from(bytes).toString('latin1');
    if (problem !== 0) expect([PROBLEM_KINDS[problem], after]).toEqual([expected, before]);
    else expect(after).toBe(`${FRONT}\r\nX SIP/2.0\r\n${expected}99${BEHIND}`);
  });
});

describe('what reads header fields looks at no byte behind its end', () => {
  /** Calls it with a text that ends at the bar. */
  const upTo = <T>(text: string, call: (bytes: Uint8Array, from: number, to: number) => T): T => {
    const end = text.indexOf('|');
    const bytes = Uint8Array.from(text.replace('|', ''), (character) => character.charCodeAt(0));
    return call(bytes, 0, end);
  };
  const length = lowerCaseBytes('content-length');

  it.each([
    ['a: b\n\r\n|', 7],
    ['a: b\n\n|', 6],
    ['\r\n|', 2],
    ['a: b\n\rx\n\n|', 9],
    ['a: b\n|\n', -1],
    ['a: b\n\r|\n', -1],
    ['a: b|\n\n', -1],
  ])('the end of the fields in %j', (text, end) => expect(upTo(text, fieldsEnd)).toBe(end));

  it.each([
    [' \t x|', 3],
    [' \r\n |x', 4],
    [' \n\t|x', 3],
    [' \r\n|  x', 1],
    [' \r|\n x', 1],
    [' |  x', 1],
    ['\r\r\n x|', 0],
    ['\r\nx|', 0],
  ])('white space in %j', (text, end) => expect(upTo(text, skipSpace)).toBe(end));

  it.each([
    ['text/plain|', 10],
    ['text / plain;x|', 12],
    ['text/ plain(c)|', 11],
    ['text /|plain', 6],
    ['text|/plain', 4],
    ['text |/plain', 4],
    ['text/|plain', 5],
    ['text/pl|ain', 7],
    ['text plain|', 4],
    ['/|plain', 1],
    ['|text/plain', 0],
  ])('the media type in %j', (text, end) => expect(upTo(text, mediaTypeEnd)).toBe(end));

  it.each([
    ['Content-Length: 1|', 16],
    ['L :1|', 3],
    ['a: b\r\nl:1|', 8],
    ['l|: 1', -1],
    ['l |: 1', -1],
    ['Content-Len|gth: 1', -1],
    ['l x: 1\nl:2|', 9],
    [' l: 1|', -1],
    ['m: 1|', -1],
  ])('the length in %j', (text, at) => {
    expect(upTo(text, (bytes, from, to) => fieldValue(bytes, from, to, length, 0x6c))).toBe(at);
    const without = text.toLowerCase().startsWith('content') ? at : -1;
    expect(upTo(text, (bytes, from, to) => fieldValue(bytes, from, to, length, 0))).toBe(without);
  });

  it.each([
    ['SIP|', 'sip', true],
    ['si|p', 'sip', false],
    ['sjp|', 'sip', false],
    ['sip/2.0|', 'sip', true],
    ['|', '', true],
  ])('whether %j begins with %j', (text, word, expected) => {
    expect(upTo(text, (bytes, from, to) => startsWith(bytes, from, to, lowerCaseBytes(word)))).toBe(expected);
  });
});

describe('the value of a header field', () => {
  it.each([
    ['a\r\n b\n\tc\r\nd', 10],
    ['a\nb', 2],
    ['a', 1],
    ['a\r\n', 3],
    ['a\n ', 3],
  ])('ends in %j at %i', (text, end) => {
    expect(valueEnd(bytesOf(text), FRONT.length, FRONT.length + text.length) - FRONT.length).toBe(end);
  });
});
