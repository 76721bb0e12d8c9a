import type { Edge } from '../../../abi/host/contract.ts';
import { formatStack } from '../../stack/format-stack.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';

/**
 * Returns the Shapes of an Edge that a user names: by number, by stack in any notation, or by stack and
 * direction, such as `ip up`. Empty where there is none.
 */
export function findShapes(
  { shapes }: Edge,
  reference: number | string,
  protocols: Protocols,
): readonly number[] {
  if (typeof reference === 'number') return shapes[reference] === undefined ? [] : [reference];
  const [, stack, direction] = /^(.*?)(?: +(up|down|peer))?$/.exec(reference.trim()) ?? [];
  const wanted = canonical(stack ?? '', protocols);
  return shapes.flatMap((shape, index) => {
    if (direction !== undefined && shape.direction !== direction) return [];
    return canonical(shape.stack, protocols) === wanted ? [index] : [];
  });
}

/** A stack that cannot be parsed equals only itself. */
function canonical(stack: string, protocols: Protocols): string {
  try {
    const { nameSpace, steps } = parseStack(stack, protocols);
    // The lowest Name Space adds nothing to the steps above it.
    return formatStack(
      steps.length > 0 || nameSpace === undefined ? { steps } : { nameSpace, steps },
      protocols,
    );
  } catch (error) {
    if (error instanceof FunnelError) return stack;
    throw error;
  }
}
