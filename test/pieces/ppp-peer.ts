import { ACK, concat, FIN, ME, RST, read, SYN, stream } from './carrier-frames.ts';
import type { GivenFrame, PieceRig, RigResult, SentFrame } from './piece-rig.ts';

export const LCP = 0xc021;
export const IPCP = 0x8021;
export const IPV6CP = 0x8057;
export const [REQUEST, CONFIGURE_ACK, NAK, REJECT, TERMINATE, TERMINATE_ACK, CODE_REJECT, PROTOCOL_REJECT] = [
  1, 2, 3, 4, 5, 6, 7, 8,
];
export const [ECHO_REQUEST, ECHO_REPLY, DISCARD] = [9, 10, 11];

/** A frame without flags, escapes and check sequence. */
export interface PppFrame {
  /** Whether it has address and control, and a protocol field of two bytes. */
  readonly isPlain: boolean;
  readonly protocol: number;
  readonly body: Uint8Array;
}

/** A packet of a control protocol. */
export interface Packet {
  readonly protocol: number;
  readonly code: number;
  readonly id: number;
  readonly data: number[];
}

/** The check sequence, a bit at a time as RFC 1662 §C.1 describes the polynomial. */
export function sequenceOf(bytes: ArrayLike<number>): number {
  let value = 0xffff;
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const isSet = (value ^ (bytes[at]! >> bit)) & 1;
      value = isSet === 1 ? (value >> 1) ^ 0x8408 : value >> 1;
    }
  }
  return value ^ 0xffff;
}

/** Bytes of a stream for a frame. `escaped` decides which bytes are escaped besides flag and escape. */
export function encode(
  bytes: ArrayLike<number>,
  escaped: (byte: number) => boolean = (byte) => byte < 0x20,
  sequence = sequenceOf(bytes),
): number[] {
  const all = [...Array.from(bytes), sequence & 255, sequence >> 8];
  const body = all.flatMap((byte) =>
    byte === 0x7e || byte === 0x7d || escaped(byte) ? [0x7d, byte ^ 0x20] : [byte],
  );
  return [0x7e, ...body, 0x7e];
}

export function control({ protocol, code, id, data }: Packet): number[] {
  const length = data.length + 4;
  return encode([0xff, 3, protocol >> 8, protocol & 255, code, id, length >> 8, length & 255, ...data]);
}

/** The frames in bytes of a stream; what is not right is an error. */
export function decode(bytes: Uint8Array): PppFrame[] {
  const frames: PppFrame[] = [];
  let frame: number[] = [];
  let isEscaped = false;
  for (const byte of bytes) {
    if (byte === 0x7e) {
      if (frame.length > 0) frames.push(parse(frame));
      frame = [];
    } else if (byte === 0x7d) {
      isEscaped = true;
    } else {
      frame.push(isEscaped ? byte ^ 0x20 : byte);
      isEscaped = false;
    }
  }
  if (frame.length > 0 || isEscaped) throw new Error('the stream ends within a frame');
  return frames;
}

function parse(frame: readonly number[]): PppFrame {
  const bytes = frame.slice(0, -2);
  if (sequenceOf(bytes) !== (frame.at(-2)! | (frame.at(-1)! << 8))) throw new Error('a wrong check sequence');
  const hasAddress = bytes[0] === 0xff && bytes[1] === 3;
  const at = hasAddress ? 2 : 0;
  const isLong = (bytes[at]! & 1) === 0;
  const protocol = isLong ? (bytes[at]! << 8) | bytes[at + 1]! : bytes[at]!;
  return {
    isPlain: hasAddress && isLong,
    protocol,
    body: Uint8Array.from(bytes.slice(at + (isLong ? 2 : 1))),
  };
}

export function packetsIn(result: RigResult): Packet[] {
  return framesIn(result)
    .filter(({ protocol }) => protocol >= 0x8000)
    .map(({ protocol, body }) => {
      const length = (body[2]! << 8) | body[3]!;
      if (length !== body.length) throw new Error('a packet of another length than it says');
      return { protocol, code: body[0]!, id: body[1]!, data: [...body.slice(4)] };
    });
}

export function framesIn(result: RigResult): PppFrame[] {
  return result.sent.filter(({ edge }) => edge === 'carrier').flatMap((frame) => decode(read(frame).body));
}

/** The other side, written in the test: the opener of the stream. */
export class PppPeer {
  constructor(readonly rig: PieceRig) {}

  open(): RigResult {
    return this.rig.process(stream([], SYN));
  }

  say(...packets: readonly Packet[]): RigResult {
    return this.rig.process(stream(packets.flatMap(control)));
  }

  /** Brings the link up with what the piece asks for, and these options of its own. */
  agree(options: readonly number[] = []): void {
    const [request] = packetsIn(this.open());
    const results = [
      this.say(
        { ...request!, code: CONFIGURE_ACK },
        { protocol: LCP, code: REQUEST, id: 1, data: [...options] },
      ),
    ];
    for (const packet of packetsIn(results[0]!))
      if (packet.code === REQUEST) results.push(this.say({ ...packet, code: CONFIGURE_ACK }));
  }
}

const ip = (protocol: 'ipv4' | 'ipv6', bytes: ArrayLike<number>): GivenFrame => ({
  edge: 'packets',
  parts: [{ protocol, role: 'header', bytes }],
});
export const ipv4Packet = (bytes: ArrayLike<number>): GivenFrame => ip('ipv4', bytes);
export const ipv6Packet = (bytes: ArrayLike<number>): GivenFrame => ip('ipv6', bytes);

/** Two pieces, one of which opens the stream to the other; their streams are cut as `cut` says. */
export class PppPair {
  /** Packets that came out of each. */
  readonly delivered: readonly [Uint8Array[], Uint8Array[]] = [[], []];
  readonly reasons: string[] = [];

  constructor(
    readonly opener: PieceRig,
    readonly other: PieceRig,
    readonly cut: (bytes: Uint8Array) => readonly Uint8Array[] = (bytes) => [bytes],
  ) {}

  /** Calls one of them, and carries on until both are silent. */
  call(which: 0 | 1, ...given: readonly GivenFrame[]): void {
    const rigs = [this.opener, this.other] as const;
    let results: [0 | 1, RigResult][] = [[which, rigs[which].process(...given)]];
    for (let turns = 0; results.length > 0; turns++) {
      if (turns > 200) throw new Error('they never stop talking');
      const next: [0 | 1, RigResult][] = [];
      for (const [from, result] of results) {
        this.reasons.push(...result.ends.map(({ reason }) => reason));
        for (const frame of result.sent) {
          if (frame.edge === 'packets') this.delivered[from].push(frame.bytes);
          else
            for (const frames of this.#carried(from, frame))
              next.push([from === 0 ? 1 : 0, rigs[from === 0 ? 1 : 0].process(...frames)]);
        }
      }
      results = next;
    }
  }

  /** The work of an endpoint: it also answers an opening to the opener. */
  #carried(from: 0 | 1, frame: SentFrame): GivenFrame[][] {
    const { flags, body } = read(frame);
    const source = from === 0 ? OPENER : LISTENER;
    if (flags === SYN) {
      const answered = this.opener.process(stream([], SYN | ACK, LISTENER));
      if (answered.sent.some(({ edge }) => edge === 'carrier'))
        return [
          [stream([], SYN, OPENER)],
          ...answered.sent.map((sent) => [stream(read(sent).body, ACK, OPENER)]),
        ];
      return [[stream([], SYN, OPENER)]];
    }
    if ((flags & (FIN | RST)) !== 0) return [[stream([], flags, source)]];
    return this.cut(body).map((bytes) => [stream(bytes, ACK, source)]);
  }
}

const OPENER = { address: [192, 0, 2, 9], port: 40_000 };
export const LISTENER = { address: [192, 0, 2, 2], port: 3000 };
export const HERE = ME;
export { concat };
