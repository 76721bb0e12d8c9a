import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generate } from './generate.ts';

const root = new URL('../../', import.meta.url);

test('the committed files are generated from wit/; if not, run node tools/generate-abi.mjs', async () => {
  const files = await generate(readFileSync(new URL('wit/funnel.wit', root), 'utf8'));
  expect(files.size).toBe(4);
  for (const [path, text] of files) expect(readFileSync(new URL(path, root), 'utf8'), path).toBe(text);
});
