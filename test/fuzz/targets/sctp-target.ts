import { builtPiece } from '../../6bed4/driver.ts';
import { runByOffset } from '../../compliance/run-by-offset.ts';
import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import { type Side, TwoEnds } from '../../sctp/two-ends.ts';
import {
  A,
  B,
  be16,
  be32,
  C,
  CHUNK,
  chunk,
  encode,
  seal,
  type WireChunk,
  type WirePacket,
} from '../../sctp/wire.ts';
import { ByteTape, type FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Two ends of an association, driven by bytes: the tape selects the settings, the messages from above, and
 * the fate of each packet. Packets come late, twice or not at all, or are changed and get a new checksum, so
 * that the change is not dropped. An attacker who knows the tags sends chunks of all kinds. An outcome that
 * breaks a rule of the contract is a finding. Without forgery, so is a message out of order, or one that
 * never comes although the association lives and the network is good again.
 */
export const sctpTarget: FuzzTarget = {
  name: 'sctp',
  summary: 'both ends of SCTP as state machines driven by bytes',
  unit: 'packets',
  maxBytes: 900,
  open: async () => new SctpRun(await runByOffset(builtPiece('sctp'))),
};

/** Whether a notice reports the end of an association, or that there is another one. */
function isEnd(type: number): boolean {
  return type !== CHUNK.COOKIE_ACK && type !== CHUNK.RE_CONFIG;
}

/** From above: the reset of a stream (RFC 6525 §4.1). */
function reset(sid: number): WireChunk {
  return chunk(CHUNK.RE_CONFIG, [...be16(13), ...be16(18), ...Array(12).fill(0), ...be16(sid)]);
}

class SctpRun implements OpenTarget {
  readonly seeds = [];
  readonly #make: BoundComponent;

  constructor(make: BoundComponent) {
    this.#make = make;
  }

  generate(random: FuzzRandom): Uint8Array {
    return Uint8Array.from({ length: 50 + random.below(850) }, () => random.word());
  }

  execute(input: Uint8Array): number {
    const tape = new ByteTape(input);
    const exchange = new Exchange(this.#make, tape.below);
    while (!tape.hasEnded) exchange.step();
    exchange.finish();
    return exchange.packets;
  }
}

class Exchange {
  readonly #below: (limit: number) => number;
  readonly #ends: TwoEnds;
  #isGood = false;
  #isForged = false;
  #next = 0;
  /** The policy of the streams 2 and 3: whether messages there may be given up. */
  readonly #isPartial: boolean;
  /** The accepted messages from above, by side and stream. */
  readonly #sent = new Map<Side, number[][]>();

  constructor(make: BoundComponent, below: (limit: number) => number) {
    this.#below = below;
    const policies = ['resends 9999', 'resends 0', 'resends 2', 'lifetime 50ms', 'lifetime 4s', 'priority 1'];
    const policy = policies[below(policies.length)]!;
    this.#isPartial = policy !== policies[0];
    const settings = () => ({
      reliability: `2-3 ${policy}`,
      interleaving: String(below(2) === 0),
      'send-buffer': String([8192, 32_768, 262_144][below(3)]!),
      'receive-buffer': String([8192, 16_384, 262_144][below(3)]!),
      'max-message': '8192',
      'max-retransmits': '20',
      'max-init-retransmits': '20',
      associations: String(1 + below(2)),
      streams: '4',
      mtu: String([576, 1280][below(2)]!),
    });
    this.#ends = new TwoEnds(make, {
      settingsA: { port: '5000', ...settings() },
      settingsB: settings(),
      network: () => this.#fate(),
      seed: 1 + below(256),
    });
    for (const side of [this.#ends.a, this.#ends.b]) this.#sent.set(side, [[], [], [], []]);
  }

  get packets(): number {
    return this.#ends.log.length;
  }

  step(): void {
    const below = this.#below;
    const side = below(2) === 0 ? this.#ends.a : this.#ends.b;
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        this.#send(side, [1 + below(200), 1 + below(8000)][below(2)]!);
        return;
      case 3:
      case 4:
      case 5:
        this.#run(1 + below(60));
        return;
      case 6:
        this.#run([300, 1500, 5000, 70_000][below(4)]!);
        return;
      case 7:
        if (below(3) === 0) this.#forge(side);
        else if (below(4) === 0) this.#ends.replace(side);
        return;
      case 8:
        side.rig.ready(below(2) === 0 ? 'streams' : 'carrier', below(3) > 0);
        return;
      default:
        if (below(3) === 0) this.#ends.give(side, reset(below(5)));
        else if (below(12) === 0) this.#ends.give(side, chunk(below(2) === 0 ? CHUNK.SHUTDOWN : CHUNK.ABORT));
    }
  }

  /** With a good network and open queues, all time passes: everything that can still come has come then. */
  finish(): void {
    this.#isGood = true;
    const { a, b } = this.#ends;
    for (const side of [a, b]) {
      side.rig.ready('streams', true);
      side.rig.ready('carrier', true);
      side.wakeAt = this.#ends.now;
    }
    this.#run(1_200_000);
    for (const side of [a, b]) this.#look(side);
    if (this.#isForged || [a, b].some(({ notices }) => notices.some(isEnd))) return;
    for (const side of [a, b]) {
      const sent = this.#sent.get(this.#ends.other(side))!;
      const surely = (this.#isPartial ? sent.slice(0, 2) : sent).flat();
      const got = new Set(side.received.map(({ ppid }) => ppid));
      const missing = surely.filter((n) => !got.has(n)).length;
      insist(missing === 0, () => `${missing} messages never came, and nobody says why: ${this.#story()}`);
      insist(side.wakeAt > this.#ends.now, () => `a timer stands still: ${this.#story()}`);
    }
  }

  /** The subject of a finding. */
  #story(): string {
    const { a, b, log } = this.#ends;
    const last = log
      .slice(-12)
      .map(
        ({ at, fromA, packet }) =>
          `${at} ${fromA ? 'a' : 'b'} ${packet.chunks.map(({ type }) => type).join('+')}`,
      );
    const sides = [a, b].map(({ wakeAt, notices, reasons }) =>
      JSON.stringify({ wakeAt, notices, reasons: Object.fromEntries(reasons) }),
    );
    return [...sides, ...last].join('\n');
  }

  #run(ms: number): void {
    const before = this.#ends.log.length;
    this.#ends.run(ms);
    insist(
      this.#ends.log.length - before < 20_000,
      `${this.#ends.log.length - before} packets within ${ms} ms`,
    );
  }

  #send(side: Side, length: number): void {
    const sid = this.#below(4);
    const n = this.#next++;
    const before = side.reasons.get('accepted') ?? 0;
    this.#ends.send(side, { sid, ppid: n, bytes: Uint8Array.from({ length }, (_, i) => i + n) });
    if ((side.reasons.get('accepted') ?? 0) > before) this.#sent.get(side)![sid]!.push(n);
  }

  /** The messages on each stream are those that were sent there, from the first on, none left out. */
  #look(side: Side): void {
    if (this.#isForged) return;
    const sent = this.#sent.get(this.#ends.other(side))!;
    const hasRestarted = [this.#ends.a, this.#ends.b].some(
      ({ notices }) => notices.filter((type) => type !== CHUNK.RE_CONFIG).length > 1,
    );
    for (let sid = 0; sid < 4; sid++) {
      const got = side.received.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
      const wanted = sent[sid]!;
      const mayLack = hasRestarted || (this.#isPartial && sid >= 2);
      const isRight = mayLack
        ? got.every((n, i) => wanted.includes(n) && (i === 0 || n > got[i - 1]!))
        : got.every((n, i) => n === wanted[i]);
      insist(isRight, () => `stream ${sid} brought ${got.join(' ')} of ${wanted.join(' ')}`);
    }
    for (const { ppid, bytes } of side.received)
      insist(
        bytes.every((byte, i) => byte === ((i + ppid) & 255)),
        () => `message ${ppid} came with other bytes`,
      );
  }

  #fate(): readonly number[] {
    if (this.#isGood) return [10];
    const fate = this.#below(16);
    if (fate < 2) return [];
    if (fate < 4) return [this.#below(50), this.#below(200)];
    if (fate < 6) return [this.#below(3000)];
    return [10];
  }

  /** An attacker who knows the tags sends a packet, or a changed packet is sent once more. */
  #forge(to: Side): void {
    this.#isForged = true;
    const below = this.#below;
    const { log } = this.#ends;
    const last = log.findLast(({ fromA, packet }) => fromA === (to === this.#ends.b) && packet.tag !== 0);
    const from = [A, B, C][below(8) === 0 ? below(3) : to === this.#ends.a ? 1 : 0]!;
    const ports = { sourcePort: this.#ends.other(to).port, destinationPort: to.port };
    if (last === undefined || below(2) === 0) {
      const tag = last?.packet.tag ?? below(3);
      const count = 1 + below(3);
      this.#ends.inject(
        to,
        encode({ ...ports, tag, chunks: Array.from({ length: count }, () => this.#anyChunk(log)) }),
        from,
      );
      return;
    }
    const bytes = encode(last.packet);
    for (let n = 1 + below(3); n > 0; n--) bytes[below(bytes.length)] = below(256);
    const cut = below(4) === 0 ? bytes.slice(0, below(bytes.length + 1)) : bytes;
    this.#ends.inject(to, cut.length < 12 ? cut : seal(cut), from);
  }

  #anyChunk(log: readonly { readonly packet: WirePacket }[]): WireChunk {
    const below = this.#below;
    const known = [...Object.values(CHUNK), 12, 15, 193];
    const type = known[below(known.length)]!;
    const seen = log.flatMap(({ packet }) => packet.chunks).findLast((each) => each.type === type);
    if (seen !== undefined && below(2) === 0) {
      const value = seen.value.slice();
      for (let n = below(3); n > 0 && value.length > 0; n--) value[below(value.length)] = below(256);
      return { ...seen, value, flags: below(4) === 0 ? below(16) : seen.flags };
    }
    const near =
      (seen === undefined || seen.value.length < 4
        ? 0
        : new DataView(seen.value.buffer, seen.value.byteOffset).getUint32(0)) +
      below(8) -
      3;
    const fields = [...be32(near), ...be16(below(5)), ...be16(below(4)), ...be32(below(256))];
    return chunk(
      type,
      [...fields, ...Array.from({ length: below(30) }, () => below(256))].slice(0, below(46)),
      below(16),
    );
  }
}
