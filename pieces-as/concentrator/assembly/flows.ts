import { State } from 'funnel-tunnel/as';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Configuration } from './configuration';

/** A conversation of one client with one service. */
export class Flow {
  isOpen: bool = false;
  number: u32 = 0;
  usedAt: f64 = 0;
  /** The client of a flow that this side opened; the target of one that the far side opened. */
  readonly peer: Endpoint = new Endpoint();
  /**
   * The address and port to which the client sends, for a flow that this side opened. Otherwise our port; the
   * system chooses the address.
   */
  readonly own: Endpoint = new Endpoint();
  /** The next flow in the chains by number and by endpoints; -1 behind the last. */
  nextNumber: i32 = -1;
  nextPeer: i32 = -1;

  state(state: State): void {
    this.number = state.u32(this.number);
    this.usedAt = state.instant(this.usedAt);
    stateOf(this.peer, state);
    stateOf(this.own, state);
  }
}

/** Flows of one direction, found by number and by endpoints. Bounded by the setting `flows`. */
export class Flows {
  readonly all: StaticArray<Flow> = new StaticArray<Flow>(Configuration.flows);
  private readonly byNumber: StaticArray<i32> = new StaticArray<i32>(CHAINS);
  private readonly byPeer: StaticArray<i32> = new StaticArray<i32>(CHAINS);
  private count: i32 = 0;
  private lastPlace: i32 = 0;

  constructor() {
    for (let i = 0; i < Configuration.flows; i++) this.all[i] = new Flow();
    for (let i = 0; i < CHAINS; i++) {
      this.byNumber[i] = -1;
      this.byPeer[i] = -1;
    }
  }

  /** The index of the flow between these endpoints; -1 if there is none. */
  findPeer(peer: Endpoint, own: Endpoint): i32 {
    let i = this.byPeer[chainOf(peer, own)];
    while (i >= 0 && !(this.all[i].peer.equals(peer) && this.all[i].own.equals(own)))
      i = this.all[i].nextPeer;
    return i;
  }

  /** The index of the flow with this number; -1 if there is none. */
  findNumber(number: u32): i32 {
    let i = this.byNumber[number & (CHAINS - 1)];
    while (i >= 0 && this.all[i].number != number) i = this.all[i].nextNumber;
    return i;
  }

  /**
   * A free place; -1 if there is none. It is about the one that has been free for longest, so that late
   * datagrams for the port of an ended flow do not reach another flow.
   */
  place(): i32 {
    if (this.count == Configuration.flows) return -1;
    do this.lastPlace = (this.lastPlace + 1) % Configuration.flows;
    while (this.all[this.lastPlace].isOpen);
    return this.lastPlace;
  }

  /** Enters the flow at a place, which the caller has filled in, so that searches find it. */
  add(i: i32): void {
    const flow = this.all[i];
    const number = flow.number & (CHAINS - 1);
    const peer = chainOf(flow.peer, flow.own);
    flow.isOpen = true;
    flow.nextNumber = this.byNumber[number];
    flow.nextPeer = this.byPeer[peer];
    this.byNumber[number] = i;
    this.byPeer[peer] = i;
    this.count++;
  }

  remove(i: i32): void {
    const flow = this.all[i];
    const number = flow.number & (CHAINS - 1);
    if (this.byNumber[number] == i) {
      this.byNumber[number] = flow.nextNumber;
    } else {
      let before = this.byNumber[number];
      while (this.all[before].nextNumber != i) before = this.all[before].nextNumber;
      this.all[before].nextNumber = flow.nextNumber;
    }
    const peer = chainOf(flow.peer, flow.own);
    if (this.byPeer[peer] == i) {
      this.byPeer[peer] = flow.nextPeer;
    } else {
      let before = this.byPeer[peer];
      while (this.all[before].nextPeer != i) before = this.all[before].nextPeer;
      this.all[before].nextPeer = flow.nextPeer;
    }
    flow.isOpen = false;
    this.count--;
  }

  /** When the longest idle flow ends; infinity if there is none. */
  get next(): f64 {
    let next = Infinity;
    if (this.count == 0) return next;
    for (let i = 0; i < Configuration.flows; i++) {
      if (this.all[i].isOpen) next = min(next, this.all[i].usedAt + Configuration.idleMs);
    }
    return next;
  }

  state(state: State): void {
    const count = state.count(this.count, Configuration.flows);
    let i = 0;
    for (let n = 0; n < count; n++, i++) {
      if (!state.isRestoring) while (!this.all[i].isOpen) i++;
      // The place is also the port of a flow that the far side opened.
      const place = state.count(i, Configuration.flows - 1);
      if (state.isRestoring && this.all[place].isOpen) {
        state.refuse('two flows have one place');
        return;
      }
      this.all[place].state(state);
      if (state.isRestoring) this.add(place);
    }
  }
}

const CHAINS: i32 = 1024;

function chainOf(peer: Endpoint, own: Endpoint): i32 {
  const low = (peer.low ^ (peer.high << 1)) + (((<u64>peer.port) << 32) | own.port);
  return <i32>((low * 0x9e37_79b9_7f4a_7c15) >> 54);
}

export function stateOf(endpoint: Endpoint, state: State): void {
  endpoint.isIpv6 = state.bool(endpoint.isIpv6);
  endpoint.high = state.u64(endpoint.high);
  endpoint.low = state.u64(endpoint.low);
  endpoint.port = state.u32(endpoint.port);
}
