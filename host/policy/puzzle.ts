import type { Mistake, NetworkOptions, Place, PlannedJoint } from '../puzzle/arrangement.ts';
import type { Decision } from '../puzzle/default-policy.ts';
import type { PieceMaker } from '../puzzle/piece-maker.ts';
import type { ConfigurationMistake } from './configuration-error.ts';
import type { Applicant } from './consent-record.ts';
import type { Recipe } from './maker.ts';
import type { Workshop } from './workshop.ts';

export type { PlannedJoint } from '../puzzle/arrangement.ts';

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
  readonly workshop: Workshop;
  /** Gives something that went wrong while starting its place in the configuration. */
  locate(mistake: Mistake): ConfigurationMistake;
}

/** An instance of a piece. */
export interface PuzzlePiece {
  readonly place: Place;
  /** What the configuration calls it: `tun`, `6bed4`, `./mine.wasm`. */
  readonly reference: string;
  readonly maker: PieceMaker;
  /** The same for another thread. */
  readonly recipe: Recipe;
  /** What a component file is and wants; built-in ones are consented to with the Funnel. */
  readonly applicant?: Applicant;
}
