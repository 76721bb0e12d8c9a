import type { BinaryReader } from './binary-reader.ts';
import { ComponentError } from './component-error.ts';

/** Reads a value type and returns its name in WebAssembly text. @throws {ComponentError} for newer types. */
export function readValueType(reader: BinaryReader): string {
  const offset = reader.at;
  return VALUE_TYPES.get(reader.byte()) ?? newer(offset);
}

const VALUE_TYPES: ReadonlyMap<number, string> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
]);

function newer(offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_UNSUPPORTED',
    `a core module uses a value type that is newer than this host, at byte ${offset} of it`,
    { offset },
  );
}
