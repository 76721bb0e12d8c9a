import type { Frames } from '../../frame/frames.ts';
import type { SourceState } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { hostReasonSentence } from './host-reasons.ts';
import { BYTES_IN, BYTES_OUT, FRAMES_IN, FRAMES_OUT, FRAMES_REFUSED, type Seat } from './seat.ts';

export type { PieceStatus } from '../../piece/piece-status.ts';

/** The counters of a lane at one instant. */
export interface LaneSnapshot {
  readonly uptimeMs: number;
  readonly pieces: readonly PieceSnapshot[];
  /** Free rows for frames, and all rows. */
  readonly freeRows: number;
  readonly rows: number;
}

export interface PieceSnapshot {
  /** The instance's name in the configuration. */
  readonly name: string;
  /** The name in the piece's own description. */
  readonly piece: string;
  readonly kind: 'component' | 'native';
  readonly state: 'running' | 'failed';
  /** Code and message of the fault that ended the instance. */
  readonly fault?: string;
  /** The last report of the piece about itself. */
  readonly status?: PieceStatus;
  /** How what the piece reads stands, if that has an end: a capture. */
  readonly source?: SourceState;
  readonly edges: readonly EdgeSnapshot[];
  readonly reasons: readonly ReasonSnapshot[];
  /** Numbers of faults and restarts. */
  readonly faults: number;
  readonly restarts: number;
  /** Frames that went around the piece, with the policy `bypass`. */
  readonly bypassed: number;
  /** Frames held inside the piece, and frames that wait for it. */
  readonly held: number;
  readonly waiting: number;
}

/** Traffic on one Edge; `in` is toward the piece. */
export interface EdgeSnapshot {
  readonly name: string;
  readonly network: string;
  readonly framesIn: number;
  readonly bytesIn: number;
  readonly framesOut: number;
  readonly bytesOut: number;
  /** Frames that found the queue of this Edge full; also counted as `queue-full` at the piece. */
  readonly framesRefused: number;
}

/** Frames that ended at a piece, for one reason. */
export interface ReasonSnapshot {
  readonly name: string;
  readonly frames: number;
  /** False where the frames ended as intended. */
  readonly loss: boolean;
  /** One sentence that explains the name; only where frames have ended for this reason. */
  readonly summary?: string;
}

/**
 * Returns the counters. Reasons of the piece are always listed; reasons of the host only when they have
 * occurred.
 */
export function snapshotOf(seats: readonly Seat[], frames: Frames, uptimeMs: number): LaneSnapshot {
  return { uptimeMs, pieces: seats.map(pieceSnapshot), freeRows: frames.freeRows, rows: frames.rows };
}

function pieceSnapshot(seat: Seat): PieceSnapshot {
  const { description, name } = seat.place;
  const own = new Map(description.reasons.map((reason) => [reason.name, reason.loss]));
  const reasons = description.reasons.map(({ name, loss, summary }): ReasonSnapshot => {
    const frames = seat.counters.get(name);
    return frames === 0 || summary === '' ? { name, frames, loss } : { name, frames, loss, summary };
  });
  for (const [name, frames] of seat.counters.entries()) {
    if (!own.has(name) && frames > 0)
      reasons.push({ name, frames, loss: true, summary: hostReasonSentence(name) });
  }
  return {
    name,
    piece: description.name,
    kind: seat.kind,
    state: seat.fault === undefined ? 'running' : 'failed',
    ...(seat.fault === undefined ? {} : { fault: `${seat.fault.code}: ${seat.fault.message}` }),
    ...(seat.status === undefined ? {} : { status: seat.status }),
    ...(seat.source === undefined ? {} : { source: seat.source }),
    edges: seat.edges.map((member) => ({
      name: member.name,
      network: member.joint.name,
      framesIn: member.traffic[FRAMES_IN]!,
      bytesIn: member.traffic[BYTES_IN]!,
      framesOut: member.traffic[FRAMES_OUT]!,
      bytesOut: member.traffic[BYTES_OUT]!,
      framesRefused: member.traffic[FRAMES_REFUSED]!,
    })),
    reasons,
    faults: seat.faults,
    restarts: seat.restarts,
    bypassed: seat.bypassed,
    held: seat.piece?.held ?? 0,
    waiting: seat.intake.length,
  };
}
