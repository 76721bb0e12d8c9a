import type { JoinedMembers, NetworkOptions } from '../plan/arrangement.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import type { TimeSlicer } from '../plan/time-slicer.ts';
import { commit } from './commit.ts';
import type { DeferredCleanup } from './deferred-cleanup.ts';
import { type Difference, differenceOf } from './difference.ts';
import type { LaneParts } from './lane-parts.ts';
import { Preparation } from './preparation.ts';

/**
 * A change of a running puzzle, in two steps. First {@link prepare} does everything that can fail, while the
 * old puzzle runs on. Then {@link commit} puts the new puzzle in its place within one turn; there only a
 * `restore` can be refused, before anything has changed.
 */
export class Change {
  readonly difference: Difference;
  readonly #parts: LaneParts;
  readonly #makers: readonly PieceMaker[];
  readonly #networks: ReadonlyMap<string, NetworkOptions>;
  /** The Edges of each network after the change. */
  readonly #joints: readonly JoinedMembers[];
  readonly #preparation: Preparation;

  constructor(
    parts: LaneParts,
    makers: readonly PieceMaker[],
    networks: ReadonlyMap<string, NetworkOptions>,
    joints: readonly JoinedMembers[],
  ) {
    this.#parts = parts;
    this.#makers = makers;
    this.#networks = networks;
    this.#joints = joints;
    this.difference = differenceOf(parts.laneState.seats, makers, joints);
    this.#preparation = new Preparation(parts, this.difference);
  }

  /**
   * Makes and starts the new pieces, and asks all pieces concerned. Nothing of the running puzzle changes.
   *
   * @param isCurrent false as soon as a newer change replaces this one, or the lane is closed.
   * @param timeSlicer yields to the running puzzle between the steps; without it the preparation does not
   * yield.
   * @throws {PuzzleError} with everything undone.
   */
  prepare(isCurrent: () => boolean, timeSlicer?: TimeSlicer): Promise<void> {
    return this.#preparation.run(this.#makers, this.#joints, isCurrent, timeSlicer);
  }

  /** Takes back what was prepared. The running puzzle notices nothing. */
  undo(): void {
    this.#preparation.undo();
  }

  /**
   * Puts the new puzzle in the place of the old one, in the present turn.
   *
   * @returns what remains to be closed after the new pieces were called.
   * @throws {PuzzleError} where a state is refused; nothing has changed then, and the caller must call
   * `undo`.
   */
  commit(): DeferredCleanup {
    return commit(this.#parts, this.#preparation, this.#networks);
  }
}
