// Dialogs (RFC 3261 §12), by hashes of Call-ID and tags. The tags are those of the plain side and of the
// protected side, so a dialog has the same name in requests and responses of both. Before the first answer
// the tag of the other side is 0; each fork that answers gets a dialog of its own, in which the offer holds
// too.

import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Lines, Mode, NO_LINE } from './lines';

export const NO_DIALOG: i32 = -1;
export const MOST_LINES: i32 = 16;
/** The mark of a line of RTP/AVP behind the others, beside the number of its line. */
export const EXTRA: u8 = 0x80;
const CHAINS: i32 = 1024;
/** 64 times T1, for which messages of a transaction may come (RFC 3261 §17.1.1.2). */
const LINGER_MS: f64 = 32_000;

export const enum Phase {
  setup,
  established,
  ended,
}

export class Dialog {
  isUsed: bool = false;
  call: u64 = 0;
  /** 0 for a tag that is not known yet. */
  plainTag: u64 = 0;
  protectedTag: u64 = 0;
  next: i32 = NO_DIALOG;
  firstLine: i32 = NO_LINE;
  phase: Phase = Phase.setup;
  /** When it ends, unless something is heard of it. */
  deadline: f64 = Infinity;
  heardAt: f64 = 0;
  /** The side of the last offer, whether it is not answered yet, and whether it stood in a response. */
  offeredBy: i32 = -1;
  isOfferOpen: bool = false;
  isOfferInResponse: bool = false;
  /** By side, the number in CSeq of its last INVITE with an offer; 0 for none. */
  invites: StaticArray<u32> = [0, 0];
  /** The lines of the protected side: numbers of those of the plain side, some with `EXTRA`. */
  order: StaticArray<u8> = new StaticArray<u8>(MOST_LINES);
  orderCount: i32 = 0;

  /** The line of this number; `NO_LINE` if there is none. */
  line(number: i32): i32 {
    for (let id = this.firstLine; id != NO_LINE; id = Lines.at(id).next)
      if (Lines.at(id).number == number) return id;
    return NO_LINE;
  }

  /** The place of a line, or of its extra, in the protected side's description; -1 for none. */
  placeOf(number: i32, extra: u8): i32 {
    for (let i = 0; i < this.orderCount; i++) if (this.order[i] == (<u8>number | extra)) return i;
    return -1;
  }

  /** Adds a line at the end of the protected side's description. False if there are too many. */
  append(number: i32, extra: u8): bool {
    if (this.placeOf(number, extra) >= 0) return true;
    if (this.orderCount == MOST_LINES) return false;
    this.order[this.orderCount++] = <u8>number | extra;
    return true;
  }
}

let dialogs: StaticArray<Dialog> = new StaticArray<Dialog>(0);
const chains: StaticArray<i32> = new StaticArray<i32>(CHAINS);
let firstFree: i32 = NO_DIALOG;
let cursor: i32 = 0;

export abstract class Dialogs {
  static count: i32 = 0;

  static start(most: i32): void {
    dialogs = new StaticArray<Dialog>(most);
    for (let i = 0; i < most; i++) dialogs[i] = new Dialog();
    Dialogs.count = 0;
    cursor = 0;
    link();
  }

  @inline static at(id: i32): Dialog {
    return dialogs[id];
  }

  static find(call: u64, plainTag: u64, protectedTag: u64): i32 {
    for (let id = chains[chainOf(call)]; id != NO_DIALOG; id = dialogs[id].next) {
      const dialog = dialogs[id];
      if (dialog.call == call && dialog.plainTag == plainTag && dialog.protectedTag == protectedTag)
        return id;
    }
    return NO_DIALOG;
  }

  static add(now: f64, call: u64, plainTag: u64, protectedTag: u64): i32 {
    const id = firstFree;
    if (id == NO_DIALOG) return NO_DIALOG;
    const dialog = dialogs[id];
    firstFree = dialog.next;
    Dialogs.count++;
    dialog.isUsed = true;
    dialog.call = call;
    dialog.plainTag = plainTag;
    dialog.protectedTag = protectedTag;
    dialog.firstLine = NO_LINE;
    dialog.offeredBy = -1;
    dialog.isOfferOpen = false;
    dialog.isOfferInResponse = false;
    dialog.invites[0] = dialog.invites[1] = 0;
    dialog.orderCount = 0;
    const chain = chainOf(call);
    dialog.next = chains[chain];
    chains[chain] = id;
    Dialogs.setUp(id, now);
    return id;
  }

  static setUp(id: i32, now: f64): void {
    const dialog = dialogs[id];
    dialog.phase = Phase.setup;
    dialog.heardAt = now;
    dialog.deadline = now + Configuration.setupMs;
  }

  static establish(id: i32, now: f64): void {
    const dialog = dialogs[id];
    dialog.phase = Phase.established;
    dialog.heardAt = now;
    dialog.deadline = Infinity;
  }

  /** The call is over; late messages and packets may still come. */
  static finish(id: i32, now: f64): void {
    const dialog = dialogs[id];
    if (dialog.phase != Phase.ended) dialog.deadline = now + LINGER_MS;
    dialog.phase = Phase.ended;
  }

  /** A dialog for a fork of a call, in which the offer of another dialog holds. */
  static fork(now: f64, from: i32, plainTag: u64, protectedTag: u64): i32 {
    const id = Dialogs.add(now, dialogs[from].call, plainTag, protectedTag);
    if (id == NO_DIALOG) return NO_DIALOG;
    const dialog = dialogs[id];
    const other = dialogs[from];
    dialog.offeredBy = other.offeredBy;
    dialog.isOfferOpen = other.isOfferOpen;
    dialog.isOfferInResponse = other.isOfferInResponse;
    for (let side = 0; side < 2; side++) dialog.invites[side] = other.invites[side];
    dialog.deadline = other.deadline;
    dialog.orderCount = other.orderCount;
    memory.copy(changetype<usize>(dialog.order), changetype<usize>(other.order), MOST_LINES);
    for (let each = other.firstLine; each != NO_LINE; each = Lines.at(each).next) {
      const line = Lines.add(id, Lines.at(each).number, dialog.firstLine);
      if (line == NO_LINE) {
        end(id);
        return NO_DIALOG;
      }
      dialog.firstLine = line;
      Lines.at(line).copyOffer(Lines.at(each));
    }
    return id;
  }

  /** Ends or finishes all dialogs of a call that this side began and that are not answered. */
  static finishSetup(now: f64, call: u64, isPlain: bool, tag: u64, except: i32): void {
    for (let id = chains[chainOf(call)]; id != NO_DIALOG; id = dialogs[id].next) {
      const dialog = dialogs[id];
      if (dialog.call != call || id == except || dialog.phase != Phase.setup) continue;
      if ((isPlain ? dialog.plainTag : dialog.protectedTag) == tag) Dialogs.finish(id, now);
    }
  }

  /** Adds a line to a dialog; `NO_LINE` if there is no room. */
  static addLine(id: i32, number: i32): i32 {
    const line = Lines.add(id, number, dialogs[id].firstLine);
    if (line != NO_LINE) dialogs[id].firstLine = line;
    return line;
  }

  /**
   * Ends dialogs whose time is over, some at a time. Returns the lines that are protected, and that are not.
   */
  static sweep(now: f64): void {
    for (let n = min(SWEPT, dialogs.length); n > 0; n--) {
      if (++cursor >= dialogs.length) cursor = 0;
      const dialog = dialogs[cursor];
      if (!dialog.isUsed) continue;
      const isSilent = dialog.phase == Phase.established && now - dialog.heardAt >= Configuration.silenceMs;
      if (now >= dialog.deadline || isSilent) {
        end(cursor);
        continue;
      }
      for (let line = dialog.firstLine; line != NO_LINE; line = Lines.at(line).next) Lines.sweep(now, line);
    }
  }

  /** The number of lines in this mode, in dialogs that have not ended. */
  static linesIn(mode: Mode): i32 {
    let count = 0;
    for (let id = 0; id < dialogs.length; id++) {
      const dialog = dialogs[id];
      if (!dialog.isUsed || dialog.phase == Phase.ended) continue;
      for (let line = dialog.firstLine; line != NO_LINE; line = Lines.at(line).next)
        if (Lines.at(line).mode == mode) count++;
    }
    return count;
  }

  static state(state: State): void {
    const most = state.count(dialogs.length, dialogs.length);
    for (let i = 0; i < most; i++) {
      const dialog = dialogs[i];
      dialog.isUsed = state.bool(dialog.isUsed);
      if (!dialog.isUsed) continue;
      dialog.call = state.u64(dialog.call);
      dialog.plainTag = state.u64(dialog.plainTag);
      dialog.protectedTag = state.u64(dialog.protectedTag);
      dialog.firstLine = state.i32(dialog.firstLine);
      dialog.phase = <Phase>state.u8(<u8>dialog.phase);
      dialog.deadline = state.instant(dialog.deadline);
      dialog.heardAt = state.instant(dialog.heardAt);
      dialog.offeredBy = state.i32(dialog.offeredBy);
      for (let side = 0; side < 2; side++) dialog.invites[side] = state.u32(dialog.invites[side]);
      dialog.isOfferOpen = state.bool(dialog.isOfferOpen);
      dialog.isOfferInResponse = state.bool(dialog.isOfferInResponse);
      state.bytes(changetype<usize>(dialog.order), MOST_LINES);
      dialog.orderCount = state.count(dialog.orderCount, MOST_LINES);
    }
    if (state.isRestoring) link();
  }
}

/** The dialogs that one sweep looks at. */
const SWEPT: i32 = 256;

function end(id: i32): void {
  const dialog = dialogs[id];
  for (let line = dialog.firstLine; line != NO_LINE; ) line = Lines.end(line);
  const chain = chainOf(dialog.call);
  if (chains[chain] == id) {
    chains[chain] = dialog.next;
  } else {
    let before = chains[chain];
    while (dialogs[before].next != id) before = dialogs[before].next;
    dialogs[before].next = dialog.next;
  }
  dialog.isUsed = false;
  dialog.next = firstFree;
  firstFree = id;
  Dialogs.count--;
}

/** Makes the chains of used and of free dialogs. */
function link(): void {
  for (let i = 0; i < CHAINS; i++) chains[i] = NO_DIALOG;
  firstFree = NO_DIALOG;
  Dialogs.count = 0;
  for (let i = dialogs.length - 1; i >= 0; i--) {
    const dialog = dialogs[i];
    const chain = chainOf(dialog.call);
    if (dialog.isUsed) {
      dialog.next = chains[chain];
      chains[chain] = i;
      Dialogs.count++;
    } else {
      dialog.next = firstFree;
      firstFree = i;
    }
  }
}

@inline function chainOf(call: u64): i32 {
  return <i32>(call >> 1) & (CHAINS - 1);
}
