import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BinaryReader } from './binary-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { ComponentError } from './component-error.ts';

function written(write: (writer: ByteWriter) => void): BinaryReader {
  const writer = new ByteWriter();
  write(writer);
  return new BinaryReader(writer.written.slice());
}

describe('numbers', () => {
  it('are read back as written', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.integer(),
        fc.string({ unit: 'grapheme' }),
        (unsigned, signed, text) => {
          const reader = written((writer) => {
            writer.u32(unsigned);
            writer.s32(signed);
            writer.name(text);
          });
          expect(reader.u32()).toBe(unsigned);
          expect(reader.s33()).toBe(signed);
          expect(reader.name()).toBe(text);
          expect(reader.isAtEnd).toBe(true);
        },
      ),
    );
  });

  it('may be longer than necessary, but not longer than their width', () => {
    expect(new BinaryReader(new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x00])).u32()).toBe(0);
    expect(new BinaryReader(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x0f])).u32()).toBe(0xffff_ffff);
    for (const bytes of [[0xff, 0xff, 0xff, 0xff, 0x1f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], [0x80], []]) {
      expect(() => new BinaryReader(new Uint8Array(bytes)).u32()).toThrow(ComponentError);
    }
  });
});

describe('what lies', () => {
  it('is refused with the byte at which it ends', () => {
    const reader = new BinaryReader(new Uint8Array([9, 9, 9, 200, 1, 2]), 3);
    expect(() => reader.count()).toThrow(ComponentError);
    try {
      new BinaryReader(new Uint8Array([9, 9, 9, 50, 1, 2]), 3).count();
    } catch (error) {
      expect((error as ComponentError).offset).toBe(3);
      expect((error as ComponentError).code).toBe('FT_COMPONENT_INVALID');
    }
    expect(() => new BinaryReader(new Uint8Array([2, 0xc3, 0x28])).name()).toThrow(/UTF-8/);
    expect(() => new BinaryReader(new Uint8Array([5, 65])).name()).toThrow(/ends too early/);
    expect(() => new BinaryReader(new Uint8Array(4)).part(5)).toThrow(/ends too early/);
    expect(() => new BinaryReader(new Uint8Array(4)).finish('part')).toThrow(/4 bytes too many/);
  });
});
