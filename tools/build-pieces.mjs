// Builds every folder of pieces-as/ to dist/pieces/NAME.wasm, unless it is fresh: a stamp beside it holds the
// hash of all that went into it. Arguments: names of pieces; without any, all of them.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pieces = join(root, 'pieces-as');
const out = join(root, 'dist', 'pieces');

const names = process.argv.length > 2 ? process.argv.slice(2) : piecesIn(pieces);
const common = hashOf(
  ['abi/as', 'abi/build', 'abi/host/contract.ts', 'wit', 'package-lock.json'].map((path) => join(root, path)),
);
// The sources of all pieces, because one may share modules with another.
const sources = hashOf(piecesIn(pieces).map((name) => join(pieces, name, 'assembly')));
mkdirSync(out, { recursive: true });

let failures = 0;
let build;
for (const name of names) {
  const file = join(out, `${name}.wasm`);
  const stampFile = join(out, `${name}.stamp`);
  if (!existsSync(join(pieces, name, 'assembly', 'index.ts'))) {
    console.error(`pieces-as/${name}/assembly/index.ts is missing; a piece begins there`);
    failures++;
    continue;
  }
  const stamp = createHash('sha256').update(common).update(name).update(sources).digest('hex');
  if (existsSync(file) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) continue;
  const begin = performance.now();
  try {
    build ??= await loadBuild();
    const component = await build(join(pieces, name));
    writeFileSync(file, component);
    writeFileSync(stampFile, stamp);
    console.log(`${name}.wasm  ${component.length} bytes  ${Math.round(performance.now() - begin)} ms`);
  } catch (error) {
    if (error.code !== 'FT_PIECE_BUILD') throw error;
    console.error(error.message);
    failures++;
  }
}
process.exitCode = failures === 0 ? 0 : 1;

/** The compilers take a second to load, so only when there is something to build. */
async function loadBuild() {
  const { importTypeScript } = await import('./import-typescript.mjs');
  return (await importTypeScript('abi/build/build-piece.ts')).buildPiece;
}

function piecesIn(folder) {
  const isPiece = (entry) =>
    entry.isDirectory() && existsSync(join(folder, entry.name, 'assembly', 'index.ts'));
  return readdirSync(folder, { withFileTypes: true })
    .filter(isPiece)
    .map((entry) => entry.name);
}

function hashOf(paths) {
  const hash = createHash('sha256');
  const add = (path, isFolder) => {
    if (!isFolder) return hash.update(path.slice(root.length)).update(readFileSync(path));
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      add(join(path, entry.name), entry.isDirectory());
    }
  };
  for (const path of paths) add(path, !/\.[a-z]+$/.test(path));
  return hash.digest();
}
