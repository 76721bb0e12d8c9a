import type { Difference } from '../../puzzle/change/difference.ts';
import type { Mistake } from '../../puzzle/plan/arrangement.ts';
import type { SavedState } from '../../puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../puzzle/plan/puzzle-error.ts';
import type { LaneSnapshot } from '../../puzzle/runtime/snapshot.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { FunnelEvent } from './funnel-event.ts';
import type { LaneOrder } from './lane-order.ts';

/** What a lane in another thread is asked, with what it answers. */
export interface LaneQuestions {
  start: { readonly order: LaneOrder; readonly answer: undefined };
  apply: { readonly order: LaneOrder; readonly answer: Difference };
  difference: { readonly order: LaneOrder; readonly answer: Difference };
  counters: { readonly order: undefined; readonly answer: LaneSnapshot };
  /** Ends all pieces, and then the thread by itself. */
  close: { readonly order: undefined; readonly answer: LaneSnapshot };
}

export type QuestionKind = keyof LaneQuestions;

/** To the lane. */
export type LaneQuestion = {
  [K in QuestionKind]: { readonly id: number; readonly kind: K; readonly order: LaneQuestions[K]['order'] };
}[QuestionKind];

/** From the lane. */
export type LaneMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: TransferredError }
  | { readonly kind: 'event'; readonly event: FunnelEvent }
  | { readonly kind: 'saved'; readonly piece: string; readonly saved: SavedState }
  /** A piece was given its saved state, and took it over or not. */
  | { readonly kind: 'restored'; readonly piece: string; readonly isTaken: boolean }
  | { readonly kind: 'snapshot'; readonly snapshot: LaneSnapshot };

/** What the thread begins with. */
export interface LaneSetting {
  /** Of its pulse. */
  readonly pulse: SharedArrayBuffer;
  /** The number under which sockets and devices outlive it; see the addon. */
  readonly handover: number;
}

/** An error as it goes from thread to thread. */
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
