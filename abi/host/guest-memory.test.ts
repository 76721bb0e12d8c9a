import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Frame, Part, Property, Value } from './contract.ts';
import {
  ContractError,
  FRAME,
  hostFunctions,
  liftDescribe,
  liftProcess,
  liftSave,
  lowerJoin,
  lowerProcess,
  OUTCOME,
  PART,
} from './contract.ts';
import type { GuestMemory } from './guest-memory.ts';
import { Lifter, MAX_LIFTED_BYTES } from './guest-memory.ts';

/** A guest whose allocator only counts up, and whose memory grows, so that views of it are detached. */
class Guest implements GuestMemory {
  readonly memory = new WebAssembly.Memory({ initial: 1 });
  #next = 64;

  view(): DataView {
    return new DataView(this.memory.buffer);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  realloc(align: number, size: number): number {
    const at = Math.ceil(this.#next / align) * align;
    this.#next = at + size;
    const missing = this.#next - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65_536));
    return at;
  }
}

const frames = fc.array(
  fc.record<Frame>({
    edge: fc.nat(0xffff),
    shape: fc.nat(0xffff),
    firstPart: fc.nat(),
    partCount: fc.nat(0xffff),
    skipHeaders: fc.nat(0xff),
    skipTrailers: fc.nat(0xff),
    roomOffset: fc.nat(),
    roomLength: fc.integer({ min: 0, max: 0xffff_ffff }),
    ticket: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
);
const parts = fc.array(
  fc.record<Part>({
    protocol: fc.nat(0xffff),
    role: fc.constantFrom('header', 'payload', 'trailer'),
    marks: fc.nat(15),
    offset: fc.integer({ min: 0, max: 0xffff_ffff }),
    length: fc.nat(),
  }),
);

test('frames, parts and bytes that were lowered are lifted as they were', () => {
  fc.assert(
    fc.property(frames, parts, fc.uint8Array(), (someFrames, someParts, arena) => {
      const guest = new Guest();
      const [now, framesAt, frameCount, partsAt, partCount, arenaAt, arenaLength] = lowerProcess(
        guest,
        12.5,
        someFrames,
        someParts,
        arena,
      );
      expect(now).toBe(12.5);
      const outcome = guest.realloc(8, OUTCOME.size);
      const words = [framesAt, frameCount, partsAt, partCount, arenaAt, arenaLength, 8, 0, 8, 0];
      for (const [i, word] of words.entries()) guest.view().setUint32(outcome + i * 4, Number(word), true);
      guest.view().setFloat64(outcome + OUTCOME.wakeAt, 99, true);
      expect(liftProcess(guest, outcome)).toEqual({
        frames: someFrames,
        parts: someParts,
        arena,
        ends: [],
        paused: [],
        wakeAt: 99,
      });
    }),
  );
});

test('arguments of host functions arrive as the contract says, whatever the property', () => {
  const values: fc.Arbitrary<Value> = fc.oneof(
    fc.constant<Value>({ tag: 'yes' }),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((val): Value => ({ tag: 'at-least', val })),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((val): Value => ({ tag: 'at-most', val })),
    fc.string({ unit: 'grapheme' }).map((val): Value => ({ tag: 'text', val })),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), values, (name, value) => {
      const guest = new Guest();
      const offered: Property[] = [];
      const functions = hostFunctions(guest, {
        ...silent,
        offer: (_edge, property) => void offered.push(property),
      });
      // Lowered as an argument of `join`, then handed back as the core arguments of `offer`.
      const at = Number(
        lowerJoin(guest, { edge: 1, described: 0, shape: 0, joint: 'lan', properties: [{ name, value }] })[5],
      );
      const view = guest.view();
      const tag = view.getUint8(at + 8);
      const payload =
        tag === 3
          ? BigInt.asIntN(64, BigInt(view.getUint32(at + 16, true)))
          : view.getBigInt64(at + 16, true);
      functions.offer(
        1,
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        tag,
        payload,
        view.getUint32(at + 20, true),
        1,
      );
      expect(offered).toEqual([{ name, value }]);
    }),
  );
});

test('a list that ends outside of memory is refused, also where its size overflows', () => {
  const guest = new Guest();
  for (const [address, length] of [
    [65_536, 1],
    [0, 65_537],
    [0xffff_fff8, 0x2000],
    [8, 0xffff_ffff],
  ] as const) {
    guest.view().setUint32(0, address, true);
    guest.view().setUint32(4, length, true);
    expect(() => liftSave(guest, 0), `${length} at ${address}`).toThrow(ContractError);
  }
  expect(() => liftSave(guest, 65_532)).toThrow(/outside of memory/);
  expect(() => liftSave(guest, -4)).toThrow(/outside of memory/);
  expect(() => liftSave(guest, 2)).toThrow(/multiple of 4/);
});

test('an unknown case of an enum, an option or a result is refused; an unknown flag is not', () => {
  const guest = new Guest();
  const view = guest.view();
  view.setUint8(0, 2);
  expect(() => liftDescribe(guest, 0)).toThrow(/result has no case 2/);
  const outcome = 256;
  view.setUint32(outcome + OUTCOME.parts, 512, true);
  view.setUint32(outcome + OUTCOME.parts + 4, 1, true);
  view.setUint8(512 + PART.marks, 0xe2);
  expect(liftProcess(guest, outcome).parts[0]!.marks).toBe(2);
  view.setUint8(512 + PART.role, 3);
  expect(() => liftProcess(guest, outcome)).toThrow(/role has no case 3/);
  view.setUint32(outcome + OUTCOME.frames, 2, true);
  view.setUint32(outcome + OUTCOME.frames + 4, 1, true);
  expect(FRAME.align).toBe(4);
  expect(() => liftProcess(guest, outcome)).toThrow(/multiple of 4/);
});

test('text that is not UTF-8 is refused, and a byte order mark is text', () => {
  const guest = new Guest();
  guest.bytes().set([0xef, 0xbb, 0xbf, 0x41, 0xc0, 0x80], 128);
  const from = new Lifter(guest);
  expect(from.stringAt(128, 4)).toBe('\ufeffA');
  expect(() => from.stringAt(128, 6)).toThrow(/not UTF-8/);
  const functions = hostFunctions(guest, silent);
  expect(() => functions.log(1, 132, 2)).toThrow(ContractError);
  expect(() => functions.log(4, 128, 1)).toThrow(/level has no case 4/);
  expect(() => functions.log(-1, 128, 1)).toThrow(/level has no case/);
});

test('lists that overlap cannot describe more than the budget', () => {
  const guest = new Guest();
  guest.memory.grow(16);
  const from = new Lifter(guest);
  const mebibyte = 1_048_576;
  for (let i = 0; i < MAX_LIFTED_BYTES / mebibyte; i++) from.bytesAt(0, mebibyte);
  expect(() => from.bytesAt(0, 1)).toThrow(/more than 4194304 bytes/);
});

test('the result of an import is written only where it is in memory', () => {
  const guest = new Guest();
  const functions = hostFunctions(guest, {
    ...silent,
    listen: () => ({ message: 'no' }),
    utc: () => [7n, 8],
  });
  functions.utc(16);
  expect(guest.view().getBigUint64(16, true)).toBe(7n);
  expect(guest.view().getUint32(24, true)).toBe(8);
  expect(() => functions.utc(65_528)).toThrow(ContractError);
  expect(() => functions.utc(20)).toThrow(/multiple of 8/);
  functions.listen(0, 0, 0, 0, 32);
  expect(guest.view().getUint8(32)).toBe(1);
  expect(new Lifter(guest).string(32 + 16)).toBe('no');
});

const silent = {
  log: () => {},
  status: () => {},
  random: () => 0n,
  utc: () => [0n, 0] as const,
  listen: () => 0,
  unlisten: () => {},
  offer: () => {},
};
