import * as z from 'zod';
import type { Piece as Description } from '../../../abi/host/contract.ts';
import { PARAMETER_NAME, parameterSchema } from './parameters.ts';
import { branchesOf, type JsonSchema, pieceSchema } from './piece-schema.ts';

/** The names that a piece, a network or a setting may have. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
/** An amount of memory: bytes, or with a unit. */
export const SIZE_PATTERN = /^[0-9]+ ?(KiB|MiB|GiB)?$/;
/**
 * The grants, as the engine names them. The name of an Edge may follow `listen` and `offer`, as in
 * `listen:carrier`.
 */
export const GRANTS = ['log', 'random', 'utc', 'crypto', 'listen', 'offer'] as const;
const GRANT_PATTERN = /^(log|random|utc|crypto|listen(:.+)?|offer(:.+)?)$/;
/** The treatment of a piece's traffic after a fault. */
export const FAILURE_POLICIES = ['closed', 'bypass', 'restart'] as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** A secret outside the configuration. */
const secret = z
  .union([
    z.strictObject({ env: z.string().min(1).describe('The environment variable that holds it.') }),
    z.strictObject({
      file: z
        .string()
        .min(1)
        .describe('The file that holds it, relative to the configuration; its last line end is left out.'),
    }),
    z.strictObject({
      credential: z
        .string()
        .min(1)
        .describe('The credential of systemd that holds it: a file in `$CREDENTIALS_DIRECTORY`.'),
    }),
  ])
  .describe('A secret, from the environment, from a file or from a credential.');

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
  .describe('The Edges with this grant; true for all of them, false for none.');

const grants = z.union([
  z.array(z.string().regex(GRANT_PATTERN)),
  z.strictObject({
    log: z.boolean().optional().describe('Messages to the log; true by default.'),
    random: z.boolean().optional().describe('Random numbers; true by default.'),
    utc: z.boolean().optional().describe('The time of day; true by default.'),
    crypto: z
      .boolean()
      .optional()
      .describe('Cryptography by the host, with keys outside of the component; false by default.'),
    listen: edges.optional(),
    offer: edges.optional(),
  }),
]);

const piece = z.strictObject({
  piece: z
    .string()
    .min(1)
    .describe(
      'The piece: one of the host (`tun`), a built-in component (`6bed4`), or a component file (`./mine.wasm`).',
    ),
  settings: z
    .record(z.string(), settingValue)
    .nullish()
    .describe("The piece's settings; `funnel piece doc NAME` lists them."),
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
      'The network of each Edge; a list of networks for a repeated Edge; a mapping of networks to Shapes to keep the Shapes apart. An Edge that is left out joins where it matches; `[]` prevents that.',
    ),
  failure: z
    .enum(FAILURE_POLICIES)
    .optional()
    .describe(
      'After a fault: no frame passes the piece (`closed`, the default), frames go around it where its Curves and Shapes allow that (`bypass`), or it starts again after a pause (`restart`).',
    ),
  save: z
    .union([z.number(), z.string()])
    .optional()
    .describe(
      'The interval for saving its state, such as `10s`. The instance after a fault receives the last state. Without it no state is saved.',
    ),
  grants: grants
    .nullish()
    .describe(
      'The functions of the host that a component may call: a mapping, or a complete list. By default a component file has `log`, `random` and `utc`, and a built-in component also `crypto`, and `listen` and `offer` on its Edges.',
    ),
  limits: z
    .strictObject({
      memory: size.optional().describe('The largest size of its memory: `64MiB` by default.'),
      component: size.optional().describe('The largest size of its file: `16MiB` by default.'),
    })
    .nullish()
    .describe('The limits of a component.'),
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
    include: z
      .union([z.string().min(1), z.array(z.string().min(1))])
      .nullish()
      .describe('Other configurations that are part of this one: paths relative to this file, or names.'),
    parameters: z
      .record(z.string().regex(PARAMETER_NAME), parameterSchema)
      .nullish()
      .describe(`Values that are given at the start: \`\${name}\` stands for them in other values.`),
  })
  .describe('A puzzle: pieces of the Funnel Tunnel, and the networks that join them.');

/** A configuration as an object: what the YAML file holds. */
export type ConfigurationObject = z.input<typeof configurationSchema>;
export type PieceEntry = z.output<typeof piece>;
export type GivenGrants = z.output<typeof grants>;
export type SettingValue = z.output<typeof settingValue>;

/**
 * The structure as a JSON Schema (2020-12), for editors.
 *
 * @param pieces the descriptions of pieces, by the names that configurations use: their settings and Edges
 * become part of the schema
 */
export function configurationJsonSchema(pieces: ReadonlyMap<string, Description> = new Map()): JsonSchema {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input' }) as JsonSchema;
  const properties = schema.properties as { pieces: { additionalProperties: JsonSchema } };
  if (pieces.size > 0) properties.pieces.additionalProperties.allOf = branchesOf(pieces);
  const definitions = Object.fromEntries([...pieces].map(([name, each]) => [name, pieceSchema(each)]));
  return {
    title: 'Funnel Tunnel configuration',
    ...schema,
    $defs: { secret: z.toJSONSchema(secret, { io: 'input' }), ...definitions },
  };
}

/** Bytes of a size that {@link SIZE_PATTERN} matches; -1 for one that a number cannot represent exactly. */
export function parseSize(size: number | string): number {
  if (typeof size === 'number') return size;
  const unit = /[KMG]iB$/.exec(size)?.[0];
  const bytes = Number.parseInt(size, 10) * (unit === undefined ? 1 : UNIT_BYTES[unit]!);
  return Number.isSafeInteger(bytes) ? bytes : -1;
}

const UNIT_BYTES: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
