import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { rewrittenInstance } from '../testing/rewritten-instance.ts';
import { readCoreModule } from './core-module.ts';
import { PLAIN_PRICES, priceOf, stretchPriceOf } from './fuel.ts';
import { rewriteModule } from './module-rewriter.ts';
import { v8 } from './webassembly-engine.ts';

/** The fuel that a function of this code takes. */
async function fuelOf(code: string): Promise<number> {
  const module = await parse(`(module
    (memory 1) (table $t 4000 9000 funcref) (data $d "0123456789") (elem $e func $nothing)
    (type $empty (func)) (elem (i32.const 0) $nothing)
    (func $nothing) (func (export "go") (local i32 i64 f32 f64 v128) ${code}))`);
  const core = readCoreModule(module);
  const { bytes } = rewriteModule(core, { maxMemoryPages: 4, maxTableEntries: 10_000 });
  const fuel = v8.fuelCounter();
  fuel.refuel(FULL);
  const exports = rewrittenInstance(core, bytes, fuel);
  (exports.go as () => void)();
  return FULL - fuel.left;
}

const FULL = 0x7fff_ffff;
const ZERO = '(i32.const 0)';
const ONE = '(i32.const 1)';

describe('fuel', () => {
  // Operands cost one each. A segment that is divided costs 3 more.
  it.each<[instruction: string, price: number, code: string, operands: number]>([
    ['a constant', 1, `(drop ${ZERO})`, 1],
    ['a load', 2, `(drop (i32.load ${ZERO}))`, 2],
    ['a store', 2, `(i32.store ${ZERO} ${ZERO})`, 2],
    ['a load of a vector', 2, `(drop (v128.load ${ZERO}))`, 2],
    ['a call', 4 + 3, '(call $nothing)', 0],
    ['an indirect call', 16 + 3, `(call_indirect (type $empty) ${ZERO})`, 1],
    ['table.get', 32, `(drop (table.get ${ZERO}))`, 2],
    ['table.set', 16, `(table.set ${ZERO} (ref.null func))`, 2],
    ...['i32.div_s', 'i32.div_u', 'i32.rem_s', 'i32.rem_u'].map((each): [string, number, string, number] => [
      each,
      8,
      `(drop (${each} ${ONE} ${ONE}))`,
      3,
    ]),
    ...['i64.div_s', 'i64.div_u', 'i64.rem_s', 'i64.rem_u'].map((each): [string, number, string, number] => [
      each,
      8,
      `(drop (${each} (i64.const 1) (i64.const 1)))`,
      3,
    ]),
    ['f32.sqrt', 8, '(drop (f32.sqrt (local.get 2)))', 2],
    ['f64.sqrt', 8, '(drop (f64.sqrt (local.get 3)))', 2],
    ['f32.div', 8, '(drop (f32.div (local.get 2) (local.get 2)))', 3],
    ['f64.div', 8, '(drop (f64.div (local.get 3) (local.get 3)))', 3],
    ['the square root of a vector', 16, '(drop (f64x2.sqrt (local.get 4)))', 2],
    ['the division of vectors', 16, '(drop (f32x4.div (local.get 4) (local.get 4)))', 3],
    ['ref.func', 192, '(drop (ref.func $nothing))', 1],
    ['table.size', 64, '(drop (table.size))', 1],
    ['data.drop', 64, '(data.drop $d)', 0],
    ['elem.drop', 64, '(elem.drop $e)', 0],
    ['memory.grow', 4000, `(drop (memory.grow ${ZERO}))`, 2],
    ['table.grow', 4000, `(drop (table.grow (ref.null func) ${ZERO}))`, 3],
    ['memory.fill', 32, `(memory.fill ${ZERO} ${ZERO} ${ZERO})`, 4],
    ['memory.copy', 32, `(memory.copy ${ZERO} ${ZERO} ${ZERO})`, 4],
    ['memory.init', 32, `(memory.init $d ${ZERO} ${ZERO} ${ZERO})`, 4],
    ['table.fill', 128, `(table.fill ${ZERO} (ref.null func) ${ZERO})`, 4],
    ['table.copy', 128, `(table.copy ${ZERO} ${ZERO} ${ZERO})`, 4],
    ['table.init', 128 + 128, `(table.init $e ${ZERO} ${ZERO} ${ZERO})`, 4],
  ])('is paid for %s', async (_, price, code, operands) => {
    const paid = (await fuelOf(code)) - (await fuelOf(''));
    expect(paid - operands).toBeGreaterThanOrEqual(price - (operands > 0 ? 1 : 0));
    expect(paid - operands).toBeLessThanOrEqual(price + 12);
  });

  it('has one price for each instruction of WebAssembly', () => {
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
    const prices = new Map<number, number>(
      (
        [
          [0, [0x05, 0x0b]], // else, end
          [4000, [0x08, 0x09, 0x40, 0xfc0f]], // throw, rethrow, memory.grow, table.grow
          [4, [0x10, 0x12]], // call, return_call
          [16, [0x11, 0x13, 0x26]], // call_indirect, return_call_indirect, table.set
          [32, [0x25]], // table.get
          [192, [0xd2]], // ref.func
          [2, [...range(0x28, 0x3e), ...range(0xfd00, 0xfdff)]], // loads and stores, vectors
          [8, [...range(0x6d, 0x70), ...range(0x7f, 0x82), 0x91, 0x95, 0x9f, 0xa3]], // division, square root
          [64, [0xfc09, 0xfc0d, 0xfc10]], // data.drop, elem.drop, table.size
          [16, [0xfde3, 0xfde7, 0xfdef, 0xfdf3]], // square root and division of vectors
        ] as const
      ).flatMap(([price, opcodes]) => opcodes.map((opcode) => [opcode, price] as const)),
    );
    for (const opcode of [...range(0, 0xff), ...range(0xfc00, 0xfc11), ...range(0xfd00, 0xfdff)])
      expect(priceOf(opcode), `0x${opcode.toString(16)}`).toBe(prices.get(opcode) ?? 1);
    const shared = { tableUses: 3, catches: false };
    for (const opcode of [0x26, 0xfc0f]) expect(priceOf(opcode, shared)).toBe(prices.get(opcode)! * 8);
    for (const opcode of [0x11, 0x25, 0x40, 0xfc10])
      expect(priceOf(opcode, shared)).toBe(prices.get(opcode)!);
  });

  it('has prices by length for memories and tables, and those of tables grow with their users', () => {
    const bytes = { base: 32, mask: -1, shift: 2 };
    const entries = { base: 128, mask: 2 ** 21 - 1, shift: -5 };
    for (const [opcodes, alone, shared] of [
      [[0xfc08, 0xfc0a, 0xfc0b], bytes, bytes],
      [[0xfc0c, 0xfc0e, 0xfc11], entries, { ...entries, shift: -9 }],
    ] as const)
      for (const opcode of opcodes) {
        expect(stretchPriceOf(opcode, PLAIN_PRICES)).toEqual(alone);
        expect(stretchPriceOf(opcode, { tableUses: 4, catches: false })).toEqual(shared);
      }
    expect(stretchPriceOf(0xfc10, PLAIN_PRICES)).toBeUndefined();
  });

  it.each([
    ['memory.fill', `(memory.fill ${ZERO} ${ZERO} (i32.const LENGTH))`, 1 / 4],
    ['memory.copy', `(memory.copy ${ZERO} ${ZERO} (i32.const LENGTH))`, 1 / 4],
    ['table.fill', `(table.fill ${ZERO} (ref.null func) (i32.const LENGTH))`, 32],
    ['table.copy', `(table.copy ${ZERO} ${ZERO} (i32.const LENGTH))`, 32],
  ])('is paid for the length of %s', async (_, code, byLength) => {
    const [none, much] = [
      await fuelOf(code.replace('LENGTH', '0')),
      await fuelOf(code.replace('LENGTH', '4000')),
    ];
    expect(much - none).toBe(4000 * byLength);
  });
});
