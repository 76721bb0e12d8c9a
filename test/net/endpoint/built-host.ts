import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { projectRoot } from '../project-root.ts';

/**
 * The host as JavaScript in a folder, as it is now, with the addon where the host looks for it: for what has to run in
 * another network namespace, hence in another process.
 */
export function buildHost(folder: string): void {
  const addon = buildAddon();
  if (!addon.ok) throw new Error(`${addon.reason} ${addon.install}`);
  for (const part of ['host', 'abi/host']) {
    for (const path of readdirSync(join(projectRoot, part), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || /\.(test|d)\.ts$/.test(path)) continue;
      const to = join(folder, part, path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(to), { recursive: true });
      const source = readFileSync(join(projectRoot, part, path), 'utf8');
      writeFileSync(to, ts.transpileModule(source, { compilerOptions, fileName: path }).outputText);
    }
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  rmSync(join(folder, 'addon'), { force: true });
  symlinkSync(dirname(addon.path), join(folder, 'addon'));
}

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};
