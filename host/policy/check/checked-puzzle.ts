import type { FileUse } from '../../endpoint/catalogue.ts';
import type { Mistake, NetworkOptions, Place, PlannedJoint } from '../../puzzle/plan/arrangement.ts';
import type { Decision } from '../../puzzle/plan/default-policy.ts';
import type { ConfigurationMistake } from '../configuration/configuration-error.ts';
import type { CheckContext } from '../pieces/check-context.ts';
import type { ComponentClaims } from '../pieces/consent-record.ts';
import type { PieceSpec } from '../pieces/piece-spec.ts';

export type { PlannedJoint } from '../../puzzle/plan/arrangement.ts';

/** A configuration without mistakes: everything that a lane needs to run it. */
export interface Puzzle {
  /** The name of the configuration's file, as the caller gave it. */
  readonly title: string;
  readonly pieces: readonly PuzzlePiece[];
  readonly networks: ReadonlyMap<string, NetworkOptions>;
  readonly joints: readonly PlannedJoint[];
  /** The decisions of the default policy about Edges that the configuration leaves out. */
  readonly decisions: readonly Decision[];
  /** The context of its check, which later changes share. */
  readonly checkContext: CheckContext;
  /** Finds the line in the configuration of a mistake that a lane reports. */
  locate(mistake: Mistake): ConfigurationMistake;
}

/** An instance of a piece. */
export interface PuzzlePiece {
  readonly place: Place;
  /** Its name in the configuration: `tun`, `6bed4`, `./mine.wasm`. */
  readonly reference: string;
  /** The specification by which a lane makes it, in this thread or in another. */
  readonly spec: PieceSpec;
  /** The files that a native piece opens. */
  readonly files?: readonly FileUse[];
  /** Whether it takes standard input or output, so that the command line must not print there. */
  readonly usesStandardStreams?: boolean;
  /** The claims of a component file. Built-in components need no consent, and have none. */
  readonly claims?: ComponentClaims;
}
