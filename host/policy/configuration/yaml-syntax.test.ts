import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readYaml } from './read-yaml.ts';

/* One slip of the hand in a configuration is one mistake, on the line where it is. */

const BLOCK = `# a puzzle
pieces:
  home:
    piece: tun
    settings:
      device: six # a comment
      address: "10.0.0.1/24"
    edges:
      ip: lan
  six:
    piece: 6bed4
    settings: { router: 192.0.2.1, note: 'it''s' }
    edges:
      ipv6: lan
      carrier:
        - wan
        - other
  net: { piece: udp, edges: { udp: [wan, other] } }
networks:
  lan: { copies: true }
`;

const FLOW = `pieces: {
  home: { piece: tun, edges: { ip: lan } },
  six: {
    piece: 6bed4,
    settings: { router: "192.0.2.1" },
    edges: { ipv6: lan, carrier: [wan] }
  },
  net: { piece: udp, edges: { udp: wan } }
}
`;

function mistakesOf(text: string): { line: number; message: string }[] {
  const { problems } = readYaml(text);
  return problems.map(({ place, message }) => ({ line: place.line, message }));
}

/** The text with one line changed; lines count from 1. */
function withLine(text: string, line: number, change: (line: string) => string): string {
  const lines = text.split('\n');
  lines[line - 1] = change(lines[line - 1]!);
  return lines.join('\n');
}

function linesWhere(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, i) => (pattern.test(line) ? [i + 1] : []));
}

it('reads the configurations without a slip', () => {
  for (const text of [BLOCK, FLOW]) expect(mistakesOf(text)).toEqual([]);
});

describe.each([
  ['in lines', BLOCK],
  ['in brackets', FLOW],
])('a configuration %s', (_, text) => {
  it.each(linesWhere(text, /^ +\S/))('with a tab before line %d', (line) => {
    for (const change of [
      (each: string) => each.replace(/^ +/, '\t'),
      (each: string) => each.replace(/^ {2}/, '\t'),
      (each: string) => each.replace(/^( +)/, '$1\t'),
    ]) {
      const found = mistakesOf(withLine(text, line, change));
      // In brackets, YAML permits a tab behind spaces.
      if (found.length === 0) continue;
      expect(found).toEqual([{ line, message: 'a tab cannot indent in YAML' }]);
    }
  });

  it.each(linesWhere(text, /[}\]]/))('with a bracket that is not closed, on line %d', (line) => {
    const [bracket] = /[}\]](?=[^}\]]*$)/.exec(text.split('\n')[line - 1]!)!;
    const found = mistakesOf(withLine(text, line, (each) => each.replace(/[}\]](?=[^}\]]*$)/, '')));
    expect(found).toHaveLength(1);
    expect(found[0]!.message).toBe(`this \`${bracket === '}' ? '{' : '['}\` is not closed`);
    // The bracket that is left open: on the line itself, or on the line that this one closes.
    const opens = (text.split('\n')[line - 1]!.match(/[{[]/g) ?? []).length > 0;
    if (opens) expect(found[0]!.line).toBe(line);
    else expect(found[0]!.line).toBeLessThan(line);
  });

  it.each(linesWhere(text, /[}\]]/))('with a bracket too many, on line %d', (line) => {
    for (const bracket of ['}', ']']) {
      const found = mistakesOf(
        withLine(text, line, (each) => each.replace(/[}\]]+(?=[^}\]]*$)/, `$&${bracket}`)),
      );
      expect(found).toHaveLength(1);
      // In a configuration that is one pair of brackets, the next bracket is the one too many.
      if (text === BLOCK) expect(found[0]!.line).toBe(line);
    }
  });

  it.each(linesWhere(text, /["'].*["']/))('with a quote that is not closed, on line %d', (line) => {
    const found = mistakesOf(withLine(text, line, (each) => each.replace(/["'](?=[^"']*$)/, '')));
    expect(found).toEqual([{ line, message: 'a quote is opened here and not closed' }]);
  });
});

it.each(['|', '>-', '|2'])('a text behind %s is no syntax, up to its end or the next key', (mark) => {
  const text = (end: string) => `a:\n  note: ${mark}\n    { "no: yaml: here\n\n    - [\n${end}`;
  expect(mistakesOf(text(''))).toEqual([]);
  expect(mistakesOf(text('  other: 1\n'))).toEqual([]);
  expect(mistakesOf(text('b: { c: 1\n')).map(({ line }) => line)).toEqual([6]);
});

describe('a configuration in lines', () => {
  it.each(linesWhere(BLOCK, /^ +\S/))('with line %d indented by one more or less', (line) => {
    for (const change of [(each: string) => ` ${each}`, (each: string) => each.slice(1)]) {
      const found = mistakesOf(withLine(BLOCK, line, change));
      // A first line may stand at any depth; then the next one does not fit.
      expect(found.length).toBeLessThanOrEqual(1);
      for (const each of found) expect([line, line + 1, ...followers(line)]).toContain(each.line);
    }
  });

  /** The next line of the same block, for a first line whose indentation decides. */
  function followers(line: number): number[] {
    const lines = BLOCK.split('\n');
    const depth = /^ */.exec(lines[line - 1]!)![0].length;
    const next = lines.findIndex(
      (each, i) => i >= line && /^ */.exec(each)![0].length <= depth && each !== '',
    );
    return next < 0 ? [] : [next + 1];
  }

  it.each(linesWhere(BLOCK, /^ +[\w-]+: \S/))('without the colon on line %d', (line) => {
    const found = mistakesOf(withLine(BLOCK, line, (each) => each.replace(':', '')));
    if (isAlone(line)) return expect(found).toEqual([]);
    expect(found).toHaveLength(1);
    expect(Math.abs(found[0]!.line - line)).toBeLessThanOrEqual(1);
  });

  it.each(linesWhere(BLOCK, /^ +[\w-]+: \S/))('without the space behind the colon on line %d', (line) => {
    const found = mistakesOf(withLine(BLOCK, line, (each) => each.replace(': ', ':')));
    if (isAlone(line)) return expect(found).toEqual([]);
    expect(found).toEqual([{ line, message: 'a space is missing behind this colon' }]);
  });

  /** A word that is all of a value is good YAML. The check of the structure reports it. */
  function isAlone(line: number): boolean {
    return /^ +ip: /.test(BLOCK.split('\n')[line - 1]!);
  }

  it.each(linesWhere(BLOCK, /, /))('without a comma on line %d', (line) => {
    const found = mistakesOf(withLine(BLOCK, line, (each) => each.replace(/, (?=\w+:)/, ' ')));
    expect(found).toEqual([
      { line, message: expect.stringMatching(/^a comma is missing in front of `\w+`$/) },
    ]);
  });
});

it.each([
  ['@pieces: {}', 1, 'a value cannot begin with this character'],
  ['pieces:\n  a: { piece: `udp` }', 2, 'a value cannot begin with this character'],
  ['pieces:\n  a: { piece: "u\\qdp" }', 2, '`\\q` means nothing in double quotes'],
  ['pieces:\n  a: { piece: &a &b udp }', 2, '`&`, `*` or `!` stands where it cannot'],
  ['pieces:\n  a: { piece: &a *b }', 2, '`&`, `*` or `!` stands where it cannot'],
  [`pieces:\n  ${'a'.repeat(1100)}: { piece: udp }`, 2, 'a key goes on over a line end, or is too long'],
  ['base: &b { piece: udp }\npieces:\n  a: { <<: *b, edges: { ip: x } }', 3, '`<<` merges nothing here'],
  ['pieces:\n  ? [a, b]\n  : { piece: udp }', 2, 'a key must be a name here'],
])('says in plain words what is wrong in %j', (text, line, message) => {
  const { problems, usable } = readYaml(text);
  expect(problems.map(({ place, message }) => [place.line, message])).toEqual([[line, message]]);
  expect(problems[0]!.hint).toBeDefined();
  expect(usable).toBe(false);
});

it('merges nothing, but has keys that are called so in quotes', () => {
  expect(readYaml('"<<": 5')).toMatchObject({ value: { '<<': 5 }, problems: [] });
});

it('one mistake for any text, in time that does not grow faster than the text', () => {
  const pieces = fc.constantFrom(
    ...'{}[],:\'"#|>-&*!%@`\t \n',
    'a',
    'key: ',
    '- ',
    '\n  ',
    '\n    ',
    'é',
    '\u{feff}',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      const { problems, usable } = readYaml(parts.join(''));
      if (!usable && problems.every(({ path }) => path.length === 0))
        expect(problems.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
  for (const part of [' ', 'a ', '"', "'", '- a\n', 'a: b\n', 'a: "\n', '{', 'a:b ', '\n ', '|\n', 'x\n'])
    readYaml(`${part.repeat(40_000 / part.length)}\n]`);
});
