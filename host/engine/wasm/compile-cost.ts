import { BinaryReader } from './binary-reader.ts';
import type { FunctionType } from './core-module.ts';
import { OP } from './instruction.ts';

/**
 * Counts what the engine's compilation of a function costs beyond its size. At each branch, block and call a
 * compiler goes through everything that is live: the locals, and the operands on the stack. So the cost is a
 * product, and a function of 4 KB can cost ten million units.
 *
 * The unit is one local or operand at an instruction of weight one. V8's first compiler takes about 5 ns and
 * 1.2 bytes for a unit.
 */
export class CompileCost {
  readonly #types: readonly FunctionType[];
  readonly #functionTypes: readonly number[];
  readonly #locals: number;
  /** The open blocks: the height of the operand stack below each, and how many results it leaves. */
  readonly #open: Block[] = [];
  #height = 0;
  units = 0;
  /**
   * The cost of the optimizing compiler. It compiles a function that runs often, in threads
   * of its own, and nothing can interrupt it. A unit is 16 bytes of its memory, or 0.1 µs.
   */
  optimizing = 0;
  #loops = 0;
  #branches = 0;
  #engineCalls = 0;
  /** Whether the code catches exceptions. */
  catches = false;

  constructor(
    {
      types,
      functionTypes,
    }: { readonly types: readonly FunctionType[]; readonly functionTypes: readonly number[] },
    locals: number,
  ) {
    this.#types = types;
    this.#functionTypes = functionTypes;
    this.#locals = locals;
  }

  /** The next instruction of valid code: its opcode, and the reader behind it. */
  add(opcode: number, reader: BinaryReader, at: number): void {
    const alive = this.#locals + this.#height;
    switch (opcode) {
      case OP.block:
      case OP.loop:
      case OP.if:
      case OP.try: {
        if (opcode === OP.try) this.catches = true;
        const { parameters, results } = this.#blockType(reader, at + 1);
        this.units += alive * (opcode === OP.block ? 2 : 4);
        this.optimizing += alive + (opcode === OP.block ? 0 : OPTIMIZING.control);
        if (opcode === OP.loop) this.optimizing += OPTIMIZING.loops * this.#loops++;
        if (opcode === OP.if) this.#branch();
        if (opcode === OP.if) this.#pop(1);
        const base = this.#height - parameters;
        this.#open.push({ base: Math.max(0, base), parameters, results });
        return;
      }
      case OP.else:
      case OP.catch:
      case OP.catchAll: {
        this.units += alive * 4;
        this.optimizing += alive;
        this.#branch();
        const block = this.#open.at(-1);
        if (block === undefined) return;
        // A tag has as many values as its type has parameters; no type has more than this many.
        const given = opcode === OP.else ? block.parameters : opcode === OP.catch ? MAX_TAG_VALUES : 0;
        this.#height = block.base + given;
        return;
      }
      case OP.end:
      case OP.delegate: {
        this.units += alive;
        const block = this.#open.pop();
        if (block !== undefined) this.#height = block.base + block.results;
        return;
      }
      case 0x0d: // br_if
        this.units += alive * 2;
        this.optimizing += alive;
        this.#pop(1);
        return;
      case 0x0e: {
        // br_table: each open block can be a separate target
        const targets = new BinaryReader(reader.bytes, at + 1, reader.at).u32() + 1;
        this.units += alive * 2 * Math.min(targets, this.#open.length + 1);
        this.optimizing += (alive + OPTIMIZING.target) * targets;
        this.#leave();
        return;
      }
      case 0x08: // throw
      case 0x09: // rethrow
      case 0x0c: // br
      case 0x0f: // return
      case 0x12: // return_call
      case 0x13: // return_call_indirect
        this.units += alive * 2;
        this.optimizing += alive;
        this.#leave();
        return;
      case 0x00: // unreachable
        this.#leave();
        return;
      case 0x10: {
        this.units += alive;
        this.optimizing += OPTIMIZING.call;
        const called = new BinaryReader(reader.bytes, at + 1, reader.at).u32();
        this.#call(this.#types[this.#functionTypes[called] ?? -1]);
        return;
      }
      case 0x11: {
        this.units += alive;
        this.optimizing += OPTIMIZING.indirectCall;
        this.#pop(1);
        this.#call(this.#types[new BinaryReader(reader.bytes, at + 1, reader.at).u32()]);
        return;
      }
    }
    this.optimizing += OPTIMIZING.any;
    if (isCallOfEngine(opcode)) {
      this.units += alive;
      this.optimizing += OPTIMIZING.engineCall + OPTIMIZING.engineCalls * this.#engineCalls++;
    }
    const effect = effectOf(opcode);
    if (effect > 0) this.#height += effect;
    else if (effect < 0) this.#pop(-effect);
  }

  /** Adds the places where the function counts its fuel. */
  addCounts(counts: number): void {
    this.optimizing += (OPTIMIZING.counts * counts * counts) / 2;
  }

  #branch(): void {
    this.optimizing += OPTIMIZING.branches * this.#branches++;
  }

  #blockType(reader: BinaryReader, at: number): { parameters: number; results: number } {
    const type = new BinaryReader(reader.bytes, at, reader.at).s33();
    if (type < 0) return { parameters: 0, results: type === EMPTY ? 0 : 1 };
    return this.#types[type] ?? { parameters: 0, results: 0 };
  }

  #call(type: FunctionType | undefined): void {
    if (type === undefined) return;
    this.#pop(type.parameters);
    this.#height += type.results;
  }

  /** Unreachable code can take operands that nothing has pushed. */
  #pop(count: number): void {
    this.#height = Math.max(this.#open.at(-1)?.base ?? 0, this.#height - count);
  }

  #leave(): void {
    this.#height = this.#open.at(-1)?.base ?? 0;
  }
}

/**
 * The most units of a function of this many bytes. Real code has three units for each byte on average, and
 * twenty in its worst functions. The upper bound takes half a second.
 */
export function mostUnits(bytes: number): number {
  return Math.min(MOST_UNITS, UNITS_OF_ANY + bytes * UNITS_BY_BYTE);
}

const UNITS_OF_ANY = 1_000_000;
const UNITS_BY_BYTE = 200;
const MOST_UNITS = 100_000_000;

/**
 * The most that the optimizing compiler may take for one function: some 300 MiB, and two seconds of a thread
 * of its own. The worst functions of real code, of 170 KB, take a quarter of it.
 */
export const MOST_OPTIMIZING = 20_000_000;

/** Units of the optimizing compiler, measured with functions of many such instructions. */
const OPTIMIZING = {
  any: 60,
  call: 150,
  indirectCall: 500,
  /** An `if`, `loop` or `try`. */
  control: 500,
  /** A target of `br_table`. */
  target: 150,
  /** An instruction that calls a function of the engine. */
  engineCall: 1250,
  // For each pair of these in a function: the compiler takes quadratic time.
  loops: 8,
  engineCalls: 4,
  branches: 0.25,
  counts: 0.03,
} as const;

/** The most parameters of a function type that V8 allows. */
const MAX_TAG_VALUES = 1000;

interface Block {
  readonly base: number;
  readonly parameters: number;
  readonly results: number;
}

/** The block type of a block without values, as a signed number. */
const EMPTY = -0x40;

/** Instructions for which the engine calls a function of its own, and first saves the live values. */
function isCallOfEngine(opcode: number): boolean {
  return (
    opcode === 0x25 || // table.get
    opcode === 0x26 || // table.set
    opcode === OP.memoryGrow ||
    opcode === 0xd2 || // ref.func
    (opcode >= OP.memoryInit && opcode <= OP.tableFill)
  );
}

/**
 * How much an instruction changes the height of the operand stack. The instructions handled above are not
 * here.
 */
function effectOf(opcode: number): number {
  if (opcode >= 0xfd00) return vectorEffect(opcode & 0xff);
  if (opcode >= 0x28 && opcode <= 0x35) return 0; // loads
  if (opcode >= 0x36 && opcode <= 0x3e) return -2; // stores
  if (opcode >= 0x45 && opcode <= 0xc4) return isUnary(opcode) ? 0 : -1;
  switch (opcode) {
    case 0x1a: // drop
    case 0x21: // local.set
    case 0x24: // global.set
      return -1;
    case 0x1b: // select
    case 0x1c:
    case 0x26: // table.set
      return -2;
    case 0x20: // local.get
    case 0x23: // global.get
    case 0x3f: // memory.size
    case 0x41: // constants
    case 0x42:
    case 0x43:
    case 0x44:
    case 0xd0: // ref.null
    case 0xd2: // ref.func
    case 0xfc10: // table.size
      return 1;
    case OP.memoryInit:
    case OP.memoryCopy:
    case OP.memoryFill:
    case OP.tableInit:
    case OP.tableCopy:
    case OP.tableFill:
      return -3;
    case OP.tableGrow:
      return -1;
  }
  return 0;
}

/** Instructions with one operand: tests, counts of bits, conversions and so on. */
function isUnary(opcode: number): boolean {
  return (
    opcode === 0x45 ||
    opcode === 0x50 ||
    (opcode >= 0x67 && opcode <= 0x69) ||
    (opcode >= 0x79 && opcode <= 0x7b) ||
    (opcode >= 0x8b && opcode <= 0x91) ||
    (opcode >= 0x99 && opcode <= 0x9f) ||
    opcode >= 0xa7
  );
}

/** Vector instructions with no operand or several are listed; all others count like those with one. */
function vectorEffect(number: number): number {
  if (number === 12) return 1; // v128.const
  if (number === 11) return -2; // v128.store
  if (number === 82) return -2; // v128.bitselect
  if (number >= 88 && number <= 91) return -2; // stores of one lane
  if (number === 13 || number === 14) return -1; // shuffle, swizzle
  if (number >= 35 && number <= 76) return -1; // comparisons
  if (number >= 78 && number <= 81) return -1; // and, andnot, or, xor
  return 0;
}
