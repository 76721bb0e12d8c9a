import { Outcome } from 'funnel-tunnel/as';
import { load16, load32 } from 'funnel-tunnel/as/views/bytes';
import { Carrier } from './carrier';
import { Configuration, WHOLE } from './configuration';
import { Delivery } from './delivery';
import { Link } from './link';
import { end, Reason } from './reasons';
import { FIRST, LAST, MORE_HEADER, UNRELIABLE_HEADER, VERSION, VERSION_MASK } from './segment';
import { Slot } from './slot';

/** The number of complete frames that are remembered, so that a repeated segment is recognised. */
const REMEMBERED: i32 = 256;
/**
 * The time for which they are remembered: shorter than a sender needs to use a sequence number again, at
 * 65536 segmented frames a second.
 */
const REMEMBERED_MS: f64 = 1_000;

/** Reassembles frames whose segments come late, twice, out of order or not at all. */
export abstract class Unreliable {
  private static slots: StaticArray<Slot> = new StaticArray<Slot>(0);
  private static used: i32 = 0;
  private static now: f64 = 0;
  /** A large frame could not go on, because the outcome was full. */
  private static isHeldUp: bool = false;
  private static earliest: f64 = Infinity;

  private static readonly rememberedKeys: StaticArray<u64> = new StaticArray<u64>(3 * REMEMBERED);
  private static readonly rememberedUntil: StaticArray<f64> = new StaticArray<f64>(REMEMBERED);
  private static nextRemembered: i32 = 0;

  static start(): void {
    Unreliable.slots = new StaticArray<Slot>(Configuration.slots);
    for (let i = 0; i < Configuration.slots; i++) Unreliable.slots[i] = new Slot();
  }

  /** When the first frame has waited long enough. */
  static get next(): f64 {
    return Unreliable.isHeldUp ? 0 : Unreliable.earliest;
  }

  /** Gives up frames that have waited too long for a segment. */
  static run(now: f64, out: Outcome): void {
    Unreliable.now = now;
    if (Unreliable.earliest <= now) {
      Unreliable.earliest = Infinity;
      for (let i = 0; i < Configuration.slots; i++) {
        const slot = Unreliable.slots[i];
        if (!slot.isUsed) continue;
        if (slot.until <= now) Unreliable.free(slot, out, Reason.timedOut);
        else if (slot.until < Unreliable.earliest) Unreliable.earliest = slot.until;
      }
    }
    Unreliable.passHeldUp(out);
  }

  static take(ticket: u32, out: Outcome): void {
    const reason = Unreliable.takeSegment(ticket, out);
    // The ticket that opened a frame is held, as the frame's own.
    if (reason >= 0) end(out, ticket, reason);
  }

  /** Returns the reason for the end of the ticket, or -1 if it goes on or is held. */
  private static takeSegment(ticket: u32, out: Outcome): i32 {
    const header = Carrier.at;
    if (Carrier.length < UNRELIABLE_HEADER) return Reason.badSegment;
    const flags = <u32>load<u8>(header);
    const isFirst = (flags & FIRST) != 0;
    const isLast = (flags & LAST) != 0;
    const headerBytes = UNRELIABLE_HEADER + (isFirst ? MORE_HEADER : 0);
    if ((flags & VERSION_MASK) != VERSION || Carrier.length < headerBytes) return Reason.badSegment;
    const at = header + headerBytes;
    const length = Carrier.length - headerBytes;
    const from = <u64>load32(header + 4);
    const to = from + length;
    let total: u64 = isFirst ? load32(header + 8) : 0;
    if (isFirst != (from == 0)) return Reason.badSegment;
    if (to > 0xffff_ffff || (total > 0 && to > total) || (length == 0 && !isLast)) return Reason.badSegment;
    if (isLast && total > 0 && to != total) return Reason.badSegment;
    if (isLast) total = to;
    const isKnown = isLast || total > 0;
    if (to > Configuration.maxFrame || total > Configuration.maxFrame) return Reason.tooLarge;
    if (!Link.hears()) return Reason.busy;
    if (isFirst && isLast) return Delivery.whole(out, ticket, at, length);

    const sequence = load16(header + 2);
    let slot = Unreliable.find(sequence);
    const isNew = slot === null;
    if (slot === null) {
      if (Unreliable.isRemembered(sequence)) return Reason.duplicate;
      slot = Unreliable.open(sequence, ticket);
      if (slot === null) return Reason.noMemory;
    }
    if (slot.isSpoilt) return Reason.inconsistent;
    if (isKnown && !slot.learnTotal(total)) return Unreliable.spoil(slot, out, isNew);
    if (slot.isTotalKnown && to > slot.total) return Unreliable.spoil(slot, out, isNew);
    // If the window is full of bytes that can go on, it moves.
    if (to > slot.base + WHOLE) Unreliable.passPieces(slot, out);
    if (to > slot.base + WHOLE) {
      if (isNew) Unreliable.forget(slot);
      return Reason.beyondWindow;
    }
    const reason = length > 0 ? slot.add(<u32>from, <u32>to, at) : -1;
    if (reason == Reason.inconsistent) return Unreliable.spoil(slot, out, isNew);
    if (reason >= 0) return reason;
    if (slot.isLarge) Unreliable.passPieces(slot, out);
    else if (slot.hasAll) Unreliable.deliver(slot, out);
    return isNew ? -1 : Reason.merged;
  }

  private static find(sequence: u32): Slot | null {
    if (Unreliable.used == 0) return null;
    const port = Slot.keyOf(sequence);
    for (let i = 0; i < Configuration.slots; i++) {
      const slot = Unreliable.slots[i];
      if (
        slot.isUsed &&
        slot.key == port &&
        slot.low == Carrier.source.low &&
        slot.high == Carrier.source.high
      )
        return slot;
    }
    return null;
  }

  private static open(sequence: u32, ticket: u32): Slot | null {
    if (Unreliable.used == Configuration.slots) return null;
    let i = 0;
    while (Unreliable.slots[i].isUsed) i++;
    const slot = Unreliable.slots[i];
    slot.open(sequence, ticket, Unreliable.now + Configuration.timeoutMs);
    if (slot.until < Unreliable.earliest) Unreliable.earliest = slot.until;
    Unreliable.used++;
    return slot;
  }

  /** Ends a frame, and the ticket that opened it. */
  private static free(slot: Slot, out: Outcome, reason: i32): void {
    if (slot.ticket != 0) end(out, slot.ticket, reason);
    Unreliable.forget(slot);
  }

  private static forget(slot: Slot): void {
    slot.isUsed = false;
    Unreliable.used--;
  }

  /**
   * Segments that contradict each other spoil a frame: the piece drops all of it, and later segments of it
   * too.
   */
  private static spoil(slot: Slot, out: Outcome, isNew: bool): i32 {
    if (!isNew && slot.ticket != 0) end(out, slot.ticket, Reason.inconsistent);
    slot.ticket = 0;
    slot.isSpoilt = true;
    return Reason.inconsistent;
  }

  /** All of a frame has come, and it passes as one. */
  private static deliver(slot: Slot, out: Outcome): void {
    const reason = Delivery.copied(out, slot.ticket, slot.bytes, <u32>slot.total, 0, 0);
    if (reason >= 0) end(out, slot.ticket, reason);
    Unreliable.remember(slot);
    Unreliable.forget(slot);
  }

  private static passHeldUp(out: Outcome): void {
    if (!Unreliable.isHeldUp) return;
    Unreliable.isHeldUp = false;
    for (let i = 0; i < Configuration.slots; i++) {
      const slot = Unreliable.slots[i];
      if (slot.isUsed && !slot.isSpoilt && slot.isLarge) Unreliable.passPieces(slot, out);
    }
  }

  /** Passes on all bytes of a large frame that have come without a gap. */
  private static passPieces(slot: Slot, out: Outcome): void {
    if (Delivery.protocol == 0 || Delivery.edge < 0) return;
    slot.isLarge = true;
    while (slot.contiguous > 0 || slot.isDone) {
      // The first fragment may have a header with the length of the whole frame.
      const length = min(slot.contiguous, WHOLE - Delivery.ANNOUNCEMENT);
      const at = out.room(<i32>length);
      const isLast = slot.isTotalKnown && slot.base + length == slot.total;
      if (at != 0) slot.copyFront(at, length);
      if (at == 0 || !Delivery.piece(out, slot.ticket, at, length, slot.total, slot.base == 0, isLast)) {
        Unreliable.isHeldUp = true;
        return;
      }
      slot.release(length);
      if (!isLast) continue;
      Unreliable.remember(slot);
      Unreliable.forget(slot);
      return;
    }
  }

  private static remember(slot: Slot): void {
    const at = Unreliable.nextRemembered;
    Unreliable.rememberedKeys[3 * at] = slot.key;
    Unreliable.rememberedKeys[3 * at + 1] = slot.high;
    Unreliable.rememberedKeys[3 * at + 2] = slot.low;
    Unreliable.rememberedUntil[at] = Unreliable.now + REMEMBERED_MS;
    Unreliable.nextRemembered = (at + 1) % REMEMBERED;
  }

  private static isRemembered(sequence: u32): bool {
    const key = Slot.keyOf(sequence);
    for (let i = 0; i < REMEMBERED; i++) {
      if (Unreliable.rememberedKeys[3 * i] != key || Unreliable.rememberedUntil[i] <= Unreliable.now)
        continue;
      if (
        Unreliable.rememberedKeys[3 * i + 1] == Carrier.source.high &&
        Unreliable.rememberedKeys[3 * i + 2] == Carrier.source.low
      )
        return true;
    }
    return false;
  }
}
