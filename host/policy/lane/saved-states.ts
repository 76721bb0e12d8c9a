import type { SavedState } from '../../puzzle/plan/piece-maker.ts';

/**
 * The states that pieces saved last, kept outside their lane for the instances that come after a failure.
 *
 * A state may itself cause the fault of the piece that receives it. So a state is given once: a piece that
 * received its state, and faults before it saved a new one, starts without a state the next time.
 */
export class SavedStates {
  readonly #states = new Map<string, KeptState>();
  /** Whether pieces accepted the states that they received, since {@link beginStart}. */
  readonly #accepted = new Map<string, boolean>();

  /** A piece saved its state. */
  save(piece: string, saved: SavedState): void {
    this.#states.set(piece, { saved, isGiven: false });
  }

  /** A piece received its state, and accepted it or not. A rejected state is dropped. */
  received(piece: string, isAccepted: boolean): void {
    this.#accepted.set(piece, isAccepted);
    const state = this.#states.get(piece);
    if (state !== undefined && isAccepted) state.isGiven = true;
    else this.#states.delete(piece);
  }

  /** The state for a new instance of a piece, if there is one. */
  give(piece: string): SavedState | undefined {
    const state = this.#states.get(piece);
    if (state !== undefined) state.isGiven = true;
    return state?.saved;
  }

  /** The new instance did not start, through no fault of its own. Its state can be given again. */
  takeBack(piece: string): void {
    const state = this.#states.get(piece);
    if (state !== undefined) state.isGiven = false;
  }

  /** A piece has faulted. The state that it received last is dropped. */
  dropGiven(piece: string): void {
    if (this.#states.get(piece)?.isGiven === true) this.#states.delete(piece);
  }

  /** A change of the configuration removed a piece. */
  delete(piece: string): void {
    this.#states.delete(piece);
  }

  /** Forgets which pieces accepted a state: all of them, or one. */
  beginStart(piece?: string): void {
    if (piece === undefined) this.#accepted.clear();
    else this.#accepted.delete(piece);
  }

  hasRestored(piece: string): boolean {
    return this.#accepted.get(piece) === true;
  }

  /** The pieces that accepted a state. */
  get restored(): readonly string[] {
    return [...this.#accepted].flatMap(([name, isAccepted]) => (isAccepted ? [name] : []));
  }
}

interface KeptState {
  readonly saved: SavedState;
  /** An instance received it, and has not saved a newer one. */
  isGiven: boolean;
}
