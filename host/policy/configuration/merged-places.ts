import type { PathStep } from './configuration-error.ts';
import type { YamlPlaces } from './read-yaml.ts';

/** One text of a configuration: the file that was named, a file that it includes, or an object. */
export interface ConfigurationPart {
  readonly value: Readonly<Record<string, unknown>>;
  /** Absent for an object. */
  readonly places?: YamlPlaces;
  /** The name of the file in messages; absent for an object. */
  readonly title?: string;
  /** The base of relative paths in it. */
  readonly directory: string;
}

/** The part that each entry of a merged configuration comes from. Paths are the same in part and whole. */
export class MergedPlaces {
  readonly #root: ConfigurationPart;
  readonly #origins = new Map<string, ConfigurationPart>();

  constructor(root: ConfigurationPart) {
    this.#root = root;
  }

  note(path: readonly PathStep[], part: ConfigurationPart): void {
    this.#origins.set(JSON.stringify(path), part);
  }

  /** The part that has the value at a path, or what encloses it. */
  partOf(path: readonly PathStep[]): ConfigurationPart {
    for (let length = Math.min(path.length, DEEPEST); length > 0; length--) {
      const part = this.#origins.get(JSON.stringify(path.slice(0, length)));
      if (part !== undefined) return part;
    }
    return this.#root;
  }

  at(path: readonly PathStep[], of: 'key' | 'value') {
    const { places, title } = this.partOf(path);
    return places === undefined ? undefined : { ...places.at(path, of), file: title };
  }
}

/** Nothing is merged deeper: `pieces`, the name of a piece, `settings`, the name of a setting. */
const DEEPEST = 4;
