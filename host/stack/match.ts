import { type Protocols, standardProtocols } from './protocols.ts';
import type { Stack } from './stack.ts';

/** Whether two stacks match, and why. */
export interface Match {
  readonly matches: boolean;
  /** In words: on what they agree, or what keeps them apart. */
  readonly explanation: string;
  /** What both accept: the overlap of each layer, then the rest of the longer. Only when they match. */
  readonly stack?: Stack;
}

export function matchStacks(_a: Stack, _b: Stack, _protocols: Protocols = standardProtocols): Match {
  throw new Error('to be written');
}
