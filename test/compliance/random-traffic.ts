import type { Frame, Part, Piece } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';

/** A call's worth of frames. */
export interface Traffic {
  readonly frames: readonly Frame[];
  readonly parts: readonly Part[];
  readonly arena: Uint8Array;
}

/** Random numbers that are the same on each run. Source: the generator mulberry32, in the public domain. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

/**
 * Frames such as no honest network makes: any protocols, lengths and bytes, on any Shape that is joined. A piece must bear them.
 *
 * @param edges numbers of joined Edges, and which described Edge each is
 * @param nextTicket the first ticket; each frame takes the next
 */
export function randomTraffic(
  random: (below: number) => number,
  description: Piece,
  edges: ReadonlyMap<number, number>,
  protocols: readonly number[],
  nextTicket: number,
): Traffic {
  const frames: Frame[] = [];
  const parts: Part[] = [];
  const bytes: number[] = [];
  const joined = [...edges];
  for (let n = joined.length === 0 ? 0 : random(8); n > 0; n--) {
    const [edge, described] = joined[random(joined.length)]!;
    const { shapes } = description.edges[described]!;
    if (shapes.length === 0) continue;
    const shape = random(shapes.length);
    const isWhole = shapes[shape]!.reach === 'whole-frame';
    const firstPart = parts.length;
    const roomOffset = bytes.length;
    const headers = random(4);
    for (let i = 0; i <= headers; i++) {
      const isPayload = i === headers;
      const length = random(isPayload ? 80 : 48);
      const isWithheld = isPayload && !isWhole;
      const protocol =
        protocols.length === 0 || random(4) === 0 ? random(200) : protocols[random(protocols.length)]!;
      parts.push({
        protocol,
        role: isPayload ? 'payload' : 'header',
        marks: isWithheld ? PartMarks.withheld : isPayload ? 0 : random(2) * PartMarks.unfinished,
        offset: isWithheld ? 4096 * (nextTicket + frames.length) : bytes.length,
        length,
      });
      if (!isWithheld) for (let k = 0; k < length; k++) bytes.push(random(256));
    }
    frames.push({
      edge,
      shape,
      firstPart,
      partCount: parts.length - firstPart,
      skipHeaders: random(headers + 1),
      skipTrailers: 0,
      roomOffset,
      roomLength: bytes.length - roomOffset,
      ticket: nextTicket + frames.length,
    });
  }
  return { frames, parts, arena: Uint8Array.from(bytes) };
}
