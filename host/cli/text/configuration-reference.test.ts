import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkConfiguration } from '../../policy/check/check-configuration.ts';
import { configurationJsonSchema } from '../../policy/configuration/configuration-schema.ts';
import { packageRoot } from '../../policy/pieces/package-root.ts';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { EXAMPLES } from './configuration-examples.ts';
import { configurationReference } from './configuration-reference.ts';

const folder = mkdtempSync(join(tmpdir(), 'reference-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('docs/configuration.md is what the schema makes (funnel schema --reference, or vitest -u, writes it)', async () => {
  const schema = configurationJsonSchema(await new PieceRegistry().describedPieces());
  const document = join(packageRoot(), 'docs', 'configuration.md');
  await expect(configurationReference(schema)).toMatchFileSnapshot(document);
});

it.each(Object.keys(EXAMPLES))('the example "%s" has no mistake', async (name) => {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, EXAMPLES[name]!);
  expect((await checkConfiguration(file)).mistakes).toEqual([]);
});

it('describes every key of an entry, each setting of each piece, and each reason', async () => {
  const registry = new PieceRegistry();
  const pieces = await registry.describedPieces();
  expect([...pieces.keys()]).toEqual(registry.names());
  const text = configurationReference(configurationJsonSchema(pieces));
  for (const key of [
    'piece',
    'settings',
    'edges',
    'failure',
    'save',
    'grants',
    'limits',
    'copies',
    'memory',
    '{ env: … }',
  ])
    expect(text).toMatch(new RegExp(`(### |- )\`${key.replaceAll(/[{}]/g, '\\$&')}\``));
  for (const [name, { settings, reasons }] of pieces) {
    const section = text.split(`\n### ${name}\n`)[1]!.split('\n### ')[0]!;
    for (const each of [...settings, ...reasons]) expect(section).toContain(`- \`${each.name}\`: `);
  }
});
