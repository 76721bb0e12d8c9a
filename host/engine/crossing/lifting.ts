import { END, FRAME, LIMITS, OUTCOME, PART, PartMarks, Role } from '../../../abi/host/contract.ts';
import { type Frames, HEADROOM, MAX_FRAME_BYTES, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import type { Counters } from '../../piece/counters.ts';
import { LAST_FRAGMENT } from '../../piece/inbound-fragments.ts';
import type { Ledger } from '../../piece/ledger.ts';
import { OWN } from '../../piece/outbound-fragments.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { PieceFault } from '../../piece/piece-fault.ts';
import * as ticketUses from '../../piece/ticket-uses.ts';
import { copyBlockLoosely } from './copy-block.ts';
import { copyBytes } from './copy-bytes.ts';
import type { FrameKernel } from './frame-kernel.ts';
import * as kernelConstants from './frame-kernel.ts';
import type { GuestWords } from './guest-words.ts';
import { FRAME_COUNT_SKIPS, FRAME_EDGE_SHAPE, FRAME_FIRST_PART, FRAME_TICKET } from './lowering.ts';
import { bytesFault, fault, frameFault, kindFault, ownMessagesFault, shapeFault } from './outcome-faults.ts';
import type { LeavingPattern, Outlets } from './outlets.ts';

/**
 * Reads an outcome out of a guest's memory, checks every number in it before use, and turns it into rows.
 *
 * A frame whose withheld body goes on whole keeps its row: new headers are written in front of the body,
 * which never moves. A frame that was seen whole and goes on for the first time also keeps its row. All
 * others get rows of their own.
 *
 * With a frame kernel, the kernel lifts usual frames from a copy of the outcome, and this class lifts all
 * others. Without one, this class lifts every frame. The result is the same.
 *
 * A breach of the contract throws a {@link PieceFault}, and then no frame of the outcome goes on.
 *
 * This file is long on purpose: its methods run for each frame on the state of one outcome, which private
 * fields and constants of this module keep cheap to read. Messages of faults are in `outcome-faults.ts`, off
 * the frame path.
 */
export class Lifting {
  /** By Edge: whether the piece takes nothing from it for now; valid after {@link lift}. */
  readonly paused = new Set<number>();

  readonly #frames: Frames;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  readonly #counters: Counters;
  /** The counters of the described reasons. */
  readonly #reasons: Int32Array;
  readonly #noRoom: number;
  readonly #unparsable: number;
  readonly #broken: number;
  readonly #release: (row: number) => void;
  readonly #protocols: () => number;
  readonly #kernel: FrameKernel | undefined;
  /** Bytes in the frames of this outcome so far. */
  #bytesOut = 0;

  // The lists of the current outcome.
  #parts = 0;
  #partsAt = 0;
  #arena = 0;
  #arenaAt = 0;
  #protocolCount = 0;
  // The Edge and Shape of the previous frame, the pattern that frames match there, and whether they travel
  // up.
  #edgeShape = -1;
  #pattern: LeavingPattern | undefined;
  #up = false;
  // Fragment state of the current frame: message id (0 = whole), fragment index, and whether its remainder is
  // discarded.
  #messageId = 0;
  #fragment = 0;
  #isCut = false;
  /** The parts of a frame that does not go on in its ticket's row. */
  readonly #scratch = new Uint32Array(MAX_PARTS * PART_WORDS);

  /**
   * @param protocols returns one more than the largest protocol number
   * @param kernel the kernel of this lane; only if ledger and outlets are in the lane's memory
   */
  constructor(
    frames: Frames,
    ledger: Ledger,
    outlets: Outlets,
    counters: Counters,
    reasons: readonly string[],
    protocols: () => number,
    kernel?: FrameKernel,
  ) {
    this.#frames = frames;
    this.#ledger = ledger;
    this.#outlets = outlets;
    this.#counters = counters;
    this.#reasons = Int32Array.from(reasons, (name) => counters.index(name));
    this.#noRoom = counters.index('no-room');
    this.#unparsable = counters.index('unparsable');
    this.#broken = counters.index(BROKEN_FRAME);
    this.#release = (row) => frames.release(row);
    this.#protocols = protocols;
    this.#kernel = kernel;
  }

  /**
   * Lifts the outcome at `at` into the outbox and settles its tickets.
   *
   * @param hops the largest hop count among the frames of this call; frames of the piece's own get it
   * @returns the time of `wake-at`
   * @throws {PieceFault} FT_FAULT_OUTCOME; the outbox is then unchanged
   */
  lift(words: GuestWords, at: number, now: number, hops: number, outbox: Outbox): number {
    const kept = outbox.length;
    this.#ledger.usedCount = 0;
    this.#bytesOut = 0;
    this.#edgeShape = -1;
    this.#protocolCount = this.#protocols();
    try {
      if ((at & 7) !== 0 || at + OUTCOME.size > words.bytes.length)
        throw fault(`the outcome is at address ${at}, which is not a multiple of 8 or not in memory`);
      const guest = words.words;
      const list = at >>> 2;
      const framesAt = guest[list + OUTCOME_FRAMES]!;
      const count = guest[list + OUTCOME_FRAMES + 1]!;
      this.#partsAt = guest[list + OUTCOME_PARTS]!;
      this.#parts = guest[list + OUTCOME_PARTS + 1]!;
      this.#arenaAt = guest[list + OUTCOME_ARENA]!;
      this.#arena = guest[list + OUTCOME_ARENA + 1]!;
      checkList(words, 'frames', framesAt, count, FRAME.size, FRAME.align, LIMITS.maxFramesOut);
      checkList(words, 'parts', this.#partsAt, this.#parts, PART.size, PART.align, LIMITS.maxPartsOut);
      checkList(words, 'arena', this.#arenaAt, this.#arena, 1, 1, words.bytes.length);
      const kernel = count > 0 ? this.#bring(words, framesAt, count) : undefined;
      this.#liftFrames(words, framesAt >>> 2, count, hops, outbox, kernel);
      this.#liftEnds(words, guest[list + OUTCOME_ENDS]!, guest[list + OUTCOME_ENDS + 1]!);
      this.#liftPaused(words, guest[list + OUTCOME_PAUSED]!, guest[list + OUTCOME_PAUSED + 1]!);
      const wakeAt = words.doubles[(at + OUTCOME.wakeAt) >>> 3]!;
      if (!(wakeAt >= now)) throw fault(`wake-at is ${wakeAt}, but the time is ${now} already`);
      this.#settle();
      // V8 allocates a returned number that is no small integer. The constant is on the heap already.
      if (wakeAt === Infinity) return Infinity;
      return wakeAt;
    } catch (error) {
      while (outbox.length > kept) this.#frames.release(outbox.rows[--outbox.length]!);
      throw error;
    }
  }

  /**
   * Copies the outcome into the memory of the kernel. Returns undefined if the outcome is too large for that,
   * or the copy would waste time: if few of the incoming frames go on, most of the arena is copied for
   * nothing.
   */
  #bring(words: GuestWords, framesAt: number, count: number): FrameKernel | undefined {
    const kernel = this.#kernel;
    const parts = this.#parts;
    const arena = this.#arena;
    if (kernel === undefined || count > MOST_FRAMES || parts > MOST_PARTS_OUT || arena > MOST_ARENA)
      return undefined;
    if (kernel.sentBy !== this.#ledger) kernel.sent = 0;
    if (arena > SMALL_ARENA && count * 2 < kernel.sent) return undefined;
    copyBlockLoosely(kernel.memory, kernel.framesAt, words, framesAt, count * FRAME_SIZE);
    copyBlockLoosely(kernel.memory, kernel.partsAt, words, this.#partsAt, parts * PART_SIZE);
    copyBlockLoosely(kernel.memory, kernel.arenaAt, words, this.#arenaAt, arena);
    return kernel;
  }

  /**
   * Lifts the frames of the outcome in order: the kernel lifts runs of usual frames, and this function the
   * others.
   */
  #liftFrames(
    words: GuestWords,
    framesAt: number,
    frameCount: number,
    hops: number,
    outbox: Outbox,
    kernel: FrameKernel | undefined,
  ): void {
    const guest = words.words;
    const frames = this.#frames;
    const ledger = this.#ledger;
    const parts = this.#parts;
    const partsAt = this.#partsAt >>> 2;
    let inVain = 0;
    for (let n = 0; n < frameCount; n++) {
      if (kernel !== undefined && inVain < MOST_IN_VAIN) {
        const next = this.#liftUsual(kernel, n, frameCount, outbox);
        // Stryker disable next-line all: it decides only which of two equal ways a frame takes.
        inVain = next > n ? 0 : inVain + 1;
        n = next;
        if (n === frameCount) return;
      }
      const at = framesAt + n * FRAME_STRIDE;
      const edgeShape = guest[at + EDGE_SHAPE]!;
      const first = guest[at + FIRST_PART]!;
      const countSkips = guest[at + COUNT_SKIPS]!;
      const ticket = guest[at + TICKET]!;
      if (edgeShape !== this.#edgeShape) this.#findOutlet(edgeShape, n);
      const count = countSkips & 0xffff;
      const skipHeaders = (countSkips >>> 16) & 0xff;
      if (
        count === 0 ||
        count > MOST_PARTS ||
        first > parts - count ||
        skipHeaders + (countSkips >>> 24) > count
      )
        throw frameFault(n, count, first, parts);

      let slot = -1;
      let own = -1; // the row of the ticket, if the frame may go on in it
      this.#isCut = false;
      if (ticket !== 0) {
        slot = ledger.slotOf(ticket);
        if (slot < 0) {
          this.#isCut = ledger.inbound.isGivenUp(ticket);
          if (!this.#isCut)
            throw fault(`frame ${n} continues ticket ${ticket}, which the piece does not hold`);
        } else if (ledger.uses[slot] === 0) {
          own = ledger.rows[slot]!;
          if (frames.references[own] !== 1) own = -1;
        }
      }
      const part = partsAt + first * PART_STRIDE;
      const row = this.#liftFrame(words, part, count, n, slot, own, hops);
      if (row < 0) continue;
      if (this.#isCut) {
        this.#drop(this.#broken, row);
        continue;
      }
      frames.messageIds[row] = this.#messageId;
      frames.fragments[row] = this.#fragment;
      outbox.push(row, edgeShape, countSkips >>> 16);
      if (!this.#pattern!.matches(frames, row, skipHeaders, this.#up)) {
        // The piece decrypted or assembled these bytes, but a sender elsewhere wrote them. So the piece is
        // not at fault.
        if (!hasUnparsed(guest, part, count)) throw shapeFault(n, edgeShape);
        this.#dropUnparsable(row, row === own ? slot : -1, outbox);
      }
    }
  }

  /**
   * Lets the kernel lift frames from the n-th on. Returns the number of the first frame that it did not lift.
   */
  #liftUsual(kernel: FrameKernel, n: number, frameCount: number, outbox: Outbox): number {
    const { results, passed } = kernel;
    results[BYTES_OUT] = this.#bytesOut;
    const next = kernel.lift(
      n,
      frameCount,
      this.#parts,
      this.#arena,
      kernel.sent,
      this.#ledger.at,
      this.#outlets.at,
      this.#protocolCount,
      this.#arenaAt & 7,
    );
    this.#bytesOut = results[BYTES_OUT]!;
    outbox.pushAll(passed, next - n);
    if (results[UNMATCHED]! > 0) this.#checkShapes(passed, n, next);
    return next;
  }

  /** Checks the Shapes of lifted frames that the kernel could not check itself. */
  #checkShapes(passed: Uint32Array, from: number, to: number): void {
    for (let n = from, at = 0; n < to; n++, at += PASSED_STRIDE) {
      const edgeShape = passed[at + 1]!;
      if (edgeShape !== this.#edgeShape) this.#findOutlet(edgeShape, n);
      if (!this.#pattern!.matches(this.#frames, passed[at]!, passed[at + 2]! & 0xff, this.#up))
        throw shapeFault(n, edgeShape);
    }
  }

  /**
   * Lifts one frame: unchanged, changed, a copy, or the piece's own. Reads and checks its parts once, into
   * the table of the row in which it most probably goes on, the row of its ticket. If the frame gets another
   * row, that table was scratch: the parts of a held row are never read.
   *
   * @param at its first part, in words
   * @returns its row; -1 if there is no room for it
   */
  #liftFrame(
    words: GuestWords,
    at: number,
    count: number,
    n: number,
    slot: number,
    own: number,
    hops: number,
  ): number {
    const guest = words.words;
    const frames = this.#frames;
    const ledger = this.#ledger;

    // First: check the parts, and find out where their bytes are.
    const protocols = this.#protocolCount;
    const arena = this.#arena;
    const table = own >= 0 ? frames.partWords : this.#scratch;
    const tableFirst = own >= 0 ? own * ROW_STRIDE : 0;
    const tableLast = tableFirst + count * PART_STRIDE;
    let p = at;
    let kinds = 0; // all bits of all parts
    let kind = 0; // of the last part, in the end
    let total = 0;
    let before = 0; // bytes in front of the withheld part
    let withheld = 0; // withheld parts
    let body = 0; // the address of the last withheld part
    let bodyLength = 0;
    let bodySlot = -1;
    let longest = 0; // the longest part in the arena: the frame gets its remainder modulo 8
    let anchor = 0;
    let next = -1; // the end of the previous part in the arena
    let runs = 0; // parts that do not start there
    for (let to = tableFirst; to < tableLast; to += PART_STRIDE, p += PART_STRIDE) {
      kind = guest[p]!;
      const offset = guest[p + 1]!;
      const length = guest[p + 2]!;
      if ((kind & 0xffff) >= protocols || (kind & ROLE_BITS) > TRAILER) throw kindFault(n, kind, protocols);
      if ((kind & WITHHELD) === 0) {
        if (length > arena || offset > arena - length)
          throw fault(
            `frame ${n} has a part of ${length} bytes at ${offset}, but the arena has ${arena} bytes`,
          );
        if (length > longest) {
          longest = length;
          anchor = offset - total;
        }
        if (offset !== next) runs++;
        next = offset + length;
      } else {
        bodySlot = this.#slotOfBody(slot, offset, length, n);
        if (length > 0 && (ledger.uses[bodySlot]! & FRAGMENTED) !== 0) this.#notePassed(bodySlot);
        withheld++;
        before = total;
        body = offset;
        bodyLength = length;
      }
      table[to] = kind;
      table[to + 1] = offset;
      table[to + 2] = length;
      kinds |= kind;
      total += length;
    }
    this.#bytesOut += total;
    if (this.#bytesOut > MOST_BYTES_OUT) throw bytesFault();
    if (total > MOST_BYTES)
      throw fault(
        `frame ${n} has more than ${MAX_FRAME_BYTES} bytes: larger ones travel in fragments marked \`more\``,
      );
    anchor += this.#arenaAt;
    const hasMore = (kind & MORE) !== 0;
    this.#findMessage(slot, hasMore, n);

    // Second: choose the row. It is the row of the ticket, or another.
    let row = -1;
    let start = 0;
    let inPlace = false;
    if (own >= 0 && !hasMore) {
      if (withheld === 0 && ledger.bodyLengths[slot] === 0) {
        start = frames.roomStart(own) + HEAD + (anchor & 7);
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
    if (slot >= 0) this.#use(slot, row >= 0, hasMore);
    if (row >= 0) {
      frames.hops[row]! += 1;
    } else {
      // The ticket may live on, and the table of its row is scratch now.
      if (own >= 0) frames.partCount[own] = 0;
      row = frames.allocate(total);
      if (row < 0) {
        this.#counters.values[this.#noRoom]! += 1;
        return -1;
      }
      start = frames.start[row]!;
      // Stryker disable next-line all: the remainder modulo 8 saves time only, where words are copied.
      start += ((withheld === 0 ? anchor : body - before) - start) & 7;
      const from = slot >= 0 ? slot : bodySlot;
      frames.hops[row] = (from >= 0 ? this.#hopsOf(from) : hops) + 1;
      const origin = from >= 0 ? ledger.rows[from]! : -1;
      if (origin >= 0) frames.copyTime(row, origin);
    }
    frames.start[row] = start;
    frames.length[row] = total;
    frames.partCount[row] = count;

    // Third: copy the bytes, and write the addresses of the parts.
    if (runs === 1 && row === own && (kinds & ~KEPT) === 0) {
      copyBytes(frames, start, words, this.#arenaAt + table[tableFirst + 1]!, total);
      for (let to = tableFirst, address = start; to < tableLast; to += PART_STRIDE) {
        table[to + 1] = address;
        address += table[to + 2]!;
      }
    } else {
      this.#placeParts(words, table, tableFirst, row, inPlace);
    }
    return row;
  }

  /**
   * Removes the last frame of the outbox. The row of a ticket stays until settlement, because other frames
   * may use it.
   */
  #dropUnparsable(row: number, slotOfRow: number, outbox: Outbox): void {
    outbox.length--;
    if (slotOfRow < 0) {
      this.#drop(this.#unparsable, row);
      return;
    }
    this.#counters.values[this.#unparsable]! += 1;
    this.#ledger.uses[slotOfRow]! &= ~ROW_MOVED;
  }

  #drop(reason: number, row: number): void {
    this.#counters.values[reason]! += 1;
    this.#frames.release(row);
  }

  /**
   * Finds the message of the current frame: the incomplete one of its ticket, Edge and Shape, or a new one.
   */
  #findMessage(slot: number, hasMore: boolean, n: number): void {
    this.#messageId = 0;
    this.#fragment = 0;
    if (this.#isCut) return;
    const ledger = this.#ledger;
    const { outbound } = ledger;
    const use = slot < 0 ? 0 : ledger.uses[slot]!;
    if (!hasMore && (slot < 0 ? outbound.own === 0 : (use & (OUTBOUND | CUT)) === 0)) return;
    const of = slot < 0 ? OWN : slot;
    let entry = outbound.find(of, this.#edgeShape);
    if (entry < 0) {
      this.#isCut = (use & CUT) !== 0;
      if (this.#isCut || !hasMore) return;
      entry = outbound.begin(of, this.#edgeShape, this.#frames.newMessageId());
      if (entry < 0) throw ownMessagesFault(n);
    }
    this.#messageId = outbound.messageIdOf(entry);
    this.#fragment = outbound.take(entry) | (hasMore ? 0 : LAST_FRAGMENT);
    if (!hasMore) outbound.remove(entry);
  }

  #hopsOf(slot: number): number {
    const row = this.#ledger.rows[slot]!;
    return row < 0 ? this.#ledger.inbound.hopsOf(slot) : this.#frames.hops[row]!;
  }

  /**
   * Copies the bytes of the parts one behind the other, and writes the table of the row. Adjoining parts are
   * copied as one.
   */
  #placeParts(
    words: GuestWords,
    table: Uint32Array,
    tableFirst: number,
    row: number,
    inPlace: boolean,
  ): void {
    const frames = this.#frames;
    const { partWords } = frames;
    const first = row * ROW_STRIDE;
    const last = first + frames.partCount[row]! * PART_STRIDE;
    let to = frames.start[row]!;
    let runFrom = 0;
    let runTo = 0;
    let run = 0;
    for (let own = first, p = tableFirst; own < last; own += PART_STRIDE, p += PART_STRIDE) {
      const kind = table[p]!;
      const offset = table[p + 1]!;
      const length = table[p + 2]!;
      if ((kind & WITHHELD) !== 0) {
        if (!inPlace) frames.copy(to, offset, length);
      } else if (run > 0 && runFrom + run === offset && runTo + run === to) {
        run += length;
      } else {
        if (run > 0) copyBytes(frames, runTo, words, this.#arenaAt + runFrom, run);
        runFrom = offset;
        runTo = to;
        run = length;
      }
      partWords[own] = (kind & UNPARSED) === 0 ? kind & KEPT : (kind & KEPT & ~ROLE_BITS) | PAYLOAD;
      partWords[own + 1] = to;
      partWords[own + 2] = length;
      to += length;
    }
    if (run > 0) copyBytes(frames, runTo, words, this.#arenaAt + runFrom, run);
  }

  /** Finds the outlet of an Edge and Shape, and remembers it: most frames of a batch leave by one Edge. */
  #findOutlet(edgeShape: number, n: number): void {
    const outlet = this.#outlets.outletAt(edgeShape & 0xffff, edgeShape >>> 16);
    if (outlet < 0)
      throw fault(
        `frame ${n} leaves by Edge ${edgeShape & 0xffff}, Shape ${edgeShape >>> 16}, where the piece is not joined`,
      );
    this.#pattern = this.#outlets.patterns[outlet]!;
    this.#up = this.#outlets.up[outlet] === true;
    this.#edgeShape = edgeShape;
    this.#outlets.enterInKernel(edgeShape, outlet);
  }

  /**
   * Returns the slot whose body a withheld part is from: almost always the frame's own ticket, else found by
   * row.
   */
  #slotOfBody(slot: number, address: number, length: number, n: number): number {
    const ledger = this.#ledger;
    if (slot >= 0) {
      const within = address - ledger.bodyStarts[slot]!;
      if (within >= 0 && within + length <= ledger.bodyLengths[slot]!) return slot;
    }
    const row = this.#frames.rowAt(address);
    if (slot >= 0 && (ledger.uses[slot]! & INBOUND) !== 0) {
      // The ledger keeps nothing of a fragment without bytes.
      if (length === 0) return slot;
      const fragmentSlot = ledger.inbound.slotOfRow(slot, row);
      if (fragmentSlot >= 0 && ledger.hasBody(fragmentSlot, address, length)) return fragmentSlot;
    }
    const other = ledger.slotOfBody(row, address, length);
    if (other < 0)
      throw fault(
        `frame ${n} passes on ${length} withheld bytes at ${address}, which are not part of a frame that the piece holds`,
      );
    return other;
  }

  #use(slot: number, isMoved: boolean, continues: boolean): void {
    const ledger = this.#ledger;
    const use = ledger.uses[slot]!;
    const kept = use & (PASSED | FRAGMENTED);
    if ((use & LISTED) === 0) ledger.listUsed(slot);
    // The last frame of a ticket decides whether the ticket lives on. A row that already went on then has two
    // owners.
    if (continues && (use & ROW_MOVED) !== 0) {
      this.#frames.retain(ledger.rows[slot]!);
      ledger.uses[slot] = kept | STAYS;
    } else {
      ledger.uses[slot] = kept | (use & ROW_MOVED) | (continues ? STAYS : ENDS) | (isMoved ? ROW_MOVED : 0);
    }
  }

  /** Notes that withheld bytes of a frame in fragments go on. */
  #notePassed(slot: number): void {
    const ledger = this.#ledger;
    const use = ledger.uses[slot]!;
    if ((use & LISTED) === 0) ledger.listUsed(slot);
    ledger.uses[slot] = use | PASSED;
  }

  #liftEnds(words: GuestWords, at: number, count: number): void {
    checkList(words, 'ends', at, count, END.size, 4, LIMITS.maxEndsOut);
    const ledger = this.#ledger;
    for (let n = 0, word = at >>> 2; n < count; n++, word += END_STRIDE) {
      const ticket = words.words[word + END_TICKET]!;
      const reason = words.words[word + END_REASON]! & 0xffff;
      const slot = ledger.slotOf(ticket);
      if (reason >= this.#reasons.length)
        throw fault(`an end gives reason ${reason}, but the piece described ${this.#reasons.length}`);
      if (slot < 0) {
        if (ledger.inbound.isGivenUp(ticket)) continue;
        throw fault(`an end names ticket ${ticket}, which the piece does not hold`);
      }
      if ((ledger.uses[slot]! & ENDS) !== 0)
        throw fault(`an end names ticket ${ticket}, which goes on in this outcome or has ended already`);
      // A frame in fragments counts once for each fragment that the piece holds, and at least once.
      const isFragmented = (ledger.uses[slot]! & INBOUND) !== 0;
      this.#counters.values[this.#reasons[reason]!]! += isFragmented
        ? Math.max(ledger.inbound.fragmentsOf(slot), 1)
        : 1;
      this.#use(slot, false, false);
    }
  }

  #liftPaused(words: GuestWords, at: number, count: number): void {
    checkList(words, 'paused', at, count, 2, 2, LIMITS.maxEdges);
    if (count === 0 && this.paused.size === 0) return;
    this.paused.clear();
    for (let n = 0; n < count; n++) this.paused.add(words.halves[(at >>> 1) + n]!);
  }

  /** Closes the tickets that went on or ended, and releases the rows that did not move. */
  #settle(): void {
    const ledger = this.#ledger;
    const left = this.#kernel === undefined ? this.#settleMoved() : this.#kernel.settle(ledger.at);
    for (let n = 0; n < left; n++) {
      const slot = ledger.usedSlot(n);
      const use = ledger.uses[slot]!;
      if ((use & INBOUND) !== 0) {
        ledger.inbound.settle(slot, this.#release);
        continue;
      }
      if ((use & ENDS) === 0) {
        ledger.uses[slot] = use & FRAGMENTED;
        continue;
      }
      const row = ledger.rows[slot]!;
      const isMoved = (use & ROW_MOVED) !== 0;
      ledger.close(slot);
      if (!isMoved) this.#frames.release(row);
    }
    ledger.usedCount = 0;
  }

  /**
   * Closes the tickets whose frames went on in their rows, nearly all. Returns how many others are left,
   * first on the list.
   */
  #settleMoved(): number {
    const ledger = this.#ledger;
    const { usedCount } = ledger;
    ledger.usedCount = 0;
    for (let n = 0; n < usedCount; n++) {
      const slot = ledger.usedSlot(n);
      if (ledger.uses[slot] === (ROW_MOVED | ENDS)) ledger.close(slot);
      else ledger.listUsed(slot);
    }
    return ledger.usedCount;
  }
}

/**
 * The bits of a part's kind that the lane keeps: protocol, role, and the mark for the next piece. Fragments
 * are known by row.
 */
const KEPT = 0xff_ffff | (PartMarks.unfinished << 24);

/** Counts fragments of a frame that lost others of its fragments, or has ended. */
export const BROKEN_FRAME = 'broken-frame';

// The engine folds a module's own constants into the machine code; imported and exported ones it loads and
// tests at each use.
const FRAME_STRIDE = FRAME.size >>> 2;
const EDGE_SHAPE = FRAME_EDGE_SHAPE;
const FIRST_PART = FRAME_FIRST_PART;
const COUNT_SKIPS = FRAME_COUNT_SKIPS;
const TICKET = FRAME_TICKET;
const PART_STRIDE = PART_WORDS;
const FRAME_SIZE = FRAME.size;
const PART_SIZE = PART.size;
const { BYTES_OUT, UNMATCHED } = kernelConstants;
const MOST_FRAMES = kernelConstants.MOST_FRAMES_OUT;
const MOST_PARTS_OUT = kernelConstants.MOST_PARTS_OUT;
const MOST_ARENA = kernelConstants.MOST_ARENA_OUT;
const PASSED_STRIDE = kernelConstants.PASSED_WORDS;
/** An arena of at most this many bytes is always copied. */
const SMALL_ARENA = 16_384;
/** After this many consecutive kernel calls that lift nothing, an outcome is lifted without the kernel. */
const MOST_IN_VAIN = 4;
const ROW_STRIDE = MAX_PARTS * PART_WORDS;
const MOST_PARTS = MAX_PARTS;
const MOST_BYTES = MAX_FRAME_BYTES;
const MOST_BYTES_OUT = LIMITS.maxBytesOut;
const HEAD = HEADROOM;
const ROLE_BITS = 0xff << 16;
const TRAILER = Role.trailer << 16;
const PAYLOAD = Role.payload << 16;
const WITHHELD = PartMarks.withheld << 24;
const UNPARSED = PartMarks.unparsed << 24;
const MORE = PartMarks.more << 24;
const OUTCOME_FRAMES = OUTCOME.frames >>> 2;
const OUTCOME_PARTS = OUTCOME.parts >>> 2;
const OUTCOME_ARENA = OUTCOME.arena >>> 2;
const OUTCOME_ENDS = OUTCOME.ends >>> 2;
const OUTCOME_PAUSED = OUTCOME.paused >>> 2;
const END_STRIDE = END.size >>> 2;
const END_TICKET = END.ticket >>> 2;
const END_REASON = END.reason >>> 2;
const ENDS = ticketUses.USED;
const STAYS = ticketUses.CONTINUES;
const ROW_MOVED = ticketUses.MOVED;
const PASSED = ticketUses.BODY_PASSED;
const INBOUND = ticketUses.INBOUND;
const OUTBOUND = ticketUses.OUTBOUND;
const CUT = ticketUses.CUT;
const FRAGMENTED = ticketUses.FRAGMENT_STATE;
/** A slot with one of these bits is on the list of slots that the outcome names. */
const LISTED = ENDS | STAYS | PASSED;

function checkList(
  words: GuestWords,
  name: string,
  at: number,
  count: number,
  size: number,
  align: number,
  most: number,
): void {
  if (count > most) throw fault(`its list of ${name} has ${count} elements, but the limit is ${most}`);
  if (count === 0) return;
  if ((at & (align - 1)) !== 0)
    throw fault(`its list of ${name} is at address ${at}, which is not a multiple of ${align}`);
  if (at + count * size > words.bytes.length) throw fault(`its list of ${name} reaches beyond the memory`);
}

/** Whether any of these parts is marked `unparsed`. */
function hasUnparsed(guest: Uint32Array, at: number, count: number): boolean {
  for (let part = at; part < at + count * PART_STRIDE; part += PART_STRIDE)
    if ((guest[part]! & UNPARSED) !== 0) return true;
  return false;
}
