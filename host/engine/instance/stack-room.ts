/**
 * Throws the engine's RangeError if less stack is left than host code needs, before that code has changed
 * anything. A component chooses how deep it calls the host. A stack that overflows inside the host would
 * leave half of a change; one that overflows in a neighbour, which the host calls from there, would be blamed
 * on the neighbour.
 *
 * The arguments of a call are on the stack, eight bytes each, and the engine first tests for their room.
 */
export function demandStackRoom(isNested: boolean): void {
  Reflect.apply(nothing, undefined, isNested ? NESTED : OUTER);
}

/**
 * A part of the 984 KiB that V8 gives a thread by default. A nested call needs less: its component has not
 * chosen how deep it is called, and must not be refused for that.
 */
const OUTER: readonly number[] = Array(256 * 128).fill(0);
const NESTED: readonly number[] = Array(48 * 128).fill(0);

function nothing(): void {}
