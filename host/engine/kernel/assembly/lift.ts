import { MAX_BYTES_OUT, MAX_FRAME_BYTES, MAX_FRAME_PARTS } from '../../../../abi/as/generated';
import {
  COUNT_SKIPS,
  EDGE_SHAPE,
  FIRST_PART,
  FRAME,
  KEPT,
  KIND,
  LENGTH,
  MORE,
  OFFSET,
  PART,
  PROTOCOL,
  ROLE,
  TICKET,
  TRAILER,
  UNPARSED,
  WITHHELD,
} from './contract';
import { copy } from './copy';
import {
  arrayOf,
  BODY_LENGTHS,
  BODY_STARTS,
  CAPACITY,
  MOVED,
  ROWS,
  SENT,
  SLOT_MASK,
  TICKETS,
  USED,
  USED_COUNT,
  USED_SLOTS,
  USES,
} from './ledger';
import { begins, isKnown, outletAddress } from './outlets';
import {
  BYTES_OUT,
  headroom,
  hopCounts,
  image,
  lengths,
  outArena,
  outFrames,
  outParts,
  PARTS_AT,
  PASSED,
  partCounts,
  partTableSize,
  partTables,
  passed,
  references,
  results,
  roomEnd,
  roomStart,
  starts,
  UNMATCHED,
} from './tables';

/**
 * Lifts frames of an outcome, from the `from`-th on, as long as they are usual: frames of a live ticket that
 * has not gone on yet, which have no other holder and go on whole in their row, by an Edge and Shape in the
 * kernel's table.
 *
 * Every number of the outcome is checked before it is used. The kernel does not judge a frame that fails a
 * check: the host takes that frame, and reports what is wrong with it, if anything is. So the first frame
 * that is not lifted is unchanged.
 *
 * @param sent frames of the image, if the image is of this call and piece; 0 otherwise
 * @param protocols one more than the largest number of a protocol
 * @param anchor the arena's address in the piece's memory: a frame keeps its remainder modulo 8
 * @returns the first frame that was not lifted
 */
export function lift(
  from: u32,
  count: u32,
  parts: u32,
  arena: u32,
  sent: u32,
  ledger: u32,
  outlets: u32,
  protocols: u32,
  anchor: u32,
): u32 {
  const capacity = load<u32>(ledger, CAPACITY);
  const rows = arrayOf(ledger, ROWS);
  const bodyStarts = arrayOf(ledger, BODY_STARTS);
  const bodyLengths = arrayOf(ledger, BODY_LENGTHS);
  const tickets = arrayOf(ledger, TICKETS);
  const sentAs = arrayOf(ledger, SENT);
  const usedSlots = arrayOf(ledger, USED_SLOTS);
  const uses = arrayOf(ledger, USES);
  const sentParts = load<u32>(results, PARTS_AT);
  let usedCount = load<u32>(ledger, USED_COUNT);
  let bytesOut = load<u32>(results, BYTES_OUT);
  let unmatched: u32 = 0;
  let known: u32 = 0;
  let place: u32 = 0;
  let pass = passed;

  let n = from;
  for (let at = outFrames + from * FRAME; n < count; n++, at += FRAME) {
    const edgeShape = load<u32>(at, EDGE_SHAPE);
    const first = load<u32>(at, FIRST_PART);
    const countSkips = load<u32>(at, COUNT_SKIPS);
    const ticket = load<u32>(at, TICKET);
    if (place == 0 || edgeShape != known) {
      place = outletAddress(outlets, edgeShape);
      if (!isKnown(place, edgeShape)) break;
      known = edgeShape;
    }
    const own = countSkips & 0xffff;
    const skipHeaders = (countSkips >>> 16) & 0xff;
    if (own == 0 || own > <u32>MAX_FRAME_PARTS || own > parts || first > parts - own) break;
    if (skipHeaders + (countSkips >>> 24) > own) break;
    const slot = ticket & SLOT_MASK;
    if (slot >= capacity) break;
    const word = slot << 2;
    if (load<u32>(tickets + word) != ticket || load<u8>(uses + slot) != 0) break;
    const row = load<u32>(rows + word);
    if (load<u32>(references + (row << 2)) != 1) break;

    const partsAt = outParts + first * PART;
    const index = load<u32>(sentAs + word);
    const table = partTables + row * partTableSize;
    const tableEnd = table + own * PART;
    const bodyStart = load<u32>(bodyStarts + word);
    const bodyLength = load<u32>(bodyLengths + word);
    let total: u32;
    if (
      index < sent &&
      isAsSent(image + index * FRAME, sentParts, ticket, own, partsAt) &&
      load<u8>(partCounts + row) == own
    ) {
      // Its table and its body are unchanged. Its visible bytes are where the image says.
      total = load<u32>(lengths + (row << 2));
      if (bytesOut + total > <u32>MAX_BYTES_OUT) break;
      const start = load<u32>(starts + (row << 2));
      const offset = load<u32>(partsAt, OFFSET);
      if (bodyLength == 0 && (load<u32>(partsAt, KIND) & WITHHELD) == 0) {
        if (total > arena || offset > arena - total) break;
        copy(start, outArena + offset, total);
      } else if (!copyBack(partsAt, partsAt + own * PART, start, arena)) {
        break;
      }
    } else {
      total = liftChanged(
        row,
        own,
        partsAt,
        table,
        arena,
        protocols,
        bodyStart,
        bodyLength,
        anchor,
        bytesOut,
      );
      if (total > <u32>MAX_FRAME_BYTES) break;
    }
    bytesOut += total;
    if (!begins(place, table + skipHeaders * PART, tableEnd)) unmatched++;
    store<u8>(uses + slot, USED | MOVED);
    store<u32>(usedSlots + (usedCount++ << 2), slot);
    store<u8>(hopCounts + row, load<u8>(hopCounts + row) + 1);
    store<u32>(pass, row);
    store<u32>(pass, edgeShape, 4);
    store<u32>(pass, countSkips >>> 16, 8);
    pass += PASSED;
  }
  store<u32>(ledger, usedCount, USED_COUNT);
  store<u32>(results, bytesOut, BYTES_OUT);
  store<u32>(results, unmatched, UNMATCHED);
  return n;
}

/**
 * Whether a frame has exactly the same parts as one of the image, to the bit: in most frames that come back,
 * only bytes have changed.
 */
// @ts-ignore: decorator
@inline
function isAsSent(frame: u32, sentParts: u32, ticket: u32, count: u32, partsAt: u32): bool {
  if (load<u32>(frame, TICKET) != ticket || (load<u32>(frame, COUNT_SKIPS) & 0xffff) != count) return false;
  let at = partsAt;
  let as = sentParts + load<u32>(frame, FIRST_PART) * PART;
  let difference: u64 = 0;
  let left = count;
  for (; left >= 2; left -= 2, at += 2 * PART, as += 2 * PART) {
    difference |= load<u64>(at) ^ load<u64>(as);
    difference |= load<u64>(at, 8) ^ load<u64>(as, 8);
    difference |= load<u64>(at, 16) ^ load<u64>(as, 16);
  }
  if (left != 0) {
    difference |= load<u64>(at) ^ load<u64>(as);
    difference |= <u64>(load<u32>(at, 8) ^ load<u32>(as, 8));
  }
  return difference == 0;
}

/**
 * Copies the visible bytes of a frame back to their places before and behind the body. Returns false, and
 * copies nothing, if they are not in the arena.
 */
function copyBack(partsAt: u32, end: u32, start: u32, arena: u32): bool {
  let from: u32 = 0;
  let seen: u32 = 0;
  let before: u32 = 0;
  let body: u32 = 0;
  for (let part = partsAt; part < end; part += PART) {
    const length = load<u32>(part, LENGTH);
    if ((load<u32>(part, KIND) & WITHHELD) != 0) {
      before = seen;
      body = length;
    } else {
      if (seen == 0) from = load<u32>(part, OFFSET);
      seen += length;
    }
  }
  if (seen > arena || from > arena - seen) return false;
  if (body == 0) {
    copy(start, outArena + from, seen);
  } else {
    copy(start, outArena + from, before);
    if (before < seen) copy(start + before + body, outArena + from + before, seen - before);
  }
  return true;
}

const REFUSED: u32 = 0xffffffff;

/**
 * Lifts a frame that came back changed: its parts are other ones in the arena, and at most once the whole
 * withheld body. It goes on in its ticket's row. The parts are written in front of the body and behind it,
 * and the body does not move; without a body they are written anywhere in the room.
 *
 * @returns its bytes; REFUSED, with nothing done, if the frame is not such a frame or does not fit
 */
function liftChanged(
  row: u32,
  count: u32,
  partsAt: u32,
  table: u32,
  arena: u32,
  protocols: u32,
  bodyStart: u32,
  bodyLength: u32,
  arenaAnchor: u32,
  bytesOut: u32,
): u32 {
  const end = partsAt + count * PART;
  let total: u32 = 0;
  let before: u32 = 0;
  let isWithheld = false;
  let longest: u32 = 0;
  let anchor: u32 = 0;
  for (let part = partsAt; part < end; part += PART) {
    const kind = load<u32>(part, KIND);
    const offset = load<u32>(part, OFFSET);
    const length = load<u32>(part, LENGTH);
    if ((kind & (MORE | UNPARSED)) != 0) return REFUSED;
    if ((kind & PROTOCOL) >= protocols || (kind & ROLE) > TRAILER) return REFUSED;
    if ((kind & WITHHELD) == 0) {
      if (length > arena || offset > arena - length) return REFUSED;
      if (length > longest) {
        longest = length;
        anchor = offset - total;
      }
    } else {
      if (isWithheld || offset != bodyStart || length != bodyLength) return REFUSED;
      isWithheld = true;
      before = total;
    }
    total += length;
    if (total > <u32>MAX_FRAME_BYTES) return REFUSED;
  }
  if (bytesOut + total > <u32>MAX_BYTES_OUT) return REFUSED;
  const room = roomStart(row);
  let start: u32;
  if (isWithheld) {
    if (bodyStart < before) return REFUSED;
    start = bodyStart - before;
    if (start < room) return REFUSED;
  } else {
    if (bodyLength != 0) return REFUSED;
    start = room + headroom + ((anchor + arenaAnchor) & 7);
  }
  if (start + total > roomEnd(row)) return REFUSED;

  let to = start;
  for (let part = partsAt; part < end; part += PART, table += PART) {
    const kind = load<u32>(part, KIND);
    const length = load<u32>(part, LENGTH);
    if ((kind & WITHHELD) == 0) copy(to, outArena + load<u32>(part, OFFSET), length);
    store<u32>(table, kind & KEPT, KIND);
    store<u32>(table, to, OFFSET);
    store<u32>(table, length, LENGTH);
    to += length;
  }
  store<u32>(starts + (row << 2), start);
  store<u32>(lengths + (row << 2), total);
  store<u8>(partCounts + row, count);
  return total;
}
