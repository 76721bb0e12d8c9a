import { type Protocols, standardProtocols } from './protocols.ts';
import type { Stack } from './stack.ts';
import { StackError } from './stack-error.ts';

export function parseStack(_text: string, _protocols: Protocols = standardProtocols): Stack {
  throw new StackError('FT_STACK_EMPTY', '', 1);
}
