import type { Problem } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { SavedState } from '../plan/piece-maker.ts';
import { bypassPaths } from '../reach/bypass.ts';
import type { Delivery } from './delivery.ts';
import type { LaneState } from './lane-state.ts';
import type { ListenPropagation } from './listen-propagation.ts';
import type { LogEntry } from './log-entry.ts';
import type { PropertyUpdates } from './property-updates.ts';
import { CALM_MS, FIRST_RESTART_MS, MAX_RESTART_MS, type Seat } from './seat.ts';
import type { Services } from './services.ts';
import type { StatusEvent } from './status-reports.ts';

/** Handles faults by the failure policy of the piece: bypass, restart, and the saved states for restarts. */
export class Failures {
  readonly #laneState: LaneState;
  readonly #parts: FailureParts;
  readonly #hooks: FailureHooks;

  constructor(laneState: LaneState, parts: FailureParts, hooks: FailureHooks) {
    this.#laneState = laneState;
    this.#parts = parts;
    this.#hooks = hooks;
  }

  fail(seat: Seat, error: unknown): void {
    if (!(error instanceof PieceFault)) throw error;
    const piece = seat.piece!;
    seat.markFailed(error);
    seat.faults++;
    seat.wakeAt = seat.saveAt = Infinity;
    piece.fail?.();
    this.openDetours(seat);
    this.#parts.delivery.bypassWaiting(seat);
    for (const member of seat.edges) {
      // With `bypass`, frames still use this piece's Edges, so its listens and offers stay.
      if (seat.failure === 'bypass') break;
      for (const shape of [...member.listens.keys()]) this.#parts.services.unlisten(member, shape);
      member.offers.length = 0;
    }
    this.#topologyChanged();
    if (seat.failure === 'restart' && piece.renew !== undefined) {
      if (this.#laneState.now - seat.startedAt > CALM_MS) seat.restartDelayMs = FIRST_RESTART_MS;
      seat.restartAt = this.#laneState.now + seat.restartDelayMs;
      seat.restartDelayMs = Math.min(seat.restartDelayMs * 2, MAX_RESTART_MS);
    }
    this.#hooks.onEvent({ kind: 'fault', piece: seat.name, code: error.code, message: error.message });
    this.#parts.propertyUpdates.notifyChanged();
  }

  restart(seat: Seat): void {
    const piece = seat.piece!;
    seat.restartAt = Infinity;
    seat.markRunning();
    seat.startedAt = this.#laneState.now;
    let isRestored = false;
    this.#laneState.attempt(seat, () => {
      piece.renew!();
      this.#startInstance(seat);
      isRestored = this.#restore(seat);
      const shapes = seat.edges.flatMap((member) => member.shapes.map((shape) => ({ member, shape })));
      const { propertyUpdates } = this.#parts;
      this.#throwProblem(
        shapes.map(({ member, shape }) => piece.accepts(propertyUpdates.joiningOf(member, shape))),
      );
      for (const { member, shape } of shapes) propertyUpdates.join(member, shape);
    });
    if (seat.fault !== undefined) return;
    this.#topologyChanged();
    seat.restarts++;
    this.#laneState.enqueue(seat);
    this.#hooks.onEvent({ kind: 'restarted', piece: seat.name, restored: isRestored });
  }

  /**
   * Recomputes listens and offers: they pass through a piece only while it runs, or while frames go around
   * it.
   */
  #topologyChanged(): void {
    const { listenPropagation, propertyUpdates } = this.#parts;
    this.#laneState.topologyChanged();
    listenPropagation.closeUnused(listenPropagation.recompute());
    propertyUpdates.invalidate();
  }

  #startInstance(seat: Seat): void {
    this.#throwProblem(seat.piece!.start(this.#laneState.now));
  }

  #throwProblem(problems: readonly (Problem | undefined)[]): void {
    const problem = problems.find((each) => each !== undefined);
    if (problem !== undefined) throw new PieceFault('FT_FAULT_RESULT', `after a restart: ${problem.message}`);
  }

  /**
   * Restores the saved state, and only once: the state itself may be the reason for the fault. Returns
   * whether the piece took it.
   */
  #restore(seat: Seat): boolean {
    const { saved } = seat;
    seat.saved = undefined;
    if (saved === undefined) return false;
    const piece = seat.piece!;
    let isTaken = false;
    let problem: Problem | undefined;
    try {
      problem = piece.restore(this.#laneState.now, saved.version, saved.state);
      isTaken = problem === undefined;
    } finally {
      this.#hooks.onRestore(seat.name, isTaken);
    }
    if (problem === undefined) return true;
    this.#hooks.onLog({
      piece: seat.name,
      level: 'warn',
      message: `starts without its saved state, which it refuses: ${problem.message}`,
    });
    // An instance that reported a problem is not used any more.
    piece.renew!();
    this.#startInstance(seat);
    return false;
  }

  /** Saves the state of a piece that runs, and was called since the last save. */
  save(seat: Seat): void {
    seat.saveAt = Infinity;
    const state = this.#laneState.attempt(seat, () => seat.piece!.save(this.#laneState.now));
    if (state === undefined) return;
    seat.saved = { version: seat.place.description.version, state };
    this.#hooks.onSave(seat.name, seat.saved);
  }

  /**
   * With the policy `bypass`: sets the detours of the Edges while the piece has failed, and removes them
   * otherwise.
   */
  openDetours(seat: Seat): void {
    this.#closeDetours(seat);
    if (seat.failure !== 'bypass' || seat.fault === undefined) return;
    const { edges, members, place } = seat;
    for (const { edge, shape, toEdge, toShape } of bypassPaths(this.#laneState.protocols, place, edges)
      .paths) {
      const detour = { member: members[toEdge]!, direction: members[toEdge]!.directions[toShape]! };
      members[edge]!.detours[shape] = detour;
      for (const [number, { like }] of members[edge]!.listens)
        if (like === shape) members[edge]!.detours[number] = detour;
    }
  }

  #closeDetours(seat: Seat): void {
    for (const { detours } of seat.edges) detours.length = 0;
  }
}

interface FailureParts {
  readonly delivery: Delivery;
  readonly listenPropagation: ListenPropagation;
  readonly services: Services;
  readonly propertyUpdates: PropertyUpdates;
}

export interface FailureHooks {
  readonly onLog: (entry: LogEntry) => void;
  readonly onEvent: (event: LaneEvent) => void;
  readonly onSave: (piece: string, saved: SavedState) => void;
  /** A restarting piece was given a saved state: it took the state, or begins without it. */
  readonly onRestore: (piece: string, isTaken: boolean) => void;
}

export type LaneEvent =
  | StatusEvent
  | { readonly kind: 'fault'; readonly piece: string; readonly code: string; readonly message: string }
  | {
      readonly kind: 'restarted';
      readonly piece: string;
      /** The piece took over the state that was saved last. */
      readonly restored: boolean;
    };
