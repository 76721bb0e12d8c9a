import type { PieceStatus } from '../../policy/funnel.ts';
import { printable } from '../../stack/foreign-text.ts';

/** `good, reachable by 6bed4: address fc64::1, router reachable`. */
export function statusText({ health, summary, facts }: PieceStatus): string {
  const listed = Object.entries(facts).map(([name, value]) => `${printable(name)} ${printable(value)}`);
  return `${health}, ${printable(summary)}${listed.length === 0 ? '' : `: ${listed.join(', ')}`}`;
}

/** How a status is coloured. */
export function healthStyle(health: PieceStatus['health']): 'green' | 'yellow' | 'red' {
  return health === 'good' ? 'green' : health === 'failed' ? 'red' : 'yellow';
}
