import { OP } from './instruction.ts';

/** The most entries of a table: engines allow them, and prices can still count them. */
export const MAX_TABLE_ENTRIES = 2 ** 20;
/**
 * The most instances that may use one table, including the one that defines it. With this bound no price is
 * above 2^30.
 */
export const MAX_TABLE_USES = 16;
const MAX_TABLE_STRETCH = 2 * MAX_TABLE_ENTRIES - 1;

/**
 * Fuel is counted in units of about one simple instruction. This file holds the budgets of the calls, and the
 * prices.
 *
 * A budget bounds the time of a call: endless loops of all kinds use 20 million units in 2 to 40 ms on the
 * machine of the design's figures. Loops that miss the cache at each step are the slowest (`npm run bench`
 * prints the plain ones). Useful work is far below: a batch leaves at least 58 000 units for each frame, and
 * 114 for each of its bytes.
 */
export const FUEL = {
  /** One call of `process` and of the `cabi_realloc` before it, for any number of frames. */
  process: 20_000_000,
  /** One typed call: starting, joining, saving. */
  control: 20_000_000,
  /** The start functions of an instance. */
  instantiate: 20_000_000,
} as const;

/** Factors of a component that make its instructions cost more. */
export interface PriceFactors {
  /**
   * The binary logarithm, rounded up, of the number of instances that use one table: the engine repeats all
   * work on a table for each instance that imports it.
   */
  readonly tableUses: number;
  /**
   * Whether the component catches exceptions. If so, it can throw again and again through many stack frames,
   * each of which the engine searches and removes. So each entry of a function pays for its stack frame in
   * advance.
   */
  readonly catches: boolean;
}

export const PLAIN_PRICES: PriceFactors = { tableUses: 0, catches: false };

/** The price of a stack frame that an exception passes. */
export const PRICE_OF_PASSED_FRAME = 256;

/** Square roots and divisions of vectors. */
const SLOW_VECTORS: ReadonlySet<number> = new Set([0xe3, 0xe7, 0xef, 0xf3]);

/** Returns the price of an instruction, in units. Instructions that are not listed cost one. */
export function priceOf(opcode: number, { tableUses }: PriceFactors = PLAIN_PRICES): number {
  if (opcode >= 0x28 && opcode <= 0x3e) return 2; // loads and stores
  if (opcode >= 0xfd00) return SLOW_VECTORS.has(opcode & 0xff) ? 16 : 2;
  switch (opcode) {
    case OP.end:
    case OP.else:
      return 0;
    // Growing has one price for any length: nothing shrinks, so the caps bound all growth of an instance.
    case OP.tableGrow:
      return 4000 << tableUses;
    case OP.memoryGrow:
    case 0x08: // throw
    case 0x09: // rethrow
      return 4000;
    case 0x10: // call
    case 0x12: // return_call
      return 4;
    case 0x11: // call_indirect
    case 0x13: // return_call_indirect
      return 16;
    case 0x25: // table.get, which makes an object at the first time for each entry
      return 32;
    case 0x26: // table.set
      return 16 << tableUses;
    case 0x6d: // division and remainder of integers
    case 0x6e:
    case 0x6f:
    case 0x70:
    case 0x7f:
    case 0x80:
    case 0x81:
    case 0x82:
      return 8;
    case 0x91: // square root and division of floats
    case 0x95:
    case 0x9f:
    case 0xa3:
      return 8;
    case 0xd2: // ref.func, which makes an object at the first time for each function
      return 192;
    case 0xfc09: // data.drop
    case 0xfc0d: // elem.drop
    case 0xfc10: // table.size
      return 64;
  }
  return 1;
}

/** An entry of a function pays a unit for so many of its locals, which the engine sets to zero. */
export const LOCALS_OF_A_UNIT = 4;

/** The price of the counting code itself. */
export const PRICE_OF_COUNTING = 3;

/**
 * The price of an instruction whose length operand is on top of the stack: `base`, plus the masked length
 * shifted to the right (or, if `shift` is negative, to the left). No price is above 2^30, so that the counter
 * cannot wrap.
 */
export interface StretchPrice {
  readonly base: number;
  readonly mask: number;
  readonly shift: number;
}

/** Instructions priced by length. */
export const STRETCH_PRICES: ReadonlyMap<number, StretchPrice> = new Map([
  // A unit for four bytes.
  [OP.memoryInit, { base: 32, mask: -1, shift: 2 }],
  [OP.memoryCopy, { base: 32, mask: -1, shift: 2 }],
  [OP.memoryFill, { base: 32, mask: -1, shift: 2 }],
  // Entries. Greater lengths trap without work.
  [OP.tableInit, { base: 128, mask: MAX_TABLE_STRETCH, shift: -5 }],
  [OP.tableCopy, { base: 128, mask: MAX_TABLE_STRETCH, shift: -5 }],
  [OP.tableFill, { base: 128, mask: MAX_TABLE_STRETCH, shift: -5 }],
]);

/** The price of work on a range of a table that several instances use. */
export function stretchPriceOf(opcode: number, { tableUses }: PriceFactors): StretchPrice | undefined {
  const price = STRETCH_PRICES.get(opcode);
  if (price === undefined || price.shift > 0) return price;
  return { ...price, shift: price.shift - tableUses };
}

/**
 * The price for each entry of the segment at its first `table.init`, however few it copies: the engine makes
 * a reference of each. Every `table.init` pays it.
 */
export const PRICE_OF_SEGMENT_ENTRY = 128;
