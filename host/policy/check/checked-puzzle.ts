import type { Mistake, NetworkOptions, Place, PlannedJoint } from '../../puzzle/plan/arrangement.ts';
import type { Decision } from '../../puzzle/plan/default-policy.ts';
import type { ConfigurationMistake } from '../configuration/configuration-error.ts';
import type { CheckContext } from '../pieces/check-context.ts';
import type { ComponentClaims } from '../pieces/consent-record.ts';
import type { PieceSpec } from '../pieces/piece-spec.ts';

export type { PlannedJoint } from '../../puzzle/plan/arrangement.ts';

/** A configuration without mistakes: everything that a lane needs to run it. */
export interface Puzzle {
  /** The file of the configuration, as it was named. */
  readonly title: string;
  readonly pieces: readonly PuzzlePiece[];
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  readonly joints: readonly PlannedJoint[];
  /** Where the Edges came that the configuration left out. */
  readonly decisions: readonly Decision[];
  /** With what it was made, and whatever takes its place is. */
  readonly checkContext: CheckContext;
  /** Gives something that went wrong while starting its place in the configuration. */
  locate(mistake: Mistake): ConfigurationMistake;
}

/** An instance of a piece. */
export interface PuzzlePiece {
  readonly place: Place;
  /** What the configuration calls it: `tun`, `6bed4`, `./mine.wasm`. */
  readonly reference: string;
  /** How a lane makes it, in this thread or in another. */
  readonly spec: PieceSpec;
  /** What a component file is and wants. Built-in components need no consent, and have none. */
  readonly claims?: ComponentClaims;
}
