import { BinaryReader } from './binary-reader.ts';
import type { CompileCost } from './compile-cost.ts';
import {
  LOCALS_OF_A_UNIT,
  PRICE_OF_COUNTING,
  PRICE_OF_PASSED_FRAME,
  PRICE_OF_SEGMENT_ENTRY,
  type PriceFactors,
  priceOf,
  type StretchPrice,
  stretchPriceOf,
} from './fuel.ts';
import { OP, readInstruction } from './instruction.ts';

/** A change of a function's code, at an offset of its bytes. */
export type Edit =
  /** Takes `price` units. */
  | { readonly kind: 'count'; readonly at: number; price: number }
  /** Takes units by the length on top of the stack. */
  | { readonly kind: 'count-stretch'; readonly at: number; readonly price: StretchPrice }
  /** Follows a `memory.grow`, whose result is on top of the stack. */
  | { readonly kind: 'note-refusal'; readonly at: number }
  /** Replaces the number of a global variable, from here to `end`. */
  | { readonly kind: 'global'; readonly at: number; readonly end: number; readonly index: number };

/**
 * Finds the places where a function counts its fuel. Edits are in the order of the code.
 *
 * The code is divided into segments, which control enters at their first instruction only. A segment is
 * entered at most once between two visits of the head of its loop (or of the function), because only loops go
 * back. So the head can pay for small segments in advance, which keeps counting out of ordinary branches. A
 * segment above {@link PREPAID_PRICE} pays on entry, so that a large interpreter loop is not charged in full
 * for each turn. Nothing runs unpaid.
 *
 * @param reader stands at the first instruction, and is read to its end.
 */
export function meterFunction(
  reader: BinaryReader,
  { prices, segmentLengths, locals, cost }: Metering,
): Edit[] {
  const edits: Edit[] = [];
  const open: (Head | undefined)[] = [];
  let head = beginHead(reader.at, edits);
  head.segment.price += Math.floor(locals / LOCALS_OF_A_UNIT);
  if (prices.catches) head.segment.price += PRICE_OF_PASSED_FRAME;
  const heads = [head];
  let segment: Segment = head.segment;

  const begin = (): void => {
    close(segment, head);
    segment = beginSegment(reader.at, edits);
  };

  while (!reader.isAtEnd) {
    const at = reader.at;
    const opcode = readInstruction(reader);
    cost.add(opcode, reader, at);
    const stretch = stretchPriceOf(opcode, prices);
    if (stretch !== undefined) edits.push({ kind: 'count-stretch', at, price: stretch });
    if (opcode === OP.memoryGrow) edits.push({ kind: 'note-refusal', at: reader.at });
    if (opcode === OP.globalGet || opcode === OP.globalSet) edits.push(globalEdit(reader, at + 1));
    segment.price += priceOf(opcode, prices);
    if (opcode === OP.tableInit) segment.price += priceOfSegment(reader, at, segmentLengths);
    switch (opcode) {
      case OP.loop:
        close(segment, head);
        open.push(head);
        head = beginHead(reader.at, edits);
        heads.push(head);
        segment = head.segment;
        break;
      case OP.block:
      case OP.try:
        open.push(undefined);
        break;
      case OP.if:
        open.push(undefined);
        begin();
        break;
      case OP.else:
      case OP.catch:
      case OP.catchAll:
        begin();
        break;
      case OP.end:
      case OP.delegate: {
        close(segment, head);
        // The head of the loop around a loop that ends here.
        head = open.pop() ?? head;
        segment = beginSegment(reader.at, edits);
        break;
      }
      default:
        if (segment.price >= LONGEST_PRICE) begin();
    }
  }
  close(segment, head);
  for (const each of heads) each.segment.count.price += each.prepaid;
  return edits.filter((edit) => edit.kind !== 'count' || edit.price > 0);
}

/** The parameters of metering a function's code. */
export interface Metering {
  readonly prices: PriceFactors;
  /** The entries of each element segment of the module. */
  readonly segmentLengths: readonly number[];
  /** The locals of the function, without its parameters: each entry sets them to zero. */
  readonly locals: number;
  /** Adds up the cost of compiling the function. */
  readonly cost: CompileCost;
}

/** Reads the number of the segment, which follows the two bytes of `table.init`. */
function priceOfSegment(reader: BinaryReader, at: number, lengths: readonly number[]): number {
  const operands = new BinaryReader(reader.bytes, at + 1, reader.at);
  operands.u32();
  return (lengths[operands.u32()] ?? 0) * PRICE_OF_SEGMENT_ENTRY;
}

/** The most that the head of a loop or function pays in advance for a small segment, in units. */
const PREPAID_PRICE = 128;
/**
 * Straight code is divided where its price reaches this, so that leaving it early does not cost all of it.
 */
const LONGEST_PRICE = 256;

interface Segment {
  price: number;
  readonly count: Edit & { kind: 'count' };
}

/** The start of a loop's body, or of a function. */
interface Head {
  readonly segment: Segment;
  prepaid: number;
}

function beginSegment(at: number, edits: Edit[]): Segment {
  const count: Edit & { kind: 'count' } = { kind: 'count', at, price: 0 };
  edits.push(count);
  return { price: 0, count };
}

function beginHead(at: number, edits: Edit[]): Head {
  const segment = beginSegment(at, edits);
  segment.count.price = PRICE_OF_COUNTING;
  return { segment, prepaid: 0 };
}

/** The segment is complete: its head pays for it, or it pays itself. */
function close(segment: Segment, head: Head): void {
  if (segment === head.segment) {
    segment.count.price += segment.price;
  } else if (head.prepaid + segment.price <= PREPAID_PRICE) {
    head.prepaid += segment.price;
  } else {
    segment.count.price = segment.price + PRICE_OF_COUNTING;
  }
}

/** Reads its index again, because {@link readInstruction} skips it. */
function globalEdit(reader: BinaryReader, at: number): Edit {
  const end = reader.at;
  reader.at = at;
  const index = reader.u32();
  return { kind: 'global', at, end, index };
}
