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

/** Frames of which more fragments may come. */
export interface OpenMessages {
  readonly frames: { readonly ticket: number; readonly edge: number; readonly shape: number }[];
  isOpen(ticket: number): boolean;
}

/** At most this many frames are incomplete: fewer than the 64 that a host allows. */
const MOST_OPEN_MESSAGES = 48;

/**
 * Frames such as no honest network makes: any protocols, lengths and bytes, on any Shape that is joined. A
 * piece must bear them.
 *
 * @param edges numbers of joined Edges, and which described Edge each is
 * @param nextTicket the first ticket; each frame takes the next, but for further fragments of an incomplete
 * frame
 * @param openMessages is kept from call to call
 */
export function randomTraffic(
  random: (below: number) => number,
  description: Piece,
  edges: ReadonlyMap<number, number>,
  protocols: readonly number[],
  nextTicket: number,
  openMessages: OpenMessages,
): Traffic {
  const frames: Frame[] = [];
  const parts: Part[] = [];
  const bytes: number[] = [];
  const joined = [...edges];
  const continued = takeOne(random, edges, openMessages);
  for (let n = joined.length === 0 ? 0 : random(8); n > 0; n--) {
    // A call brings at most one fragment, as its first frame.
    const before = frames.length === 0 ? continued : undefined;
    const [edge, described] =
      before === undefined
        ? joined[random(joined.length)]!
        : ([before.edge, edges.get(before.edge)!] as const);
    const { shapes } = description.edges[described]!;
    if (shapes.length === 0) continue;
    const shape = before?.shape ?? random(shapes.length);
    const ticket = before?.ticket ?? nextTicket + frames.length;
    const mayGoOn =
      before !== undefined || (frames.length === 0 && openMessages.frames.length < MOST_OPEN_MESSAGES);
    const hasMore = mayGoOn && random(4) > (before === undefined ? 2 : 0);
    if (hasMore) openMessages.frames.push({ ticket, edge, shape });
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
      const inFragments =
        (hasMore && isPayload ? PartMarks.more : 0) |
        (before !== undefined && i === 0 ? PartMarks.continued : 0);
      parts.push({
        protocol,
        role: isPayload ? 'payload' : 'header',
        marks:
          inFragments | (isWithheld ? PartMarks.withheld : isPayload ? 0 : random(2) * PartMarks.unfinished),
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
      ticket,
    });
  }
  if (continued !== undefined && frames.length === 0) openMessages.frames.push(continued);
  return { frames, parts, arena: Uint8Array.from(bytes) };
}

/**
 * Takes one of the incomplete frames, or none. Forgets those that the piece has ended, or whose Edge is gone.
 */
function takeOne(
  random: (below: number) => number,
  edges: ReadonlyMap<number, number>,
  openMessages: OpenMessages,
): OpenMessages['frames'][number] | undefined {
  const { frames } = openMessages;
  for (let n = frames.length - 1; n >= 0; n--) {
    const { ticket, edge } = frames[n]!;
    if (!edges.has(edge) || !openMessages.isOpen(ticket)) frames.splice(n, 1);
  }
  if (frames.length === 0 || random(3) === 0) return undefined;
  return frames.splice(random(frames.length), 1)[0];
}
