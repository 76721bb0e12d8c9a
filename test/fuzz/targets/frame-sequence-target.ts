import { builtPiece } from '../../6bed4/driver.ts';
import { runByOffset } from '../../compliance/run-by-offset.ts';
import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import {
  ACK,
  FIN,
  message,
  PEER,
  PEER6,
  RST,
  read,
  STRANGER,
  SYN,
  stream,
} from '../../pieces/carrier-frames.ts';
import { type GivenFrame, PieceRig, type RigResult } from '../../pieces/piece-rig.ts';
import { ByteTape, type FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Two ends of a frame sequence, driven by bytes: the tape selects the settings and the frames, and their fate
 * on the way: they come late, twice, cut otherwise, damaged or not at all, and strangers send bytes of the
 * tape. An outcome that breaks a rule of the contract is a finding. Without damage, so is a frame that no
 * side sent, and one that is still held at the end.
 */
export const frameSequenceTarget: FuzzTarget = {
  name: 'frame-sequence',
  summary: 'both ends of frame-sequence as state machines driven by bytes',
  unit: 'carrier frames',
  maxBytes: 1200,
  open: async () => new FrameSequenceRun(await runByOffset(builtPiece('frame-sequence'))),
};

const MODES = ['stream', 'message-reliable', 'message-unreliable'] as const;

class FrameSequenceRun implements OpenTarget {
  readonly seeds = [];
  readonly #make: BoundComponent;

  constructor(make: BoundComponent) {
    this.#make = make;
  }

  generate(random: FuzzRandom): Uint8Array {
    return Uint8Array.from({ length: 50 + random.below(1100) }, () => random.word());
  }

  execute(input: Uint8Array): number {
    const tape = new ByteTape(input);
    const exchange = new Exchange(this.#make, tape.below);
    while (!tape.hasEnded) exchange.step();
    exchange.finish();
    return exchange.brought;
  }
}

/** The data on its way from one end to the other. */
type Underway = { readonly bytes: Uint8Array; readonly flags: number };

class Exchange {
  brought = 0;
  readonly #below: (limit: number) => number;
  readonly #mode: (typeof MODES)[number];
  readonly #sender: PieceRig;
  readonly #receiver: PieceRig;
  readonly #sent = new Set<string>();
  readonly #underway: Underway[] = [];
  #isDamaged = false;
  #isJoined = true;

  constructor(make: BoundComponent, below: (limit: number) => number) {
    this.#below = below;
    this.#mode = MODES[below(MODES.length)]!;
    const common: Record<string, string> = {
      mode: this.#mode,
      stack: 'opaque-frame',
      'max-frame': String([100, 1500, 66_240][below(3)]!),
      timeout: `${1 + below(60)}s`,
    };
    const messages: Record<string, string> =
      this.#mode === 'stream' ? {} : { 'max-segment': String(64 + below(1400)) };
    this.#sender = new PieceRig(make, {
      ...common,
      ...messages,
      remote: '192.0.2.2',
      'remote-port': '40000',
    }).join();
    const memory: Record<string, string> =
      this.#mode === 'message-unreliable' ? { memory: String(70_000 + below(1 << 16)) } : {};
    this.#receiver = new PieceRig(make, { ...common, ...messages, ...memory }).join();
    if (this.#mode === 'stream') {
      this.#transmit(this.#sender.process(stream([], SYN | ACK)));
      this.#take(stream([], SYN));
    }
  }

  step(): void {
    const below = this.#below;
    switch (below(8)) {
      case 0:
      case 1:
        this.#send(below(4) === 0 ? below(4000) : below(200));
        return;
      case 2:
      case 3:
      case 4:
        this.#deliver();
        return;
      case 5:
        this.#pass([10, 900, 5000, 70_000][below(4)]!);
        return;
      case 6:
        if (below(3) === 0) this.#strange();
        else this.#deliver();
        return;
      default:
        if (below(6) === 0) this.#rejoin();
        else this.#receiver.ready('frames', below(2) === 0);
    }
  }

  /** All time passes. Frames that are still held then lack bytes. */
  finish(): void {
    this.#receiver.ready('frames', true);
    for (let n = 0; n < 4; n++) this.#pass(120_000);
    insist(this.#receiver.held === 0, `${this.#receiver.held} tickets are held by the receiver for ever`);
  }

  #send(length: number): void {
    const first = this.#below(256);
    const bytes = Uint8Array.from({ length }, (_, n) => n * 3 + first);
    this.#sent.add(Buffer.from(bytes).toString('latin1'));
    this.#transmit(this.#sender.process({ edge: 'frames', parts: [{ bytes }] }));
  }

  #transmit({ sent }: RigResult): void {
    for (const frame of sent) {
      if (frame.edge !== 'carrier') continue;
      const { body, flags } = read(frame);
      this.#underway.push({ bytes: body, flags });
    }
    // A network holds no more.
    this.#underway.splice(0, Math.max(0, this.#underway.length - MOST_UNDERWAY));
    if (this.#mode === 'stream' && this.#underway.length === MOST_UNDERWAY) this.#isDamaged = true;
  }

  #deliver(): void {
    const below = this.#below;
    if (this.#underway.length === 0) return;
    const isStream = this.#mode === 'stream';
    const at = isStream || below(3) > 0 ? 0 : below(this.#underway.length);
    const { bytes } = this.#underway[at]!;
    const fate = below(16);
    // A stream loses and repeats nothing.
    if (isStream || fate > 1) this.#underway.splice(at, 1);
    if (!isStream && fate === 2) return;
    if (this.#mode === 'message-reliable' && (at > 0 || fate < 3)) this.#isDamaged = true;
    const given = bytes.slice();
    if (fate === 3 && given.length > 0) {
      given[below(given.length)] = below(256);
      this.#isDamaged = true;
    }
    if (!isStream) {
      this.#take(message(given));
      return;
    }
    const cut = fate < 8 ? below(given.length + 1) : given.length;
    if (cut > 0) this.#take(stream(given.subarray(0, cut)));
    if (cut < given.length) this.#take(stream(given.subarray(cut)));
  }

  /** A stranger sends bytes of the tape. */
  #strange(): void {
    const below = this.#below;
    const bytes = Uint8Array.from({ length: below(40) }, () => below(256));
    const from = [PEER, STRANGER, PEER6][below(3)]!;
    if (from === PEER) this.#isDamaged = true;
    const flags = [0, SYN, ACK, FIN, RST, ACK | FIN, 255][below(7)]!;
    this.#take(this.#mode === 'stream' ? stream(bytes, flags, from) : message(bytes, from), from === PEER);
  }

  #take(given: GivenFrame, isFromPeer = true): void {
    if (!this.#isJoined) return;
    this.brought++;
    this.#look(this.#receiver.process(given), isFromPeer);
  }

  #pass(ms: number): void {
    for (const rig of [this.#sender, this.#receiver]) rig.now += ms;
    this.#transmit(this.#sender.process());
    this.#look(this.#receiver.process(), false);
  }

  /** An output frame was sent unchanged, or something was damaged, or a stranger sent it. */
  #look({ sent }: RigResult, isFromPeer: boolean): void {
    let text = '';
    for (const frame of sent) {
      if (frame.edge !== 'frames') continue;
      text += Buffer.from(frame.bytes).toString('latin1');
      if (frame.hasMore) continue;
      insist(
        !isFromPeer || this.#isDamaged || this.#sent.has(text),
        `a frame of ${text.length} bytes came out that no side sent`,
      );
      text = '';
    }
  }

  #rejoin(): void {
    this.#isDamaged = true;
    if (this.#isJoined) this.#receiver.leave('carrier');
    else this.#receiver.join(['carrier']);
    this.#isJoined = !this.#isJoined;
  }
}

const MOST_UNDERWAY = 400;
