// Lines `m=` of the dialogs: what was agreed on each, its keys, and its places on both sides.

import { State } from 'funnel-tunnel/as';
import {
  copyEndpoint,
  ENDPOINT_BYTES,
  isNullAddress,
  portOf,
  sameAddress,
} from '../../sipproxy64/assembly/endpoint';
import { KeyParams } from '../../srtp/assembly/key-params';
import { Receiver } from '../../srtp/assembly/receiver';
import { SUITES } from '../../srtp/assembly/suite';
import { Configuration } from './configuration';
import { params } from './crypto-line';
import { LineTables } from './line-table';
import { NO_KEYS, NO_SENDER, OwnKeys } from './own-keys';
import { Places } from './places';
import { PLAIN, PROTECTED } from './sides';
import { suiteFor } from './suites';
import { SealedKey, Vault } from './vault';

export const NO_LINE: i32 = -1;
/** The keys of the line stand in descriptions, or it has none. */
export const NO_AGREEMENT: i32 = -1;

/** The handling of the media of a line. */
export const enum Mode {
  /** Nothing was said of it. */
  none,
  /** It will be protected, once the offer is answered. */
  pending,
  secured,
  /** It passes unchanged. */
  clear,
  /** It was refused, or has ended. */
  off,
}

/** The handling that an offer without an answer wants for a line. */
export const enum Intent {
  none,
  protect,
  /** It passes unchanged: in the clear, or protected by the two ends themselves. */
  pass,
  off,
}

/** How the protected side's description says that a line is protected. */
export const enum Form {
  /** RTP/SAVP with keys. */
  savp,
  /** RTP/AVP with keys (RFC 8643). */
  osrtp,
  /** RTP/AVP with RTP/SAVP as a capability (RFC 5939). */
  capability,
  /** UDP/TLS/RTP/SAVP. */
  dtls,
}

export class Line {
  isUsed: bool = false;
  dialog: i32 = -1;
  /** The number of the line in the plain side's description. */
  number: i32 = 0;
  next: i32 = NO_LINE;
  mode: Mode = Mode.none;
  intent: Intent = Intent.none;
  /** The result of the last answer. */
  agreed: Intent = Intent.none;
  form: Form = Form.savp;
  /** The protected side took the line of RTP/AVP behind the others. */
  onExtra: bool = false;
  /** It was protected in this call, so it never goes in the clear any more. */
  wasProtected: bool = false;
  /** RTP and RTCP of the plain side, and of the protected side; then those of an offer. */
  places: usize = heap.alloc(6 * ENDPOINT_BYTES);
  isPlaced: StaticArray<bool> = [false, false];
  offeredBy: i32 = -1;
  /** A set of keys of our own. */
  keys: i32 = NO_KEYS;
  sender: i32 = NO_SENDER;
  receiver: Receiver;
  /** The number of the agreement in the media path that brings its keys. */
  agreement: i32 = NO_AGREEMENT;
  /** The key of the peer, and the one in its offer. */
  peer: SealedKey = new SealedKey();
  offered: SealedKey = new SealedKey();
  /** The tag of the offered line, and whether it has the older name of the suite. */
  tag: i32 = 0;
  hasAlias: bool = false;
  /** The numbers of a capability that was chosen: of its configuration, its protocol and its attribute. */
  configuration: i32 = 0;
  protocol: i32 = 0;
  attribute: i32 = 0;
  /** The protected side has RTP/SAVP where the plain side has RTP/AVP. */
  converts: bool = false;
  /** The time at which the peer's key changed. */
  rekeyedAt: f64 = Infinity;

  constructor(public id: i32) {
    this.receiver = new Receiver(Configuration.contexts, Configuration.window);
    this.receiver.makeRoom();
  }

  begin(dialog: i32, number: i32, next: i32): void {
    this.isUsed = true;
    this.dialog = dialog;
    this.number = number;
    this.next = next;
    this.mode = Mode.none;
    this.intent = Intent.none;
    this.agreed = Intent.none;
    this.form = Form.savp;
    this.onExtra = false;
    this.wasProtected = false;
    this.isPlaced[0] = this.isPlaced[1] = false;
    memory.fill(this.places, 0, 6 * ENDPOINT_BYTES);
    this.offeredBy = -1;
    this.keys = NO_KEYS;
    this.sender = NO_SENDER;
    this.tag = 0;
    this.hasAlias = false;
    this.converts = false;
    this.agreement = NO_AGREEMENT;
    this.rekeyedAt = Infinity;
  }

  end(): void {
    this.unplace(0);
    this.unplace(1);
    this.receiver.close();
    this.peer.clear();
    this.offered.clear();
    OwnKeys.drop(this.keys);
    LineTables.end(this.id);
    this.keys = NO_KEYS;
    this.sender = NO_SENDER;
    this.isUsed = false;
  }

  /** The line of a fork: the offer, and what it wants, hold for it too. */
  copyOffer(from: Line): void {
    this.mode = from.mode;
    this.intent = from.intent;
    this.form = from.form;
    this.offeredBy = from.offeredBy;
    this.keys = OwnKeys.share(from.keys);
    this.offered.copy(from.offered);
    this.tag = from.tag;
    this.hasAlias = from.hasAlias;
    this.configuration = from.configuration;
    this.protocol = from.protocol;
    this.attribute = from.attribute;
    this.converts = from.converts;
    this.onExtra = from.onExtra;
    this.agreement = from.agreement;
    LineTables.fork(from.id, this.id);
    memory.copy(this.offer(0), from.offer(0), 2 * ENDPOINT_BYTES);
    if (this.offeredBy >= 0) this.place(this.offeredBy, this.offer(0), this.offer(1));
  }

  /** The address of RTP (0) or RTCP (1) of a side. */
  @inline placeOf(side: i32, kind: i32): usize {
    return this.places + <usize>(side * 2 + kind) * ENDPOINT_BYTES;
  }

  @inline private offer(kind: i32): usize {
    return this.places + <usize>(4 + kind) * ENDPOINT_BYTES;
  }

  /** Notes the place in an offer. A line that is new is there at once. */
  setOffer(side: i32, rtp: usize, rtcp: usize): void {
    copyEndpoint(this.offer(0), rtp);
    copyEndpoint(this.offer(1), rtcp);
    this.offeredBy = side;
    if (!this.isPlaced[side]) this.place(side, rtp, rtcp);
  }

  /** The offer was answered, from this place. */
  settle(side: i32, rtp: usize, rtcp: usize): void {
    this.place(side, rtp, rtcp);
    if (this.offeredBy == 1 - side) this.place(this.offeredBy, this.offer(0), this.offer(1));
  }

  /** The offer was refused. */
  goBack(): void {
    this.intent = this.agreed;
    this.offeredBy = -1;
    this.offered.clear();
  }

  /** Whether the protected side is in another place than that of the offer or answer. */
  moves(rtp: usize): bool {
    const known = this.placeOf(1, 0);
    return this.isPlaced[1] && !(sameAddress(known, rtp) && portOf(known) == portOf(rtp));
  }

  /** The place of the offer. */
  get offeredRtp(): usize {
    return this.offer(0);
  }

  /** Sets the place of a side. A null address is a hold, which changes no place (RFC 3264 §8.4). */
  private place(side: i32, rtp: usize, rtcp: usize): void {
    if (portOf(rtp) == 0 || isNullAddress(rtp)) return;
    this.unplace(side);
    copyEndpoint(this.placeOf(side, 0), rtp);
    copyEndpoint(this.placeOf(side, 1), rtcp);
    this.isPlaced[side] = true;
    Places.add(this.id, side, 0, portOf(rtp));
    if (portOf(rtcp) != portOf(rtp)) Places.add(this.id, side, 1, portOf(rtcp));
  }

  private unplace(side: i32): void {
    if (!this.isPlaced[side]) return;
    const rtp = this.placeOf(side, 0);
    const rtcp = this.placeOf(side, 1);
    Places.remove(this.id, side, 0, portOf(rtp));
    if (portOf(rtcp) != portOf(rtp)) Places.remove(this.id, side, 1, portOf(rtcp));
    this.isPlaced[side] = false;
  }

  /** The peer's key, which is sealed in `peer`, holds from now on. False if there is no room for it. */
  private usePeer(now: f64, restarts: bool): bool {
    if (!Vault.open(this.peer, params)) return false;
    const isFirst = !this.receiver.keys[0].isReady;
    if (!this.receiver.rekey(params, suiteFor(this.peer.suite), restarts)) {
      params.erase();
      return false;
    }
    if (!isFirst) this.rekeyedAt = now;
    return true;
  }

  /**
   * Protects the line: with the peer's key, and with our own key for a suite. `rtp` is the place of the
   * protected side. False if there is no room for keys.
   */
  protect(now: f64, peer: SealedKey, suite: i32, rtp: usize): bool {
    const moved = this.moves(rtp);
    // After a state was restored, the former key is needed beside a new one.
    if (this.mode == Mode.secured) this.isReady(PROTECTED);
    if (peer.digest != this.peer.digest || !this.isReady(PROTECTED)) {
      this.peer.copy(peer);
      if (!this.usePeer(now, moved)) return false;
    }
    const before = this.sender;
    const sender = OwnKeys.sender(this.keys, suite);
    if (sender == NO_SENDER) return false;
    if (before != NO_SENDER && before != sender && Configuration.continues && !moved)
      OwnKeys.at(sender).follow(OwnKeys.at(before));
    this.sender = sender;
    this.mode = Mode.secured;
    this.wasProtected = true;
    return true;
  }

  /**
   * Protects the line by keys that both sides agreed on in the media path. Packets under a former key of the
   * peer may still come. False if there is no room for keys; the keys are erased in either case.
   */
  agree(now: f64, suite: i32, own: KeyParams, peer: KeyParams): bool {
    const isFirst = !this.receiver.keys[0].isReady;
    this.keys = OwnKeys.alone(this.keys);
    const sender = this.keys == NO_KEYS ? NO_SENDER : OwnKeys.agreed(this.keys, suite, own);
    const isDone = sender != NO_SENDER && this.receiver.rekey(peer, SUITES[suite], false);
    own.erase();
    peer.erase();
    this.peer.clear();
    if (!isDone) return false;
    if (!isFirst) this.rekeyedAt = now;
    this.sender = sender;
    this.mode = Mode.secured;
    this.wasProtected = true;
    return true;
  }

  /**
   * Whether the media of a direction can be protected, or unprotected. After a state was restored, the keys
   * come back here. A key that cannot be opened is forgotten.
   */
  isReady(side: i32): bool {
    if (side == PLAIN) return this.sender != NO_SENDER && OwnKeys.isReady(this.keys, this.sender);
    if (this.receiver.keys[0].isReady) return true;
    if (Vault.open(this.peer, params)) return this.receiver.resume(params, suiteFor(this.peer.suite));
    this.peer.clear();
    return false;
  }

  state(state: State): void {
    this.dialog = state.i32(this.dialog);
    this.number = state.i32(this.number);
    this.next = state.i32(this.next);
    this.mode = <Mode>state.u8(<u8>this.mode);
    this.intent = <Intent>state.u8(<u8>this.intent);
    this.agreed = <Intent>state.u8(<u8>this.agreed);
    this.form = <Form>state.u8(<u8>this.form);
    this.onExtra = state.bool(this.onExtra);
    this.wasProtected = state.bool(this.wasProtected);
    this.offeredBy = state.i32(this.offeredBy);
    this.keys = state.i32(this.keys);
    this.sender = state.i32(this.sender);
    this.tag = state.i32(this.tag);
    this.hasAlias = state.bool(this.hasAlias);
    this.configuration = state.i32(this.configuration);
    this.protocol = state.i32(this.protocol);
    this.attribute = state.i32(this.attribute);
    this.converts = state.bool(this.converts);
    this.agreement = state.i32(this.agreement);
    const isPlain = state.bool(this.isPlaced[0]);
    const isProtected = state.bool(this.isPlaced[1]);
    state.bytes(this.places, <i32>(6 * ENDPOINT_BYTES));
    this.peer.state(state);
    this.offered.state(state);
    if (state.isRestoring) {
      this.isPlaced[0] = this.isPlaced[1] = false;
      if (isPlain) this.place(0, this.placeOf(0, 0), this.placeOf(0, 1));
      if (isProtected) this.place(1, this.placeOf(1, 0), this.placeOf(1, 1));
    }
    this.receiver.state(state);
  }
}

/** The time for which packets under a former key of the peer may come. */
const FORMER_MS: f64 = 10_000;

let lines: StaticArray<Line> = new StaticArray<Line>(0);
let firstFree: i32 = NO_LINE;
/** The number of `lines` that are there. */
let made: i32 = 0;

export abstract class Lines {
  /** Lines are made as calls need them, and stay: all of them at once would be too much work. */
  static start(most: i32): void {
    lines = new StaticArray<Line>(most);
    firstFree = NO_LINE;
    made = 0;
    Places.start(most);
  }

  @inline static at(id: i32): Line {
    return lines[id];
  }

  /** A new line of a dialog, in front of `next`; `NO_LINE` if there is no room. */
  static add(dialog: i32, number: i32, next: i32): i32 {
    let id = firstFree;
    if (id != NO_LINE) firstFree = lines[id].next;
    else id = make();
    if (id == NO_LINE) return NO_LINE;
    lines[id].begin(dialog, number, next);
    return id;
  }

  /** Ends a line; returns the next of its dialog. */
  static end(id: i32): i32 {
    const line = lines[id];
    const next = line.next;
    line.end();
    line.next = firstFree;
    firstFree = id;
    return next;
  }

  /** Ends former keys of a line whose time is over. */
  static sweep(now: f64, id: i32): void {
    const line = lines[id];
    if (now - line.rekeyedAt < FORMER_MS) return;
    line.rekeyedAt = Infinity;
    line.receiver.endFormer();
  }

  static state(state: State): void {
    const count = state.count(made, lines.length);
    for (let i = 0; i < count; i++) {
      if (i == made) make();
      lines[i].isUsed = state.bool(lines[i].isUsed);
      if (lines[i].isUsed) lines[i].state(state);
    }
    if (!state.isRestoring) return;
    firstFree = NO_LINE;
    for (let i = made - 1; i >= 0; i--) {
      if (lines[i].isUsed) continue;
      lines[i].next = firstFree;
      firstFree = i;
    }
  }
}

/** Makes one more line; `NO_LINE` if there are as many as there may be. */
function make(): i32 {
  if (made == lines.length) return NO_LINE;
  lines[made] = new Line(made);
  return made++;
}
