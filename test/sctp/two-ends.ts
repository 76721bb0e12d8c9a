import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { PieceRig, type RigResult } from '../pieces/piece-rig.ts';
import {
  A,
  above,
  B,
  carried,
  data,
  decode,
  type End,
  type Message,
  messageOf,
  uncarried,
  type WireChunk,
  type WirePacket,
} from './wire.ts';

/** The fate of a packet: undefined loses it; each delay in ms of a list delivers one copy. */
export type Network = (packet: WirePacket, fromFirst: boolean, count: number) => readonly number[];

export const PORT_A = 5000;
export const PORT_B = 7;

export interface Side {
  rig: PieceRig;
  /** Another instance, with the same settings, joined to nothing yet. */
  readonly make: () => PieceRig;
  readonly end: End;
  readonly port: number;
  /** Messages that went up, in their order. */
  readonly received: ReturnType<typeof messageOf>[];
  /** Chunks that went up to report on associations. */
  readonly notices: number[];
  /** Reasons for which tickets ended, and how often. */
  readonly reasons: Map<string, number>;
  wakeAt: number;
}

/** Two instances with a network of virtual time between them. Every packet is decoded by the letter. */
export class TwoEnds {
  readonly a: Side;
  readonly b: Side;
  /** All packets that were sent, with the time. */
  readonly log: {
    readonly at: number;
    readonly fromA: boolean;
    readonly packet: WirePacket;
    readonly bytes: number;
  }[] = [];
  readonly #underway: {
    readonly at: number;
    readonly n: number;
    readonly to: Side;
    readonly bytes: Uint8Array;
    readonly from: End;
    readonly dest: End;
  }[] = [];
  network: Network;
  #n = 0;
  #sent = 0;

  constructor(
    make: BoundComponent,
    {
      settingsA = {},
      settingsB = {},
      network = () => [10],
      encapsulated = true,
      seed = 1,
    }: {
      readonly settingsA?: Readonly<Record<string, string>>;
      readonly settingsB?: Readonly<Record<string, string>>;
      readonly network?: Network;
      readonly encapsulated?: boolean;
      readonly seed?: number;
    } = {},
  ) {
    const plain: Record<string, string> = encapsulated ? {} : { 'remote-encapsulation': '0' };
    const udp = encapsulated ? 9899 : 0;
    this.a = side(make, { ...plain, notices: 'true', ...settingsA }, { ...A, udp }, PORT_A, BigInt(seed));
    this.b = side(
      make,
      { ...plain, notices: 'true', port: String(PORT_B), ...settingsB },
      { ...B, udp },
      PORT_B,
      BigInt(seed) + 1000n,
    );
    this.network = network;
  }

  get now(): number {
    return this.a.rig.now;
  }

  /** A message from one side to the other. */
  send(from: Side, message: Message): void {
    this.give(from, data(message));
  }

  sendAll(from: Side, messages: readonly Message[]): void {
    const to = this.other(from);
    this.take(
      from,
      from.rig.process(...messages.map((each) => above(from.end, from.port, to.end, to.port, data(each)))),
    );
  }

  /** Any chunk from above. */
  give(from: Side, contents: WireChunk): void {
    const to = this.other(from);
    this.take(from, from.rig.process(above(from.end, from.port, to.end, to.port, contents)));
  }

  other(side: Side): Side {
    return side === this.a ? this.b : this.a;
  }

  /** Packets that arrive at a side from a forged source. */
  inject(to: Side, bytes: Uint8Array, from: End = this.other(to).end): RigResult {
    const result = to.rig.process(carried(bytes, from, to.end));
    this.take(to, result);
    return result;
  }

  /** Another instance takes the place of one, with what it saved. */
  replace(side: Side): void {
    const { rig } = side;
    const state = rig.piece.save(rig.now);
    const other = side.make();
    other.now = rig.now;
    const problem = other.piece.restore(rig.now, rig.description.version, state);
    if (problem !== undefined) throw new Error(problem.message);
    other.join(['streams']).join(['carrier'], [0, 1]);
    side.rig = other;
    this.take(side, other.process());
  }

  /** Goes to the next thing that happens, not beyond a time. False when nothing does until then. */
  step(until: number): boolean {
    const packet = this.#underway[0];
    const next = Math.min(packet?.at ?? Infinity, this.a.wakeAt, this.b.wakeAt);
    if (next > until) {
      this.#setNow(until);
      return false;
    }
    this.#setNow(Math.max(next, this.now));
    if (packet !== undefined && packet.at <= this.now) {
      this.#underway.shift();
      this.take(packet.to, packet.to.rig.process(carried(packet.bytes, packet.from, packet.dest)));
      return true;
    }
    for (const side of [this.a, this.b]) if (side.wakeAt <= this.now) this.take(side, side.rig.process());
    return true;
  }

  /** Lets so much time go by. */
  run(ms: number): void {
    const until = this.now + ms;
    let steps = 0;
    while (this.step(until)) if (++steps > 2_000_000) throw new Error('it does not come to rest');
  }

  /** Lets time go by until something holds. */
  runUntil(holds: () => boolean, ms = 600_000): void {
    const until = this.now + ms;
    while (!holds()) if (!this.step(until)) throw new Error(`it does not happen within ${ms} ms`);
  }

  take(side: Side, { sent, ends, wakeAt }: RigResult): void {
    side.wakeAt = wakeAt;
    for (const { reason } of ends) side.reasons.set(reason, (side.reasons.get(reason) ?? 0) + 1);
    for (const frame of sent) {
      if (frame.edge === 'streams') {
        const at = frame.bytes[0]! >> 4 === 6 ? 52 : 32;
        if (frame.bytes[at] === 0) side.received.push(messageOf(frame));
        else side.notices.push(frame.bytes[at]!);
        continue;
      }
      this.#transmit(side, frame);
    }
  }

  #transmit(from: Side, frame: RigResult['sent'][number]): void {
    const { bytes, from: source, to: dest } = uncarried(frame);
    const packet = decode(bytes);
    const fromA = from === this.a;
    this.log.push({ at: this.now, fromA, packet, bytes: frame.bytes.length });
    const real = source.address.every((byte) => byte === 0) ? from.end.address : source.address;
    for (const delay of this.network(packet, fromA, this.#sent++)) {
      const each = {
        at: this.now + delay,
        n: this.#n++,
        to: this.other(from),
        bytes,
        from: { ...source, address: real },
        dest,
      };
      let i = this.#underway.length;
      while (i > 0 && this.#underway[i - 1]!.at > each.at) i--;
      this.#underway.splice(i, 0, each);
    }
  }

  #setNow(now: number): void {
    this.a.rig.now = now;
    this.b.rig.now = now;
  }
}

/** Numbers by a seed: the generator mulberry32, in the public domain. */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function side(
  make: BoundComponent,
  settings: Readonly<Record<string, string>>,
  end: End,
  port: number,
  seed: bigint,
): Side {
  let state = seed;
  const random = () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return state ^ (state >> 29n);
  };
  const another = () => new PieceRig(make, settings, random);
  const rig = another();
  rig.join(['streams']).join(['carrier'], [0, 1]);
  return { rig, make: another, end, port, received: [], notices: [], reasons: new Map(), wakeAt: Infinity };
}
