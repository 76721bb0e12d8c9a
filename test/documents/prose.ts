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

/**
 * Words that this project does not use in prose, each with the words to use instead. They are common English
 * words, but with them a sentence hides who does what.
 */
export const AVOIDED_WORDS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:tells?|telling|told)\b/i, 'says, reports, returns, notifies, distinguishes'],
  [/\b(?:nobody|no one)\b/i, 'no piece, no program, no user'],
  [/\b(?:whoever|whomever|whosoever)\b/i, 'the piece, program or user that'],
  [/\b(?:somebody|someone|anybody|anyone)\b/i, 'a piece, program or user'],
  [/\bas if\b/i, 'like, in the same way as'],
  [/\b(?:what|who) is (?:not )?there\b/i, 'present, missing'],
  [
    /(?<!\b(?:soon|long|far|deep) )\bas it (?:is|was)\b(?! (?:\w+ed|made|read|written|sent|known|built)\b)/i,
    'unchanged',
  ],
  [/\bTwice is as once\b/i, 'Idempotent'],
];

/** Lines with one of the {@link AVOIDED_WORDS}, outside of code in backticks. */
export function wordMistakes(
  lines: readonly { readonly text: string; readonly line: number }[],
): StyleMistake[] {
  return lines.flatMap(({ text, line }) => {
    const prose = text.replace(/`[^`]*`/g, '``');
    return AVOIDED_WORDS.flatMap(([pattern, instead]) => {
      const [word] = pattern.exec(prose) ?? [];
      return word === undefined ? [] : [{ line, mistake: `"${word}": write ${instead}` }];
    });
  });
}

/**
 * Sentences without a subject: they begin with a clause that has no main clause, or with a bare verb form.
 */
export function clauseMistakes(
  lines: readonly { readonly text: string; readonly line: number }[],
): StyleMistake[] {
  return sentencesOf(lines).flatMap(({ text, line }) => {
    const [, word] = LACKS_MAIN_CLAUSE.exec(text) ?? [];
    return word === undefined || text.trimEnd().endsWith('?')
      ? []
      : [{ line, mistake: `a sentence begins with "${word}": ${text.slice(0, 60)}` }];
  });
}

const LACKS_MAIN_CLAUSE = /^\W*(What|Why|Answers)\b(?!\.\*)/;

/** The lines with comments that are wider than {@link PROSE_WIDTH}, except marks for tools. */
export function widthMistakes(source: string, isWit = false): StyleMistake[] {
  const lines = source.split('\n');
  return commentLines(source, isWit)
    .filter(
      ({ text, line }) =>
        text !== '' && !/biome-ignore/.test(text) && [...lines[line - 1]!].length > PROSE_WIDTH,
    )
    .map(({ line }) => ({ line, mistake: `wider than ${PROSE_WIDTH}` }));
}

/** The titles of tests in a source with their lines: texts of `describe`, `it`, `test` and `labTest`. */
export function titleLines(source: string): { text: string; line: number }[] {
  const calls =
    /(?:(?<![.\w])(?:describe|it|test|labTest)(?:\.\w+)*|[\])])\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/g;
  return [...source.matchAll(calls)].map((call) => ({
    text: call[2]!,
    line: source.slice(0, call.index).split('\n').length,
  }));
}

/** Sentences that begin with a pronoun in place of a subject. A question may begin so. */
export function subjectMistakes(
  lines: readonly { readonly text: string; readonly line: number }[],
): StyleMistake[] {
  return sentencesOf(lines).flatMap(({ text, line }) => {
    const [, word] = LACKS_SUBJECT.exec(text) ?? [];
    return word === undefined || text.trimEnd().endsWith('?')
      ? []
      : [{ line, mistake: `a sentence begins with "${word}": ${text.slice(0, 60)}` }];
  });
}

/** The sentences of some lines, each with the line on which it begins. Cells of tables count as sentences. */
function sentencesOf(
  lines: readonly { readonly text: string; readonly line: number }[],
): { text: string; line: number }[] {
  const sentences: { text: string; line: number }[] = [];
  let sentence = '';
  let begin = 0;
  const end = (): void => {
    if (sentence !== '') sentences.push({ text: sentence, line: begin });
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
  return sentences;
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
