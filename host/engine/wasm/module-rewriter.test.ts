import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrittenInstance } from '../testing/rewritten-instance.ts';
import { ComponentError } from './component-error.ts';
import { readCoreModule } from './core-module.ts';
import { type ModuleCaps, rewriteModule } from './module-rewriter.ts';
import { v8 } from './webassembly-engine.ts';

const CAPS: ModuleCaps = { maxMemoryPages: 16, maxTableEntries: 1000 };
const FULL = 0x7fff_ffff;

interface Rewritten {
  readonly exports: Record<string, WebAssembly.ExportValue>;
  readonly used: () => number;
  readonly refuel: (units: number) => void;
}

/** Instantiates a module unchanged. */
function original(bytes: Uint8Array, imports: WebAssembly.Imports = {}): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports;
}

/** Instantiates a module with metering and caps. */
function rewritten(bytes: Uint8Array, imports: WebAssembly.Imports = {}, caps = CAPS): Rewritten {
  expect(v8.whyInvalid(bytes)).toBeUndefined();
  const fuel = v8.fuelCounter();
  fuel.refuel(FULL);
  const core = readCoreModule(bytes);
  const { bytes: changed } = rewriteModule(core, caps);
  return {
    exports: rewrittenInstance(core, changed, fuel, imports),
    used: () => FULL - fuel.left,
    refuel: (units) => fuel.refuel(units),
  };
}

type Outcome = { readonly value: unknown } | { readonly trap: string };

function outcome(exports: WebAssembly.Exports, name: string, values: readonly (number | bigint)[]): Outcome {
  const call = exports[name];
  if (typeof call !== 'function') throw new Error(`no function ${name}`);
  try {
    return { value: call(...(values as never[])) };
  } catch (error) {
    return { trap: error instanceof Error ? error.message : 'an exception' };
  }
}

/**
 * Checks that each call ends alike with the original and the rewritten module, and leaves the same memory.
 */
async function expectAlike(
  wat: string,
  calls: readonly [string, ...(number | bigint)[]][],
  imports?: WebAssembly.Imports,
) {
  const bytes = await parse(wat);
  const before = original(bytes, imports);
  const after = rewritten(bytes, imports);
  for (const [name, ...values] of calls) {
    expect(outcome(after.exports, name, values), `${name}(${values.join(', ')})`).toEqual(
      outcome(before, name, values),
    );
    if (before.memory instanceof WebAssembly.Memory && after.exports.memory instanceof WebAssembly.Memory) {
      expect(
        Buffer.compare(Buffer.from(before.memory.buffer), Buffer.from(after.exports.memory.buffer)),
      ).toBe(0);
    }
  }
  expect(after.used()).toBeGreaterThan(0);
}

describe('a rewritten module behaves like the original', () => {
  it('with loops, branches, tables and calls', async () => {
    await expectAlike(
      `(module
        (func $fac (export "fac") (param i64) (result i64)
          (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
            (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
        (func (export "collatz") (param i32) (result i32) (local $n i32)
          (block $done (loop $next
            (br_if $done (i32.le_u (local.get 0) (i32.const 1)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (if (i32.and (local.get 0) (i32.const 1))
              (then (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1))))
              (else (local.set 0 (i32.shr_u (local.get 0) (i32.const 1)))))
            (br $next)))
          (local.get $n))
        (func (export "switch") (param i32) (result i32)
          (block $c (block $b (block $a (br_table $a $b $c (local.get 0))) (return (i32.const 10))) (return (i32.const 20)))
          (i32.const 30))
        (type $unary (func (param i32) (result i32)))
        (table 4 funcref) (elem (i32.const 0) $double $square)
        (func $double (type $unary) (i32.shl (local.get 0) (i32.const 1)))
        (func $square (type $unary) (i32.mul (local.get 0) (local.get 0)))
        (func (export "indirect") (param i32 i32) (result i32)
          (call_indirect (type $unary) (local.get 1) (local.get 0)))
        (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
        (func $even (export "even") (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1)) (else (return_call $odd (i32.sub (local.get 0) (i32.const 1))))))
        (func $odd (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0)) (else (return_call $even (i32.sub (local.get 0) (i32.const 1)))))))`,
      [
        ['fac', 20n],
        ['collatz', 27],
        ['switch', 0],
        ['switch', 1],
        ['switch', 99],
        ['indirect', 0, 21],
        ['indirect', 1, 12],
        ['indirect', 2, 1],
        ['indirect', 9, 1],
        ['divide', 7, 2],
        ['divide', 7, 0],
        ['divide', -2147483648, -1],
        ['even', 100_000],
      ],
    );
  });

  it('with several values, references, vectors and loops that take parameters', async () => {
    await expectAlike(
      `(module
        (func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
        (func (export "sum") (param i32) (result i32)
          (i32.const 0) (local.get 0)
          (loop $more (param i32 i32) (result i32)
            (local.set 0) (i32.add (local.get 0))
            (i32.sub (local.get 0) (i32.const 1)) (local.tee 0)
            (local.get 0) (br_if $more)
            (drop)))
        (table $t 3 externref)
        (func (export "refs") (param i32) (result i32)
          (table.set $t (local.get 0) (ref.null extern))
          (ref.is_null (table.get $t (local.get 0))))
        (func (export "lanes") (param i32) (result i32)
          (i32x4.extract_lane 2 (i32x4.add (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4))))
        (memory (export "memory") 1)
        (func (export "vectors") (param i32)
          (v128.store offset=16 (local.get 0) (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (v128.load (local.get 0)) (v128.const i64x2 -1 1)))
          (v128.store8_lane 3 (local.get 0) (v128.const i32x4 0x01020304 0 0 0)))
        (func (export "narrow") (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))
        (func (export "extend") (param i32) (result i32) (i32.extend8_s (local.get 0)))
        (func (export "choose") (param i32) (result f32) (select (result f32) (f32.const 1) (f32.const 2) (local.get 0))))`,
      [
        ['swap', 1, 2n],
        ['sum', 10],
        ['refs', 2],
        ['refs', 3],
        ['lanes', 7],
        ['vectors', 100],
        ['vectors', 65_530],
        ['narrow', 1e300],
        ['extend', 200],
        ['choose', 0],
        ['choose', 1],
      ],
    );
  });

  it('with global variables of its own and of others, and all forms of segments', async () => {
    const global = () => ({ env: { base: new WebAssembly.Global({ value: 'i32' }, 8), f: () => 5 } });
    const wat = `(module
      (import "env" "base" (global $base i32))
      (import "env" "f" (func $f (result i32)))
      (global $a (mut i32) (i32.const 3)) (global $b i64 (i64.const 40)) (global $c (mut i32) (global.get $base))
      (global $d funcref (ref.func $g))
      (memory (export "memory") 1 2)
      (table $t (export "table") 8 funcref) (table $u 4 funcref) (table $v 2 funcref)
      (elem (table $t) (global.get $base) func) (elem (i32.const 1) $f $g) (elem $p func $g $f) (elem declare func $h)
      (elem $e funcref (ref.func $g) (ref.null func)) (elem (table $u) (i32.const 1) funcref (ref.func $g) (ref.null func))
      (elem (table $v) (i32.const 0) func $g)
      (data (global.get $base) "active") (data $d "passive") (data (i32.const 100) "")
      (func $g (result i32) (global.get $a)) (func $h (result i32) (i32.const 9))
      (export "a" (global $a)) (export "base" (global $base))
      (func (export "globals") (param i32) (result i64)
        (global.set $a (i32.add (global.get $a) (local.get 0)))
        (global.set $c (i32.add (global.get $c) (global.get $base)))
        (i64.add (global.get $b) (i64.extend_i32_s (i32.add (global.get $a) (global.get $c)))))
      (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
      (func (export "callu") (param i32) (result i32) (call_indirect $u (result i32) (local.get 0)))
      (func (export "bulk") (param i32 i32 i32)
        (memory.init $d (local.get 0) (local.get 1) (local.get 2))
        (memory.copy (i32.const 200) (local.get 0) (local.get 2))
        (memory.fill (i32.const 300) (i32.const 7) (local.get 2)) (data.drop $d))
      (func (export "tables") (param i32 i32 i32)
        (table.init $t $p (local.get 0) (local.get 1) (local.get 2)) (table.copy $u $t (i32.const 0) (local.get 0) (local.get 2))
        (table.fill $u (i32.const 3) (ref.func $h) (i32.const 1)) (elem.drop $p) (table.set $t (i32.const 7) (global.get $d)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "size") (result i32) (i32.add (memory.size) (table.size $t)))
      (func $init (global.set $a (i32.const 100))) (start $init))`;
    await expectAlike(
      wat,
      [
        ['globals', 5],
        ['globals', -7],
        ['call', 1],
        ['call', 2],
        ['call', 3],
        ['callu', 1],
        ['callu', 2],
        ['bulk', 50, 1, 5],
        ['bulk', 50, 0, 1],
        ['bulk', 65_535, 0, 0],
        ['bulk', 65_535, 0, 5],
        ['tables', 4, 0, 2],
        ['call', 4],
        ['call', 7],
        ['callu', 3],
        ['tables', 4, 0, 1],
        ['grow', 1],
        ['grow', 1],
        ['grow', -1],
        ['size'],
      ],
      global(),
    );
    const { exports } = rewritten(await parse(wat), global());
    expect((exports.a as WebAssembly.Global).value).toBe(100);
    expect((exports.base as WebAssembly.Global).value).toBe(8);
    expect(Object.keys(exports)).toEqual(Object.keys(original(await parse(wat), global())));
  });

  it('with random programs', async () => {
    await fc.assert(
      fc.asyncProperty(program(), fc.integer({ min: 0, max: 40 }), async (code, argument) => {
        const wat = `(module (memory (export "memory") 1) (global $g (mut i32) (i32.const 1))
          (func $f (export "f") (param $x i32) (param $deep i32) (result i32) (local $n i32)
            (if (i32.eqz (local.get $deep)) (then (return (local.get $x)))) ${code} (i32.xor (local.get $x) (global.get $g))))`;
        await expectAlike(wat, [
          ['f', argument, 3],
          ['f', argument + 1, 2],
        ]);
      }),
      { numRuns: 150 },
    );
  });
});

/** Statements over $x, $n and $g that end: each loop counts down $n, and calls count down $deep. */
function program(): fc.Arbitrary<string> {
  const value = fc.constantFrom(
    '(local.get $x)',
    '(global.get $g)',
    '(local.get $n)',
    '(i32.const 3)',
    '(i32.const 1000)',
  );
  return fc.letrec<{ block: string; statement: string }>((tie) => ({
    block: fc.array(tie('statement'), { maxLength: 6 }).map((lines) => lines.join(' ')),
    statement: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .tuple(
          fc.constantFrom('$x', '$g'),
          fc.constantFrom('add', 'mul', 'xor', 'shr_u', 'rotl', 'div_u'),
          value,
          value,
        )
        .map(([to, op, a, b]) => `(${to === '$g' ? 'global' : 'local'}.set ${to} (i32.${op} ${a} ${b}))`),
      value.map((at) => `(i32.store (i32.and ${at} (i32.const 0xfff)) (local.get $x))`),
      value.map(
        (at) =>
          `(memory.fill (i32.and ${at} (i32.const 0xff)) (local.get $n) (i32.and (local.get $x) (i32.const 63)))`,
      ),
      fc.tuple(value, tie('block'), tie('block')).map(([c, a, b]) => `(if ${c} (then ${a}) (else ${b}))`),
      fc.tuple(value, tie('block')).map(([c, a]) => `(block (br_if 0 ${c}) ${a})`),
      fc
        .tuple(value, tie('block'), tie('block'))
        .map(([c, a, b]) => `(block (block (br_table 0 1 ${c}) ${a}) ${b})`),
      tie('block')
        .map(
          (body) =>
            `(local.set $n (i32.const 4)) (loop (local.set $n (i32.sub (local.get $n) (i32.const 1))) ${body} (br_if 0 (i32.gt_s (local.tee $n (i32.and (local.get $n) (i32.const 3))) (i32.const 0))))`,
        )
        .map((loop) => bounded(loop)),
      value.map((x) => `(local.set $x (call $f ${x} (i32.sub (local.get $deep) (i32.const 1))))`),
    ),
  })).block;
}

/**
 * Inner loops set $n too, so a loop may never end; then a counter in memory ends the function, alike in both
 * modules.
 */
function bounded(loop: string): string {
  const count = '(i32.store (i32.const 8192) (i32.add (i32.load (i32.const 8192)) (i32.const 1)))';
  return loop.replace(
    '(loop ',
    `(loop ${count} (if (i32.gt_u (i32.load (i32.const 8192)) (i32.const 500)) (then (return (local.get $x)))) `,
  );
}

describe('fuel', () => {
  it('is used in proportion to the work', async () => {
    const module = rewritten(
      await parse(
        '(module (func (export "f") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))',
      ),
    );
    outcome(module.exports, 'f', [1000]);
    const thousand = module.used();
    outcome(module.exports, 'f', [10_000]);
    const more = module.used() - thousand;
    expect(more / thousand).toBeGreaterThan(9);
    expect(more / thousand).toBeLessThan(11);
  });

  it('is charged for the instructions that run, not for all cases of a large loop', async () => {
    const cases = Array.from(
      { length: 200 },
      (_, i) => `(if (i32.eq (local.get 0) (i32.const ${i})) (then ${'(nop)'.repeat(50)}))`,
    );
    const module = rewritten(
      await parse(`(module (func (export "f") (param i32) (loop ${cases.join(' ')})))`),
    );
    outcome(module.exports, 'f', [7]);
    // 200 comparisons of about five units; the 10 000 instructions of the other cases are not paid.
    expect(module.used()).toBeLessThan(3000);
    expect(module.used()).toBeGreaterThan(800);
  });

  it('is charged for long stretches without branches', async () => {
    const module = rewritten(
      await parse(`(module (func (export "f") (block ${'(block (nop) (nop) (nop))'.repeat(20_000)})))`),
    );
    outcome(module.exports, 'f', []);
    expect(module.used()).toBeGreaterThan(60_000);
    module.refuel(30_000);
    expect(outcome(module.exports, 'f', [])).toEqual({ trap: 'unreachable' });
  });

  it('is charged by length for bulk instructions', async () => {
    const wat =
      '(module (memory 16) (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0))))';
    const module = rewritten(await parse(wat));
    outcome(module.exports, 'fill', [0]);
    const nothing = module.used();
    outcome(module.exports, 'fill', [1_048_576]);
    expect(module.used() - 2 * nothing).toBe(262_144);
    // The greatest length neither wraps the counter nor passes unpaid.
    outcome(module.exports, 'fill', [-1]);
    expect(module.used()).toBeGreaterThan(2 ** 28);
  });

  it('ends no call while one unit is left', async () => {
    const module = rewritten(await parse('(module (func (export "f")))'));
    outcome(module.exports, 'f', []);
    const price = module.used();
    module.refuel(price);
    expect(outcome(module.exports, 'f', [])).toEqual({ value: undefined });
    module.refuel(price - 1);
    expect(outcome(module.exports, 'f', [])).toEqual({ trap: 'unreachable' });
  });

  it('cannot be reached by a module that gives its imports the same names', async () => {
    const theirs = new WebAssembly.Global({ value: 'i32', mutable: true }, 5);
    const module = rewritten(
      await parse(
        '(module (import "fuel" "units" (global $u (mut i32))) (func (export "f") (global.set $u (i32.const 77))))',
      ),
      { fuel: { units: theirs } },
    );
    outcome(module.exports, 'f', []);
    expect(theirs.value).toBe(77);
    expect(module.used()).toBeLessThan(100);
  });
});

describe('caps', () => {
  it('lower maxima and refuse minima', async () => {
    const grow = (memory: string) =>
      `(module (memory ${memory}) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0))))`;
    const { exports } = rewritten(await parse(grow('1')));
    expect(outcome(exports, 'f', [15])).toEqual({ value: 1 });
    expect(outcome(exports, 'f', [1])).toEqual({ value: -1 });
    const small = rewritten(await parse(grow('1 2')));
    expect(outcome(small.exports, 'f', [2])).toEqual({ value: -1 });
    const large = readCoreModule(await parse(grow('17')));
    expect(() => rewriteModule(large, CAPS)).toThrow(/memory that starts with 17 pages.*limit is 16/);
    const table = readCoreModule(await parse('(module (table 1001 funcref))'));
    expect(() => rewriteModule(table, CAPS)).toThrow(ComponentError);
    const tables = readCoreModule(await parse(`(module ${'(table 1 funcref)'.repeat(17)})`));
    expect(() => rewriteModule(tables, CAPS)).toThrow(/17 tables/);
  });

  it('hold for tables that grow', async () => {
    const { exports } = rewritten(
      await parse(
        '(module (table $t 1 funcref) (func (export "f") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))',
      ),
    );
    expect(outcome(exports, 'f', [999])).toEqual({ value: 1 });
    expect(outcome(exports, 'f', [1])).toEqual({ value: -1 });
  });
});

describe('a feature that is newer than this host', () => {
  it('is refused by the name of the instruction, whatever the engine supports', async () => {
    for (const body of [
      '(memory 1) (func (drop (i32.atomic.load (i32.const 0))))',
      '(memory 1 1 shared)',
      '(memory i64 1)',
      '(memory 1) (memory 1)',
      '(func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))',
      '(type $s (struct)) (func (drop (struct.new $s)))',
      '(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))',
    ]) {
      const bytes = await parse(`(module ${body})`);
      expect(() => rewriteModule(readCoreModule(bytes), CAPS)).toThrow(ComponentError);
    }
  });
});
