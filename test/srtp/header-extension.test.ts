import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type GivenFrame, PieceRig } from '../pieces/piece-rig.ts';
import { SrtpModel, SUITES, type SuiteName } from './srtp-model.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/srtp')));
}, 300_000);

const CM: SuiteName = 'AES_CM_128_HMAC_SHA1_80';
const SSRC = 0xcafe_babe;
/** RFC 6904 Appendix A. */
const MASTER = Buffer.from('e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6', 'hex');
const PLAIN = Buffer.from('17414273a475262748220000c8308e4655996386b395fb00', 'hex');
const ENCRYPTED = Buffer.from('17588a9270f4e15e1c220000c8309546a994f0bc54789700', 'hex');

test('the vectors of RFC 6904 pass both ways', () => {
  const rig = piece(CM, MASTER, [1, 3, 4]);
  const model = new SrtpModel(CM, MASTER);
  expect(model.derived(6, 16).toString('hex')).toBe('549752054d6fb708622c4a2e596a1b93');
  expect(model.derived(7, 14).toString('hex')).toBe('ab01818174c40d39a3781f7c2d27');
  const packet = withExtension(0x1234, 0xbede, PLAIN);
  const [sent] = rig.process(frame('plain', packet)).sent;
  expect(sent!.bytes.subarray(28 + 16, 28 + 40)).toEqual(new Uint8Array(ENCRYPTED));
  const carried = model.protect(withExtension(0x1234, 0xbede, ENCRYPTED), 0x1234);
  expect(Buffer.from(sent!.bytes.subarray(28))).toEqual(carried);
  const [back] = rig.process(frame('protected', carried)).sent;
  expect(Buffer.from(back!.bytes.subarray(28))).toEqual(packet);
});

describe.each(Object.keys(SUITES) as SuiteName[])('%s', (suite) => {
  test('elements of both forms are encrypted as a model does it, over rollovers, and come back', () => {
    const { key, salt } = SUITES[suite];
    const master = Buffer.from(Array.from({ length: key + salt }, (_, i) => (i * 91 + 5) & 0xff));
    const model = new SrtpModel(suite, master);
    const element = (most: number, longest: number) =>
      fc.record({ id: fc.integer({ min: 0, max: most }), value: fc.uint8Array({ maxLength: longest }) });
    const body = fc.oneof(
      fc.array(element(15, 16), { maxLength: 8 }).map((all) => [0xbede, shortForm(all)] as const),
      fc
        .tuple(fc.integer({ min: 0, max: 15 }), fc.array(element(255, 40), { maxLength: 8 }))
        .map(([bits, all]) => [0x1000 | bits, longForm(all)] as const),
    );
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { maxLength: 12 });
    const known = fc.tuple(ids, ids).map(([some]) => [...new Set([1, 2, 3, ...some])]);
    fc.assert(
      fc.property(known, fc.array(body, { minLength: 1, maxLength: 5 }), (encrypted, bodies) => {
        const rig = piece(suite, master, encrypted);
        let index = 65_534;
        for (const [profile, bytes] of bodies) {
          const packet = withExtension(index % 65_536, profile, bytes);
          const expected = model.protect(model.withElements(packet, index, new Set(encrypted)), index);
          const there = rig.process(frame('plain', packet));
          expect(there.sent.map(({ bytes: all }) => Buffer.from(all.subarray(28)))).toEqual([expected]);
          const back = rig.process(frame('protected', expected));
          expect(back.sent.map(({ bytes: all }) => Buffer.from(all.subarray(28)))).toEqual([packet]);
          index++;
        }
      }),
      { numRuns: 25 },
    );
  });
});

test.each([
  ['of the one-byte form', 0xbede, '17414273'],
  ['of the two-byte form', 0x1000, '01ff0000'],
  ['whose length is missing', 0x1000, '00000001'],
])('an element %s that ends behind its extension does not leave', (_form, profile, bytes) => {
  const rig = piece(CM, MASTER, [1]);
  const packet = withExtension(5, profile, Buffer.from(bytes, 'hex'));
  expect(rig.process(frame('plain', packet)).ends).toMatchObject([{ reason: 'malformed' }]);
  const carried = new SrtpModel(CM, MASTER).protect(packet, 5);
  expect(rig.process(frame('protected', carried)).ends).toMatchObject([{ reason: 'malformed' }]);
});

test('extensions of other profiles, and packets without one, are as they were', () => {
  const rig = piece(CM, MASTER, [1, 2]);
  const model = new SrtpModel(CM, MASTER);
  const other = withExtension(5, 0x4711, Buffer.from('1041424310414243', 'hex'));
  const none = Buffer.concat([Buffer.from(other.subarray(0, 12)), Buffer.from('speech')]);
  none[0] = 0x80;
  none.writeUInt16BE(6, 2);
  const { sent } = rig.process(frame('plain', other), frame('plain', none));
  expect(sent.map(({ bytes }) => Buffer.from(bytes.subarray(28)))).toEqual([
    model.protect(other, 5),
    model.protect(none, 6),
  ]);
});

function piece(suite: SuiteName, master: Buffer, encrypted: readonly number[]): PieceRig {
  const key = master.toString('base64');
  return new PieceRig(make, [
    ['suite', suite],
    ['send-key', key],
    ['receive-key', key],
    ...encrypted.map((id) => ['encrypted-extension', String(id)] as const),
  ]).join();
}

interface Element {
  readonly id: number;
  readonly value: Uint8Array;
}

/** Whole words of elements in the one-byte form; those of no bytes are padding. */
function shortForm(elements: readonly Element[]): Buffer {
  return padded(
    elements.flatMap(({ id, value }) =>
      id === 0 || value.length === 0 ? [0] : [(id << 4) | (value.length - 1), ...value],
    ),
  );
}

function longForm(elements: readonly Element[]): Buffer {
  return padded(elements.flatMap(({ id, value }) => (id === 0 ? [0] : [id, value.length, ...value])));
}

function padded(bytes: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from(bytes)], Math.ceil(bytes.length / 4) * 4);
}

function withExtension(sequence: number, profile: number, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header[0] = 0x90;
  header.writeUInt16BE(sequence, 2);
  header.writeUInt32BE(SSRC, 8);
  header.writeUInt16BE(profile, 12);
  header.writeUInt16BE(body.length / 4, 14);
  return Buffer.concat([header, body, Buffer.from('some speech')]);
}

function frame(edge: string, bytes: Uint8Array): GivenFrame {
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(5004, 0);
  udp.writeUInt16BE(5006, 2);
  return {
    edge,
    parts: [
      { protocol: 'ipv4', role: 'header', bytes: ip },
      { protocol: 'udp', role: 'header', bytes: udp },
      { bytes },
    ],
  };
}
