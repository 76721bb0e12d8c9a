import { FRAME, LIMITS, PART, PartMarks, Role } from '../../../abi/host/contract.ts';
import { type Frames, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import { fragmentIndex, LAST_FRAGMENT } from '../../piece/inbound-fragments.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Ledger } from '../../piece/ledger.ts';
import type { Guest } from '../instance/guest.ts';
import { copyBytes } from './copy-bytes.ts';
import type { GuestWords } from './guest-words.ts';
import type { Outlets } from './outlets.ts';

/**
 * Writes waiting frames as the three lists of `process` into a guest's memory, by offset, and opens their
 * tickets.
 *
 * Payloads stay with the host on a Shape of reach `headers`: their parts are marked `withheld` and carry the
 * host's address. All other parts are copied one by one into rooms of the guest's arena, so a piece sees
 * bytes of no other frame.
 */
export class Lowering {
  framesAt = 0;
  partsAt = 0;
  parts = 0;
  arenaAt = 0;
  arena = 0;
  /** The largest hop count among the frames. */
  hops = 0;

  readonly #frames: Frames;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  /** The Edge and Shape of the previous frame, and whether they withhold payloads. */
  #edgeShape = -1;
  #withholds = true;

  constructor(frames: Frames, ledger: Ledger, outlets: Outlets) {
    this.#frames = frames;
    this.#ledger = ledger;
    this.#outlets = outlets;
  }

  /**
   * Lowers up to `most` frames of the inbox, as many as one call's arena may hold; their references pass to
   * the ledger, which has room for them. At most one of them is a fragment, which comes first, and which the
   * ledger admits.
   *
   * @returns how many
   */
  lower(guest: Guest, words: GuestWords, inbox: Inbox, most: number): number {
    const count = this.#measure(inbox, most);
    // All three allocations come before any view, because each may grow the memory.
    this.framesAt = guest.realloc(FRAME.align, count * FRAME.size);
    this.partsAt = guest.realloc(PART.align, this.parts * PART.size);
    this.arenaAt = guest.realloc(1, this.arena);
    words.refresh();
    this.#write(words, inbox, count);
    inbox.take(count);
    return count;
  }

  #measure(inbox: Inbox, most: number): number {
    const { partWords, partCount, length, hops } = this.#frames;
    this.#edgeShape = -1; // Shapes may have come and gone since the last batch
    let parts = 0;
    let arena = 0;
    let hopsSoFar = 0;
    const { firstLarge } = this.#ledger;
    let largeRoom = this.#ledger.largeRoom;
    let n = 0;
    for (; n < most; n++) {
      const at = inbox.at(n);
      const row = inbox.rows[at]!;
      if (row >= firstLarge && --largeRoom < 0) break;
      const own = partCount[row]!;
      let visible = length[row]!;
      const edgeShape = inbox.edgeShapes[at]!;
      if (edgeShape === this.#edgeShape ? this.#withholds : this.#findReach(edgeShape)) {
        const first = row * ROW_STRIDE;
        for (let p = first; p < first + own * PART_STRIDE; p += PART_STRIDE) {
          if ((partWords[p]! & ROLE_BITS) === PAYLOAD) visible -= partWords[p + 2]!;
        }
      }
      const room = ((visible + 7) & ~7) + ROOM_AROUND;
      // One frame always has room: the arena of a call is larger than the largest frame.
      if (arena + room > MOST_ARENA) break;
      arena += room;
      parts += own;
      if (hops[row]! > hopsSoFar) hopsSoFar = hops[row]!;
    }
    this.parts = parts;
    this.arena = arena;
    this.hops = hopsSoFar;
    return n;
  }

  /** Remembers whether the Shape of a frame withholds payloads: most frames of a batch come by one Shape. */
  #findReach(edgeShape: number): boolean {
    this.#withholds = this.#outlets.withholdsAt(edgeShape);
    this.#edgeShape = edgeShape;
    return this.#withholds;
  }

  #write(words: GuestWords, inbox: Inbox, count: number): void {
    const frames = this.#frames;
    const { partWords, partCount, start, length } = frames;
    const guest = words.words;
    const arenaAt = this.arenaAt;
    let room = 0;
    let frameAt = this.framesAt >>> 2;
    let partAt = this.partsAt >>> 2;
    let firstPart = 0;
    for (let n = 0; n < count; n++) {
      const at = inbox.at(n);
      const row = inbox.rows[at]!;
      const edgeShape = inbox.edgeShapes[at]!;
      const own = partCount[row]!;
      const from = start[row]!;
      const first = row * ROW_STRIDE;
      const last = first + own * PART_STRIDE;
      // The guest sees the frame at the same remainder modulo 8 as here, so that words can be copied.
      let to = room + HEAD;
      to += (from - (arenaAt + to)) & 7;
      let bodyStart = 0;
      let bodyEnd = 0;
      if (edgeShape === this.#edgeShape ? this.#withholds : this.#findReach(edgeShape)) {
        let runFrom = from; // the visible bytes are copied in as few stretches as possible
        let run = 0;
        for (let p = first; p < last; p += PART_STRIDE) {
          const kind = partWords[p]!;
          const address = partWords[p + 1]!;
          const bytes = partWords[p + 2]!;
          if ((kind & ROLE_BITS) === PAYLOAD) {
            if (bodyEnd === 0) bodyStart = address;
            bodyEnd = address + bytes;
            guest[partAt] = kind | WITHHELD;
            guest[partAt + 1] = address;
            if (run > 0) copyBytes(words, arenaAt + to - run, frames, runFrom, run);
            runFrom = bodyEnd;
            run = 0;
          } else {
            guest[partAt] = kind;
            guest[partAt + 1] = to;
            to += bytes;
            run += bytes;
          }
          guest[partAt + 2] = bytes;
          partAt += PART_STRIDE;
        }
        if (run > 0) copyBytes(words, arenaAt + to - run, frames, runFrom, run);
      } else {
        const move = to - from;
        const bytes = length[row]!;
        for (let p = first; p < last; p += PART_STRIDE) {
          guest[partAt] = partWords[p]!;
          guest[partAt + 1] = partWords[p + 1]! + move;
          guest[partAt + 2] = partWords[p + 2]!;
          partAt += PART_STRIDE;
        }
        copyBytes(words, arenaAt + to, frames, from, bytes);
        to += bytes;
      }
      const roomEnd = to + TAIL;
      guest[frameAt + EDGE_SHAPE] = edgeShape;
      guest[frameAt + FIRST_PART] = firstPart;
      guest[frameAt + COUNT_SKIPS] = own | (inbox.skips[at]! << 16);
      guest[frameAt + ROOM_OFFSET] = room;
      guest[frameAt + ROOM_LENGTH] = roomEnd - room;
      guest[frameAt + TICKET] =
        n === 0 && frames.messageIds[row] !== 0
          ? this.#openFragment(guest, partAt - own * PART_STRIDE, row, edgeShape, bodyStart, bodyEnd)
          : this.#ledger.open(row, bodyStart, bodyEnd - bodyStart);
      frameAt += FRAME_STRIDE;
      firstPart += own;
      room = roomEnd;
    }
  }

  /**
   * Marks the parts of a fragment, from the word `partsAt` on, `continued` and `more`. Returns its frame's
   * ticket.
   */
  #openFragment(
    guest: Uint32Array,
    partsAt: number,
    row: number,
    edgeShape: number,
    bodyStart: number,
    bodyEnd: number,
  ): number {
    const frames = this.#frames;
    const fragment = frames.fragments[row]!;
    if (fragmentIndex(fragment) > 0) guest[partsAt]! |= CONTINUED;
    if (fragment < LAST_FRAGMENT) guest[partsAt + (frames.partCount[row]! - 1) * PART_STRIDE]! |= MORE;
    const { inbound } = this.#ledger;
    const messageId = frames.messageIds[row]!;
    const hops = frames.hops[row]!;
    const bodyLength = bodyEnd - bodyStart;
    const ticket = inbound.arrive(row, edgeShape, messageId, fragment, bodyStart, bodyLength, hops);
    if (bodyLength === 0) frames.release(row);
    return ticket;
  }
}

/**
 * Room in front of and behind a frame in the guest's arena, in bytes: an IPv6 and a UDP header; an
 * authentication tag.
 */
export const ROOM_HEAD = 64;
export const ROOM_TAIL = 32;
/**
 * The room that a frame takes in the arena besides its bytes, including up to 7 bytes for its remainder
 * modulo 8.
 */
const ROOM_AROUND = ROOM_HEAD + ROOM_TAIL + 8;
const MOST_ARENA = LIMITS.maxArenaIn;

// The contract's `frame` in words: edge | shape << 16, part-count | skip-headers << 16 | skip-trailers << 24.
export const FRAME_EDGE_SHAPE = FRAME.edge >>> 2;
export const FRAME_FIRST_PART = FRAME.firstPart >>> 2;
export const FRAME_COUNT_SKIPS = FRAME.partCount >>> 2;
export const FRAME_ROOM_OFFSET = FRAME.roomOffset >>> 2;
export const FRAME_ROOM_LENGTH = FRAME.roomLength >>> 2;
export const FRAME_TICKET = FRAME.ticket >>> 2;

// The engine folds a module's own constants into the machine code; imported and exported ones it loads and
// tests at each use.
const FRAME_STRIDE = FRAME.size >>> 2;
const EDGE_SHAPE = FRAME_EDGE_SHAPE;
const FIRST_PART = FRAME_FIRST_PART;
const COUNT_SKIPS = FRAME_COUNT_SKIPS;
const ROOM_OFFSET = FRAME_ROOM_OFFSET;
const ROOM_LENGTH = FRAME_ROOM_LENGTH;
const TICKET = FRAME_TICKET;
const PART_STRIDE = PART_WORDS;
const ROW_STRIDE = MAX_PARTS * PART_WORDS;
const ROLE_BITS = 0xff << 16;
const PAYLOAD = Role.payload << 16;
const WITHHELD = PartMarks.withheld << 24;
const MORE = PartMarks.more << 24;
const CONTINUED = PartMarks.continued << 24;
const HEAD = ROOM_HEAD;
const TAIL = ROOM_TAIL;
