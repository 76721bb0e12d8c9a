import type { Piece as Description, Property } from '../../../abi/host/contract.ts';

/** A piece's place in a puzzle, before anything runs: what it is called, what it is, and where its Edges are. */
export interface Place {
  readonly name: string;
  readonly description: Description;
  /** Networks by the name of the described Edge; more than one for a repeated Edge, or where its Shapes are kept apart. */
  readonly edges: ReadonlyMap<string, readonly string[]>;
  /** By Edge and network, the indices of those Shapes that may join there; all where it says nothing. */
  readonly shapes?: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
}

export interface NetworkOptions {
  /** A frame that several Shapes match equally goes to each of them, instead of being a mistake. */
  readonly copies: boolean;
}

/** An Edge of a piece, on a network. */
export interface Member {
  /** The index of the piece among the places. */
  readonly placeIndex: number;
  /** The number by which frames name this Edge: members of one piece are numbered in the order of its description. */
  readonly edge: number;
  /** The index of the Edge in the description. */
  readonly described: number;
  /** The described Shapes that match an opposing Shape on this network. */
  readonly shapes: readonly number[];
  /** For each of these Shapes, what was settled with all that it meets: what its piece is told on joining. */
  readonly properties: readonly (readonly Property[])[];
}

/** Two Shapes between which frames pass, and what the frames are: the longer of both stacks. */
export interface Pair {
  readonly a: Member;
  readonly aShape: number;
  readonly b: Member;
  readonly bShape: number;
  readonly stack: string;
  /** What was settled between the two. */
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
