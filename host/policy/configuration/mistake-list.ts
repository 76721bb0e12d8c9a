import { printable } from '../../stack/foreign-text.ts';
import type { ConfigurationMistake, PathStep } from './configuration-error.ts';

/** Finds the position of a value or of its key; undefined where there is no text. */
export interface Places {
  at(
    path: readonly PathStep[],
    of: 'key' | 'value',
  ): { readonly line: number; readonly column: number; readonly file?: string | undefined } | undefined;
}

/** Collects the mistakes of one configuration, and finds their lines and columns. */
export class MistakeList {
  readonly #mistakes: ConfigurationMistake[] = [];
  readonly #known = new Set<string>();
  readonly #file: string | undefined;
  readonly #places: Places | undefined;

  /** Without a file and places, the configuration came as an object. */
  constructor(file?: string, places?: Places) {
    this.#file = file;
    this.#places = places;
  }

  get length(): number {
    return this.#mistakes.length;
  }

  /** An empty list for the same configuration. */
  alike(): MistakeList {
    return new MistakeList(this.#file, this.#places);
  }

  /** `of` says whether the key or the value at `path` is the mistake. */
  add(
    code: string,
    path: readonly PathStep[],
    message: string,
    {
      hint,
      of = 'value',
      place,
    }: { hint?: string | undefined; of?: 'key' | 'value'; place?: { line: number; column: number } } = {},
  ): void {
    const found = place === undefined ? this.#places?.at(path, of) : { ...place, file: undefined };
    const { line, column, file = this.#file } = found ?? {};
    const mistake: ConfigurationMistake = {
      code,
      message: printable(message),
      ...(hint === undefined ? {} : { hint: printable(hint) }),
      path,
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line, column: column ?? 1 }),
    };
    // An alias that is used twice would report its mistakes twice.
    const identity = JSON.stringify([code, mistake.message, file, line, column, line ? 0 : path]);
    if (this.#known.has(identity)) return;
    this.#known.add(identity);
    this.#mistakes.push(mistake);
  }

  /** Adds mistakes that another list has found. */
  adopt(mistakes: readonly ConfigurationMistake[]): void {
    this.#mistakes.push(...mistakes);
  }

  /**
   * Sorted by line and column, the file that was named before those that it includes. Mistakes at one
   * position, and those of an object, keep the order in which they were found.
   */
  sorted(): readonly ConfigurationMistake[] {
    const files = [this.#file, ...new Set(this.#mistakes.map(({ file }) => file))];
    return this.#mistakes
      .map((mistake, found) => ({ mistake, found }))
      .sort(
        (a, b) =>
          files.indexOf(a.mistake.file) - files.indexOf(b.mistake.file) ||
          (a.mistake.line ?? 0) - (b.mistake.line ?? 0) ||
          (a.mistake.column ?? 0) - (b.mistake.column ?? 0) ||
          a.found - b.found,
      )
      .map(({ mistake }) => mistake);
  }
}
