/**
 * Every instruction that this project knows of, with its operands and results. Tests compare modules before
 * and after rewriting, and look for instructions that the rewriter passes without reading them.
 */
export interface Opcode {
  readonly name: string;
  /** The instruction with its immediates. */
  readonly bytes: readonly number[];
  readonly takes: readonly ValueType[];
  readonly gives: readonly ValueType[];
  /**
   * Whether it is of WebAssembly 2.0 or of the additions in Node 20, or newer and refused on every engine.
   */
  readonly isNewer?: boolean;
}

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref';

/**
 * Returns a module whose function `f` (of i32, i64, f32, f64) runs the instruction on its arguments, inside a
 * block that branches can leave. Its function `mix` returns the results as bits, some of them by way of
 * memory.
 */
export function moduleOfOpcode({ bytes, takes, gives }: Opcode): Uint8Array {
  const code: number[] = [];
  for (const type of takes) code.push(...OPERANDS[type]);
  code.push(...bytes);
  // The results are stored, the last first.
  for (const type of [...gives].reverse()) code.push(...KEEP[type]);
  const body = [...code, ...SUM, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [3, 0x60, 4, 0x7f, 0x7e, 0x7d, 0x7c, 1, 0x7e, 0x60, 0, 1, 0x7f, 0x60, 0, 0]),
    ...section(3, [4, 0, 1, 2, 2]),
    // Memory and tables have maxima, which a test uses as its caps: otherwise growth would end differently.
    ...section(4, [2, 0x70, 1, 6, MOST_ENTRIES, 0x6f, 1, 4, MOST_ENTRIES]),
    ...section(5, [1, 1, 2, MOST_PAGES]),
    ...section(13, [1, 0, 2]),
    ...section(6, [3, 0x7f, 1, 0x41, 7, 0x0b, 0x7e, 1, 0x42, 9, 0x0b, 0x7f, 0, 0x41, 5, 0x0b]),
    ...section(7, [2, 1, 0x66, 0, 0, 6, ...text('memory'), 2, 0]),
    ...section(9, [2, 0, 0x41, 0, 0x0b, 2, 1, 2, 1, 0, 2, 1, 2]),
    ...section(12, [2]),
    ...section(10, [
      4,
      ...sized([3, 1, 0x6f, 1, 0x70, 6, 0x7b, ...body]),
      ...sized([0, 0x41, 0x2a, 0x0b]),
      ...sized([0, 0x23, 0, 0x41, 3, 0x6a, 0x24, 0, 0x0b]),
      ...sized([0, 0x0b]),
    ]),
    ...section(11, [2, 0, 0x41, 0, 0x0b, 24, ...text('what stands in memory...'), 1, 4, 9, 8, 7, 6]),
  ]);
}

/** The caps of the memory and the tables of a module of the corpus. */
export const MOST_PAGES = 3;
export const MOST_ENTRIES = 100;

const ARGUMENT = { i32: 0, i64: 1, f32: 2, f64: 3 } as const;
const LOCAL_EXTERN = 4;
/** The address of kept results: a counter in global 0 advances by sixteen bytes for each. */
const VECTOR = 6;

const OPERANDS: Record<ValueType, readonly number[]> = {
  i32: [0x20, ARGUMENT.i32],
  i64: [0x20, ARGUMENT.i64],
  f32: [0x20, ARGUMENT.f32],
  f64: [0x20, ARGUMENT.f64],
  v128: [0x20, ARGUMENT.i32, 0xfd, 17, 0x20, ARGUMENT.i64, 0xfd, 30, 1, 0x20, ARGUMENT.f32, 0xfd, 32, 0],
  funcref: [0xd2, 1],
  externref: [0x20, LOCAL_EXTERN],
};

/** Takes a value of the type, and adds it to the result of {@link SUM}. */
const KEEP: Record<ValueType, readonly number[]> = {
  i32: [0xad, ...keepBits()],
  i64: keepBits(),
  f32: [0xbc, 0xad, ...keepBits()],
  f64: [0xbd, ...keepBits()],
  v128: [0x21, VECTOR, 0x20, VECTOR, 0xfd, 29, 0, ...keepBits(), 0x20, VECTOR, 0xfd, 29, 1, ...keepBits()],
  funcref: [0xd1, 0xad, ...keepBits()],
  externref: [0xd1, 0xad, ...keepBits()],
};

/** global 1 = global 1 * 31 + value. */
function keepBits(): number[] {
  return [0x23, 1, 0x42, 31, 0x7e, 0x7c, 0x24, 1];
}

/** The kept results, the sizes of memory and tables, and the other global variable. */
const SUM = [0x23, 1, 0x3f, 0, 0xad, 0x7c, 0xfc, 16, 0, 0xad, 0x7c, 0x23, 0, 0xad, 0x7c, 0x23, 2, 0xad, 0x7c];

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [...leb(content.length), ...content];
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

function text(value: string): number[] {
  return [...value].map((character) => character.charCodeAt(0));
}

/** Instructions of one form, numbered from `from` to `to`. */
function range(
  name: string,
  from: number,
  to: number,
  takes: readonly ValueType[],
  gives: readonly ValueType[],
  immediates: readonly number[] = [],
  prefix: readonly number[] = [],
): Opcode[] {
  const opcodes: Opcode[] = [];
  for (let number = from; number <= to; number++) {
    const encoded = prefix.length > 0 ? leb(number) : [number];
    const shown = [...prefix, ...encoded].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    opcodes.push({ name: `${name} ${shown}`, bytes: [...prefix, ...encoded, ...immediates], takes, gives });
  }
  return opcodes;
}

const vector = (
  name: string,
  from: number,
  to: number,
  takes: readonly ValueType[],
  gives: readonly ValueType[],
  immediates: readonly number[] = [],
) => range(name, from, to, takes, gives, immediates, [0xfd]);

const V = ['v128'] as const;
const VV = ['v128', 'v128'] as const;
const VI = ['v128', 'i32'] as const;
const I = ['i32'] as const;
const L = ['i64'] as const;
const F = ['f32'] as const;
const D = ['f64'] as const;
const MEMORY = [0, 4];

function unary(name: string, codes: readonly number[], from: ValueType, to: ValueType): Opcode[] {
  return codes.flatMap((code) => range(name, code, code, [from], [to]));
}

function single(
  name: string,
  bytes: readonly number[],
  takes: readonly ValueType[] = [],
  gives: readonly ValueType[] = [],
): Opcode {
  return { name, bytes, takes, gives };
}

function newer(name: string, bytes: readonly number[]): Opcode {
  return { name, bytes, takes: [], gives: [], isNewer: true };
}

const CONTROL: readonly Opcode[] = [
  single('unreachable', [0x00]),
  single('nop', [0x01]),
  single('block', [0x02, 0x7f, 0x20, 0, 0x0b], [], I),
  single('block of a type', [0x02, 1, 0x20, 0, 0x0b], [], I),
  single('block of a type, in more bytes than needed', [0x02, 0x81, 0x80, 0x00, 0x20, 0, 0x0b], [], I),
  // Counts down from the lowest four bits of the argument.
  single(
    'loop',
    [0x03, 0x40, 0x20, 0, 0x41, 15, 0x71, 0x22, 0, 0x41, 1, 0x6b, 0x22, 0, 0x41, 0, 0x4a, 0x0d, 0, 0x0b],
  ),
  single('if', [0x04, 0x40, 0x01, 0x0b], I),
  single('if else', [0x04, 0x7f, 0x41, 1, 0x05, 0x41, 2, 0x0b], I, I),
  single('br', [0x02, 0x40, 0x0c, 0, 0x0b]),
  single('br_if', [0x02, 0x40, 0x20, 0, 0x0d, 0, 0x10, 2, 0x0b]),
  single('br_table', [0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 0, 0x0b, 0x10, 2, 0x0b]),
  single('return', [0x02, 0x40, 0x20, 0, 0x45, 0x0d, 0, 0x42, 77, 0x0f, 0x0b]),
  single('call', [0x10, 1], [], I),
  single('call_indirect', [0x11, 1, 0], I, I),
  single(
    'return_call',
    [0x02, 0x40, 0x20, 0, 0x0d, 0, 0x20, 0, 0x41, 1, 0x72, 0x20, 1, 0x20, 2, 0x20, 3, 0x12, 0, 0x0b],
  ),
  single(
    'return_call_indirect',
    [0x02, 0x40, 0x0c, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x41, 0, 0x13, 0, 0, 0x0b],
  ),
  single('try, throw, catch', [0x06, 0x40, 0x08, 0, 0x07, 0, 0x10, 2, 0x0b]),
  single('try, catch_all', [0x06, 0x40, 0x20, 0, 0x04, 0x40, 0x08, 0, 0x0b, 0x19, 0x10, 2, 0x0b]),
  single('try, rethrow', [0x06, 0x40, 0x06, 0x40, 0x08, 0, 0x07, 0, 0x09, 0, 0x0b, 0x19, 0x10, 2, 0x0b]),
  single('try, delegate', [0x06, 0x40, 0x06, 0x40, 0x08, 0, 0x18, 0, 0x19, 0x10, 2, 0x0b]),
  single('throw out of the function', [0x20, 0, 0x04, 0x40, 0x08, 0, 0x0b]),
  single('drop', [0x1a], F),
  single('select', [0x1b], ['i64', 'i64', 'i32'], L),
  single('select of a type', [0x1c, 1, 0x6f], ['externref', 'externref', 'i32'], ['externref']),
  single('local.get', [0x20, 1], [], L),
  single('local.set', [0x21, 1], L),
  single('local.tee', [0x22, 3], D, D),
  single('global.get', [0x23, 1], [], L),
  single('global.set', [0x24, 0], I),
  single('global.get, in more bytes than needed', [0x23, 0x82, 0x80, 0x80, 0x00], [], I),
  single('table.get', [0x25, 0], I, ['funcref']),
  single('table.get of another', [0x25, 1], I, ['externref']),
  single('table.set', [0x26, 0], ['i32', 'funcref']),
  single('memory.size', [0x3f, 0], [], I),
  single('memory.grow', [0x40, 0], I, I),
  single('i32.const', [0x41, 0x80, 0x80, 0x80, 0x80, 0x78], [], I),
  single('i64.const', [0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], [], L),
  single('f32.const', [0x43, 0x03, 0x40, 0xa0, 0x7f], [], F),
  single('f64.const', [0x44, 0x03, 0x40, 1, 2, 3, 4, 0xf4, 0x7f], [], D),
  single('ref.null func', [0xd0, 0x70], [], ['funcref']),
  single('ref.null extern', [0xd0, 0x6f], [], ['externref']),
  single('ref.is_null', [0xd1], ['externref'], I),
  single('ref.func', [0xd2, 2], [], ['funcref']),
];

const NUMERIC: readonly Opcode[] = [
  ...range('i32.load', 0x28, 0x28, I, I, MEMORY),
  ...range('i64.load', 0x29, 0x29, I, L, MEMORY),
  ...range('f32.load', 0x2a, 0x2a, I, F, MEMORY),
  ...range('f64.load', 0x2b, 0x2b, I, D, MEMORY),
  ...range('i32.load', 0x2c, 0x2f, I, I, MEMORY),
  ...range('i64.load', 0x30, 0x35, I, L, MEMORY),
  ...range('i32.store', 0x36, 0x36, ['i32', 'i32'], [], MEMORY),
  ...range('i64.store', 0x37, 0x37, ['i32', 'i64'], [], MEMORY),
  ...range('f32.store', 0x38, 0x38, ['i32', 'f32'], [], MEMORY),
  ...range('f64.store', 0x39, 0x39, ['i32', 'f64'], [], MEMORY),
  ...range('i32.store', 0x3a, 0x3b, ['i32', 'i32'], [], MEMORY),
  ...range('i64.store', 0x3c, 0x3e, ['i32', 'i64'], [], MEMORY),
  ...range('i32.load far off', 0x28, 0x28, I, I, [2, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  ...range('i32.eqz', 0x45, 0x45, I, I),
  ...range('i32 comparison', 0x46, 0x4f, ['i32', 'i32'], I),
  ...range('i64.eqz', 0x50, 0x50, L, I),
  ...range('i64 comparison', 0x51, 0x5a, ['i64', 'i64'], I),
  ...range('f32 comparison', 0x5b, 0x60, ['f32', 'f32'], I),
  ...range('f64 comparison', 0x61, 0x66, ['f64', 'f64'], I),
  ...range('i32 of one', 0x67, 0x69, I, I),
  ...range('i32 of two', 0x6a, 0x78, ['i32', 'i32'], I),
  ...range('i64 of one', 0x79, 0x7b, L, L),
  ...range('i64 of two', 0x7c, 0x8a, ['i64', 'i64'], L),
  ...range('f32 of one', 0x8b, 0x91, F, F),
  ...range('f32 of two', 0x92, 0x98, ['f32', 'f32'], F),
  ...range('f64 of one', 0x99, 0x9f, D, D),
  ...range('f64 of two', 0xa0, 0xa6, ['f64', 'f64'], D),
  ...unary('i32.wrap', [0xa7], 'i64', 'i32'),
  ...unary('i32.trunc', [0xa8, 0xa9], 'f32', 'i32'),
  ...unary('i32.trunc', [0xaa, 0xab], 'f64', 'i32'),
  ...unary('i64.extend', [0xac, 0xad], 'i32', 'i64'),
  ...unary('i64.trunc', [0xae, 0xaf], 'f32', 'i64'),
  ...unary('i64.trunc', [0xb0, 0xb1], 'f64', 'i64'),
  ...unary('f32.convert', [0xb2, 0xb3, 0xbe], 'i32', 'f32'),
  ...unary('f32.convert', [0xb4, 0xb5], 'i64', 'f32'),
  ...unary('f32.demote', [0xb6], 'f64', 'f32'),
  ...unary('f64.convert', [0xb7, 0xb8], 'i32', 'f64'),
  ...unary('f64.convert', [0xb9, 0xba, 0xbf], 'i64', 'f64'),
  ...unary('f64.promote', [0xbb], 'f32', 'f64'),
  ...unary('i32.reinterpret', [0xbc], 'f32', 'i32'),
  ...unary('i64.reinterpret', [0xbd], 'f64', 'i64'),
  ...unary('i32.extend', [0xc0, 0xc1], 'i32', 'i32'),
  ...unary('i64.extend', [0xc2, 0xc3, 0xc4], 'i64', 'i64'),
];

const BULK: readonly Opcode[] = [
  ...range('i32.trunc_sat', 0, 1, F, I, [], [0xfc]),
  ...range('i32.trunc_sat', 2, 3, D, I, [], [0xfc]),
  ...range('i64.trunc_sat', 4, 5, F, L, [], [0xfc]),
  ...range('i64.trunc_sat', 6, 7, D, L, [], [0xfc]),
  single('memory.init', [0x41, 40, 0x41, 1, 0x20, 0, 0xfc, 8, 1, 0]),
  single('data.drop', [0xfc, 9, 1]),
  single('memory.copy', [0x41, 60, 0x41, 3, 0x20, 0, 0xfc, 10, 0, 0]),
  single('memory.fill', [0x41, 80, 0x41, 3, 0x20, 0, 0xfc, 11, 0]),
  single('table.init', [0x41, 2, 0x41, 0, 0x20, 0, 0xfc, 12, 1, 0]),
  single('elem.drop', [0xfc, 13, 1]),
  single('table.copy', [0x41, 2, 0x41, 0, 0x20, 0, 0xfc, 14, 0, 0]),
  single('table.grow', [0xd0, 0x6f, 0x20, 0, 0xfc, 15, 1], [], I),
  single('table.size', [0xfc, 16, 1], [], I),
  single('table.fill', [0x41, 1, 0xd2, 1, 0x20, 0, 0xfc, 17, 0]),
  single('memory.fill, in more bytes than needed', [0x41, 80, 0x41, 3, 0x20, 0, 0xfc, 0x8b, 0x80, 0x00, 0]),
];

const LANE_BYTES = Array.from({ length: 16 }, (_, i) => (i * 5 + 3) & 31);

const VECTORS: readonly Opcode[] = [
  ...vector('v128.load', 0, 10, I, V, [0, 4]),
  ...vector('v128.store', 11, 11, ['i32', 'v128'], [], [0, 4]),
  ...vector('v128.const', 12, 12, [], V, LANE_BYTES),
  ...vector('i8x16.shuffle', 13, 13, VV, V, LANE_BYTES),
  ...vector('i8x16.swizzle', 14, 14, VV, V),
  ...vector('splat', 15, 17, I, V),
  ...vector('splat', 18, 18, L, V),
  ...vector('splat', 19, 19, F, V),
  ...vector('splat', 20, 20, D, V),
  ...vector('extract_lane', 21, 22, V, I, [15]),
  ...vector('replace_lane', 23, 23, VI, V, [15]),
  ...vector('extract_lane', 24, 25, V, I, [7]),
  ...vector('replace_lane', 26, 26, VI, V, [7]),
  ...vector('extract_lane', 27, 27, V, I, [3]),
  ...vector('replace_lane', 28, 28, VI, V, [3]),
  ...vector('extract_lane', 29, 29, V, L, [1]),
  ...vector('replace_lane', 30, 30, ['v128', 'i64'], V, [1]),
  ...vector('extract_lane', 31, 31, V, F, [3]),
  ...vector('replace_lane', 32, 32, ['v128', 'f32'], V, [3]),
  ...vector('extract_lane', 33, 33, V, D, [1]),
  ...vector('replace_lane', 34, 34, ['v128', 'f64'], V, [1]),
  ...vector('comparison', 35, 76, VV, V),
  ...vector('v128.not', 77, 77, V, V),
  ...vector('v128 of two', 78, 81, VV, V),
  ...vector('v128.bitselect', 82, 82, ['v128', 'v128', 'v128'], V),
  ...vector('v128.any_true', 83, 83, V, I),
  ...vector('load_lane', 84, 87, ['i32', 'v128'], V, [0, 4, 1]),
  ...vector('store_lane', 88, 91, ['i32', 'v128'], [], [0, 4, 1]),
  ...vector('load_zero', 92, 93, I, V, [0, 4]),
  ...vector('of one', 94, 98, V, V),
  ...vector('to a number', 99, 100, V, I),
  ...vector('narrow', 101, 102, VV, V),
  ...vector('of one', 103, 106, V, V),
  ...vector('shift', 107, 109, VI, V),
  ...vector('of two', 110, 115, VV, V),
  ...vector('of one', 116, 117, V, V),
  ...vector('of two', 118, 121, VV, V),
  ...vector('of one', 122, 122, V, V),
  ...vector('of two', 123, 123, VV, V),
  ...vector('of one', 124, 129, V, V),
  ...vector('of two', 130, 130, VV, V),
  ...vector('to a number', 131, 132, V, I),
  ...vector('narrow', 133, 134, VV, V),
  ...vector('extend', 135, 138, V, V),
  ...vector('shift', 139, 141, VI, V),
  ...vector('of two', 142, 147, VV, V),
  ...vector('of one', 148, 148, V, V),
  ...vector('of two', 149, 153, VV, V),
  ...vector('of two', 155, 159, VV, V),
  ...vector('of one', 160, 161, V, V),
  ...vector('to a number', 163, 164, V, I),
  ...vector('extend', 167, 170, V, V),
  ...vector('shift', 171, 173, VI, V),
  ...vector('of two', 174, 174, VV, V),
  ...vector('of two', 177, 177, VV, V),
  ...vector('of two', 181, 186, VV, V),
  ...vector('of two', 188, 191, VV, V),
  ...vector('of one', 192, 193, V, V),
  ...vector('to a number', 195, 196, V, I),
  ...vector('extend', 199, 202, V, V),
  ...vector('shift', 203, 205, VI, V),
  ...vector('of two', 206, 206, VV, V),
  ...vector('of two', 209, 209, VV, V),
  ...vector('of two', 213, 223, VV, V),
  ...vector('of one', 224, 225, V, V),
  ...vector('of one', 227, 227, V, V),
  ...vector('of two', 228, 235, VV, V),
  ...vector('of one', 236, 237, V, V),
  ...vector('of one', 239, 239, V, V),
  ...vector('of two', 240, 247, VV, V),
  ...vector('of one', 248, 255, V, V),
];

/** The numbers below 256 behind 0xfd that are not instructions. */
export const UNUSED_VECTOR_NUMBERS: readonly number[] = [
  154, 162, 165, 166, 175, 176, 178, 179, 180, 187, 194, 197, 198, 207, 208, 210, 211, 212, 226, 238,
];

/** Instructions of newer engines, which this host refuses on all engines. */
const NEWER: readonly Opcode[] = [
  newer('throw_ref', [0x0a]),
  newer('call_ref', [0x14, 0]),
  newer('return_call_ref', [0x15, 0]),
  newer('try_table', [0x1f, 0x40, 0]),
  newer('ref.eq', [0xd3]),
  newer('ref.as_non_null', [0xd4]),
  newer('br_on_null', [0xd5, 0]),
  newer('br_on_non_null', [0xd6, 0]),
  newer('ref.null of a type', [0xd0, 0]),
  newer('ref.null any', [0xd0, 0x6e]),
  newer('ref.null exn', [0xd0, 0x69]),
  newer('block that gives a nullable reference', [0x02, 0x63, 0x70]),
  newer('block that gives a reference of a type', [0x02, 0x64, 0x41]),
  newer('loop that gives anyref', [0x03, 0x6e]),
  newer('if that gives exnref', [0x04, 0x69]),
  newer('select of a reference of a type', [0x1c, 1, 0x63, 0x70]),
  newer('i32.load of another memory', [0x28, 0x42, 1, 0]),
  newer('memory.size of another memory', [0x3f, 1]),
  newer('memory.copy to another memory', [0xfc, 10, 1, 0]),
  newer('memory.init of another memory', [0xfc, 8, 1, 1]),
  newer('memory.discard', [0xfc, 18, 0]),
  ...Array.from({ length: 31 }, (_, n) => newer(`garbage collection ${n}`, [0xfb, n, 0, 0])),
  ...Array.from({ length: 20 }, (_, n) => newer(`relaxed vector ${256 + n}`, [0xfd, ...leb(256 + n)])),
  ...UNUSED_VECTOR_NUMBERS.map((n) => newer(`unused vector ${n}`, [0xfd, ...leb(n)])),
  ...[0, 1, 2, 3, 0x10, 0x17, 0x1e, 0x4e].map((n) => newer(`atomic ${n}`, [0xfe, ...leb(n), 0, 0])),
  ...[
    0x16, 0x17, 0x1d, 0x1e, 0x27, 0xc5, 0xc7, 0xd7, 0xdf, 0xe0, 0xef, 0xf0, 0xf7, 0xf8, 0xf9, 0xfa, 0xff,
  ].map((code) => newer(`unused 0x${code.toString(16)}`, [code])),
];

export const OPCODES: readonly Opcode[] = [...CONTROL, ...NUMERIC, ...BULK, ...VECTORS];
export const NEWER_OPCODES: readonly Opcode[] = NEWER;
