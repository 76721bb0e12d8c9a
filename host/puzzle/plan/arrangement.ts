import type { Piece as Description, Property } from '../../../abi/host/contract.ts';

/** A piece in a puzzle before anything runs: its name, its description, and the networks of its Edges. */
export interface Place {
  readonly name: string;
  readonly description: Description;
  /**
   * Networks by the name of the described Edge; several for a repeated Edge, and where its Shapes are kept
   * apart.
   */
  readonly edges: ReadonlyMap<string, readonly string[]>;
  /** By Edge and network: the indices of the Shapes that may join there; all Shapes when left out. */
  readonly shapes?: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
}

export interface NetworkOptions {
  /**
   * Whether a frame that several Shapes match equally goes to each of them; otherwise such Shapes are a
   * mistake.
   */
  readonly copies: boolean;
}

/** An Edge of a piece, on a network. */
export interface Member {
  /** The index of the piece among the places. */
  readonly placeIndex: number;
  /** The number of the Edge in its piece, in the order of the description; frames name the Edge by it. */
  readonly edge: number;
  /** The index of the Edge in the description. */
  readonly described: number;
  /** The described Shapes that match an opposing Shape on this network. */
  readonly shapes: readonly number[];
  /** The settled properties of each of these Shapes, which its piece gets on joining. */
  readonly properties: readonly (readonly Property[])[];
}

/** Two Shapes between which frames pass, and the stack of the frames: the longer of both. */
export interface Pair {
  readonly a: Member;
  readonly aShape: number;
  readonly b: Member;
  readonly bShape: number;
  readonly stack: string;
  /** The properties that were settled between the two. */
  readonly properties: readonly Property[];
}

/** The place where Edges come together: a network of the configuration. */
export interface PlannedJoint {
  readonly name: string;
  readonly members: readonly Member[];
  readonly pairs: readonly Pair[];
}

/** The Edges of each network: the part of an arrangement that a lane needs to join pieces. */
export type JoinedMembers = Pick<PlannedJoint, 'name' | 'members'>;

/**
 * The result for a set of pieces and networks. With mistakes, `joints` holds the known part of the result.
 */
export interface Arrangement {
  readonly joints: readonly PlannedJoint[];
  readonly mistakes: readonly Mistake[];
}

/** A mistake in a puzzle, described so that its author can find and correct it. */
export interface Mistake {
  /** Stable; begins with `FT_`. */
  readonly code: string;
  /** The mistake, and its remedy. */
  readonly message: string;
  readonly piece?: string;
  readonly edge?: string;
  readonly network?: string;
  readonly setting?: string;
}
