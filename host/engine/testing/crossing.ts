import { FRAME, OUTCOME, PART, PartMarks, Role } from '../../../abi/host/contract.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import { Counters } from '../../piece/counters.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Ledger, ledgerBytes, type Region } from '../../piece/ledger.ts';
import { Outbox } from '../../piece/outbox.ts';
import { FrameKernel } from '../crossing/frame-kernel.ts';
import { GuestWords } from '../crossing/guest-words.ts';
import { KernelLowering } from '../crossing/kernel-lowering.ts';
import { Lifting } from '../crossing/lifting.ts';
import { Lowering } from '../crossing/lowering.ts';
import { OUTLETS_BYTES, Outlets } from '../crossing/outlets.ts';
import type { Guest } from '../instance/guest.ts';

export const EDGE_WHOLE = 0;
export const EDGE_HEADERS = 1;
export const PROTOCOLS = 40;
export const NOW = 1000;

/** A guest whose `process` is code of the test: it reads the lowered frames and writes the outcome. */
export class Crossing {
  readonly frames: Frames;
  readonly kernel: FrameKernel | undefined;
  readonly ledger: Ledger;
  readonly outlets: Outlets;
  readonly counters = new Counters();
  readonly memory = new WebAssembly.Memory({ initial: 8 });
  readonly words = new GuestWords(this.memory);
  readonly inbox = new Inbox(64);
  readonly outbox = new Outbox();
  readonly lowering: Lowering | KernelLowering;
  readonly lifting: Lifting;
  #bump = 4096;

  /**
   * @param withKernel whether frames cross with the frame kernel, or by the model alone
   * @param firstLarge the first row that counts as one with a large room; none by default
   */
  constructor(withKernel: boolean, tickets = 32, firstLarge = Number.POSITIVE_INFINITY, largeRows = 4) {
    this.frames = new Frames({ smallRows: 64, largeRows });
    const { frames } = this;
    const large = Math.min(firstLarge, frames.rows);
    const region = (bytes: number): Region | undefined =>
      withKernel ? { buffer: frames.memory, at: frames.lane.take(bytes) } : undefined;
    this.kernel = withKernel ? FrameKernel.of(frames) : undefined;
    this.ledger = new Ledger(frames.rows, tickets, large, region(ledgerBytes(frames.rows, tickets)));
    this.outlets = new Outlets(region(OUTLETS_BYTES));
    this.lowering =
      this.kernel === undefined
        ? new Lowering(frames, this.ledger, this.outlets)
        : new KernelLowering(this.kernel, frames, this.ledger, this.outlets);
    this.lifting = new Lifting(
      frames,
      this.ledger,
      this.outlets,
      this.counters,
      ['lost', 'answered'],
      () => PROTOCOLS,
      this.kernel,
    );
    for (const edge of [0, 1])
      this.outlets.set(edge, 0, edge === EDGE_HEADERS, true, { matches: () => true });
  }

  guest(): Guest {
    const realloc = (align: number, size: number) => {
      const at = (this.#bump + align - 1) & -align;
      this.#bump = at + size;
      if (this.#bump > this.memory.buffer.byteLength) this.memory.grow(16);
      return at;
    };
    return { memory: this.memory, realloc } as Guest;
  }

  /** Lets a frame of these parts wait on an Edge. */
  arrive(edge: number, parts: readonly PartValue[], skips = 0): number {
    const { frames } = this;
    const total = parts.reduce((sum, part) => sum + part.bytes.length, 0);
    const row = frames.allocate(total);
    frames.start[row]! += parts.length % 8;
    let at = frames.start[row]!;
    for (const part of parts) {
      frames.bytes.set(part.bytes, at);
      frames.addPart(row, part.protocol | (Role[part.role] << 16), at, part.bytes.length);
      at += part.bytes.length;
    }
    this.inbox.push(row, edge, skips);
    return row;
  }

  lower(count = this.inbox.length): LoweredFrame[] {
    this.#bump = 4096;
    this.lowering.lower(this.guest(), this.words, this.inbox, count);
    const view = new DataView(this.memory.buffer);
    return Array.from({ length: count }, (_, n) => {
      const at = this.lowering.framesAt + n * FRAME.size;
      const first = view.getUint32(at + FRAME.firstPart, true);
      const parts = Array.from({ length: view.getUint16(at + FRAME.partCount, true) }, (_, p) =>
        readPart(view, this.lowering.partsAt + (first + p) * PART.size),
      );
      return {
        edge: view.getUint16(at + FRAME.edge, true),
        skipHeaders: view.getUint8(at + FRAME.skipHeaders),
        skipTrailers: view.getUint8(at + FRAME.skipTrailers),
        roomOffset: view.getUint32(at + FRAME.roomOffset, true),
        roomLength: view.getUint32(at + FRAME.roomLength, true),
        ticket: view.getUint32(at + FRAME.ticket, true),
        parts,
      };
    });
  }

  bytesOf(part: LoweredPart): Uint8Array {
    const from = part.marks & PartMarks.withheld ? this.frames.bytes : new Uint8Array(this.memory.buffer);
    const base = part.marks & PartMarks.withheld ? 0 : this.lowering.arenaAt;
    return from.slice(base + part.offset, base + part.offset + part.length);
  }

  /** Writes an outcome whose arena is the whole memory, from address 0, and lifts it. */
  lift(outcome: OutcomeValue): number {
    const view = new DataView(this.memory.buffer);
    const at = outcome.at ?? 256 * 1024;
    let free = (at + OUTCOME.size + 7) & ~7;
    const list = (field: number, items: readonly ((at: number) => void)[], size: number) => {
      view.setUint32(at + field, free, true);
      view.setUint32(at + field + 4, items.length, true);
      for (const write of items) {
        write(free);
        free += size;
      }
      free = (free + 7) & ~7;
    };
    const parts: LoweredPart[] = [];
    const frames = outcome.frames.map((frame) => {
      const first = parts.length;
      parts.push(...frame.parts);
      return (to: number) => {
        view.setUint16(to + FRAME.edge, frame.edge, true);
        view.setUint16(to + FRAME.shape, frame.shape ?? 0, true);
        view.setUint32(to + FRAME.firstPart, frame.firstPart ?? first, true);
        view.setUint16(to + FRAME.partCount, frame.partCount ?? frame.parts.length, true);
        view.setUint8(to + FRAME.skipHeaders, frame.skipHeaders ?? 0);
        view.setUint8(to + FRAME.skipTrailers, 0);
        view.setUint32(to + FRAME.ticket, frame.ticket, true);
      };
    });
    list(OUTCOME.frames, frames, FRAME.size);
    list(
      OUTCOME.parts,
      parts.map((part) => (to: number) => {
        view.setUint16(to + PART.protocol, part.protocol, true);
        view.setUint8(to + PART.role, part.role);
        view.setUint8(to + PART.marks, part.marks);
        view.setUint32(to + PART.offset, part.offset, true);
        view.setUint32(to + PART.length, part.length, true);
      }),
      PART.size,
    );
    view.setUint32(at + OUTCOME.arena, 0, true);
    view.setUint32(at + OUTCOME.arena + 4, view.byteLength, true);
    list(
      OUTCOME.ends,
      (outcome.ends ?? []).map(([ticket, reason]) => (to: number) => {
        view.setUint32(to, ticket, true);
        view.setUint16(to + 4, reason, true);
      }),
      8,
    );
    list(
      OUTCOME.paused,
      (outcome.paused ?? []).map((edge) => (to: number) => view.setUint16(to, edge, true)),
      2,
    );
    view.setFloat64(at + OUTCOME.wakeAt, outcome.wakeAt ?? Infinity, true);
    outcome.spoil?.(view, at);
    return this.lifting.lift(this.words, at, NOW, this.lowering.hops, this.outbox);
  }

  /** Returns the part in the form of an outcome: arena offsets count from address 0 of the memory. */
  again(part: LoweredPart): LoweredPart {
    return part.marks & PartMarks.withheld ? part : { ...part, offset: part.offset + this.lowering.arenaAt };
  }

  row(n: number): { bytes: Uint8Array; parts: LoweredPart[] } {
    const { frames } = this;
    const row = this.outbox.rows[n]!;
    const parts = Array.from({ length: frames.partCount[row]! }, (_, p) => {
      const at = (row * MAX_PARTS + p) * PART_WORDS;
      const kind = frames.partWords[at]!;
      return {
        protocol: kind & 0xffff,
        role: (kind >>> 16) & 0xff,
        marks: kind >>> 24,
        offset: frames.partWords[at + 1]!,
        length: frames.partWords[at + 2]!,
      };
    });
    const start = frames.start[row]!;
    return { bytes: frames.bytes.slice(start, start + frames.length[row]!), parts };
  }

  /** Releases all frames that went on; each row that is not free then has leaked. */
  leaked(): number {
    while (this.outbox.length > 0) this.frames.release(this.outbox.rows[--this.outbox.length]!);
    this.ledger.closeAll((row) => this.frames.release(row));
    for (let n = 0; n < this.inbox.length; n++) this.frames.release(this.inbox.rows[this.inbox.at(n)]!);
    this.inbox.take(this.inbox.length);
    return this.frames.rows - this.frames.freeRows;
  }
}

export interface PartValue {
  readonly protocol: number;
  readonly role: keyof typeof Role;
  readonly bytes: readonly number[];
}

export interface LoweredPart {
  readonly protocol: number;
  readonly role: number;
  readonly marks: number;
  readonly offset: number;
  readonly length: number;
}

export interface LoweredFrame {
  readonly edge: number;
  readonly skipHeaders: number;
  readonly skipTrailers: number;
  readonly roomOffset: number;
  readonly roomLength: number;
  readonly ticket: number;
  readonly parts: readonly LoweredPart[];
}

export interface OutcomeValue {
  readonly frames: readonly OutFrame[];
  readonly ends?: readonly (readonly [number, number])[];
  readonly paused?: readonly number[];
  readonly wakeAt?: number;
  readonly at?: number;
  readonly liftAt?: number;
  readonly spoil?: (view: DataView, at: number) => void;
}

export interface OutFrame {
  readonly edge: number;
  readonly shape?: number;
  readonly ticket: number;
  readonly parts: readonly LoweredPart[];
  readonly firstPart?: number;
  readonly partCount?: number;
  readonly skipHeaders?: number;
}

export function header(protocol: number, bytes: readonly number[]): PartValue {
  return { protocol, role: 'header', bytes };
}

export function payload(protocol: number, bytes: readonly number[]): PartValue {
  return { protocol, role: 'payload', bytes };
}

export function trailer(protocol: number, bytes: readonly number[]): PartValue {
  return { protocol, role: 'trailer', bytes };
}

function readPart(view: DataView, at: number): LoweredPart {
  return {
    protocol: view.getUint16(at + PART.protocol, true),
    role: view.getUint8(at + PART.role),
    marks: view.getUint8(at + PART.marks),
    offset: view.getUint32(at + PART.offset, true),
    length: view.getUint32(at + PART.length, true),
  };
}
