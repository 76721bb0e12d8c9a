// Compiles the frame kernel (host/engine/kernel/assembly) to dist/kernel/frame-kernel.wasm.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist', 'kernel', 'frame-kernel.wasm');

let kernel;
let diagnostics = '';
const { error } = await asc.main(
  [
    'host/engine/kernel/assembly/index.ts',
    ...['--outFile', 'frame-kernel.wasm', '--baseDir', root],
    ...['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory', '--enable', 'simd'],
    // It allocates nothing and cannot fail: there is nothing that would be called.
    ...['--use', 'abort='],
  ],
  {
    stdout: { write: () => {} },
    stderr: {
      write(text) {
        diagnostics += text;
      },
    },
    writeFile(name, contents) {
      if (name === 'frame-kernel.wasm') kernel = contents;
    },
  },
);
if (error !== null || kernel === undefined) {
  console.error(diagnostics || String(error));
  process.exit(1);
}
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, kernel);
console.log(`frame-kernel.wasm  ${kernel.length} bytes`);
