import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { PathStep } from './configuration-error.ts';
import { configurationFolders, configurationPath, isName } from './configuration-name.ts';
import type { ConfigurationObject } from './configuration-schema.ts';
import { isMapping, type Merged, mergeConfigurations, SECTIONS } from './merge-configurations.ts';
import { type ConfigurationPart, MergedPlaces } from './merged-places.ts';
import { MistakeList } from './mistake-list.ts';
import { expandText, type Parameter, settleParameters } from './parameters.ts';
import { type ConfigurationText, readText } from './read-text.ts';

/** A whole configuration, with the means to find positions in its texts. */
export interface ConfigurationSource {
  /** Undefined if it could not be read; the mistakes contain the reason. */
  readonly value: unknown;
  readonly mistakes: MistakeList;
  /** The base of relative paths in the configuration. */
  readonly directory: string;
  /** The name of the file, as the caller gave it; `(object)` for an object. */
  readonly title: string;
  /** The path of the file; undefined for an object. */
  readonly file?: string;
  /** The spelling of a scalar, where the configuration has a text. */
  written(path: readonly PathStep[]): string | undefined;
  /** The base of relative paths in the value at a path: the folder of the file that has it. */
  directoryAt(path: readonly PathStep[]): string;
}

/**
 * Reads a YAML file, or copies an object; reads what it includes, and replaces parameters by their values.
 * Never throws: the mistakes report what is wrong.
 *
 * A text with neither a slash nor a dot is a name, and its file is in one of the folders of configurations.
 * With `standardInput` the file named `-` is that stream; relative paths in it begin at `directory`.
 */
export async function readConfiguration(
  configuration: string | ConfigurationObject,
  directory = process.cwd(),
  options: ReadingOptions = {},
): Promise<ConfigurationSource> {
  const folders = options.folders ?? configurationFolders(options.environment);
  let path = configuration;
  try {
    if (typeof configuration === 'string') path = configurationPath(configuration, folders);
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    const title = String(configuration);
    const mistakes = new MistakeList(title);
    mistakes.add(error.code, [], error.message);
    return {
      value: undefined,
      mistakes,
      directory,
      title,
      written: () => undefined,
      directoryAt: () => directory,
    };
  }
  const isTrusted = typeof path === 'string' && isBelow(resolve(directory, path), folders);
  const text = await readText(path, directory, { ...options, isTrusted });
  return new Composition(text, { ...options, folders, isTrusted }).run();
}

export interface ReadingOptions {
  /** How long a pipe may take for the whole of it. */
  readonly waitMs?: number;
  /** The stream for a configuration named `-`. */
  readonly standardInput?: AsyncIterable<Uint8Array> | undefined;
  /** The values of parameters. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** The variables that parameters may name, and those of the folders; `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** The folders of names; those of this user and of the system by default. */
  readonly folders?: readonly string[];
}

interface CompositionOptions extends ReadingOptions {
  readonly folders: readonly string[];
  /** Whether another user may write none of the files. */
  readonly isTrusted: boolean;
}

/** Whether a file is in a folder of configurations, where only its owner may write. */
function isBelow(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file.startsWith(folder + sep));
}

/** Makes one configuration of a text, the texts that it includes, and the values of its parameters. */
class Composition {
  readonly #text: ConfigurationText;
  readonly #options: CompositionOptions;
  readonly #found: MistakeList[] = [];
  /** The entries of each file with its includes, by its path without links. */
  readonly #read = new Map<string, Merged>();
  /** The number of included files. */
  #files = 0;

  constructor(text: ConfigurationText, options: CompositionOptions) {
    this.#text = text;
    this.#options = options;
  }

  async run(): Promise<ConfigurationSource> {
    const { value, mistakes: own, directory, title, file, places } = this.#text;
    const common = { directory, title, ...(file === undefined ? {} : { file }) };
    if (!isMapping(value)) {
      const written = (path: readonly PathStep[]) => places?.text(path);
      return { ...common, value, mistakes: own, written, directoryAt: () => directory };
    }
    const name = places === undefined ? undefined : title;
    const root: ConfigurationPart = {
      value,
      directory,
      ...(places === undefined ? {} : { places, title }),
    };
    const merged = await this.#merge(root, file === undefined ? [] : [realPath(file)]);
    const whole = new MergedPlaces(root);
    for (const section of SECTIONS) {
      for (const [entry, { part, keys }] of merged[section]) {
        whole.note([section, entry], part);
        for (const [key, origin] of keys) whole.note([section, entry, ...JSON.parse(key)], origin);
      }
    }
    const mistakes = new MistakeList(name, whole);
    mistakes.adopt(own.sorted());
    for (const list of this.#found) mistakes.adopt(list.sorted());
    const { parameters, problems } = settleParameters(
      merged.parameters,
      this.#options.parameters ?? {},
      this.#options.environment ?? process.env,
      (parameter, step) => {
        const path = ['parameters', parameter];
        return whole.partOf(path).places?.text([...path, ...step]);
      },
    );
    for (const { code, name: parameter, message, hint } of problems)
      mistakes.add(code, merged.parameters.has(parameter) ? ['parameters', parameter] : [], message, {
        hint,
      });
    const expansion = new Expansion(withFaulty(parameters, merged), mistakes);
    const expanded = wholeValue(value, merged, expansion);
    return {
      ...common,
      // Without the right values the further checks would report consequences.
      value: problems.length > 0 || expansion.hasFailed ? undefined : expanded,
      mistakes,
      written: (path) =>
        expansion.expanded.has(JSON.stringify(path)) ? undefined : whole.partOf(path).places?.text(path),
      directoryAt: (path) => whole.partOf(path).directory,
    };
  }

  /** @param chain the files that include this one, and itself */
  async #merge(part: ConfigurationPart, chain: readonly string[]): Promise<Merged> {
    const mistakes = new MistakeList(part.title, part.places);
    this.#found.push(mistakes);
    const includes: Merged[] = [];
    for (const { name, path } of includesOf(part, mistakes)) {
      const refuse = (code: string, message: string, hint?: string): void =>
        mistakes.add(code, path, message, { hint });
      let file: string;
      try {
        file = resolve(part.directory, configurationPath(name, this.#options.folders));
      } catch (error) {
        if (!(error instanceof FunnelError)) throw error;
        refuse(error.code, error.message);
        continue;
      }
      const real = realPath(file);
      if (chain.includes(real)) {
        const loop = [...chain.slice(chain.indexOf(real)), real].join(' → ');
        refuse('FT_INCLUDE_LOOP', `this includes itself: ${loop}`, 'leave one of these includes out');
        continue;
      }
      const known = this.#read.get(real);
      if (known !== undefined) {
        includes.push(known);
        continue;
      }
      if (++this.#files > MAX_FILES || chain.length > MAX_CHAIN) {
        refuse(
          'FT_INCLUDE_LIMIT',
          `this is one include too many; a configuration has at most ${MAX_FILES}, and ${MAX_CHAIN} in a chain`,
        );
        continue;
      }
      const title = isName(name) || isAbsolute(name) ? file : join(dirname(part.title ?? '(object)'), name);
      const { waitMs } = this.#options;
      const text = await readText(file, part.directory, {
        isTrusted: this.#options.isTrusted,
        title,
        ...(waitMs === undefined ? {} : { waitMs }),
      });
      this.#found.push(text.mistakes);
      if (text.value === undefined) continue;
      if (!isMapping(text.value)) {
        text.mistakes.add('FT_CONFIG_SCHEMA', [], 'this is no mapping', {
          hint: 'an included file has `pieces:`, `networks:`, `parameters:` or `include:`',
        });
        continue;
      }
      const included: ConfigurationPart = {
        value: text.value,
        title,
        directory: text.directory,
        ...(text.places === undefined ? {} : { places: text.places }),
      };
      checkKeys(included, text.mistakes);
      const merged = await this.#merge(included, [...chain, real]);
      this.#read.set(real, merged);
      includes.push(merged);
    }
    const { merged, clashes } = mergeConfigurations(part, includes);
    for (const { section, name, first, second } of clashes)
      mistakes.add(
        'FT_INCLUDE_CLASH',
        ['include'],
        `both ${first.title} and ${second.title} have \`${name}\` in \`${section}\``,
        { hint: 'rename one of them, or include one file only', of: 'key' },
      );
    if (
      part.value.parameters !== undefined &&
      part.value.parameters !== null &&
      !isMapping(part.value.parameters)
    )
      mistakes.add(
        'FT_CONFIG_SCHEMA',
        ['parameters'],
        '`parameters` must be a mapping of names to defaults',
        {
          hint: 'write for instance `parameters: { device: fun0 }`',
        },
      );
    return merged;
  }
}

/** The files that a part includes: one, or a list of them. */
function includesOf({ value }: ConfigurationPart, mistakes: MistakeList) {
  const { include } = value;
  if (include === undefined || include === null) return [];
  const list = Array.isArray(include) ? (include as readonly unknown[]) : [include];
  return list.flatMap((name, index) => {
    const path: PathStep[] = Array.isArray(include) ? ['include', index] : ['include'];
    if (typeof name === 'string' && name !== '' && name !== '-') return [{ name, path }];
    mistakes.add('FT_CONFIG_SCHEMA', path, '`include` must be a file or a name, or a list of these', {
      hint: 'write for instance `include: ./common.yaml`',
    });
    return [];
  });
}

/** Finds wrong keys and sections of an included file. The named file has the check of the whole structure. */
function checkKeys({ value }: ConfigurationPart, mistakes: MistakeList): void {
  for (const [key, section] of Object.entries(value)) {
    if (!KEYS.has(key))
      mistakes.add('FT_CONFIG_SCHEMA', [key], `an included file has no key \`${key}\``, {
        hint: 'known are `include`, `parameters`, `pieces` and `networks`',
        of: 'key',
      });
    else if (key !== 'include' && key !== 'parameters' && section !== null && !isMapping(section))
      mistakes.add('FT_CONFIG_SCHEMA', [key], `\`${key}\` must be a mapping of names`);
  }
}

/** The structure for the checks: without the keys that are done with. */
function wholeValue(root: Readonly<Record<string, unknown>>, merged: Merged, expansion: Expansion): unknown {
  const whole: Record<string, unknown> = Object.assign(Object.create(null), root);
  delete whole.include;
  delete whole.parameters;
  for (const section of ['pieces', 'networks'] as const) {
    const isWrong = root[section] !== undefined && root[section] !== null && !isMapping(root[section]);
    if (isWrong || (merged[section].size === 0 && !Object.hasOwn(root, section))) continue;
    if (merged[section].size === 0) continue;
    const entries: Record<string, unknown> = Object.create(null);
    for (const [name, { value }] of merged[section]) entries[name] = expansion.expand(value, [section, name]);
    whole[section] = entries;
  }
  return whole;
}

/** A parameter whose declaration is wrong is known. Its use is no mistake of its own. */
function withFaulty(settled: ReadonlyMap<string, Parameter>, { parameters }: Merged) {
  const all = new Map(settled);
  for (const name of parameters.keys()) if (!all.has(name)) all.set(name, { text: '' });
  return all;
}

/** Replaces the parameters in all values; never in keys. */
class Expansion {
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #mistakes: MistakeList;
  #charactersLeft = MAX_EXPANDED;
  /** The paths of values that are not as they were written. */
  readonly expanded = new Set<string>();
  /** Whether a parameter had no value that fits. */
  hasFailed = false;

  constructor(parameters: ReadonlyMap<string, Parameter>, mistakes: MistakeList) {
    this.#parameters = parameters;
    this.#mistakes = mistakes;
  }

  expand(value: unknown, path: readonly PathStep[]): unknown {
    if (typeof value === 'string') return value.includes('${') ? this.#text(value, path) : value;
    if (Array.isArray(value)) return value.map((item, i) => this.expand(item, [...path, i]));
    if (!isMapping(value)) return value;
    const mapping: Record<string, unknown> = Object.create(null);
    for (const [key, inner] of Object.entries(value)) mapping[key] = this.expand(inner, [...path, key]);
    return mapping;
  }

  #text(text: string, path: readonly PathStep[]): unknown {
    this.expanded.add(JSON.stringify(path));
    const isSecretPlace = path.length === 4 && path[0] === 'pieces' && path[2] === 'settings';
    const expanded = expandText(text, this.#parameters, { isSecretPlace, most: this.#charactersLeft });
    if ('code' in expanded) {
      this.hasFailed = true;
      this.#mistakes.add(expanded.code, path, expanded.message, { hint: expanded.hint });
      return '';
    }
    if (typeof expanded.value === 'string') this.#charactersLeft -= expanded.value.length;
    return expanded.value;
  }
}

/** The path without links, of a file that may not be there. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

const KEYS: ReadonlySet<string> = new Set(['include', ...SECTIONS]);
/** A configuration needs a few; a thousand pieces fit into one file. */
const MAX_FILES = 32;
const MAX_CHAIN = 8;
/** The size of the largest configuration, four times over. */
const MAX_EXPANDED = 1 << 20;
