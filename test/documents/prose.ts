/** A sentence or a line that is not in the project's style, with its line number. */
export interface StyleMistake {
  readonly line: number;
  readonly mistake: string;
}

/** The widest line of prose, in characters. */
export const PROSE_WIDTH = 110;

/**
 * The mistakes in the style of Markdown prose: lines that are too wide, outside of tables and code, as far
 * as links do not make them so; and sentences that lack a subject.
 */
export function markdownMistakes(
  prose: readonly { readonly text: string; readonly line: number }[],
): StyleMistake[] {
  const text = prose.filter((each) => !each.text.startsWith('|'));
  const wide = text
    .filter((each) => width(each.text) > PROSE_WIDTH)
    .map(({ line }) => ({ line, mistake: `wider than ${PROSE_WIDTH}` }));
  return [...wide, ...subjectMistakes(prose.map((each) => ({ ...each, text: unlinked(each.text) })))];
}

/** The comments of TypeScript, JavaScript, C or WIT, each line with its number, without their marks. */
export function commentLines(source: string, isWit = false): { text: string; line: number }[] {
  const lines: { text: string; line: number }[] = [];
  let isInside = false;
  for (const [index, line] of source.split('\n').entries()) {
    const comment = isInside
      ? /^\s*\*?\s?(.*)$/.exec(line)
      : isWit
        ? /^\s*\/\/\/?\s?(.*)$/.exec(line)
        : /^\s*(?:\/\/\s?|\/\*\*?\s?)(.*)$/.exec(line);
    if (comment === null) {
      lines.push({ text: '', line: index + 1 });
      continue;
    }
    if (!isInside && /^\s*\/\*/.test(line)) isInside = true;
    const ends = isInside && line.includes('*/');
    lines.push({ text: comment[1]!.replace(/\*\/.*$/, '').trim(), line: index + 1 });
    if (ends) {
      isInside = false;
      lines.push({ text: '', line: index + 1 });
    }
  }
  return lines;
}

/** Sentences that begin with a pronoun in place of a subject. A question may begin so. */
export function subjectMistakes(
  lines: readonly { readonly text: string; readonly line: number }[],
): StyleMistake[] {
  const mistakes: StyleMistake[] = [];
  let sentence = '';
  let begin = 0;
  const end = (): void => {
    const [, word] = LACKS_SUBJECT.exec(sentence) ?? [];
    if (word !== undefined && !sentence.trimEnd().endsWith('?'))
      mistakes.push({ line: begin, mistake: `a sentence begins with "${word}": ${sentence.slice(0, 60)}` });
    sentence = '';
  };
  for (const { text, line } of lines) {
    if (text.trim() === '' || /^\s*(?:[-*|#>]|\d+\.|@\w+|```)/.test(text)) end();
    const plain = text.replace(/^\s*(?:[-*#>]+|\d+\.|@\w+(?: \{[^}]*\})?(?: \w+)?)\s*/, '');
    for (const part of plain.split(/(?<=[.!?:]["`)*]*)\s+|\s*\|\s*/)) {
      if (sentence === '') begin = line;
      sentence = sentence === '' ? part : `${sentence} ${part}`;
      if (/[.!?:]["`)*]*$/.test(part) || text.startsWith('|')) end();
    }
  }
  end();
  return mistakes;
}

const LACKS_SUBJECT =
  /^\W*(Who|Whoever|Whom|Whose|Of (?:what|whom|which|those|them|these|all|a|an|the|its|two|each|several|one|such)|To (?:whom|which)|By (?:what|which|whom)|From what|With what|Twice is as once)\b/;

/** The text as a reader sees it. */
function unlinked(text: string): string {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
}

function width(text: string): number {
  return [...unlinked(text)].length;
}
