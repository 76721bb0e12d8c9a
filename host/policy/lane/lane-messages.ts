import type { NamespaceSockets } from '../../endpoint/addon.ts';
import type { Difference } from '../../puzzle/change/difference.ts';
import type { Mistake } from '../../puzzle/plan/arrangement.ts';
import type { SavedState } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { FunnelEvent } from './funnel-event.ts';
import type { LaneOrder } from './lane-order.ts';

/** The requests to a lane in another thread, with their results. */
export interface LaneRequests {
  start: { readonly order: LaneOrder; readonly result: undefined };
  apply: { readonly order: LaneOrder; readonly result: Difference };
  difference: { readonly order: LaneOrder; readonly result: Difference };
  counters: { readonly order: undefined; readonly result: LaneSnapshot };
  /** Closes all pieces; then the thread ends by itself. */
  close: { readonly order: undefined; readonly result: LaneSnapshot };
}

export type RequestKind = keyof LaneRequests;

/** A message to the lane. */
export type LaneRequest = {
  [K in RequestKind]: { readonly id: number; readonly kind: K; readonly order: LaneRequests[K]['order'] };
}[RequestKind];

/** A message from the lane. */
export type LaneMessage =
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: TransferredError }
  | { readonly kind: 'event'; readonly event: FunnelEvent }
  | { readonly kind: 'saved'; readonly piece: string; readonly saved: SavedState }
  /** A piece received its saved state, and accepted it or not. */
  | { readonly kind: 'restored'; readonly piece: string; readonly isTaken: boolean }
  | { readonly kind: 'snapshot'; readonly snapshot: LaneSnapshot };

/** The data with which the thread starts. */
export interface LaneThreadData {
  /** The memory of its call monitor, shared with the watchdog. */
  readonly callMonitor: SharedArrayBuffer;
  /** The number under which sockets and devices outlive the thread; see `host/endpoint/addon`. */
  readonly handover: number;
  /** The network namespace in which its endpoints make their devices; its own when absent. */
  readonly namespace?: NamespaceSockets;
}

/** An error as one thread posts it to another. */
export interface TransferredError {
  readonly code: string;
  readonly message: string;
  readonly mistakes?: readonly Mistake[];
  readonly stack?: string;
}

export function transferred(error: unknown): TransferredError {
  if (error instanceof PuzzleError)
    return { code: error.code, message: error.message, mistakes: error.mistakes };
  if (error instanceof FunnelError) return { code: error.code, message: error.message };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { code: 'FT_INTERNAL', message, ...(stack === undefined ? {} : { stack }) };
}

export function errorFrom({ code, message, mistakes, stack }: TransferredError): Error {
  if (mistakes !== undefined) return new PuzzleError(mistakes);
  if (code !== 'FT_INTERNAL') return new FunnelError(code, message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
