import type { Problem, Setting } from '../../abi/host/contract.ts';
import { nearestName } from '../stack/nearest-name.ts';
import { parseAddress, parsePrefix } from './ip-address.ts';

/**
 * Reads the settings of a native piece by their definitions. Every mistake becomes a problem that names the
 * setting, and reading continues with the default, so that all mistakes are reported at once.
 */
export class SettingReader {
  readonly problems: Problem[] = [];
  readonly #definitions: ReadonlyMap<string, Setting>;
  readonly #given = new Map<string, string[]>();

  constructor(definitions: readonly Setting[], given: readonly (readonly [string, string])[]) {
    this.#definitions = new Map(definitions.map((definition) => [definition.name, definition]));
    for (const [name, value] of given) this.#take(name, value);
  }

  #take(name: string, value: string): void {
    const definition = this.#definitions.get(name);
    if (definition === undefined) {
      const names = [...this.#definitions.keys()];
      const near = nearestName(name, names);
      this.problem(
        name,
        `there is no setting ${name}; ${near === undefined ? `there are ${names.join(', ')}` : `do you mean ${near}?`}`,
      );
      return;
    }
    const values = this.#given.get(name);
    if (values === undefined) this.#given.set(name, [value]);
    else if (definition.repeated) values.push(value);
    else this.problem(name, `${name} is given more than once; give it once`);
  }

  problem(setting: string, message: string): void {
    this.problems.push({ setting, message });
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** Returns all values in their order; without any, the default, if there is one. */
  texts(name: string): readonly string[] {
    const given = this.#given.get(name);
    if (given !== undefined) return given;
    const standard = this.#definitions.get(name)?.default;
    return standard === undefined ? [] : [standard];
  }

  text(name: string): string {
    return this.texts(name)[0] ?? '';
  }

  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.text(name);
    const found = choices.find((choice) => choice === value);
    if (found === undefined)
      this.problem(name, `${name} is ${quote(value)}; it can be ${choices.join(', ')}`);
    return found ?? choices[0]!;
  }

  boolean(name: string): boolean {
    const value = this.text(name);
    if (value !== 'true' && value !== 'false')
      this.problem(name, `${name} is ${quote(value)}; it can be true or false`);
    return value === 'true';
  }

  /** Whole numbers within the bounds of the definition. */
  numbers(name: string): number[] {
    const numbers: number[] = [];
    const { least = -Infinity, most = Infinity } = this.#definitions.get(name) ?? {};
    for (const value of this.texts(name)) {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) numbers.push(number);
      else
        this.problem(name, `${name} is ${quote(value)}; it can be a whole number from ${least} to ${most}`);
    }
    return numbers;
  }

  number(name: string): number | undefined {
    return this.numbers(name)[0];
  }

  /** Returns the milliseconds of a duration, a whole number with a unit. */
  duration(name: string, leastMs: number, mostMs: number): number {
    const value = this.text(name);
    const [, amount, unit] = /^(\d{1,12})(ms|s|m|h)$/.exec(value) ?? [];
    const milliseconds = Number(amount) * (UNIT_MS.get(unit ?? '') ?? Number.NaN);
    if (milliseconds >= leastMs && milliseconds <= mostMs) return milliseconds;
    this.problem(
      name,
      `${name} is ${quote(value)}; it can be a duration from ${leastMs}ms to ${mostMs / 1000}s, such as 30s`,
    );
    return leastMs;
  }

  /** Numeric addresses with or without a prefix length. */
  prefixes(name: string): { readonly bytes: Uint8Array; readonly length: number }[] {
    return this.texts(name).flatMap((value) => {
      const prefix = parsePrefix(value);
      if (prefix === undefined)
        this.problem(
          name,
          `${name} is ${quote(value)}; it can be an address with a prefix length, such as 192.0.2.0/24 or 2001:db8::/32`,
        );
      return prefix ?? [];
    });
  }

  /** A numeric address, or undefined when it is not given. */
  address(name: string): Uint8Array | undefined {
    const value = this.text(name);
    if (value === '') return undefined;
    const address = parseAddress(value);
    if (address === undefined)
      this.problem(name, `${name} is ${quote(value)}; it can be an address such as 192.0.2.1 or 2001:db8::1`);
    return address;
  }
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
}
