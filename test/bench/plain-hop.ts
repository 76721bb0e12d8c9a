import { POOL } from './offset-hop.ts';
import type { Packet } from './packets.ts';
import type { Contender } from './rounds.ts';

/*
 * The cost of a hop without components: a piece written in JavaScript, for a host written in JavaScript.
 *
 * It takes a batch as objects and returns an outcome of objects, with the same content as the contract's. It
 * gives each frame a buffer of its own, so that no piece can change bytes that another still holds, and does
 * no other check: nothing stands between the pieces. It is written as one would who wants it fast: loops
 * instead of closures, objects made whole so that they have one shape, and of the ways to copy bytes into a
 * new buffer the one that measured fastest (`new Uint8Array(bytes)`; `slice`, `Buffer.from` and `set` take up
 * to twice as long).
 */

interface PlainPart {
  readonly protocol: number;
  readonly role: number;
  readonly marks: number;
  readonly offset: number;
  readonly length: number;
}

interface PlainFrame {
  readonly edge: number;
  readonly shape: number;
  readonly skipHeaders: number;
  readonly skipTrailers: number;
  readonly ticket: number;
  readonly parts: readonly PlainPart[];
  readonly bytes: Uint8Array;
}

interface PlainOutcome {
  readonly frames: PlainFrame[];
  readonly ends: { readonly ticket: number; readonly reason: number }[];
  readonly paused: number[];
  readonly wakeAt: number;
}

/** The work of `echo`: each frame goes on by the other Edge. */
function echo(frames: readonly PlainFrame[]): PlainOutcome {
  const out: PlainFrame[] = [];
  for (const frame of frames) {
    const parts: PlainPart[] = [];
    for (const { protocol, role, marks, offset, length } of frame.parts) {
      parts.push({ protocol, role, marks, offset, length });
    }
    out.push({
      edge: 1 - frame.edge,
      shape: frame.shape,
      skipHeaders: frame.skipHeaders,
      skipTrailers: frame.skipTrailers,
      ticket: frame.ticket,
      parts,
      bytes: new Uint8Array(frame.bytes),
    });
  }
  return { frames: out, ends: [], paused: [], wakeAt: Infinity };
}

export class PlainHop implements Contender {
  readonly row: string;
  readonly #batch: number;
  readonly #frames: PlainFrame[] = [];
  #next = 0;

  constructor(row: string, packet: Packet, batch: number) {
    this.row = row;
    this.#batch = batch;
    for (let n = 0; n < POOL; n++) {
      this.#frames.push({
        edge: 0,
        shape: 0,
        skipHeaders: 0,
        skipTrailers: 0,
        ticket: n + 1,
        parts: packet.parts.map((part) => ({ ...part, marks: 0 })),
        bytes: packet.bytes.slice(),
      });
    }
  }

  run(frames: number): number {
    const batch = this.#batch;
    let done = 0;
    while (done < frames) {
      const from = this.#next;
      const inbox: PlainFrame[] = [];
      for (let n = 0; n < batch; n++) inbox.push(this.#frames[from + n]!);
      const outcome = echo(inbox);
      if (outcome.frames.length !== batch)
        throw new Error(`of ${batch} frames ${outcome.frames.length} came back`);
      // The frame that went on takes the place of the one that came, as it does in a lane.
      for (let n = 0; n < batch; n++) this.#frames[from + n] = outcome.frames[n]!;
      this.#next = (from + batch) % POOL;
      done += batch;
    }
    return done;
  }
}
