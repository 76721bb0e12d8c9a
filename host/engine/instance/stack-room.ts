/**
 * Throws the engine's RangeError where less stack is left than host code needs, before that code has changed
 * anything. A component chooses how deep it calls the host, and a stack that ends inside the host would leave
 * half of a change; one that ends in a neighbour, which the host calls from there, would be blamed on the
 * neighbour.
 *
 * The arguments of a call stand on the stack, eight bytes each, and the engine tests for their room first.
 */
export function demandStackRoom(isNested: boolean): void {
  Reflect.apply(nothing, undefined, isNested ? NESTED : OUTER);
}

/**
 * A part of the 984 KiB that V8 gives a thread by default. A nested call gets less: the component in it has not
 * chosen how deep it is called, and must not be refused for that.
 */
const OUTER: readonly number[] = Array(256 * 128).fill(0);
const NESTED: readonly number[] = Array(48 * 128).fill(0);

function nothing(): void {}
