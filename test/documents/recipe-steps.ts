import { readFileSync, writeFileSync } from 'node:fs';
import type { CodeBlock, MarkdownDocument } from './markdown.ts';

/** The steps of a recipe, in their order. */
export type RecipeStep =
  | { readonly kind: 'new'; readonly file: string; readonly text: string; readonly line: number }
  | { readonly kind: 'start'; readonly file: string; readonly text: string; readonly line: number }
  | { readonly kind: 'end'; readonly file: string; readonly text: string; readonly line: number }
  | {
      readonly kind: 'entry';
      readonly list: string;
      readonly file: string;
      readonly text: string;
      readonly line: number;
    }
  | { readonly kind: 'run'; readonly command: string; readonly line: number }
  | { readonly kind: 'example'; readonly language: string; readonly text: string; readonly line: number };

/**
 * The steps of all recipes of a document. The sentence above a code block says where the block goes; the
 * forms are in CONTRIBUTING.md.
 *
 * @throws {Error} for a block whose place is not said.
 */
export function recipeSteps(document: MarkdownDocument): RecipeStep[] {
  return document.blocks.flatMap((block) => stepsOf(block, sentenceAbove(document, block)));
}

function stepsOf({ language, text, line }: CodeBlock, sentence: string): RecipeStep[] {
  if (language === 'sh') {
    const commands = text.split('\n').map((each) => each.replace(/ # .*$/, '').trim());
    return commands
      .filter((command) => command !== '')
      .map((command) => ({ kind: 'run', command, line }) as const);
  }
  if (/(^|\W)For example:$/.test(sentence)) return [{ kind: 'example', language, text, line }];
  const entry = /At the end of `([^`]+)` in `([^`]+)`:$/.exec(sentence);
  if (entry !== null) return [{ kind: 'entry', list: entry[1]!, file: entry[2]!, text, line }];
  const place = /(New file|At the start of|At the end of) `([^`]+)`:$/.exec(sentence);
  if (place === null)
    throw new Error(`line ${line}: the sentence above the block does not say where it goes: ${sentence}`);
  const kind = ({ 'New file': 'new', 'At the start of': 'start', 'At the end of': 'end' } as const)[
    place[1] as 'New file' | 'At the start of' | 'At the end of'
  ];
  return [{ kind, file: place[2]!, text, line }];
}

/** The paragraph above a block, as one line without links. */
function sentenceAbove({ prose }: MarkdownDocument, { line }: CodeBlock): string {
  const above = prose.filter((each) => each.line < line);
  while (above.at(-1)?.text.trim() === '') above.pop();
  const paragraph: string[] = [];
  for (let each = above.pop(); each !== undefined && each.text.trim() !== ''; each = above.pop())
    paragraph.unshift(each.text.trim());
  return paragraph.join(' ').replace(/\[(`[^`]+`)\]\([^)]*\)/g, '$1');
}

/** Edits the text of a file as a step says. */
export function edited(
  source: string,
  step: Exclude<RecipeStep, { kind: 'run' | 'example' | 'new' }>,
): string {
  if (step.kind === 'start') return step.text + source;
  if (step.kind === 'end') return `${source}\n${step.text}`;
  const lines = source.split('\n');
  const begin = lines.findIndex((line) => new RegExp(`^(export )?const ${step.list}\\b`).test(line));
  if (begin < 0) throw new Error(`line ${step.line}: ${step.file} has no \`${step.list}\``);
  const end = lines.findIndex((line, n) => n > begin && /^[\]})]/.test(line));
  const entry = step.text.trimEnd().split('\n');
  lines.splice(end, 0, ...entry.map((line) => (line === '' ? '' : `  ${line}`)));
  return lines.join('\n');
}

/** Does a step that changes a file. */
export function apply(step: Exclude<RecipeStep, { kind: 'run' | 'example' }>, file: string): void {
  if (step.kind === 'new') writeFileSync(file, step.text, { flag: 'wx' });
  else writeFileSync(file, edited(readFileSync(file, 'utf8'), step));
}
