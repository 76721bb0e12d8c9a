import { FIRST_FRAGMENT, LAST_FRAGMENT, UNORDERED } from './constants';
import { ReceiveBuffer } from './receive-buffer';
import { Chunk, Store } from './store';

/** The number of chains; a power of two. */
const CHAINS: u32 = 256;

/**
 * Puts the fragments of I-DATA chunks together (RFC 8260 §2.1): those of one message have its stream and
 * number, and numbers of their own. The fragments of a message are linked by `nextFragment`, in order, and
 * the first of them stands in a chain.
 */
export class Interleaving {
  /** The number of messages that are not complete. */
  count: u32 = 0;
  private readonly chains: StaticArray<u32> = new StaticArray<u32>(<i32>CHAINS);

  constructor(private readonly buffer: ReceiveBuffer) {}

  /** Frees all fragments. */
  close(): void {
    for (let i: u32 = 0; i < CHAINS; i++) {
      while (this.chains[i] != 0) {
        const number = this.chains[i];
        this.chains[i] = Store.chunk(number).link;
        this.buffer.freeMessage(number);
      }
    }
    this.count = 0;
  }

  /**
   * Takes a fragment. Returns the first chunk of the message that it completes; 0 if there is none, and
   * CONTRADICTION if it does not fit the others.
   */
  take(number: u32): u32 {
    const chunk = Store.chunk(number);
    const isLast = (chunk.flags & <u8>LAST_FRAGMENT) != 0;
    chunk.total = chunk.length;
    chunk.tail = number;
    if (isLast && chunk.fsn == 0) return number;
    const head = this.find(chunk.sid, chunk.mid, chunk.flags);
    if (head == 0) {
      this.add(number);
      return 0;
    }
    const first = Store.chunk(head);
    const last = Store.chunk(first.tail);
    const isLastKnown = (last.flags & <u8>LAST_FRAGMENT) != 0;
    if (isBehind(chunk.fsn, last.fsn)) {
      if (isLastKnown) return CONTRADICTION;
      last.nextFragment = number;
      first.tail = number;
      first.total += chunk.length;
    } else if (isLast || chunk.fsn == last.fsn) {
      return CONTRADICTION;
    } else if (isBehind(first.fsn, chunk.fsn)) {
      this.remove(head);
      chunk.nextFragment = head;
      chunk.tail = first.tail;
      chunk.total += first.total;
      this.add(number);
      return this.complete(number);
    } else {
      let before = first;
      while (before.nextFragment != 0 && isBehind(chunk.fsn, Store.chunk(before.nextFragment).fsn))
        before = Store.chunk(before.nextFragment);
      const behind = before.nextFragment;
      if (before.fsn == chunk.fsn || Store.chunk(behind).fsn == chunk.fsn) return CONTRADICTION;
      chunk.nextFragment = behind;
      before.nextFragment = number;
      first.total += chunk.length;
    }
    return this.complete(head);
  }

  /** Frees the incomplete messages of a stream, up to a number if they are ordered. */
  dropUpTo(sid: u32, mid: u32, flags: u32): void {
    for (let i: u32 = 0; i < CHAINS; i++) {
      let number = this.chains[i];
      while (number != 0) {
        const chunk = Store.chunk(number);
        const next = chunk.link;
        const isOfKind = <u32>chunk.sid == sid && ((<u32>chunk.flags ^ flags) & UNORDERED) == 0;
        if (isOfKind && !isBehind(chunk.mid, mid)) {
          this.remove(number);
          this.buffer.freeMessage(number);
        }
        number = next;
      }
    }
  }

  /** The first chunk of the n-th chain, for n below `places`; the others follow by `link`. */
  chainAt(n: u32): u32 {
    return this.chains[n];
  }
  static readonly places: u32 = CHAINS;

  /** The first chunk, if all fragments are there. */
  private complete(head: u32): u32 {
    const first = Store.chunk(head);
    const last = Store.chunk(first.tail);
    if ((first.flags & <u8>FIRST_FRAGMENT) == 0 || (last.flags & <u8>LAST_FRAGMENT) == 0) return 0;
    let fsn: u32 = 0;
    for (let number = head; number != 0; number = Store.chunk(number).nextFragment)
      if (Store.chunk(number).fsn != fsn++) return 0;
    this.remove(head);
    return head;
  }

  private find(sid: u32, mid: u32, flags: u32): u32 {
    let number = this.chains[chainOf(sid, mid)];
    while (number != 0) {
      const chunk = Store.chunk(number);
      if (<u32>chunk.sid == sid && chunk.mid == mid && ((<u32>chunk.flags ^ flags) & UNORDERED) == 0)
        return number;
      number = chunk.link;
    }
    return 0;
  }

  private add(number: u32): void {
    const chunk = Store.chunk(number);
    const chain = chainOf(chunk.sid, chunk.mid);
    chunk.link = this.chains[chain];
    this.chains[chain] = number;
    this.count++;
  }

  private remove(number: u32): void {
    const chunk = Store.chunk(number);
    const chain = chainOf(chunk.sid, chunk.mid);
    if (this.chains[chain] == number) {
      this.chains[chain] = chunk.link;
    } else {
      let before: Chunk = Store.chunk(this.chains[chain]);
      while (before.link != number) before = Store.chunk(before.link);
      before.link = chunk.link;
    }
    chunk.link = 0;
    this.count--;
  }
}

/** The fragment contradicts those that came before it. */
export const CONTRADICTION: u32 = 0xffff_ffff;

// @ts-expect-error: decorator
@inline
function isBehind(fsn: u32, other: u32): bool {
  return <i32>(fsn - other) > 0;
}

function chainOf(sid: u32, mid: u32): u32 {
  return (((sid * 0x9e37_79b1) ^ (mid * 0x85eb_ca6b)) >> 8) & (CHAINS - 1);
}
