/**
 * Finds the one mistake of syntax that a person made in YAML text, and its position.
 *
 * A parser of YAML reports the place where it stops, which is often lines behind the mistake, and then adds a
 * list of consequences. This scan runs only on text that the parser refuses. It follows the few forms of
 * configurations: indented mappings and lists, brackets, quotes, comments. It goes through the text once, and
 * returns the first certain mistake; undefined if it finds none.
 */
export function findSyntaxMistake(text: string): SyntaxMistake | undefined {
  return new Scan(text).run();
}

export interface SyntaxMistake {
  /** The position in the text, in UTF-16 code units. */
  readonly offset: number;
  readonly message: string;
  readonly hint: string;
}

/** A bracket that is open. */
interface Bracket {
  readonly character: '{' | '[';
  readonly offset: number;
  /** The indentation of its line. */
  readonly indent: number;
}

/** Lines of one indentation that belong together. */
interface Level {
  readonly indent: number;
  readonly isList: boolean;
}

class Scan {
  readonly #text: string;
  #at = 0;
  /** The indentation of the line that is read. */
  #indent = 0;
  readonly #brackets: Bracket[] = [];
  readonly #levels: Level[] = [];
  /** Whether a deeper line may follow: the last line ended with a key without a value. */
  #opens = true;
  /** A word on a line of its own, below a key: its value, unless a key follows at its indentation. */
  #word: { readonly offset: number; readonly indent: number; readonly text: string } | undefined;
  /** Whether the entry between two commas in brackets has had a colon. */
  #hasColon = false;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith(BYTE_ORDER_MARK)) this.#at = BYTE_ORDER_MARK.length;
  }

  run(): SyntaxMistake | undefined {
    while (this.#at < this.#text.length) {
      const mistake = this.#line();
      if (mistake !== undefined) return mistake;
    }
    return this.#unclosed();
  }

  /** Reads one line, and all lines of a value in quotes that begins on it. */
  #line(): SyntaxMistake | undefined {
    const start = this.#at;
    while (this.#peek() === ' ') this.#at++;
    this.#indent = this.#at - start;
    const first = this.#peek();
    if (isLineEnd(first) || first === '#' || this.#isMark()) {
      this.#skipLine();
      return undefined;
    }
    if (first === '\t') return this.#tab();
    if (this.#brackets.length > 0) {
      const innermost = this.#brackets.at(-1)!;
      const closes = first === '}' || first === ']';
      if (closes ? this.#indent < innermost.indent : this.#indent <= innermost.indent)
        return this.#unclosed();
      return this.#rest();
    }
    return this.#block();
  }

  /** A tab at the beginning of a line, unless the line is empty. */
  #tab(): SyntaxMistake | undefined {
    const at = this.#at;
    while (this.#peek() === ' ' || this.#peek() === '\t') this.#at++;
    if (isLineEnd(this.#peek()) || this.#peek() === '#') {
      this.#skipLine();
      return undefined;
    }
    return { offset: at, message: 'a tab cannot indent in YAML', hint: 'use spaces' };
  }

  /** A line outside of brackets: `key: value`, `key:`, or `- ` in front of them. */
  #block(): SyntaxMistake | undefined {
    const line = this.#lineText();
    const isList = /^-(\s|$)/.test(line);
    const isEntry = isList || ENTRY.test(line);
    const top = this.#levels.at(-1);
    const wasOpen = this.#opens;
    this.#opens = false;
    const word = this.#word;
    if (word !== undefined && isEntry && this.#indent >= word.indent)
      return lonelyWord(word.offset, word.text);
    this.#word = undefined;
    if (top !== undefined && !isEntry && this.#indent > top.indent && !/^[\w.-]+:\S/.test(line)) {
      // A value may go on over several lines.
      if (/^[\w.-]/.test(line)) this.#word = { offset: this.#at, indent: this.#indent, text: line.trimEnd() };
      return this.#rest();
    }
    const misplaced = this.#place(isList, wasOpen);
    if (misplaced !== undefined) return misplaced;
    if (isList) return this.#items();
    if (isEntry || /^[{["'&*!?|>%]/.test(line)) return this.#rest();
    // A file may be a single value instead of a mapping; this is not a mistake of syntax.
    if (this.#levels.length === 1 && this.#indent === 0 && top === undefined) return this.#rest();
    const colon = line.indexOf(':');
    if (colon > 0)
      return {
        offset: this.#at + colon,
        message: 'a space is missing behind this colon',
        hint: `write \`${line.slice(0, colon)}: ${line.slice(colon + 1).trimEnd()}\``,
      };
    return lonelyWord(this.#at, line.trimEnd());
  }

  /** Finds the level of a line by its indentation. */
  #place(isList: boolean, wasOpen: boolean): SyntaxMistake | undefined {
    const indent = this.#indent;
    const top = this.#levels.at(-1);
    if (top === undefined || indent > top.indent) {
      if (!wasOpen)
        return {
          offset: this.#at,
          message: 'this line is indented further than the line above, which has a value already',
          hint: `indent it by ${spaces(top?.indent ?? 0)}, as its neighbours`,
        };
      this.#levels.push({ indent, isList });
      return undefined;
    }
    const known = this.#levels.map((level) => level.indent);
    while (this.#levels.at(-1)!.indent > indent) {
      this.#levels.pop();
      if (this.#levels.length > 0) continue;
      return this.#misaligned(known);
    }
    const level = this.#levels.at(-1)!;
    if (level.indent !== indent) return this.#misaligned(known);
    // A list may stand at the indentation of its key.
    if (isList && !level.isList && wasOpen) this.#levels.push({ indent, isList: true });
    else if (!isList && level.isList) {
      const below = this.#levels.at(-2);
      if (below?.indent !== indent)
        return {
          offset: this.#at,
          message: 'a mapping and a list have the same indentation',
          hint: 'begin each line of a list with `- `, and no line of a mapping',
        };
      this.#levels.pop();
    } else if (isList && !level.isList)
      return {
        offset: this.#at,
        message: 'a list begins among the keys of a mapping',
        hint: 'put it behind a key, or leave the `- ` out',
      };
    return undefined;
  }

  #misaligned(known: readonly number[]): SyntaxMistake {
    const [last, ...others] = [...new Set(known)].reverse().map(spaces);
    return {
      offset: this.#at,
      message: `this line is indented by ${spaces(this.#indent)}, and no line above that it could belong to is`,
      hint: `indent it by ${[last, ...others].join(', or by ')}`,
    };
  }

  /** Reads `- ` once or several times: the rest is indented by its column. */
  #items(): SyntaxMistake | undefined {
    while (this.#peek() === '-' && /\s/.test(this.#text[this.#at + 1] ?? '\n')) {
      this.#at++;
      this.#indent++;
      while (this.#peek() === ' ') {
        this.#at++;
        this.#indent++;
      }
      if (isLineEnd(this.#peek())) this.#opens = true;
      else if (ENTRY.test(this.#lineText())) this.#levels.push({ indent: this.#indent, isList: false });
    }
    return this.#rest();
  }

  /** The rest of a line: values, quotes, brackets, comments. */
  #rest(): SyntaxMistake | undefined {
    const indent = this.#indent;
    let isBehindSpace = true;
    let isFresh = true;
    for (;;) {
      const character = this.#peek();
      if (isLineEnd(character)) {
        this.#skipLine();
        return undefined;
      }
      if (character === '#' && isBehindSpace) {
        this.#skipLine();
        return undefined;
      }
      const isSpace = character === ' ' || character === '\t';
      if (!isSpace) this.#opens = false;
      if ((character === '"' || character === "'") && isFresh) {
        const mistake = this.#quoted(character, indent);
        if (mistake !== undefined) return mistake;
        [isBehindSpace, isFresh] = [false, false];
        continue;
      }
      if ((character === '{' || character === '[') && (this.#brackets.length > 0 || isFresh)) {
        this.#brackets.push({ character, offset: this.#at, indent });
        this.#hasColon = false;
        isFresh = true;
      } else if ((character === '}' || character === ']') && (this.#brackets.length > 0 || isFresh)) {
        const mistake = this.#close(character);
        if (mistake !== undefined) return mistake;
        this.#hasColon = true;
        isFresh = this.#brackets.length === 0;
      } else if (character === ',' && this.#brackets.length > 0) {
        this.#hasColon = false;
        isFresh = true;
      } else if (character === ':' && /[\s,{}[\]]|^$/.test(this.#text[this.#at + 1] ?? '')) {
        if (this.#brackets.at(-1)?.character === '{' && this.#hasColon) return this.#missingComma();
        this.#hasColon = true;
        this.#opens = this.#brackets.length === 0;
        isFresh = true;
      } else if ((character === '|' || character === '>') && isFresh && this.#brackets.length === 0) {
        this.#blockScalar(indent);
        return undefined;
      } else if (!isSpace) isFresh = false;
      isBehindSpace = isSpace;
      this.#at++;
    }
  }

  #close(character: '}' | ']'): SyntaxMistake | undefined {
    const open = this.#brackets.pop();
    if (open === undefined)
      return {
        offset: this.#at,
        message: `this \`${character}\` closes nothing`,
        hint: 'leave it out, or put its opening bracket in front',
      };
    if ((open.character === '{') === (character === '}')) return undefined;
    // A bracket that closes the one around it follows an open one; otherwise it is one too many.
    const around = this.#brackets.at(-1);
    if (around !== undefined && (around.character === '{') === (character === '}')) return unclosed(open);
    return {
      offset: this.#at,
      message: `this \`${character}\` stands where \`${open.character}\` is open`,
      hint: `write \`${open.character === '{' ? '}' : ']'}\` here`,
    };
  }

  #missingComma(): SyntaxMistake {
    let start = this.#at;
    while (start > 0 && !/[\s,{}[\]]/.test(this.#text[start - 1]!)) start--;
    const key = this.#text.slice(start, this.#at);
    return {
      offset: start,
      message: `a comma is missing in front of \`${key}\``,
      hint: 'put `,` between two entries in brackets',
    };
  }

  /** A value in quotes. It may go on over lines that are indented further. */
  #quoted(quote: string, indent: number): SyntaxMistake | undefined {
    const start = this.#at++;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!;
      if (character === '\\' && quote === '"') this.#at++;
      else if (character === quote && quote === "'" && this.#text[this.#at + 1] === quote) this.#at++;
      else if (character === quote) {
        this.#at++;
        return undefined;
      } else if (character === '\n' && this.#nextIndent() <= indent) break;
      this.#at++;
    }
    return { offset: start, message: 'a quote is opened here and not closed', hint: 'close it' };
  }

  /** The indentation of the next line that is not empty, from a line end; -1 if there is none. */
  #nextIndent(): number {
    const next = /\n( *)(?=[^\s])/y;
    next.lastIndex = this.#at;
    const found = next.exec(this.#text);
    return found === null
      ? /^\s*$/.test(this.#text.slice(this.#at, this.#at + 2))
        ? Infinity
        : -1
      : found[1]!.length;
  }

  /** `|` and `>`: all lines that are indented further are text. */
  #blockScalar(indent: number): void {
    this.#skipLine();
    while (this.#at < this.#text.length) {
      const start = this.#at;
      while (this.#peek() === ' ') this.#at++;
      if (!isLineEnd(this.#peek()) && this.#at - start <= indent) {
        this.#at = start;
        return;
      }
      this.#skipLine();
    }
  }

  /** Returns the mistake of a bracket that is still open at a place where it cannot be closed any more. */
  #unclosed(): SyntaxMistake | undefined {
    const open = this.#brackets.at(-1);
    return open === undefined ? undefined : unclosed(open);
  }

  #isMark(): boolean {
    return this.#indent === 0 && /^(---|\.\.\.|%)/.test(this.#text.slice(this.#at, this.#at + 3));
  }

  #lineText(): string {
    const end = this.#text.indexOf('\n', this.#at);
    return this.#text.slice(this.#at, end < 0 ? undefined : end);
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
  }
}

function lonelyWord(offset: number, text: string): SyntaxMistake {
  return {
    offset,
    message: `\`${text.slice(0, MOST_SHOWN)}\` is a key without a colon, or a value without a key`,
    hint: `write \`${text.split(/\s+/, 1)[0]!.slice(0, MOST_SHOWN)}:\`, and its value behind the colon`,
  };
}

const MOST_SHOWN = 60;

function unclosed({ character, offset }: Bracket): SyntaxMistake {
  return {
    offset,
    message: `this \`${character}\` is not closed`,
    hint: `add \`${character === '{' ? '}' : ']'}\` behind its last entry`,
  };
}

function isLineEnd(character: string | undefined): boolean {
  return character === undefined || character === '\n' || character === '\r';
}

function spaces(count: number): string {
  return count === 1 ? '1 space' : `${count} spaces`;
}

/** A key with its colon at the beginning of a line: a word, a text in quotes, or an alias. */
const BYTE_ORDER_MARK = '\u{feff}';

const ENTRY =
  /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s{}[\],#"'|>%@`-][^{}[\],#\n]*?|-[^\s{}[\],#][^{}[\],#\n]*?):(?:\s|$)/;
