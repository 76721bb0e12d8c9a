import type * as z from 'zod';
import type { PathStep } from './configuration-error.ts';
import { configurationSchema, FAILURE_POLICIES, GRANTS } from './configuration-schema.ts';
import { didYouMean, nearest } from './did-you-mean.ts';
import type { MistakeList } from './mistake-list.ts';

type Configuration = z.output<typeof configurationSchema>;

/**
 * Checks the structure of a configuration, and reports every mistake in words. Wrong parts are left out of
 * the result, so that the rest can be checked further.
 */
export function checkStructure(value: unknown, mistakes: MistakeList): CheckedStructure {
  const doubtful = new Set<string>();
  let lacksEdges = false;
  const kept = copy(value, [], mistakes);
  for (let attempt = 0; attempt < 2; attempt++) {
    const parsed = configurationSchema.safeParse(kept);
    if (parsed.success) return { configuration: parsed.data, doubtful, lacksEdges };
    for (const issue of parsed.error.issues.flatMap(withinUnion)) {
      const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
      // A second round finds only consequences of parts that the first one left out: an empty `pieces`.
      if (attempt === 0) report(issue, path, kept, mistakes);
      for (const key of keysConcerned(issue, path)) {
        if (key === 'piece' || key === 'settings' || key === 'edges') doubtful.add(String(path[1]));
        if (key === 'piece' || key === 'edges') lacksEdges = true;
      }
      leaveOut(issue, path, kept);
    }
  }
  return { doubtful, lacksEdges };
}

export interface CheckedStructure {
  /** Undefined if nothing is left. */
  readonly configuration?: Configuration;
  /** Pieces that lost a part on which other pieces depend. */
  readonly doubtful: ReadonlySet<string>;
  /** Whether an Edge may have been left out, so that a network seems to have fewer than it has. */
  readonly lacksEdges: boolean;
}

/** For a value that may have several structures: the issues of the structure that it probably has. */
function withinUnion(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const alike = issue.errors.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const [meant] = alike;
  if (meant === undefined || alike.length > 1) return [issue];
  return meant
    .map((inner): z.core.$ZodIssue => ({ ...inner, path: [...issue.path, ...inner.path] }))
    .flatMap(withinUnion);
}

/**
 * The keys of a piece that an issue concerns, or that a misspelt key probably means; `piece` for the whole
 * entry.
 */
function keysConcerned(issue: z.core.$ZodIssue, path: readonly PathStep[]): readonly string[] {
  const [section, name, key] = path;
  if (section !== 'pieces' || name === undefined) return [];
  if (key !== undefined) return [String(key)];
  if (issue.code !== 'unrecognized_keys') return ['piece'];
  return issue.keys.map((unknown) => nearest(unknown, KEYS['pieces.*']!) ?? '');
}

/** The expected value at each path; `*` is a name that the user chooses. */
const EXPECTED: Record<string, { is: string; example: string }> = {
  '': {
    is: 'a mapping with `pieces`, and `networks` where they have options',
    example: 'pieces: { home: { piece: tun } }',
  },
  pieces: { is: 'a mapping of names to pieces', example: 'pieces: { home: { piece: tun } }' },
  'pieces.*': {
    is: 'a mapping with `piece`, `settings` and `edges`',
    example: 'home: { piece: tun, edges: { ip: lan } }',
  },
  'pieces.*.piece': { is: 'the name of a piece, or the path of a component', example: 'piece: tun' },
  'pieces.*.settings': { is: 'a mapping of settings to values', example: 'settings: { device: fun0 }' },
  'pieces.*.settings.*': { is: 'a text, a number, true, false, or a list of these', example: 'device: fun0' },
  'pieces.*.edges': { is: 'a mapping of Edges to networks', example: 'edges: { ip: lan }' },
  'pieces.*.edges.*': {
    is: 'the name of a network, a list of them, or networks with the Shapes that go there',
    example: 'ip: lan',
  },
  'pieces.*.failure': { is: `one of ${list(FAILURE_POLICIES)}`, example: 'failure: restart' },
  'pieces.*.save': { is: 'a duration', example: 'save: 10s' },
  'pieces.*.grants': {
    is: `a mapping of ${list(GRANTS)}, the last two of them to Edges, or a list of these`,
    example: 'grants: { listen: [carrier], utc: false }',
  },
  'pieces.*.grants.*': {
    is: `one of ${list(GRANTS)}, or for one Edge \`listen:EDGE\` or \`offer:EDGE\``,
    example: 'grants: [log, listen:carrier]',
  },
  'pieces.*.grants.log': { is: 'true or false', example: 'grants: { log: false }' },
  'pieces.*.grants.random': { is: 'true or false', example: 'grants: { random: false }' },
  'pieces.*.grants.utc': { is: 'true or false', example: 'grants: { utc: false }' },
  'pieces.*.grants.crypto': { is: 'true or false', example: 'grants: { crypto: true }' },
  'pieces.*.grants.listen': {
    is: 'a list of Edges, true or false',
    example: 'grants: { listen: [carrier] }',
  },
  'pieces.*.grants.offer': { is: 'a list of Edges, true or false', example: 'grants: { offer: [lan] }' },
  'pieces.*.limits': { is: 'a mapping with `memory` and `component`', example: 'limits: { memory: 64MiB }' },
  'pieces.*.limits.memory': { is: 'a size in KiB, MiB, GiB or bytes', example: 'memory: 64MiB' },
  'pieces.*.limits.component': { is: 'a size in KiB, MiB, GiB or bytes', example: 'component: 16MiB' },
  networks: { is: 'a mapping of networks to their options', example: 'networks: { lan: { copies: true } }' },
  'networks.*': { is: 'a mapping of options', example: 'lan: { copies: true }' },
  'networks.*.copies': { is: 'true or false', example: 'copies: true' },
};

/** The keys of each mapping whose keys the schema defines. */
const KEYS: Record<string, readonly string[]> = {
  '': ['pieces', 'networks', 'include', 'parameters'],
  'pieces.*': ['piece', 'settings', 'edges', 'failure', 'save', 'grants', 'limits'],
  'pieces.*.grants': GRANTS,
  'pieces.*.limits': ['memory', 'component'],
  'networks.*': ['copies'],
};

const CODE = 'FT_CONFIG_SCHEMA';

function report(
  issue: z.core.$ZodIssue,
  path: readonly PathStep[],
  root: unknown,
  mistakes: MistakeList,
): void {
  const pattern = patternOf(path);
  const expected = EXPECTED[pattern] ?? EXPECTED[patternOf(path.slice(0, -1))];
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        const known = KEYS[pattern] ?? [];
        const elsewhere = [...Object.entries(KEYS)].find(([, keys]) => keys.includes(key))?.[0];
        const otherwise =
          elsewhere === undefined
            ? `known here: ${list(known)}`
            : `it belongs ${elsewhere === '' ? 'at the beginning of a line' : `in ${describe(elsewhere.split('.'))}`}`;
        mistakes.add(CODE, [...path, key], `${describe(path)} has no key \`${key}\``, {
          hint: elsewhere === undefined ? didYouMean(key, known, otherwise) : otherwise,
          of: 'key',
        });
      }
      return;
    case 'invalid_key': {
      const name = String(path.at(-1));
      mistakes.add(
        CODE,
        path,
        `\`${name}\` cannot be the name of ${path[0] === 'networks' ? 'a network' : 'a piece'}`,
        {
          hint: 'a name begins with a letter; letters, digits, `-`, `_` and `.` may follow, 63 at most',
          of: 'key',
        },
      );
      return;
    }
    default: {
      const found = valueAt(root, path);
      const hint = expected === undefined ? undefined : `write for instance \`${expected.example}\``;
      if (found === undefined) {
        mistakes.add(CODE, path, `${describe(path.slice(0, -1))} lacks \`${path.at(-1) ?? 'pieces'}\``, {
          hint,
        });
      } else if (path.length === 1 && isMapping(found) && Object.keys(found).length === 0) {
        mistakes.add(CODE, path, `\`${path[0]}\` is empty`, { hint });
      } else {
        mistakes.add(
          CODE,
          path,
          `${describe(path)} is ${kindOf(found)}, but must be ${expected?.is ?? 'something else'}`,
          { hint },
        );
      }
    }
  }
}

function leaveOut(issue: z.core.$ZodIssue, path: readonly PathStep[], root: unknown): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) remove(root, [...path, key]);
    return;
  }
  // An instance without `piece` is left out as a whole.
  const [section, , key] = path;
  const isWhole = section === 'pieces' && key === 'piece';
  remove(root, isWhole ? path.slice(0, 2) : path);
}

/** Removes a value; for an item of a list, the whole list. */
function remove(root: unknown, path: readonly PathStep[]): void {
  const end = path.findIndex((step) => typeof step === 'number');
  const keys = end < 0 ? path : path.slice(0, end);
  const parent = valueAt(root, keys.slice(0, -1));
  const last = keys.at(-1);
  if (last !== undefined && isMapping(parent)) delete parent[last];
}

/** A copy from which parts can be removed, without the one key that JavaScript and zod treat specially. */
function copy(value: unknown, path: readonly PathStep[], mistakes: MistakeList): unknown {
  if (!isMapping(value) || path.length > 4) return value;
  const mapping: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) {
    if (key !== '__proto__') mapping[key] = copy(inner, [...path, key], mistakes);
    else
      mistakes.add(CODE, [...path, key], '`__proto__` cannot be a name', {
        hint: 'choose another',
        of: 'key',
      });
  }
  return mapping;
}

/** The path with `*` for names that the user chooses, as in {@link EXPECTED}. */
function patternOf([section, name, key, inner]: readonly PathStep[]): string {
  const steps = [section ?? ''];
  if (name !== undefined) steps.push('*');
  if (key !== undefined) steps.push(key);
  if (inner !== undefined) steps.push(isOurs(key, inner) ? String(inner) : '*');
  return steps.join('.');
}

/** Whether the schema defines the keys inside `key`. */
function isOurs(key: PathStep | undefined, inner: PathStep): boolean {
  return key === 'limits' || (key === 'grants' && typeof inner === 'string');
}

/** A path in words. */
function describe(path: readonly PathStep[]): string {
  const [section, name, key, inner] = path;
  if (section === undefined) return 'the configuration';
  if (name === undefined) return `\`${section}\``;
  const whole =
    name === '*'
      ? section === 'pieces'
        ? 'a piece'
        : 'a network'
      : `${section === 'pieces' ? 'piece' : 'network'} \`${name}\``;
  if (key === undefined) return whole;
  const what =
    inner === undefined
      ? key
      : typeof inner === 'number'
        ? `${key}[${inner}]`
        : isOurs(key, inner)
          ? `${key}.${inner}`
          : inner;
  const noun =
    key === 'edges' && inner !== undefined
      ? 'Edge '
      : key === 'settings' && typeof inner === 'string'
        ? 'setting '
        : '';
  return `${noun}\`${what}\` of ${whole}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string')
    return value === '' ? 'an empty text' : `\`${value.length > 40 ? `${value.slice(0, 40)}…` : value}\``;
  if (typeof value === 'number' || typeof value === 'boolean') return `\`${value}\``;
  return `a ${typeof value}`;
}

function valueAt(root: unknown, path: readonly PathStep[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PathStep, unknown>)[step];
  }
  return value;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}
