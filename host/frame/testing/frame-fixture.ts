import { standardProtocols as protocols } from '../../stack/protocols.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../frames.ts';

/** For tests: a small lane. */
export function smallLane(): Frames {
  return new Frames({ smallRows: 16, largeRows: 1 });
}

/** Releases the rows that a failed run left, so that the next (shrunk) run starts with none. */
export function releaseAll(frames: Frames): void {
  for (let row = 0; row < frames.rows; row++) while (frames.references[row]! > 0) frames.release(row);
}

/**
 * Puts bytes into a new row as one payload that begins with a protocol; `odd` shifts them by that many bytes.
 */
export function put(frames: Frames, bytes: Uint8Array, protocol: string, odd = 0): number {
  const row = frames.allocate(bytes.length + odd);
  const start = frames.start[row]! + odd;
  frames.bytes.set(bytes, start);
  frames.begin(row, start, bytes.length, protocols.number(protocol));
  return row;
}

/** The parts of a row in words: `header ipv4 0+20`, offsets from the frame's start. */
export function partsOf(frames: Frames, row: number): string[] {
  const start = frames.start[row]!;
  return Array.from({ length: frames.partCount[row]! }, (_, part) => {
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const kind = frames.partWords[at]!;
    const role = ['header', 'payload', 'trailer'][(kind >>> 16) & 0xff];
    const name = protocols.name(kind & 0xffff) || '-';
    return `${role} ${name} ${frames.partWords[at + 1]! - start}+${frames.partWords[at + 2]!}`;
  });
}

/** Whether the parts are adjacent, in order, and cover the frame. */
export function partsCover(frames: Frames, row: number): boolean {
  let at = frames.start[row]!;
  for (let part = 0; part < frames.partCount[row]!; part++) {
    const word = (row * MAX_PARTS + part) * PART_WORDS;
    if (frames.partWords[word + 1] !== at) return false;
    at += frames.partWords[word + 2]!;
  }
  return at === frames.start[row]! + frames.length[row]!;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
