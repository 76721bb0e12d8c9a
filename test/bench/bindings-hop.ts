import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { pieceFile } from './echo-piece.ts';
import type { Packet } from './packets.ts';
import type { Contender } from './rounds.ts';

/**
 * The contract as jco's bindings have it: enums are their names, flags are objects, lists of bytes are typed
 * arrays.
 */
interface BoundPart {
  readonly protocol: number;
  readonly role: string;
  readonly marks: {
    readonly withheld?: boolean;
    readonly unfinished?: boolean;
    readonly unparsed?: boolean;
    readonly more?: boolean;
  };
  readonly offset: number;
  readonly length: number;
}

interface BoundFrame {
  readonly edge: number;
  readonly shape: number;
  readonly firstPart: number;
  readonly partCount: number;
  readonly skipHeaders: number;
  readonly skipTrailers: number;
  readonly roomOffset: number;
  readonly roomLength: number;
  readonly ticket: number;
}

interface BoundPiece {
  readonly control: {
    start(now: number, settings: [string, string][], protocols: Uint16Array): void;
    join(joining: { edge: number; described: number; shape: number; joint: string; properties: [] }): void;
  };
  readonly traffic: {
    process(
      now: number,
      frames: BoundFrame[],
      parts: BoundPart[],
      arena: Uint8Array,
    ): { readonly frames: BoundFrame[]; readonly parts: BoundPart[]; readonly arena: Uint8Array };
  };
}

/** The same component through jco's ordinary bindings: lists of objects in, lists of objects out. */
export class BindingsHop implements Contender {
  readonly row: string;
  readonly against: string;
  readonly #piece: BoundPiece;
  readonly #batch: number;
  readonly #frames: BoundFrame[] = [];
  readonly #parts: BoundPart[] = [];
  readonly #arena: Uint8Array;

  constructor(names: { row: string; against: string }, piece: BoundPiece, packet: Packet, batch: number) {
    this.row = names.row;
    this.against = names.against;
    this.#piece = piece;
    this.#batch = batch;
    const { bytes, parts } = packet;
    this.#arena = new Uint8Array(batch * bytes.length);
    for (let n = 0; n < batch; n++) {
      this.#arena.set(bytes, n * bytes.length);
      this.#frames.push({
        edge: 0,
        shape: 0,
        firstPart: n * parts.length,
        partCount: parts.length,
        skipHeaders: 0,
        skipTrailers: 0,
        roomOffset: n * bytes.length,
        roomLength: bytes.length,
        ticket: n + 1,
      });
      for (const { protocol, role, offset, length } of parts) {
        this.#parts.push({
          protocol,
          role: ROLES[role]!,
          marks: {},
          offset: n * bytes.length + offset,
          length,
        });
      }
    }
  }

  run(frames: number): number {
    let done = 0;
    while (done < frames) {
      const outcome = this.#piece.traffic.process(1000, this.#frames, this.#parts, this.#arena);
      if (outcome.frames.length !== this.#batch)
        throw new Error(`of ${this.#batch} frames ${outcome.frames.length} came back`);
      done += this.#batch;
    }
    return done;
  }
}

/** The piece `echo` made into a JavaScript module by jco, started and joined. */
export async function bindEcho(stack: string): Promise<BoundPiece> {
  const folder = mkdtempSync(join(tmpdir(), 'funnel-bench-'));
  try {
    const { files } = await transpileBytes(readFileSync(pieceFile('echo')), {
      name: 'echo',
      instantiation: 'sync',
      nodejsCompat: false,
    });
    // Node imports modules from files only.
    const file = join(folder, 'echo.mjs');
    writeFileSync(file, files['echo.js'] ?? '');
    const { instantiate } = (await import(pathToFileURL(file).href)) as { instantiate: Instantiate };
    const piece = instantiate((name) => new WebAssembly.Module(Uint8Array.from(files[name] as Uint8Array)), {
      'arpa2:funnel/host': HOST,
    });
    const settings: [string, string][] = [
      ['stack', stack],
      ['whole', 'true'],
    ];
    piece.control.start(0, settings, new Uint16Array());
    for (const edge of [0, 1])
      piece.control.join({ edge, described: edge, shape: 0, joint: `net${edge}`, properties: [] });
    return piece;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Instantiate = (
  module: (name: string) => WebAssembly.Module,
  imports: Record<string, Record<string, () => unknown>>,
) => BoundPiece;

const ROLES = ['header', 'payload', 'trailer'];
const HOST = { log: () => {}, random: () => 0n, utc: () => [0n, 0] };
