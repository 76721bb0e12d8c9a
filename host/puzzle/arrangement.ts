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

/** Something in a puzzle that cannot be, told so that its author can find and mend it. */
export interface Mistake {
  /** Stable; begins with `FT_`. */
  readonly code: string;
  /** What is wrong and what to do. */
  readonly message: string;
  readonly piece?: string;
  readonly edge?: string;
  readonly network?: string;
}
