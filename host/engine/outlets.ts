import { LIMITS } from '../../abi/host/contract.ts';
import type { Pattern } from '../frame/pattern.ts';
import { PieceFault } from '../piece/piece-fault.ts';

/** What a piece is joined to: for each of its Edges and Shapes, what it may see there and what it may send. */
export class Outlets {
  /** By outlet: 1 where payloads are withheld. */
  readonly withholds: boolean[] = [];
  /** By outlet: true where frames that leave travel upwards. */
  readonly up: boolean[] = [];
  readonly patterns: Pick<Pattern, 'matches'>[] = [];
  /** Outlet + 1 by Edge and Shape; 0 where nothing is joined. */
  readonly #numbers = new Uint16Array(LIMITS.maxEdges * MAX_SHAPES);
  readonly #free: number[] = [];

  set(edge: number, shape: number, withholds: boolean, up: boolean, pattern: Pick<Pattern, 'matches'>): void {
    if (edge >= LIMITS.maxEdges || shape >= MAX_SHAPES) {
      throw new PieceFault(
        'FT_FAULT_OUTCOME',
        `Edge ${edge}, Shape ${shape}: a piece has at most ${LIMITS.maxEdges} Edges, with ${MAX_SHAPES} Shapes each`,
      );
    }
    const key = edge * MAX_SHAPES + shape;
    const outlet = this.#numbers[key] ? this.#numbers[key]! - 1 : (this.#free.pop() ?? this.patterns.length);
    this.#numbers[key] = outlet + 1;
    this.withholds[outlet] = withholds;
    this.up[outlet] = up;
    this.patterns[outlet] = pattern;
  }

  delete(edge: number, shape: number): void {
    const key = edge * MAX_SHAPES + shape;
    const number = this.#numbers[key] ?? 0;
    if (number === 0) return;
    this.#numbers[key] = 0;
    this.#free.push(number - 1);
  }

  /** The outlet of an Edge and a Shape; -1 where the piece is not joined so. */
  at(edge: number, shape: number): number {
    return edge < EDGES && shape < SHAPES ? this.#numbers[edge * SHAPES + shape]! - 1 : -1;
  }
}

/** Shapes on one Edge, those that came by `listen` included. */
export const MAX_SHAPES = 1024;

// The engine folds a module's own constants into the machine code; imported and exported ones it loads and tests at each use.
const EDGES = LIMITS.maxEdges;
const SHAPES = MAX_SHAPES;
