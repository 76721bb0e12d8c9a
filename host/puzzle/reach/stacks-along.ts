import { formatStack } from '../../stack/format-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { hasOpenStep } from '../../stack/stack.ts';
import { StackMemo } from '../../stack/stack-memo.ts';
import { stackAcrossCurve } from './stack-across-curve.ts';

/**
 * Translates stacks across Curves, and caches the results: a lane asks for the same few stacks at each
 * change.
 */
export class StacksAlong {
  readonly protocols: Protocols;
  readonly #memo: StackMemo;
  readonly #results = new Map<string, string | undefined>();
  /**
   * The version of the registry for which the results are valid: protocols that were added since may change
   * them.
   */
  #version = 0;

  constructor(protocols: Protocols) {
    this.protocols = protocols;
    this.#memo = StackMemo.of(protocols);
  }

  matches(a: string, b: string): boolean {
    return this.#memo.match(a, b).matches;
  }

  /**
   * Returns what a stack that matches the Shape at the near end of a Curve is at the far end. Undefined where
   * the stack does not match or would be too long, and where a Shape has an open step: such a Shape takes
   * only frames that its piece listens on.
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
    // The Curve changes no header, so what both stacks say still holds.
    if (memo.text(nearStack) === memo.text(farStack)) return memo.text(both);
    const behind = stackAcrossCurve(both, nearStack, farStack, this.protocols);
    return behind && formatStack(behind, this.protocols);
  }
}

/** Many times the number in a puzzle; only a piece that keeps listening on new ports fills the cache. */
const MAX_CACHED = 8192;
