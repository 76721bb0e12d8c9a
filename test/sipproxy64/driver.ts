import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Frame, HostCalls, Outcome, Part, Piece } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { Cut } from '../../host/frame/parse-function.ts';
import { rtp } from '../../host/frame/parse-rtp.ts';
import { sip } from '../../host/frame/parse-sip.ts';
import type { PieceStatus } from '../../host/piece/piece-status.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { brokenRules, enter, type Ledger } from '../compliance/outcome-rules.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent, BoundPiece } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';

export const OWN4 = '192.0.2.1';
export const OWN6 = '2001:db8::1';

/** A host and port, with brackets around an IPv6 address. */
export type Endpoint = string;

/** The flags and numbers of a segment of TCP. */
export interface Segment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly window: number;
}

/** A datagram, or a segment of a stream, that came out of the piece. */
export interface Sent {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  /** The same, each byte a character. */
  readonly text: string;
  /** Whether it continues a frame that came in. */
  readonly continues: boolean;
  /** The end of the stack of the Shape on which it left. */
  readonly shape: string;
  /** Undefined for a datagram. */
  readonly segment: Segment | undefined;
}

export interface Result {
  readonly sent: readonly Sent[];
  /** Names of the reasons for which tickets ended. */
  readonly ended: readonly string[];
  readonly wakeAt: number;
}

/** The component, loaded once. */
export async function sipProxy(onFuel?: (units: number) => void): Promise<BoundComponent> {
  return runByOffset(await builtPiece(join(packageRoot(), 'pieces-as', 'sipproxy64')), onFuel);
}

const protocols = new Protocols();
const number = (name: string): number => protocols.number(name);

/**
 * Runs SIPproxy64 in the place of a host: datagrams go in with headers around them, parsed as the Shapes say.
 * A rule of the contract that an outcome breaks is thrown.
 */
export class Driver {
  now = 1000;
  readonly logged: string[] = [];
  readonly statuses: PieceStatus[] = [];
  /** The stack of each Shape that the piece listens on, by Edge and number. */
  readonly listening = new Map<string, string>();
  /** Returns why a stack cannot be listened on. */
  refuseListen: (stack: string) => string | undefined = () => undefined;
  readonly piece: BoundPiece;
  readonly description: Piece;
  readonly #settings: readonly (readonly [string, string])[];
  readonly #ledger: Ledger;
  readonly #edges = new Map<number, number>();
  readonly #listened = new Map<number, Set<number>>();
  readonly #withheld = new Map<number, Uint8Array>();
  #nextTicket = 1;
  #nextShape = 40;
  #random: bigint;

  constructor(
    make: BoundComponent,
    settings: Readonly<Record<string, string | readonly string[]>> = {},
    seed = 1n,
  ) {
    this.#random = seed;
    const all: Record<string, string | readonly string[]> = { ipv4: OWN4, ipv6: OWN6, ...settings };
    this.#settings = Object.entries(all).flatMap(([name, value]) =>
      (typeof value === 'string' ? [value] : value).map((each) => [name, each] as const),
    );
    this.piece = make(this.#host());
    const description = make(this.#host()).describe(this.#settings);
    if (!('edges' in description)) throw new Error(JSON.stringify(description));
    this.description = description;
    this.#ledger = { description, edges: this.#edges, listened: this.#listened, open: new Map() };
  }

  /** As `start`, where an endpoint of TCP is on its networks too. */
  startWithStreams(state?: Uint8Array): this {
    return this.start(state, ['ipv4', 'ipv6'], Number.POSITIVE_INFINITY);
  }

  /**
   * Starts it, with a state to take over where one is given, and joins its Edges, or those named, by the
   * first `shapes`.
   */
  start(state?: Uint8Array, edges: readonly string[] = ['ipv4', 'ipv6'], shapes = STREAM_SHAPES): this {
    const numbers = this.description.protocols.map(([name]) => number(name));
    const problems = this.piece.start(this.now, this.#settings, numbers);
    if (problems !== undefined) throw new Error(JSON.stringify(problems));
    if (state !== undefined) {
      const problem = this.piece.restore(this.now, this.description.version, state);
      if (problem !== undefined) throw new Error(problem.message);
    }
    for (const [described, edge] of this.description.edges.entries()) {
      if (!edges.includes(edge.name)) continue;
      this.#edges.set(FIRST_EDGE + described, described);
      for (const shape of [...edge.shapes.keys()].filter((each) => each < shapes))
        this.piece.join({ edge: FIRST_EDGE + described, described, shape, joint: 'net', properties: [] });
    }
    return this;
  }

  /** Lets time pass and the piece wake. */
  pass(ms: number): Result {
    this.now += ms;
    return this.#call([], [], new Uint8Array(0));
  }

  save(): Uint8Array {
    return this.piece.save(this.now);
  }

  /** Gives it a datagram. `to` is a port of the piece in the family of `from`. */
  send(from: Endpoint, payload: string | Uint8Array, to = 5060): Result {
    const result = this.sendAll([[from, payload, to]]);
    if (this.held > 0) throw new Error('a frame neither went on nor ended');
    return result;
  }

  /** Gives it segments of streams in one call. `to` is our port. */
  sendSegments(
    segments: readonly (readonly [from: Endpoint, to: number, segment: Segment, payload: Uint8Array])[],
  ): Result {
    const frames: Frame[] = [];
    const parts: Part[] = [];
    const chunks: Uint8Array[] = [];
    let at = 0;
    for (const [from, to, segment, payload] of segments) {
      const isIpv6 = from.startsWith('[');
      const described = isIpv6 ? 1 : 0;
      const headers = streamHeaders(from, isIpv6, segment, payload.length, to);
      const firstPart = parts.length;
      const roomOffset = at;
      const size = isIpv6 ? 40 : 20;
      const add = (protocol: number, role: Part['role'], own: Uint8Array): void => {
        const marks = role === 'header' ? PartMarks.unfinished : 0;
        parts.push({ protocol, role, marks, offset: at, length: own.length });
        chunks.push(own);
        at += own.length;
      };
      add(number(isIpv6 ? 'ipv6' : 'ipv4'), 'header', headers.subarray(0, size));
      add(number('tcp'), 'header', headers.subarray(size));
      if (payload.length > 0) add(0, 'payload', payload);
      frames.push({
        edge: FIRST_EDGE + described,
        shape: to === this.sipPort ? 5 : this.#shapeOfPeer(FIRST_EDGE + described, from),
        firstPart,
        partCount: parts.length - firstPart,
        skipHeaders: 0,
        skipTrailers: 0,
        roomOffset,
        roomLength: at - roomOffset,
        ticket: this.#nextTicket++,
      });
    }
    return this.#call(frames, parts, Buffer.concat(chunks));
  }

  /** Where segments of a peer to whom the piece connects come in. */
  #shapeOfPeer(edge: number, from: Endpoint): number {
    const port = /\d+$/.exec(from)![0];
    for (const [key, stack] of this.listening)
      if (key.startsWith(`${edge}/`) && stack.endsWith(`/tcp/remote:${port}`))
        return Number(key.split('/')[1]);
    throw new Error(`the piece does not listen for port ${port}`);
  }

  /** Frames that neither went on nor ended. */
  get held(): number {
    return this.#ledger.open.size;
  }

  /** Gives it several datagrams in one call. */
  sendAll(
    datagrams: readonly (readonly [from: Endpoint, payload: string | Uint8Array, to: number])[],
  ): Result {
    const frames: Frame[] = [];
    const parts: Part[] = [];
    const chunks: Uint8Array[] = [];
    let at = 0;
    for (const [from, payload, to] of datagrams) {
      const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
      const isIpv6 = from.startsWith('[');
      const described = isIpv6 ? 1 : 0;
      const network = networkHeader(from, isIpv6, bytes.length, to);
      const contents = this.#cut(bytes, to);
      const shape = this.#shapeFor(FIRST_EDGE + described, contents.stack, to);
      const ticket = this.#nextTicket++;
      const isWithheld = contents.stack !== 'sip' && contents.stack !== 'datagram';
      const firstPart = parts.length;
      const roomOffset = at;
      chunks.push(new Uint8Array(16));
      at += 16;
      const add = (protocol: number, role: Part['role'], own: Uint8Array): void => {
        const withholds = isWithheld && role === 'payload';
        if (withholds) this.#withheld.set(ticket * STRIDE, own);
        const marks = withholds ? PartMarks.withheld : protocol === number('udp') ? PartMarks.unfinished : 0;
        parts.push({ protocol, role, marks, offset: withholds ? ticket * STRIDE : at, length: own.length });
        if (withholds) return;
        chunks.push(own);
        at += own.length;
      };
      const headerLength = isIpv6 ? 40 : 20;
      add(number(isIpv6 ? 'ipv6' : 'ipv4'), 'header', network.subarray(0, headerLength));
      add(number('udp'), 'header', network.subarray(headerLength));
      for (const { protocol, role, own } of contents.parts) add(protocol, role, own);
      frames.push({
        edge: FIRST_EDGE + described,
        shape,
        firstPart,
        partCount: parts.length - firstPart,
        skipHeaders: 0,
        skipTrailers: 0,
        roomOffset,
        roomLength: at - roomOffset,
        ticket,
      });
    }
    return this.#call(frames, parts, Buffer.concat(chunks));
  }

  /** As the host parses it on the Shapes of the piece. */
  #cut(bytes: Uint8Array, to: number): { stack: string; parts: CutPart[] } {
    const cut = new Cut();
    const whole = { protocol: 0, role: 'payload' as const, own: bytes };
    if (to === this.sipPort) {
      if (bytes.length < 16 || sip.parse(bytes, 0, bytes.length, cut) !== 0)
        return { stack: 'datagram', parts: bytes.length === 0 ? [] : [whole] };
      const parts: CutPart[] = [
        { protocol: number('sip'), role: 'header', own: bytes.subarray(0, cut.header) },
      ];
      const end = cut.header + cut.contents;
      parts.push({ protocol: 0, role: 'payload', own: bytes.subarray(cut.header, end) });
      if (end < bytes.length)
        parts.push({ protocol: number('udp'), role: 'trailer', own: bytes.subarray(end) });
      return { stack: 'sip', parts };
    }
    const isRtp = to % 2 === 0 && bytes.length >= 12 && bytes[0]! >> 6 === 2;
    if (isRtp && rtp.parse(bytes, 0, bytes.length, cut) === 0) {
      const parts: CutPart[] = [
        { protocol: number('rtp'), role: 'header', own: bytes.subarray(0, cut.header) },
        { protocol: 0, role: 'payload', own: bytes.subarray(cut.header, cut.header + cut.contents) },
      ];
      if (cut.closing > 0)
        parts.push({
          protocol: number('rtp'),
          role: 'trailer',
          own: bytes.subarray(cut.header + cut.contents),
        });
      return { stack: 'rtp', parts };
    }
    return { stack: 'media', parts: bytes.length === 0 ? [] : [whole] };
  }

  get sipPort(): number {
    return Number(this.#settings.find(([name]) => name === 'port')?.[1] ?? 5060);
  }

  #shapeFor(edge: number, kind: string, port: number): number {
    if (kind === 'sip') return 0;
    if (kind === 'datagram') return 1;
    for (const [key, stack] of this.listening) {
      if (!key.startsWith(`${edge}/`) || !new RegExp(`local:${port}[,}]`).test(stack)) continue;
      if (stack.endsWith('/rtp') === (kind === 'rtp') && !stack.endsWith('/rtcp'))
        return Number(key.split('/')[1]);
    }
    // The piece does not listen there, so a host would not deliver it.
    return 4;
  }

  #call(frames: readonly Frame[], parts: readonly Part[], arena: Uint8Array): Result {
    enter(this.#ledger, frames, parts);
    const outcome = this.piece.process(this.now, frames, parts, arena);
    const broken = brokenRules(this.#ledger, this.now, outcome);
    if (broken.length > 0) throw new Error(broken.join('; '));
    const sent = outcome.frames.map((frame) => this.#sent(frame, outcome));
    this.#withheld.clear();
    return {
      sent,
      ended: outcome.ends.map(({ reason }) => this.description.reasons[reason]!.name),
      wakeAt: outcome.wakeAt,
    };
  }

  #sent(frame: Frame, outcome: Outcome): Sent {
    const own = outcome.parts.slice(frame.firstPart, frame.firstPart + frame.partCount);
    const whole = Buffer.concat(own.map((part) => this.#bytesOf(part, outcome.arena)));
    const isIpv6 = whole[0]! >> 4 === 6;
    const header = isIpv6 ? 40 : 20;
    const address = (at: number): string =>
      isIpv6 ? `[${ipv6Text(whole.subarray(at, at + 16))}]` : [...whole.subarray(at, at + 4)].join('.');
    const isStream = whole[isIpv6 ? 6 : 9] === 6;
    const bytes = whole.subarray(header + (isStream ? 20 : 8));
    return {
      from: `${address(isIpv6 ? 8 : 12)}:${whole.readUInt16BE(header)}`,
      to: `${address(isIpv6 ? 24 : 16)}:${whole.readUInt16BE(header + 2)}`,
      bytes,
      text: bytes.toString('latin1'),
      continues: frame.ticket !== 0,
      shape:
        frame.shape < 7
          ? this.description.edges[this.#edges.get(frame.edge)!]!.shapes[frame.shape]!.stack
          : this.listening.get(`${frame.edge}/${frame.shape}`)!,
      segment: isStream
        ? {
            flags: whole[header + 13]!,
            sequence: whole.readUInt32BE(header + 4),
            acknowledgement: whole.readUInt32BE(header + 8),
            window: whole.readUInt16BE(header + 14),
          }
        : undefined,
    };
  }

  #bytesOf(part: Part, arena: Uint8Array): Uint8Array {
    if ((part.marks & PartMarks.withheld) === 0)
      return arena.subarray(part.offset, part.offset + part.length);
    const base = Math.floor(part.offset / STRIDE) * STRIDE;
    return this.#withheld.get(base)!.subarray(part.offset - base, part.offset - base + part.length);
  }

  #host(): HostCalls {
    return {
      log: (level, message) => this.logged.push(`${level}: ${message}`),
      status: (health, summary, facts) =>
        this.statuses.push({ health, summary, facts: Object.fromEntries(facts) }),
      random: () => {
        this.#random = BigInt.asUintN(64, this.#random * 0x5851_f42d_4c95_7f2dn + 0x1405_7b7e_f767_814fn);
        return this.#random;
      },
      utc: () => [0n, 0],
      listen: (edge, _like, stack) => {
        const refusal = this.refuseListen(stack);
        if (refusal !== undefined) return { message: refusal };
        const shape = this.#nextShape++;
        this.listening.set(`${edge}/${shape}`, stack);
        this.#listened.set(edge, (this.#listened.get(edge) ?? new Set<number>()).add(shape));
        return shape;
      },
      unlisten: (edge, shape) => {
        this.listening.delete(`${edge}/${shape}`);
        this.#listened.get(edge)?.delete(shape);
      },
      offer: () => undefined,
    };
  }
}

interface CutPart {
  readonly protocol: number;
  readonly role: Part['role'];
  readonly own: Uint8Array;
}

/** The first Shape of each Edge that is of a stream. */
const STREAM_SHAPES = 5;
/** The number of the first described Edge when it is joined. */
const FIRST_EDGE = 5;
/** Between the addresses of withheld bodies: more than a frame. */
const STRIDE = 0x2_0000;

/** An IP header and one of TCP, as an endpoint writes them. */
function streamHeaders(
  from: Endpoint,
  isIpv6: boolean,
  segment: Segment,
  length: number,
  to: number,
): Uint8Array {
  const network = networkHeader(from, isIpv6, length + 12, to);
  const size = isIpv6 ? 40 : 20;
  const headers = Buffer.alloc(size + 20);
  headers.set(network.subarray(0, size));
  headers[isIpv6 ? 6 : 9] = 6;
  headers.set(network.subarray(size, size + 4), size);
  headers.writeUInt32BE(segment.sequence, size + 4);
  headers.writeUInt32BE(segment.acknowledgement, size + 8);
  headers[size + 12] = 5 << 4;
  headers[size + 13] = segment.flags;
  headers.writeUInt16BE(segment.window, size + 14);
  return headers;
}

function networkHeader(from: Endpoint, isIpv6: boolean, length: number, to: number): Buffer {
  const [, host = '', port = '0'] = /^(.*):(\d+)$/.exec(from) ?? [];
  const header = Buffer.alloc(isIpv6 ? 48 : 28);
  if (isIpv6) {
    header[0] = 0x60;
    header.writeUInt16BE(length + 8, 4);
    header[6] = 17;
    header[7] = 64;
    header.set(ipv6Bytes(host.slice(1, -1)), 8);
    header.set(ipv6Bytes(OWN6), 24);
  } else {
    header[0] = 0x45;
    header.writeUInt16BE(length + 28, 2);
    header[8] = 64;
    header[9] = 17;
    header.set(host.split('.').map(Number), 12);
    header.set(OWN4.split('.').map(Number), 16);
  }
  const udp = isIpv6 ? 40 : 20;
  header.writeUInt16BE(Number(port), udp);
  header.writeUInt16BE(to, udp + 2);
  header.writeUInt16BE(length + 8, udp + 4);
  return header;
}

function ipv6Bytes(text: string): number[] {
  const [front = '', back] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(front);
  const tail = back === undefined ? [] : groups(back);
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return all.flatMap((group) => [group >> 8, group & 255]);
}

/** As RFC 5952 has it. */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  const zeros = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort(
    (a, b) => b[0].length - a[0].length,
  )[0];
  if (zeros === undefined) return groups.join(':');
  const text = groups.join(':');
  return `${text.slice(0, zeros.index)}::${text.slice(zeros.index + zeros[0].length).replace(/^:/, '')}`;
}

/** A message of SIP, with a Content-Length where it has a body. Lines end as they should. */
export function message(lines: readonly string[], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  return `${[...lines, ...length].join('\r\n')}\r\n\r\n${body}`;
}

/** Lines of SDP. */
export function sdp(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The contents of `test/sipproxy64/FILE`. */
export function fileBytes(...path: string[]): Uint8Array {
  return readFileSync(join(packageRoot(), 'test', 'sipproxy64', ...path));
}
