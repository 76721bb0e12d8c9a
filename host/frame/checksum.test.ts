import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, internetSum, updateChecksum } from './checksum.ts';
import { hex, smallLane } from './testing/frame-fixture.ts';
import { checksum, crcBitByBit } from './testing/packet-arbitrary.ts';

const frames = smallLane();

describe('internetSum', () => {
  it('sums the example of RFC 1071 §3', () => {
    frames.bytes.set(hex('0001 f203 f4f5 f6f7'), 0);
    expect(internetSum(frames, 0, 8)).toBe(0xddf2);
  });

  it('agrees with the definition at every alignment and length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(9), (bytes, at) => {
        frames.bytes.fill(0xff, 0, 128);
        frames.bytes.set(bytes, at);
        expect(internetSum(frames, at, at + bytes.length)).toBe(0xffff - checksum([bytes]));
      }),
      { numRuns: 5000 },
    );
  });

  it('does not overflow over the largest frame', () => {
    const large = 66_000;
    frames.bytes.fill(0xff, 0, 16 * 2048 + large);
    expect(internetSum(frames, 1, 1 + large)).toBe(0xffff);
    expect(internetSum(frames, 0, large)).toBe(0xffff);
  });
});

describe('updateChecksum', () => {
  it('is right for the example of RFC 1624 §4', () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('agrees with summing anew', () => {
    const word = fc.nat(0xffff);
    fc.assert(
      fc.property(fc.array(word, { minLength: 2, maxLength: 9 }), word, (words, after) => {
        const bytes = (all: number[]) => Uint8Array.from(all.flatMap((each) => [each >>> 8, each & 0xff]));
        fc.pre(words.slice(1).some((each) => each !== 0));
        const changed = [after, ...words.slice(1)];
        expect(updateChecksum(checksum([bytes(words)]), words[0]!, after)).toBe(checksum([bytes(changed)]));
      }),
    );
  });
});

describe('crc32c', () => {
  it('is right for the check value, and agrees with the definition', () => {
    frames.bytes.set(new TextEncoder().encode('123456789'), 3);
    expect(crc32c(frames, 3, 12)).toBe(0xe3069283);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        frames.bytes.set(bytes, 5);
        expect(crc32c(frames, 5, 5 + bytes.length)).toBe(crcBitByBit(bytes));
      }),
    );
  });
});
