import type { SeatFault } from '../../puzzle/plan/piece-maker.ts';
import { CALM_MS, FIRST_RESTART_MS, MAX_RESTART_MS } from '../../puzzle/runtime/seat.ts';
import type { PieceSnapshot } from '../../puzzle/runtime/snapshot.ts';
import type { PieceSpec } from '../pieces/piece-spec.ts';

/**
 * The pieces that ended a lane and may not run now, and when each of them may run again.
 *
 * With the failure policy `restart` a piece returns after a second. The delay doubles with each fault up to
 * {@link MAX_RESTART_MS}, and starts again at a second once the piece has run for {@link CALM_MS}. With any
 * other policy the piece stays out until a change of the configuration replaces it.
 */
export class RestartPolicy {
  readonly #onDue: (piece: string) => void;
  readonly #lost = new Map<string, LostPiece>();
  /** The delay before the next restart of each piece. */
  readonly #delaysMs = new Map<string, number>();
  readonly #returnedAt = new Map<string, number>();
  readonly #counts = new Map<string, { faults: number; restarts: number }>();

  /** @param onDue called when a piece may run again */
  constructor(onDue: (piece: string) => void) {
    this.#onDue = onDue;
  }

  /**
   * Counts the fault, and keeps the piece out; @param spec undefined for a piece that the puzzle does not
   * have
   */
  lose(piece: string, fault: SeatFault, spec: Pick<PieceSpec, 'failure' | 'identity'> | undefined): void {
    clearTimeout(this.#lost.get(piece)?.timer);
    this.#count(piece).faults++;
    // A piece that a failed change would have added leaves nothing else behind.
    if (spec === undefined) return;
    const returnedAt = this.#returnedAt.get(piece);
    const wasCalm = returnedAt !== undefined && performance.now() - returnedAt > CALM_MS;
    const delayMs = wasCalm ? FIRST_RESTART_MS : (this.#delaysMs.get(piece) ?? FIRST_RESTART_MS);
    this.#delaysMs.set(piece, Math.min(delayMs * 2, MAX_RESTART_MS));
    const timer = spec.failure === 'restart' ? setTimeout(() => this.#onDue(piece), delayMs) : undefined;
    this.#lost.set(piece, { fault, identity: spec.identity, timer });
  }

  isLost(piece: string): boolean {
    return this.#lost.has(piece);
  }

  /** The fault of a piece that may not run now. */
  faultOf(piece: string): SeatFault | undefined {
    return this.#lost.get(piece)?.fault;
  }

  /** The lane is busy with something else: the piece is due again after {@link BUSY_MS}. */
  postpone(piece: string): void {
    const lost = this.#lost.get(piece);
    if (lost !== undefined) lost.timer = setTimeout(() => this.#onDue(piece), BUSY_MS);
  }

  /** The piece may run from now on. Undefined where it is not lost. */
  beginReturn(piece: string): PieceReturn | undefined {
    const lost = this.#lost.get(piece);
    if (lost === undefined) return undefined;
    this.#lost.delete(piece);
    const formerlyAt = this.#returnedAt.get(piece);
    this.#returnedAt.set(piece, performance.now());
    return {
      complete: () => {
        this.#count(piece).restarts++;
      },
      cancel: () => {
        if (formerlyAt === undefined) this.#returnedAt.delete(piece);
        else this.#returnedAt.set(piece, formerlyAt);
        this.#lost.set(piece, lost);
        this.postpone(piece);
      },
    };
  }

  /** The pieces that may not run in another puzzle either: those with the same name and identity there. */
  lostIn(pieces: readonly { readonly spec: PieceSpec }[]): ReadonlyMap<string, SeatFault> {
    const identities = new Map(pieces.map(({ spec }) => [spec.place.name, spec.identity]));
    const lost = [...this.#lost].filter(
      ([name, { identity }]) => identities.has(name) && identities.get(name) === identity,
    );
    return new Map(lost.map(([name, { fault }]) => [name, fault]));
  }

  /** A change was applied: other pieces than these are lost no more. */
  keepLost(names: ReadonlySet<string>): void {
    for (const [name, { timer }] of this.#lost) {
      if (names.has(name)) continue;
      clearTimeout(timer);
      this.#lost.delete(name);
    }
  }

  /**
   * A change removed a piece: another one that comes later with its name begins with no counts and delays.
   */
  forget(piece: string): void {
    this.#counts.delete(piece);
    this.#delaysMs.delete(piece);
    this.#returnedAt.delete(piece);
  }

  /** The counters of a piece, with the faults and restarts that are counted here. */
  withCounts(piece: PieceSnapshot): PieceSnapshot {
    const count = this.#counts.get(piece.name);
    if (count === undefined) return piece;
    return { ...piece, faults: piece.faults + count.faults, restarts: piece.restarts + count.restarts };
  }

  /** No piece becomes due after this. */
  stop(): void {
    for (const { timer } of this.#lost.values()) clearTimeout(timer);
  }

  #count(piece: string): { faults: number; restarts: number } {
    const count = this.#counts.get(piece) ?? { faults: 0, restarts: 0 };
    this.#counts.set(piece, count);
    return count;
  }
}

/** The restart of a piece while it is attempted. */
export interface PieceReturn {
  /** The piece runs. */
  complete(): void;
  /** The attempt failed through no fault of the piece: it is lost as before, and due again soon. */
  cancel(): void;
}

interface LostPiece {
  readonly fault: SeatFault;
  readonly identity: string | undefined;
  /** Set while the piece waits to become due. */
  timer: NodeJS.Timeout | undefined;
}

/** The delay after which a piece is due again when the lane was busy. */
const BUSY_MS = 100;
