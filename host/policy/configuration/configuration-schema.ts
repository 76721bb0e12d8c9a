import * as z from 'zod';

/** What an instance of a piece, a network or a setting may be called. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
/** An amount of memory: bytes, or with a unit. */
export const SIZE_PATTERN = /^[0-9]+ ?(KiB|MiB|GiB)?$/;
/** What can be granted, as the engine names it; for `listen` and `offer` the name of an Edge may follow, as in `listen:carrier`. */
export const GRANTS = ['log', 'random', 'utc', 'listen', 'offer'] as const;
const GRANT_PATTERN = /^(log|random|utc|listen(:.+)?|offer(:.+)?)$/;
/** What becomes of a piece's traffic when it fails. */
export const FAILURE_POLICIES = ['closed', 'bypass', 'restart'] as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** A secret that stands elsewhere. */
const secret = z
  .union([
    z.strictObject({ env: z.string().min(1).describe('The environment variable that holds it.') }),
    z.strictObject({
      file: z
        .string()
        .min(1)
        .describe('The file that holds it, relative to the configuration; its last line end is left out.'),
    }),
  ])
  .describe('A secret, from the environment or from a file.');

const settingValue = z
  .union([scalar, secret, z.array(scalar).min(1)])
  .describe(
    'A text, a number, true or false, a duration such as `30s`, an address; a list for a repeated setting.',
  );

const size = z.union([z.int().positive(), z.string().regex(SIZE_PATTERN)]);

const networkName = z.string().regex(NAME_PATTERN);
const shape = z
  .union([z.int().nonnegative(), z.string().min(1)])
  .describe(
    'A Shape of the Edge: its number from 0, its stack, or its stack and direction, such as `ip up`.',
  );

const edges = z
  .union([z.boolean(), z.string().min(1), z.array(z.string().min(1))])
  .describe('The Edges for which it is granted; true for all of them, false for none.');

const grants = z.union([
  z.array(z.string().regex(GRANT_PATTERN)),
  z.strictObject({
    log: z.boolean().optional().describe('To tell people something; true when left out.'),
    random: z.boolean().optional().describe('Random numbers; true when left out.'),
    utc: z.boolean().optional().describe('The time of day; true when left out.'),
    listen: edges.optional(),
    offer: edges.optional(),
  }),
]);

const piece = z.strictObject({
  piece: z
    .string()
    .min(1)
    .describe(
      'What it is: a piece of the host (`tun`), a built-in component (`6bed4`), or a component file (`./mine.wasm`).',
    ),
  settings: z
    .record(z.string(), settingValue)
    .nullish()
    .describe("The piece's settings; `funnel piece doc NAME` tells them."),
  edges: z
    .record(
      z.string(),
      z.union([
        networkName,
        z.array(networkName),
        z.record(networkName, z.union([shape, z.array(shape).min(1)])),
      ]),
    )
    .nullish()
    .describe(
      'On which network each of its Edges is; a list of networks for a repeated Edge; networks with the Shapes that go there, where they are to be kept apart. An Edge that is left out joins where it matches; `[]` keeps it from that.',
    ),
  failure: z
    .enum(FAILURE_POLICIES)
    .optional()
    .describe(
      'When it fails: nothing passes it any more (`closed`, the default), frames go around it where its Curves and Shapes allow that (`bypass`), or it is started again after a pause (`restart`).',
    ),
  save: z
    .union([z.number(), z.string()])
    .optional()
    .describe(
      'How often its state is saved while it works, such as `10s`, to be given to the instance that comes after a failure; never when left out.',
    ),
  grants: grants
    .nullish()
    .describe(
      'What a component may ask of the host: a mapping, or a list that is all of it. When left out, a component file has `log`, `random` and `utc`, and a built-in one also `listen` and `offer` on its Edges.',
    ),
  limits: z
    .strictObject({
      memory: size.optional().describe('How far its memory may grow: `64MiB` when left out.'),
      component: size.optional().describe('How large its file may be: `16MiB` when left out.'),
    })
    .nullish()
    .describe('What a component may use at most.'),
});

const network = z.strictObject({
  copies: z
    .boolean()
    .optional()
    .describe('A frame that several Shapes match equally goes to each of them, instead of being a mistake.'),
});

/** The structure of a configuration, in YAML and in the embedding API. */
export const configurationSchema = z
  .strictObject({
    pieces: z
      .record(z.string().regex(NAME_PATTERN), piece)
      .refine((pieces) => Object.keys(pieces).length > 0)
      .describe('Instances of pieces, by name.'),
    networks: z
      .record(z.string().regex(NAME_PATTERN), network.nullable())
      .nullish()
      .describe('Options of networks, by name; a network without options need not be named.'),
  })
  .describe('A puzzle: pieces of the Funnel Tunnel, and the networks that join them.');

/** A configuration as an object: what the YAML file holds. */
export type ConfigurationObject = z.input<typeof configurationSchema>;
export type PieceEntry = z.output<typeof piece>;
export type GivenGrants = z.output<typeof grants>;
export type SettingValue = z.output<typeof settingValue>;

/** The same structure as a JSON Schema (2020-12), for editors. */
export function configurationJsonSchema(): Record<string, unknown> {
  return { title: 'Funnel Tunnel configuration', ...z.toJSONSchema(configurationSchema, { io: 'input' }) };
}

/** Bytes of a size that {@link SIZE_PATTERN} matches; -1 for one that cannot be told exactly. */
export function parseSize(size: number | string): number {
  if (typeof size === 'number') return size;
  const unit = /[KMG]iB$/.exec(size)?.[0];
  const bytes = Number.parseInt(size, 10) * (unit === undefined ? 1 : UNIT_BYTES[unit]!);
  return Number.isSafeInteger(bytes) ? bytes : -1;
}

const UNIT_BYTES: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
