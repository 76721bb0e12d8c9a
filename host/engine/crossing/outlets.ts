import { LIMITS } from '../../../abi/host/contract.ts';
import type { Pattern } from '../../frame/pattern.ts';
import type { Region } from '../../piece/ledger.ts';
import { PieceFault } from '../../piece/piece-fault.ts';

/** The check of frames that leave by a Shape. */
export type LeavingPattern = Pick<Pattern, 'matches'> & Partial<Pick<Pattern, 'headers'>>;

/**
 * The joins of a piece: for each Edge and Shape, which parts the piece may see and which frames it may send.
 *
 * The frame kernel has a table with a few of the Edges and Shapes; `kernel/assembly/outlets.ts` has the same
 * layout.
 */
export class Outlets {
  /** By outlet: 1 if it withholds payloads. */
  readonly withholds: boolean[] = [];
  /** By outlet: whether frames that leave travel upwards. */
  readonly up: boolean[] = [];
  readonly patterns: LeavingPattern[] = [];
  /** The address of the kernel's table. */
  readonly at: number;
  readonly #places: Uint32Array;
  /**
   * Outlet + 1 by Edge and Shape; 0 if nothing is joined. It grows with the joined Edges: most pieces have
   * two.
   */
  #numbers = new Uint16Array(FEW_EDGES * MAX_SHAPES);
  #edges = FEW_EDGES;
  readonly #free: number[] = [];

  /** @param region the room of the kernel's table, {@link OUTLETS_BYTES} bytes */
  constructor({ buffer, at }: Region = { buffer: new ArrayBuffer(OUTLETS_BYTES), at: 0 }) {
    this.at = at;
    this.#places = new Uint32Array(buffer, at, PLACES * PLACE_WORDS).fill(0);
  }

  set(edge: number, shape: number, withholds: boolean, up: boolean, pattern: LeavingPattern): void {
    this.#places.fill(0);
    if (edge >= LIMITS.maxEdges || shape >= MAX_SHAPES) {
      throw new PieceFault(
        'FT_FAULT_OUTCOME',
        `Edge ${edge}, Shape ${shape}: a piece has at most ${LIMITS.maxEdges} Edges, with ${MAX_SHAPES} Shapes each`,
      );
    }
    const key = edge * MAX_SHAPES + shape;
    if (edge >= this.#edges) this.#grow(edge);
    const outlet = this.#numbers[key] ? this.#numbers[key]! - 1 : (this.#free.pop() ?? this.patterns.length);
    this.#numbers[key] = outlet + 1;
    this.withholds[outlet] = withholds;
    this.up[outlet] = up;
    this.patterns[outlet] = pattern;
  }

  delete(edge: number, shape: number): void {
    this.#places.fill(0);
    const key = edge * MAX_SHAPES + shape;
    const number = this.#numbers[key] ?? 0;
    if (number === 0) return;
    this.#numbers[key] = 0;
    this.#free.push(number - 1);
  }

  /** The outlet of an Edge and a Shape; -1 if the piece is not joined there. */
  outletAt(edge: number, shape: number): number {
    return edge < this.#edges && shape < SHAPES ? this.#numbers[edge * SHAPES + shape]! - 1 : -1;
  }

  /** Whether frames that come by an Edge and a Shape (edge | shape << 16) arrive without their payloads. */
  withholdsAt(edgeShape: number): boolean {
    const outlet = this.outletAt(edgeShape & 0xffff, edgeShape >>> 16);
    return outlet < 0 || this.withholds[outlet]!;
  }

  #grow(edge: number): void {
    const before = this.#numbers;
    while (this.#edges <= edge) this.#edges *= 2;
    this.#numbers = new Uint16Array(this.#edges * MAX_SHAPES);
    this.#numbers.set(before);
  }

  /** Enters an outlet into the kernel's table. */
  enterInKernel(edgeShape: number, outlet: number): void {
    const place = ((edgeShape ^ (edgeShape >>> 16)) & (PLACES - 1)) * PLACE_WORDS;
    const headers = this.patterns[outlet]!.headers ?? NO_HEADERS;
    const steps = headers.length <= PLACE_WORDS - 2 ? headers.length / 2 : 0;
    this.#places[place] = edgeShape;
    this.#places[place + 1] = steps + 1;
    for (let n = 0; n < steps * 2; n++) this.#places[place + 2 + n] = headers[n]!;
  }
}

const PLACES = 16;
const PLACE_WORDS = 12;
/** The size of the kernel's table. */
export const OUTLETS_BYTES = PLACES * PLACE_WORDS * 4;
const NO_HEADERS = new Int32Array(0);

/** The number of Edges with room from the start; the table doubles for more. */
const FEW_EDGES = 4;
/** The most Shapes on one Edge, including those that `listen` adds. */
export const MAX_SHAPES = 1024;

// The engine folds a module's own constants into the machine code; imported and exported ones it loads and
// tests at each use.
const SHAPES = MAX_SHAPES;
