import type { PathStep } from './configuration-error.ts';
import type { MistakeList } from './mistake-list.ts';

/**
 * Copies a configuration that came as an object into plain objects and lists, so that all later checks see
 * the same values. Each property is read once. It may be a getter or a property of a proxy: an exception of
 * it becomes a mistake, and so do cycles, deep nesting and sizes without bound.
 *
 * @returns undefined if the object cannot be used
 */
export function readObject(value: unknown, mistakes: MistakeList): unknown {
  const reading = new ObjectReading(mistakes);
  const copy = reading.copy(value, []);
  return reading.isRefused ? undefined : copy;
}

class ObjectReading {
  isRefused = false;
  readonly #mistakes: MistakeList;
  readonly #around = new Set<object>();
  #valuesLeft = MAX_VALUES;
  #charactersLeft = MAX_CHARACTERS;

  constructor(mistakes: MistakeList) {
    this.#mistakes = mistakes;
  }

  copy(value: unknown, path: readonly PathStep[]): unknown {
    if (this.isRefused) return undefined;
    if (--this.#valuesLeft < 0) return this.#refuse([], `this has more than ${MAX_VALUES} values`);
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (this.#around.has(value)) return this.#refuse(path, 'this contains itself');
    if (path.length >= MAX_DEPTH) return this.#refuse(path, `this nests deeper than ${MAX_DEPTH} levels`);
    this.#around.add(value);
    try {
      return Array.isArray(value) ? this.#list(value, path) : this.#mapping(value, path);
    } catch (error) {
      return this.#refuse(path, `this cannot be read: ${messageOf(error)}`);
    } finally {
      this.#around.delete(value);
    }
  }

  #text(value: string): string | undefined {
    this.#charactersLeft -= value.length;
    if (this.#charactersLeft >= 0) return value;
    return this.#refuse([], `this has more than ${MAX_CHARACTERS} characters`);
  }

  #list(value: readonly unknown[], path: readonly PathStep[]): unknown {
    const { length } = value;
    if (!(length <= this.#valuesLeft)) return this.#refuse([], `this has more than ${MAX_VALUES} values`);
    const copy: unknown[] = [];
    for (let n = 0; n < length && !this.isRefused; n++) copy.push(this.copy(value[n], [...path, n]));
    return copy;
  }

  #mapping(value: object, path: readonly PathStep[]): unknown {
    const copy: Record<string, unknown> = Object.create(null);
    for (const key of Object.keys(value)) {
      if (this.isRefused) break;
      this.#text(key);
      copy[key] = this.copy(Reflect.get(value, key), [...path, key]);
    }
    return copy;
  }

  #refuse(path: readonly PathStep[], message: string): undefined {
    if (!this.isRefused) this.#mistakes.add('FT_CONFIG_SCHEMA', path, message, { hint: HINT });
    this.isRefused = true;
    return undefined;
  }
}

/** A thrown value may be of any kind, and even reading its message may throw. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'what it throws cannot be read either';
  }
}

const HINT = 'give an object of plain values, as JSON has them';
/** Far more than the largest configuration in a file of 256 KiB. */
const MAX_VALUES = 200_000;
const MAX_CHARACTERS = 1 << 22;
const MAX_DEPTH = 16;
