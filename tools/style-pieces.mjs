#!/usr/bin/env node
/**
 * Holds all AssemblyScript of the project to the style of its TypeScript, with Biome.
 *
 *   node tools/style-pieces.mjs [--write]
 *
 * Biome cannot parse AssemblyScript's decorators in front of functions and constants (`@inline function`). So
 * it checks a copy in which each of them is a comment, and `--write` writes the copy back with its
 * decorators.
 *
 * Rules that are wrong for AssemblyScript are off: `==` compares numbers and calls operators there, a number
 * may have 64 bits, an import of a type is an import, and a class of static members is how state without
 * allocation is written. An editor's TypeScript knows less than the compiler, and needs "ts-ignore" in
 * places. Methods that authors override leave their parameters unused. Files that `generate-abi.mjs` writes
 * are left out.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Checks all files, or formats them.
 *
 * @param {{ write?: boolean, folders?: readonly string[] }} [options] folders from the project's root
 * @returns {string} what Biome found; empty when all is well
 */
export function stylePieces({ write = false, folders = FOLDERS } = {}) {
  const copy = mkdtempSync(join(tmpdir(), 'style-'));
  try {
    const files = folders.flatMap((folder) => sourcesOf(folder));
    for (const file of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), hideDecorators(readFileSync(join(ROOT, file), 'utf8')));
    }
    const base = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'));
    const { formatter, javascript, linter } = base;
    const rules = {
      ...linter.rules,
      style: { ...linter.rules.style, useImportType: 'off', useTemplate: 'off' },
      complexity: { noStaticOnlyClass: 'off' },
      correctness: {
        noPrecisionLoss: 'off',
        noUnusedFunctionParameters: 'off',
        noUnusedPrivateClassMembers: 'off',
        noVoidTypeReturn: 'off',
      },
      suspicious: {
        ...linter.rules.suspicious,
        noDoubleEquals: 'off',
        noConstEnum: 'off',
        noGlobalIsNan: 'off',
        noTsIgnore: 'off',
        noAssignInExpressions: 'off',
      },
    };
    writeFileSync(
      join(copy, 'biome.json'),
      JSON.stringify({
        root: true,
        files: { includes: ['**/*.ts'] },
        formatter,
        javascript,
        linter: { ...linter, rules },
      }),
    );
    const run = spawnSync(
      process.execPath,
      [
        BIOME,
        'check',
        '--error-on-warnings',
        '--max-diagnostics=none',
        ...(write ? ['--write'] : []),
        ...folders,
      ],
      { cwd: copy, encoding: 'utf8' },
    );
    if (write)
      for (const file of files)
        writeFileSync(join(ROOT, file), showDecorators(readFileSync(join(copy, file), 'utf8')));
    return run.status === 0 ? '' : showDecorators(`${run.stdout}${run.stderr}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const BIOME = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const FOLDERS = ['abi/as', 'pieces-as', ...assemblyBelow('host'), ...assemblyBelow('test')];

/** The folders named `assembly` below a folder, which hold AssemblyScript. @param {string} folder */
function assemblyBelow(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) === 'assembly')
    .map((name) => join(folder, name));
}

/** @param {string} folder */
function sourcesOf(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/^generated[\w-]*\.ts$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}

/** @param {string} text */
function hideDecorators(text) {
  return text.replaceAll(/^@(\w+(?:\([^)\n]*\))?)/gm, '/*@@$1*/');
}

/** @param {string} text */
function showDecorators(text) {
  return text.replaceAll(/\/\*@@(\w+(?:\([^)\n]*\))?)\*\//g, '@$1');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const found = stylePieces({ write: process.argv.includes('--write') });
  if (found !== '') console.error(found);
  process.exitCode = found === '' ? 0 : 1;
}
