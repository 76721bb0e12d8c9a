import type { Piece as Description } from '../../abi/host/contract.ts';

/** A piece's place in a puzzle, before anything runs: what it is called, what it is, and where its Edges are. */
export interface Place {
  readonly name: string;
  readonly description: Description;
  /** Networks by the name of the described Edge; more than one only for a repeated Edge. */
  readonly edges: ReadonlyMap<string, readonly string[]>;
}

export interface NetworkOptions {
  /** A frame that several Shapes match equally goes to each of them, instead of being a mistake. */
  readonly copies: boolean;
}

/** An Edge of a piece, on a network. */
export interface Member {
  /** The index of the piece among the places. */
  readonly place: number;
  /** The number by which frames name this Edge: members of one piece are numbered in the order of its description. */
  readonly edge: number;
  /** The index of the Edge in the description. */
  readonly described: number;
  /** The described Shapes that match an opposing Shape on this network. */
  readonly shapes: readonly number[];
}

/** Two Shapes between which frames pass, and what the frames are: the longer of both stacks. */
export interface Pair {
  readonly a: Member;
  readonly aShape: number;
  readonly b: Member;
  readonly bShape: number;
  readonly stack: string;
}

/** The place where Edges come together: a network of the configuration. */
export interface PlannedJoint {
  readonly name: string;
  readonly members: readonly Member[];
  readonly pairs: readonly Pair[];
}

/** What a set of pieces and networks comes to. With mistakes, `joints` tells what is known of the rest. */
export interface Arrangement {
  readonly joints: readonly PlannedJoint[];
  readonly mistakes: readonly Mistake[];
}

/** Something in a puzzle that cannot be, told so that its author can find and mend it. */
export interface Mistake {
  /** Stable; begins with `FT_`. */
  readonly code: string;
  /** What is wrong and what to do. */
  readonly message: string;
  readonly piece?: string;
  readonly edge?: string;
  readonly network?: string;
  readonly setting?: string;
}
