import type { Piece as Description, Joining, Problem, Shape } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Protocols } from '../../stack/protocols.ts';

/** A native piece for tests: the test scripts its behaviour and reads its recorded calls. */
export class ScriptedPiece implements Piece {
  readonly description: Description;
  readonly context: PieceContext;
  readonly frames: Frames;
  readonly joinings: Joining[] = [];
  readonly left: string[] = [];
  readonly listened: [number, string, boolean][] = [];
  readonly taken: { edge: number; shape: number; bytes: number[]; skip: number }[] = [];
  /** The message id of each, 0 for a whole frame, and its fragment index | `LAST_FRAGMENT`. */
  readonly fragments: { messageId: number; fragment: number }[] = [];
  readonly calls: number[] = [];
  readonly readies: [number, boolean][] = [];
  held = 0;
  paused = new Set<number>();
  wakeAt = Infinity;
  closes = 0;
  deviates = false;
  renewals = 0;
  problems: Problem[] = [];
  refusal: Problem | undefined;
  listenRefusal: Problem | undefined;
  restoreRefusal: Problem | undefined;
  state = new Uint8Array();
  saves = 0;
  readonly restored: Uint8Array[] = [];
  takes = Infinity;
  onProcess: ((piece: ScriptedPiece, outbox: Outbox) => void) | undefined;
  forwardTo: number | undefined;

  readonly #protocols: Protocols;

  constructor(description: Description, context: PieceContext, frames: Frames, protocols: Protocols) {
    this.description = description;
    this.context = context;
    this.frames = frames;
    this.#protocols = protocols;
  }

  start() {
    return this.problems;
  }
  accepts() {
    return this.refusal;
  }
  join(joining: Joining) {
    this.joinings.push(joining);
  }
  leave(edge: number, shape: number) {
    this.left.push(`${edge}/${shape}`);
  }
  listening(edge: number, stack: string, present: boolean) {
    this.listened.push([edge, stack, present]);
    return present ? this.listenRefusal : undefined;
  }
  ready(edge: number, ready: boolean) {
    this.readies.push([edge, ready]);
  }
  save() {
    this.saves++;
    return this.state;
  }
  restore(_now: number, _version: string, state: Uint8Array) {
    this.restored.push(state);
    return this.restoreRefusal;
  }

  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    this.calls.push(now);
    const count = Math.min(inbox.length, limit, this.takes);
    for (let n = 0; n < count; n++) {
      const at = inbox.at(n);
      const row = inbox.rows[at]!;
      const start = this.frames.start[row]!;
      const bytes = [...this.frames.bytes.subarray(start, start + this.frames.length[row]!)];
      const edgeShape = inbox.edgeShapes[at]!;
      this.taken.push({ edge: edgeShape & 0xffff, shape: edgeShape >>> 16, bytes, skip: inbox.skips[at]! });
      this.fragments.push({ messageId: this.frames.messageIds[row]!, fragment: this.frames.fragments[row]! });
      if (this.forwardTo === undefined) {
        this.frames.release(row);
      } else {
        this.frames.hops[row]!++;
        outbox.push(row, this.forwardTo, 0);
      }
    }
    inbox.take(count);
    this.onProcess?.(this, outbox);
    return this.wakeAt;
  }

  fail() {}
  renew() {
    this.renewals++;
  }
  close() {
    this.closes++;
  }

  /** Brings frames with these bytes into the lane. */
  bring(edge: number, ...packets: number[][]) {
    this.bringBy(edge, 0, ...packets);
  }

  /** The same by another Shape than the first. */
  bringBy(edge: number, shape: number, ...packets: number[][]) {
    const outbox = new Outbox();
    for (const packet of packets) {
      const row = this.frames.allocate(packet.length);
      this.frames.bytes.set(packet, this.frames.start[row]!);
      this.frames.begin(
        row,
        this.frames.start[row]!,
        packet.length,
        this.#protocols.number(packet[0]! >> 4 === 6 ? 'ipv6' : 'ipv4'),
      );
      outbox.push(row, edge | (shape << 16), 0);
    }
    this.context.arrived(outbox);
  }
}

/** The fault of a component that traps. */
export function trapFault(): PieceFault {
  return new PieceFault('FT_FAULT_TRAP', 'unreachable');
}

/** Returns the description of a piece with one Edge `net` with one Shape. */
export function describePiece(name: string, stack: string, direction: Shape['direction']): Description {
  const shape: Shape = { stack, direction, reach: 'whole-frame', properties: [] };
  return {
    name,
    version: '1.0.0',
    summary: 'a piece of a test',
    protocols: [],
    edges: [{ name: 'net', optional: false, repeated: false, shapes: [shape] }],
    curves: [],
    settings: [],
    reasons: [],
  };
}

/** Returns an IPv6 packet with a UDP datagram, or without a next header. */
export function ipv6(payload: number[] = []): number[] {
  const next = payload.length > 0 ? 17 : 59;
  return [
    0x60,
    0,
    0,
    0,
    0,
    payload.length,
    next,
    64,
    ...Array(15).fill(0),
    1,
    ...Array(15).fill(0),
    2,
    ...payload,
  ];
}

/** Returns an IPv4 packet with a UDP datagram, or with a protocol that is not known. */
export function ipv4(payload: number[] = []): number[] {
  const header = [
    0x45,
    0,
    0,
    20 + payload.length,
    0,
    0,
    0,
    0,
    64,
    payload.length > 0 ? 17 : 255,
    0,
    0,
    192,
    0,
    2,
    1,
    192,
    0,
    2,
    2,
  ];
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += header[i]! * 256 + header[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header[10] = (~sum >>> 8) & 0xff;
  header[11] = ~sum & 0xff;
  return [...header, ...payload];
}

/** Returns a UDP header without a payload. */
export function udp(source: number, destination: number): number[] {
  return [source >> 8, source & 255, destination >> 8, destination & 255, 0, 8, 0, 0];
}
