import type { JoinedMembers } from '../plan/arrangement.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import type { Seat } from '../runtime/seat.ts';

/** The effects of a change, by name. */
export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /**
   * Pieces with other settings, of another version, or without something that another program took from them:
   * a new instance gets the state of the old one.
   */
  readonly replaced: readonly string[];
  /** Pieces that keep their instances. */
  readonly kept: readonly string[];
  /** Edges of all pieces that join or leave a network. */
  readonly edges: readonly { piece: string; edge: string; network: string; change: 'joins' | 'leaves' }[];
}

/**
 * Returns the pieces and Edges that a change concerns. A piece is kept where it would be made the same way
 * again, and still has of the system what its settings say.
 */
export function differenceOf(
  seats: readonly Seat[],
  makers: readonly PieceMaker[],
  joints: readonly JoinedMembers[],
): Difference {
  const old = new Map(seats.map((seat) => [seat.name, seat]));
  const names = new Set(makers.map((maker) => maker.place.name));
  const added: string[] = [];
  const replaced: string[] = [];
  const kept: string[] = [];
  for (const maker of makers) {
    const seat = old.get(maker.place.name);
    if (seat === undefined) added.push(maker.place.name);
    else if (isSame(seat, maker)) kept.push(maker.place.name);
    else replaced.push(maker.place.name);
  }
  const before = new Set(
    seats.flatMap((seat) => seat.edges.map((member) => edgeKey(seat.name, member.name, member.joint.name))),
  );
  const after = new Set(
    joints.flatMap(({ name, members }) =>
      members.map(({ placeIndex, described }) => {
        const { place } = makers[placeIndex]!;
        return edgeKey(place.name, place.description.edges[described]!.name, name);
      }),
    ),
  );
  const edges = [
    ...[...before].filter((key) => !after.has(key)).map((key) => edgeOfKey(key, 'leaves')),
    ...[...after].filter((key) => !before.has(key)).map((key) => edgeOfKey(key, 'joins')),
  ];
  return { added, removed: [...old.keys()].filter((name) => !names.has(name)), replaced, kept, edges };
}

/** Whether the piece in the seat would be made the same way again, and has what it was made for. */
export function isSame(seat: Seat, maker: PieceMaker): boolean {
  return (
    seat.identity !== undefined &&
    seat.identity === maker.identity &&
    seat.kind === maker.kind &&
    seat.piece?.deviates !== true
  );
}

// Names contain no line breaks.
function edgeKey(piece: string, edge: string, network: string): string {
  return `${piece}\n${edge}\n${network}`;
}

function edgeOfKey(key: string, change: 'joins' | 'leaves'): Difference['edges'][number] {
  const [piece, edge, network] = key.split('\n') as [string, string, string];
  return { piece, edge, network, change };
}
