import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
} from 'yaml';
import type { PathStep } from './configuration-error.ts';
import { findSyntaxMistake } from './yaml-syntax.ts';

/**
 * Reads YAML text as plain values, with the line and column of each key and value, and reports all mistakes
 * of YAML in it.
 *
 * The text may be hostile. Its nesting is limited while tokens are read, since the composer behind them
 * recurses, and Node dies when a regular expression meets an exhausted stack. Duplicate keys are found here
 * in linear time, and the expansion of aliases is limited.
 */
export function readYaml(text: string): YamlReading {
  const reader = new Reader();
  const value = reader.read(text);
  return { value, usable: reader.usable, problems: reader.problems, places: reader.places };
}

export interface YamlReading {
  readonly value: unknown;
  /** Whether `value` can be checked further in spite of problems. */
  readonly usable: boolean;
  readonly problems: readonly YamlProblem[];
  readonly places: YamlPlaces;
}

export interface YamlProblem {
  readonly message: string;
  readonly hint?: string;
  readonly path: readonly PathStep[];
  readonly place: YamlPlace;
}

export interface YamlPlace {
  readonly line: number;
  readonly column: number;
}

/** The position of each value of a YAML text. */
export class YamlPlaces {
  readonly lines = new LineCounter();
  readonly #keys = new Map<string, number>();
  readonly #values = new Map<string, number>();
  readonly #texts = new Map<string, string>();

  note(
    path: readonly PathStep[],
    { key, value, text }: { key?: number; value?: number; text?: string },
  ): void {
    const name = JSON.stringify(path);
    if (key !== undefined) this.#keys.set(name, key);
    if (value !== undefined) this.#values.set(name, value);
    if (text !== undefined) this.#texts.set(name, text);
  }

  /** The position of a value or of its key; where it does not exist, the position of what encloses it. */
  at(path: readonly PathStep[], of: 'key' | 'value' = 'value'): YamlPlace {
    for (let length = path.length; length >= 0; length--) {
      const name = JSON.stringify(path.slice(0, length));
      // A missing value is reported at the key of the mapping that lacks it.
      const key = this.#keys.get(name);
      const value = this.#values.get(name);
      const offset = of === 'key' || length < path.length ? (key ?? value) : (value ?? key);
      if (offset !== undefined) return this.place(offset);
    }
    return { line: 1, column: 1 };
  }

  /** The spelling of a scalar, before YAML converts it to a number or a boolean. */
  text(path: readonly PathStep[]): string | undefined {
    return this.#texts.get(JSON.stringify(path));
  }

  place(offset: number): YamlPlace {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** Open brackets, mappings and lists while tokens are read. A configuration needs a dozen. */
const MAX_OPEN = 64;
/** Values after aliases are expanded: a thousand pieces with ten each. */
const MAX_VALUES = 10_000;
/** More problems would not help a reader. */
const MAX_PROBLEMS = 50;

class Reader {
  readonly places = new YamlPlaces();
  readonly problems: YamlProblem[] = [];
  usable = true;
  #values = 0;
  #document!: Document.Parsed;

  read(text: string): unknown {
    const document = this.#compose(text);
    if (document === undefined) return undefined;
    this.#document = document;
    const [error] = document.errors.sort((a, b) => a.pos[0] - b.pos[0]);
    if (error !== undefined) {
      // The others are consequences of the first.
      const found = findSyntaxMistake(text);
      if (found !== undefined) this.#syntax(found.offset, found.message, found.hint);
      else this.#syntax(error.pos[0], ...explain(error.code, error.message));
      this.usable = false;
    }
    for (const warning of document.warnings.slice(0, MAX_PROBLEMS)) {
      const tag = /Unresolved tag: (\S+)/.exec(warning.message)?.[1]?.replace(/^tag:yaml\.org,2002:/, '!!');
      if (tag === undefined) this.#syntax(warning.pos[0], warning.message);
      else this.#syntax(warning.pos[0], `the tag \`${tag}\` means nothing here`, 'write the plain value');
    }
    const version = document.directives?.yaml;
    if (version?.explicit && version.version !== '1.2') {
      this.#syntax(
        0,
        `YAML ${version.version} reads \`yes\`, \`on\` and \`010\` differently`,
        'leave the %YAML line out',
      );
      this.usable = false;
    }
    if (!this.usable || document.contents === null) return undefined;
    const value = this.#convert(document.contents as ParsedNode, [], 0);
    return this.usable ? value : undefined;
  }

  #compose(text: string): Document.Parsed | undefined {
    const lines = this.places.lines;
    lines.addNewLine(0);
    const parser = new Parser(lines.addNewLine);
    const tokens = [];
    let offset = 0;
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) tokens.push(token);
      offset = parser.offset;
      if (parser.stack.length > MAX_OPEN) {
        this.#syntax(
          offset,
          'this nests too deeply',
          `a configuration needs no more than ${MAX_OPEN} levels`,
        );
        this.usable = false;
        return undefined;
      }
    }
    for (const token of parser.end()) tokens.push(token);
    const composer = new Composer({
      version: '1.2',
      uniqueKeys: false,
      resolveKnownTags: false,
      lineCounter: lines,
    });
    let first: Document.Parsed | undefined;
    for (const document of composer.compose(tokens, true, text.length)) {
      if (first !== undefined) {
        this.#syntax(
          document.range[0],
          'a second document begins here',
          'a file holds one configuration: make it two files',
        );
        this.usable = false;
        break;
      }
      first = document as Document.Parsed;
    }
    return first;
  }

  #convert(node: ParsedNode | null, path: readonly PathStep[], depth: number): unknown {
    if (!this.usable || node === null) return null;
    const at = node.range[0];
    if (++this.#values > MAX_VALUES || depth > MAX_OPEN) {
      const [message, hint] =
        depth > MAX_OPEN
          ? ['this contains itself', 'an alias must not be inside the value that it names']
          : [
              'there are too many values here',
              `a configuration holds at most ${MAX_VALUES}, aliases written out`,
            ];
      this.#problem(path, at, message, hint);
      this.usable = false;
      return null;
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) {
        this.#problem(
          path,
          at,
          `nothing above is named \`&${node.source}\``,
          'an alias names a value that an earlier & has marked',
        );
        this.usable = false;
        return null;
      }
      const value = this.#convert(target as ParsedNode, path, depth + 1);
      this.places.note(path, { value: at });
      return value;
    }
    this.places.note(path, { value: at });
    if (isScalar(node)) {
      if (node.source !== undefined) this.places.note(path, { text: node.source });
      return node.value;
    }
    if (isSeq(node)) {
      return node.items.map((item, i) => this.#convert(item as ParsedNode, [...path, i], depth + 1));
    }
    if (!isMap(node)) return null;
    // Without a prototype, so that a key named `constructor` is a key like any other.
    const mapping: Record<string, unknown> = Object.create(null);
    for (const { key, value } of node.items as { key: ParsedNode; value: ParsedNode | null }[]) {
      const name = this.#key(key, path);
      if (name === undefined) continue;
      const inner = [...path, name];
      const keyAt = key.range[0];
      const glued = isScalar(key) && key.type === 'PLAIN' ? GLUED.exec(name) : null;
      if (glued !== null) {
        const [, word = '', colon = ''] = glued;
        const what =
          colon === '' ? `a colon is missing behind \`${word}\`` : 'a space is missing behind this colon';
        this.#problem(inner, keyAt + (colon === '' ? 0 : word.length), what, `write \`${word}: \``);
        this.usable = false;
        continue;
      }
      if (name === MERGE && isScalar(key) && key.type === 'PLAIN') {
        this.#problem(inner, keyAt, '`<<` merges nothing here', 'write the keys out');
        this.usable = false;
        continue;
      }
      if (Object.hasOwn(mapping, name)) {
        const { line } = this.places.at(inner, 'key');
        this.#problem(
          inner,
          keyAt,
          `the key \`${name}\` occurs for the second time`,
          `the first is on line ${line}: keep one`,
        );
        continue;
      }
      this.places.note(inner, { key: keyAt });
      mapping[name] = this.#convert(value, inner, depth + 1);
    }
    return mapping;
  }

  #key(key: ParsedNode, path: readonly PathStep[]): string | undefined {
    const node = isAlias(key) ? key.resolve(this.#document) : key;
    if (isScalar(node) && node.value !== null)
      return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    this.#problem(path, key.range[0], 'a key must be a name here', 'put quotes around it to make it a name');
    // The entry is missing in what is checked further, which is no mistake of its own.
    this.usable = false;
    return undefined;
  }

  #syntax(offset: number, message: string, hint?: string): void {
    this.#problem([], offset, message, hint);
  }

  #problem(path: readonly PathStep[], offset: number, message: string, hint?: string): void {
    if (this.problems.length >= MAX_PROBLEMS) return;
    this.problems.push({
      message,
      path,
      place: this.places.place(offset),
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** The key of YAML 1.1 that puts another mapping into this one. */
const MERGE = '<<';

/** A key that contains the start of its value, since a colon or the space behind it is missing. */
const GLUED = /^([^\s:{}[\]"']+)(:?)\s*[{["']/;

/** Rewords frequent messages of the parser, which address readers who know the grammar of YAML. */
function explain(code: string, message: string): [message: string, hint?: string] {
  const plain = message.replace(/\s+/g, ' ').replace(/ at line \d+, column \d+:?.*$/, '');
  switch (code) {
    case 'TAB_AS_INDENT':
      return ['a tab cannot indent in YAML', 'use spaces'];
    case 'BLOCK_AS_IMPLICIT_KEY':
      return [
        'a mapping begins where a single value is expected',
        'begin it on a separate line, or put quotes around a text with `: ` in it',
      ];
    case 'MISSING_CHAR':
      return /quote/.test(plain) ? ['a quote is opened and not closed', `close it`] : [plain];
    case 'BAD_INDENT':
      return [plain, 'align it with its neighbours, and close every bracket'];
    case 'BAD_SCALAR_START':
      return ['a value cannot begin with this character', 'put quotes around it, or leave the character out'];
    case 'BAD_DQ_ESCAPE':
      return [
        `\`${plain.replace(/^.* /, '')}\` means nothing in double quotes`,
        'write `\\\\` for a backslash, or use single quotes',
      ];
    case 'ALIAS_PROPS':
    case 'BAD_PROP_ORDER':
    case 'MULTIPLE_ANCHORS':
    case 'MULTIPLE_TAGS':
      return ['`&`, `*` or `!` stands where it cannot', 'write the plain value'];
    case 'KEY_OVER_1024_CHARS':
    case 'MULTILINE_IMPLICIT_KEY':
      return [
        'a key goes on over a line end, or is too long',
        'write the key and its colon on one line, and close every quote and bracket',
      ];
    case 'UNEXPECTED_TOKEN':
      return [plain, 'put quotes around a value with special characters'];
    default:
      return [plain];
  }
}
