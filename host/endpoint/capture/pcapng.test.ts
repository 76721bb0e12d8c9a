import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CaptureError,
  CaptureReader,
  interfaceDescription,
  LinkType,
  packetBlockLength,
  sectionHeader,
  writePacketBlock,
} from './pcapng.ts';

const packet = Uint8Array.from({ length: 21 }, (_, i) => (i === 0 ? 0x45 : i));

function captureOf(
  packets: readonly { bytes: Uint8Array; microseconds: number; captured?: number }[],
): Uint8Array {
  const blocks = [sectionHeader(), interfaceDescription(LinkType.raw, 65_535)];
  for (const { bytes, microseconds, captured = bytes.length } of packets) {
    const block = new Uint8Array(packetBlockLength(captured));
    expect(writePacketBlock(block, 0, 0, microseconds, bytes, 0, captured, bytes.length)).toBe(block.length);
    blocks.push(block);
  }
  return new Uint8Array(Buffer.concat(blocks));
}

function readAll(bytes: Uint8Array, step = bytes.length) {
  const reader = new CaptureReader();
  const packets: { bytes: number[]; microseconds: number; original: number; linkType: number }[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    reader.push(bytes.subarray(at, at + step));
    while (reader.next()) {
      const { linkType, microseconds, original, start, captured } = reader;
      packets.push({
        bytes: [...reader.buffer.subarray(start, start + captured)],
        microseconds,
        original,
        linkType,
      });
    }
  }
  return { packets, reader };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('blocks have exactly the bytes of the format', () => {
  expect(hex(sectionHeader())).toBe(
    '0a0d0d0a' +
      '34000000' +
      '4d3c2b1a' +
      '0100' +
      '0000' +
      'ffffffffffffffff' +
      '04000d00' +
      Buffer.from('funnel-tunnel').toString('hex') +
      '000000' +
      '00000000' +
      '34000000',
  );
  expect(hex(interfaceDescription(LinkType.raw, 65_535))).toBe(
    '01000000' + '14000000' + '6500' + '0000' + 'ffff0000' + '14000000',
  );
  const block = new Uint8Array(packetBlockLength(6)).fill(0xee);
  writePacketBlock(block, 0, 1, 0x5_0000_0007, packet, 0, 6, 21);
  expect(hex(block)).toBe(
    '06000000' +
      '28000000' +
      '01000000' +
      '05000000' +
      '07000000' +
      '06000000' +
      '15000000' +
      '450102030405' +
      '0000' +
      '28000000',
  );
});

test('written packets are read back, in chunks of any size', () => {
  const one = fc.record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 70 }),
    microseconds: fc.integer({ min: 0, max: 2 ** 51 }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), fc.integer({ min: 1, max: 200 }), (packets, step) => {
      const { packets: found, reader } = readAll(captureOf(packets), step);
      expect(found).toEqual(
        packets.map(({ bytes, microseconds }) => ({
          bytes: [...bytes],
          microseconds,
          original: bytes.length,
          linkType: 101,
        })),
      );
      expect(reader.isInBlock).toBe(false);
    }),
  );
});

test('a file that was cut off is read up to its end', () => {
  const whole = captureOf([
    { bytes: packet, microseconds: 1 },
    { bytes: packet, microseconds: 2 },
  ]);
  const { packets, reader } = readAll(whole.subarray(0, whole.length - 5));
  expect(packets).toHaveLength(1);
  expect(reader.isInBlock).toBe(true);
});

test('other byte orders, resolutions, block types and the older format are read', () => {
  const block = (type: number, body: number[]) => {
    const view = new DataView(new ArrayBuffer(12 + body.length));
    view.setUint32(0, type);
    view.setUint32(4, view.byteLength);
    for (const [i, byte] of body.entries()) view.setUint8(8 + i, byte);
    view.setUint32(view.byteLength - 4, view.byteLength);
    return new Uint8Array(view.buffer);
  };
  const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  const big = Buffer.concat([
    block(0x0a0d0d0a, [...u32(0x1a2b3c4d), 0, 1, 0, 0, ...new Array(8).fill(255)]),
    // Nanoseconds, and ten seconds to be added.
    block(1, [
      0,
      1,
      0,
      0,
      ...u32(64),
      0,
      9,
      0,
      1,
      9,
      0,
      0,
      0,
      0,
      14,
      0,
      8,
      ...u32(0),
      ...u32(10),
      0,
      0,
      0,
      0,
    ]),
    block(6, [...u32(0), ...u32(0), ...u32(5000), ...u32(2), ...u32(2), 1, 2, 0, 0]),
    block(0x40000bad, [1, 2, 3, 4]),
    block(2, [0, 0, 0, 0, ...u32(0), ...u32(7000), ...u32(1), ...u32(9), 3, 0, 0, 0]),
    block(3, [...u32(2), 4, 5, 0, 0]),
  ]);
  expect(readAll(big).packets).toEqual([
    { bytes: [1, 2], microseconds: 10_000_005, original: 2, linkType: 1 },
    { bytes: [3], microseconds: 10_000_007, original: 9, linkType: 1 },
    { bytes: [4, 5], microseconds: 10_000_007, original: 2, linkType: 1 },
  ]);
  const old = Uint8Array.from([
    ...[...u32(0xa1b2c3d4), 0, 2, 0, 4, ...u32(0), ...u32(0), ...u32(65_535), ...u32(101)],
    ...[...u32(3), ...u32(4), ...u32(2), ...u32(8), 0x60, 1],
  ]);
  expect(readAll(old, 7).packets).toEqual([
    { bytes: [0x60, 1], microseconds: 3_000_004, original: 8, linkType: 101 },
  ]);
});

test('a hostile file always ends in an error with its place', () => {
  const whole = captureOf([
    { bytes: packet, microseconds: 1 },
    { bytes: packet, microseconds: 2 },
  ]);
  let errors = 0;
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, noise) => {
      const bytes = whole.slice();
      bytes.set(noise.subarray(0, bytes.length - at), at);
      try {
        for (const { bytes: read } of readAll(bytes).packets)
          expect(read.length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
        expect((error as CaptureError).offset).toBeLessThanOrEqual(bytes.length);
        errors++;
      }
    }),
    { numRuns: 2000 },
  );
  expect(errors).toBeGreaterThan(100);
  expect(() => readAll(new TextEncoder().encode('pieces:\n  home:'))).toThrow('at byte 0: this is neither');
});

test('tshark reads the same', ({ skip }) => {
  if (spawnSync('tshark', ['--version']).status !== 0) skip('tshark is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'pcapng-'));
  try {
    const ip = Buffer.from('4500001c000000004011b7cfc0000201c00002020001000200080000', 'hex');
    const file = join(folder, 'a.pcapng');
    writeFileSync(
      file,
      captureOf([
        { bytes: ip, microseconds: 1_700_000_000_123_456 },
        { bytes: ip, microseconds: 1_700_000_001_000_000, captured: 20 },
      ]),
    );
    expect(readFileSync(file).length).toBeGreaterThan(0);
    const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'ip.dst'].flatMap((field) => [
      '-e',
      field,
    ]);
    const shown = spawnSync('tshark', ['-r', file, '-T', 'fields', '-E', 'separator=,', ...fields], {
      encoding: 'utf8',
    });
    expect(shown.stdout.trim().split('\n')).toEqual([
      '1700000000.123456000,28,28,192.0.2.2',
      '1700000001.000000000,28,20,192.0.2.2',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('an option ends within its block: exactly at its end, and not a byte behind', () => {
  // An interface with one option, whose 4 bytes of value are the last of its block.
  const withOption = (code: number, size: number) => {
    const block = new Uint8Array(28);
    const view = new DataView(block.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(4, block.length, true);
    view.setUint16(8, LinkType.raw, true);
    view.setUint16(16, code, true);
    view.setUint16(18, size, true);
    view.setUint32(24, block.length, true);
    return new Uint8Array(Buffer.concat([sectionHeader(), block]));
  };
  // A comment, the resolution of times, their offset, and an unknown option.
  for (const code of [1, 9, 14, 4000]) {
    for (let size = 0; size <= 4; size++) expect(readAll(withOption(code, size)).packets).toEqual([]);
    for (const size of [5, 8, 9, 0xffff])
      expect(() => readAll(withOption(code, size)), `${code} ${size}`).toThrow(CaptureError);
  }
});
