import { PartMarks, Role } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { PieceContext } from '../../piece/piece.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { FunnelIo } from '../addon.ts';
import * as addonConstants from '../addon.ts';
import type { Connection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import * as headerConstants from './stream-header.ts';
import { put16, put32, writeHeader } from './stream-header.ts';
import { StreamQueues } from './stream-queues.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { HEADROOM, MAX_PARTS, PART_WORDS, SMALL_ROOM, TAILROOM } = framesConstants;
const { READABLE, TALLY_SIZE, WRITABLE } = addonConstants;
const { ACK, FIN, PSH, RST, SYN } = headerConstants;

/** The parts of an endpoint of streams that differ between endpoints. */
export interface StreamOwner {
  /** A neighbour opens a stream with this frame. @returns the reason for a refusal, or the empty string */
  open(ip: number, tcp: number, isIpv4: boolean): string;
  /** A channel that is not a stream has events: a listener. */
  listenerReady(channel: number, events: number): void;
  /** The system has connected a stream, or failed to: then `error` is an errno. */
  connected(connection: Connection, error: number): void;
  /** A stream has ended. Its channel is closed, unless it is lent. */
  closed(connection: Connection, withReset: boolean): void;
  /** The neighbour has accepted a stream that {@link Connection.isAwaited}. Its bytes follow. */
  accepted?(connection: Connection): void;
  /** Takes a frame that is none of the streams', with its reference; returns false for one of theirs. */
  takesOther?(row: number, edgeShape: number, skips: number): boolean;
}

/** The limits of all streams of an endpoint. */
export interface StreamLimits {
  readonly patienceMs: number;
  readonly halfClose: boolean;
  /** The most bytes of the lane in which frames wait to be written. */
  readonly bufferBytes: number;
}

/**
 * The streams of one endpoint, as frames of TCP: opening, end and reset in the flags, bytes by number, and
 * credit in the window. See "Streams" in the README of this folder's parent.
 *
 * Nothing is lost and nothing is kept without bound. A stream is read only while the lane has rows for its
 * bytes and its neighbour grants credit. A frame for a stream that has no room stays in the inbox, and those
 * behind it.
 *
 * This file is long on purpose: both directions of a stream work on one state (numbers, credit, the end), and
 * all methods run for each frame. Connections, their table and the queues are in files of their own.
 */
export class Streams {
  readonly #io: FunnelIo;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #owner: StreamOwner;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #tcp: number;
  readonly #patienceMs: number;
  readonly #halfClose: boolean;
  readonly #hasOthers: boolean;
  readonly #outbox = new Outbox();
  /** The outbox for frames to the lane: that of `process` while it runs. */
  #out = this.#outbox;
  readonly #queues: StreamQueues;
  readonly #addresses = new Int32Array(SLOTS);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #outAddresses = new Int32Array(SLOTS);
  readonly #outLengths = new Int32Array(SLOTS);
  readonly #rows = new Int32Array(SLOTS);
  #batch: number;
  #table = new ConnectionTable<Connection>();
  #byChannel = new Map<number, Connection>();
  readonly #dirty: Connection[] = [];
  /** Streams that wait for rows. */
  readonly #starved = new Set<Connection>();
  #retryTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  /** The time since which the first frame of the inbox finds no room; -1 while none waits. */
  #blockedSince = -1;
  #edge = -1;
  #isReady = true;

  constructor(
    io: FunnelIo,
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    owner: StreamOwner,
    { patienceMs, halfClose, bufferBytes }: StreamLimits,
  ) {
    this.#io = io;
    this.#context = context;
    this.#frames = frames;
    this.#owner = owner;
    this.#hasOthers = owner.takesOther !== undefined;
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#tcp = protocols.number('tcp');
    this.#patienceMs = patienceMs;
    this.#halfClose = halfClose;
    this.#queues = new StreamQueues(frames, bufferBytes);
    this.#batch = io.createBatch({
      memory: frames.memory,
      slots: SLOTS,
      room: SMALL_ROOM,
      addresses: this.#addresses,
      lengths: this.#lengths,
      outAddresses: this.#outAddresses,
      outHeaders: new Int32Array(SLOTS),
      outLengths: this.#outLengths,
      tally: new Int32Array(TALLY_SIZE),
      onBatch: (channel, events) => this.#onEvents(channel, events),
    });
  }

  /** The addon's number of the batch in which channels are opened. */
  get batch(): number {
    return this.#batch;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Each stream once, also one with a channel for each direction. */
  get all(): ReadonlySet<Connection> {
    return new Set(this.#byChannel.values());
  }

  /** The Edge to which frames go; -1 for none. */
  setEdge(edge: number): void {
    this.#edge = edge;
    for (const connection of this.#byChannel.values()) this.#poll(connection);
  }

  setReady(isReady: boolean): void {
    this.#isReady = isReady;
    for (const connection of this.#byChannel.values()) this.#poll(connection);
  }

  /**
   * Adds a stream. Returns false if another has its ports and address; then the channel still belongs to the
   * caller.
   */
  add(connection: Connection): boolean {
    this.#setKeyOf(connection);
    if (!this.#table.add(connection)) return false;
    this.#setChannels(connection);
    return true;
  }

  #setChannels(connection: Connection): void {
    if (connection.channel >= 0) this.#byChannel.set(connection.channel, connection);
    if (connection.out >= 0) this.#byChannel.set(connection.out, connection);
  }

  /** Sets another header of a stream, for example with the port that the system chose. */
  rename(connection: Connection, header: Uint8Array): boolean {
    this.#setKeyOf(connection);
    this.#table.remove(connection);
    connection.header.set(header);
    this.#setKeyOf(connection);
    return this.#table.add(connection);
  }

  /** Frames from the peer have source and destination exchanged. */
  #setKeyOf({ header, isIpv4 }: Connection): void {
    const tcp = isIpv4 ? 20 : 40;
    this.#table.setKey(header, tcp + 2, tcp, isIpv4 ? 12 : 8, isIpv4);
  }

  /** Sends the neighbour a frame with flags only, now or when there is a row for it. */
  notify(connection: Connection, flags: number): void {
    if (this.#edge < 0) return;
    const row = this.#frames.allocate(connection.header.length);
    if (row < 0) {
      connection.owedFlags |= flags;
      this.#starve(connection);
      return;
    }
    this.#push(connection, row, 0, flags);
  }

  /** Sends a neighbour a reset for a frame that belongs to no stream. The frame is at these addresses. */
  refuse(ip: number, tcp: number, isIpv4: boolean): void {
    const size = isIpv4 ? 40 : 60;
    const row = this.#edge < 0 ? -1 : this.#frames.allocate(size);
    // Such a reset may be lost, as in TCP: the next frame of the neighbour gets another.
    if (row < 0) return;
    const { bytes } = this.#frames;
    const at = this.#frames.start[row]!;
    writeHeader(bytes, at, bytes, ip, tcp, isIpv4);
    this.#finish(row, at, isIpv4, 0, 0, 0, RST | ACK, 0);
  }

  /** Pushes a frame that is none of the streams', in the order of theirs. */
  pushOther(row: number, edgeShape: number): void {
    this.#out.push(row, edgeShape, 0);
  }

  /**
   * Reads from a channel that is no stream yet, at most `most` bytes. Returns none at its end and after an
   * error; undefined while there is nothing to read, or no row to read into.
   */
  readDirectly(channel: number, most: number): Uint8Array | undefined {
    const row = this.#frames.allocate(READ_ROOM);
    if (row < 0) return undefined;
    const at = this.#frames.start[row]!;
    this.#addresses[0] = at;
    this.#lengths[0] = Math.min(most, READ_ROOM);
    const got = this.#io.readStream(channel, 1, this.#lengths[0]);
    const bytes = this.#frames.bytes.slice(at, at + Math.max(0, got));
    this.#frames.release(row);
    return got === -EAGAIN ? undefined : bytes;
  }

  /** Writes to a channel that is no stream yet. Returns false if the system does not take all at once. */
  writeDirectly(channel: number, bytes: Uint8Array): boolean {
    const row = this.#frames.allocate(bytes.length);
    if (row < 0) return false;
    const at = this.#frames.start[row]!;
    this.#frames.bytes.set(bytes, at);
    this.#outAddresses[0] = at;
    this.#outLengths[0] = bytes.length;
    const written = this.#io.writeStream(channel, 1);
    this.#frames.release(row);
    return written === bytes.length;
  }

  /** Delivers the frames that were made outside of `process`. */
  deliver(): void {
    if (this.#out === this.#outbox && this.#outbox.length > 0) this.#context.arrived(this.#outbox);
  }

  /** Reads from now on, and writes the waiting frames. */
  start(connection: Connection): void {
    connection.isOpening = false;
    if (connection.channel < 0) {
      connection.hasReadEnd = true;
      this.notify(connection, FIN | ACK);
      this.deliver();
      if (connection.isClosed) return;
    }
    this.#write(connection);
    this.#poll(connection);
  }

  /** Waits until the system has connected a stream. */
  watch(connection: Connection): void {
    this.#poll(connection);
  }

  /** Ends a stream. Its waiting frames are counted as `reason`. */
  close(connection: Connection, reason: string, withReset: boolean): void {
    if (connection.isClosed) return;
    connection.isClosed = true;
    this.#setKeyOf(connection);
    this.#table.remove(connection);
    const { channel, out } = connection;
    if (connection.isLent && !connection.isBroken) {
      this.#byChannel.delete(channel);
      this.#io.poll(channel, 0);
    } else {
      this.#closeOut(connection, withReset);
      if (channel >= 0 && channel !== out) this.#closeChannel(channel, withReset);
    }
    const dropped = this.#queues.drop(connection);
    if (dropped > 0) this.#context.count(reason, dropped);
    this.#owner.closed(connection, withReset);
    if (this.#blockedSince >= 0) this.#context.wake();
  }

  #closeOut(connection: Connection, withReset: boolean): void {
    if (connection.out >= 0) this.#closeChannel(connection.out, withReset);
    connection.out = -1;
  }

  #closeChannel(channel: number, withReset: boolean): void {
    this.#byChannel.delete(channel);
    if (withReset) this.#io.resetStream(channel);
    else this.#io.close(channel);
  }

  /** Takes over all open streams of another endpoint, with their waiting frames. */
  takeOver(from: Streams): void {
    for (const connection of from.all) {
      const { channel, out } = connection;
      if (channel >= 0) this.#io.adopt(channel, this.#batch);
      if (out >= 0 && out !== channel) this.#io.adopt(out, this.#batch);
      this.#setChannels(connection);
      this.#setKeyOf(connection);
      this.#table.add(connection);
      this.#queues.takeOver(from.#queues, connection);
      if (from.#starved.delete(connection)) this.#starve(connection);
    }
    from.#byChannel = new Map();
    from.#table = new ConnectionTable();
  }

  end(): void {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#stallTimer);
    for (const connection of this.all) {
      // No line outlives its endpoint.
      connection.isBroken = true;
      this.close(connection, 'closed', true);
    }
    if (this.#batch >= 0) this.#io.releaseBatch(this.#batch);
    this.#batch = -1;
  }

  // From the lane.

  /** Takes the waiting frames, as far as their streams have room. @returns the time of the next call */
  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    this.#out = outbox;
    const count = Math.min(inbox.length, limit);
    let n = 0;
    for (; n < count; n++) {
      const at = inbox.at(n);
      const skips = inbox.skips[at]!;
      if (this.#hasOthers && this.#owner.takesOther!(inbox.rows[at]!, inbox.edgeShapes[at]!, skips)) continue;
      if (!this.#take(inbox.rows[at]!, skips & 0xff, skips >>> 8)) break;
    }
    inbox.take(n);
    for (const connection of this.#dirty) {
      connection.isDirty = false;
      if (!connection.isClosed && !connection.isWaiting && !connection.isBlocked) this.#write(connection);
      if (!connection.isClosed) this.#announce(connection);
    }
    this.#dirty.length = 0;
    this.#out = this.#outbox;
    if (n === count) {
      this.#blockedSince = -1;
      return Infinity;
    }
    if (this.#blockedSince < 0) this.#blockedSince = performance.now();
    // Returning a time keeps the lane from calling again at once. `wake` is called when there is room before
    // that.
    return now + BLOCKED_MS;
  }

  /** Takes one frame. Returns false if its stream has no room: the frame then stays in the inbox. */
  #take(row: number, skipHeaders: number, skipTrailers: number): boolean {
    const frames = this.#frames;
    const { bytes, partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const network = partWords[first]! & PROTOCOL;
    const isIpv4 = network === this.#ipv4;
    // Extension headers may occur between.
    let part = first + PART_WORDS;
    while (part < last && (partWords[part]! & KIND) !== this.#tcp) part += PART_WORDS;
    if (
      frames.messageIds[row] !== 0 ||
      part > last ||
      !(isIpv4 || network === this.#ipv6) ||
      (partWords[part]! & KIND) !== this.#tcp
    )
      return this.#drop(row, 'not-tcp');
    const ip = partWords[first + 1]!;
    const tcp = partWords[part + 1]!;
    const end = partWords[last + 1]! + partWords[last + 2]!;
    const header = (bytes[tcp + 12]! >>> 4) * 4;
    if (end - tcp < 20 || header < 20 || header > end - tcp || tcp - ip < (isIpv4 ? 20 : 40))
      return this.#drop(row, 'malformed');
    let payload = end - tcp - header;
    if ((partWords[first]! & UNFINISHED) === 0) {
      // Bytes behind the stated length are padding.
      const stated = isIpv4
        ? (bytes[ip + 2]! << 8) | bytes[ip + 3]!
        : 40 + ((bytes[ip + 4]! << 8) | bytes[ip + 5]!);
      if (stated < tcp - ip + header || stated > end - ip) return this.#drop(row, 'malformed');
      payload = stated - (tcp - ip) - header;
    }
    const flags = bytes[tcp + 13]!;
    this.#table.setKey(bytes, tcp, tcp + 2, ip + (isIpv4 ? 16 : 24), isIpv4);
    const connection = this.#table.find();
    if (connection === undefined) {
      if ((flags & (SYN | ACK | RST)) !== SYN) {
        if ((flags & RST) === 0) this.refuse(ip, tcp, isIpv4);
        return this.#drop(row, payload > 0 ? 'not-connected' : 'control');
      }
      const reason = this.#owner.open(ip, tcp, isIpv4);
      if (reason !== '') {
        this.refuse(ip, tcp, isIpv4);
        return this.#drop(row, reason);
      }
      const opened = this.#table.find();
      if (opened !== undefined) this.#learnCredit(opened, tcp, flags);
      return this.#drop(row, 'control');
    }
    if ((flags & RST) !== 0) {
      this.close(connection, 'reset', true);
      return this.#drop(row, 'control');
    }
    if (payload > 0 && connection.wantsEnd) return this.#drop(row, 'after-end');
    if (payload > 0 && !this.#queues.hasRoom(connection, row)) return false;
    this.#learnCredit(connection, tcp, flags);
    if (connection.isAwaited) {
      connection.isAwaited = false;
      this.#owner.accepted?.(connection);
      if (connection.isClosed) return this.#drop(row, payload > 0 ? 'not-connected' : 'control');
    }
    if ((flags & FIN) !== 0 && !connection.wantsEnd) {
      connection.wantsEnd = true;
      // The end takes a sequence number too, as in TCP.
      connection.taken = (connection.taken + 1) | 0;
    }
    if (payload > 0) {
      connection.taken = (connection.taken + payload) | 0;
      this.#queues.add(connection, row, tcp + header, payload);
    } else {
      this.#drop(row, 'control');
    }
    if ((payload > 0 || connection.wantsEnd) && !connection.isDirty) {
      connection.isDirty = true;
      this.#dirty.push(connection);
    }
    return true;
  }

  /** A neighbour that opens, or accepts, with a window in its frame grants credit from then on. */
  #learnCredit(connection: Connection, tcp: number, flags: number): void {
    const { bytes } = this.#frames;
    const window = (bytes[tcp + 14]! << 8) | bytes[tcp + 15]!;
    if ((flags & SYN) !== 0) {
      connection.hasCredit = window > 0;
      connection.limit = connection.next + window;
      // The stream in the other direction may have begun already.
      if ((flags & ACK) === 0) return;
    }
    if (!connection.hasCredit || (flags & ACK) === 0) return;
    const acknowledged =
      (bytes[tcp + 8]! << 24) | (bytes[tcp + 9]! << 16) | (bytes[tcp + 10]! << 8) | bytes[tcp + 11]!;
    const limit = (acknowledged + window) | 0;
    // An acknowledgement beyond all sent bytes, or one that would take credit back, is ignored.
    if (((limit - connection.limit) | 0) <= 0 || ((connection.next - acknowledged) | 0) < 0) return;
    connection.limit = limit;
    if (!connection.isWaiting) this.#poll(connection);
  }

  #drop(row: number, reason: string): true {
    this.#frames.release(row);
    this.#context.count(reason, 1);
    return true;
  }

  /** Writes the waiting frames, as far as the system takes them, and then the end. */
  #write(connection: Connection): void {
    const queues = this.#queues;
    const io = this.#io;
    connection.isBlocked = false;
    while (connection.firstRow >= 0) {
      const count = queues.stage(connection, this.#outAddresses, this.#outLengths);
      const written = io.writeStream(connection.out, count);
      if (written < 0 && written !== -EAGAIN) {
        this.#fail(connection, -written);
        return;
      }
      if (written > 0) {
        connection.progressAt = performance.now();
        if (queues.written(connection, written)) continue;
      }
      connection.isBlocked = true;
      this.#watchStalls();
      break;
    }
    if (connection.firstRow < 0 && connection.wantsEnd && !connection.hasEnded) {
      connection.hasEnded = true;
      if (connection.isLent) {
        // A line has no end of one direction.
        if (!connection.hasReadEnd) this.notify(connection, FIN | ACK);
        connection.hasReadEnd = true;
      } else {
        io.endStream(connection.out);
        // Where each direction has its own descriptor, closing is its end.
        if (connection.out !== connection.channel) this.#closeOut(connection, false);
      }
      if (connection.hasReadEnd) {
        this.close(connection, 'closed', false);
        return;
      }
    }
    this.#poll(connection);
  }

  /** Announces room to a neighbour that grants credit itself, when half of its share is free again. */
  #announce(connection: Connection): void {
    if (!connection.hasCredit || connection.isWaiting) return;
    const limit = (connection.taken + this.#windowOf(connection)) | 0;
    if (((limit - connection.announced) | 0) >= this.#queues.share >>> 1) this.notify(connection, ACK);
  }

  /** An error of the system ends a stream: the neighbour gets a reset. */
  #fail(connection: Connection, error: number): void {
    connection.isBroken = true;
    this.notify(connection, RST | ACK);
    this.close(connection, error === ETIMEDOUT ? 'timed-out' : 'reset', true);
  }

  /**
   * Resets streams that make no progress while another frame waits for room: one slow reader delays all
   * others.
   */
  #watchStalls(): void {
    this.#stallTimer ??= setInterval(
      () => {
        const now = performance.now();
        let isNeeded = this.#blockedSince >= 0;
        for (const connection of this.all) {
          if (!connection.isBlocked) continue;
          isNeeded = true;
          const stalled = now - Math.max(connection.progressAt, this.#blockedSince);
          if (this.#blockedSince < 0 || stalled < this.#patienceMs) continue;
          this.#context.log('warn', 'a connection is reset because its peer takes nothing while others wait');
          this.notify(connection, RST | ACK);
          this.close(connection, 'slow-reader', true);
        }
        this.deliver();
        if (isNeeded) return;
        clearInterval(this.#stallTimer);
        this.#stallTimer = undefined;
      },
      Math.max(10, this.#patienceMs / 4),
    ).unref();
  }

  // To the lane.

  #onEvents(channel: number, events: number): void {
    const connection = this.#byChannel.get(channel);
    if (connection === undefined) {
      this.#owner.listenerReady(channel, events);
    } else if (connection.isOpening) {
      this.#owner.connected(connection, this.#io.streamError(channel));
    } else {
      if ((events & WRITABLE) !== 0 && connection.firstRow >= 0) {
        this.#write(connection);
        if (!connection.isClosed) this.#announce(connection);
        if (this.#blockedSince >= 0) this.#context.wake();
      }
      if ((events & READABLE) !== 0 && !connection.isClosed) this.#read(connection);
      if (!connection.isClosed) this.#poll(connection);
    }
    this.deliver();
  }

  #canRead(connection: Connection): boolean {
    return (
      this.#edge >= 0 &&
      this.#isReady &&
      !connection.isWaiting &&
      !connection.hasReadEnd &&
      !connection.isStarved &&
      connection.credit > 0
    );
  }

  #poll(connection: Connection): void {
    if (connection.isClosed) return;
    const { channel, out } = connection;
    const reads = this.#canRead(connection) ? READABLE : 0;
    const writes = connection.isOpening || connection.isBlocked ? WRITABLE : 0;
    if (channel === out) {
      this.#io.poll(channel, reads | writes);
      return;
    }
    if (channel >= 0) this.#io.poll(channel, reads);
    if (out >= 0) this.#io.poll(out, writes);
  }

  /** Reads up to the bytes for which the lane has rows and the neighbour has granted credit. */
  #read(connection: Connection): void {
    if (!this.#canRead(connection)) return;
    const frames = this.#frames;
    const header = connection.header.length;
    const wanted = connection.slots;
    const spare = frames.freeRows - SPARE_ROWS;
    let slots = 0;
    for (; slots < wanted && slots < spare; slots++) {
      const row = frames.allocate(READ_ROOM);
      if (row < 0) break;
      this.#rows[slots] = row;
      this.#addresses[slots] = frames.start[row]! + header;
      this.#lengths[slots] = READ_ROOM - header;
    }
    if (slots === 0) {
      this.#starve(connection);
      return;
    }
    const got = this.#io.readStream(connection.channel, slots, connection.credit);
    let left = Math.max(0, got);
    const room = READ_ROOM - header;
    let used = 0;
    for (; left > 0; used++) {
      const length = Math.min(left, room);
      left -= length;
      this.#push(connection, this.#rows[used]!, length, left === 0 ? PSH | ACK : ACK);
    }
    for (let n = used; n < slots; n++) frames.release(this.#rows[n]!);
    connection.slots = used === wanted ? Math.min(SLOTS, wanted * 4) : Math.max(2, used + 1);
    if (got === 0) this.#readEnd(connection);
    else if (got < 0 && got !== -EAGAIN) {
      // A terminal, or a pty, reports this error when its other side hangs up.
      if (got === -EIO) this.#readEnd(connection);
      else this.#fail(connection, -got);
    }
  }

  /**
   * Handles the end of the peer's direction. The other direction continues, unless the settings forbid it.
   */
  #readEnd(connection: Connection): void {
    connection.hasReadEnd = connection.isBroken = true;
    this.notify(connection, FIN | ACK);
    if (!this.#halfClose) connection.wantsEnd = true;
    if (connection.hasEnded) this.close(connection, 'closed', false);
    else if (connection.wantsEnd) this.#write(connection);
  }

  #starve(connection: Connection): void {
    connection.isStarved = true;
    this.#starved.add(connection);
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      const waiting = [...this.#starved];
      this.#starved.clear();
      for (const each of waiting) {
        each.isStarved = false;
        const flags = each.owedFlags;
        each.owedFlags = 0;
        if (flags !== 0) this.notify(each, flags);
        this.#poll(each);
      }
      this.deliver();
    }, RETRY_MS);
  }

  /** Writes the headers and parts of a row, and pushes it. The payload follows the headers. */
  #push(connection: Connection, row: number, payload: number, flags: number): void {
    const { bytes, start } = this.#frames;
    const at = start[row]!;
    const { header, isIpv4 } = connection;
    for (let i = 0; i < header.length; i++) bytes[at + i] = header[i]!;
    const window = this.#windowOf(connection);
    connection.announced = (connection.taken + window) | 0;
    const sequence = (flags & SYN) !== 0 ? 0 : connection.next;
    this.#finish(row, at, isIpv4, payload, sequence, connection.taken, flags, window);
    connection.next = (connection.next + payload + ((flags & FIN) !== 0 ? 1 : 0)) | 0;
  }

  #windowOf({ queuedBytes }: Connection): number {
    return Math.max(0, this.#queues.share - queuedBytes);
  }

  #finish(
    row: number,
    at: number,
    isIpv4: boolean,
    payload: number,
    sequence: number,
    acknowledgement: number,
    flags: number,
    window: number,
  ): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const tcp = at + (isIpv4 ? 20 : 40);
    const total = tcp + 20 + payload - at;
    if (isIpv4) put16(bytes, at + 2, total);
    else put16(bytes, at + 4, total - 40);
    put32(bytes, tcp + 4, sequence);
    put32(bytes, tcp + 8, (flags & ACK) !== 0 ? acknowledgement : 0);
    bytes[tcp + 13] = flags;
    put16(bytes, tcp + 14, window);
    frames.length[row] = total;
    frames.addPart(row, (isIpv4 ? this.#ipv4 : this.#ipv6) | UNFINISHED, at, tcp - at);
    frames.addPart(row, this.#tcp | UNFINISHED, tcp, 20);
    if (payload > 0) frames.addPart(row, PAYLOAD, tcp + 20, payload);
    if (this.#edge < 0) frames.release(row);
    else this.#out.push(row, this.#edge, 0);
  }
}

/** In a part's first word: protocol and role; the protocol alone. */
const KIND = 0xff_ffff;
const PROTOCOL = 0xffff;
const PAYLOAD = Role.payload << 16;
const UNFINISHED = PartMarks.unfinished << 24;
/** The most rows that one call fills, or writes. */
const SLOTS = 32;
const READ_ROOM = SMALL_ROOM - HEADROOM - TAILROOM;
/** The rows that reading leaves to the rest of the lane, for example for its replies. */
const SPARE_ROWS = 256;
const RETRY_MS = 10;
const BLOCKED_MS = 1000;
const EIO = 5;
const EAGAIN = 11;
const ETIMEDOUT = 110;
