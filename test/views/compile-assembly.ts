import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** The exports of an AssemblyScript module of a test: functions on numbers, and its memory. */
export type Assembly = Record<string, (...args: (number | bigint)[]) => number | bigint> & {
  readonly memory: WebAssembly.Memory;
};

/** Compiles the AssemblyScript file at `url` as pieces are compiled, and instantiates it. */
export async function compileAssembly(
  url: URL,
  imports: WebAssembly.Imports = {},
): Promise<{ exports: Assembly; bytes: Uint8Array }> {
  const path = fileURLToPath(url);
  const output = `${basename(path)}.wasm`;
  let module: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [path, '--runtime', 'stub', '-O3', '--noAssert', '--use', 'abort=', '--outFile', output],
    {
      readFile: (name, baseDir) => {
        const inSdk = /funnel-tunnel\/as\/(.*\.ts)$/.exec(name);
        return read(inSdk === null ? resolve(baseDir, name) : `${sdk}${inSdk[1]}`);
      },
      writeFile: (name, contents) => {
        if (name === output) module = contents as Uint8Array;
      },
    },
  );
  if (error || !module) throw new Error(`${path} does not compile: ${stderr.toString()}`, { cause: error });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), imports);
  const exports = instance.exports as unknown as Assembly;
  return { exports, bytes: new Uint8Array(exports.memory.buffer) };
}

const sdk = fileURLToPath(new URL('../../abi/as/', import.meta.url));

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The compiler asks for every place where a module could be.
    return null;
  }
}
