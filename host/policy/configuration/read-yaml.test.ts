import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readYaml } from './read-yaml.ts';

function problemsOf(text: string): string[] {
  return readYaml(text).problems.map(
    ({ place, message, hint }) =>
      `${place.line}:${place.column}: ${message}${hint === undefined ? '' : ` — ${hint}`}`,
  );
}

describe('readYaml', () => {
  it('returns values, and the line and column of each key and value', () => {
    const { value, places, problems, usable } = readYaml('a:\n  b: [1, two]\n  c: 1.10\n');
    expect(problems).toEqual([]);
    expect(usable).toBe(true);
    expect(JSON.parse(JSON.stringify(value))).toEqual({ a: { b: [1, 'two'], c: 1.1 } });
    expect(places.at(['a', 'b'], 'key')).toEqual({ line: 2, column: 3 });
    expect(places.at(['a', 'b'])).toEqual({ line: 2, column: 6 });
    expect(places.at(['a', 'b', 1])).toEqual({ line: 2, column: 10 });
    expect(places.text(['a', 'c'])).toBe('1.10');
  });

  it('reports a missing key at the key of the mapping that lacks it', () => {
    const { places } = readYaml('a:\n  b: {}\n');
    expect(places.at(['a', 'b', 'x', 'y'])).toEqual({ line: 2, column: 3 });
    expect(places.at(['z'])).toEqual({ line: 1, column: 1 });
  });

  it('finds every duplicate key and continues', () => {
    const { value, usable } = readYaml('a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n');
    expect(usable).toBe(true);
    expect(JSON.parse(JSON.stringify(value))).toEqual({ a: 1, b: 2, c: { x: 1 } });
    expect(problemsOf('a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n')).toEqual([
      '3:1: the key `a` occurs for the second time — the first is on line 1: keep one',
      '4:11: the key `x` occurs for the second time — the first is on line 4: keep one',
    ]);
  });

  it.each([
    ['a: !js/function 1\n', '1:4: the tag `!js/function` means nothing here — write the plain value'],
    ['a: !!binary aaaa\n', '1:4: the tag `!!binary` means nothing here — write the plain value'],
    ['\ta: 1\n', '1:1: a tab cannot indent in YAML — use spaces'],
    ['a: "x\n', '1:4: a quote is opened here and not closed — close it'],
    [
      'a: 1\n---\nb: 2\n',
      '2:1: a second document begins here — a file holds one configuration: make it two files',
    ],
    ['a: *b\n', '1:4: nothing above is named `&b` — an alias names a value that an earlier & has marked'],
    ['a: &b [*b]\n', '1:7: this contains itself — an alias must not be inside the value that it names'],
    ['? [1, 2]\n: 3\n', '1:3: a key must be a name here — put quotes around it to make it a name'],
    [
      '%YAML 1.1\n---\na: yes\n',
      '1:1: YAML 1.1 reads `yes`, `on` and `010` differently — leave the %YAML line out',
    ],
  ])('explains %j', (text, expected) => {
    expect(problemsOf(text)).toContain(expected);
  });

  it('expands aliases where they are used', () => {
    const { value, problems, places } = readYaml('a: &x {k: 1}\nb: *x\n');
    expect(problems).toEqual([]);
    expect(JSON.parse(JSON.stringify(value))).toEqual({ a: { k: 1 }, b: { k: 1 } });
    expect(places.at(['b'])).toEqual({ line: 2, column: 4 });
    // A mistake inside is reported at its own position.
    expect(places.at(['b', 'k'])).toEqual({ line: 1, column: 11 });
  });

  it('refuses an alias bomb', () => {
    let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 12; i++)
      bomb += `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    expect(readYaml(bomb).usable).toBe(false);
    expect(problemsOf(bomb)[0]).toMatch(/there are too many values here/);
  });

  it.each([
    ['brackets', '['.repeat(250_000)],
    ['braces', '{'.repeat(250_000)],
    ['keys in a line', 'a: '.repeat(80_000)],
    ['lists in a line', '- '.repeat(120_000)],
    ['question marks', '? '.repeat(120_000)],
    ['indented keys', Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ])('refuses what nests without end: %s', (_name, text) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^\d+:\d+: this nests too deeply/)]);
  });

  it.each([
    ['many keys', Array.from({ length: 24_000 }, (_, i) => `k${i}: ${i}`).join('\n')],
    ['many items', '- a\n'.repeat(60_000)],
    ['many documents', '---\n'.repeat(60_000)],
    ['many wrong escapes', `a: "${'\\x'.repeat(100_000)}"`],
    ['many quotes', '"'.repeat(100_000)],
    ['many anchors', '&a '.repeat(30_000)],
    ['control characters', '\x01'.repeat(100_000)],
  ])('ends with few problems: %s', (_name, text) => {
    expect(readYaml(text).problems.length).toBeLessThanOrEqual(50);
  });

  it('treats a key that is special in JavaScript like any other', () => {
    const { value } = readYaml('constructor: 1\n__proto__: 2\ntoString: 3\n');
    expect(Object.keys(value as object)).toEqual(['constructor', '__proto__', 'toString']);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'abc:-[]{}&*!?|>"\'#%,\n \t0'.split('')), { maxLength: 60 }),
        (characters) => {
          const { problems, usable, value } = readYaml(characters.join(''));
          if (!usable) expect(problems.length).toBeGreaterThan(0);
          else JSON.stringify(value);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
