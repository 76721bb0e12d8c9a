import { printable } from '../../stack/foreign-text.ts';
import type { ConfigurationMistake, PathStep } from './configuration-error.ts';
import type { YamlPlaces } from './read-yaml.ts';

/** Collects the mistakes of one configuration, and finds their lines and columns. */
export class MistakeList {
  readonly #mistakes: ConfigurationMistake[] = [];
  readonly #known = new Set<string>();
  readonly #file: string | undefined;
  readonly #places: YamlPlaces | undefined;

  /** Without a file and places, the configuration came as an object. */
  constructor(file?: string, places?: YamlPlaces) {
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
    const { line, column } = place ?? this.#places?.at(path, of) ?? {};
    const mistake: ConfigurationMistake = {
      code,
      message: printable(message),
      ...(hint === undefined ? {} : { hint: printable(hint) }),
      path,
      ...(this.#file === undefined ? {} : { file: this.#file }),
      ...(line === undefined ? {} : { line, column: column ?? 1 }),
    };
    // An alias that is used twice would report its mistakes twice.
    const identity = JSON.stringify([code, mistake.message, line, column, line === undefined ? path : 0]);
    if (this.#known.has(identity)) return;
    this.#known.add(identity);
    this.#mistakes.push(mistake);
  }

  /**
   * Sorted by line and column. Mistakes at one position, and those of an object, keep the order in which they
   * were found.
   */
  sorted(): readonly ConfigurationMistake[] {
    return this.#mistakes
      .map((mistake, found) => ({ mistake, found }))
      .sort(
        (a, b) =>
          (a.mistake.line ?? 0) - (b.mistake.line ?? 0) ||
          (a.mistake.column ?? 0) - (b.mistake.column ?? 0) ||
          a.found - b.found,
      )
      .map(({ mistake }) => mistake);
  }
}
