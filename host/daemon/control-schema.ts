import * as z from 'zod';
import {
  answerSchema,
  CONTROL_PROTOCOL,
  type Method,
  methodSchemas,
  requestSchema,
  resultSchemas,
} from './control-protocol.ts';

/** The messages of the control protocol as JSON Schemas (2020-12). */
export interface ControlSchema {
  readonly $schema: string;
  readonly title: string;
  readonly protocol: number;
  /** Every request, apart from the parameters of its method. */
  readonly request: object;
  /** Every line that the server sends. */
  readonly reply: object;
  readonly methods: Readonly<Record<Method, { readonly params: object; readonly result: object }>>;
}

/** The schema of the control protocol, made from what both sides check. */
export function controlJsonSchema(): ControlSchema {
  const input = (schema: z.ZodType): object => bare(z.toJSONSchema(schema, { io: 'input' }));
  const methods = (Object.keys(methodSchemas) as Method[]).map((name) => [
    name,
    { params: input(methodSchemas[name]), result: input(resultSchemas[name]) },
  ]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Funnel Tunnel control protocol',
    protocol: CONTROL_PROTOCOL,
    request: input(requestSchema),
    reply: input(answerSchema),
    methods: Object.fromEntries(methods) as ControlSchema['methods'],
  };
}

/** The schema without the key that stands once, at the root. */
function bare({ $schema: _, ...schema }: object & { readonly $schema?: unknown }): object {
  return schema;
}
