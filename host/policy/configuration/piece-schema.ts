import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';

/** A part of a JSON Schema. */
export type JsonSchema = { [key: string]: unknown };

/**
 * The settings and the Edges of one piece as a JSON Schema, so that editors complete and check them. The
 * annotation `x-reasons` has the sentence of each reason for which frames end in the piece.
 */
export function pieceSchema(description: Description): JsonSchema {
  const { settings, edges, reasons, summary, version } = description;
  const required = settings.filter((setting) => setting.required).map(({ name }) => name);
  return {
    title: `${description.name} ${version}`,
    description: summary,
    ...(required.length === 0 ? {} : { required: ['settings'] }),
    properties: {
      settings: {
        type: required.length === 0 ? ['object', 'null'] : 'object',
        properties: Object.fromEntries(settings.map((setting) => [setting.name, settingSchema(setting)])),
        ...(required.length === 0 ? {} : { required }),
        additionalProperties: false,
      },
      edges: {
        properties: Object.fromEntries(
          edges.map(({ name, shapes }) => [name, { description: stacksOf(shapes) }]),
        ),
        propertyNames: { enum: edges.map(({ name }) => name) },
      },
    },
    'x-reasons': Object.fromEntries(reasons.map((reason) => [reason.name, reason.summary])),
  };
}

/** A branch for each piece: where an entry names it, its settings and Edges are those of the piece. */
export function branchesOf(pieces: ReadonlyMap<string, Description>): JsonSchema[] {
  return [...pieces.keys()].map((name) => ({
    if: { properties: { piece: { const: name } }, required: ['piece'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { $ref: `#/$defs/${name}` },
  }));
}

function stacksOf(shapes: Description['edges'][number]['shapes']): string {
  return [...new Set(shapes.map(({ stack, direction }) => `${stack} ${direction}`))].join(', ');
}

function settingSchema(setting: Setting): JsonSchema {
  const value = valueSchema(setting);
  const annotations = {
    description: setting.summary,
    ...(setting.default === undefined ? {} : { default: defaultOf(setting, setting.default) }),
  };
  if (!setting.repeated) return { ...annotations, ...value };
  return { ...annotations, anyOf: [value, { type: 'array', items: value, minItems: 1 }] };
}

function defaultOf({ kind }: Setting, text: string): string | number | boolean {
  if (kind === 'number') return Number(text);
  return kind === 'boolean' ? text === 'true' : text;
}

function valueSchema({ kind, least, most }: Setting): JsonSchema {
  switch (kind) {
    case 'number':
      return {
        type: 'number',
        ...(least === -Infinity ? {} : { minimum: least }),
        ...(most === Infinity ? {} : { maximum: most }),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'secret':
      return { anyOf: [{ type: ['string', 'number', 'boolean'] }, { $ref: '#/$defs/secret' }] };
    default:
      // A text that looks like a number or a boolean needs no quotes in a configuration.
      return { type: ['string', 'number', 'boolean'] };
  }
}
