import type { JsonSchema } from '../../policy/configuration/piece-schema.ts';
import { EXAMPLES } from './configuration-examples.ts';
import { wrap } from './wrap.ts';

/**
 * The reference of configurations as a document in Markdown, made from their JSON Schema:
 * `docs/configuration.md`. Pure.
 */
export function configurationReference(schema: JsonSchema): string {
  const { properties, description, $defs } = schema as unknown as RootSchema;
  const entry = properties.pieces.additionalProperties.properties;
  const network = properties.networks.anyOf.find(
    ({ additionalProperties }) => additionalProperties !== undefined,
  );
  const copies = network!.additionalProperties!.anyOf.find((each) => each.properties !== undefined)!
    .properties!;
  const declared = properties.parameters.anyOf
    .flatMap(({ additionalProperties }) => additionalProperties?.anyOf ?? [])
    .find((each) => each.properties !== undefined)!.properties!;
  const { secret, ...pieces } = $defs;
  const lines = [
    '# Configurations',
    '',
    ...paragraph(
      'This reference is made from the schema: `funnel schema --reference` prints it, and `funnel schema` prints ' +
        'the schema itself, with which an editor completes and checks a configuration. `funnel check` reports ' +
        'every mistake.',
    ),
    '',
    ...paragraph(description),
    '',
    ...example('whole'),
    '## An entry of `pieces`',
    '',
    ...paragraph(properties.pieces.description),
    '',
    ...Object.entries(entry).flatMap(([name, part]) => [
      `### \`${name}\``,
      '',
      ...paragraph(part.description ?? ''),
      '',
      ...(NOTES[name] ?? []).flatMap((note) => [...paragraph(note), '']),
      ...partsOf(part),
      ...(name in EXAMPLES ? example(name) : []),
      ...(name === 'edges' ? ['Edges that are left out:', '', ...example('omitted')] : []),
    ]),
    '## `networks`',
    '',
    ...paragraph(properties.networks.description),
    '',
    ...Object.entries(copies).flatMap(([name, part]) => row(`\`${name}\``, part.description ?? '')),
    '',
    ...example('networks'),
    '## `include`',
    '',
    ...paragraph(properties.include.description),
    '',
    ...paragraph(
      'A path has a slash or a dot. Entries of `pieces` and `networks` with one name are merged: the keys of ' +
        'the including file win, and `settings`, `edges` and `limits` are merged key by key. Two includes ' +
        'with one entry of the same name are refused. See [names.md](names.md).',
    ),
    '',
    '## `parameters`',
    '',
    ...paragraph(properties.parameters.description),
    '',
    ...example('parameters'),
    ...Object.entries(declared).flatMap(([name, part]) => row(`\`${name}\``, part.description ?? '')),
    '',
    '## Secrets',
    '',
    ...paragraph(secret!.description ?? ''),
    '',
    ...(secret!.anyOf ?? []).flatMap(({ properties: keys = {} }) =>
      Object.entries(keys).flatMap(([name, part]) => row(`\`{ ${name}: … }\``, part.description ?? '')),
    ),
    '',
    '## The settings of each piece',
    '',
    ...Object.entries(pieces).flatMap(([name, piece]) => pieceLines(name, piece)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** The facts about a part that its schema cannot express. */
const NOTES: Readonly<Record<string, readonly string[]>> = {
  piece: [
    'The path of a component file is relative to the folder of the configuration, as all paths in it are.',
  ],
  settings: [
    'A duration is a number with `ms`, `s`, `m` or `h`, such as `30s`. A list gives a setting several times, ' +
      'where the piece allows that. A setting that the piece requires must be there.',
  ],
};

function pieceLines(name: string, piece: SchemaPart): string[] {
  const settings = piece.properties?.settings;
  const required = new Set(settings?.required ?? []);
  const entries = Object.entries(settings?.properties ?? {});
  return [
    `### ${name}`,
    '',
    ...paragraph(piece.description ?? ''),
    '',
    ...entries.flatMap(([setting, part]) => {
      const notes = [typeText(part)];
      if (part.anyOf?.some(({ type }) => type === 'array')) notes.push('or a list');
      if (required.has(setting)) notes.push('required');
      if (part.default !== undefined)
        notes.push(`default ${part.default === '' ? 'empty' : `\`${part.default}\``}`);
      return row(`\`${setting}\``, `(${notes.join('; ')}) ${part.description ?? ''}`);
    }),
    ...(entries.length === 0 ? ['It has no settings.'] : []),
    '',
    ...reasonLines(piece['x-reasons'] ?? {}),
  ];
}

function reasonLines(reasons: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(reasons);
  if (entries.length === 0) return [];
  return [
    'Reasons for which frames end in it:',
    '',
    ...entries.flatMap(([name, text]) => row(`\`${name}\``, text)),
    '',
  ];
}

/** The keys of a part that is a mapping, such as those of `limits`. */
function partsOf(part: SchemaPart): string[] {
  const keys = [part, ...(part.anyOf ?? []), ...(part.anyOf ?? []).flatMap(({ anyOf = [] }) => anyOf)]
    .flatMap(({ properties = {} }) => Object.entries(properties))
    .filter(([, { description }]) => description !== undefined);
  if (keys.length === 0) return [];
  return [...keys.flatMap(([name, { description = '' }]) => row(`\`${name}\``, description)), ''];
}

function typeText(part: SchemaPart): string {
  const value = part.anyOf?.[0] ?? part;
  if (value.type === 'boolean') return 'true or false';
  if (value.$ref !== undefined || part.anyOf?.some(({ $ref }) => $ref !== undefined)) return 'secret';
  if (value.type !== 'number') return 'text';
  const { minimum, maximum } = value;
  if (minimum === undefined) return maximum === undefined ? 'number' : `number of at most ${maximum}`;
  return maximum === undefined ? `number of at least ${minimum}` : `number from ${minimum} to ${maximum}`;
}

function example(name: string): string[] {
  return ['```yaml', ...EXAMPLES[name]!.trimEnd().split('\n'), '```', ''];
}

function paragraph(text: string): string[] {
  return wrap(text, WIDTH);
}

/** An item of a list, wrapped. */
function row(term: string, text: string): string[] {
  return wrap(`${term}: ${text}`, WIDTH - 2).map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`));
}

const WIDTH = 100;

interface SchemaPart {
  readonly type?: unknown;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly anyOf?: readonly SchemaPart[];
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly 'x-reasons'?: Readonly<Record<string, string>>;
}

interface RootSchema {
  readonly description: string;
  readonly properties: {
    readonly pieces: {
      readonly description: string;
      readonly additionalProperties: { readonly properties: Readonly<Record<string, SchemaPart>> };
    };
    readonly networks: {
      readonly description: string;
      readonly anyOf: readonly {
        readonly additionalProperties?: { readonly anyOf: readonly SchemaPart[] };
      }[];
    };
    readonly include: { readonly description: string };
    readonly parameters: {
      readonly description: string;
      readonly anyOf: readonly {
        readonly additionalProperties?: { readonly anyOf: readonly SchemaPart[] };
      }[];
    };
  };
  readonly $defs: Readonly<Record<string, SchemaPart>>;
}
