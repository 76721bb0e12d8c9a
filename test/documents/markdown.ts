import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../net/project-root.ts';

/** A code block of a Markdown document. */
export interface CodeBlock {
  /** The text after the opening fence; empty for none. */
  readonly language: string;
  readonly text: string;
  /** The headings above it, the outermost first. */
  readonly headings: readonly string[];
  /** The line of its opening fence, from 1. */
  readonly line: number;
}

/** One line outside of code blocks. */
export interface ProseLine {
  readonly text: string;
  readonly line: number;
}

/** A Markdown document of the project, read by the few constructs that its documents use. */
export class MarkdownDocument {
  readonly blocks: readonly CodeBlock[];
  readonly prose: readonly ProseLine[];
  /** All lines, code included. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    const blocks: CodeBlock[] = [];
    const prose: ProseLine[] = [];
    const headings: string[] = [];
    let fence: { readonly indent: string; readonly language: string; readonly line: number } | undefined;
    let code: string[] = [];
    for (const [index, line] of text.split('\n').entries()) {
      if (fence !== undefined) {
        if (line.trim() === '```') {
          const { indent, language } = fence;
          const lines = code.map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
          blocks.push({
            language,
            text: lines.map((each) => `${each}\n`).join(''),
            headings: [...headings],
            line: fence.line,
          });
          fence = undefined;
        } else {
          code.push(line);
        }
        continue;
      }
      const opening = /^(\s*)```(\S*)/.exec(line);
      if (opening !== null) {
        fence = { indent: opening[1]!, language: opening[2]!, line: index + 1 };
        code = [];
        continue;
      }
      const heading = /^(#+) +(.*)$/.exec(line);
      if (heading !== null) headings.splice(heading[1]!.length - 1, headings.length, heading[2]!);
      prose.push({ text: line, line: index + 1 });
    }
    if (fence !== undefined) throw new Error(`the code block at line ${fence.line} does not end`);
    this.blocks = blocks;
    this.prose = prose;
  }

  static read(file: string): MarkdownDocument {
    return new MarkdownDocument(readFileSync(join(projectRoot, file), 'utf8'));
  }

  /** The only block of a language that contains a text. */
  block(language: string, text: string): string {
    const found = this.blocks.filter((each) => each.language === language && each.text.includes(text));
    if (found.length !== 1)
      throw new Error(`${found.length} blocks of ${language || 'no language'} contain ${text}, not one`);
    return found[0]!.text;
  }

  /** The files and folders that its links name, relative to the document; no addresses. */
  get links(): readonly string[] {
    const links = this.prose.flatMap(({ text }) => [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]);
    return links.map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link));
  }

  /** The tables, each row a record by the words of the header. */
  get tables(): readonly (readonly Readonly<Record<string, string>>[])[] {
    const tables: Record<string, string>[][] = [];
    let header: readonly string[] | undefined;
    for (const { text } of this.prose) {
      if (!text.startsWith('|')) {
        header = undefined;
        continue;
      }
      const cells = cellsOf(text);
      if (header === undefined) {
        header = cells;
        tables.push([]);
      } else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) {
        const names = header;
        tables.at(-1)!.push(Object.fromEntries(cells.map((cell, n) => [names[n] ?? String(n), cell])));
      }
    }
    return tables;
  }
}

function cellsOf(row: string): string[] {
  return row
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}
