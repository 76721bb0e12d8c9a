import { MAX_STACK_STEPS } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack, Step } from '../../stack/stack.ts';

/**
 * Returns what a stack that matches the Shape at one end of a Curve is at the other end: a piece replaces the
 * layers of the near Shape by those of the far Shape, and leaves what follows. Undefined where the result has
 * too many steps.
 */
export function stackAcrossCurve(
  stack: Stack,
  near: Stack,
  far: Stack,
  protocols: Protocols,
): Stack | undefined {
  const steps = [...far.steps, ...(stepsBeyond(stack, near, protocols) ?? [])];
  return steps.length > MAX_STACK_STEPS ? undefined : { ...far, steps };
}

/**
 * Returns the steps of a stack behind the end of another that matches it; undefined where there are none. As
 * in matching, links in front of either stack, and transparent headers that only one of them names, are
 * skipped.
 */
export function stepsBeyond(stack: Stack, base: Stack, protocols: Protocols): readonly Step[] | undefined {
  const long = stack.steps;
  let at = 1;
  if (base.steps.length > 0) {
    at = startOf(stack, base);
    // Where the base begins below the stack, the layers below are not in the stack.
    let own = at < 0 ? startOf(base, stack) : 0;
    if (own < 0) return undefined;
    at = Math.max(at, 0);
    for (; own < base.steps.length; own++) {
      while (
        at < long.length &&
        !overlaps(long[at]!, base.steps[own]!) &&
        isTransparent(long[at]!, protocols)
      )
        at++;
      if (at >= long.length) return undefined;
      if (overlaps(long[at]!, base.steps[own]!)) at++;
      else if (!isTransparent(base.steps[own]!, protocols)) return undefined;
    }
  }
  return at < long.length ? long.slice(at) : undefined;
}

/** The index of the step of a stack at which another stack begins, or -1. */
export function startOf(stack: Stack, inner: Stack): number {
  const first = inner.steps[0];
  return first === undefined ? -1 : stack.steps.findIndex((step) => overlaps(step, first));
}

function overlaps(a: Step, b: Step): boolean {
  if (a.kind === 'ports' || b.kind === 'ports') return a.kind === b.kind;
  return a.protocols.some((name) => b.protocols.includes(name));
}

function isTransparent(step: Step, protocols: Protocols): boolean {
  return (
    step.kind === 'protocols' &&
    step.protocols.every((name) => protocols.definition(protocols.number(name))?.transparent === true)
  );
}
