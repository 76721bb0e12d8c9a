import type { Piece as Description, Setting, Shape } from '../../../abi/host/contract.ts';
import type { NativePiece } from '../../endpoint/catalogue.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import type { Protocols } from '../../stack/protocols.ts';

/**
 * Native pieces for tests of lanes in other threads, as an embedder's module has them: `beat` sends a frame again and again,
 * `rogue` passes frames until it misbehaves, `sink` takes them. The last two log when they do so first.
 */
export const pieces: Readonly<Record<string, NativePiece>> = {
  beat: piece(
    { name: 'beat', edges: [['out', 'down']], settings: [['every', '1']] },
    (context, frames, protocols, { every }) => new Beat(context, frames, protocols, Number(every)),
  ),
  rogue: piece(
    {
      name: 'rogue',
      edges: [
        ['in', 'up'],
        ['out', 'down'],
      ],
      settings: [
        ['after', '10'],
        ['does', 'loop'],
      ],
    },
    (context, frames, _protocols, { after, does }) => new Rogue(context, frames, Number(after), does!),
  ),
  sink: piece(
    { name: 'sink', edges: [['in', 'up']], settings: [] },
    (context, frames) => new Sink(context, frames),
  ),
};

class Quiet {
  readonly held = 0;

  start(): [] {
    return [];
  }
  accepts(): undefined {}
  join(): void {}
  leave(): void {}
  listening(): undefined {}
  ready(): void {}
  save(): Uint8Array {
    return new Uint8Array();
  }
  restore(_now: number, _version: string, _state: Uint8Array): undefined {}
  isPaused(): boolean {
    return false;
  }
  close(): void {}
}

class Beat extends Quiet {
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #ipv4: number;
  readonly #everyMs: number;

  constructor(context: PieceContext, frames: Frames, protocols: Protocols, everyMs: number) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#ipv4 = protocols.number('ipv4');
    this.#everyMs = everyMs;
  }

  process(now: number, _inbox: Inbox, _limit: number, outbox: Outbox): number {
    const frames = this.#frames;
    const row = frames.allocate(PACKET.length);
    if (row < 0) {
      this.#context.count('no-room', 1);
    } else {
      const start = frames.start[row]!;
      frames.bytes.set(PACKET, start);
      frames.begin(row, start, PACKET.length, this.#ipv4);
      outbox.push(row, 0, 0);
    }
    return now + this.#everyMs;
  }
}

/** It keeps how many frames it has passed, and tells it as its state. */
class Rogue extends Quiet {
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #after: number;
  readonly #does: string;
  #passed = 0;

  constructor(context: PieceContext, frames: Frames, after: number, does: string) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#after = after;
    this.#does = does;
    if (does === 'loop-when-made') loop();
  }

  override start(): [] {
    if (this.#does === 'loop-at-start') loop();
    return [];
  }

  override save(): Uint8Array {
    return Uint8Array.of(this.#passed);
  }

  override restore(_now: number, _version: string, state: Uint8Array): undefined {
    this.#passed = state[0] ?? 0;
  }

  process(_now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) outbox.push(inbox.rows[inbox.at(n)]!, 1, 0);
    inbox.take(count);
    this.#passed += count;
    if (this.#passed < this.#after) return Infinity;
    this.#context.log('debug', `misbehaves at ${instant()}`);
    if (this.#does === 'throw') throw new Error('a mistake of the host');
    if (this.#does === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    if (this.#does === 'loop') loop();
    this.#frames.release(-1);
    return Infinity;
  }
}

class Sink extends Quiet {
  readonly #context: PieceContext;
  readonly #frames: Frames;
  #hasTaken = false;

  constructor(context: PieceContext, frames: Frames) {
    super();
    this.#context = context;
    this.#frames = frames;
  }

  process(_now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(count);
    if (count > 0 && !this.#hasTaken) {
      this.#hasTaken = true;
      this.#context.log('debug', `takes its first at ${instant()}`);
    }
    return Infinity;
  }
}

/** Milliseconds that mean the same in all threads of a process. */
function instant(): number {
  return performance.timeOrigin + performance.now();
}

function loop(): never {
  for (;;);
}

type Given = Readonly<Record<string, string | undefined>>;

function piece(
  {
    name,
    edges,
    settings,
  }: { name: string; edges: [string, Shape['direction']][]; settings: [string, string][] },
  make: (
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    given: Given,
  ) => Omit<Piece, 'description'>,
): NativePiece {
  const description: Description = {
    name,
    version: '1.0.0',
    summary: `The ${name} of tests`,
    protocols: [],
    edges: edges.map(([edge, direction]) => ({
      name: edge,
      optional: false,
      repeated: false,
      shapes: [{ stack: 'ip/udp', direction, reach: 'whole-frame', properties: [] }],
    })),
    curves:
      edges.length < 2
        ? []
        : [{ fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 0, opaque: false, keeps: [], overhead: 0 }],
    settings: settings.map(
      ([setting, standard]): Setting => ({
        name: setting,
        summary: `The ${setting} of it`,
        kind: /^\d/.test(standard) ? 'number' : 'text',
        repeated: false,
        default: standard,
      }),
    ),
    reasons: [],
  };
  return {
    describe: () => description,
    make: (context, frames, protocols, given) =>
      Object.assign(
        make(context, frames, protocols, { ...Object.fromEntries(settings), ...Object.fromEntries(given) }),
        {
          description,
        },
      ),
  };
}

/** IPv4 and UDP from 192.0.2.1 to 192.0.2.2, with four bytes, and a checksum of the IPv4 header (RFC 791). */
const PACKET = Uint8Array.of(
  ...[0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0xf6, 0xc9, 192, 0, 2, 1, 192, 0, 2, 2],
  ...[0x12, 0x34, 0x56, 0x78, 0, 12, 0, 0],
  ...[1, 2, 3, 4],
);
