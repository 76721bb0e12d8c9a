import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { PieceRig, type RigResult } from '../pieces/piece-rig.ts';
import { randomBy } from './two-ends.ts';
import {
  A,
  above,
  B,
  be16,
  be32,
  CHUNK,
  carried,
  chunk,
  data,
  decode,
  type End,
  encode,
  type Message,
  messageOf,
  read16,
  read32,
  uncarried,
  type WireChunk,
  type WirePacket,
} from './wire.ts';

export interface Answer {
  readonly packets: readonly WirePacket[];
  /** All chunks of all packets. */
  readonly chunks: readonly WireChunk[];
  readonly messages: readonly ReturnType<typeof messageOf>[];
  readonly notices: readonly number[];
  readonly reasons: readonly string[];
  readonly to: readonly End[];
}

export interface InitFields {
  readonly tag?: number;
  readonly window?: number;
  readonly outStreams?: number;
  readonly inStreams?: number;
  readonly tsn?: number;
  readonly parameters?: readonly number[];
}

/**
 * A peer that does exactly what the test says, on port 7 of B, against a piece on A whose port 5001 is open.
 */
export class ScriptedPeer {
  readonly rig: PieceRig;
  from: End = B;
  sourcePort = 7;
  destinationPort = 5001;
  /** The tag that our packets carry, and the one that those of the piece carry. */
  tag = 0;
  ownTag = 0xaabb_ccdd;
  tsn = 1000;
  /** The initial TSN of the piece, from its INIT or INIT ACK. */
  peerTsn = 0;
  wakeAt = Infinity;

  constructor(make: BoundComponent, settings: Readonly<Record<string, string>> = {}, seed = 7) {
    const random = randomBy(seed);
    const word = () => BigInt(Math.floor(random() * 0x1_0000_0000));
    this.rig = new PieceRig(
      make,
      { port: '5001', notices: 'true', ...settings },
      () => (word() << 32n) | word(),
    );
    this.rig.join(['streams']).join(['carrier'], [0, 1]);
  }

  /** The piece takes the place of that of another peer. */
  takeOver(other: ScriptedPeer): void {
    const state = other.rig.piece.save(other.rig.now);
    const problem = this.rig.piece.restore(this.rig.now, this.rig.description.version, state);
    if (problem !== undefined) throw new Error(problem.message);
  }

  /** Sends one packet of these chunks, and returns its effects. */
  send(...chunks: readonly WireChunk[]): Answer {
    return this.sendTagged(this.tag, ...chunks);
  }

  sendTagged(tag: number, ...chunks: readonly WireChunk[]): Answer {
    const { sourcePort, destinationPort } = this;
    return this.sendBytes(encode({ sourcePort, destinationPort, tag, chunks }));
  }

  /** As many packets in one call. */
  sendMany(packets: readonly (readonly WireChunk[])[]): Answer {
    const { sourcePort, destinationPort, tag } = this;
    const given = packets.map((chunks) =>
      carried(encode({ sourcePort, destinationPort, tag, chunks }), this.from, A),
    );
    return this.answerOf(this.rig.process(...given));
  }

  sendBytes(bytes: Uint8Array): Answer {
    return this.answerOf(this.rig.process(carried(bytes, this.from, A)));
  }

  /** A message from above to this peer, or another chunk. */
  fromAbove(contents: WireChunk): Answer {
    return this.answerOf(
      this.rig.process(above(A, this.destinationPort, this.from, this.sourcePort, contents)),
    );
  }

  write(...messages: readonly Message[]): Answer {
    return this.answerOf(
      this.rig.process(
        ...messages.map((each) => above(A, this.destinationPort, this.from, this.sourcePort, data(each))),
      ),
    );
  }

  /** Time goes by, and what is due happens. */
  pass(ms: number): Answer {
    this.rig.now += ms;
    return this.answerOf(this.rig.process());
  }

  /** Goes to what is due next. */
  passToWake(): Answer {
    return this.pass(Math.max(0, this.wakeAt - this.rig.now));
  }

  init(fields: InitFields = {}): WireChunk {
    return chunk(CHUNK.INIT, this.initValue(fields));
  }

  initValue(fields: InitFields = {}): number[] {
    const { tag = this.ownTag, window = 100_000, outStreams = 10, inStreams = 10, tsn = this.tsn } = fields;
    return [
      ...be32(tag),
      ...be32(window),
      ...be16(outStreams),
      ...be16(inStreams),
      ...be32(tsn),
      ...(fields.parameters ?? []),
    ];
  }

  /** Sends an INIT, and takes the tag and the cookie out of the INIT ACK. */
  ask(fields: InitFields = {}): { tag: number; tsn: number; cookie: Uint8Array; initAck: WireChunk } {
    const { chunks } = this.sendTagged(0, this.init(fields));
    const initAck = chunks.find(({ type }) => type === CHUNK.INIT_ACK);
    if (initAck === undefined) throw new Error('there is no INIT ACK');
    return {
      tag: read32(initAck.value, 0),
      tsn: read32(initAck.value, 12),
      cookie: parameterOf(initAck, 7)!,
      initAck,
    };
  }

  /** Opens an association from this side. */
  open(fields: InitFields = {}): this {
    this.tsn = fields.tsn ?? this.tsn;
    const { tag, tsn, cookie } = this.ask(fields);
    this.tag = tag;
    this.peerTsn = tsn;
    const { chunks } = this.send(chunk(CHUNK.COOKIE_ECHO, cookie));
    if (!chunks.some(({ type }) => type === CHUNK.COOKIE_ACK)) throw new Error('there is no COOKIE ACK');
    return this;
  }

  /** The piece opens an association with a message, and sends the INIT. */
  beOpened(message: Message = { sid: 0, ppid: 1, bytes: Uint8Array.of(1) }): WireChunk {
    const { chunks } = this.write(message);
    this.tag = read32(chunks[0]!.value, 0);
    this.peerTsn = read32(chunks[0]!.value, 12);
    return chunks[0]!;
  }

  initAck(fields: InitFields = {}, cookie: readonly number[] = [1, 2, 3, 4, 5]): WireChunk {
    return chunk(CHUNK.INIT_ACK, [...this.initValue(fields), ...parameter(7, cookie)]);
  }

  /** The next DATA chunk of ours. */
  data(fields: Partial<Message> & { tsn?: number; ssn?: number; flags?: number } = {}): WireChunk {
    const { sid = 0, ppid = 1, bytes = Uint8Array.of(1, 2, 3), isUnordered = false, ...rest } = fields;
    return data({ sid, ppid, bytes, isUnordered }, { tsn: fields.tsn ?? this.tsn++, ...rest });
  }

  sack(
    cumulative: number,
    {
      window = 100_000,
      gaps = [],
      duplicates = [],
    }: {
      window?: number;
      gaps?: readonly (readonly [number, number])[];
      duplicates?: readonly number[];
    } = {},
  ): WireChunk {
    return chunk(CHUNK.SACK, [
      ...be32(cumulative),
      ...be32(window),
      ...be16(gaps.length),
      ...be16(duplicates.length),
      ...gaps.flatMap(([start, end]) => [...be16(start), ...be16(end)]),
      ...duplicates.flatMap(be32),
    ]);
  }

  /** Whether the association still answers. */
  get isAlive(): boolean {
    const { chunks } = this.send(chunk(CHUNK.HEARTBEAT, parameter(1, [9, 9])));
    return chunks.some(({ type }) => type === CHUNK.HEARTBEAT_ACK);
  }

  answerOf({ sent, ends, wakeAt }: RigResult): Answer {
    this.wakeAt = wakeAt;
    const packets: WirePacket[] = [];
    const messages: ReturnType<typeof messageOf>[] = [];
    const notices: number[] = [];
    const to: End[] = [];
    for (const frame of sent) {
      if (frame.edge === 'carrier') {
        const carriedPacket = uncarried(frame);
        packets.push(decode(carriedPacket.bytes));
        to.push(carriedPacket.to);
      } else {
        const at = frame.bytes[0]! >> 4 === 6 ? 52 : 32;
        if (frame.bytes[at] === CHUNK.DATA) messages.push(messageOf(frame));
        else notices.push(frame.bytes[at]!);
      }
    }
    const chunks = packets.flatMap((packet) => packet.chunks);
    return { packets, chunks, messages, notices, reasons: ends.map(({ reason }) => reason), to };
  }
}

/** A parameter or error cause with its padding. */
export function parameter(type: number, value: ArrayLike<number> = []): number[] {
  const bytes = [...be16(type), ...be16(4 + value.length), ...Array.from(value)];
  while (bytes.length % 4 !== 0) bytes.push(0);
  return bytes;
}

/** The value of a parameter of an INIT or INIT ACK. */
export function parameterOf({ value }: WireChunk, type: number): Uint8Array | undefined {
  for (let at = 16; at < value.length; ) {
    const length = read16(value, at + 2);
    if (read16(value, at) === type) return value.slice(at + 4, at + length);
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** The first error cause of an ABORT or ERROR. */
export function causeOf({ value }: WireChunk): { code: number; value: Uint8Array } | undefined {
  if (value.length < 4) return undefined;
  return { code: read16(value, 0), value: value.slice(4, read16(value, 2)) };
}

/** The contents of a SACK. */
export function sackOf({ value }: WireChunk): {
  cumulative: number;
  window: number;
  gaps: [number, number][];
  duplicates: number[];
} {
  const gaps = read16(value, 8);
  const duplicates = read16(value, 10);
  return {
    cumulative: read32(value, 0),
    window: read32(value, 4),
    gaps: Array.from({ length: gaps }, (_, i) => [read16(value, 12 + 4 * i), read16(value, 14 + 4 * i)]),
    duplicates: Array.from({ length: duplicates }, (_, i) => read32(value, 12 + 4 * (gaps + i))),
  };
}
