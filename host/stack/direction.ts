/**
 * Which way a Shape faces at its Edge: `down` toward what carries the protocol, `up` toward whom it serves,
 * `peer` toward an equal.
 */
export type Direction = 'up' | 'down' | 'peer';

/** Whether frames pass between two Shapes that face these ways: up meets down, and peer meets peer. */
export function opposes(a: Direction, b: Direction): boolean {
  return a === 'peer' ? b === 'peer' : b !== 'peer' && a !== b;
}
