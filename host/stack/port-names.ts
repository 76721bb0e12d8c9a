import { nameRegistry } from './name-registry.ts';
import type { Protocols } from './protocols.ts';
import type { Stack } from './stack.ts';

/**
 * Returns the registered names of ports in some stacks: `5060 is sip`, each once, in the order of the stacks.
 */
export function portNames(stacks: readonly Stack[], protocols: Protocols): readonly string[] {
  const names = stacks.flatMap(({ steps }) =>
    steps.flatMap((step, index) => {
      const below = steps[index - 1];
      if (step.kind !== 'ports' || below?.kind !== 'protocols') return [];
      const registries = below.protocols.flatMap((name) => {
        const next = protocols.definition(protocols.number(name))?.header?.next;
        return next === undefined ? [] : [nameRegistry(next.nameSpace)];
      });
      return step.ports.flatMap(({ port }) => {
        if (port === 'open') return [];
        const called = new Set(registries.flatMap((registry) => registry.name(port) ?? []));
        return called.size === 0 ? [] : [`${port} is ${[...called].join(' or ')}`];
      });
    }),
  );
  return [...new Set(names)];
}
