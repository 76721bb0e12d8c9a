import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXPORTS } from '../host/contract.ts';
import { makeComponent } from './make-component.ts';
import { packageRoot } from './package-root.ts';
import { renameExports } from './rename-exports.ts';

/**
 * Builds a piece in AssemblyScript: `folder` holds `assembly/index.ts`, which exports `create(): Piece`.
 *
 * @returns the component.
 * @throws BuildError with the messages of the compiler, when the source has mistakes.
 */
export async function buildPiece(folder: string): Promise<Uint8Array> {
  return makeComponent(renameExports(await compile(folder), contractName));
}

/** The source of a piece has mistakes; the message is the compiler's, with file, line and column. */
export class BuildError extends Error {
  readonly code = 'FT_PIECE_BUILD';

  constructor(folder: string, diagnostics: string) {
    super(`${folder} does not compile:\n${diagnostics.trim()}`);
    this.name = 'BuildError';
  }
}

/** A name in the root of the piece's folder, for the compiler only; no file is written there. */
const ENTRY = 'funnel-tunnel-entry.ts';
const ENTRY_SOURCE = `import { create } from './assembly/index';
import { install } from 'funnel-tunnel/as/runtime';
install(create());
export * from 'funnel-tunnel/as/generated-exports';
`;

async function compile(folder: string): Promise<Uint8Array> {
  // Only a build needs the compiler, which takes a while to load.
  const { default: asc } = await import('assemblyscript/asc');
  const sdk = join(packageRoot(), 'abi', 'as');
  let output: Uint8Array | undefined;
  let diagnostics = '';
  const { error } = await asc.main([ENTRY, '--outFile', 'piece.wasm', '--baseDir', folder, ...OPTIONS], {
    stdout: { write: () => {} },
    stderr: {
      write(text) {
        diagnostics += text;
      },
    },
    readFile(name, baseDir) {
      if (name === ENTRY) return ENTRY_SOURCE;
      const inSdk = /funnel-tunnel\/as(?:\/(.*))?\.ts$/.exec(name);
      if (inSdk === null) return read(resolve(baseDir, name));
      // `as/index.ts` instead of `as.ts`, so that the compiler finds what it imports beside it.
      return inSdk[1] === undefined ? null : read(join(sdk, `${inSdk[1]}.ts`));
    },
    writeFile(name, contents) {
      if (name === 'piece.wasm' && typeof contents !== 'string') output = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || output === undefined) throw new BuildError(folder, diagnostics || String(error));
  return output;
}

const OPTIONS = [
  '-O3',
  '--noAssert',
  // Allocates and never frees: a piece allocates only while starting, so there is nothing to collect.
  '--runtime',
  'stub',
  // A trap replaces the import, which no host of the contract has.
  '--use',
  'abort=',
];

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The compiler tries every place where a module could be.
    return null;
  }
}

/**
 * `export_describe` becomes `arpa2:funnel/description@0.2.0#describe`, and `post_describe` its post-return.
 */
function contractName(name: string): string | undefined {
  if (name === 'memory' || name === 'cabi_realloc') return name;
  const [, kind, key] = /^(export|post)_(\w+)$/.exec(name) ?? [];
  const func = Object.entries(EXPORTS).find(([k]) => k === key)?.[1];
  if (func === undefined) return undefined;
  return `${kind === 'post' ? 'cabi_post_' : ''}${func.interface}#${func.name}`;
}
