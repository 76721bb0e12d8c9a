import { MAX_ARENA_IN } from '../../../../abi/as/generated';
import {
  COUNT_SKIPS,
  EDGE_SHAPE,
  FIRST_PART,
  FRAME,
  KIND,
  LENGTH,
  OFFSET,
  PART,
  PAYLOAD,
  ROLE,
  ROOM_LENGTH,
  ROOM_OFFSET,
  TICKET,
  WITHHELD,
} from './contract';
import { copy } from './copy';
import {
  AGES,
  arrayOf,
  BODY_LENGTHS,
  BODY_STARTS,
  FIRST_LARGE,
  FREE,
  FREE_COUNT,
  LARGE_ROOM,
  NOT_SENT,
  ROWS,
  SENT,
  slotOfRows,
  TICKETS,
  USES,
} from './ledger';
import {
  ARENA,
  ARENA_AT,
  HOPS,
  hopCounts,
  image,
  lengths,
  PARTS,
  PARTS_AT,
  partCounts,
  partTableSize,
  partTables,
  results,
  starts,
  WAITING,
  waiting,
} from './tables';

/** Room in front of and behind a frame in the arena, as in ../../crossing/lowering.ts. */
const ROOM_HEAD: u32 = 64;
const ROOM_TAIL: u32 = 32;
/**
 * The room that a frame takes in the arena besides its bytes, including up to 7 bytes for its remainder
 * modulo 8.
 */
const ROOM_AROUND: u32 = ROOM_HEAD + ROOM_TAIL + 8;

/**
 * Writes the image of the three lists for up to `most` waiting frames, as many as an arena holds, and opens
 * their tickets. It writes every byte of the image, because the bytes there may be another piece's.
 *
 * @returns the number of frames
 */
export function lower(most: u32, ledger: u32): u32 {
  const rows = arrayOf(ledger, ROWS);
  const bodyStarts = arrayOf(ledger, BODY_STARTS);
  const bodyLengths = arrayOf(ledger, BODY_LENGTHS);
  const tickets = arrayOf(ledger, TICKETS);
  const ages = arrayOf(ledger, AGES);
  const sent = arrayOf(ledger, SENT);
  const free = arrayOf(ledger, FREE);
  const uses = arrayOf(ledger, USES);
  const slots = slotOfRows(ledger);
  let freeCount = load<u32>(ledger, FREE_COUNT);
  const firstLarge = load<u32>(ledger, FIRST_LARGE);
  let largeRoom = load<i32>(ledger, LARGE_ROOM);

  let parts: u32 = 0;
  for (let n: u32 = 0, at = waiting; n < most; n++, at += WAITING)
    parts += load<u8>(partCounts + load<u32>(at));
  const partsAt = image + most * FRAME;
  const partsEnd = partsAt + parts * PART;
  const arenaAt = (partsEnd + 7) & ~7;

  let frameAt = image;
  let partAt = partsAt;
  let firstPart: u32 = 0;
  let room: u32 = 0;
  let arena: u32 = 0;
  let hops: u32 = 0;
  let n: u32 = 0;
  for (let at = waiting; n < most; n++, at += WAITING) {
    const row = load<u32>(at);
    const edgeShape = load<u32>(at, 4);
    const skips = load<u32>(at, 8);
    if (row >= firstLarge && largeRoom <= 0) break;
    const count = <u32>load<u8>(partCounts + row);
    const from = load<u32>(starts + (row << 2));
    let to = room + ROOM_HEAD;
    to += (from - to) & 7;
    const first = to;
    let bodyStart: u32 = 0;
    let bodyEnd: u32 = 0;
    let bodies: u32 = 0;
    let part = partTables + row * partTableSize;
    const partEnd = part + count * PART;
    const ownParts = partAt;
    if (skips >>> 16) {
      for (; part < partEnd; part += PART, partAt += PART) {
        let kind = load<u32>(part, KIND);
        const address = load<u32>(part, OFFSET);
        const length = load<u32>(part, LENGTH);
        if ((kind & ROLE) == PAYLOAD) {
          if (bodyEnd == 0) bodyStart = address;
          bodyEnd = address + length;
          bodies++;
          kind |= WITHHELD;
          store<u32>(partAt, address, OFFSET);
        } else {
          store<u32>(partAt, to, OFFSET);
          to += length;
        }
        store<u32>(partAt, kind, KIND);
        store<u32>(partAt, length, LENGTH);
      }
    } else {
      const move = to - from;
      for (; part < partEnd; part += PART, partAt += PART) {
        const kind = load<u32>(part, KIND);
        store<u32>(partAt, kind, KIND);
        store<u32>(partAt, load<u32>(part, OFFSET) + move, OFFSET);
        store<u32>(partAt, load<u32>(part, LENGTH), LENGTH);
      }
      to += load<u32>(lengths + (row << 2));
    }
    // The arena counts the bytes of frames, so that the number of frames does not depend on their addresses.
    arena += ((to - first + 7) & ~7) + ROOM_AROUND;
    if (arena > <u32>MAX_ARENA_IN && n > 0) {
      partAt = ownParts;
      break;
    }

    clearHead(arenaAt + room);
    if (bodyEnd == 0) copy(arenaAt + first, from, to - first);
    else copySeen(arenaAt, ownParts, partAt, from);
    clearTail(arenaAt + to);
    const roomEnd = to + ROOM_TAIL;

    const slot = load<u32>(free + (--freeCount << 2));
    const word = slot << 2;
    const ticket = load<u32>(ages + word);
    store<u32>(rows + word, row);
    store<u32>(bodyStarts + word, bodyStart);
    store<u32>(bodyLengths + word, bodyEnd - bodyStart);
    store<u32>(tickets + word, ticket);
    store<u8>(uses + slot, 0);
    store<u16>(slots + (row << 1), slot);
    store<u32>(sent + word, bodies > 1 ? NOT_SENT : n);
    if (row >= firstLarge) largeRoom--;

    store<u32>(frameAt, edgeShape, EDGE_SHAPE);
    store<u32>(frameAt, firstPart, FIRST_PART);
    store<u32>(frameAt, count | (skips << 16), COUNT_SKIPS);
    store<u32>(frameAt, room, ROOM_OFFSET);
    store<u32>(frameAt, roomEnd - room, ROOM_LENGTH);
    store<u32>(frameAt, ticket, TICKET);
    const passedHops = <u32>load<u8>(hopCounts + row);
    if (passedHops > hops) hops = passedHops;
    frameAt += FRAME;
    firstPart += count;
    room = roomEnd;
  }
  store<u32>(ledger, freeCount, FREE_COUNT);
  store<i32>(ledger, largeRoom, LARGE_ROOM);
  store<u32>(results, partsAt, PARTS_AT);
  store<u32>(results, arenaAt, ARENA_AT);
  store<u32>(results, firstPart, PARTS);
  store<u32>(results, room, ARENA);
  store<u32>(results, hops, HOPS);
  return n;
}

/** Copies the visible bytes of a frame with withheld bodies, in as few stretches as possible. */
function copySeen(arenaAt: u32, part: u32, end: u32, start: u32): void {
  let from = start;
  let to: u32 = 0;
  let run: u32 = 0;
  for (; part < end; part += PART) {
    const offset = load<u32>(part, OFFSET);
    const length = load<u32>(part, LENGTH);
    if ((load<u32>(part, KIND) & WITHHELD) != 0) {
      if (run > 0) copy(arenaAt + to, from, run);
      from = offset + length;
      run = 0;
    } else {
      if (run == 0) to = offset;
      run += length;
    }
  }
  if (run > 0) copy(arenaAt + to, from, run);
}

/**
 * Clears the room in front of a frame, and up to 7 bytes for its remainder modulo 8: its first bytes are
 * written again.
 */
// @ts-ignore: decorator
@inline
function clearHead(at: u32): void {
  const zero = v128.splat<u64>(0);
  v128.store(at, zero);
  v128.store(at, zero, 16);
  v128.store(at, zero, 32);
  v128.store(at, zero, 48);
  store<u64>(at, 0, 64);
}

// @ts-ignore: decorator
@inline
function clearTail(at: u32): void {
  const zero = v128.splat<u64>(0);
  v128.store(at, zero);
  v128.store(at, zero, 16);
}
