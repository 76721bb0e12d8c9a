import {
  AGES,
  arrayOf,
  FIRST_AGE,
  FIRST_LARGE,
  FREE,
  FREE_COUNT,
  LARGE_ROOM,
  MOVED,
  ROWS,
  TICKETS,
  USED,
  USED_COUNT,
  USED_SLOTS,
  USES,
} from './ledger';

/**
 * Ends the tickets whose frames went on in their rows. The others stay on the list, and the host settles
 * them: it releases their rows, or they live on.
 *
 * @returns how many stay
 */
export function settle(ledger: u32): u32 {
  const rows = arrayOf(ledger, ROWS);
  const tickets = arrayOf(ledger, TICKETS);
  const ages = arrayOf(ledger, AGES);
  const free = arrayOf(ledger, FREE);
  const usedSlots = arrayOf(ledger, USED_SLOTS);
  const uses = arrayOf(ledger, USES);
  const firstLarge = load<u32>(ledger, FIRST_LARGE);
  const usedCount = load<u32>(ledger, USED_COUNT);
  let freeCount = load<u32>(ledger, FREE_COUNT);
  let left: u32 = 0;
  for (let n: u32 = 0; n < usedCount; n++) {
    const slot = load<u32>(usedSlots + (n << 2));
    if (load<u8>(uses + slot) != (USED | MOVED)) {
      store<u32>(usedSlots + (left++ << 2), slot);
      continue;
    }
    const word = slot << 2;
    if (load<u32>(rows + word) >= firstLarge)
      store<i32>(ledger, load<i32>(ledger, LARGE_ROOM) + 1, LARGE_ROOM);
    store<i32>(rows + word, -1);
    store<u32>(tickets + word, slot ^ 1);
    const age = load<u32>(ages + word) + FIRST_AGE;
    store<u32>(ages + word, age >= FIRST_AGE ? age : FIRST_AGE | slot);
    store<u32>(free + (freeCount++ << 2), slot);
  }
  store<u32>(ledger, freeCount, FREE_COUNT);
  store<u32>(ledger, left, USED_COUNT);
  return left;
}
