import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME, LIMITS, PART } from '../../../abi/host/contract.ts';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Ledger, ledgerBytes } from '../../piece/ledger.ts';
import type { Guest } from '../instance/guest.ts';
import { FrameKernel } from './frame-kernel.ts';
import { GuestWords } from './guest-words.ts';
import { KernelLowering } from './kernel-lowering.ts';
import { Lowering } from './lowering.ts';
import { OUTLETS_BYTES, Outlets } from './outlets.ts';

describe('the frame kernel', () => {
  it('has the records of the contract as words', () => {
    expect([FRAME.size, FRAME.edge, FRAME.shape, FRAME.firstPart, FRAME.partCount]).toEqual([24, 0, 2, 4, 8]);
    expect([FRAME.skipHeaders, FRAME.skipTrailers, FRAME.roomOffset, FRAME.roomLength]).toEqual([
      10, 11, 12, 16,
    ]);
    expect([FRAME.ticket, PART.size, PART.protocol, PART.role, PART.marks]).toEqual([20, 12, 0, 2, 3]);
    expect([PART.offset, PART.length]).toEqual([4, 8]);
  });

  it('has no data of its own, and reaches only the memory that it imports', () => {
    const file = new URL('../../../dist/kernel/frame-kernel.wasm', import.meta.url);
    const bytes = readFileSync(file);
    const module = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    expect(sections(bytes)).not.toContain(DATA_SECTION);
  });

  it('lowers the same bits as the model, whatever the memory held before', () => {
    fc.assert(
      fc.property(fc.array(batchArbitrary, { minLength: 1, maxLength: 4 }), (batches) => {
        const kernel = new Side(true);
        const model = new Side(false);
        for (const batch of batches) {
          const counts = [kernel, model].map((side) => side.lower(batch));
          expect(counts[0]).toBe(counts[1]);
          const { framesAt, partsAt, parts, arenaAt, arena, hops } = model.lowering;
          expect(kernel.lowering).toMatchObject({ framesAt, partsAt, parts, arenaAt, hops });
          expect(kernel.tables(counts[0]!)).toEqual(model.tables(counts[1]!));
          expect(kernel.lowering.arena).toBeLessThanOrEqual(arena);
          // The model leaves the room around frames unchanged, and the kernel clears it.
          expect(kernel.seen(counts[0]!)).toEqual(model.seen(counts[1]!));
          expect(kernel.slack(counts[0]!).findIndex((byte) => byte !== 0)).toBe(-1);
          expect(kernel.untouched()).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('takes its tickets back if a guest has no memory for a batch, and leaves the frames in the inbox', () => {
    const side = new Side(true);
    side.guestFails = true;
    expect(() => side.lower([{ edge: 0, parts: [[0, 20]], hops: 0, shift: 0, skips: 0 }])).toThrow(
      'no memory',
    );
    expect([side.ledger.held, side.inbox.length]).toEqual([0, 1]);
    side.guestFails = false;
    expect(side.lower([])).toBe(1);
  });
});

const DATA_SECTION = 11;

/** The numbers of a module's sections. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    found.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return found;
}

interface FrameValue {
  readonly edge: number;
  /** Role and length. */
  readonly parts: readonly (readonly [role: number, length: number])[];
  readonly hops: number;
  readonly shift: number;
  readonly skips: number;
}

const batchArbitrary = fc.array(
  fc.record({
    edge: fc.nat(2),
    parts: fc.array(
      fc.tuple(fc.nat(2), fc.oneof(fc.nat(60), fc.nat(60), fc.constantFrom(0, 300, 1400, 20_000))),
      { minLength: 1, maxLength: 5 },
    ),
    hops: fc.nat(64),
    shift: fc.nat(7),
    skips: fc.nat(0x0303),
  }),
  { maxLength: 40 },
);

const PAGES = 24;
const UNTOUCHED = new Uint8Array(PAGES * 65_536).fill(0x55);

/** A piece on Edge 0 that sees whole frames and on Edge 1 headers only; on Edge 2 it is not joined. */
class Side {
  readonly frames = new Frames({ smallRows: 256, largeRows: 40 });
  readonly memory = new WebAssembly.Memory({ initial: PAGES });
  readonly words = new GuestWords(this.memory);
  readonly inbox = new Inbox(256);
  readonly ledger: Ledger;
  readonly lowering: Lowering | KernelLowering;
  guestFails = false;
  #bump = 0;

  constructor(withKernel: boolean) {
    const { frames } = this;
    const bytes = ledgerBytes(frames.rows, 512);
    const region = (size: number) => ({ buffer: frames.memory, at: frames.lane.take(size) });
    const kernel = withKernel ? FrameKernel.of(frames) : undefined;
    this.ledger = new Ledger(frames.rows, 512, frames.firstLargeRow, withKernel ? region(bytes) : undefined);
    const outlets = new Outlets(withKernel ? region(OUTLETS_BYTES) : undefined);
    outlets.set(0, 0, false, true, { matches: () => true });
    outlets.set(1, 0, true, true, { matches: () => true });
    this.lowering =
      kernel === undefined
        ? new Lowering(frames, this.ledger, outlets)
        : new KernelLowering(kernel, frames, this.ledger, outlets);
    frames.bytes.fill(0xaa, 0, frames.roomsEnd);
    if (kernel !== undefined) frames.bytes.fill(0xaa, kernel.imageAt, kernel.imageAt + 600_000);
    this.words.bytes.fill(0x55);
  }

  lower(batch: readonly FrameValue[]): number {
    const { frames, inbox } = this;
    for (const { edge, parts, hops, shift, skips } of batch) {
      const length = parts.reduce((sum, [, bytes]) => sum + bytes, 0);
      const row = frames.allocate(length);
      if (row < 0) continue;
      frames.start[row]! += shift;
      frames.hops[row] = hops;
      let at = frames.start[row]!;
      parts.forEach(([role, bytes], n) => {
        frames.addPart(row, (5 + n) | (role << 16), at, bytes);
        for (let i = 0; i < bytes; i++) frames.bytes[at + i] = row + i;
        at += bytes;
      });
      inbox.push(row, edge, skips);
    }
    this.#bump = 4096;
    this.words.bytes.fill(0x55);
    // All allocators align so; otherwise frames would have another remainder modulo 8 than with the model.
    const realloc = (_align: number, size: number) => {
      if (this.guestFails) throw new Error('no memory');
      const at = (this.#bump + 7) & -8;
      this.#bump = at + size;
      return at;
    };
    // Nothing else of a guest is used in lowering.
    const guest = { memory: this.memory, realloc } as Guest;
    const most = Math.min(inbox.length, this.ledger.room, LIMITS.maxFramesIn);
    return this.lowering.lower(guest, this.words, inbox, most);
  }

  tables(count: number): number[][] {
    const { framesAt, partsAt, parts } = this.lowering;
    const words = (at: number, size: number) => [...new Uint32Array(this.memory.buffer, at, size / 4)];
    return [words(framesAt, count * FRAME.size), words(partsAt, parts * PART.size)];
  }

  /** The bytes of all parts that are not withheld. */
  seen(count: number): number[][] {
    return this.#parts(count).map(([offset, length]) => [
      ...this.words.bytes.subarray(this.lowering.arenaAt + offset, this.lowering.arenaAt + offset + length),
    ]);
  }

  /** The bytes of the arena outside all parts. */
  slack(count: number): Uint8Array {
    const { arenaAt, arena } = this.lowering;
    const bytes = this.words.bytes.slice(arenaAt, arenaAt + arena);
    for (const [offset, length] of this.#parts(count)) bytes.fill(0, offset, offset + length);
    return bytes;
  }

  /** Only the rooms that the guest allocated were written. */
  untouched(): boolean {
    const { bytes } = this.words;
    const around = [bytes.subarray(0, 4096), bytes.subarray(this.#bump)];
    return around.every((stretch) => Buffer.compare(stretch, UNTOUCHED.subarray(0, stretch.length)) === 0);
  }

  #parts(count: number): [number, number][] {
    const view = new DataView(this.memory.buffer);
    const { framesAt, partsAt } = this.lowering;
    return Array.from({ length: count }, (_, n): [number, number][] => {
      const frame = framesAt + n * FRAME.size;
      const first = view.getUint32(frame + FRAME.firstPart, true);
      return Array.from({ length: view.getUint16(frame + FRAME.partCount, true) }, (_, p) => {
        const part = partsAt + (first + p) * PART.size;
        const isWithheld = (view.getUint8(part + PART.marks) & 1) !== 0;
        return [
          view.getUint32(part + PART.offset, true),
          isWithheld ? 0 : view.getUint32(part + PART.length, true),
        ];
      });
    }).flat();
  }
}
