import type { Problem } from '../../../abi/host/contract.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { Mistake } from '../plan/arrangement.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import type { ActivationFlag } from '../runtime/activation.ts';
import { Seat } from '../runtime/seat.ts';
import { isSame } from './difference.ts';
import type { LaneParts } from './lane-parts.ts';
import { StubPiece } from './stub-piece.ts';

/** A piece of the puzzle after a change: the present instance, or one that was made for the change. */
export interface Candidate {
  readonly maker: PieceMaker;
  readonly seat: Seat;
  readonly piece: Piece;
  readonly activation: ActivationFlag;
  readonly isKept: boolean;
}

/** Makes, starts and restores the instances that a change needs, beside those that run. */
export class Candidates {
  /** In the order of the makers. */
  readonly all: Candidate[] = [];
  readonly #parts: LaneParts;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  async make(maker: PieceMaker): Promise<Candidate> {
    const candidate = await this.#makeCandidate(maker);
    this.all.push(candidate);
    return candidate;
  }

  async #makeCandidate(maker: PieceMaker): Promise<Candidate> {
    const { place } = maker;
    const old = this.#parts.laneState.seats.find((seat) => seat.name === place.name);
    if (old?.piece !== undefined && isSame(old, maker)) {
      return { maker, seat: old, piece: old.piece, activation: old.activation, isKept: true };
    }
    const seat =
      old !== undefined && old.kind === maker.kind
        ? old
        : new Seat(maker, this.#parts.laneState.callMonitor.claim(place.name));
    const activation: ActivationFlag = { isActive: false };
    const context = this.#parts.services.contextOf(seat, activation, maker);
    try {
      const piece =
        maker.initialFault === undefined
          ? await this.#callMake(seat, maker, context)
          : new StubPiece(place.description);
      return { maker, seat, piece, activation, isKept: false };
    } catch (error) {
      this.#releaseSlot(seat);
      throw error;
    }
  }

  /** Releases the number in the call monitor of a seat that is not in the puzzle. */
  #releaseSlot(seat: Seat): void {
    const { laneState } = this.#parts;
    if (!laneState.seats.includes(seat)) laneState.callMonitor.release(seat.slot);
  }

  /** Only the part of `make` before its first await is monitored. */
  #callMake(seat: Seat, maker: PieceMaker, context: PieceContext): Piece | Promise<Piece> {
    const { laneState } = this.#parts;
    return laneState.callMonitored(seat, false, () => maker.make(context, laneState.frames));
  }

  /** Native pieces that end with the change: their successors may take over what these have open. */
  retiringNatives(): Piece[] {
    return this.#parts.laneState.seats.flatMap((seat) => {
      const stays = this.all.some((candidate) => candidate.seat === seat && candidate.isKept);
      return stays || seat.kind !== 'native' || seat.piece === undefined ? [] : [seat.piece];
    });
  }

  start(candidate: Candidate, retiring: readonly Piece[]): Mistake[] {
    const { isKept, piece, maker } = candidate;
    if (isKept) return [];
    const name = maker.place.name;
    piece.succeed?.(retiring);
    const start = () => piece.start(this.#parts.laneState.now);
    return this.guarded(candidate, start, piece.waitsInStart !== true).map(({ setting, message }) => ({
      code: 'FT_PIECE_START',
      piece: name,
      message,
      ...(setting === undefined ? {} : { setting }),
    }));
  }

  /**
   * Gives a candidate the state that was saved in another lane. Where the piece refuses the state, another
   * instance takes the candidate's place, without a state.
   */
  async restore(index: number): Promise<void> {
    this.all[index] = await this.#restored(this.all[index]!);
  }

  async #restored(candidate: Candidate): Promise<Candidate> {
    const { maker, seat, piece, isKept } = candidate;
    const { state } = maker;
    if (isKept || state === undefined || maker.initialFault !== undefined) return candidate;
    // A running instance hands over its own state, in the commit.
    if (seat.piece !== undefined && seat.fault === undefined) return candidate;
    const { laneState } = this.#parts;
    const why = problemOf(() =>
      laneState.callMonitored(seat, isKept, () => piece.restore(laneState.now, state.version, state.state)),
    );
    this.#parts.onRestore(seat.name, why === undefined);
    if (why === undefined) return candidate;
    const activation: ActivationFlag = { isActive: false };
    const context = this.#parts.services.contextOf(seat, activation, maker);
    context.log('warn', `starts without its saved state, which it refuses: ${why}`);
    laneState.callMonitored(seat, false, () => piece.close());
    const fresh = { ...candidate, activation, piece: await this.#callMake(seat, maker, context) };
    try {
      const mistakes = this.start(fresh, []);
      if (mistakes.length > 0) throw new PuzzleError(mistakes);
    } catch (error) {
      fresh.piece.close();
      throw error;
    }
    return fresh;
  }

  /**
   * Calls a piece while a change is prepared or committed. An error of the piece, or of the operating system
   * at an endpoint, becomes a mistake that names the piece.
   *
   * @param isMonitored whether the watchdog ends a call that lasts
   * @throws {PuzzleError} with the code of the error
   */
  guarded<T>({ seat, isKept }: Pick<Candidate, 'seat' | 'isKept'>, call: () => T, isMonitored = true): T {
    try {
      if (!isMonitored) return call();
      return this.#parts.laneState.callMonitored(seat, isKept, call);
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      const setting =
        'setting' in error && typeof error.setting === 'string' ? { setting: error.setting } : {};
      throw new PuzzleError([{ code: error.code, piece: seat.name, message: error.message, ...setting }], {
        cause: error,
      });
    }
  }

  /** Closes the instances that were made for the change. Idempotent. */
  close(): void {
    const { laneState } = this.#parts;
    for (const { isKept, piece, seat } of this.all) {
      if (isKept) continue;
      laneState.callMonitored(seat, false, () => piece.close());
      this.#releaseSlot(seat);
    }
    this.all.length = 0;
  }
}

/** Returns the problem that a call reports or throws. */
function problemOf(call: () => Problem | undefined): string | undefined {
  try {
    return call()?.message;
  } catch (error) {
    if (error instanceof FunnelError) return error.message;
    throw error;
  }
}
