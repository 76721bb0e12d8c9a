import type { Puzzle } from './checked-puzzle.ts';

/** The pieces and the networks of a puzzle as plain values, for programs. */
export interface PuzzleGraph {
  configuration: string;
  pieces: { name: string; piece: string; edges: Record<string, string[]> }[];
  joints: {
    network: string;
    members: { piece: string; edge: string }[];
    /** The stacks of the frames that pass. */
    stacks: string[];
  }[];
}

export function puzzleGraph({ title, pieces, joints }: Puzzle): PuzzleGraph {
  return {
    configuration: title,
    pieces: pieces.map(({ place, reference }) => ({
      name: place.name,
      piece: reference,
      edges: Object.fromEntries([...place.edges].map(([edge, networks]) => [edge, [...networks]])),
    })),
    joints: joints.map(({ name, members, pairs }) => ({
      network: name,
      members: members.map(({ placeIndex, described }) => {
        const { name: piece, description } = pieces[placeIndex]!.place;
        return { piece, edge: description.edges[described]!.name };
      }),
      stacks: [...new Set(pairs.map(({ stack }) => stack))],
    })),
  };
}
