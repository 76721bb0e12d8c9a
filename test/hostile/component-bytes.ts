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

/** The component with one more nested in it, which is instantiated this many times. */
export function withNested(component: Uint8Array, nested: Uint8Array, times: number): Uint8Array {
  let before = 0;
  for (let at = 8; at < component.length; ) {
    if (component[at++] === NESTED) before++;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = component[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
  return join(component, section(NESTED, nested), section(5, vectorOf(times, [0, ...u32(before), 0])));
}

const NESTED = 4;

/**
 * A component that gives an instance of an empty core module a bundle of `items` items, each an alias of its
 * own with a name of `length` bytes.
 */
export function unusedItems(items: number, length: number): Uint8Array {
  const [types, declared, code] = functions([NOTHING], [[0, body([], [])]]);
  const maker = coreModule(types, declared, section(7, [1, ...name('f'), 0, 0]), code);
  const named = Array.from({ length: items }, (_, n) => [...longName(n, length), 0, ...u32(n)]);
  return componentOf(
    section(1, maker),
    section(1, coreModule()),
    section(2, [1, 0, 0, 0]),
    section(6, vectorOf(items, [0, 0, 1, 0, ...name('f')])),
    section(2, [1, 1], vector(named)),
    section(2, [1, 0, 1, 1, ...name('x'), 0x12, 1]),
  );
}

export function longName(number: number, length: number): number[] {
  return name(number.toString(36).padStart(length, '_'));
}
