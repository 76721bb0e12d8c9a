import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { projectRoot } from '../project-root.ts';

/**
 * The folder with the endpoints as JavaScript, as they are now, and the addon where they look for it: for
 * what has to run in another network namespace, hence in another process. Made once for a test file, and gone
 * with it.
 */
export function builtHost(): string {
  built ??= build();
  return built;
}

let built: string | undefined;
let made: string | undefined;

afterAll(() => {
  if (made !== undefined) rmSync(made, { recursive: true, force: true });
});

function build(): string {
  const addon = buildAddon();
  if (!addon.ok) throw new Error(`${addon.reason} ${addon.install}`);
  const folder = join(projectRoot, 'build', `endpoints-${process.pid}`);
  made = folder;
  for (const part of ['host/stack', 'host/frame', 'host/piece', 'host/endpoint', 'abi/host']) {
    mkdirSync(join(folder, part), { recursive: true });
    for (const name of readdirSync(join(projectRoot, part), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || /\.(test|d)\.ts$/.test(name)) continue;
      mkdirSync(join(folder, part, dirname(name)), { recursive: true });
      const source = readFileSync(join(projectRoot, part, name), 'utf8');
      const { outputText } = ts.transpileModule(source, { compilerOptions, fileName: name });
      writeFileSync(join(folder, part, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(dirname(addon.path), join(folder, 'addon'));
  return folder;
}

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};
