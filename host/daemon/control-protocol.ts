import { isAbsolute } from 'node:path';
import * as z from 'zod';

/*
 * The messages of a control socket in both directions, as each side checks them. A line is a JSON object:
 *
 *   → {"id": 1, "method": "apply", "params": {"file": "net.yaml", "directory": "/etc/funnel"}}
 *   ← {"id": 1, "result": {…}}
 *   ← {"id": 1, "error": {"code": "FT_CONFIG", "message": "…", "mistakes": […]}}
 *   ← {"id": 2, "event": {…}}     for each event, after request 2 was `events`
 */

/**
 * The version of this protocol. It changes where a client of an older version would misunderstand a reply. A
 * new method, a new parameter and a new key of a result are no such change.
 */
export const CONTROL_PROTOCOL = 1;

const id = z.union([z.string().max(64), z.int()]);

export const requestSchema = z.strictObject({
  id,
  method: z.string().max(64),
  protocol: z.int().optional(),
  params: z.unknown().optional(),
});

const path = z.string().min(1).max(4096);
const directory = path.refine((text) => isAbsolute(text), 'must be absolute');

/** A configuration: a file that the Funnel reads, relative to a directory, or the structure itself. */
const subject = {
  file: path.optional().describe('A name, or a path that the Funnel reads with its own rights.'),
  configuration: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('The same structure as JSON, in place of `file`.'),
  directory: directory.optional().describe('The base of relative paths; an absolute path.'),
  parameters: z
    .record(z.string().max(64), z.string().max(4096))
    .optional()
    .describe('The values of parameters.'),
};

function isOneSubject({
  file,
  configuration,
}: {
  file?: string | undefined;
  configuration?: unknown;
}): boolean {
  return (file === undefined) !== (configuration === undefined);
}

const ONE_SUBJECT = 'give either `file` or `configuration`';

/** The methods with their parameters. */
export const methodSchemas = {
  hello: z.strictObject({}).describe('Returns the version of the protocol.'),
  snapshot: z.strictObject({}).describe('Returns all current counters.'),
  graph: z
    .strictObject({})
    .describe('Returns the pieces with their Edges, and the networks with their members and stacks.'),
  events: z.strictObject({}).describe('Asks for each event from then on, with the `id` of this request.'),
  end: z.strictObject({}).describe('Returns at once; then the Funnel ends cleanly.'),
  check: z
    .strictObject(subject)
    .refine(isOneSubject, ONE_SUBJECT)
    .describe('Returns every mistake of a configuration, as far as nothing has to be opened for it.'),
  apply: z
    .strictObject({
      ...subject,
      dryRun: z.boolean().optional().describe('Only returns what would change.'),
      consent: z
        .boolean()
        .optional()
        .describe('Accepts that new versions of components want more than the running ones.'),
    })
    .refine(isOneSubject, ONE_SUBJECT)
    .describe('Changes the Funnel to a configuration while traffic flows: completely, or not at all.'),
};

export type Method = keyof typeof methodSchemas;
export type Parameters<M extends Method> = z.output<(typeof methodSchemas)[M]>;

const step = z.union([z.string(), z.number()]);
const mistake = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  path: z.array(step),
  file: z.string().optional(),
  line: z.number().optional(),
  column: z.number().optional(),
});

const error = z.object({
  code: z.string(),
  message: z.string(),
  mistakes: z.array(mistake).optional(),
  /** The configuration is good, but the system or a piece refused it. */
  isRefusal: z.boolean().optional(),
});

export const answerSchema = z.union([
  z.object({ id: id.nullable(), error }),
  z.object({ id, result: z.unknown() }),
  z.object({ id, event: z.looseObject({ kind: z.string() }) }),
]);

export type ControlFailure = z.output<typeof error>;

const names = z.array(z.string());
const difference = z.object({
  added: names,
  removed: names,
  replaced: names,
  kept: names,
  edges: z.array(
    z.object({
      piece: z.string(),
      edge: z.string(),
      network: z.string(),
      change: z.enum(['joins', 'leaves']),
    }),
  ),
});

const edge = z.object({
  name: z.string(),
  network: z.string(),
  framesIn: z.number(),
  bytesIn: z.number(),
  framesRefused: z.number(),
  framesOut: z.number(),
  bytesOut: z.number(),
});

const piece = z.object({
  name: z.string(),
  piece: z.string(),
  kind: z.enum(['component', 'native']),
  state: z.enum(['running', 'failed', 'removed']),
  fault: z.string().optional(),
  status: z
    .object({
      health: z.enum(['good', 'pending', 'impaired', 'failed']),
      summary: z.string(),
      facts: z.record(z.string(), z.string()),
    })
    .optional(),
  source: z.enum(['open', 'ended', 'failed']).optional(),
  edges: z.array(edge),
  reasons: z.array(
    z.object({
      name: z.string(),
      frames: z.number(),
      loss: z.boolean(),
      summary: z.string().optional(),
    }),
  ),
  faults: z.number(),
  restarts: z.number(),
  bypassed: z.number(),
  held: z.number(),
  waiting: z.number(),
});

const snapshot = z.object({
  uptimeMs: z.number(),
  pieces: z.array(piece),
  departed: z.array(piece).optional(),
  freeRows: z.number(),
  rows: z.number(),
});

const graph = z.object({
  configuration: z.string(),
  pieces: z.array(z.object({ name: z.string(), piece: z.string(), edges: z.record(z.string(), names) })),
  joints: z.array(
    z.object({
      network: z.string(),
      members: z.array(z.object({ piece: z.string(), edge: z.string() })),
      stacks: names,
    }),
  ),
});

/** The result of each method. */
export const resultSchemas = {
  hello: z.object({ protocol: z.int() }),
  snapshot: z.object({ configuration: z.string(), process: z.number(), snapshot }),
  graph,
  events: z.object({}),
  end: z.object({}),
  check: z.object({ mistakes: z.array(mistake) }),
  apply: difference,
};

export type Result<M extends Method> = z.output<(typeof resultSchemas)[M]>;
