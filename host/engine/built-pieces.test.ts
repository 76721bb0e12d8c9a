import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkComponent } from './component/component-linker.ts';
import { parseComponent } from './component/component-parser.ts';
import { loadComponent } from './load-component.ts';
import { rewrittenInstance } from './testing/rewritten-instance.ts';
import { readCoreModule } from './wasm/core-module.ts';
import { rewriteModule } from './wasm/module-rewriter.ts';
import { v8 } from './wasm/webassembly-engine.ts';

const folder = new URL('../../dist/pieces/', import.meta.url);
const pieces = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.wasm')) : [];

describe.skipIf(pieces.length === 0)(
  'the built pieces (skipped where dist/pieces is empty: `npm run build` fills it)',
  () => {
    for (const file of pieces) {
      it(`${file} is admitted and describes itself`, async () => {
        const bytes = readFileSync(new URL(file, folder));
        const loaded = await loadComponent(bytes, {
          grants: new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']),
        });
        const description = loaded.describe([]);
        expect(description).toHaveProperty('name');
      });

      it(`${file} behaves the same with and without metering`, async () => {
        const bytes = readFileSync(new URL(file, folder));
        const { start, end } = linkComponent(parseComponent(bytes)).modules[0]!;
        const core = bytes.slice(start, end);
        let calls = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(fc.nat(0xffff), { minLength: 10, maxLength: 40 }), async (noise) => {
            const plain = trace(core, noise, false);
            const metered = trace(core, noise, true);
            // The comparison ends when noise asks for more memory than a metered piece may have.
            const length = plain.indexOf(TOO_MUCH);
            const compared = length < 0 ? plain.length : length;
            expect(metered.slice(0, compared)).toEqual(plain.slice(0, compared));
            calls += compared;
          }),
          { numRuns: 4 },
        );
        expect(calls).toBeGreaterThan(20);
      });
    }
  },
);

/**
 * Calls each exported function of a core module with numbers from `noise`, in rooms that its realloc
 * returned. Returns how each call ended, its calls of the host, and the final state of its memory.
 */
function trace(core: Uint8Array, noise: readonly number[], isMetered: boolean): unknown[] {
  const calls: unknown[] = [];
  const module = readCoreModule(core);
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name, signature } of module.imports) {
    imports[from] ??= {};
    imports[from][name] = (...values: unknown[]) => {
      calls.push([name, ...values]);
      return signature?.endsWith('i64') ? 0x0123_4567_89ab_cdefn : 1;
    };
  }
  let exports: Record<string, WebAssembly.ExportValue>;
  if (isMetered) {
    const { bytes } = rewriteModule(module, { maxMemoryPages: MOST_PAGES, maxTableEntries: 65_536 });
    const fuel = v8.fuelCounter();
    fuel.refuel(0x7fff_ffff);
    exports = rewrittenInstance(module, bytes, fuel, imports);
  } else exports = new WebAssembly.Instance(new WebAssembly.Module(core), imports).exports;
  const functions = Object.entries(exports).filter(
    (entry): entry is [string, Call] => typeof entry[1] === 'function',
  );
  const realloc = functions.find(([name]) => /realloc/.test(name))?.[1];
  const memory = Object.values(exports).find((each) => each instanceof WebAssembly.Memory);
  const emptyRoom = (): number => {
    const room = Number(realloc?.(0, 0, 8, 512));
    // Old contents may look like the lengths of texts.
    if (memory !== undefined) new Uint8Array(memory.buffer, room, 512).fill(0);
    return room;
  };
  let at = 0;
  const next = (): number => noise[at++ % noise.length]!;
  for (const [name, call] of functions) {
    const parameters = typesOf(core, name);
    let wasAddress = false;
    try {
      const values = parameters.map((type, i) => {
        if (type === 'i64') return BigInt(next());
        if (type === 'f64') return next();
        // A length follows each address. An address in its place would ask for a gigabyte.
        wasAddress = !wasAddress && parameters[i + 1] === 'i32' && next() % 2 === 0;
        return wasAddress ? emptyRoom() : next() % 8;
      });
      calls.push([name, call(...values)]);
    } catch (error) {
      calls.push([name, error instanceof Error ? error.message : 'an exception']);
    }
    if (memory === undefined) continue;
    if (memory.buffer.byteLength > MOST_PAGES * 65_536) {
      calls[calls.length - 1] = TOO_MUCH;
      return calls;
    }
  }
  if (memory !== undefined) calls.push(hash(new Uint32Array(memory.buffer)));
  return calls;
}

const MOST_PAGES = 1024;
const TOO_MUCH = 'more memory than a metered piece may have';

type Call = (...values: (number | bigint)[]) => unknown;

function typesOf(core: Uint8Array, name: string): string[] {
  const module = readCoreModule(core);
  const signature = module.types[module.functionTypes[module.exports.get(name)!.index]!]!.signature;
  const parameters = signature.slice(0, signature.indexOf('->')).trim();
  return parameters === '' ? [] : parameters.split(' ');
}

function hash(words: Uint32Array): number {
  let value = 0;
  for (const word of words) value = (Math.imul(value, 31) + word) | 0;
  return value;
}
