import type { Curve } from '../../../abi/host/contract.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack } from '../../stack/stack.ts';
import type { Place, PlannedJoint } from '../plan/arrangement.ts';
import { type CurveWalk, walkCurves } from './curve-walk.ts';
import { stackAcrossCurve, startOf, stepsBeyond } from './stack-across-curve.ts';

/**
 * Returns the paths of frames through a puzzle without mistakes, and the stacks that may be parsed on them.
 *
 * A Curve runs in both directions. Inside a piece a frame takes one Curve, with any Hairpins; from Joint to
 * Joint the path continues. A stack that is wanted behind a piece is therefore wanted in front of it too:
 * wanted stacks spread over Curves and Joints until nothing changes.
 */
export function framePathsThrough(
  protocols: Protocols,
  places: readonly Place[],
  joints: readonly PlannedJoint[],
): FramePaths {
  return new PathFinder(protocols, places, joints).find();
}

export interface FramePaths {
  readonly joints: readonly JointNeeds[];
  readonly entrances: readonly Entrance[];
}

/** The stacks that may be parsed of frames on a Joint. */
export interface JointNeeds {
  readonly name: string;
  /** By the direction in which frames travel, where a Shape sends such frames. */
  readonly travelling: readonly {
    readonly direction: 'up' | 'down' | 'peer';
    /** Stacks of the Shapes here: a frame is parsed this far on this Joint. */
    readonly here: readonly string[];
    /** Stacks that are wanted behind the pieces here: parsed when a frame arrives there. */
    readonly later: readonly string[];
  }[];
}

/** A Shape by which frames enter the puzzle: no Curve leads to its Edge. */
export interface Entrance {
  readonly piece: string;
  readonly edge: string;
  readonly stack: string;
  readonly network: string;
  readonly hops: readonly Hop[];
}

/** A frame that crosses a Joint to a Shape. */
export interface Hop {
  readonly network: string;
  readonly piece: string;
  readonly edge: string;
  readonly shape: string;
  /** The known stack of a frame on this path. */
  readonly stack: string;
  /** How many headers the frame may have in front of the Shape's stack: N. */
  readonly skipHeaders: readonly number[];
  /** The most trailers of those headers, where the frame is padded: M. */
  readonly skipTrailers: number;
  /** The paths that lead on through the piece. */
  readonly onward: readonly Onward[];
}

export interface Onward {
  readonly edge: string;
  readonly shape: string;
  readonly isHairpin: boolean;
  readonly isOpaque: boolean;
  /** Bytes that the frame gains. */
  readonly overhead: number;
  readonly hops: readonly Hop[];
  /** The rest of the path was listed before. */
  readonly isRepeated: boolean;
}

/** A Shape on a Joint. */
interface End {
  readonly joint: number;
  readonly placeIndex: number;
  readonly edge: number;
  readonly described: number;
  readonly shape: number;
  readonly stack: Stack;
  readonly direction: 'up' | 'down' | 'peer';
  /** The Shapes with which this one exchanges frames. */
  readonly facing: End[];
  /** The stack of the Shape, and those that are wanted behind its piece, by text. */
  readonly wanted: Map<string, Stack>;
}

/** A path through a piece to one of its joined Shapes. */
interface PathToEnd {
  readonly to: End;
  readonly path: CurveWalk;
}

class PathFinder {
  readonly #protocols: Protocols;
  readonly #places: readonly Place[];
  readonly #joints: readonly PlannedJoint[];
  readonly #ends: End[] = [];
  /** By place index, described Edge and Shape. */
  readonly #byShape = new Map<string, End[]>();
  readonly #described = new Set<string>();

  constructor(protocols: Protocols, places: readonly Place[], joints: readonly PlannedJoint[]) {
    this.#protocols = protocols;
    this.#places = places;
    this.#joints = joints;
    joints.forEach(({ members, pairs }, joint) => {
      const here = new Map<string, End>();
      members.forEach((member) => {
        for (const shape of member.shapes) {
          const { stack: text, direction } =
            places[member.placeIndex]!.description.edges[member.described]!.shapes[shape]!;
          const stack = parseStack(text, protocols);
          const end: End = {
            joint,
            placeIndex: member.placeIndex,
            edge: member.edge,
            described: member.described,
            shape,
            stack,
            direction,
            facing: [],
            wanted: new Map([[formatStack(stack, protocols), stack]]),
          };
          this.#ends.push(end);
          here.set(`${member.placeIndex} ${member.edge} ${shape}`, end);
          const key = `${member.placeIndex} ${member.described} ${shape}`;
          this.#byShape.set(key, [...(this.#byShape.get(key) ?? []), end]);
        }
      });
      for (const { a, aShape, b, bShape } of pairs) {
        const one = here.get(`${a.placeIndex} ${a.edge} ${aShape}`)!;
        const other = here.get(`${b.placeIndex} ${b.edge} ${bShape}`)!;
        one.facing.push(other);
        other.facing.push(one);
      }
    });
  }

  find(): FramePaths {
    while (this.#spreadNeeds());
    const entrances = this.#ends
      .filter(({ placeIndex: place, described }) => this.#curvesAt(place, described).length === 0)
      .map((end): Entrance => {
        this.#described.clear();
        return {
          ...this.#namesOf(end),
          network: this.#joints[end.joint]!.name,
          hops: this.#hopsFrom(end, end.stack, [0], 0),
        };
      });
    return { joints: this.#joints.map((_, joint) => this.#needsOn(joint)), entrances };
  }

  /** Spreads wanted stacks by one piece. Returns false when nothing is new. */
  #spreadNeeds(): boolean {
    let isNew = false;
    for (const end of this.#ends) {
      for (const { to, path } of this.#pathsFrom(end)) {
        if (path.isOpaque) continue;
        for (const other of to.facing) {
          for (const stack of other.wanted.values()) {
            if (stepsBeyond(stack, to.stack, this.#protocols) === undefined) continue;
            const longer = this.#atOtherEnd(stack, to, end);
            if (longer === undefined) continue;
            const text = formatStack(longer, this.#protocols);
            if (end.wanted.has(text) || end.wanted.size >= MAX_WANTED) continue;
            end.wanted.set(text, longer);
            isNew = true;
          }
        }
      }
    }
    return isNew;
  }

  #needsOn(joint: number): JointNeeds {
    const here = this.#ends.filter((end) => end.joint === joint);
    const travelling = (['up', 'down', 'peer'] as const).flatMap((direction) => {
      const receivers = new Set(
        here.filter((end) => end.direction === direction).flatMap(({ facing }) => facing),
      );
      if (receivers.size === 0) return [];
      const own = new Set<string>();
      const all = new Set<string>();
      for (const { stack, wanted } of receivers) {
        own.add(formatStack(stack, this.#protocols));
        for (const text of wanted.keys()) all.add(text);
      }
      const later = [...all].filter((text) => !own.has(text));
      return [{ direction, here: [...own].sort(), later: later.sort() }];
    });
    return { name: this.#joints[joint]!.name, travelling };
  }

  /** @param outer how many headers the frame may have in front of its known stack */
  #hopsFrom(sender: End, frame: Stack, outer: readonly number[], depth: number): readonly Hop[] {
    return sender.facing.flatMap((receiver): readonly Hop[] => {
      const { stack } = matchStacks(frame, receiver.stack, this.#protocols);
      if (stack === undefined) return [];
      const inFront = headersInFront(stack, receiver.stack);
      const counts = [...new Set(outer.map((count) => count + inFront.length))].sort((a, b) => a - b);
      const padded = inFront.filter((step) =>
        step.protocols.some(
          (name) => this.#protocols.definition(this.#protocols.number(name))?.header?.length,
        ),
      ).length;
      return [
        {
          ...this.#namesOf(receiver),
          network: this.#joints[receiver.joint]!.name,
          shape: this.#shapeText(receiver),
          stack: formatStack(stack, this.#protocols),
          skipHeaders: counts,
          skipTrailers: padded,
          onward: this.#onward(receiver, stack, counts, depth),
        },
      ];
    });
  }

  #onward(end: End, frame: Stack, counts: readonly number[], depth: number): readonly Onward[] {
    return this.#pathsFrom(end).map(({ to, path: { isOpaque, isBent, overhead } }) => {
      const onward = (isOpaque ? undefined : this.#atOtherEnd(frame, end, to)) ?? to.stack;
      const key = `${this.#ends.indexOf(to)} ${formatStack(onward, this.#protocols)}`;
      const isRepeated = this.#described.has(key) || depth >= MAX_DEPTH;
      this.#described.add(key);
      // A piece keeps the headers in front of the part that it got, or removes them.
      const outer = [...new Set([0, ...counts])];
      return {
        edge: this.#namesOf(to).edge,
        shape: this.#shapeText(to),
        isHairpin: !isBent,
        isOpaque,
        overhead,
        isRepeated: isRepeated,
        hops: isRepeated ? [] : this.#hopsFrom(to, onward, outer, depth + 1),
      };
    });
  }

  /**
   * Returns what a stack that matches one end of a Curve is at the other end; undefined where it would be too
   * long. Where both ends have the same stack, all that is known of the frame still holds, except for headers
   * in front of the Shape's stack.
   */
  #atOtherEnd(stack: Stack, from: End, to: End): Stack | undefined {
    if (formatStack(from.stack, this.#protocols) === formatStack(to.stack, this.#protocols)) {
      const both = matchStacks(stack, from.stack, this.#protocols).stack;
      if (both !== undefined)
        return { ...to.stack, steps: both.steps.slice(Math.max(startOf(both, from.stack), 0)) };
    }
    return stackAcrossCurve(stack, from.stack, to.stack, this.#protocols);
  }

  /** The joined Shapes by which a frame that comes to a Shape may leave its piece. */
  #pathsFrom(end: End): readonly PathToEnd[] {
    const { placeIndex } = end;
    const { description } = this.#places[placeIndex]!;
    const { repeated } = description.edges[end.described]!;
    const joined = ({ described, shape }: { described: number; shape: number }) =>
      this.#byShape.get(`${placeIndex} ${described} ${shape}`) ?? [];
    const paths = walkCurves(description, end.described, end.shape, {
      mayTake: (step) => joined(step).length > 0,
    });
    return paths.flatMap((path) =>
      joined(path)
        // A frame that comes by one Edge of a repeated Edge leaves by the others.
        .filter((to) => !repeated || to.edge !== end.edge)
        .map((to) => ({ to, path })),
    );
  }

  #curvesAt(place: number, described: number): readonly Curve[] {
    return this.#places[place]!.description.curves.filter(
      ({ fromEdge, toEdge }) => fromEdge === described || toEdge === described,
    );
  }

  #shapeText({ direction, stack }: End): string {
    return `${direction} ${formatStack(stack, this.#protocols)}`;
  }

  #namesOf({ placeIndex: place, described, shape }: End) {
    const { name, description } = this.#places[place]!;
    const edge = description.edges[described]!;
    return { piece: name, edge: edge.name, stack: edge.shapes[shape]!.stack };
  }
}

/** Returns the headers of a stack in front of another that begins in it; none where the other does not. */
function headersInFront(stack: Stack, inner: Stack) {
  return stack.steps.slice(0, Math.max(startOf(stack, inner), 0)).filter((step) => step.kind === 'protocols');
}

/** The hop limit of a lane. */
const MAX_DEPTH = 64;
/** The most stacks that are listed for one Shape. */
const MAX_WANTED = 256;
