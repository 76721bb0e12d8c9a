import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../net/project-root.ts';

const rows = readFileSync(join(projectRoot, 'test', 'sctp', 'requirements.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, section, words, answer]) => ({ section: section!, words: words!, answer: answer! }));
/** The RFC itself is not part of the project. */
const rfc = join(projectRoot, '..', 'shared', 'rfc', 'rfc9260.txt');

it('every demand of RFC 9260 §3 to §9 is shown by tests that exist, or has its reason', () => {
  expect(rows.length).toBeGreaterThan(280);
  const missing: string[] = [];
  for (const { section, words, answer } of rows) {
    const tests = [...answer.matchAll(/`([^`]+\.test\.ts)` “([^”]+)”/g)];
    if (tests.length === 0 && !/reason: \w.{20}/.test(answer)) missing.push(`${section} ${words}: no answer`);
    for (const [, file, title] of tests) {
      const path = join(projectRoot, file!);
      if (!existsSync(path)) missing.push(file!);
      else if (!hasTitle(readFileSync(path, 'utf8'), title!)) missing.push(`${file}: ${title}`);
    }
  }
  expect(missing).toEqual([]);
});

it('the table has every demand of RFC 9260 §3 to §9', ({ skip }) => {
  if (!existsSync(rfc)) skip('../shared/rfc/rfc9260.txt is not here');
  const demands = demandsOf(readFileSync(rfc, 'utf8'));
  expect(rows.map(({ section }) => section)).toEqual(demands.map(({ section }) => section));
  const different = demands.filter(
    ({ text }, n) => !text.startsWith(rows[n]!.words.replace(/ …$/, '').replaceAll(/\s+/g, ' ')),
  );
  expect(different).toEqual([]);
});

/** Whether a test of this title is there, and not left out. */
function hasTitle(source: string, title: string): boolean {
  const plain = source.replaceAll("\\'", "'");
  return ["'", '"', '`'].some((quote) => {
    const at = plain.indexOf(quote + title + quote);
    return at >= 0 && !/\.(skip|todo)[^\n]*$/.test(plain.slice(0, at).split('\n').slice(-1)[0]!);
  });
}

/** The sentences of sections 3 to 9 that demand something. */
function demandsOf(text: string): { section: string; text: string }[] {
  const demands: { section: string; text: string }[] = [];
  let section = '';
  let paragraph: string[] = [];
  const end = () => {
    const chapter = Number(section.split('.')[0]);
    const all = paragraph.join(' ');
    paragraph = [];
    if (chapter < 3 || chapter > 9) return;
    for (const sentence of all.split(/(?<=[.:;])\s+(?=[A-Z(])/))
      if (/\b(MUST|SHALL|REQUIRED)\b/.test(sentence))
        demands.push({ section, text: sentence.replaceAll('|', '/').replaceAll(/\s+/g, ' ') });
  };
  for (const line of text.split('\n')) {
    const heading = /^(\d+(?:\.\d+)*)\. {2}\S/.exec(line);
    if (heading !== null || line.trim() === '') end();
    if (heading !== null) section = heading[1]!;
    else if (line.trim() !== '') paragraph.push(line.trim());
  }
  end();
  return demands;
}
