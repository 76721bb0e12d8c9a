import type { Frames } from '../../frame/frames.ts';
import { Pattern } from '../../frame/pattern.ts';
import type { PieceContext } from '../../piece/piece.ts';
import { Protocols } from '../../stack/protocols.ts';
import { StackMemo } from '../../stack/stack-memo.ts';

/** A registry of protocols for one puzzle: what the host knows, and what its pieces bring. */
export function protocolsOfPuzzle(): Protocols {
  return new Protocols();
}

/** What a component needs of the lane that it stands in. */
export function environmentOf(context: PieceContext, frames: Frames, protocols: Protocols) {
  return {
    context,
    frames,
    protocolNumber: (name: string) => protocols.number(name),
    protocolCount: () => protocols.count,
    patternOf: (stack: string) => patternOf(stack, protocols),
  };
}

/** The same for the same stack: it is asked for when pieces join, while frames wait. */
function patternOf(stack: string, protocols: Protocols): Pattern {
  let known = patterns.get(protocols);
  // What is defined or numbered since may be met in a stack.
  if (known?.version !== protocols.version) {
    known = { version: protocols.version, byStack: new Map() };
    patterns.set(protocols, known);
  }
  const { byStack } = known;
  let pattern = byStack.get(stack);
  if (pattern === undefined) {
    pattern = new Pattern(protocols, StackMemo.of(protocols).parsed(stack));
    // Pieces that listen on ever new Shapes begin it anew.
    if (byStack.size >= MAX_PATTERNS) byStack.clear();
    byStack.set(stack, pattern);
  }
  return pattern;
}

const patterns = new WeakMap<
  Protocols,
  { readonly version: number; readonly byStack: Map<string, Pattern> }
>();
const MAX_PATTERNS = 1024;
