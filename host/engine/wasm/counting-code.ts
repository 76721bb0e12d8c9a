import type { ByteWriter } from './byte-writer.ts';
import type { StretchPrice } from './fuel.ts';
import { OP } from './instruction.ts';
import type { Edit } from './metering.ts';

/** The numbers of the added global variables, and of the added locals of this function. */
export interface Counter {
  readonly global: number;
  readonly refused: number;
  readonly left: number;
  readonly length: number;
}

/** Writes the code of an edit that counts fuel, or that records a refusal of memory. */
export function writeCounting(
  edit: Exclude<Edit, { kind: 'global' }>,
  counter: Counter,
  body: ByteWriter,
): void {
  switch (edit.kind) {
    case 'count':
      writeCount(edit.price, counter, body);
      return;
    case 'count-stretch':
      writeStretchCount(edit.price, counter, body);
      return;
    case 'note-refusal':
      writeRefusalNote(counter, body);
  }
}

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_CONST = 0x41;
const I32_EQ = 0x46;
const I32_SUB = 0x6b;
const I32_AND = 0x71;
const I32_SHL = 0x74;
const I32_SHR_U = 0x76;
const I32_LT_S = 0x48;
const UNREACHABLE = 0x00;
const EMPTY_BLOCK = 0x40;

function writeCount(price: number, counter: Counter, body: ByteWriter): void {
  body.byte(OP.globalGet);
  body.u32(counter.global);
  body.byte(I32_CONST);
  body.s32(price);
  body.byte(I32_SUB);
  writeCheck(counter, body);
}

/** The length is on top of the stack and stays there. */
function writeStretchCount({ base, mask, shift }: StretchPrice, counter: Counter, body: ByteWriter): void {
  body.byte(LOCAL_SET);
  body.u32(counter.length);
  body.byte(OP.globalGet);
  body.u32(counter.global);
  body.byte(I32_CONST);
  body.s32(base);
  body.byte(I32_SUB);
  body.byte(LOCAL_GET);
  body.u32(counter.length);
  body.byte(I32_CONST);
  body.s32(mask);
  body.byte(I32_AND);
  body.byte(I32_CONST);
  body.s32(Math.abs(shift));
  body.byte(shift < 0 ? I32_SHL : I32_SHR_U);
  body.byte(I32_SUB);
  writeCheck(counter, body);
  body.byte(LOCAL_GET);
  body.u32(counter.length);
}

/** The former size, or -1, is on top of the stack and stays there. */
function writeRefusalNote(counter: Counter, body: ByteWriter): void {
  body.byte(LOCAL_TEE);
  body.u32(counter.length);
  body.byte(I32_CONST);
  body.s32(-1);
  body.bytes([I32_EQ, OP.if, EMPTY_BLOCK, I32_CONST, 1, OP.globalSet]);
  body.u32(counter.refused);
  body.byte(OP.end);
  body.byte(LOCAL_GET);
  body.u32(counter.length);
}

/**
 * Stores the remaining fuel, and traps if it is negative. The local saves a second read of the global
 * variable.
 */
function writeCheck(counter: Counter, body: ByteWriter): void {
  body.byte(LOCAL_TEE);
  body.u32(counter.left);
  body.byte(OP.globalSet);
  body.u32(counter.global);
  body.byte(LOCAL_GET);
  body.u32(counter.left);
  body.bytes([I32_CONST, 0, I32_LT_S, OP.if, EMPTY_BLOCK, UNREACHABLE, OP.end]);
}
