import type { Frames } from '../../frame/frames.ts';
import { Pattern } from '../../frame/pattern.ts';
import type { PieceContext } from '../../piece/piece.ts';
import { Protocols } from '../../stack/protocols.ts';
import { StackMemo } from '../../stack/stack-memo.ts';

/** Returns a registry of protocols for one puzzle: those of the host, to which its pieces add theirs. */
export function protocolsOfPuzzle(): Protocols {
  return new Protocols();
}

/** Returns the environment of a component in its lane. */
export function environmentOf(context: PieceContext, frames: Frames, protocols: Protocols) {
  return {
    context,
    frames,
    protocolNumber: (name: string) => protocols.number(name),
    protocolCount: () => protocols.count,
    patternOf: (stack: string) => patternOf(stack, protocols),
  };
}

/** Cached, because it is called when pieces join, while frames wait. */
function patternOf(stack: string, protocols: Protocols): Pattern {
  let known = patterns.get(protocols);
  // Protocols that were added since may occur in a stack.
  if (known?.version !== protocols.version) {
    known = { version: protocols.version, byStack: new Map() };
    patterns.set(protocols, known);
  }
  const { byStack } = known;
  let pattern = byStack.get(stack);
  if (pattern === undefined) {
    pattern = new Pattern(protocols, StackMemo.of(protocols).parsed(stack));
    // Pieces that keep listening on new Shapes empty the cache.
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
