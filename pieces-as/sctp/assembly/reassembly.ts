import { FIRST_FRAGMENT, isBefore, LAST_FRAGMENT, UNORDERED } from './constants';
import { ReceiveBuffer } from './receive-buffer';
import { ReceivedTsns } from './received-tsns';
import { Store } from './store';

/** Puts the fragments of DATA chunks together: their TSNs follow one another (RFC 9260 §6.9). */
export class Reassembly {
  constructor(
    private readonly tsns: ReceivedTsns,
    private readonly buffer: ReceiveBuffer,
  ) {}

  /** Frees all fragments. */
  close(): void {
    for (let n: u32 = 0; n < ReceivedTsns.places; n++) {
      const number = this.tsns.kept(n);
      if (number != 0) this.buffer.free(number);
    }
  }

  /** Whether a fragment fits those before and behind it (RFC 9260 §3.3.1). */
  fits(tsn: u32, sid: u32, mid: u32, flags: u32): bool {
    const before = this.tsns.fragmentAt(tsn - 1);
    if (before != 0) {
      const chunk = Store.chunk(before);
      if (!follows(chunk.sid, chunk.mid, chunk.flags, sid, mid, flags)) return false;
    }
    const behind = this.tsns.fragmentAt(tsn + 1);
    if (behind != 0) {
      const chunk = Store.chunk(behind);
      if (!follows(sid, mid, flags, chunk.sid, chunk.mid, chunk.flags)) return false;
    }
    return true;
  }

  /** Whether the beginning of the fragment's message is gone, so that it can never be complete. */
  isOrphan(tsn: u32, flags: u32): bool {
    return (flags & FIRST_FRAGMENT) == 0 && this.tsns.isGone(tsn - 1);
  }

  /** The first chunk of the message that this chunk completes, with all fragments chained; else 0. */
  complete(number: u32): u32 {
    let last = Store.chunk(number);
    // The last fragment usually comes last, so the search begins with it.
    while ((last.flags & <u8>LAST_FRAGMENT) == 0) {
      const next = this.tsns.fragmentAt(last.tsn + 1);
      if (next == 0) return 0;
      last = Store.chunk(next);
    }
    let first = number;
    while ((Store.chunk(first).flags & <u8>FIRST_FRAGMENT) == 0) {
      const before = this.tsns.fragmentAt(Store.chunk(first).tsn - 1);
      if (before == 0) return 0;
      first = before;
    }
    const lastTsn = last.tsn;
    let total: u32 = 0;
    let chunk = Store.chunk(first);
    while (true) {
      const tsn = chunk.tsn;
      const next = tsn == lastTsn ? 0 : this.tsns.fragmentAt(tsn + 1);
      total += chunk.length;
      chunk.nextFragment = next;
      this.tsns.forget(tsn);
      if (next == 0) break;
      chunk = Store.chunk(next);
    }
    Store.chunk(first).total = total;
    return first;
  }

  /** Frees all fragments up to a TSN, and those behind it whose beginning is gone with them. */
  purge(upTo: u32): void {
    const tsns = this.tsns;
    // An incomplete message with fragments that all precede the cumulative TSN reaches up to it.
    for (let tsn = tsns.cumulative; tsns.fragmentAt(tsn) != 0; tsn--) this.drop(tsn);
    const last = isBefore(tsns.highest, upTo) ? tsns.highest : upTo;
    for (let tsn = tsns.cumulative; tsn != last; ) if (tsns.fragmentAt(++tsn) != 0) this.drop(tsn);
  }

  /** Frees the fragments from this TSN on that lack the beginning of their message. */
  dropOrphans(from: u32): void {
    let number = this.tsns.fragmentAt(from);
    while (number != 0 && (Store.chunk(number).flags & <u8>FIRST_FRAGMENT) == 0) {
      this.drop(from++);
      number = this.tsns.fragmentAt(from);
    }
  }

  private drop(tsn: u32): void {
    this.buffer.free(this.tsns.fragmentAt(tsn));
    this.tsns.forget(tsn);
  }
}

/** Whether, of two chunks with consecutive TSNs, the second can follow the first. */
function follows(sid: u32, mid: u32, flags: u32, nextSid: u32, nextMid: u32, nextFlags: u32): bool {
  const isLast = (flags & LAST_FRAGMENT) != 0;
  const isNextFirst = (nextFlags & FIRST_FRAGMENT) != 0;
  if (isLast || isNextFirst) return isLast && isNextFirst;
  if (sid != nextSid || ((flags ^ nextFlags) & UNORDERED) != 0) return false;
  return (flags & UNORDERED) != 0 || mid == nextMid;
}
