import { formatStack } from './format-stack.ts';
import { type Match, matchStacks } from './match.ts';
import { parseStack } from './parse-stack.ts';
import type { Protocols } from './protocols.ts';
import type { Stack } from './stack.ts';

/**
 * A cache of parsed, printed and matched stacks. A change of a running puzzle needs the same ones again and
 * again, while frames wait. The cache is cleared when a protocol is defined.
 */
export class StackMemo {
  readonly #protocols: Protocols;
  readonly #parsed = new Map<string, Stack>();
  #texts = new WeakMap<Stack, string>();
  readonly #matches = new Map<string, Match>();
  #version: number;

  private constructor(protocols: Protocols) {
    this.#protocols = protocols;
    this.#version = protocols.version;
  }

  static of(protocols: Protocols): StackMemo {
    let memo = memos.get(protocols);
    if (memo === undefined) {
      memo = new StackMemo(protocols);
      memos.set(protocols, memo);
    }
    return memo;
  }

  /** Like `parseStack`; returns the same object for the same text. */
  parsed(text: string): Stack {
    return this.#recalled(this.#parsed, text, () => parseStack(text, this.#protocols));
  }

  /** Like `formatStack`. */
  text(stack: Stack): string {
    this.#refresh();
    let text = this.#texts.get(stack);
    if (text === undefined) {
      text = formatStack(stack, this.#protocols);
      this.#texts.set(stack, text);
    }
    return text;
  }

  /** Like `matchStacks`, with the texts of two stacks. */
  match(a: string, b: string): Match {
    return this.#recalled(this.#matches, `${a}\n${b}`, () =>
      matchStacks(this.parsed(a), this.parsed(b), this.#protocols),
    );
  }

  #recalled<T>(memory: Map<string, T>, key: string, make: () => T): T {
    this.#refresh();
    if (memory.has(key)) return memory.get(key)!;
    const made = make();
    // Computing the value may have numbered an identifier that was unknown before.
    this.#refresh();
    if (key.length > LONGEST_KEY) return made;
    if (memory.size >= MOST_KNOWN) memory.clear();
    memory.set(key, made);
    return made;
  }

  #refresh(): void {
    if (this.#version === this.#protocols.version) return;
    this.#version = this.#protocols.version;
    this.#parsed.clear();
    this.#matches.clear();
    this.#texts = new WeakMap();
  }
}

const memos = new WeakMap<Protocols, StackMemo>();
/**
 * Many times the number of stacks in a puzzle of a thousand pieces, most of them alike. A piece that keeps
 * listening on new stacks cannot fill more.
 */
const MOST_KNOWN = 4096;
const LONGEST_KEY = 512;
