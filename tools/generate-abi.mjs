// Writes what is generated from wit/funnel.wit: the contract for the host, for AssemblyScript and for C.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { importTypeScript } from './import-typescript.mjs';

const root = new URL('..', import.meta.url);
const { generate } = await importTypeScript('abi/generate/generate.ts');
for (const [path, text] of await generate(readFileSync(new URL('wit/funnel.wit', root), 'utf8'))) {
  const file = fileURLToPath(new URL(path, root));
  writeFileSync(file, text);
  console.log(path);
}
