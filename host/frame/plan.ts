import type { Protocols } from '../stack/protocols.ts';
import type { Stack } from '../stack/stack.ts';
import type { Frames } from './frames.ts';

/**
 * What a Joint wants of the frames that come to it: a trie of stacks. Walking it over a frame parses exactly as deep as
 * something wants, and tells who.
 */
export class Plan {
  /** Parts in front of the stack that the last walk's deepest node stands for. */
  skipHeaders = 0;
  /** Trailers behind it. */
  skipTrailers = 0;
  /** Why the last walk could not go deeper; 0, or a problem that {@link problemName} names. */
  problem = 0;

  constructor(
    _protocols: Protocols,
    _wanted: readonly { readonly stack: Stack; readonly tag: number }[] = [],
  ) {}

  add(_stack: Stack, _tag: number): void {}
  remove(_stack: Stack, _tag: number): void {}

  /** The deepest node that accepts the frame, or -1. */
  walk(_frames: Frames, _row: number, _towardUp: boolean): number {
    return -1;
  }

  accepts(_node: number): readonly number[] {
    return [];
  }

  /** The node that accepted the frame of the last walk before `node` did (shallower, or less specific), or -1. */
  parent(_node: number): number {
    return -1;
  }

  /** As the fields of the same name, for any node that accepted the frame of the last walk. */
  skipHeadersOf(_node: number): number {
    return 0;
  }

  skipTrailersOf(_node: number): number {
    return 0;
  }

  problemName(_problem: number): string {
    return '';
  }
}
