import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../abi/build/package-root.ts';
import {
  body,
  coreModule,
  functions,
  NOTHING,
  name,
  section,
} from '../../../test/hostile/component-bytes.ts';

/** Returns how many functions V8 compiles while a module of three is compiled and none of them is called. */
function compiledBy(engine: 'v8' | 'eagerV8'): number {
  const [types, declared, code] = functions(
    [NOTHING],
    Array.from({ length: 3 }, () => [0, body([], [])]),
  );
  const module = coreModule(types, declared, section(7, [1, ...name('f'), 0, 0]), code);
  const file = join(packageRoot(), 'dist', 'host', 'engine', 'wasm', 'webassembly-engine.js');
  const script = `import { ${engine} } from ${JSON.stringify(file)};
    await ${engine}.compile(Uint8Array.from(${JSON.stringify([...module])}));`;
  const flags = ['--trace-wasm-compilation-times', '--input-type=module', '--eval', script];
  const output = execFileSync(process.execPath, flags, { encoding: 'utf8' });
  return output.match(/^Compiled function/gm)?.length ?? 0;
}

it('the eager engine compiles each function at once, while Node compiles it at its first call', () => {
  expect(compiledBy('eagerV8')).toBe(3);
  // If this changes, Node compiles eagerly by itself.
  expect(compiledBy('v8')).toBe(0);
});
