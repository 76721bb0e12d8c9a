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
    this.incoming.close();
    return this.outgoing.close();
  }

  /** When something is to be done. */
  get next(): f64 {
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
