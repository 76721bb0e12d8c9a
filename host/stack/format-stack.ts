import { type Protocols, standardProtocols } from './protocols.ts';
import type { Stack } from './stack.ts';

export function formatStack(_stack: Stack, _protocols: Protocols = standardProtocols): string {
  return '';
}
