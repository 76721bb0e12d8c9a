/*
 * Components and core modules, byte by byte: for files of any size and shape, which no tool would make. Each
 * function returns the bytes of one construct of the binary format.
 */

export type Bytes = readonly number[] | Uint8Array;

export function join(...parts: readonly Bytes[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** An unsigned LEB128 number. */
export function u32(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) + 128);
  }
}

export function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...u32(bytes.length), ...bytes];
}

export function vector(items: readonly Bytes[]): Uint8Array {
  return join(u32(items.length), ...items);
}

/** The same item, again and again. */
export function vectorOf(count: number, item: Bytes): Uint8Array {
  return join(u32(count), repeated(count, item));
}

export function repeated(count: number, item: Bytes): Uint8Array {
  const all = new Uint8Array(count * item.length);
  for (let at = 0; at < all.length; at += item.length) all.set(item, at);
  return all;
}

export function section(id: number, ...content: readonly Bytes[]): Uint8Array {
  const bytes = join(...content);
  return join([id], u32(bytes.length), bytes);
}

export function coreModule(...sections: readonly Bytes[]): Uint8Array {
  return join([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], ...sections);
}

export function componentOf(...sections: readonly Bytes[]): Uint8Array {
  return join([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], ...sections);
}

/** The body of a function: groups of locals, and code without its last `end`. */
export function body(locals: readonly (readonly [count: number, type: number])[], code: Bytes): Uint8Array {
  const bytes = join(vector(locals.map(([count, type]) => [...u32(count), type])), code, [0x0b]);
  return join(u32(bytes.length), bytes);
}

/** Sections of a core module with these types and functions, the functions by their type and body. */
export function functions(
  types: readonly Bytes[],
  bodies: readonly (readonly [type: number, body: Bytes])[],
): readonly [types: Uint8Array, functions: Uint8Array, code: Uint8Array] {
  return [
    section(1, vector(types)),
    section(3, vector(bodies.map(([type]) => u32(type)))),
    section(10, vector(bodies.map(([, each]) => each))),
  ];
}

/** `() -> ()` */
export const NOTHING: Bytes = [0x60, 0, 0];
export const I32 = 0x7f;

/** A component of one core module that is instantiated this many times, without arguments. */
export function instances(module: Uint8Array, count: number): Uint8Array {
  return componentOf(section(1, module), section(2, vectorOf(count, [0, 0, 0])));
}
