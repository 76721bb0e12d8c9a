import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../net/project-root.ts';
import { MarkdownDocument } from './markdown.ts';
import { commentLines, markdownMistakes, PROSE_WIDTH, subjectMistakes } from './prose.ts';

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
});

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
});
