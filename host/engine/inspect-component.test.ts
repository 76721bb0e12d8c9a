import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { inspectComponent } from './inspect-component.ts';
import { type LoadOptions, loadComponent } from './load-component.ts';
import { watPiece } from './testing/wat-piece.ts';
import { ComponentError } from './wasm/component-error.ts';

describe('inspecting a component', () => {
  it('reports the structure and demands of a file, and runs no code of it', async () => {
    const bytes = await watPiece({
      imports: ['log', 'listen', 'unlisten'],
      memory: '2 300',
      fields: '(table 7 9 funcref) (func $trap unreachable) (start $trap)',
      bodies: { describe: 'unreachable' },
    });
    const { structure, refusals, bytes: size } = await inspectComponent(bytes);
    expect(size).toBe(bytes.length);
    expect(structure).toMatchObject({
      wants: ['log', 'listen'],
      foreign: [],
      exports: ['arpa2:funnel/description@0.2.0', 'arpa2:funnel/control@0.2.0', 'arpa2:funnel/traffic@0.2.0'],
      memories: [{ minimum: 131_072, maximum: 300 * 65_536 }],
      starts: 1,
    });
    expect(structure!.functions).toContain('arpa2:funnel/host@0.2.0#unlisten');
    expect(structure!.tables).toContainEqual({ minimum: 7, maximum: 9 });
    expect(structure!.instances).toBe(structure!.modules.length);
    expect(refusals.map(({ code }) => code)).toEqual(['FT_COMPONENT_IMPORT']);
  });

  it('reports all reasons to refuse it at once', async () => {
    const bytes = await parse(`(component
      (import "wasi:cli/environment@0.2.3" (instance (export "get" (func))))
      (core module $big (memory 2000) (table 70000 funcref))
      (core instance (instantiate $big))
      (core module (memory i64 1)))`);
    const { refusals, structure } = await inspectComponent(bytes, { limits: { maxCoreModules: 2 } });
    expect(refusals.map(({ code }) => code)).toEqual([
      'FT_COMPONENT_IMPORT',
      'FT_COMPONENT_EXPORT',
      expect.stringMatching(/FT_COMPONENT_(INVALID|UNSUPPORTED)/),
    ]);
    expect(structure!.foreign).toEqual(['wasi:cli/environment@0.2.3']);
    const few = await inspectComponent(bytes, { limits: { maxCoreModules: 1 } });
    expect(few.refusals.map(({ code }) => code)).toEqual(['FT_COMPONENT_TOO_LARGE']);
  });

  it('shows no control characters of names in the file', async () => {
    const bytes = await parse('(component (import "a-b" (func $f)) (core func (canon lower (func $f))))');
    const at = Buffer.from(bytes).indexOf('a-b');
    bytes.set([0x1b, 0x5b, 0x41], at);
    const { structure } = await inspectComponent(bytes);
    expect(structure!.foreign).toEqual(['\\u{1b}[A']);
    expect(structure!.functions).toEqual(['#\\u{1b}[A']);
  });

  const folder = join(packageRoot(), 'dist', 'pieces');
  const built = readdirSync(folder)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => new Uint8Array(readFileSync(join(folder, name))));

  it('refuses exactly the files that loading refuses, for the same first reason', async () => {
    const small = built.reduce((a, b) => (a.length < b.length ? a : b));
    const pieces = [...built, await watPiece({ imports: ['log', 'offer'] }), await watPiece({ memory: '3' })];
    let admitted = 0;
    let refused = 0;
    const compare = async (bytes: Uint8Array, options: LoadOptions): Promise<void> => {
      const loading = await loadComponent(bytes, options).then(
        () => undefined,
        (error: unknown) => error,
      );
      const [first] = (await inspectComponent(bytes, options)).refusals;
      if (loading === undefined) admitted++;
      else refused++;
      if (!(loading instanceof ComponentError)) expect(loading).toBeUndefined();
      expect(first).toEqual(loading);
    };
    for (const bytes of pieces) {
      await compare(bytes, {});
      await compare(bytes, { limits: { maxMemoryBytes: 65_536 } });
      await compare(bytes, { limits: { maxTableEntries: 0, maxComponentBytes: bytes.length - 1 } });
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const changed = small.slice();
          for (const [at, byte] of changes) changed[at] = byte;
          await compare(changed, {});
        },
      ),
      { numRuns: 150 },
    );
    expect(admitted).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(10);
  });
});
