import { formatStack } from '../stack/format-stack.ts';
import { matchStacks } from '../stack/match.ts';
import { MAX_STACK_STEPS, parseStack } from '../stack/parse-stack.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { Stack } from '../stack/stack.ts';
import { beyond } from './ways.ts';

/** What stacks become behind Curves. It remembers: in a lane the same few are asked for at each change. */
export class StacksAlong {
  readonly protocols: Protocols;
  readonly #answers = new Map<string, string | undefined>();
  readonly #matches = new Map<string, boolean>();

  constructor(protocols: Protocols) {
    this.protocols = protocols;
  }

  matches(a: string, b: string): boolean {
    const key = `${a}\n${b}`;
    let known = this.#matches.get(key);
    if (known === undefined) {
      known = this.#both(a, b) !== undefined;
      if (this.#matches.size >= MOST_REMEMBERED) this.#matches.clear();
      this.#matches.set(key, known);
    }
    return known;
  }

  /** What a stack that matches the Shape at one end of a Curve is at the other: what follows the two Shapes is the same. */
  behind(stack: string, near: string, far: string): string | undefined {
    const key = `${stack}\n${near}\n${far}`;
    if (this.#answers.has(key)) return this.#answers.get(key);
    const answer = this.#findBehind(stack, near, far);
    if (this.#answers.size >= MOST_REMEMBERED) this.#answers.clear();
    this.#answers.set(key, answer);
    return answer;
  }

  #findBehind(stack: string, near: string, far: string): string | undefined {
    const both = this.#both(stack, near);
    if (both === undefined) return undefined;
    const [nearStack, farStack] = [parseStack(near, this.protocols), parseStack(far, this.protocols)];
    // Nothing is put around it, so what is known of it still holds.
    if (formatStack(nearStack, this.protocols) === formatStack(farStack, this.protocols))
      return formatStack(both, this.protocols);
    const rest = beyond(both, nearStack, this.protocols) ?? [];
    if (farStack.steps.length + rest.length > MAX_STACK_STEPS) return undefined;
    return formatStack({ ...farStack, steps: [...farStack.steps, ...rest] }, this.protocols);
  }

  #both(a: string, b: string): Stack | undefined {
    return matchStacks(parseStack(a, this.protocols), parseStack(b, this.protocols), this.protocols).stack;
  }
}

/** Many times what a puzzle has; who listens on ever new ports fills it. */
const MOST_REMEMBERED = 8192;
