import { serialize } from 'node:v8';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { examine } from '../../host/engine/component/admission.ts';
import { DEFAULT_LIMITS } from '../../host/engine/component/limits.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { rewrittenInstance } from '../../host/engine/testing/rewritten-instance.ts';
import { watPiece } from '../../host/engine/testing/wat-piece.ts';
import type { ComponentError } from '../../host/engine/wasm/component-error.ts';
import { readCoreModule } from '../../host/engine/wasm/core-module.ts';
import {
  LOCALS_OF_A_UNIT,
  MAX_TABLE_USES,
  PRICE_OF_PASSED_FRAME,
  type PriceFactors,
} from '../../host/engine/wasm/fuel.ts';
import { rewriteModule } from '../../host/engine/wasm/module-rewriter.ts';
import { v8 } from '../../host/engine/wasm/webassembly-engine.ts';
import {
  type Bytes,
  body,
  componentOf,
  coreModule,
  functions,
  I32,
  instances,
  join,
  longName,
  NOTHING,
  name,
  repeated,
  section,
  u32,
  unusedItems,
  vector,
  vectorOf,
  withNested,
} from './component-bytes.ts';

/*
 * Files that cost their examiner, or the engine, more than their size. Each kind grows in one number: up to a
 * bound the file is no worse than others, and one beyond it is refused by name. Nothing here measures time:
 * what is refused is not done, and what is admitted is bounded by a count.
 */

/** The reasons to refuse a file that lie in its cost; none of these files is a piece. */
function costsOf(bytes: Uint8Array): readonly string[] {
  const refusals: ComponentError[] = [];
  examine(bytes, { grants: new Set(), limits: DEFAULT_LIMITS, engine: v8 }, (each) => refusals.push(each));
  return refusals
    .map(({ code }) => code)
    .filter((code) => !['FT_COMPONENT_EXPORT', 'FT_COMPONENT_IMPORT', 'FT_COMPONENT_INVALID'].includes(code));
}

/** Exports of one function, or one global variable, under different names. */
function exportsOf(count: number, kind: number): Bytes[] {
  return Array.from({ length: count }, (_, n) => [...name(n.toString(36)), kind, 0]);
}

const TYPE = section(7, [1, 0x40, 0, 1, 0]);
const FUNCTION_IMPORT = section(10, vector([[0, ...name('f'), 1, 0]]));

/** A component whose nested one makes a bundle of `items` items, instantiated `times` times. */
function bundles(items: number, times: number): Uint8Array {
  const lowered = section(8, [1, 1, 0, 0, 0]);
  const bundle = section(2, vector([join([1], vectorOf(items, [0, 0, 0]))]));
  const nested = section(4, componentOf(TYPE, FUNCTION_IMPORT, lowered, bundle));
  const instance = [0, 0, 1, ...name('f'), 1, 0];
  return componentOf(TYPE, FUNCTION_IMPORT, nested, section(5, vectorOf(times, instance)));
}

/** A component that exports one instance of `items` functions under `times` names. */
function exportsTimesNames(items: number, times: number): Uint8Array {
  const lifted = join(section(8, [1, 1, 0, 0, 0]), section(8, [1, 0, 0, 0, 0, 0]));
  const named = Array.from({ length: items }, (_, n) => [0, ...name(n.toString(36)), 1, 1]);
  const instance = section(5, [1, 1], vector(named));
  const exported = Array.from({ length: times }, (_, n) => [0, ...name(`x${n.toString(36)}`), 5, 0, 0]);
  return componentOf(TYPE, FUNCTION_IMPORT, lifted, instance, section(11, vector(exported)));
}

/** A component of one table of `entries`, which a module imports `times` times. */
function tableUses(entries: number, times: number): Uint8Array {
  const maker = coreModule(section(4, [1, 0x70, 0], u32(entries)), section(7, [1, 0, 1, 0]));
  const user = coreModule(section(2, vectorOf(times, [0, 0, 1, 0x70, 0, 0])));
  return componentOf(
    section(1, maker),
    section(1, user),
    section(2, [1, 0, 0, 0]),
    section(2, [1, 0, 1, 1, 0, 0x12, 0]),
  );
}

/** As {@link tableUses}, but each use is by another instance, of a table that instances pass on. */
function tableChain(entries: number, times: number): Uint8Array {
  const maker = coreModule(section(4, [1, 0x70, 0], u32(entries)), section(7, [1, 0, 1, 0]));
  const passer = coreModule(section(2, [1, 0, 0, 1, 0x70, 0, 0]), section(7, [1, 0, 1, 0]));
  const made = Array.from({ length: times }, (_, n) => section(2, [1, 0, 1, 1, 0, 0x12, ...u32(n)]));
  return componentOf(section(1, maker), section(1, passer), section(2, [1, 0, 0, 0]), ...made);
}

/** One function with this many locals and loops. */
function localsAndLoops(locals: number, loops: number): Uint8Array {
  const loop = [0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b];
  return instances(
    coreModule(...functions([NOTHING], [[0, body([[locals, I32]], repeated(loops, loop))]])),
    1,
  );
}

/** One function with this many operands on its stack, and blocks above them. */
function operandsAndBlocks(operands: number, blocks: number): Uint8Array {
  const code = join(
    repeated(operands, [0x41, 0]),
    repeated(blocks, [0x02, 0x40, 0x0b]),
    repeated(operands, [0x1a]),
  );
  return instances(coreModule(...functions([NOTHING], [[0, body([], code)]])), 1);
}

/** One function with this many locals, and calls of itself, which never runs. */
function localsAndCalls(locals: number, calls: number): Uint8Array {
  return instances(
    coreModule(...functions([NOTHING], [[0, body([[locals, I32]], repeated(calls, [0x10, 0]))]])),
    1,
  );
}

/** One function that repeats this code; the module has a table, a memory and one more function. */
function repeating(count: number, code: Bytes): Uint8Array {
  const [types, declared, bodies] = functions([NOTHING], [[0, body([[1, I32]], repeated(count, code))]]);
  return instances(
    coreModule(types, declared, section(4, [1, 0x70, 0, 1]), section(9, [1, 3, 0, 1, 0]), bodies),
    1,
  );
}

/** Modules that define types only: this many, of this many parameters each. */
function types(modules: number, count: number, parameters: number): Uint8Array {
  const type = [0x60, ...u32(parameters), ...repeated(parameters, [I32]), 0];
  const module = section(1, coreModule(section(1, vectorOf(count, type))));
  return componentOf(...Array.from({ length: modules }, () => module), section(2, [1, 0, 0, 0]));
}

/** A module of this many empty functions, instantiated `times` times. */
function emptyFunctions(count: number, times: number): Uint8Array {
  const declared = section(3, vectorOf(count, [0]));
  const bodies = section(10, vectorOf(count, [2, 0, 0x0b]));
  return instances(coreModule(section(1, vector([NOTHING])), declared, bodies), times);
}

/** A module of this many bytes of data, instantiated `times` times. */
function dataBytes(bytes: number, times: number): Uint8Array {
  const data = join([1, 0, 0x41, 0, 0x0b], u32(bytes), repeated(bytes, [1]));
  return instances(coreModule(section(5, [1, 0, 1]), section(11, data)), times);
}

const globals = (count: number): Bytes => section(6, vectorOf(count, [I32, 0, 0x41, 0, 0x0b]));
const oneFunction = functions([NOTHING], [[0, body([], [])]]);
/** Passive segments of `entries` entries each. */
const segments = (count: number, entries: number): Uint8Array =>
  coreModule(
    oneFunction[0],
    oneFunction[1],
    section(9, vectorOf(count, join([1, 0], vectorOf(entries, [0])))),
    oneFunction[2],
  );

describe('a file that costs more than its size is refused by name', () => {
  it.each<[kind: string, code: string, within: Uint8Array, beyond: Uint8Array]>([
    ['definitions', 'FT_COMPONENT_TOO_LARGE', definitions(90_000), definitions(100_001)],
    ['the length of a name', 'FT_COMPONENT_TOO_LARGE', named(4096), named(4097)],
    ['items of bundles times instances', 'FT_COMPONENT_TOO_LARGE', bundles(300, 300), bundles(300, 340)],
    [
      'exports times names',
      'FT_COMPONENT_TOO_LARGE',
      exportsTimesNames(90, 900),
      exportsTimesNames(200, 600),
    ],
    ['exports times instances', 'FT_COMPONENT_TOO_LARGE', exporting(1000, 20), exporting(1000, 21)],
    [
      'global variables times instances',
      'FT_COMPONENT_TOO_LARGE',
      instances(coreModule(globals(400)), 50),
      instances(coreModule(globals(401)), 50),
    ],
    [
      'segments times instances',
      'FT_COMPONENT_TOO_LARGE',
      instances(segments(1000, 0), 19),
      instances(segments(1001, 0), 20),
    ],
    [
      'segment entries times instances',
      'FT_COMPONENT_TOO_LARGE',
      instances(segments(1, 1024), 64),
      instances(segments(1, 1025), 64),
    ],
    [
      'entries of one segment',
      'FT_COMPONENT_TOO_LARGE',
      instances(segments(1, 65_536), 1),
      instances(segments(1, 65_537), 1),
    ],
    [
      'uses of one table by a module',
      'FT_COMPONENT_TOO_LARGE',
      tableUses(10, MAX_TABLE_USES - 1),
      tableUses(10, MAX_TABLE_USES),
    ],
    [
      'uses of one table by instances',
      'FT_COMPONENT_TOO_LARGE',
      tableChain(10, MAX_TABLE_USES - 1),
      tableChain(10, MAX_TABLE_USES),
    ],
    ['entries of a table times its uses', 'FT_COMPONENT_MEMORY', tableUses(16_384, 3), tableUses(16_385, 3)],
    ['locals times loops', 'FT_COMPONENT_COSTLY', localsAndLoops(49_990, 2), localsAndLoops(49_990, 200)],
    [
      'operands times blocks',
      'FT_COMPONENT_COSTLY',
      operandsAndBlocks(10_000, 200),
      operandsAndBlocks(10_000, 10_000),
    ],
    ['types', 'FT_COMPONENT_TOO_LARGE', types(1, 2000, 2), types(1, 2001, 2)],
    ['types of several modules', 'FT_COMPONENT_TOO_LARGE', types(2, 1000, 2), types(3, 1000, 2)],
    ['parameters of types', 'FT_COMPONENT_TOO_LARGE', types(1, 30, 1000), types(1, 40, 1000)],
    ['functions', 'FT_COMPONENT_TOO_LARGE', emptyFunctions(100_000, 1), emptyFunctions(100_001, 1)],
    [
      'functions times instances',
      'FT_COMPONENT_TOO_LARGE',
      emptyFunctions(2000, 50),
      emptyFunctions(2000, 51),
    ],
    [
      'bytes of data times instances',
      'FT_COMPONENT_TOO_LARGE',
      dataBytes(2 ** 19, 63),
      dataBytes(2 ** 19 + 2 ** 14, 63),
    ],
    ...(
      [
        ['loops', 2000, [0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b]],
        ['branches', 4000, [0x20, 0, 0x04, 0x40, 0x05, 0x0b]],
        ['targets of a br_table', 900, [0x02, 0x40, 0x20, 0, 0x0e, 100, ...repeated(101, [0]), 0x0b]],
        ['indirect calls', 30_000, [0x20, 0, 0x11, 0, 0]],
        ['calls of functions of the engine', 2000, [0xd2, 0, 0x1a]],
        ['calls', 100_000, [0x10, 0]],
      ] as const
    ).map(([what, count, code]): [string, string, Uint8Array, Uint8Array] => [
      `${what} of a function that runs often`,
      'FT_COMPONENT_COSTLY',
      repeating(count, code),
      repeating(3 * count, code),
    ]),
    ['locals times calls', 'FT_COMPONENT_COSTLY', localsAndCalls(49_990, 10), localsAndCalls(49_990, 1000)],
  ])('%s', (_, code, within, beyond) => {
    expect(costsOf(within)).toEqual([]);
    expect(costsOf(beyond)).toContain(code);
  });

  it('locals times loops, in many functions that are each within their bound', () => {
    const small = body([[2000, I32]], repeated(150, [0x02, 0x40, 0x0b]));
    const few = (count: number) =>
      coreModule(
        ...functions(
          [NOTHING],
          Array.from({ length: count }, () => [0, small]),
        ),
      );
    expect(costsOf(instances(few(10), 1))).toEqual([]);
    expect(costsOf(instances(few(600), 1))).toContain('FT_COMPONENT_COSTLY');
  });

  function definitions(count: number): Uint8Array {
    return componentOf(section(5, vectorOf(count - 1, [1, 0])));
  }

  function named(length: number): Uint8Array {
    return componentOf(TYPE, section(10, vector([[0, ...name('n'.repeat(length)), 3, 1]])));
  }

  function exporting(count: number, times: number): Uint8Array {
    const [types, declared, code] = oneFunction;
    return instances(coreModule(types, declared, section(7, vector(exportsOf(count, 0))), code), times);
  }
});

/** The fuel that a call takes. */
function fuelOf(module: Uint8Array, prices: PriceFactors, call: string, ...values: number[]): number {
  const core = readCoreModule(module);
  const { bytes } = rewriteModule(core, { maxMemoryPages: 1, maxTableEntries: 65_536, prices });
  const fuel = v8.fuelCounter();
  fuel.refuel(FULL);
  const exports = rewrittenInstance(core, bytes, fuel);
  (exports[call] as (...values: number[]) => void)(...values);
  return FULL - fuel.left;
}

const FULL = 0x7fff_ffff;
const PLAIN: PriceFactors = { tableUses: 0, catches: false };

describe('other threads get of a file', () => {
  it.each<[what: string, nested: Uint8Array, times: number]>([
    ['no unused item', unusedItems(40_000, 1), 1],
    ['no name of an unused item, however often it is instantiated', unusedItems(500, 4000), 30],
    ['no name of an import or export', importing(900, 4000), 1],
  ])('%s', async (_, nested, times) => {
    const bytes = withNested(await watPiece(), nested, times);
    expect(costsOf(bytes)).toEqual([]);
    const { portable } = await loadComponent(bytes);
    const imports = portable.plan.instances.reduce((sum, each) => sum + each.imports.length, 0);
    const got = serialize({ ...portable, modules: [] }).length;
    expect(got).toBeLessThan(600 + 200 * portable.plan.instances.length + 4 * imports);
    for (const module of portable.modules as WebAssembly.Module[]) {
      const names = [...WebAssembly.Module.imports(module), ...WebAssembly.Module.exports(module)];
      expect(names.every((each) => each.name.length < 10)).toBe(true);
    }
  });

  /** A component of a module that imports this many functions of another one. */
  function importing(count: number, length: number): Uint8Array {
    const [types, declared, code] = oneFunction;
    const names = Array.from({ length: count }, (_, n) => longName(n, length));
    const maker = coreModule(types, declared, section(7, vector(names.map((each) => [...each, 0, 0]))), code);
    const user = coreModule(types, section(2, vector(names.map((each) => [...name('x'), ...each, 0, 0]))));
    return componentOf(
      section(1, maker),
      section(1, user),
      section(2, [1, 0, 0, 0]),
      section(2, [1, 0, 1, 1, ...name('x'), 0x12, 0]),
    );
  }
});

describe('work of the engine that an instruction only begins is paid', () => {
  /** `go` throws an exception through this many frames, and catches it or not. */
  function thrower(catches: boolean): Uint8Array {
    const deep = [
      [0x20, 0, 0x04, 0x40], // if the argument is not zero
      [0x20, 0, 0x41, 1, 0x6b, 0x10, 0], // call itself with one less
      [0x05, ...(catches ? [0x08, 0] : [0x01]), 0x0b], // else throw
    ].flat();
    const call = [0x20, 0, 0x10, 0];
    const go = catches ? [0x06, 0x40, ...call, 0x19, 0x0b] : call;
    const [types, declared, code] = functions(
      [NOTHING, [0x60, 1, I32, 0]],
      [
        [1, body([], deep)],
        [1, body([], go)],
      ],
    );
    const tag = section(13, [1, 0, 0]);
    return coreModule(types, declared, tag, section(7, [1, ...name('go'), 0, 1]), code);
  }

  it('each frame that an exception may pass', () => {
    const frame = (catches: boolean) => {
      const prices = { ...PLAIN, catches };
      return (
        (fuelOf(thrower(catches), prices, 'go', 1010) - fuelOf(thrower(catches), prices, 'go', 10)) / 1000
      );
    };
    expect(frame(true)).toBeGreaterThan(PRICE_OF_PASSED_FRAME);
    expect(frame(false)).toBeLessThan(50);
  });

  it('is paid by all modules of a component that catches in one of them, and by no other component', () => {
    const sizes = (catches: boolean) => {
      const refusals: ComponentError[] = [];
      const component = componentOf(
        section(1, thrower(false)),
        section(1, thrower(catches)),
        section(2, [1, 0, 0, 0]),
        section(2, [1, 0, 1, 0]),
      );
      const terms = { grants: new Set<never>(), limits: DEFAULT_LIMITS, engine: v8 };
      const admission = examine(component, terms, (reason) => refusals.push(reason));
      return admission!.rewritten.map((module) => module!.bytes.length);
    };
    // Prices of 256 and more take one byte more than those below 64.
    expect(sizes(true)[0]).toBeGreaterThan(sizes(false)[0]!);
  });

  it('each local that an entry of a function sets to zero', () => {
    const calling = (locals: number) =>
      coreModule(
        ...(([types, declared, code]) =>
          [types, declared, section(7, [1, ...name('go'), 0, 0]), code] as const)(
          functions(
            [NOTHING],
            [
              [0, body([], [0x10, 1])],
              [0, body([[locals, I32]], [])],
            ],
          ),
        ),
      );
    const paid = fuelOf(calling(40_000), PLAIN, 'go') - fuelOf(calling(0), PLAIN, 'go');
    expect(paid).toBe(40_000 / LOCALS_OF_A_UNIT);
  });

  it.each([
    ['table.set', '(table.set (i32.const 0) (ref.null func))', 16],
    ['table.grow', '(drop (table.grow (ref.null func) (i32.const 0)))', 4000],
    ['table.fill', '(table.fill (i32.const 0) (ref.null func) (i32.const 100))', 3200],
    ['table.copy', '(table.copy (i32.const 0) (i32.const 0) (i32.const 100))', 3200],
    ['table.init', '(table.init $e (i32.const 0) (i32.const 0) (i32.const 100))', 3200],
  ])('%s, for each instance that uses the table', async (_, code, price) => {
    const elements = '$go '.repeat(100);
    const wat = `(module (table 100 funcref) (elem $e func ${elements}) (func $go (export "go") ${code}))`;
    const module = await parse(wat);
    const once = fuelOf(module, PLAIN, 'go');
    expect(once).toBeGreaterThanOrEqual(price);
    expect(fuelOf(module, { ...PLAIN, tableUses: 4 }, 'go') - once).toBe(price * 15);
  });

  it('table.init of nothing, for each entry of its segment', async () => {
    const wat = (entries: number) =>
      `(module (table 1 funcref) (elem $e func ${'$go '.repeat(entries)}) (func $go (export "go")
        (table.init $e (i32.const 0) (i32.const 0) (i32.const 0))))`;
    const [few, many] = [
      fuelOf(await parse(wat(10)), PLAIN, 'go'),
      fuelOf(await parse(wat(1010)), PLAIN, 'go'),
    ];
    expect((many - few) / 1000).toBeGreaterThan(100);
  });
});
