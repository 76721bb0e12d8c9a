import { isSameStatus, type PieceStatus } from '../../piece/piece-status.ts';
import type { ActivationFlag } from './activation.ts';
import type { LaneState } from './lane-state.ts';
import type { Seat } from './seat.ts';

/**
 * Takes the status reports of pieces, and notifies of changes: at once, but not more often than every
 * {@link INTERVAL_MS} for each piece. Of more changes in that time, the last one counts.
 */
export class StatusReports {
  readonly #laneState: LaneState;
  readonly #hooks: StatusHooks;

  constructor(laneState: LaneState, hooks: StatusHooks) {
    this.#laneState = laneState;
    this.#hooks = hooks;
  }

  report(seat: Seat, activation: ActivationFlag, status: PieceStatus): void {
    if (isSameStatus(activation.status, status)) return;
    activation.status = status;
    if (!activation.isActive) return;
    this.plan(seat);
    if (!this.#laneState.isRunning && !this.#laneState.isClosed) this.#hooks.runLater();
  }

  /** Another instance took the seat, or the status of its instance changed: a turn will notify of it. */
  plan(seat: Seat): void {
    if (seat.statusAt === Infinity) seat.statusAt = Math.max(this.#laneState.now, seat.statusNotBefore);
  }

  /** Called in a turn, when the time of the seat has come. */
  notify(seat: Seat): void {
    seat.statusAt = Infinity;
    const { status } = seat;
    if (isSameStatus(seat.notifiedStatus, status)) return;
    seat.notifiedStatus = status;
    seat.statusNotBefore = this.#laneState.now + INTERVAL_MS;
    // A piece that failed has no status; the event of its fault says so.
    if (status !== undefined) this.#hooks.onEvent({ kind: 'status', piece: seat.name, ...status });
  }
}

interface StatusHooks {
  readonly onEvent: (event: StatusEvent) => void;
  runLater(): void;
}

/** A piece reported another status. */
export interface StatusEvent extends PieceStatus {
  readonly kind: 'status';
  readonly piece: string;
}

/** People read the events, and scripts react to them. */
const INTERVAL_MS = 250;
