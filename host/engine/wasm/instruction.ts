import type { BinaryReader } from './binary-reader.ts';
import { ComponentError } from './component-error.ts';
import { readValueType } from './value-type.ts';

/**
 * Opcodes that the rewriter treats specially; prefixed opcodes have the prefix in their upper bits.
 */
export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  end: 0x0b,
  delegate: 0x18,
  catchAll: 0x19,
  globalGet: 0x23,
  globalSet: 0x24,
  memoryGrow: 0x40,
  memoryInit: 0xfc08,
  memoryCopy: 0xfc0a,
  memoryFill: 0xfc0b,
  tableInit: 0xfc0c,
  tableCopy: 0xfc0e,
  tableGrow: 0xfc0f,
  tableFill: 0xfc11,
} as const;

/**
 * Reads an opcode and skips its immediates.
 *
 * It knows WebAssembly 2.0, tail calls and the exceptions of Node 20, which every engine of this host
 * accepts. It refuses newer instructions on newer engines too, so that a piece runs on all engines or on
 * none.
 *
 * @returns the opcode; for a prefixed one, prefix << 8 | number.
 * @throws {ComponentError} FT_COMPONENT_UNSUPPORTED
 */
export function readInstruction(reader: BinaryReader): number {
  const offset = reader.at;
  const opcode = reader.byte();
  if (opcode >= 0x45 && opcode <= 0xc4) return opcode; // arithmetic, comparisons and conversions
  if (opcode >= 0x28 && opcode <= 0x3e) {
    skipMemoryArgument(reader, offset);
    return opcode;
  }
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case OP.else:
    case OP.end:
    case 0x0f: // return
    case OP.catchAll:
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      return opcode;
    case OP.block:
    case OP.loop:
    case OP.if:
    case OP.try:
      skipBlockType(reader, offset);
      return opcode;
    case OP.catch:
    case 0x08: // throw
    case 0x09: // rethrow
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x12: // return_call
    case OP.delegate:
    case 0x20: // local.get
    case 0x21: // local.set
    case 0x22: // local.tee
    case OP.globalGet:
    case OP.globalSet:
    case 0x25: // table.get
    case 0x26: // table.set
    case 0xd2: // ref.func
      reader.u32();
      return opcode;
    case 0x0e: // br_table
      for (let left = reader.count(); left >= 0; left--) reader.u32();
      return opcode;
    case 0x11: // call_indirect
    case 0x13: // return_call_indirect
      reader.u32();
      reader.u32();
      return opcode;
    case 0x1c: // select, typed
      for (let left = reader.count(); left > 0; left--) readValueType(reader);
      return opcode;
    case 0x3f: // memory.size
    case OP.memoryGrow:
      skipMemoryIndex(reader, offset);
      return opcode;
    case 0x41: // i32.const
      reader.skipLeb(5);
      return opcode;
    case 0x42: // i64.const
      reader.skipLeb(10);
      return opcode;
    case 0x43: // f32.const
      reader.skip(4);
      return opcode;
    case 0x44: // f64.const
      reader.skip(8);
      return opcode;
    case 0xd0: // ref.null
      readValueType(reader);
      return opcode;
    case 0xfc:
      return readBulkInstruction(reader, offset);
    case 0xfd:
      return readVectorInstruction(reader, offset);
    default:
      return unknown(`0x${opcode.toString(16)}`, offset);
  }
}

/** Saturating conversions, and bulk instructions for memories and tables. */
function readBulkInstruction(reader: BinaryReader, offset: number): number {
  const number = reader.u32();
  const opcode = 0xfc00 | number;
  switch (opcode) {
    case OP.memoryInit:
      reader.u32();
      skipMemoryIndex(reader, offset);
      return opcode;
    case OP.memoryCopy:
      skipMemoryIndex(reader, offset);
      skipMemoryIndex(reader, offset);
      return opcode;
    case OP.memoryFill:
      skipMemoryIndex(reader, offset);
      return opcode;
    case OP.tableInit:
    case OP.tableCopy:
      reader.u32();
      reader.u32();
      return opcode;
    case 0xfc09: // data.drop
    case 0xfc0d: // elem.drop
    case OP.tableGrow:
    case 0xfc10: // table.size
    case OP.tableFill:
      reader.u32();
      return opcode;
  }
  if (number > 7) unknown(`0xfc ${number}`, offset);
  return opcode;
}

/** Vector instructions, without the relaxed ones, whose results differ between machines. */
function readVectorInstruction(reader: BinaryReader, offset: number): number {
  const number = reader.u32();
  if (number > 0xff || UNUSED_VECTOR_NUMBERS.has(number)) unknown(`0xfd ${number}`, offset);
  if (number <= 11 || number === 92 || number === 93) skipMemoryArgument(reader, offset);
  else if (number <= 13) reader.skip(16);
  else if (number >= 21 && number <= 34) reader.skip(1);
  else if (number >= 84 && number <= 91) {
    skipMemoryArgument(reader, offset);
    reader.skip(1);
  }
  return 0xfd00 | number;
}

/** Numbers that WebAssembly 2.0 leaves out; the reader would not know their immediates. */
const UNUSED_VECTOR_NUMBERS: ReadonlySet<number> = new Set([
  154, 162, 165, 166, 175, 176, 178, 179, 180, 187, 194, 197, 198, 207, 208, 210, 211, 212, 226, 238,
]);

/**
 * Skips a block type: nothing, one value, or the number of a type. Newer value types have immediates, which
 * the reader would take for instructions: a module could thereby hide a loop from the counting.
 */
function skipBlockType(reader: BinaryReader, offset: number): void {
  const type = reader.s33();
  if (type < 0 && !BLOCK_TYPES.has(type)) unknown('a block with a newer value type', offset);
}

/** Nothing, i32, i64, f32, f64, v128, funcref and externref as signed numbers. */
const BLOCK_TYPES: ReadonlySet<number> = new Set(
  [0x40, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f].map((byte) => byte - 0x80),
);

function skipMemoryArgument(reader: BinaryReader, offset: number): void {
  if ((reader.u32() & 0x40) !== 0) unknown('with a memory index', offset);
  reader.u32();
}

function skipMemoryIndex(reader: BinaryReader, offset: number): void {
  if (reader.u32() !== 0) unknown('with a memory index', offset);
}

function unknown(what: string, offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_UNSUPPORTED',
    `a core module has an instruction that this host does not know (${what}), at byte ${offset} of it; compile the piece for WebAssembly 2.0`,
    { offset },
  );
}
