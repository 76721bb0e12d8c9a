import { STATE_BYTES, State } from 'funnel-tunnel/as';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Configuration } from './configuration';
import { AssociationState, DATA_HEADER, Feature, I_DATA_HEADER } from './constants';
import { Incoming } from './incoming';
import { Outgoing } from './outgoing';
import { Path } from './path';
import { Reconfiguration, ResetState } from './reconfiguration';

/** The most addresses of a peer that are used. */
export const MOST_PATHS: i32 = 4;
/** The longest cookie of a peer that the piece echoes. */
export const MOST_COOKIE: u32 = 8192;

/** An association: the TCB of RFC 9260 §14.2. */
export class Association {
  state: i32 = AssociationState.closed;
  localPort: u32 = 0;
  peerPort: u32 = 0;
  /** The tag of packets to us, and that of packets to the peer; 0 if it is not known yet. */
  localTag: u32 = 0;
  peerTag: u32 = 0;
  /** Nonces that identify the cookie of a peer that restarted (RFC 9260 §5.2.2); 0 before they are needed. */
  localTieTag: u32 = 0;
  peerTieTag: u32 = 0;
  initialTsn: u32 = 0;
  /** The extensions that the peer supports, too: bits of `Feature`. */
  features: u32 = 0;

  readonly paths: StaticArray<Path> = new StaticArray<Path>(MOST_PATHS);
  pathCount: i32 = 0;
  /** The path of data as long as it is active. */
  primary: i32 = 0;

  readonly outgoing: Outgoing = new Outgoing();
  readonly incoming: Incoming = new Incoming();
  readonly reconfiguration: Reconfiguration = new Reconfiguration();

  /** T1-init, T1-cookie or T2-shutdown, as the state requires. */
  timer: f64 = Infinity;
  /** The number of times that this timer sent its chunk again. */
  repeats: i32 = 0;
  /** T5-shutdown-guard. */
  guard: f64 = Infinity;
  /** Time-outs in a row, on all paths (RFC 9260 §8.1). */
  errors: i32 = 0;
  /** The upper layer has requested a shutdown after all data is sent. */
  isClosing: bool = false;

  readonly cookie: usize = heap.alloc(MOST_COOKIE);
  cookieLength: u32 = 0;
  /** The state of the previous instance did not hold all of it. */
  isLost: bool = false;
  /** The peer reported that our cookie was stale, and we requested more time once. */
  staleCookies: i32 = 0;

  constructor() {
    for (let i = 0; i < MOST_PATHS; i++) this.paths[i] = new Path();
  }

  get isOpen(): bool {
    return this.state >= AssociationState.established;
  }

  /** Whether messages may be given up after they were sent. */
  get isPartial(): bool {
    return (this.features & Feature.partial) != 0;
  }

  /** Whether messages go in I-DATA chunks (RFC 8260). */
  get isInterleaved(): bool {
    return (this.features & Feature.interleaving) != 0;
  }

  /** Whether a message that comes now must wait for the reset of its stream, as the first one. */
  isBehindReset(sid: u32): bool {
    return this.reconfiguration.resets[sid] != ResetState.none && !this.outgoing.queue.hasBarrier(sid);
  }

  /** Whether data may be sent (RFC 9260 §6). */
  get maySend(): bool {
    const state = this.state;
    return (
      state == AssociationState.established ||
      state == AssociationState.shutdownPending ||
      state == AssociationState.shutdownReceived
    );
  }

  /** Whether data may be received (RFC 9260 §6). */
  get mayReceive(): bool {
    const state = this.state;
    return (
      state == AssociationState.established ||
      state == AssociationState.shutdownPending ||
      state == AssociationState.shutdownSent
    );
  }

  /** Whether the upper layer may send new messages. */
  get takesMessages(): bool {
    return (
      !this.isClosing && this.state != AssociationState.closed && this.state <= AssociationState.established
    );
  }

  /** The present path of data: the primary one, or another while that is inactive (RFC 9260 §6.4). */
  get current(): Path {
    const primary = this.paths[this.primary];
    if (primary.isActive && primary.isConfirmed) return primary;
    for (let i = 0; i < this.pathCount; i++) {
      const path = this.paths[i];
      if (path.isActive && path.isConfirmed) return path;
    }
    return primary;
  }

  /** Another active path than this one, or the same if there is none (RFC 9260 §6.4.1). */
  alternateTo(index: i32): i32 {
    for (let n = 1; n < this.pathCount; n++) {
      const other = (index + n) % this.pathCount;
      if (this.paths[other].isActive && this.paths[other].isConfirmed) return other;
    }
    return index;
  }

  /** The path to an address, whatever its UDP port; -1 if there is none. */
  pathTo(address: Endpoint): i32 {
    for (let i = 0; i < this.pathCount; i++) {
      const remote = this.paths[i].remote;
      if (remote.low == address.low && remote.high == address.high && remote.isIpv6 == address.isIpv6)
        return i;
    }
    return -1;
  }

  addPath(remote: Endpoint, local: Endpoint, isConfirmed: bool): void {
    if (this.pathCount == MOST_PATHS || this.pathTo(remote) >= 0) return;
    this.paths[this.pathCount++].open(remote, local, isConfirmed);
  }

  /** Bytes of user data in the largest fragment: it fits every path. */
  get mostInFragment(): u32 {
    let most = this.paths[0].maxDataChunk;
    for (let i = 1; i < this.pathCount; i++) most = min(most, this.paths[i].maxDataChunk);
    // Before the peer is known, the larger header counts.
    const isLarge = this.isOpen ? this.isInterleaved : Configuration.hasInterleaving;
    return most - (isLarge ? I_DATA_HEADER : DATA_HEADER);
  }

  /** Clears all fields. Returns the number of undelivered messages. */
  close(): u32 {
    this.state = AssociationState.closed;
    this.localTag = 0;
    this.peerTag = 0;
    this.localTieTag = 0;
    this.peerTieTag = 0;
    this.pathCount = 0;
    this.primary = 0;
    this.timer = Infinity;
    this.guard = Infinity;
    this.repeats = 0;
    this.errors = 0;
    this.isClosing = false;
    this.features = 0;
    this.cookieLength = 0;
    this.staleCookies = 0;
    this.isLost = false;
    this.incoming.close();
    this.reconfiguration.close();
    return this.outgoing.close();
  }

  /** An upper bound of the number of bytes in the state. */
  get stateBytes(): u32 {
    const fixed: u32 = 2048 + 160 * <u32>MOST_PATHS + 12 * Configuration.streams;
    return (
      fixed +
      this.cookieLength +
      this.outgoing.stateBytes +
      this.incoming.stateBytes +
      this.reconfiguration.stateBytes
    );
  }

  /** The part that aborting needs. Only this is saved if there is no room for more. */
  stateOfIdentity(state: State): void {
    this.state = <i32>state.u8(<u8>this.state);
    this.localPort = state.u32(this.localPort);
    this.peerPort = state.u32(this.peerPort);
    this.localTag = state.u32(this.localTag);
    this.peerTag = state.u32(this.peerTag);
    this.pathCount = state.count(this.pathCount, MOST_PATHS);
    this.primary = state.count(this.primary, max(0, this.pathCount - 1));
    for (let i = 0; i < this.pathCount; i++) this.paths[i].state(state);
    if (!state.isRestoring) return;
    const isPossible = this.state > AssociationState.closed && this.state <= AssociationState.shutdownAckSent;
    if (!isPossible || this.pathCount == 0) state.refuse('the state of an association is impossible');
  }

  stateOfAll(state: State): void {
    this.localTieTag = state.u32(this.localTieTag);
    this.peerTieTag = state.u32(this.peerTieTag);
    this.initialTsn = state.u32(this.initialTsn);
    this.features = state.u32(this.features);
    this.timer = state.instant(this.timer);
    this.repeats = state.i32(this.repeats);
    this.guard = state.instant(this.guard);
    this.errors = state.i32(this.errors);
    this.isClosing = state.bool(this.isClosing);
    this.staleCookies = state.i32(this.staleCookies);
    this.cookieLength = <u32>state.count(<i32>this.cookieLength, <i32>MOST_COOKIE);
    state.bytes(this.cookie, <i32>this.cookieLength);
    this.outgoing.state(state);
    this.incoming.state(state);
    this.reconfiguration.state(state);
  }

  /** When a timer is due. */
  get next(): f64 {
    if (this.isLost) return -Infinity;
    let next = min(min(this.timer, this.guard), min(this.incoming.sackAt, this.reconfiguration.timer));
    if (this.maySend) next = min(next, this.outgoing.reviewAt);
    for (let i = 0; i < this.pathCount; i++)
      next = min(next, min(this.paths[i].t3, this.paths[i].heartbeatAt));
    return next;
  }
}

/** All associations of the piece. */
export abstract class Associations {
  static all: StaticArray<Association> = new StaticArray<Association>(0);

  static start(): void {
    Associations.all = new StaticArray<Association>(Configuration.associations);
    for (let i = 0; i < Configuration.associations; i++) Associations.all[i] = new Association();
  }

  /**
   * Saves or restores all associations. If the data of one does not fit into the state of a piece, it saves
   * only what the next instance needs to abort it.
   */
  static state(state: State): void {
    let left: u32 = <u32>STATE_BYTES - 1024 * (1 + <u32>Configuration.associations);
    let next = 0;
    while (true) {
      if (!state.isRestoring)
        while (next < Configuration.associations && Associations.all[next].state == AssociationState.closed)
          next++;
      const isAny = state.bool(next < Configuration.associations);
      if (!isAny) return;
      if (next == Configuration.associations) {
        state.refuse('the state holds more than associations');
        return;
      }
      const each = Associations.all[next++];
      const bytes: u32 = state.isRestoring ? 0 : each.stateBytes;
      const isWhole = state.bool(bytes <= left && !each.isLost);
      each.stateOfIdentity(state);
      if (isWhole) each.stateOfAll(state);
      else if (state.isRestoring) each.isLost = true;
      if (isWhole) left -= bytes;
    }
  }

  /** The association between two ports, with a peer that has this address; null if there is none. */
  static find(localPort: u32, peerPort: u32, address: Endpoint): Association | null {
    for (let i = 0; i < Configuration.associations; i++) {
      const each = Associations.all[i];
      if (each.state == AssociationState.closed || each.localPort != localPort || each.peerPort != peerPort)
        continue;
      if (each.pathTo(address) >= 0) return each;
    }
    return null;
  }

  /** A free association; null if all are in use. */
  static free(): Association | null {
    for (let i = 0; i < Configuration.associations; i++) {
      if (Associations.all[i].state == AssociationState.closed) return Associations.all[i];
    }
    return null;
  }
}
