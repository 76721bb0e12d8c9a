import type { Frames } from '../frame/frames.ts';
import { Pattern } from '../frame/pattern.ts';
import type { PieceContext } from '../piece/piece.ts';
import { parseStack } from '../stack/parse-stack.ts';
import { Protocols } from '../stack/protocols.ts';

/** A registry of protocols for one puzzle: what the host knows, and what its pieces bring. */
export function protocolsOfPuzzle(): Protocols {
  return new Protocols();
}

/** What a component needs of the lane that it stands in. */
export function surroundingsOf(context: PieceContext, frames: Frames, protocols: Protocols) {
  return {
    context,
    frames,
    protocolNumber: (name: string) => protocols.number(name),
    protocolCount: () => protocols.count,
    patternOf: (stack: string) => new Pattern(protocols, parseStack(stack, protocols)),
  };
}
