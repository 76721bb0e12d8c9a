import { inflateSync } from 'node:zlib';

/** The pixels of a picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** The colour of a pixel as `#rrggbb`. */
  colourAt(x: number, y: number): string;
}

/**
 * Reads a PNG of eight bits a channel, in true colour, with or without transparency, and not interlaced: what
 * browsers write.
 */
export function readPng(file: Buffer): Picture {
  if (file.toString('latin1', 1, 4) !== 'PNG') throw new Error('this is no PNG');
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const [depth, kind, interlaced] = [file[24], file[25], file[28]];
  if (depth !== 8 || (kind !== 2 && kind !== 6) || interlaced !== 0)
    throw new Error(`a PNG of depth ${depth}, colour type ${kind}, interlacing ${interlaced}`);
  const step = kind === 6 ? 4 : 3;
  const row = width * step;
  const packed = inflateSync(Buffer.concat(parts));
  const pixels = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    const filter = packed[y * (row + 1)]!;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x < step ? 0 : pixels[at - step]!;
      const up = y === 0 ? 0 : pixels[at - row]!;
      const corner = x < step || y === 0 ? 0 : pixels[at - row - step]!;
      pixels[at] = packed[y * (row + 1) + 1 + x]! + predicted(filter, left, up, corner);
    }
  }
  return {
    width,
    height,
    colourAt: (x, y) => `#${pixels.toString('hex', y * row + x * step, y * row + x * step + 3)}`,
  };
}

/** The value from which a filter of PNG counts the difference (PNG, third edition, §9.2). */
function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const [byLeft, byUp, byCorner] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
  if (byLeft! <= byUp! && byLeft! <= byCorner!) return left;
  return byUp! <= byCorner! ? up : corner;
}
