// Imports a TypeScript module of this project in a script that runs before anything is built.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Transpiles the module at `path` (from the project's root) and what it imports relatively, and imports it.
 */
export async function importTypeScript(path) {
  const files = new Map();
  collect(resolve(root, path), files);
  const hash = createHash('sha256');
  for (const [file, text] of files) hash.update(file).update(text);
  // In the project, so that packages resolve; named by content, so that an existing folder is right.
  const folder = join(root, 'build', 'scripts', hash.digest('hex').slice(0, 16));
  for (const [file, text] of files) {
    const to = join(folder, relative(root, file)).replace(/\.ts$/, '.js');
    if (existsSync(to)) continue;
    mkdirSync(dirname(to), { recursive: true });
    const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: file });
    writeFileSync(
      to,
      outputText.replaceAll(/^((?:import|export)[^'"]*from ['"]\.[^'"]*)\.ts(?=['"])/gm, '$1.js'),
    );
  }
  return import(pathToFileURL(join(folder, path.replace(/\.ts$/, '.js'))));
}

const compilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
};

function collect(file, files) {
  if (files.has(file)) return;
  const text = readFileSync(file, 'utf8');
  files.set(file, text);
  for (const [, from] of text.matchAll(/^(?:import|export)(?! type)[^'"]*from '(\.[^']*\.ts)'/gm))
    collect(resolve(dirname(file), from), files);
}
