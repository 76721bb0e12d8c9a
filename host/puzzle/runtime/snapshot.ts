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
  /** The totals of pieces, and of single Edges, that changes have removed; absent where there are none. */
  readonly departed?: readonly PieceSnapshot[];
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
  readonly state: 'running' | 'failed' | 'removed';
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
export function snapshotOf(
  seats: readonly Seat[],
  frames: Frames,
  uptimeMs: number,
  departed: readonly PieceSnapshot[] = [],
): LaneSnapshot {
  const { freeRows, rows } = frames;
  const gone = departed.length === 0 ? {} : { departed };
  return { uptimeMs, pieces: seats.map(pieceSnapshot), ...gone, freeRows, rows };
}

/** The totals of a piece that a change has removed. */
export function departedPiece(seat: Seat): PieceSnapshot {
  const {
    status: _,
    source: __,
    fault: ___,
    ...piece
  } = { ...pieceSnapshot(seat), state: 'removed' } as const;
  return { ...piece, held: 0, waiting: 0 };
}

/** The totals of an Edge that has left a network, while its piece stays. */
export function departedEdge(
  seat: Seat,
  name: string,
  network: string,
  traffic: Float64Array,
): PieceSnapshot {
  return {
    name: seat.name,
    piece: seat.place.description.name,
    kind: seat.kind,
    state: 'removed',
    edges: [edgeSnapshot(name, network, traffic)],
    reasons: [],
    faults: 0,
    restarts: 0,
    bypassed: 0,
    held: 0,
    waiting: 0,
  };
}

function edgeSnapshot(name: string, network: string, traffic: Float64Array): EdgeSnapshot {
  return {
    name,
    network,
    framesIn: traffic[FRAMES_IN]!,
    bytesIn: traffic[BYTES_IN]!,
    framesOut: traffic[FRAMES_OUT]!,
    bytesOut: traffic[BYTES_OUT]!,
    framesRefused: traffic[FRAMES_REFUSED]!,
  };
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
    edges: seat.edges.map(({ name, network, traffic }) => edgeSnapshot(name, network, traffic)),
    reasons,
    faults: seat.faults,
    restarts: seat.restarts,
    bypassed: seat.bypassed,
    held: seat.piece?.held ?? 0,
    waiting: seat.intake.length,
  };
}
