import { State } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { CLASS_IN, MOST_DATA, Type } from './message';
import { hashOfName, isSameName, MOST_NAME } from './names';

/** The side from which a record came. */
export const enum Origin {
  free,
  here,
  far,
  /** It ended at the far side a moment ago, and is not learned from reflectors that still announce it. */
  ended,
}

/** A change that the far side has not been sent yet. */
export const enum Change {
  none,
  added,
  gone,
}

/** A record, and everything that is due for it. */
export class Entry {
  origin: i32 = Origin.free;
  type: u32 = 0;
  /** It is the only one of its owner's set: the cache-flush bit (RFC 6762 §10.2). */
  isUnique: bool = false;
  ttl: u32 = 0;
  nameSize: u32 = 0;
  dataSize: u32 = 0;
  readonly name: usize;
  readonly data: usize;
  hash: u32 = 0;
  next: i32 = -1;

  // For a record from here.
  heardAt: f64 = 0;
  endsAt: f64 = 0;
  /** How many times its owner was asked again (RFC 6762 §5.2). */
  refreshes: i32 = 0;
  change: i32 = Change.none;
  /** The far side knows it. */
  isTold: bool = false;

  // For a record of the far side.
  /** When it is to be multicast; infinity if it is not. */
  dueAt: f64 = Infinity;
  sentAt: f64 = -Infinity;
  /** Announcements that are left. */
  announces: i32 = 0;
  isGoodbye: bool = false;
  /** The far side has not repeated it since it was contacted again. */
  isStale: bool = false;
  /** A host here has its name, with other data. */
  isConflicting: bool = false;
  /** The query that is being read asks for it. */
  isAsked: bool = false;

  constructor(memoryAt: usize) {
    this.name = memoryAt;
    this.data = memoryAt + 256;
  }

  state(state: State): void {
    this.type = state.u32(this.type);
    this.isUnique = state.bool(this.isUnique);
    this.ttl = state.u32(this.ttl);
    this.heardAt = state.instant(this.heardAt);
    this.endsAt = state.instant(this.endsAt);
    this.change = <i32>state.u8(<u8>this.change);
    this.isTold = state.bool(this.isTold);
    this.isGoodbye = state.bool(this.isGoodbye);
    this.isStale = state.bool(this.isStale);
    this.isConflicting = state.bool(this.isConflicting);
    this.nameSize = <u32>state.count(<i32>this.nameSize, MOST_NAME);
    this.dataSize = <u32>state.count(<i32>this.dataSize, MOST_DATA);
    state.bytes(this.name, <i32>this.nameSize);
    state.bytes(this.data, <i32>this.dataSize);
  }
}

const CHAINS: i32 = 1024;
const PLACE_BYTES: usize = 256 + MOST_DATA;

/** The records of both sides. The setting `records` bounds each. */
export class Table {
  readonly size: i32 = 2 * Configuration.records;
  readonly all: StaticArray<Entry> = new StaticArray<Entry>(2 * Configuration.records);
  private readonly chains: StaticArray<i32> = new StaticArray<i32>(CHAINS);
  private freeChain: i32 = -1;
  hereCount: i32 = 0;
  farCount: i32 = 0;

  constructor() {
    const places = heap.alloc(<usize>this.size * PLACE_BYTES);
    for (let i = 0; i < CHAINS; i++) this.chains[i] = -1;
    for (let i = this.size - 1; i >= 0; i--) {
      this.all[i] = new Entry(places + <usize>i * PLACE_BYTES);
      this.all[i].next = this.freeChain;
      this.freeChain = i;
    }
  }

  /** The first record of the chain of a name; -1 if there is none. */
  first(name: usize, size: u32): i32 {
    return this.chains[hashOfName(name, size) & (CHAINS - 1)];
  }

  /** The index of the record with this name, type and data; -1 if there is none. */
  find(name: usize, nameSize: u32, type: u32, data: usize, dataSize: u32): i32 {
    let i = this.first(name, nameSize);
    for (; i >= 0; i = this.all[i].next) {
      const each = this.all[i];
      if (each.type != type || each.dataSize != dataSize) continue;
      if (memory.compare(each.data, data, dataSize) == 0 && this.hasName(each, name, nameSize)) return i;
    }
    return -1;
  }

  hasName(each: Entry, name: usize, size: u32): bool {
    return each.nameSize == size && isSameName(each.name, name, size);
  }

  /** Adds a record. Returns its index; -1 if the side has as many as it may. */
  add(origin: i32, name: usize, nameSize: u32, type: u32, data: usize, dataSize: u32): i32 {
    if ((origin == Origin.here ? this.hereCount : this.farCount) >= Configuration.records) return -1;
    const i = this.freeChain;
    if (i < 0) return -1;
    const entry = this.all[i];
    this.freeChain = entry.next;
    memory.copy(entry.name, name, nameSize);
    memory.copy(entry.data, data, dataSize);
    entry.nameSize = nameSize;
    entry.dataSize = dataSize;
    entry.type = type;
    entry.refreshes = 0;
    entry.change = Change.none;
    entry.isTold = false;
    entry.dueAt = Infinity;
    entry.sentAt = -Infinity;
    entry.announces = 0;
    entry.isGoodbye = false;
    entry.isStale = false;
    entry.isConflicting = false;
    entry.isAsked = false;
    this.enter(i, origin);
    return i;
  }

  remove(i: i32): void {
    const entry = this.all[i];
    const chain = entry.hash & (CHAINS - 1);
    if (this.chains[chain] == i) {
      this.chains[chain] = entry.next;
    } else {
      let before = this.chains[chain];
      while (this.all[before].next != i) before = this.all[before].next;
      this.all[before].next = entry.next;
    }
    if (entry.origin == Origin.here) this.hereCount--;
    else this.farCount--;
    entry.origin = Origin.free;
    entry.next = this.freeChain;
    this.freeChain = i;
  }

  /** Removes a record that has ended, if there is one, for a new record of the far side. */
  evictEnded(): void {
    for (let i = 0; i < this.size; i++) {
      if (this.all[i].origin != Origin.ended) continue;
      this.remove(i);
      return;
    }
  }

  state(state: State): void {
    const count = state.count(this.hereCount + this.farCount, this.size);
    let i = -1;
    for (let n = 0; n < count; n++) {
      if (!state.isRestoring) {
        do i++;
        while (this.all[i].origin == Origin.free);
      } else {
        i = this.freeChain;
        if (i < 0) break;
      }
      const entry = this.all[i];
      const origin = <i32>state.u8(<u8>entry.origin);
      entry.state(state);
      if (!state.isRestoring) continue;
      const isHere = origin == Origin.here;
      if ((!isHere && origin != Origin.far && origin != Origin.ended) || entry.nameSize == 0) {
        state.refuse('a record has no side or no name');
        return;
      }
      if ((isHere ? this.hereCount : this.farCount) >= Configuration.records) {
        state.refuse('more records than the setting allows');
        return;
      }
      this.freeChain = entry.next;
      this.enter(i, origin);
      if (!isHere) entry.dueAt = entry.isGoodbye ? 0 : Infinity;
    }
  }

  private enter(i: i32, origin: i32): void {
    const entry = this.all[i];
    entry.origin = origin;
    entry.hash = hashOfName(entry.name, entry.nameSize);
    const chain = entry.hash & (CHAINS - 1);
    entry.next = this.chains[chain];
    this.chains[chain] = i;
    if (origin == Origin.here) this.hereCount++;
    else this.farCount++;
  }
}

/** Whether an address is of one link only, so that it means nothing at another site (RFC 3927, RFC 4291). */
export function isOfLink(type: u32, data: usize, size: u32): bool {
  if (type == Type.a) return size == 4 && load<u8>(data) == 169 && load<u8>(data, 1) == 254;
  if (type != Type.aaaa) return false;
  return size == 16 && load<u8>(data) == 0xfe && (load<u8>(data, 1) & 0xc0) == 0x80;
}

/** Whether records of this type and class cross. */
export function canCross(type: u32, cls: u32): bool {
  return cls == CLASS_IN && type != 0 && type != Type.opt && (type < 128 || type >= 256);
}
