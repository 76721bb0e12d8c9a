import { join } from 'node:path';
import { expect, it } from 'vitest';
import { methodSchemas } from '../../daemon/control-protocol.ts';
import { controlJsonSchema } from '../../daemon/control-schema.ts';
import { packageRoot } from '../../policy/pieces/package-root.ts';
import { controlReference } from './control-reference.ts';

it('docs/control.md is what the schema makes (vitest -u writes it)', async () => {
  const document = join(packageRoot(), 'docs', 'control.md');
  await expect(controlReference(controlJsonSchema())).toMatchFileSnapshot(document);
});

it('describes every method and every parameter', () => {
  const { methods } = controlJsonSchema();
  expect(Object.keys(methods)).toEqual(Object.keys(methodSchemas));
  const text = controlReference(controlJsonSchema());
  for (const [name, { params }] of Object.entries(methods)) {
    const section = text.split(`\n### \`${name}\`\n`)[1]!.split('\n### ')[0]!;
    const { description, properties = {} } = params as {
      description?: string;
      properties?: Record<string, { description?: string }>;
    };
    expect(section.replaceAll(/\s+/g, ' ')).toContain(description!);
    for (const [key, part] of Object.entries(properties)) {
      expect(section).toContain(`- \`${key}\` (`);
      expect(part.description, `${name}.${key}`).toBeDefined();
    }
  }
});
