import type { Frame, HostCalls, Joining, Outcome, Part, Piece, Property } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import type { PieceStatus } from '../../host/piece/piece-status.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { brokenRules, enter, type Ledger } from '../compliance/outcome-rules.ts';
import type { BoundComponent, BoundPiece } from '../compliance/run-through-bindings.ts';

const protocols = new Protocols();

/** The problems of these settings, each as its setting and message; none when they are right. */
export function problemsOf(make: BoundComponent, settings: Readonly<Record<string, string>>): string[] {
  const answer = make(REFUSING).describe(Object.entries(settings));
  return 'edges' in answer ? [] : answer.map(({ message }) => message);
}

/** The description of a piece with these settings. @throws Error where the settings are wrong */
export function descriptionOf(make: BoundComponent, settings: readonly (readonly [string, string])[]) {
  const answer = make(REFUSING).describe(settings.map(([name, value]) => [name, value]));
  if (!('edges' in answer)) throw new Error(answer.map(({ message }) => message).join('; '));
  return answer;
}

/** The number of a protocol for the rig's pieces. */
export function protocol(name: string): number {
  const number = protocols.number(name);
  if (number === 0) throw new Error(`there is no protocol ${name}`);
  return number;
}

/** A part that a piece is given. Payloads are withheld where the Shape's reach is `headers`. */
export interface GivenPart {
  readonly protocol?: string;
  readonly role?: Part['role'];
  readonly marks?: number;
  readonly bytes: ArrayLike<number>;
}

export interface GivenFrame {
  readonly edge: string;
  /**
   * Frames of the same name are fragments of one: they have one ticket. Fragments after its end are dropped,
   * as a host does.
   */
  readonly of?: string;
  readonly shape?: number;
  readonly parts: readonly GivenPart[];
  readonly skipHeaders?: number;
  readonly skipTrailers?: number;
}

/** A part that a piece sent, with its bytes. */
export interface SentPart {
  readonly protocol: number;
  readonly role: Part['role'];
  readonly marks: number;
  readonly bytes: Uint8Array;
}

export interface SentFrame {
  readonly edge: string;
  readonly shape: number;
  readonly ticket: number;
  readonly parts: readonly SentPart[];
  readonly skipHeaders: number;
  readonly skipTrailers: number;
  /** All bytes in order. */
  readonly bytes: Uint8Array;
  /** The frame goes on in the next one. */
  readonly hasMore: boolean;
}

export interface RigResult {
  readonly sent: readonly SentFrame[];
  /** Reasons for which tickets ended, by ticket. */
  readonly ends: readonly { readonly ticket: number; readonly reason: string }[];
  readonly paused: readonly string[];
  readonly wakeAt: number;
}

/**
 * Runs a piece in the place of a host, with time in the test's hands. Where an outcome breaks a rule, it
 * thrown.
 */
export class PieceRig {
  readonly description: Piece;
  readonly piece: BoundPiece;
  readonly logged: string[] = [];
  readonly statuses: PieceStatus[] = [];
  readonly offers: string[] = [];
  now = 1000;
  /** Whether `listen` succeeds, and the stacks of the Shapes that it has added. */
  canListen = false;
  readonly listening = new Map<number, string>();
  readonly #listened = new Map<number, Set<number>>();
  #nextShape = 100;
  readonly #edges = new Map<number, number>();
  readonly #ledger: Ledger;
  readonly #withheld = new Map<number, { readonly ticket: number; readonly bytes: Uint8Array }>();
  readonly #settings: readonly (readonly [string, string])[];
  readonly #inFragments = new Map<string, number>();
  #nextTicket = 1;
  #nextAddress = 0;

  /** @param random 64 bits for the piece; by default always the same */
  constructor(
    make: BoundComponent,
    settings: Readonly<Record<string, string>> | readonly (readonly [string, string])[] = {},
    private readonly random: () => bigint = () => 0x0123_4567_89ab_cdefn,
  ) {
    this.#settings = Array.isArray(settings) ? settings : Object.entries(settings);
    const described = make(this.#host()).describe(this.#settings);
    if (!('edges' in described)) throw new Error(JSON.stringify(described));
    this.description = described;
    for (const [name, definition] of described.protocols)
      if (definition !== undefined) protocols.defineFromText(name, definition);
    this.piece = make(this.#host());
    this.#ledger = {
      description: described,
      edges: this.#edges,
      listened: this.#listened,
      open: new Map(),
    };
    const numbers = described.protocols.map(([name]) => protocols.number(name));
    const problems = this.piece.start(this.now, this.#settings, numbers);
    if (problems !== undefined) throw new Error(JSON.stringify(problems));
  }

  /**
   * Joins Edges, by default all of them; of an Edge with several Shapes, the given ones, by default the
   * first.
   */
  join(
    names = this.description.edges.map((edge) => edge.name),
    shapes: readonly number[] = [0],
    properties: readonly Property[] = [],
  ): this {
    for (const name of names) {
      const described = this.#describedOf(name);
      this.#edges.set(FIRST_EDGE + described, described);
      for (const shape of shapes) {
        const joining: Joining = {
          edge: FIRST_EDGE + described,
          described,
          shape,
          joint: `net-${name}`,
          properties,
        };
        const problem = this.piece.accepts(joining);
        if (problem !== undefined) throw new Error(problem.message);
        this.piece.join(joining);
      }
    }
    return this;
  }

  leave(name: string): this {
    const described = this.#describedOf(name);
    this.piece.leave(FIRST_EDGE + described, 0);
    this.#edges.delete(FIRST_EDGE + described);
    return this;
  }

  ready(name: string, ready: boolean): void {
    this.piece.ready(FIRST_EDGE + this.#describedOf(name), ready);
  }

  /** Tickets that neither went on nor ended. */
  get held(): number {
    return this.#ledger.open.size;
  }

  get heldTickets(): number[] {
    return [...this.#ledger.open.keys()];
  }

  /** The ticket that the next frame will have. */
  get nextTicket(): number {
    return this.#nextTicket;
  }

  /** A call; or several, since a call brings one piece of a larger frame at most, as its first. */
  process(...given: readonly GivenFrame[]): RigResult {
    const later = given.findIndex(({ of }, n) => n > 0 && of !== undefined);
    if (later < 0) return this.#call(given);
    const first = this.#call(given.slice(0, later));
    const rest = this.process(...given.slice(later));
    return { ...rest, sent: [...first.sent, ...rest.sent], ends: [...first.ends, ...rest.ends] };
  }

  #call(given: readonly GivenFrame[]): RigResult {
    const frames: Frame[] = [];
    const parts: Part[] = [];
    const chunks: Uint8Array[] = [];
    let arenaLength = 0;
    for (const each of given) {
      const described = this.#describedOf(each.edge);
      const reach =
        this.description.edges[described]!.shapes[
          this.listening.has(each.shape ?? 0) ? 0 : (each.shape ?? 0)
        ]!.reach;
      const begun = each.of === undefined ? undefined : this.#inFragments.get(each.of);
      if (begun !== undefined && !this.#ledger.open.has(begun)) continue;
      const ticket = begun ?? this.#nextTicket++;
      if (each.of !== undefined) this.#inFragments.set(each.of, ticket);
      const roomOffset = arenaLength;
      const firstPart = parts.length;
      for (const [n, { protocol: name, role = 'payload', marks = 0, bytes }] of each.parts.entries()) {
        const isWithheld = role === 'payload' && reach === 'headers';
        const copy = Uint8Array.from(bytes);
        const address = this.#nextAddress;
        if (isWithheld) {
          this.#withheld.set(address, { ticket, bytes: copy });
          // 32 bits of addresses go round; bodies that old are gone.
          this.#nextAddress = (address + PART_STRIDE) % 0x1_0000_0000;
        }
        parts.push({
          protocol: name === undefined ? 0 : protocol(name),
          role,
          marks:
            marks |
            (isWithheld ? PartMarks.withheld : 0) |
            (begun !== undefined && n === 0 ? PartMarks.continued : 0),
          offset: isWithheld ? address : arenaLength,
          length: copy.length,
        });
        if (isWithheld) continue;
        chunks.push(copy);
        arenaLength += copy.length;
      }
      frames.push({
        edge: FIRST_EDGE + described,
        shape: each.shape ?? 0,
        firstPart,
        partCount: parts.length - firstPart,
        skipHeaders: each.skipHeaders ?? 0,
        skipTrailers: each.skipTrailers ?? 0,
        roomOffset,
        roomLength: arenaLength - roomOffset,
        ticket,
      });
    }
    const arena = new Uint8Array(arenaLength);
    let at = 0;
    for (const chunk of chunks) {
      arena.set(chunk, at);
      at += chunk.length;
    }
    enter(this.#ledger, frames, parts);
    const outcome = this.piece.process(this.now, frames, parts, arena);
    const result = this.#resultOf(outcome);
    const broken = brokenRules(this.#ledger, this.now, outcome);
    if (broken.length > 0) throw new Error(broken.join('; '));
    for (const [address, { ticket }] of this.#withheld) {
      if (!this.#ledger.open.has(ticket)) this.#withheld.delete(address);
    }
    return result;
  }

  #resultOf(outcome: Outcome): RigResult {
    const { reasons } = this.description;
    return {
      sent: outcome.frames.map((frame) => this.#sent(frame, outcome)),
      ends: outcome.ends.map(({ ticket, reason }) => ({ ticket, reason: reasons[reason]!.name })),
      paused: outcome.paused.map((edge) => this.#nameOf(edge)),
      wakeAt: outcome.wakeAt,
    };
  }

  #sent(frame: Frame, { parts, arena }: Outcome): SentFrame {
    const own = parts
      .slice(frame.firstPart, frame.firstPart + frame.partCount)
      .map((part) => ({ ...part, bytes: this.#bytesOf(part, arena) }));
    const bytes = new Uint8Array(own.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of own) {
      bytes.set(part.bytes, at);
      at += part.length;
    }
    return {
      edge: this.#nameOf(frame.edge),
      shape: frame.shape,
      ticket: frame.ticket,
      parts: own,
      skipHeaders: frame.skipHeaders,
      skipTrailers: frame.skipTrailers,
      bytes,
      hasMore: ((own.at(-1)?.marks ?? 0) & PartMarks.more) !== 0,
    };
  }

  #bytesOf(part: Part, arena: Uint8Array): Uint8Array {
    if ((part.marks & PartMarks.withheld) === 0) return arena.slice(part.offset, part.offset + part.length);
    const base = part.offset - (part.offset % PART_STRIDE);
    const body = this.#withheld.get(base);
    if (body === undefined) throw new Error(`withheld bytes at ${part.offset} are not there`);
    return body.bytes.slice(part.offset - base, part.offset - base + part.length);
  }

  #describedOf(name: string): number {
    const described = this.description.edges.findIndex((edge) => edge.name === name);
    if (described < 0) throw new Error(`there is no Edge ${name}`);
    return described;
  }

  #nameOf(edge: number): string {
    return this.description.edges[this.#edges.get(edge) ?? edge - FIRST_EDGE]?.name ?? `Edge ${edge}`;
  }

  #host(): HostCalls {
    return {
      log: (level, message) => this.logged.push(`${level} ${message}`),
      status: (health, summary, facts) => {
        this.statuses.push({ health, summary, facts: Object.fromEntries(facts) });
      },
      random: () => this.random(),
      utc: () => [0n, 0],
      listen: (edge, _like, stack) => {
        if (!this.canListen) return { message: 'nobody listens here' };
        const shape = this.#nextShape++;
        this.listening.set(shape, stack);
        this.#listened.set(edge, (this.#listened.get(edge) ?? new Set()).add(shape));
        return shape;
      },
      unlisten: (edge, shape) => {
        if (!this.listening.delete(shape)) throw new Error(`Shape ${shape} is not listened on`);
        this.#listened.get(edge)?.delete(shape);
      },
      offer: (_edge: number, property: Property, present: boolean) => {
        this.offers.push(`${property.name} ${present}`);
      },
    };
  }
}

/** The number of the first described Edge when it is joined; the others follow. */
const FIRST_EDGE = 5;
/** Between the addresses of withheld parts: more than a frame. */
const PART_STRIDE = 0x2_0000;

const refuse = (): never => {
  throw new Error('describe called the host');
};
const REFUSING: HostCalls = {
  log: refuse,
  status: refuse,
  random: refuse,
  utc: refuse,
  listen: refuse,
  unlisten: refuse,
  offer: refuse,
};
