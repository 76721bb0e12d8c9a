import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './net/project-root.ts';

/** Statements, and what stands beside them. */
const rows = readFileSync(join(projectRoot, 'test', 'specification.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| the specification'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, statement, answer]) => ({ statement: statement!, answer: answer! }));
/** The document that the table is about; it is not part of the project. */
const specification = join(projectRoot, '..', 'shared', 'specification.txt');

describe('the table of the specification', () => {
  it('has an answer to every statement: tests, or what is not built', () => {
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter(({ answer }) => !/`[^`]+\.test\.ts` “[^”]+”|not built: \w/.test(answer))).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing: string[] = [];
    for (const { answer } of rows) {
      for (const [, file, title] of answer.matchAll(/`([^`]+)` “([^”]+)”/g)) {
        const path = join(projectRoot, file!);
        if (!existsSync(path)) missing.push(file!);
        else if (!titlesIn(readFileSync(path, 'utf8')).includes(title!)) missing.push(`${file}: ${title}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('takes no test that is left out for one that is there', () => {
    expect(
      titlesIn("it('a', f); it.skip('b', f); test.todo('c'); describe.skip('d', f); it.each(x)('e', f)"),
    ).toEqual(['a', 'e']);
  });

  it('says of no piece that it is not built where its folder is there', () => {
    const built = new Set(readdirSync(join(projectRoot, 'pieces-as')));
    const denied = rows.filter(({ answer }) => /^not built: .* pieces?$/.test(answer));
    expect(denied.length).toBeGreaterThan(3);
    const names = denied.map(({ statement }) => statement.toLowerCase().replaceAll(' ', '-'));
    expect(names.filter((name) => built.has(name))).toEqual([]);
  });

  it('leaves out no point of its lists and no section', ({ skip }) => {
    if (!existsSync(specification)) skip('../shared/specification.txt is not here');
    const text = readFileSync(specification, 'utf8');
    const points = text
      .slice(text.indexOf('Network Puzzle Pieces\n---'))
      .split(/\n\s*\n/)
      .filter((block) => /^-\s{3}/.test(block))
      .map((block) => oneLine(block.replace(/^-\s+/, '')));
    expect(points.length).toBeGreaterThan(30);
    // In its own words, and each once.
    const words = oneLine(plain(text)).toLowerCase();
    expect(rows.filter(({ statement }) => !words.includes(oneLine(plain(statement)).toLowerCase()))).toEqual(
      [],
    );
    const statements = new Set(rows.map(({ statement }) => oneLine(statement)));
    expect(statements.size).toBe(rows.length);
    expect(points.filter((point) => !statements.has(point))).toEqual([]);
    const table = readFileSync(join(projectRoot, 'test', 'specification.md'), 'utf8');
    const sections = [...text.matchAll(/^#{3,4} (.+)$/gm)].map(([, title]) => title!.trim());
    expect(sections.filter((title) => !title.startsWith('Case study') && !table.includes(title))).toEqual([]);
  });
});

/**
 * The first argument of each `it`, `test` and `describe` that is run, also where it comes behind a table or
 * on a line of its own.
 */
function titlesIn(source: string): string[] {
  const titles = source.matchAll(
    /(?:\b(?:it|test|describe|natLab|lab|labTest)\b(?!\.(?:skip|todo)\b)[\w.]*|\))\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`|"((?:[^"\\]|\\.)*)")/g,
  );
  return [...titles].map(([, single, template, double]) => single ?? template ?? double ?? '');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Without the marks of its typesetting. */
function plain(text: string): string {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[*“”"]/g, '');
}
