import { opposes } from '../../stack/direction.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack } from '../../stack/stack.ts';
import type { NetworkOptions, Place } from '../plan/arrangement.ts';
import { isOpen } from '../plan/shape-classes.ts';

/**
 * A model of `arrange` for tests: compares every Shape of every Edge with every other, in quadratic time. The
 * Edges of these places must not be repeated, and be on one network each.
 */
export function arrangeSlowly(
  protocols: Protocols,
  places: readonly Place[],
  networks: ReadonlyMap<string, NetworkOptions>,
): SlowArrangement {
  const format = (stack: Stack) => formatStack(stack, protocols);
  const pairs: string[] = [];
  const mistakes: string[] = [];
  const shapes = new Map<string, Set<number>>();
  const edges = places.flatMap((place, index) =>
    place.description.edges.map((edge) => ({
      index,
      network: place.edges.get(edge.name)![0]!,
      name: `${place.name}.${edge.name}`,
      shapes: edge.shapes.map(({ stack, direction }) => ({ direction, stack: parseStack(stack, protocols) })),
    })),
  );
  for (const edge of edges) shapes.set(edge.name, new Set());
  edges.forEach((a, at) => {
    for (const b of edges.slice(at + 1)) {
      if (a.network !== b.network || a.index === b.index) continue;
      a.shapes.forEach((aShape, i) => {
        b.shapes.forEach((bShape, j) => {
          if (!opposes(aShape.direction, bShape.direction)) return;
          // The order of transparent headers may depend on the order of the arguments.
          const [one, two] = [aShape.stack, bShape.stack].sort((x, y) => compare(format(x), format(y)));
          const match = matchStacks(one!, two!, protocols);
          if (match.stack === undefined) return;
          shapes.get(a.name)!.add(i);
          shapes.get(b.name)!.add(j);
          pairs.push(`${a.network}: ${a.name}/${i} ${b.name}/${j}: ${format(match.stack)}`);
        });
      });
    }
  });
  for (const edge of edges)
    if (shapes.get(edge.name)!.size === 0) mistakes.push(`FT_SHAPES_DO_NOT_MATCH ${edge.name}`);
  edges.forEach((two, at) => {
    if (networks.get(two.network)?.copies === true) return;
    const isRival = edges.slice(0, at).some(
      (one) =>
        one.network === two.network &&
        edges.some(
          (third) => third.network === one.network && third.index !== one.index && third.index !== two.index,
        ) &&
        [...shapes.get(one.name)!].some((i) =>
          [...shapes.get(two.name)!].some((j) => {
            const [first, second] = [one.shapes[i]!, two.shapes[j]!];
            return (
              first.direction === second.direction &&
              first.stack.steps.length === second.stack.steps.length &&
              !isOpen(first.stack) &&
              !isOpen(second.stack) &&
              matchStacks(first.stack, second.stack, protocols).matches
            );
          }),
        ),
    );
    if (isRival) mistakes.push(`FT_JOINT_AMBIGUOUS ${two.name}`);
  });
  return {
    pairs: pairs.sort(),
    mistakes: mistakes.sort(),
    shapes: [...shapes].map(([name, joined]) => `${name} ${[...joined].sort((x, y) => x - y)}`).sort(),
  };
}

export interface SlowArrangement {
  readonly pairs: readonly string[];
  readonly mistakes: readonly string[];
  readonly shapes: readonly string[];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
