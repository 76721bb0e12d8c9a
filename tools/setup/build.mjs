import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { untilUnused } from './lock.mjs';
import { contentHash, filesUnder, Stamp } from './stamp.mjs';
import { runStep, SetupFailure, say } from './step.mjs';

/**
 * The state of the TypeScript compiler's last run (tsconfig.json). Without it, the compiler emits everything.
 */
export const BUILD_INFO = '.setup/typescript.tsbuildinfo';

/**
 * The builds in their order, each with its inputs and outputs. A build is left out when its stamp says that
 * it was made from the same content.
 */
const STEPS = [
  {
    name: 'tsc',
    title: 'compiling TypeScript (and checking its types)',
    inputs: ['host', 'abi', 'test', 'tsconfig.json', 'package-lock.json'],
    isInput: (file) => file.endsWith('.ts') || file.endsWith('.json'),
    outputs: ['dist/host', 'dist/abi', 'dist/test'],
    removeFirst: staleTypeScriptOutput,
    command: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  },
  {
    name: 'addon',
    title: 'compiling the addon for tun and UDP',
    inputs: ['host/endpoint', 'tools/build-addon.mjs'],
    isInput: (file) => /\.(c|h|mjs)$/.test(file),
    outputs: ['dist/addon'],
    // Without it the Funnel runs, and its endpoints for tun and UDP headers say what they lack.
    isOptional: true,
    command: ['tools/build-addon.mjs'],
  },
  {
    name: 'kernel',
    title: 'compiling the frame kernel',
    inputs: ['host/engine/kernel', 'abi/as/generated.ts', 'tools/build-kernel.mjs', 'package-lock.json'],
    isInput: () => true,
    outputs: ['dist/kernel'],
    command: ['tools/build-kernel.mjs'],
  },
  {
    name: 'pieces',
    title: 'compiling the pieces',
    inputs: ['pieces-as', 'abi', 'wit', 'tools/build-pieces.mjs', 'package-lock.json'],
    isInput: (file) => !file.endsWith('.test.ts') && !file.endsWith('.md'),
    outputs: ['dist/pieces'],
    command: ['tools/build-pieces.mjs'],
  },
];

/**
 * The files to remove before TypeScript compiles: the output of a source that is gone, which would live on in
 * `dist`. If some output is missing, all of it, together with the compiler's records: it writes only files
 * that it believes to be out of date.
 *
 * @param {string} root
 * @param {readonly string[]} made the files that the step made last
 */
export function staleTypeScriptOutput(root, made) {
  const isThere = (path) => existsSync(join(root, path));
  if (made.length === 0 || ![BUILD_INFO, ...made].every(isThere))
    return ['dist/host', 'dist/abi', 'dist/test', BUILD_INFO];
  const sourceOf = (path) => path.slice('dist/'.length).replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
  return made.filter((path) => !isThere(sourceOf(path)));
}

/** @param {string} root */
export async function buildAll(root) {
  for (const step of STEPS) await build(root, step);
}

async function build(root, step) {
  const stamp = new Stamp(join(root, '.setup', `stamp-${step.name}.json`), root);
  const files = step.inputs.flatMap((input) => filesUnder(join(root, input), step.isInput));
  // The addon is compiled for this Node; the others do not mind, and building them again costs little.
  const hash = contentHash(
    root,
    files,
    `${process.version} ${process.arch} ${JSON.stringify(step)} ${versionOf(root)}`,
  );
  if (stamp.holds(hash)) return;
  await untilUnused(root, step.outputs[0]);
  for (const path of step.removeFirst?.(root, stamp.made()) ?? [])
    rmSync(join(root, path), { recursive: true, force: true });
  try {
    await runStep({
      root,
      name: step.name,
      title: step.title,
      command: process.execPath,
      args: step.command,
    });
  } catch (error) {
    if (!step.isOptional || !(error instanceof SetupFailure)) throw error;
    say(`${error.message}; going on without\n${error.log}`);
    return;
  }
  stamp.put(
    hash,
    step.outputs.flatMap((output) => filesUnder(join(root, output))),
  );
}

function versionOf(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}
