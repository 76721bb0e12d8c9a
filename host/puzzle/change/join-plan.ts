import type { Property } from '../../../abi/host/contract.ts';
import type { Direction } from '../../stack/direction.ts';
import type { JoinedMembers, Member } from '../plan/arrangement.ts';
import { AlongCurves, type Station } from '../reach/along-curves.ts';
import type { Joint } from '../runtime/joint.ts';
import type { LaneState } from '../runtime/lane-state.ts';
import { JoinedEdge, Seat } from '../runtime/seat.ts';
import type { Candidate } from './candidates.ts';

/** An Edge as a change joins it. */
export interface EdgeJoin extends Station {
  readonly edge: number;
  readonly candidate: Candidate;
  readonly planned: Member;
  /** Stacks for which the piece was already called during the preparation. */
  readonly opens: Set<string>;
  /** The present joined Edge, of an instance that stays. */
  readonly old: JoinedEdge | undefined;
  /** The Edge after the commit: `old`, or a new one. */
  readonly member: JoinedEdge;
  /** By Shape: the tags that the commit takes over from the replaced instance. */
  readonly handedTags: Map<number, number>;
}

/** The Edges and Joints of a puzzle after a change, made before the commit puts them in place. */
export interface JoinPlan {
  readonly joins: readonly EdgeJoin[];
  /** By name; new Joints included. */
  readonly joints: ReadonlyMap<string, Joint<JoinedEdge>>;
}

/** Plans the joins. Edges that stay keep their numbers; new ones get the lowest free numbers. */
export function planJoins(
  laneState: LaneState,
  plannedJoints: readonly JoinedMembers[],
  candidates: readonly Candidate[],
): JoinPlan {
  const joins: EdgeJoin[] = [];
  const joints = new Map<string, Joint<JoinedEdge>>();
  const taken = candidates.map(({ isKept, seat }) => {
    const numbers = new Set<number>();
    if (isKept) for (const member of seat.edges) numbers.add(member.edge);
    return numbers;
  });
  for (const { name, members } of plannedJoints) {
    const joint = laneState.jointNamed(name);
    joints.set(name, joint);
    for (const planned of members) {
      const candidate = candidates[planned.placeIndex]!;
      const old = candidate.isKept ? findMember(candidate.seat, planned.described, name) : undefined;
      let edge = old?.edge ?? 0;
      if (old === undefined) {
        const numbers = taken[planned.placeIndex]!;
        while (numbers.has(edge)) edge++;
        numbers.add(edge);
      }
      const { seat, maker } = candidate;
      const { described, shapes } = planned;
      const { description } = maker.place;
      joins.push({
        candidate,
        planned,
        network: name,
        edge,
        old,
        member: old ?? new JoinedEdge(seat, edge, described, joint, description),
        handedTags: new Map(),
        piece: seat,
        description,
        described,
        shapes,
        opens: new Set(),
      });
    }
  }
  return { joins, joints };
}

function findMember(seat: Seat, described: number, network: string): JoinedEdge | undefined {
  return seat.members.find((member) => member?.described === described && member.joint.name === network);
}

/** How listens and offers will reach other pieces, given which pieces have failed by now. */
export function pathsAlong({ stacksAlong }: LaneState, joins: readonly EdgeJoin[]): AlongCurves<EdgeJoin> {
  return new AlongCurves(stacksAlong, joins.filter(isPassable));
}

/** Whether listens and offers go through the piece: it runs, or frames go around it. */
function isPassable({ candidate: { isKept, seat, maker } }: EdgeJoin): boolean {
  return maker.failure === 'bypass' || (isKept ? seat.fault : maker.initialFault) === undefined;
}

/** The stacks on which a piece will listen: its joined Shapes, and those for which it has called `listen`. */
export function listensOf({ description, described, shapes, old }: EdgeJoin): ListenedStack[] {
  const all = description.edges[described]!.shapes;
  const listens = [...(old?.listens.values() ?? [])];
  return [
    ...shapes.map((shape) => ({ direction: all[shape]!.direction, stack: all[shape]!.stack })),
    ...listens.map(({ like, stack }) => ({ direction: all[like]!.direction, stack })),
  ];
}

export interface ListenedStack {
  readonly direction: Direction;
  readonly stack: string;
}

/** Returns the offers of a piece on an Edge, or those of the instance that it replaces. */
export function offersOf({
  old,
  piece,
  description,
  described,
  network,
  candidate,
}: EdgeJoin): readonly Property[] {
  if (old !== undefined) return old.offers;
  if (candidate.isKept || !(piece instanceof Seat)) return [];
  const { name } = description.edges[described]!;
  return piece.edges.find((member) => member.name === name && member.network === network)?.offers ?? [];
}
