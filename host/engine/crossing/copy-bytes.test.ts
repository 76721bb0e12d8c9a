import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyBytes, type Words } from './copy-bytes.ts';

describe('copyBytes', () => {
  it('copies exactly the range, whatever the alignments', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.nat(40),
        fc.nat(150),
        fc.infiniteStream(fc.nat(255)),
        (toAt, fromAt, length, random) => {
          const from = memory(256);
          const to = memory(256);
          for (let i = 0; i < 256; i++) {
            from.bytes[i] = random.next().value;
            to.bytes[i] = random.next().value;
          }
          const expected = to.bytes.slice();
          expected.set(from.bytes.subarray(fromAt, fromAt + length), toAt);
          copyBytes(to, toAt, from, fromAt, length);
          expect(to.bytes).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('keeps every bit of values that would be a NaN, also in compiled code', () => {
    const from = memory(8 * 1024);
    const to = memory(8 * 1024);
    const words = new Uint32Array(from.bytes.buffer);
    const highs = [0x7ff00000, 0xfff00000, 0x7ff7ffff, 0xfff7fffe, 0x7ff80000, 0xffffffff];
    for (let i = 0; i < 1024; i++) {
      words[2 * i] = (i * 0x9e3779b1 + 1) >>> 0;
      words[2 * i + 1] = highs[i % highs.length]!;
    }
    for (let round = 0; round < 3000; round++) {
      to.bytes.fill(0);
      copyBytes(to, 0, from, 0, 8 * 1024);
      if (round % 500 === 0) expect(Buffer.compare(to.bytes, from.bytes)).toBe(0);
    }
    expect(Buffer.compare(to.bytes, from.bytes)).toBe(0);
  });
});

function memory(size: number): Words {
  const buffer = new ArrayBuffer(size);
  return { bytes: new Uint8Array(buffer), doubles: new Float64Array(buffer) };
}
