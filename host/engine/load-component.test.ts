import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Grant } from './component/grants.ts';
import { type LoadOptions, loadComponent } from './load-component.ts';
import { QuietHost } from './testing/quiet-host.ts';
import { watPiece } from './testing/wat-piece.ts';
import { ComponentError, type ComponentErrorCode } from './wasm/component-error.ts';

const ALL: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);

/** Returns the error that refuses the bytes. */
async function refusal(bytes: Uint8Array, options?: LoadOptions): Promise<ComponentError> {
  try {
    await loadComponent(bytes, options);
  } catch (error) {
    if (error instanceof ComponentError) return error;
    throw error;
  }
  throw new Error('not refused');
}

async function expectRefusal(
  bytes: Uint8Array,
  code: ComponentErrorCode,
  message: RegExp,
  options?: LoadOptions,
) {
  const error = await refusal(bytes, options);
  expect(error.message).toMatch(message);
  expect(error.code).toBe(code);
}

function expectComponentError(error: unknown): void {
  expect(error).toBeInstanceOf(ComponentError);
}

/** A component from text; it is not validated. */
function component(text: string): Promise<Uint8Array> {
  return parse(`(component ${text})`);
}

let valid: Uint8Array;
let withImports: Uint8Array;
beforeAll(async () => {
  valid = await watPiece({});
  withImports = await watPiece({ imports: ['log', 'listen', 'unlisten'] });
});

describe('loading a component', () => {
  it('takes a piece without imports and one with shims', async () => {
    const plain = await loadComponent(valid);
    expect(plain.imports).toEqual([]);
    expect(plain.size).toBe(valid.length);
    expect(plain.describe([['a', 'b']])).toMatchObject({ name: '', edges: [] });
    const shimmed = await loadComponent(withImports, { grants: ALL });
    expect(shimmed.imports).toEqual(
      expect.arrayContaining([
        'arpa2:funnel/host@0.2.0#log',
        'arpa2:funnel/host@0.2.0#listen',
        'arpa2:funnel/host@0.2.0#unlisten',
      ]),
    );
    expect(shimmed.instantiate(new QuietHost()).start(0, [], [])).toEqual([]);
  });

  it('takes another 0.2.x, and refuses another minor version by name', async () => {
    const other = Buffer.from(
      Buffer.from(withImports).toString('latin1').replaceAll('@0.2.0', '@0.2.7'),
      'latin1',
    );
    const loaded = await loadComponent(other, { grants: ALL });
    expect(loaded.imports).toContain('arpa2:funnel/host@0.2.7#log');
    const wrong = Buffer.from(Buffer.from(valid).toString('latin1').replaceAll('@0.2.0', '@0.1.0'), 'latin1');
    await expectRefusal(
      wrong,
      'FT_COMPONENT_EXPORT',
      /built for version 0\.1\.0 .* runs pieces of version 0\.2; build/,
    );
  });

  it('makes instances that share nothing', async () => {
    const loaded = await loadComponent(
      await watPiece({
        fields: '(global $n (mut i32) (i32.const 0))',
        bodies: {
          ready: '(global.set $n (i32.const 1))',
          listening: '(i32.store8 (i32.const 2048) (global.get $n)) (i32.const 2048)',
        },
      }),
    );
    const one = loaded.instantiate(new QuietHost());
    const two = loaded.instantiate(new QuietHost());
    one.ready(0, true);
    expect(one.listening(0, 'ip', true)).toBeDefined();
    expect(two.listening(0, 'ip', true)).toBeUndefined();
  });
});

describe('a file that is not a component', () => {
  it('is refused with the kind of file that it is', async () => {
    await expectRefusal(new Uint8Array(), 'FT_COMPONENT_INVALID', /empty/);
    await expectRefusal(
      new TextEncoder().encode('#!/bin/sh'),
      'FT_COMPONENT_INVALID',
      /not WebAssembly: byte 0/,
    );
    await expectRefusal(new TextEncoder().encode('(component)'), 'FT_COMPONENT_INVALID', /text/);
    await expectRefusal(await parse('(module)'), 'FT_COMPONENT_INVALID', /core WebAssembly module.*jco new/);
    await expectRefusal(
      new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0c, 0, 1, 0]),
      'FT_COMPONENT_UNSUPPORTED',
      /version 12/,
    );
  });

  it('is refused if it exports nothing of the contract, or something else under its name', async () => {
    await expectRefusal(
      await component(''),
      'FT_COMPONENT_EXPORT',
      /not a Puzzle Piece.*traffic@0\.2\.0#process/,
    );
    await expectRefusal(
      withJoinAsSave(valid),
      'FT_COMPONENT_EXPORT',
      /control@0\.2\.0#save.*core function is i32 i32 i32 i32 i32 i32 i32 ->, and should be f64 -> i32/,
    );
  });

  it('is refused if a core module is not valid, with the byte', async () => {
    const piece = valid.slice();
    const body = Buffer.from(piece).indexOf(Buffer.from([0x41, 0x80, 0x08, 0x0b]));
    piece[body] = 0xff;
    const error = await refusal(piece);
    expect(error.code).toBe('FT_COMPONENT_INVALID');
    expect(error.message).toMatch(/invalid opcode 0xff/i);
    expect(error.offset).toBe(body);
  });

  it('is refused if it is truncated at any place', async () => {
    for (let length = 0; length < withImports.length; length++) {
      const cut = withImports.slice(0, length);
      // A file that is cut at the start of a custom section may still be whole.
      if (length > 8 && withImports[length] === 0)
        await loadComponent(cut, { grants: ALL }).catch(expectComponentError);
      else expectComponentError(await refusal(cut, { grants: ALL }));
    }
  });

  it('with changed bytes never leads to another error, even when it runs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(withImports.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const changed = withImports.slice();
          for (const [at, value] of changes) changed[at] = value;
          try {
            const loaded = await loadComponent(changed, { grants: ALL });
            loaded.describe([['a', 'b']]);
            loaded.instantiate(new QuietHost()).start(0, [['a', 'b']], [1]);
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^FT_(COMPONENT|FAULT)_/);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is refused if its instantiation would never end', async () => {
    const layers = Array.from(
      { length: 40 },
      (_, i) =>
        `(component $c${i + 1} (alias outer 1 $c${i} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))`,
    );
    await expectRefusal(
      await component(`(component $c0) ${layers.join(' ')} (instance (instantiate $c40))`),
      'FT_COMPONENT_TOO_LARGE',
      /steps/,
    );
    const chain = Array.from(
      { length: 100 },
      (_, i) => `(component $c${i + 1} (alias outer 1 $c${i} (component $c)) (instance (instantiate $c)))`,
    );
    await expectRefusal(
      await component(`(component $c0 (core module)) ${chain.join(' ')} (instance (instantiate $c100))`),
      'FT_COMPONENT_TOO_LARGE',
      /deep/,
    );
    const nested = `${'(component '.repeat(30)}${')'.repeat(30)}`;
    await expectRefusal(await component(nested), 'FT_COMPONENT_TOO_LARGE', /nested/);
    const instances = '(core instance (instantiate $m))'.repeat(100);
    await expectRefusal(
      await component(`(core module $m) ${instances}`),
      'FT_COMPONENT_TOO_LARGE',
      /core instances/,
    );
    await expectRefusal(
      await component('(core module)'.repeat(20)),
      'FT_COMPONENT_TOO_LARGE',
      /20 core modules/,
    );
  });

  it('is refused for features that this host does not run', async () => {
    const cases: [string, RegExp][] = [
      ['(type $t (resource (rep i32))) (core func (canon resource.drop $t))', /resource/],
      [
        '(core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i "f"))) (core func (canon lower (func $f)))',
        /into another/,
      ],
      [
        '(core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func $f async (canon lift (core func $i "f") async))',
        /asynchronous/,
      ],
    ];
    for (const [text, message] of cases)
      await expectRefusal(await component(text), 'FT_COMPONENT_UNSUPPORTED', message);
  });

  it('is refused if it refers to a missing item', async () => {
    const module = '(core module $m (import "a" "f" (func)) (func (export "f")))';
    for (const text of [
      `${module} (core instance (instantiate $m))`,
      `${module} (core instance $a) (core instance (instantiate $m (with "a" (instance $a))))`,
      '(alias outer 0 3 (core module))',
      '(instance (export "x" (func 5)))',
      '(core instance (instantiate 3))',
    ]) {
      const bytes = await component(text);
      const error = await refusal(bytes);
      expect(['FT_COMPONENT_INVALID', 'FT_COMPONENT_EXPORT']).toContain(error.code);
    }
  });
});

describe('limits and grants', () => {
  it('refuse a file that is too large before reading it', async () => {
    await expectRefusal(new Uint8Array(100), 'FT_COMPONENT_TOO_LARGE', /100 bytes.*limit is 99/, {
      limits: { maxComponentBytes: 99 },
    });
  });

  it('name everything that was not granted', async () => {
    await expectRefusal(
      withImports,
      'FT_COMPONENT_IMPORT',
      /not granted "listen"; give it `grants: { listen: \[EDGE, …\] }`/,
    );
    await expectRefusal(withImports, 'FT_COMPONENT_IMPORT', /"log"/, { grants: new Set(['listen']) });
    expect((await refusal(withImports, { grants: new Set() })).message).toMatch(
      /"log".*"listen"|"listen".*"log"/,
    );
  });

  it('refuse WASI, and functions that do not exist', async () => {
    await expectRefusal(
      await component('(import "wasi:cli/environment@0.2.3" (instance (export "get" (func))))'),
      'FT_COMPONENT_IMPORT',
      /wasi:cli\/environment@0\.2\.3.*WASI/,
    );
    await expectRefusal(
      await component(
        '(import "arpa2:funnel/host@0.2.9" (instance $h (export "fly" (func)))) (core func (canon lower (func $h "fly")))',
      ),
      'FT_COMPONENT_IMPORT',
      /host@0\.2\.9#fly.*newer host/,
    );
    await expectRefusal(await component('(import "f" (func))'), 'FT_COMPONENT_IMPORT', /"f"/);
  });

  it('permit interfaces of types', async () => {
    await expectRefusal(
      await component('(import "arpa2:funnel/types@0.2.0" (instance (export "t" (type (sub resource)))))'),
      'FT_COMPONENT_EXPORT',
      /not a Puzzle Piece/,
    );
    // Like every piece, it imports its types and frames.
    await loadComponent(valid, { grants: new Set() });
  });

  it('count the tables of all instances together', async () => {
    // Found by hand: 64 instances of a module with 16 full tables took two gigabytes and twenty seconds.
    const tables = '(table 60000 funcref)'.repeat(2);
    await expectRefusal(
      await watPiece({ fields: tables }),
      'FT_COMPONENT_MEMORY',
      /tables start with 120000 entries together/,
    );
    const growing = await loadComponent(
      await watPiece({
        fields: '(table $t 10 funcref) (table $u 10 funcref)',
        bodies: {
          ready:
            '(if (i32.eq (table.grow $t (ref.null func) (i32.const 40)) (i32.const -1)) (then unreachable)) (if (i32.ne (table.grow $u (ref.null func) (i32.const 41)) (i32.const -1)) (then unreachable))',
        },
      }),
      { limits: { maxTableEntries: 100 } },
    );
    growing.instantiate(new QuietHost()).ready(0, true);
  });

  it('cap the memory to the page', async () => {
    const loaded = await loadComponent(valid, { limits: { maxMemoryBytes: 65_536 } });
    expect(loaded.instantiate(new QuietHost()).memory.buffer.byteLength).toBe(65_536);
    expect((await refusal(valid, { limits: { maxMemoryBytes: 65_535 } })).code).toBe('FT_COMPONENT_MEMORY');
  });
});

/** The component, in which the alias that `save` is lifted from names the core function of `join`. */
function withJoinAsSave(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const save = 'cm32p2|arpa2:funnel/control@0.2|save';
  const named = `${String.fromCharCode(save.length)}${save}`;
  const afterModule = text.indexOf(named) + named.length;
  const rest = text.slice(afterModule).replaceAll(named, named.replace('save', 'join'));
  return Buffer.from(text.slice(0, afterModule) + rest, 'latin1');
}
