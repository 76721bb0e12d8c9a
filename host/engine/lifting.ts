import { END, FRAME, OUTCOME, PART, PartMarks, Role } from '../../abi/host/contract.ts';
import { type Frames, HEADROOM, MAX_FRAME_BYTES, MAX_PARTS, PART_WORDS } from '../frame/frames.ts';
import type { Counters } from '../piece/counters.ts';
import { CONTINUES, type Ledger, MOVED, USED } from '../piece/ledger.ts';
import type { Outbox } from '../piece/outbox.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { copyBytes } from './copy-bytes.ts';
import type { GuestWords } from './guest-words.ts';
import { FRAME_COUNT_SKIPS, FRAME_EDGE_SHAPE, FRAME_FIRST_PART, FRAME_TICKET } from './lowering.ts';
import type { Outlets } from './outlets.ts';

/**
 * Reads an outcome out of a guest's memory, checks every number in it before use, and turns it into rows.
 *
 * A frame whose withheld body goes on whole keeps its row: new headers are written in front of the body, which never
 * moves. So does a frame that was seen whole and goes on for the first time. All others get rows of their own.
 *
 * A breach of the contract throws a {@link PieceFault}; then none of the outcome's frames go on.
 */
export class Lifting {
  /** Edges from which the piece takes nothing for now, by number, after {@link lift}. */
  readonly paused = new Set<number>();

  readonly #frames: Frames;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  readonly #counters: Counters;
  /** The counter of each described reason. */
  readonly #reasons: Int32Array;
  readonly #noRoom: number;
  readonly #protocols: () => number;
  /** Slots of tickets that this outcome passes on. */
  #used = new Int32Array(64);
  #usedCount = 0;

  // The lists of the outcome at hand.
  #parts = 0;
  #partsAt = 0;
  #arena = 0;
  #arenaAt = 0;

  /** `protocols` answers how many protocol numbers there are: one more than the largest. */
  constructor(
    frames: Frames,
    ledger: Ledger,
    outlets: Outlets,
    counters: Counters,
    reasons: readonly string[],
    protocols: () => number,
  ) {
    this.#frames = frames;
    this.#ledger = ledger;
    this.#outlets = outlets;
    this.#counters = counters;
    this.#reasons = Int32Array.from(reasons, (name) => counters.index(name));
    this.#noRoom = counters.index('no-room');
    this.#protocols = protocols;
  }

  /**
   * Lifts the outcome at `at` into the outbox and settles its tickets.
   *
   * @param hops the largest hop count of the frames of this call, for frames of the piece's own.
   * @returns the instant of `wake-at`.
   * @throws {PieceFault} FT_FAULT_OUTCOME, with the outbox as it was.
   */
  lift(words: GuestWords, at: number, now: number, hops: number, outbox: Outbox): number {
    const kept = outbox.length;
    this.#usedCount = 0;
    try {
      if ((at & 7) !== 0 || at + OUTCOME.size > words.bytes.length)
        throw fault(`the outcome stands at ${at}, which is not aligned to 8 or not in memory`);
      const guest = words.words;
      const list = at >>> 2;
      const framesAt = guest[list + (OUTCOME.frames >>> 2)]!;
      const count = guest[list + (OUTCOME.frames >>> 2) + 1]!;
      this.#partsAt = guest[list + (OUTCOME.parts >>> 2)]!;
      this.#parts = guest[list + (OUTCOME.parts >>> 2) + 1]!;
      this.#arenaAt = guest[list + (OUTCOME.arena >>> 2)]!;
      this.#arena = guest[list + (OUTCOME.arena >>> 2) + 1]!;
      checkList(words, 'frames', framesAt, count, FRAME.size, FRAME.align, MAX_OUTCOME_FRAMES);
      checkList(words, 'parts', this.#partsAt, this.#parts, PART.size, PART.align, MAX_OUTCOME_PARTS);
      checkList(words, 'arena', this.#arenaAt, this.#arena, 1, 1, MAX_OUTCOME_BYTES);
      let frameAt = framesAt >>> 2;
      for (let n = 0; n < count; n++, frameAt += FRAME.size >>> 2)
        this.#liftFrame(words, frameAt, n, hops, outbox);
      this.#liftEnds(words, guest[list + (OUTCOME.ends >>> 2)]!, guest[list + (OUTCOME.ends >>> 2) + 1]!);
      this.#liftPaused(
        words,
        guest[list + (OUTCOME.paused >>> 2)]!,
        guest[list + (OUTCOME.paused >>> 2) + 1]!,
      );
      const wakeAt = words.doubles[(at + OUTCOME.wakeAt) >>> 3]!;
      if (!(wakeAt >= now)) throw fault(`wake-at is ${wakeAt}, and it is ${now} already`);
      this.#settle();
      return wakeAt;
    } catch (error) {
      while (outbox.length > kept) this.#frames.release(outbox.rows[--outbox.length]!);
      throw error;
    }
  }

  #liftFrame(words: GuestWords, at: number, n: number, hops: number, outbox: Outbox): void {
    const guest = words.words;
    const frames = this.#frames;
    const ledger = this.#ledger;
    const edgeShape = guest[at + FRAME_EDGE_SHAPE]!;
    const outlet = this.#outlets.at(edgeShape & 0xffff, edgeShape >>> 16);
    if (outlet < 0)
      throw fault(
        `frame ${n} leaves by Edge ${edgeShape & 0xffff}, Shape ${edgeShape >>> 16}, where the piece is not joined`,
      );
    const countSkips = guest[at + FRAME_COUNT_SKIPS]!;
    const count = countSkips & 0xffff;
    const skipHeaders = (countSkips >>> 16) & 0xff;
    const first = guest[at + FRAME_FIRST_PART]!;
    if (count === 0 || count > MAX_PARTS)
      throw fault(`frame ${n} has ${count} parts: at least 1 and at most ${MAX_PARTS} can be`);
    if (first > this.#parts - count)
      throw fault(`frame ${n} has parts ${first} to ${first + count}, and there are ${this.#parts}`);
    if (skipHeaders + (countSkips >>> 24) > count) throw fault(`frame ${n} skips more parts than it has`);

    const ticket = guest[at + FRAME_TICKET]!;
    let slot = -1;
    if (ticket !== 0) {
      slot = ledger.slotOf(ticket);
      if (slot < 0) throw fault(`frame ${n} continues ticket ${ticket}, which the piece does not hold`);
    }

    // First the checks, and what of it lies where.
    const protocols = this.#protocols();
    const arena = this.#arena;
    const partsFirst = (this.#partsAt >>> 2) + first * PART_WORDS;
    const partsLast = partsFirst + count * PART_WORDS;
    let total = 0;
    let before = 0; // bytes in front of the withheld part
    let withheld = 0; // withheld parts
    let body = 0; // the address of the last withheld part
    let bodyLength = 0;
    let bodySlot = -1;
    let longest = 0; // the longest part that stands in the arena: its remainder modulo 8 decides the frame's
    let anchor = 0;
    let more = 0;
    for (let p = partsFirst; p < partsLast; p += PART_WORDS) {
      const kind = guest[p]!;
      const offset = guest[p + 1]!;
      const length = guest[p + 2]!;
      if ((kind & 0xffff) >= protocols)
        throw fault(`frame ${n} has a part of protocol ${kind & 0xffff}, which is no protocol`);
      if (((kind >>> 16) & 0xff) > Role.trailer)
        throw fault(`frame ${n} has a part of role ${(kind >>> 16) & 0xff}, which is no role`);
      const marks = kind >>> 24;
      more |= marks & PartMarks.more;
      if ((marks & PartMarks.withheld) !== 0) {
        // Its own ticket's body in almost every case; the row decides otherwise.
        const within = offset - (slot < 0 ? 0 : ledger.bodyStarts[slot]!);
        if (slot >= 0 && within >= 0 && within + length <= ledger.bodyLengths[slot]!) bodySlot = slot;
        else bodySlot = ledger.slotOfBody(frames.rowAt(offset), offset, length);
        if (bodySlot < 0)
          throw fault(
            `frame ${n} passes on ${length} withheld bytes at ${offset}, which are not of a frame that the piece holds`,
          );
        withheld++;
        before = total;
        body = offset;
        bodyLength = length;
      } else {
        if (length > arena || offset > arena - length)
          throw fault(`frame ${n} has a part at ${offset} of ${length} bytes, and the arena has ${arena}`);
        if (length > longest) {
          longest = length;
          anchor = this.#arenaAt + offset - total;
        }
      }
      total += length;
      if (total > MAX_FRAME_BYTES)
        throw fault(
          `frame ${n} has more than ${MAX_FRAME_BYTES} bytes: larger ones go in pieces marked \`more\``,
        );
    }

    // Then its place: the row that its ticket had, or another.
    const free = slot >= 0 && (ledger.uses[slot]! & (USED | CONTINUES)) === 0 && more === 0;
    let row = -1;
    let start = 0;
    let inPlace = false;
    if (free) {
      const own = ledger.rows[slot]!;
      if (frames.references[own] === 1) {
        if (withheld === 0 && ledger.bodyLengths[slot] === 0) {
          start = frames.roomStart(own) + HEADROOM + (anchor & 7);
          if (start + total <= frames.roomEnd(own)) row = own;
        } else if (
          withheld === 1 &&
          bodySlot === slot &&
          body === ledger.bodyStarts[slot] &&
          bodyLength === ledger.bodyLengths[slot]
        ) {
          start = body - before;
          if (start >= frames.roomStart(own) && start + total <= frames.roomEnd(own)) {
            row = own;
            inPlace = true;
          }
        }
      }
    }
    if (slot >= 0) this.#use(slot, row, more);
    if (row >= 0) {
      frames.partCount[row] = 0;
      frames.hops[row]! += 1;
    } else {
      row = frames.allocate(total);
      if (row < 0) {
        this.#counters.values[this.#noRoom]! += 1;
        return;
      }
      start = frames.start[row]!;
      start += ((withheld === 0 ? anchor : body - before) - start) & 7;
      frames.hops[row] = (slot >= 0 ? frames.hops[ledger.rows[slot]!]! : hops) + 1;
    }
    outbox.push(row, edgeShape, countSkips >>> 16);

    // And then its bytes and parts.
    frames.start[row] = start;
    frames.length[row] = total;
    frames.partCount[row] = count;
    const { partWords } = frames;
    let to = start;
    let own = row * MAX_PARTS * PART_WORDS;
    let runFrom = 0; // parts that follow one another in the arena are copied as one
    let runTo = 0;
    let run = 0;
    for (let p = partsFirst; p < partsLast; p += PART_WORDS, own += PART_WORDS) {
      const kind = guest[p]!;
      const offset = guest[p + 1]!;
      const length = guest[p + 2]!;
      if ((kind & (PartMarks.withheld << 24)) !== 0) {
        if (!inPlace) frames.copy(to, offset, length);
      } else if (run > 0 && runFrom + run === offset && runTo + run === to) {
        run += length;
      } else {
        if (run > 0) copyBytes(frames, runTo, words, this.#arenaAt + runFrom, run);
        runFrom = offset;
        runTo = to;
        run = length;
      }
      partWords[own] =
        (kind & (PartMarks.unparsed << 24)) === 0
          ? kind & KEPT
          : (kind & KEPT & ~(0xff << 16)) | (Role.payload << 16);
      partWords[own + 1] = to;
      partWords[own + 2] = length;
      to += length;
    }
    if (run > 0) copyBytes(frames, runTo, words, this.#arenaAt + runFrom, run);

    if (!this.#outlets.patterns[outlet]!.matches(frames, row, skipHeaders, this.#outlets.up[outlet]!)) {
      throw fault(
        `frame ${n} leaves by Edge ${edgeShape & 0xffff}, Shape ${edgeShape >>> 16}, and does not begin with that Shape's protocols`,
      );
    }
  }

  #use(slot: number, row: number, more: number): void {
    const ledger = this.#ledger;
    if ((ledger.uses[slot]! & (USED | CONTINUES)) === 0) {
      if (this.#usedCount === this.#used.length) {
        const grown = new Int32Array(this.#used.length * 2);
        grown.set(this.#used);
        this.#used = grown;
      }
      this.#used[this.#usedCount++] = slot;
    }
    // The last frame of a ticket decides whether it lives on.
    let use = (ledger.uses[slot]! & MOVED) | (more === 0 ? USED : CONTINUES);
    if (row >= 0) use |= MOVED;
    ledger.uses[slot] = use;
  }

  #liftEnds(words: GuestWords, at: number, count: number): void {
    checkList(words, 'ends', at, count, END.size, 4, MAX_OUTCOME_FRAMES);
    const ledger = this.#ledger;
    for (let n = 0, word = at >>> 2; n < count; n++, word += END.size >>> 2) {
      const ticket = words.words[word + (END.ticket >>> 2)]!;
      const reason = words.words[word + (END.reason >>> 2)]! & 0xffff;
      const slot = ledger.slotOf(ticket);
      if (slot < 0) throw fault(`an end names ticket ${ticket}, which the piece does not hold`);
      if ((ledger.uses[slot]! & USED) !== 0)
        throw fault(`an end names ticket ${ticket}, which goes on in this outcome or has ended already`);
      if (reason >= this.#reasons.length)
        throw fault(`an end gives reason ${reason}, and the piece described ${this.#reasons.length}`);
      this.#counters.values[this.#reasons[reason]!]! += 1;
      this.#use(slot, -1, 0);
    }
  }

  #liftPaused(words: GuestWords, at: number, count: number): void {
    checkList(words, 'paused', at, count, 2, 2, MAX_OUTCOME_FRAMES);
    if (count === 0 && this.paused.size === 0) return;
    this.paused.clear();
    for (let n = 0; n < count; n++) this.paused.add(words.halves[(at >>> 1) + n]!);
  }

  /** Tickets that went on or ended are given back, with the rows that did not move. */
  #settle(): void {
    const ledger = this.#ledger;
    for (let n = 0; n < this.#usedCount; n++) {
      const slot = this.#used[n]!;
      const use = ledger.uses[slot]!;
      if ((use & USED) === 0) {
        ledger.uses[slot] = 0;
        continue;
      }
      const row = ledger.rows[slot]!;
      ledger.close(slot);
      if ((use & MOVED) === 0) this.#frames.release(row);
    }
    this.#usedCount = 0;
  }
}

/** Frames, parts and bytes of one outcome; also the most tickets and Edges in its other lists. */
export const MAX_OUTCOME_FRAMES = 4096;
export const MAX_OUTCOME_PARTS = 65_536;
export const MAX_OUTCOME_BYTES = 64 * 1024 * 1024;

/** Protocol, role, and those marks that concern whoever comes next: `unfinished` and `more`. */
const KEPT = 0xff_ffff | ((PartMarks.unfinished | PartMarks.more) << 24);

function checkList(
  words: GuestWords,
  name: string,
  at: number,
  count: number,
  size: number,
  align: number,
  most: number,
): void {
  if (count > most) throw fault(`its ${name} are ${count}, and at most ${most} can be`);
  if (count === 0) return;
  if ((at & (align - 1)) !== 0)
    throw fault(`its list of ${name} stands at ${at}, which is not aligned to ${align}`);
  if (at + count * size > words.bytes.length) throw fault(`its list of ${name} reaches beyond the memory`);
}

function fault(message: string): PieceFault {
  return new PieceFault('FT_FAULT_OUTCOME', `outcome: ${message}`);
}
