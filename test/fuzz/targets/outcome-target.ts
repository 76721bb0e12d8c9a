import { createHash } from 'node:crypto';
import { FRAME, OUTCOME, PART, PartMarks } from '../../../abi/host/contract.ts';
import { FrameKernel } from '../../../host/engine/crossing/frame-kernel.ts';
import { GuestWords } from '../../../host/engine/crossing/guest-words.ts';
import { KernelLowering } from '../../../host/engine/crossing/kernel-lowering.ts';
import { BROKEN_FRAME, Lifting } from '../../../host/engine/crossing/lifting.ts';
import { Lowering } from '../../../host/engine/crossing/lowering.ts';
import { OUTLETS_BYTES, Outlets } from '../../../host/engine/crossing/outlets.ts';
import type { Guest } from '../../../host/engine/instance/guest.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../../host/frame/frames.ts';
import { Pattern } from '../../../host/frame/pattern.ts';
import { Counters } from '../../../host/piece/counters.ts';
import { LAST_FRAGMENT } from '../../../host/piece/inbound-fragments.ts';
import { Inbox } from '../../../host/piece/inbox.ts';
import { Ledger, ledgerBytes, type Region } from '../../../host/piece/ledger.ts';
import { Outbox } from '../../../host/piece/outbox.ts';
import { PieceFault } from '../../../host/piece/piece-fault.ts';
import { parseStack } from '../../../host/stack/parse-stack.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import { ByteTape, type FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Outcomes that a hostile piece may leave in its memory for the host: right ones, nearly right ones, and
 * random ones.
 *
 * A tape of bytes says what arrives, what the piece answers, what in that is spoiled, and what becomes of
 * frames behind it. The piece lives from input to input until it faults. Behind it is another piece that
 * keeps frames: no byte of those may change, and no row may be lost or given twice.
 */
export const outcomeTarget: FuzzTarget = {
  name: 'outcomes',
  summary: 'outcomes of hostile pieces, lifted into a lane with other frames in it',
  unit: 'outcomes',
  maxBytes: 400,
  open: async () => new TwinRun(),
};

/** One piece crosses with the frame kernel and another without it, and the same becomes of both. */
class TwinRun implements OpenTarget {
  readonly seeds = [];
  readonly #kernel = new OutcomeRun(true);
  readonly #model = new OutcomeRun(false);

  generate(random: FuzzRandom): Uint8Array {
    return Uint8Array.from({ length: 20 + random.below(200) }, () => random.word());
  }

  execute(input: Uint8Array): number {
    const units = this.#kernel.execute(input);
    this.#model.execute(input);
    insist(
      this.#kernel.came === this.#model.came,
      () => `with the frame kernel came ${this.#kernel.came}, without it ${this.#model.came}`,
    );
    return units;
  }
}

const NOW = 1000;
const PAGES = 4;
const EDGE_WHOLE = 0;
const EDGE_HEADERS = 1;
const EDGE_UDP = 2;

interface Kept {
  readonly row: number;
  readonly bytes: Uint8Array;
}

class OutcomeRun {
  readonly #protocols = new Protocols();
  readonly #frames = new Frames({ smallRows: 48, largeRows: 2 });
  readonly #kernel: FrameKernel | undefined;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  readonly #counters = new Counters();
  readonly #memory = new WebAssembly.Memory({ initial: PAGES });
  readonly #view = new DataView(this.#memory.buffer);
  readonly #words = new GuestWords(this.#memory);
  readonly #inbox = new Inbox(16);
  readonly #outbox = new Outbox();
  readonly #lowering: Lowering | KernelLowering;
  readonly #lifting: Lifting;
  readonly #guest: Guest;
  /** Frames that another piece keeps, as they were when it got them. */
  readonly #kept: Kept[] = [];
  /** Live tickets of the piece, and withheld bodies that it received, as far as they are remembered. */
  #tickets: number[] = [];
  #bodies: [address: number, length: number][] = [];
  /** Frames that others send in fragments: message id, index of the next fragment, Edge and Shape. */
  #messages: { messageId: number; index: number; edgeShape: number }[] = [];
  /** Frames as they came in. */
  #came: { edgeShape: number; ticket: number; parts: [kind: number, offset: number, length: number][] }[] =
    [];
  #bump = 0;
  /** The result of the last input: a fault, or frames. */
  came = '';

  constructor(withKernel: boolean) {
    const frames = this.#frames;
    const region = (bytes: number): Region | undefined =>
      withKernel ? { buffer: frames.memory, at: frames.lane.take(bytes) } : undefined;
    this.#kernel = withKernel ? FrameKernel.of(frames) : undefined;
    this.#outlets = new Outlets(region(OUTLETS_BYTES));
    this.#ledger = new Ledger(frames.rows, 16, frames.firstLargeRow, region(ledgerBytes(frames.rows, 16)));
    this.#lowering =
      this.#kernel === undefined
        ? new Lowering(frames, this.#ledger, this.#outlets)
        : new KernelLowering(this.#kernel, frames, this.#ledger, this.#outlets);
    this.#lifting = new Lifting(
      frames,
      this.#ledger,
      this.#outlets,
      this.#counters,
      ['lost', 'done'],
      () => this.#protocols.count,
      this.#kernel,
    );
    const any = { matches: () => true };
    this.#outlets.set(EDGE_WHOLE, 0, false, true, any);
    this.#outlets.set(EDGE_HEADERS, 0, true, true, any);
    this.#outlets.set(
      EDGE_UDP,
      3,
      true,
      false,
      new Pattern(this.#protocols, parseStack('ip/udp', this.#protocols)),
    );
    // As allocators do: elsewhere frames stand a few bytes apart in the twins.
    const realloc = (_align: number, size: number): number => {
      const at = (this.#bump + 7) & -8;
      this.#bump = at + size;
      return at;
    };
    // Nothing else of a guest is used in lowering.
    this.#guest = { memory: this.#memory, realloc } as Guest;
    for (let at = 0; at < this.#words.bytes.length; at++) this.#words.bytes[at] = at * 31;
  }

  /** Frames of outcomes that went no further for want of room, or because they are not what they say. */
  get #dropped(): number {
    return (
      this.#counters.get('no-room') + this.#counters.get('unparsable') + this.#counters.get(BROKEN_FRAME)
    );
  }

  execute(input: Uint8Array): number {
    const { below } = new ByteTape(input);
    this.#arrive(below);
    const at = this.#write(below);
    const dropped = this.#dropped;
    const frames = this.#view.getUint32(at + OUTCOME.frames + 4, true);
    let fault: PieceFault | undefined;
    try {
      this.#lifting.lift(this.#words, at, NOW, this.#lowering.hops, this.#outbox);
    } catch (error) {
      if (!(error instanceof PieceFault)) throw error;
      insist(error.code === 'FT_FAULT_OUTCOME', () => `the fault ${error.code}`);
      fault = error;
    }
    this.came = fault?.message ?? this.#describeOutbox();
    if (fault !== undefined) {
      insist(this.#outbox.length === 0, 'frames of an outcome that is a fault go on');
      this.#ledger.closeAll((row) => this.#frames.release(row));
      this.#tickets = [];
      this.#bodies = [];
      this.#came = [];
      this.#sortFreeRows();
    } else {
      this.#checkOutbox();
      // A frame that was dropped, and counted, leaves the others to stand by other numbers.
      if (this.#dropped === dropped) {
        insist(this.#outbox.length === frames, 'another number of frames goes on');
        for (let n = 0; n < frames; n++) this.#compare(at, n);
      }
    }
    this.#passOn(below);
    this.#tickets = this.#tickets.filter((ticket) => this.#ledger.slotOf(ticket) >= 0).slice(-32);
    this.#bodies = this.#bodies.slice(-32);
    this.#came = this.#came.filter(({ ticket }) => this.#ledger.slotOf(ticket) >= 0).slice(-16);
    this.#checkRows();
    this.#checkHeld();
    return 1;
  }

  #arrive(below: (limit: number) => number): void {
    const frames = this.#frames;
    for (let n = Math.min(below(4), this.#ledger.room - this.#inbox.length); n > 0; n--) {
      const head = below(60);
      const body = below(16) === 0 ? 1500 + below(1500) : below(120);
      const tail = below(4);
      const row = frames.allocate(head + body + tail);
      if (row < 0) break;
      frames.start[row]! += below(8);
      frames.hops[row] = below(64);
      const start = frames.start[row]!;
      for (let i = 0; i < head + body + tail; i++) frames.bytes[start + i] = row * 13 + i;
      frames.addPart(row, 5, start, head);
      frames.addPart(row, 1 << 16, start + head, body);
      if (tail > 0) frames.addPart(row, 5 | (2 << 16), start + head + body, tail);
      if (below(6) === 0) {
        frames.retain(row);
        this.#keep(row);
      }
      const edge = below(3);
      const edgeShape = edge === EDGE_UDP ? EDGE_UDP | (3 << 16) : edge;
      if (below(3) === 0) this.#makeFragment(row, edgeShape, below);
      else this.#inbox.push(row, edgeShape, 0);
    }
    this.#bump = 8192;
    // Both twins must see the same bytes around frames.
    this.#words.bytes.fill(0, 8192, 96 * 1024);
    // As a component piece does with large frames when it holds as many as it may.
    while (
      this.#inbox.length > 0 &&
      this.#ledger.largeRoom <= 0 &&
      this.#inbox.rows[this.#inbox.at(0)]! >= this.#frames.firstLargeRow
    ) {
      this.#frames.release(this.#inbox.rows[this.#inbox.at(0)]!);
      this.#inbox.take(1);
    }
    const count = this.#lowering.lower(this.#guest, this.#words, this.#inbox, this.#mostInCall());
    for (let n = 0; n < count; n++) {
      const at = this.#lowering.framesAt + n * FRAME.size;
      this.#tickets.push(this.#view.getUint32(at + FRAME.ticket, true));
      const first = this.#lowering.partsAt + this.#view.getUint32(at + FRAME.firstPart, true) * PART.size;
      const came: [number, number, number][] = [];
      for (let p = 0; p < this.#view.getUint16(at + FRAME.partCount, true); p++) {
        const part = first + p * PART.size;
        came.push([
          this.#view.getUint32(part, true),
          this.#view.getUint32(part + 4, true),
          this.#view.getUint32(part + 8, true),
        ]);
      }
      this.#came.push({
        edgeShape: this.#view.getUint32(at, true),
        ticket: this.#tickets.at(-1)!,
        parts: came,
      });
      for (let p = 0; p < this.#view.getUint16(at + FRAME.partCount, true); p++) {
        const part = first + p * PART.size;
        if ((this.#view.getUint8(part + PART.marks) & PartMarks.withheld) === 0) continue;
        this.#bodies.push([
          this.#view.getUint32(part + PART.offset, true),
          this.#view.getUint32(part + PART.length, true),
        ]);
      }
    }
  }

  /** Makes a frame a fragment of a message: the next, the last, or one behind a gap. */
  #makeFragment(row: number, edgeShape: number, below: (limit: number) => number): void {
    const frames = this.#frames;
    const known = this.#messages[below(8)];
    const message = known ?? { messageId: frames.newMessageId(), index: 0, edgeShape };
    if (known === undefined) this.#messages = [message, ...this.#messages].slice(0, 6);
    if (below(16) === 0) message.index++;
    const isLast = below(3) === 0;
    frames.messageIds[row] = message.messageId;
    frames.fragments[row] = message.index++ | (isLast ? LAST_FRAGMENT : 0);
    if (isLast) this.#messages = this.#messages.filter((each) => each !== message);
    this.#inbox.push(row, message.edgeShape, 0);
  }

  /**
   * How many frames a component piece would take: no fragment that is not admitted, and a fragment only in
   * front.
   */
  #mostInCall(): number {
    const { messageIds, fragments } = this.#frames;
    const inbox = this.#inbox;
    const { inbound, room } = this.#ledger;
    while (inbox.length > 0) {
      const at = inbox.at(0);
      const row = inbox.rows[at]!;
      if (messageIds[row] === 0 || inbound.admits(inbox.edgeShapes[at]!, messageIds[row]!, fragments[row]!))
        break;
      this.#frames.release(row);
      inbox.take(1);
    }
    let most = Math.min(inbox.length, room);
    for (let n = 1; n < most; n++) if (messageIds[inbox.rows[inbox.at(n)]!] !== 0) most = n;
    return most;
  }

  /** Writes an outcome, spoiled or not, and says where. */
  #write(below: (limit: number) => number): number {
    const view = this.#view;
    const size = view.byteLength;
    const at = 96 * 1024 + 8 * below(64);
    const framesAt = at + 64;
    const partsAt = framesAt + 16 * FRAME.size;
    const endsAt = partsAt + 64 * PART.size;
    const pausedAt = endsAt + 16 * 8;
    const arenaAt = below(2) === 0 ? this.#lowering.arenaAt : below(4096);
    const arena = size - arenaAt - below(1000);
    const frames = below(5);
    let parts = 0;
    const used: number[] = [];
    for (let n = 0; n < frames; n++) {
      const to = framesAt + n * FRAME.size;
      // As it came: with the same parts, of this call or of one before, whose arena is no more.
      const came = below(3) === 0 ? this.#came[below(this.#came.length || 1)] : undefined;
      if (came !== undefined && parts + came.parts.length <= 60) {
        view.setUint32(to, came.edgeShape, true);
        view.setUint32(to + FRAME.firstPart, parts, true);
        view.setUint32(to + FRAME.partCount, came.parts.length, true);
        view.setUint32(to + FRAME.ticket, came.ticket, true);
        used.push(came.ticket);
        const moved = below(4) === 0 ? below(16) : 0;
        for (const [kind, offset, length] of came.parts) {
          const part = partsAt + parts++ * PART.size;
          const isWithheld = (kind >>> 24) & PartMarks.withheld;
          view.setUint32(part, kind, true);
          view.setUint32(
            part + PART.offset,
            isWithheld ? offset : offset + this.#lowering.arenaAt - arenaAt + moved,
            true,
          );
          view.setUint32(part + PART.length, length, true);
        }
        continue;
      }
      const edge = below(16) < 15 ? below(2) : EDGE_UDP;
      view.setUint16(to + FRAME.edge, edge, true);
      view.setUint16(to + FRAME.shape, edge === EDGE_UDP ? 3 : 0, true);
      const count = 1 + below(4);
      const shares = parts > 0 && below(5) === 0;
      const first = shares ? below(parts) : parts;
      const own = shares ? Math.min(count, parts - first) : count;
      view.setUint32(to + FRAME.firstPart, first, true);
      view.setUint16(to + FRAME.partCount, own, true);
      view.setUint8(to + FRAME.skipHeaders, below(8) === 0 ? below(3) : 0);
      view.setUint8(to + FRAME.skipTrailers, 0);
      const ticket =
        this.#tickets.length > 0 && below(4) > 0 ? this.#tickets[below(this.#tickets.length)]! : 0;
      view.setUint32(to + FRAME.ticket, ticket, true);
      if (ticket !== 0) used.push(ticket);
      if (shares) continue;
      for (let p = 0; p < count && parts < 60; p++)
        this.#writePart(partsAt + parts++ * PART.size, p === count - 1, arena, below);
    }
    let ends = 0;
    for (let n = below(3); n > 0; n--) {
      const ticket = this.#tickets[below(this.#tickets.length || 1)] ?? 0;
      if (used.includes(ticket) && below(8) > 0) continue;
      view.setUint32(endsAt + ends * 8, ticket, true);
      view.setUint16(endsAt + ends * 8 + 4, below(2), true);
      used.push(ticket);
      ends++;
    }
    const paused = below(3);
    for (let n = 0; n < paused; n++) view.setUint16(pausedAt + n * 2, below(3), true);
    const lists = [framesAt, frames, partsAt, parts, arenaAt, arena, endsAt, ends, pausedAt, paused];
    lists.forEach((value, n) => {
      view.setUint32(at + 4 * n, value, true);
    });
    view.setFloat64(at + OUTCOME.wakeAt, below(2) === 0 ? Infinity : NOW + below(100), true);
    // One number in three outcomes is another.
    if (below(3) === 0) this.#spoil(at, framesAt, frames, partsAt, parts, endsAt, below);
    return at;
  }

  #writePart(to: number, isLast: boolean, arena: number, below: (limit: number) => number): void {
    const view = this.#view;
    const kind = below(4);
    view.setUint16(to + PART.protocol, below(4) === 0 ? below(this.#protocols.count) : below(7), true);
    view.setUint8(to + PART.role, below(3));
    let marks = below(4) === 0 ? below(32) & ~PartMarks.withheld : 0;
    if (!isLast || below(4) > 0) marks &= ~PartMarks.more;
    if (kind < 2 && this.#bodies.length > 0) {
      const [address, length] =
        this.#bodies[this.#bodies.length - 1 - below(Math.min(4, this.#bodies.length))]!;
      const from = kind === 0 ? 0 : below(length + 1);
      view.setUint8(to + PART.marks, marks | PartMarks.withheld);
      view.setUint32(to + PART.offset, address + from, true);
      view.setUint32(to + PART.length, kind === 0 ? length : below(length - from + 1), true);
      return;
    }
    const length = below(12) === 0 ? below(3000) : below(80);
    view.setUint8(to + PART.marks, marks);
    view.setUint32(to + PART.offset, below(Math.max(1, arena - length)), true);
    view.setUint32(to + PART.length, length, true);
  }

  #spoil(
    at: number,
    framesAt: number,
    frames: number,
    partsAt: number,
    parts: number,
    endsAt: number,
    below: (limit: number) => number,
  ): void {
    const view = this.#view;
    const value = [
      0,
      1,
      3,
      0xffff_ffff,
      0x8000_0000,
      0xffff_fff8,
      0x1_0000,
      view.byteLength,
      view.byteLength - 8,
      below(0x1_0000),
    ][below(10)]!;
    const place = below(5);
    if (place === 0) view.setUint32(at + 4 * below(12), value, true);
    else if (place === 1 && frames > 0) view.setUint32(framesAt + 4 * below(frames * 6), value, true);
    else if (place === 2 && parts > 0) view.setUint32(partsAt + 4 * below(parts * 3), value, true);
    else if (place === 3 && parts > 0) {
      // An address of a frame that is not its own, or of no frame.
      const to = partsAt + PART.size * below(parts);
      view.setUint8(to + PART.marks, PartMarks.withheld);
      const kept = this.#kept[below(this.#kept.length || 1)];
      view.setUint32(
        to + PART.offset,
        kept === undefined ? value : this.#frames.start[kept.row]! + below(64),
        true,
      );
    } else view.setUint32(endsAt + 4 * below(4), value, true);
  }

  /**
   * How far an outcome was lifted before its fault decides in which order rows come back; the twins go on
   * alike.
   */
  #sortFreeRows(): void {
    const frames = this.#frames;
    const rows: number[] = [];
    while (frames.freeRows > 0) rows.push(frames.allocate(1));
    for (const row of rows.sort((a, b) => b - a)) frames.release(row);
  }

  /** All but where in its room a frame stands: what came back as it went in stays there, with the kernel. */
  #describeOutbox(): string {
    const { partWords, partCount, start, length, hops, bytes } = this.#frames;
    const rows = Array.from(this.#outbox.rows.subarray(0, this.#outbox.length), (row, n) => {
      const first = row * MAX_PARTS * PART_WORDS;
      const parts = Array.from(partWords.subarray(first, first + partCount[row]! * PART_WORDS), (word, at) =>
        at % PART_WORDS === 1 ? word - start[row]! : word,
      );
      const hash = createHash('sha1').update(bytes.subarray(start[row]!, start[row]! + length[row]!));
      const { messageIds, fragments } = this.#frames;
      const fragment = messageIds[row] === 0 ? 0 : fragments[row];
      const about = [this.#outbox.edgeShapes[n], this.#outbox.skips[n], hops[row], messageIds[row], fragment];
      return [row, ...about, ...parts, hash.digest('base64')];
    });
    return JSON.stringify(rows);
  }

  /** Frames go on as rows of their own, whose parts adjoin and cover them. */
  #checkOutbox(): void {
    const frames = this.#frames;
    const seen = new Set<number>();
    for (let n = 0; n < this.#outbox.length; n++) {
      const row = this.#outbox.rows[n]!;
      insist(!seen.has(row), 'a row goes on twice');
      seen.add(row);
      insist(frames.references[row]! >= 1, 'a free row goes on');
      insist(!this.#kept.some((kept) => kept.row === row), "another piece's row goes on");
      const start = frames.start[row]!;
      insist(
        start >= frames.roomStart(row) && start + frames.length[row]! <= frames.roomEnd(row),
        'a frame outside of its room',
      );
      let at = start;
      for (let part = 0; part < frames.partCount[row]!; part++) {
        const word = (row * MAX_PARTS + part) * PART_WORDS;
        insist(frames.partWords[word + 1] === at, 'parts do not adjoin');
        insist((frames.partWords[word]! & 0xffff) < this.#protocols.count, 'a protocol that is none');
        insist(((frames.partWords[word]! >>> 16) & 0xff) <= 2, 'a role that is none');
        insist(((frames.partWords[word]! >>> 24) & ~PartMarks.unfinished) === 0, 'marks that concern nobody');
        at += frames.partWords[word + 2]!;
      }
      insist(at === start + frames.length[row]!, 'parts do not cover the frame');
    }
  }

  /**
   * The bytes of the n-th frame are those that the outcome names. The guest's memory, and bodies, are as they
   * were.
   */
  #compare(at: number, n: number): void {
    const view = this.#view;
    const frames = this.#frames;
    const frameAt = view.getUint32(at + OUTCOME.frames, true) + n * FRAME.size;
    const partsAt = view.getUint32(at + OUTCOME.parts, true);
    const arenaAt = view.getUint32(at + OUTCOME.arena, true);
    const first = view.getUint32(frameAt + FRAME.firstPart, true);
    let to = frames.start[this.#outbox.rows[n]!]!;
    for (let p = 0; p < view.getUint16(frameAt + FRAME.partCount, true); p++) {
      const part = partsAt + (first + p) * PART.size;
      const isWithheld = (view.getUint8(part + PART.marks) & PartMarks.withheld) !== 0;
      const from = isWithheld ? frames.bytes : this.#words.bytes;
      const offset = view.getUint32(part + PART.offset, true) + (isWithheld ? 0 : arenaAt);
      const length = view.getUint32(part + PART.length, true);
      for (let i = 0; i < length; i++)
        insist(frames.bytes[to + i] === from[offset + i], 'a frame has other bytes than the outcome says');
      to += length;
    }
  }

  /** The other piece keeps some of what comes, and lets go of some that it kept. */
  #passOn(below: (limit: number) => number): void {
    while (this.#outbox.length > 0) {
      const row = this.#outbox.rows[--this.#outbox.length]!;
      if (below(2) === 0 && this.#kept.length < 12) this.#keep(row);
      else this.#frames.release(row);
    }
    for (const { row, bytes } of this.#kept) {
      const start = this.#frames.start[row]!;
      const now = this.#frames.bytes.subarray(start, start + bytes.length);
      insist(
        this.#frames.length[row] === bytes.length && Buffer.compare(now, bytes) === 0,
        "another piece's frame has changed",
      );
    }
    for (let n = below(4); n > 0 && this.#kept.length > 0; n--) {
      const [kept] = this.#kept.splice(below(this.#kept.length), 1);
      this.#frames.release(kept!.row);
    }
  }

  #keep(row: number): void {
    const start = this.#frames.start[row]!;
    this.#kept.push({ row, bytes: this.#frames.bytes.slice(start, start + this.#frames.length[row]!) });
  }

  /** Every row that is not free belongs to the piece or to the other one, and is counted as often. */
  #checkRows(): void {
    const frames = this.#frames;
    const owners = new Map<number, number>();
    for (const row of this.#ledger.rows) if (row >= 0) owners.set(row, (owners.get(row) ?? 0) + 1);
    for (const { row } of this.#kept) owners.set(row, (owners.get(row) ?? 0) + 1);
    for (let n = 0; n < this.#inbox.length; n++) {
      const row = this.#inbox.rows[this.#inbox.at(n)]!;
      owners.set(row, (owners.get(row) ?? 0) + 1);
    }
    for (const [row, count] of owners)
      insist(
        frames.references[row] === count,
        () => `row ${row} has ${count} owners and ${frames.references[row]} references`,
      );
    insist(
      frames.freeRows === frames.rows - owners.size,
      () => `${frames.rows - owners.size - frames.freeRows} rows are lost`,
    );
  }

  /** Slots are free, or hold rows, or are tickets of frames in fragments whose rows went on. */
  #checkHeld(): void {
    const ledger = this.#ledger;
    const rows = ledger.rows.filter((row) => row >= 0).length;
    const { emptyHeads, seen } = ledger.inbound;
    insist(
      ledger.room + rows + emptyHeads === ledger.capacity,
      () => `${ledger.room} slots are free, ${rows} hold rows, and ${emptyHeads} hold tickets alone`,
    );
    insist(
      ledger.held === rows + seen,
      () => `${ledger.held} frames are held, which are ${rows} and ${seen}`,
    );
  }
}
