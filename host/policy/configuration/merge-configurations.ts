import type { ConfigurationPart } from './merged-places.ts';

/** The sections of a configuration that includes merge, entry by entry. */
export const SECTIONS = ['parameters', 'pieces', 'networks'] as const;
export type Section = (typeof SECTIONS)[number];

/** A merged configuration before its parameters are expanded. */
export type Merged = Readonly<Record<Section, ReadonlyMap<string, Entry>>>;

/** One parameter, piece or network, and where its parts come from. */
export interface Entry {
  readonly value: unknown;
  readonly part: ConfigurationPart;
  /** Keys of the entry that another part wrote, as a path of one or two steps in JSON. */
  readonly keys: ReadonlyMap<string, ConfigurationPart>;
}

/** Two includes of one file have the same entry. */
export interface Clash {
  readonly section: Section;
  readonly name: string;
  readonly first: ConfigurationPart;
  readonly second: ConfigurationPart;
}

/**
 * Merges what one file includes with what the file itself has. Pure.
 *
 * Two includes may not have the same entry, unless it comes from one file that both include. The file itself
 * may: its keys win over those of the include.
 */
export function mergeConfigurations(
  own: ConfigurationPart,
  includes: readonly Merged[],
): { merged: Merged; clashes: readonly Clash[] } {
  const clashes: Clash[] = [];
  const merged = { parameters: new Map(), pieces: new Map(), networks: new Map() } satisfies Record<
    Section,
    Map<string, Entry>
  >;
  for (const section of SECTIONS) {
    const entries: Map<string, Entry> = merged[section];
    for (const include of includes) {
      for (const [name, entry] of include[section]) {
        const other = entries.get(name);
        if (other !== undefined && other !== entry)
          clashes.push({ section, name, first: other.part, second: entry.part });
        entries.set(name, entry);
      }
    }
    const given = own.value[section];
    if (!isMapping(given)) continue;
    for (const [name, value] of Object.entries(given)) {
      const below = entries.get(name);
      const isMerged = below !== undefined && section !== 'parameters';
      entries.set(name, isMerged ? overlaid(below, value, own) : { value, part: own, keys: new Map() });
    }
  }
  return { merged, clashes };
}

/** The entry of an include with the keys of the including file over it. */
function overlaid(below: Entry, value: unknown, part: ConfigurationPart): Entry {
  if (!isMapping(value) || !isMapping(below.value)) return { value, part, keys: new Map() };
  const result: Record<string, unknown> = Object.assign(Object.create(null), below.value);
  const keys = new Map(below.keys);
  for (const [key, given] of Object.entries(value)) {
    const under = result[key];
    if (MERGED_KEYS.has(key) && isMapping(given) && isMapping(under)) {
      result[key] = Object.assign(Object.create(null), under, given);
      for (const inner of Object.keys(given)) keys.set(JSON.stringify([key, inner]), part);
      continue;
    }
    result[key] = given;
    for (const known of [...keys.keys()]) if (JSON.parse(known)[0] === key) keys.delete(known);
    keys.set(JSON.stringify([key]), part);
  }
  return { value: result, part: below.part, keys };
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The keys of a piece that are merged key by key. Grants are not: a file that gives some means these alone.
 */
const MERGED_KEYS: ReadonlySet<string> = new Set(['settings', 'edges', 'limits']);
