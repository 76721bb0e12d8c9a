/**
 * The direction of a Shape at its Edge: `down` toward the carrier of the protocol, `up` toward the protocols
 * that it carries, `peer` toward an equal.
 */
export type Direction = 'up' | 'down' | 'peer';

/** Whether frames pass between two Shapes that face these ways: up meets down, and peer meets peer. */
export function opposes(a: Direction, b: Direction): boolean {
  return a === 'peer' ? b === 'peer' : b !== 'peer' && a !== b;
}
