import { STATE_BYTES, State } from 'funnel-tunnel/as';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Configuration } from './configuration';
import { AssociationState } from './constants';
import { Incoming } from './incoming';
import { Outgoing } from './outgoing';
import { Path } from './path';

/** Addresses of a peer that are used. */
export const MOST_PATHS: i32 = 4;
/** The longest cookie of a peer that is echoed. */
export const MOST_COOKIE: u32 = 8192;

/** An association: the TCB of RFC 9260 §14.2. */
export class Association {
  state: i32 = AssociationState.closed;
  localPort: u32 = 0;
  peerPort: u32 = 0;
  /** The tag that packets to us carry, and that of packets to the peer; 0 where it is not known yet. */
  localTag: u32 = 0;
  peerTag: u32 = 0;
  /** Nonces by which the cookie of a peer that came anew is known (RFC 9260 §5.2.2); 0 before they are needed. */
  localTieTag: u32 = 0;
  peerTieTag: u32 = 0;
  initialTsn: u32 = 0;

  readonly paths: StaticArray<Path> = new StaticArray<Path>(MOST_PATHS);
  pathCount: i32 = 0;
  /** The path that data takes as long as it is active. */
  primary: i32 = 0;

  readonly outgoing: Outgoing = new Outgoing();
  readonly incoming: Incoming = new Incoming();

  /** T1-init, T1-cookie or T2-shutdown, whichever the state wants. */
  timer: f64 = Infinity;
  /** How often what it repeats was sent again. */
  repeats: i32 = 0;
  /** T5-shutdown-guard. */
  guard: f64 = Infinity;
  /** Time-outs in a row, on all paths (RFC 9260 §8.1). */
  errors: i32 = 0;
  /** The upper layer wants the association closed once all is sent. */
  isClosing: bool = false;

  readonly cookie: usize = heap.alloc(MOST_COOKIE);
  cookieLength: u32 = 0;
  /** It could not be taken over from the instance before. */
  isLost: bool = false;
  /** The peer said that our cookie was stale, and we asked for more time once. */
  staleCookies: i32 = 0;

  constructor() {
    for (let i = 0; i < MOST_PATHS; i++) this.paths[i] = new Path();
  }

  get isOpen(): bool {
    return this.state >= AssociationState.established;
  }

  /** Data may be sent (RFC 9260 §6). */
  get maySend(): bool {
    const state = this.state;
    return (
      state == AssociationState.established ||
      state == AssociationState.shutdownPending ||
      state == AssociationState.shutdownReceived
    );
  }

  /** Data may be received (RFC 9260 §6). */
  get mayReceive(): bool {
    const state = this.state;
    return (
      state == AssociationState.established ||
      state == AssociationState.shutdownPending ||
      state == AssociationState.shutdownSent
    );
  }

  /** New messages are taken from the upper layer. */
  get takesMessages(): bool {
    return (
      !this.isClosing && this.state != AssociationState.closed && this.state <= AssociationState.established
    );
  }

  /** The path that data takes now: the primary one, or another while that is inactive (RFC 9260 §6.4). */
  get current(): Path {
    const primary = this.paths[this.primary];
    if (primary.isActive && primary.isConfirmed) return primary;
    for (let i = 0; i < this.pathCount; i++) {
      const path = this.paths[i];
      if (path.isActive && path.isConfirmed) return path;
    }
    return primary;
  }

  /** Another path than this one that is active, or the same where there is none (RFC 9260 §6.4.1). */
  alternateTo(index: i32): i32 {
    for (let n = 1; n < this.pathCount; n++) {
      const other = (index + n) % this.pathCount;
      if (this.paths[other].isActive && this.paths[other].isConfirmed) return other;
    }
    return index;
  }

  /** The path to an address, whatever its UDP port; -1 where there is none. */
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
    return most - 16;
  }

  /** Forgets everything. Returns how many messages were not delivered. */
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
    this.cookieLength = 0;
    this.staleCookies = 0;
    this.isLost = false;
    this.incoming.close();
    return this.outgoing.close();
  }

  /** Bytes of the state, or a few more. */
  get stateBytes(): u32 {
    const fixed: u32 = 2048 + 160 * <u32>MOST_PATHS + 4 * Configuration.streams;
    return fixed + this.cookieLength + this.outgoing.stateBytes + this.incoming.stateBytes;
  }

  /** What is needed to abort it: all that is kept where there is no room for more. */
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
    if (!isPossible || this.pathCount == 0) state.refuse('an association is in no state that can be');
  }

  stateOfAll(state: State): void {
    this.localTieTag = state.u32(this.localTieTag);
    this.peerTieTag = state.u32(this.peerTieTag);
    this.initialTsn = state.u32(this.initialTsn);
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
  }

  /** When something is to be done. */
  get next(): f64 {
    if (this.isLost) return -Infinity;
    let next = min(this.timer, min(this.guard, this.incoming.sackAt));
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
   * All that there are. Where the data of one does not fit into the state of a piece, only so much is kept that the
   * next instance can abort it.
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

  /** The association between two ports, of a peer with this address; null where there is none. */
  static find(localPort: u32, peerPort: u32, address: Endpoint): Association | null {
    for (let i = 0; i < Configuration.associations; i++) {
      const each = Associations.all[i];
      if (each.state == AssociationState.closed || each.localPort != localPort || each.peerPort != peerPort)
        continue;
      if (each.pathTo(address) >= 0) return each;
    }
    return null;
  }

  /** One that is not in use; null where all are. */
  static free(): Association | null {
    for (let i = 0; i < Configuration.associations; i++) {
      if (Associations.all[i].state == AssociationState.closed) return Associations.all[i];
    }
    return null;
  }
}
