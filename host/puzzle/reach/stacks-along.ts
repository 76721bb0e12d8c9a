import { formatStack } from '../../stack/format-stack.ts';
import { MAX_STACK_STEPS } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { hasOpenStep } from '../../stack/stack.ts';
import { StackMemo } from '../../stack/stack-memo.ts';
import { beyond } from './frame-paths.ts';

/** What stacks become behind Curves. It remembers: in a lane the same few are asked for at each change. */
export class StacksAlong {
  readonly protocols: Protocols;
  readonly #memo: StackMemo;
  readonly #results = new Map<string, string | undefined>();
  /** Of the protocols, as the answers were given: what is defined or numbered since may change them. */
  #version = 0;

  constructor(protocols: Protocols) {
    this.protocols = protocols;
    this.#memo = StackMemo.of(protocols);
  }

  matches(a: string, b: string): boolean {
    return this.#memo.match(a, b).matches;
  }

  /**
   * What a stack that matches the Shape at one end of a Curve is at the other: what follows the two Shapes is the same. Undefined also
   * where a Shape has an open step: only the piece itself can take frames there, by listening.
   */
  stackBehind(stack: string, near: string, far: string): string | undefined {
    const key = `${stack}\n${near}\n${far}`;
    if (this.#version !== this.protocols.version) this.#results.clear();
    this.#version = this.protocols.version;
    if (this.#results.has(key)) return this.#results.get(key);
    const result = this.#findStackBehind(stack, near, far);
    if (this.#results.size >= MAX_CACHED) this.#results.clear();
    this.#results.set(key, result);
    return result;
  }

  #findStackBehind(stack: string, near: string, far: string): string | undefined {
    const memo = this.#memo;
    const both = memo.match(stack, near).stack;
    const [nearStack, farStack] = [memo.parsed(near), memo.parsed(far)];
    if (both === undefined || hasOpenStep(nearStack) || hasOpenStep(farStack)) return undefined;
    // Nothing is put around it, so what is known of it still holds.
    if (memo.text(nearStack) === memo.text(farStack)) return memo.text(both);
    const rest = beyond(both, nearStack, this.protocols) ?? [];
    if (farStack.steps.length + rest.length > MAX_STACK_STEPS) return undefined;
    return formatStack({ ...farStack, steps: [...farStack.steps, ...rest] }, this.protocols);
  }
}

/** Many times what a puzzle has; who listens on ever new ports fills it. */
const MAX_CACHED = 8192;
