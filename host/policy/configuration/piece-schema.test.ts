import { expect, it } from 'vitest';
import { PieceRegistry } from '../pieces/piece-registry.ts';
import { configurationJsonSchema } from './configuration-schema.ts';

const registry = new PieceRegistry();

it('has the settings, Edges and reasons of each piece, where an entry names the piece', async () => {
  const pieces = await registry.describedPieces();
  const schema = configurationJsonSchema(pieces) as never as {
    properties: { pieces: { additionalProperties: { allOf: { then: { $ref: string } }[] } } };
    $defs: Record<string, Record<string, never>>;
  };
  const branches = schema.properties.pieces.additionalProperties.allOf;
  expect(branches.map(({ then }) => then.$ref)).toEqual(registry.names().map((name) => `#/$defs/${name}`));
  expect(schema.$defs.udp).toMatchObject({
    description: expect.stringContaining('UDP sockets'),
    properties: {
      settings: {
        properties: {
          port: { anyOf: [{ type: 'number', minimum: 0, maximum: 65_535 }, { type: 'array' }] },
          'to-loopback': { type: 'boolean', default: false },
        },
        additionalProperties: false,
      },
      edges: { propertyNames: { enum: ['udp'] } },
    },
    'x-reasons': { 'not-granted': expect.stringMatching(/\.$/) },
  });
  expect(schema.$defs['6bed4']).toMatchObject({
    required: ['settings'],
    properties: { settings: { required: ['router'] } },
  });
  // It is JSON: nothing in it is lost on the way to an editor.
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});
