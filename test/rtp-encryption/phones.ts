import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Property } from '../../abi/host/contract.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type GivenFrame, PieceRig, type RigResult, type SentFrame } from '../pieces/piece-rig.ts';
import {
  bodyOf,
  type RequestOptions,
  type ResponseOptions,
  request,
  response,
} from '../sipproxy64/phones.ts';
import { SrtpModel, type SuiteName } from '../srtp/srtp-model.ts';

export type Side = 'plain' | 'protected';

/** The places of the phone on the plain side and of its peer: of SIP and of media. */
export const PHONE = '192.0.2.4';
export const PEER = '198.51.100.7';
export const PHONE_RTP = 5004;
export const PEER_RTP = 7000;

export async function rtpEncryption(onCall?: (units: number) => void): Promise<BoundComponent> {
  const component = await builtPiece(join(packageRoot(), 'pieces-as/rtp-encryption'));
  return runByOffset(component, onCall);
}

/** The piece between a phone and its peer. */
export class Path {
  readonly rig: PieceRig;
  readonly #make: BoundComponent;
  readonly #settings: Readonly<Record<string, string>>;

  /** @param suites of the setting `suite`, where there are several */
  constructor(
    make: BoundComponent,
    settings: Readonly<Record<string, string>> = {},
    properties: readonly Property[] = [],
    seed = 1n,
    suites: readonly string[] = [],
  ) {
    let state = seed;
    this.#make = make;
    this.#settings = { 'keys-in-clear': 'true', ...settings };
    const all = [...Object.entries(this.#settings), ...suites.map((suite) => ['suite', suite] as const)];
    this.rig = new PieceRig(make, all, () => {
      state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn;
      return state ^ (state >> 29n);
    }).join(undefined, [0], properties);
  }

  /** A new instance that has the state of this one. */
  replaced(settings: Readonly<Record<string, string>> = {}): Path {
    const state = this.rig.piece.save(this.rig.now);
    const next = new Path(this.#make, { ...this.#settings, ...settings }, [], 99n);
    const problem = next.rig.piece.restore(next.rig.now, '0.1.0', state);
    if (problem !== undefined) throw new Error(problem.message);
    return next;
  }

  /** A message of a side; the result says what the other side gets, and what the sender gets back. */
  send(side: Side, text: string): Told {
    const [from, to] = side === 'plain' ? [PHONE, PEER] : [PEER, PHONE];
    return told(side, this.rig.process(datagram(side, Buffer.from(text), from, 5060, to, 5060)));
  }

  /** Packets of media of a side. */
  media(side: Side, packets: readonly Uint8Array[], places: Partial<Places> = {}): Media {
    const plain = side === 'plain';
    const { from, fromPort, to, toPort } = {
      from: plain ? PHONE : PEER,
      fromPort: plain ? PHONE_RTP : PEER_RTP,
      to: plain ? PEER : PHONE,
      toPort: plain ? PEER_RTP : PHONE_RTP,
      ...places,
    };
    const result = this.rig.process(
      ...packets.map((packet) => datagram(side, packet, from, fromPort, to, toPort)),
    );
    return {
      passed: result.sent.filter(({ edge }) => edge !== side).map(payloadOf),
      ends: result.ends.map(({ reason }) => reason),
    };
  }
}

export interface Places {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

export interface Media {
  readonly passed: readonly Buffer[];
  readonly ends: readonly string[];
}

export interface Told {
  /** The message that the other side gets; '' for none. */
  readonly passed: string;
  /** The response that the sender gets from the piece; '' for none. */
  readonly back: string;
  readonly ends: readonly string[];
}

function told(side: Side, result: RigResult): Told {
  const textTo = (goesBack: boolean): string =>
    result.sent
      .filter(({ edge }) => (edge === side) === goesBack)
      .map((frame) => payloadOf(frame).toString())
      .join('');
  return { passed: textTo(false), back: textTo(true), ends: result.ends.map(({ reason }) => reason) };
}

/** A description of lines `m=`, each with its attributes. */
export function described(address: string, ...lines: readonly string[]): string {
  return `${['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0', ...lines].join('\r\n')}\r\n`;
}

/** The description of the phone, and that of its peer with keys. */
export const phoneSdp = (...more: readonly string[]): string =>
  described(PHONE, `m=audio ${PHONE_RTP} RTP/AVP 0`, ...more);
export const peerSdp = (...more: readonly string[]): string =>
  described(PEER, `m=audio ${PEER_RTP} RTP/SAVP 0`, ...more);

export interface CryptoLine {
  readonly tag: string;
  readonly suite: string;
  readonly master: Buffer;
}

/** The lines `a=crypto` in a text. */
export function cryptoIn(text: string): CryptoLine[] {
  return [...text.matchAll(/^a=crypto:(\d+) (\S+) inline:([A-Za-z0-9+/=]+)/gm)].map(
    ([, tag, suite, key]) => ({
      tag: tag!,
      suite: suite!,
      master: Buffer.from(key!, 'base64'),
    }),
  );
}

/** The lines `m=` in a text. */
export const mediaIn = (text: string): string[] => text.match(/^m=.*(?=\r)/gm) ?? [];

export const cryptoLine = (tag: number | string, suite: string, master: Buffer, more = ''): string =>
  `a=crypto:${tag} ${suite} inline:${master.toString('base64')}${more}`;

export function modelOf(line: CryptoLine): SrtpModel {
  return new SrtpModel(line.suite as SuiteName, line.master);
}

/** A key with its salt, of as many bytes, which differ by the seed. */
export const master = (bytes: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31 + seed * 59 + 7) & 0xff));

export interface Call {
  readonly path: Path;
  /** The INVITE and its answer, as they arrived. */
  readonly invite: string;
  readonly answer: string;
  /** Models of the packets of the piece, and of those of its peer. */
  readonly sending: SrtpModel;
  readonly receiving: SrtpModel;
  readonly peerKey: Buffer;
}

/** The phone calls; the peer answers with a key for the first suite. */
export function callOut(
  path: Path,
  options: { readonly key?: Buffer; readonly invite?: RequestOptions } = {},
): Call {
  const invite = path.send('plain', request('INVITE', { body: phoneSdp(), ...options.invite })).passed;
  const [own] = cryptoIn(invite);
  if (own === undefined) throw new Error(`no keys in\n${invite}`);
  const peerKey = options.key ?? master(own.master.length, 1);
  const sdp = peerSdp(cryptoLine(own.tag, own.suite, peerKey));
  const answer = path.send('protected', response(invite, '200 OK', { body: sdp })).passed;
  return {
    path,
    invite,
    answer,
    sending: modelOf(own),
    receiving: new SrtpModel(own.suite as SuiteName, peerKey),
    peerKey,
  };
}

/** The peer calls, with keys; the phone answers. */
export function callIn(
  path: Path,
  offer: string,
  answer: string = phoneSdp(),
  options: ResponseOptions = {},
) {
  const invite = path.send('protected', request('INVITE', { body: offer }));
  if (invite.passed === '') throw new Error(`the INVITE ended: ${invite.ends.join()}`);
  const answered = path.send('plain', response(invite.passed, '200 OK', { body: answer, ...options }));
  return { invite: invite.passed, answer: answered.passed, ends: answered.ends };
}

export const sdpOf = (text: string): string => bodyOf(text);

export function rtp(sequence: number, text = `packet ${sequence}`, ssrc = 0xcafe_babe): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE((sequence * 160) >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, Buffer.from(text.padEnd(24))]);
}

export function senderReport(ssrc = 0xcafe_babe): Buffer {
  const report = Buffer.alloc(28, 0x11);
  report.writeUInt32BE(0x80c8_0006, 0);
  report.writeUInt32BE(ssrc, 4);
  return report;
}

export function datagram(
  edge: Side,
  bytes: Uint8Array,
  from: string,
  fromPort: number,
  to: string,
  toPort: number,
): GivenFrame {
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(28 + bytes.length, 2);
  ip[8] = 64;
  ip[9] = 17;
  for (const [at, address] of [
    [12, from],
    [16, to],
  ] as const)
    for (const [i, octet] of address.split('.').entries()) ip[at + i] = Number(octet);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(fromPort, 0);
  udp.writeUInt16BE(toPort, 2);
  udp.writeUInt16BE(8 + bytes.length, 4);
  return {
    edge,
    parts: [
      { protocol: 'ipv4', role: 'header', bytes: ip },
      { protocol: 'udp', role: 'header', bytes: udp },
      { bytes },
    ],
  };
}

function payloadOf(frame: SentFrame): Buffer {
  return Buffer.from(frame.bytes.subarray(28));
}
