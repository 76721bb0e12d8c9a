import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { PieceRig } from '../pieces/piece-rig.ts';
import { datagram, master, rtp, type Side, senderReport } from '../rtp-encryption/phones.ts';
import { SUITES, type SuiteName } from './srtp-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'libsrtp-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!existsSync('/usr/include/srtp2/srtp.h'))('srtp and libsrtp', () => {
  let make: BoundComponent;
  const peer = join(folder, 'libsrtp-peer');
  beforeAll(async () => {
    const source = join(packageRoot(), 'test/srtp/libsrtp-peer.c');
    execFileSync('cc', ['-O2', '-Wall', '-Werror', '-o', peer, source, '-lsrtp2']);
    make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/srtp')));
  }, 300_000);

  test.each(SHARED)('unprotect what the other protects, with %s', (suite) => {
    const { key, salt } = SUITES[suite];
    const [send, receive] = [master(key + salt, 1), master(key + salt, 2)];
    const rig = new PieceRig(make, {
      suite,
      'send-key': send.toString('base64'),
      'receive-key': receive.toString('base64'),
    }).join();
    const through = (side: Side, packets: readonly Packet[]): Packet[] =>
      packets.map(({ kind, bytes }) => {
        const { sent, ends } = rig.process(datagram(side, bytes, '192.0.2.4', 5004, '198.51.100.7', 5006));
        return { kind, bytes: sent[0]?.bytes.subarray(28) ?? Buffer.from(ends[0]!.reason) };
      });
    // There and back, with a rollover, several sources, an empty payload, and packets out of order.
    expect(libsrtp('unprotect', suite, send, through('plain', PACKETS))).toEqual(hex(PACKETS));
    const protectedByPeer = libsrtp('protect', suite, receive, PACKETS).map((text, i) => ({
      kind: PACKETS[i]!.kind,
      bytes: Buffer.from(text, 'hex'),
    }));
    expect(hex(through('protected', protectedByPeer))).toEqual(hex(PACKETS));
    // Both refuse the same packets for a second time, and those of another key.
    expect(hex(through('protected', protectedByPeer.slice(0, 1)))).toEqual([
      Buffer.from('replayed').toString('hex'),
    ]);
    const [once] = through('plain', [{ kind: 'rtp', bytes: rtp(9000, 'x', 77) }]);
    expect(libsrtp('unprotect', suite, send, [once!, once!])).toEqual([
      rtp(9000, 'x', 77).toString('hex'),
      'error 9',
    ]);
    expect(libsrtp('unprotect', suite, receive, [once!])).toEqual(['error 7']);
  });

  function libsrtp(way: string, suite: SuiteName, key: Buffer, packets: readonly Packet[]): string[] {
    const input = packets
      .map(({ kind, bytes }) => `${kind} ${Buffer.from(bytes).toString('hex')}\n`)
      .join('');
    return execFileSync(peer, [way, suite, key.toString('hex')], { input })
      .toString()
      .trim()
      .split('\n');
  }
});

/**
 * Without AES-192: libsrtp 2.5 derives its session keys by AES-256, from the key, the salt and zeroes. RFC
 * 6188 §4 derives them by AES-192, and its vectors (`vectors.ts`) decide.
 */
const SHARED = (Object.keys(SUITES) as SuiteName[]).filter((name) => !name.startsWith('AES_192'));

interface Packet {
  readonly kind: 'rtp' | 'rtcp';
  readonly bytes: Uint8Array;
}

const hex = (packets: readonly Packet[]): string[] =>
  packets.map(({ bytes }) => Buffer.from(bytes).toString('hex'));

const PACKETS: readonly Packet[] = [
  ...[65_530, 65_534, 65_532, 65_535, 0, 2, 1, 3].map((n) => ({ kind: 'rtp' as const, bytes: rtp(n) })),
  { kind: 'rtcp', bytes: senderReport() },
  { kind: 'rtp', bytes: rtp(7, 'x'.repeat(1200), 42) },
  { kind: 'rtp', bytes: rtp(8, '', 42).subarray(0, 12) },
  { kind: 'rtcp', bytes: senderReport(42) },
  { kind: 'rtcp', bytes: senderReport(42) },
];
