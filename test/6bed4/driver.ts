import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Frame, HostCalls, Outcome, Part, Piece, Problem, Property } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import type { PieceStatus } from '../../host/piece/piece-status.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { brokenRules, enter, type Ledger } from '../compliance/outcome-rules.ts';
import type { BoundComponent, BoundPiece } from '../compliance/run-through-bindings.ts';
import { internetChecksum, pseudoHeader6 } from '../views/internet-checksum.ts';
import { toHex, toIpv4 } from './packet-text.ts';

/** A component that the build has made, or makes now. */
export function builtPiece(name: string): Uint8Array {
  const root = packageRoot();
  execFileSync(process.execPath, [join(root, 'tools', 'build-pieces.mjs'), name], { stdio: 'pipe' });
  return readFileSync(join(root, 'dist', 'pieces', `${name}.wasm`));
}

export type Settings = readonly (readonly [string, string])[];

/** A packet for the piece. On the carrier it is a whole UDP datagram in IPv4. */
export interface Given {
  readonly edge: string;
  readonly bytes: Uint8Array;
}

/** A packet of the piece, put together, with the checksum of ICMPv6 filled in. */
export interface Sent {
  readonly edge: string;
  /** The IPv6 packet, or whatever is in the datagram; hexadecimal. */
  readonly packet: string;
  /** Whether it continues a frame that came in. */
  readonly continues: boolean;
  /** On the carrier: the endpoint that it goes to. */
  readonly to?: string;
  readonly sourcePort?: number;
  readonly ttl?: number;
  readonly trafficClass?: number;
  readonly dontFragment?: boolean;
}

export interface Result {
  readonly sent: readonly Sent[];
  /** Names of the reasons for which tickets ended. */
  readonly ended: readonly string[];
  readonly wakeAt: number;
}

const protocols = new Protocols();
const number = (name: string): number => protocols.number(name);

/**
 * Runs a piece in the place of a host: joins its Edges, splits packets into parts as its Shapes want them,
 * and puts together what comes out. Throws where an outcome breaks a rule of the contract.
 */
export class Driver {
  /** The address from which the last datagram is to come; 0.0.0.0 leaves that to the system. */
  from = '';
  readonly piece: BoundPiece;
  readonly description: Piece;
  readonly offers = new Set<string>();
  readonly logged: string[] = [];
  /** The last status that the piece reported. */
  status: PieceStatus | undefined;
  /** Stacks of Shapes that the piece listens on, by number. */
  readonly listening = new Map<number, string>();
  /** The result of `listen`: why a stack cannot be listened on. */
  refuseListen: (stack: string) => string | undefined = () => undefined;
  now = 1000;
  readonly settings: Settings;
  #random: bigint;
  #nextShape = 40;
  #nextTicket = 1;
  readonly #edges = new Map<number, number>();
  readonly #listened = new Map<number, Set<number>>();
  readonly #ledger: Ledger;
  readonly #withheld = new Map<number, Uint8Array>();

  constructor(make: BoundComponent, settings: Settings, seed = 1n) {
    this.#random = seed;
    this.settings = settings;
    this.piece = make(this.#host());
    const description = make(this.#host()).describe(settings);
    if (!('edges' in description)) throw new Error(JSON.stringify(description));
    this.description = description;
    this.#ledger = { description, edges: this.#edges, listened: this.#listened, open: new Map() };
  }

  start(): this {
    const numbers = this.description.protocols.map(([name]) => number(name));
    const problems = this.piece.start(this.now, this.settings, numbers);
    if (problems !== undefined) throw new Error(JSON.stringify(problems));
    return this;
  }

  /** Joins all Edges, or those named. */
  join(...names: string[]): this {
    for (const [described, edge] of this.description.edges.entries()) {
      if (names.length > 0 && !names.includes(edge.name)) continue;
      const joined = EDGE_NUMBER + described;
      this.#edges.set(joined, described);
      for (const shape of edge.shapes.keys()) {
        this.piece.join({ edge: joined, described, shape, joint: `net-${edge.name}`, properties: [] });
      }
    }
    return this;
  }

  leave(name: string): this {
    const described = this.description.edges.findIndex((edge) => edge.name === name);
    for (const shape of this.description.edges[described]!.shapes.keys())
      this.piece.leave(EDGE_NUMBER + described, shape);
    this.#listened.delete(EDGE_NUMBER + described);
    this.listening.clear();
    return this;
  }

  /** The port that the piece listens on. */
  get port(): number {
    for (const stack of this.listening.values()) {
      const port = /local:(\d+)$/.exec(stack)?.[1];
      if (port !== undefined) return Number(port);
    }
    throw new Error('the piece does not listen');
  }

  process(...given: readonly Given[]): Result {
    const batch = this.batch(given);
    return this.run(batch.frames, batch.parts, batch.arena);
  }

  /** Calls the piece without frames at its wake-up times until `until`. */
  wakeUntil(until: number): { at: number; sent: readonly Sent[] }[] {
    const calls: { at: number; sent: readonly Sent[] }[] = [];
    for (let n = 0; n < 10_000; n++) {
      const { sent, wakeAt } = this.process();
      calls.push({ at: this.now, sent });
      if (wakeAt > until) {
        this.now = until;
        return calls.filter((call) => call.sent.length > 0);
      }
      if (wakeAt === this.now) throw new Error('the piece wants to be called again at once');
      this.now = wakeAt;
    }
    throw new Error('the piece never rests');
  }

  run(frames: readonly Frame[], parts: readonly Part[], arena: Uint8Array): Result {
    enter(this.#ledger, frames, parts);
    const outcome = this.piece.process(this.now, frames, parts, arena);
    const broken = brokenRules(this.#ledger, this.now, outcome);
    if (broken.length > 0) throw new Error(broken.join('; '));
    const held = this.#ledger.open.size;
    if (held > 0) throw new Error(`${held} frames neither went on nor ended`);
    return this.resultOf(outcome);
  }

  resultOf(outcome: Outcome): Result {
    return {
      sent: outcome.frames.map((frame) => this.#put(frame, outcome)),
      ended: outcome.ends.map(({ reason }) => this.description.reasons[reason]!.name),
      wakeAt: outcome.wakeAt,
    };
  }

  /**
   * Frames as the host would bring them: parsed as deep as the Shapes of the piece go, bodies withheld where
   * they may be.
   */
  batch(given: readonly Given[]): { frames: Frame[]; parts: Part[]; arena: Uint8Array } {
    const frames: Frame[] = [];
    const parts: Part[] = [];
    const arena: number[] = [];
    for (const { edge, bytes } of given) {
      const described = this.description.edges.findIndex(({ name }) => name === edge);
      const cut = this.#cut(edge, bytes);
      const shape = this.#shapeFor(described, cut.stack);
      const like = this.#likeOf(described, shape);
      const isWhole = this.description.edges[described]!.shapes[like]!.reach === 'whole-frame';
      const ticket = this.#nextTicket++;
      const firstPart = parts.length;
      const roomOffset = arena.length;
      // As hosts do, with some room in front.
      for (let i = 0; i < 64; i++) arena.push(0xee);
      for (const { protocol, role, from, length } of cut.parts) {
        const isWithheld = role === 'payload' && !isWhole;
        if (isWithheld) this.#withheld.set(ticket * WITHHELD_STRIDE, bytes.slice(from, from + length));
        parts.push({
          protocol,
          role,
          marks: isWithheld ? PartMarks.withheld : 0,
          offset: isWithheld ? ticket * WITHHELD_STRIDE : arena.length,
          length,
        });
        if (!isWithheld) arena.push(...bytes.subarray(from, from + length));
      }
      frames.push({
        edge: EDGE_NUMBER + described,
        shape,
        firstPart,
        partCount: parts.length - firstPart,
        skipHeaders: 0,
        skipTrailers: cut.trailers,
        roomOffset,
        roomLength: arena.length - roomOffset,
        ticket,
      });
    }
    return { frames, parts, arena: Uint8Array.from(arena) };
  }

  #cut(edge: string, bytes: Uint8Array): Cut {
    const parts: CutPart[] = [];
    let at = 0;
    const header = (name: string, length: number): void => {
      parts.push({ protocol: number(name), role: 'header', from: at, length });
      at += length;
    };
    let stack = '';
    if (edge === 'carrier') {
      header('ipv4', 20);
      header('udp', 8);
      stack = 'udp';
    }
    const length = bytes.length - at;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const isIpv6 = length >= 40 && view.getUint8(0) >> 4 === 6 && view.getUint16(4) + 40 <= length;
    let end = bytes.length;
    if (isIpv6) {
      end = at + 40 + view.getUint16(4);
      const next = view.getUint8(6);
      header('ipv6', 40);
      stack = 'ipv6';
      if (next === 58 && end - at >= 8) {
        header('icmpv6', 8);
        stack = 'icmpv6';
      } else if (next === 6 && end - at >= 20 && this.#has('tcp')) {
        header('tcp', (bytes[at + 12]! >> 4) * 4);
        stack = 'tcp';
      }
    }
    if (end > at) parts.push({ protocol: 0, role: 'payload', from: at, length: end - at });
    if (end < bytes.length)
      parts.push({ protocol: 0, role: 'trailer', from: end, length: bytes.length - end });
    return { stack, parts, trailers: end < bytes.length ? 1 : 0 };
  }

  #has(name: string): boolean {
    return this.description.edges.some(({ shapes }) =>
      shapes.some(({ stack }) => stack.endsWith(`/${name}`)),
    );
  }

  /**
   * The Shape whose stack ends with this, from a listen or described. A frame that no Shape wants goes to the
   * first.
   */
  #shapeFor(described: number, ending: string): number {
    const shapes = this.description.edges[described]!.shapes;
    if (shapes[0]!.stack.includes('*')) {
      for (const [shape, stack] of this.listening) {
        if (
          ending === 'udp'
            ? /local:\d+$/.test(stack)
            : stack.includes('local:') && stack.endsWith(`/${ending}`)
        )
          return shape;
      }
    }
    const found = shapes.findIndex(({ stack }) => stack === ending || stack.endsWith(`/${ending}`));
    return Math.max(found, 0);
  }

  #likeOf(described: number, shape: number): number {
    const { shapes } = this.description.edges[described]!;
    if (shape < shapes.length) return shape;
    const stack = this.listening.get(shape)!.replace(/local:\d+/, '*');
    return Math.max(
      shapes.findIndex((each) => each.stack === stack),
      0,
    );
  }

  /** Puts a frame together, and fills in what was left to the host. */
  #put(frame: Frame, outcome: Outcome): Sent {
    const edge = this.description.edges[this.#edges.get(frame.edge)!]!.name;
    const own = outcome.parts.slice(frame.firstPart, frame.firstPart + frame.partCount);
    const bytes = own.flatMap((part) => [...this.#bytesOf(part, outcome.arena)]);
    let at = 0;
    let icmpAt = -1;
    for (const part of own) {
      if (part.protocol === number('icmpv6') && part.role === 'header' && part.marks & PartMarks.unfinished)
        icmpAt = at;
      at += part.length;
    }
    const whole = Uint8Array.from(bytes);
    const ipv6At = edge === 'carrier' ? 28 : 0;
    if (icmpAt >= 0) {
      const message = whole.subarray(icmpAt);
      message.fill(0, 2, 4);
      const from = whole.subarray(ipv6At + 8, ipv6At + 24);
      const to = whole.subarray(ipv6At + 24, ipv6At + 40);
      const checksum = internetChecksum(pseudoHeader6(from, to, message.length, 58), message);
      message[2] = checksum >> 8;
      message[3] = checksum & 255;
    }
    const continues = frame.ticket !== 0;
    const packet = toHex(whole.subarray(ipv6At));
    if (edge !== 'carrier') return { edge, packet, continues };
    const view = new DataView(whole.buffer);
    this.from = toIpv4(view.getUint32(12));
    return {
      edge,
      packet,
      continues,
      to: `${toIpv4(view.getUint32(16))}:${view.getUint16(22)}`,
      sourcePort: view.getUint16(20),
      ttl: view.getUint8(8),
      trafficClass: view.getUint8(1),
      dontFragment: (view.getUint16(6) & 0x4000) !== 0,
    };
  }

  #bytesOf(part: Part, arena: Uint8Array): Uint8Array {
    if ((part.marks & PartMarks.withheld) === 0)
      return arena.subarray(part.offset, part.offset + part.length);
    const base = Math.floor(part.offset / WITHHELD_STRIDE) * WITHHELD_STRIDE;
    return this.#withheld.get(base)!.subarray(part.offset - base, part.offset - base + part.length);
  }

  #host(): HostCalls {
    return {
      log: (level, message) => this.logged.push(`${level}: ${message}`),
      status: (health, summary, facts) => {
        this.status = { health, summary, facts: Object.fromEntries(facts) };
      },
      random: () => {
        this.#random = BigInt.asUintN(64, this.#random * 0x5851_f42d_4c95_7f2dn + 0x1405_7b7e_f767_814fn);
        return this.#random;
      },
      utc: () => [0n, 0],
      listen: (edge, _like, stack): number | Problem => {
        const refusal = this.refuseListen(stack);
        if (refusal !== undefined) return { message: refusal };
        const shape = this.#nextShape++;
        this.listening.set(shape, stack);
        const shapes = this.#listened.get(edge) ?? new Set<number>();
        this.#listened.set(edge, shapes.add(shape));
        return shape;
      },
      unlisten: (edge, shape) => {
        this.listening.delete(shape);
        this.#listened.get(edge)?.delete(shape);
      },
      offer: (edge, property, present) => {
        const text = `${this.description.edges[edge - EDGE_NUMBER]!.name} ${property.name} ${textOf(property)}`;
        if (present) this.offers.add(text);
        else if (!this.offers.delete(text)) throw new Error(`${text} was withdrawn and not offered`);
      },
    };
  }
}

interface CutPart {
  readonly protocol: number;
  readonly role: 'header' | 'payload' | 'trailer';
  readonly from: number;
  readonly length: number;
}

interface Cut {
  readonly stack: string;
  readonly parts: readonly CutPart[];
  readonly trailers: number;
}

function textOf({ value }: Property): string {
  return value.tag === 'yes' ? 'yes' : value.tag === 'text' ? value.val : `${value.tag} ${value.val}`;
}

/** The number of the first described Edge when it is joined; the others follow. */
const EDGE_NUMBER = 5;
/** Between the addresses of withheld bodies: more than a frame. */
const WITHHELD_STRIDE = 0x2_0000;
