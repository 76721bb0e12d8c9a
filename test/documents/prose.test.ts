import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../net/project-root.ts';
import { MarkdownDocument } from './markdown.ts';
import {
  clauseMistakes,
  commentLines,
  markdownMistakes,
  PROSE_WIDTH,
  type StyleMistake,
  subjectMistakes,
  titleLines,
  widthMistakes,
  wordMistakes,
} from './prose.ts';

/** Made by tools, or copied as data. */
const NOT_WRITTEN =
  /^abi\/(host\/contract|as\/generated[\w-]*)\.ts$|^abi\/c\/|^host\/stack\/registry\/|^test\/fuzz\/corpus\//;

const files = [
  ...readdirSync(projectRoot).filter((name) => name.endsWith('.md')),
  ...['abi', 'docs', 'host', 'pieces-as', 'test', 'tools', 'wit'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name}`,
    ),
  ),
].filter((file) => !NOT_WRITTEN.test(file));

/** The files in plain words: they hold the rules of words, clauses and widths too. */
const IN_PLAIN_WORDS = /^host\/|^(?:abi|pieces-as|test|tools|wit)\/.*\.(?!md$)\w+$/;

describe('the prose of the project', () => {
  it(`has lines of at most ${PROSE_WIDTH} characters in documents, and sentences with a subject`, () => {
    const documents = files.filter((file) => file.endsWith('.md'));
    expect(documents.length).toBeGreaterThan(10);
    const mistakes = documents.flatMap((file) =>
      markdownMistakes(MarkdownDocument.read(file).prose).map(
        (each) => `${file}:${each.line}: ${each.mistake}`,
      ),
    );
    expect(mistakes).toEqual([]);
  });

  it('has comments whose sentences have a subject', () => {
    const sources = files.filter((file) => /\.(ts|mjs|c|h|wit)$/.test(file));
    expect(sources.length).toBeGreaterThan(200);
    const mistakes = sources.flatMap((file) =>
      subjectMistakes(commentLines(readFileSync(join(projectRoot, file), 'utf8'), file.endsWith('.wit'))).map(
        (each) => `${file}:${each.line}: ${each.mistake}`,
      ),
    );
    expect(mistakes).toEqual([]);
  });

  it('says who does what: no avoided word, no clause in place of a sentence, no comment that is too wide', () => {
    const plain = files.filter((file) => IN_PLAIN_WORDS.test(file) && /\.(ts|mjs|c|h|wit|md)$/.test(file));
    expect(plain.length).toBeGreaterThan(800);
    const mistakes = plain.flatMap((file) => {
      const text = readFileSync(join(projectRoot, file), 'utf8');
      if (file.endsWith('.md')) {
        const { prose } = new MarkdownDocument(text);
        return located(file, [...wordMistakes(prose), ...clauseMistakes(prose)]);
      }
      const comments = commentLines(text, file.endsWith('.wit'));
      return located(file, [
        ...wordMistakes(comments),
        ...clauseMistakes(comments),
        ...widthMistakes(text, file.endsWith('.wit')),
        ...(file.endsWith('.test.ts') ? wordMistakes(titleLines(text)) : []),
      ]);
    });
    expect(mistakes).toEqual([]);
  });
});

function located(file: string, mistakes: readonly StyleMistake[]): string[] {
  return mistakes.map(({ line, mistake }) => `${file}:${line}: ${mistake}`);
}

describe('the check of prose', () => {
  const mistakesIn = (text: string) =>
    markdownMistakes(new MarkdownDocument(text).prose).map(({ line, mistake }) => `${line} ${mistake}`);

  it('finds a line that is too wide, and leaves tables, code and addresses of links alone', () => {
    const wide = 'word '.repeat(30).trim();
    expect(mistakesIn(`short\n\n${wide}`)).toEqual([`3 wider than ${PROSE_WIDTH}`]);
    expect(mistakesIn(`| ${wide} |\n\n\`\`\`\n${wide}\n\`\`\`\n\n[a link](${'x'.repeat(200)})`)).toEqual([]);
  });

  it('finds a sentence without a subject at any place, and leaves questions alone', () => {
    expect(mistakesIn('This is good. Who asks late waits.')).toEqual([
      '1 a sentence begins with "Who": Who asks late waits.',
    ]);
    expect(mistakesIn('- Of those two,\n  one is right.')).toHaveLength(1);
    expect(mistakesIn('| a | b |\n|---|---|\n| fine | Whoever asks |')).toHaveLength(1);
    expect(mistakesIn('Who is trusted?\n\nThe piece who asks is named. Of course.')).toEqual([]);
  });

  it('reads the comments of a source, and nothing else of it', () => {
    const source = [
      '/** Who is first. */',
      "const text = 'Who is no comment.';",
      '/*',
      ' * A sentence. Of what',
      ' * is second.',
      ' */',
      '  // Whoever is third.',
      'code(); // Who stands behind code',
    ].join('\n');
    expect(subjectMistakes(commentLines(source)).map(({ line }) => line)).toEqual([1, 4, 7]);
    expect(subjectMistakes(commentLines('/// Who calls it.\nrecord who {}', true))).toHaveLength(1);
  });

  it.each([
    ['The guest is told why.', '1 "told"'],
    ['Nobody reads this.', '1 "Nobody"'],
    ['Whoever opens it waits.', '1 "Whoever"'],
    ['It stays as it was.', '1 "as it was"'],
    ['The lane goes on as if nothing came.', '1 "as if"'],
    ['`nobody` is a user, and as it is sent in pieces it waits.', undefined],
    ['A teller of stories.', undefined],
  ])('finds avoided words outside of code: %s', (text, mistake) => {
    const found = wordMistakes([{ text, line: 1 }]).map((each) => `${each.line} ${each.mistake}`);
    expect(found.map((each) => each.replace(/:.*/, ''))).toEqual(mistake === undefined ? [] : [mistake]);
  });

  it('finds a clause in place of a sentence', () => {
    const found = (text: string) => clauseMistakes([{ text, line: 1 }]).length;
    expect(['What the piece wants.', 'It is. Why it waits.', 'Answers its number.'].map(found)).toEqual([
      1, 1, 1,
    ]);
    expect(['What is wrong?', 'The piece. It knows what it wants.'].map(found)).toEqual([0, 0]);
  });

  it('finds the titles of tests, in any notation', () => {
    const source = [
      "it('one', f);",
      "test.each([[1, f(2)]])('two %s', f);",
      'describe.skip("three", f);',
      "  it.each(rows)('four', f);",
      "exit('no title'); wait.it('none');",
    ].join('\n');
    expect(titleLines(source).map(({ text, line }) => `${line} ${text}`)).toEqual([
      '1 one',
      '2 two %s',
      '3 three',
      '4 four',
    ]);
  });
});
