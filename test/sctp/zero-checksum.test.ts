import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import type { RigResult, SentFrame } from '../pieces/piece-rig.ts';
import { parameter, parameterOf, ScriptedPeer } from './scripted-peer.ts';
import {
  A,
  above,
  be32,
  CHUNK,
  carried,
  chunk,
  data,
  encode,
  encodeUnsealed,
  type WireChunk,
} from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

const DTLS = parameter(0x8001, be32(1));
const ON = { 'zero-checksum': 'true' };
const MESSAGE = { sid: 0, ppid: 1, bytes: Uint8Array.of(1, 2, 3) };

/** The checksum fields of packets. The decoder of the other tests would refuse those that are 0. */
const checksums = (sent: readonly SentFrame[]) =>
  sent
    .filter(({ edge }) => edge === 'carrier')
    .map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(28 + 8, true));
const reasonsOf = ({ ends }: RigResult) => ends.map(({ reason }) => reason);

/** Opens an association, and decodes no packet of the piece after the INIT ACK. */
function open(peer: ScriptedPeer, parameters: readonly number[]): void {
  const { tag, tsn, cookie } = peer.ask({ parameters });
  peer.tag = tag;
  peer.peerTsn = tsn;
  const { sourcePort, destinationPort } = peer;
  const echo = encode({ sourcePort, destinationPort, tag, chunks: [chunk(CHUNK.COOKIE_ECHO, cookie)] });
  peer.rig.process(carried(echo, peer.from, A));
}

const write = (peer: ScriptedPeer) =>
  peer.rig.process(above(A, peer.destinationPort, peer.from, peer.sourcePort, data(MESSAGE)));

function sendUnsealed(peer: ScriptedPeer, tag: number, ...chunks: readonly WireChunk[]): RigResult {
  const { sourcePort, destinationPort } = peer;
  const bytes = encodeUnsealed({ sourcePort, destinationPort, tag, chunks });
  return peer.rig.process(carried(bytes, peer.from, A));
}

test('the parameter is sent by the setting, and the checksum is left out where the peer sent it, too', () => {
  for (const [settings, parameters, isLeftOut] of [
    [ON, DTLS, true],
    [ON, [], false],
    [ON, parameter(0x8001, be32(2)), false],
    [{}, DTLS, false],
  ] as const) {
    const peer = new ScriptedPeer(make, settings);
    const announced = parameterOf(peer.ask().initAck, 0x8001);
    expect(announced).toEqual(settings === ON ? Uint8Array.from(be32(1)) : undefined);
    open(peer, parameters);
    const all = checksums(write(peer).sent);
    expect(all.length).toBe(1);
    expect(all[0] === 0).toBe(isLeftOut);
  }
});

test('packets without a checksum are taken from a peer with an association, and only by the setting', () => {
  for (const settings of [ON, {}]) {
    const peer = new ScriptedPeer(make, settings);
    open(peer, []);
    const result = sendUnsealed(peer, peer.tag, peer.data());
    expect(reasonsOf(result)).toEqual([settings === ON ? 'data' : 'bad-checksum']);
  }
});

test('INIT and COOKIE ECHO have a checksum both ways, and so have packets of no association', () => {
  const peer = new ScriptedPeer(make, ON);
  expect(reasonsOf(sendUnsealed(peer, 0, peer.init()))).toEqual(['bad-checksum']);
  const { tag, cookie } = peer.ask({ parameters: DTLS });
  for (const each of [chunk(CHUNK.COOKIE_ECHO, cookie), peer.data()])
    expect(reasonsOf(sendUnsealed(peer, tag, each))).toEqual(['bad-checksum']);
  const other = new ScriptedPeer(make, ON);
  // The decoder refuses packets without their checksums.
  other.beOpened();
  const { chunks } = other.send(other.initAck({ parameters: DTLS }));
  expect(chunks.map(({ type }) => type)).toEqual([CHUNK.COOKIE_ECHO]);
});

test('a wrong checksum that is not 0 is never taken', () => {
  const peer = new ScriptedPeer(make, ON);
  open(peer, DTLS);
  const { sourcePort, destinationPort, tag } = peer;
  const bytes = encode({ sourcePort, destinationPort, tag, chunks: [peer.data()] });
  bytes[8]! ^= 1;
  expect(reasonsOf(peer.rig.process(carried(bytes, peer.from, A)))).toEqual(['bad-checksum']);
});
