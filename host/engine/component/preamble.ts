import { ComponentError } from '../wasm/component-error.ts';
import type { ComponentReader } from './component-reader.ts';

/** Checks the first eight bytes, with a message for each usual mistake. */
export function checkPreamble(bytes: Uint8Array): void {
  if (bytes.length === 0) {
    throw new ComponentError('FT_COMPONENT_INVALID', 'the file is empty; name the file of a component', {
      offset: 0,
    });
  }
  const wrong = MAGIC.findIndex((byte, i) => bytes[i] !== byte);
  if (wrong >= 0) {
    const hint =
      bytes[0] === 0x28 ? '; this looks like WebAssembly text: translate it to a component first' : '';
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `the file is not WebAssembly: byte ${wrong} differs from the magic number${hint}`,
      { offset: wrong },
    );
  }
  const version = bytes.subarray(4, 8);
  if (version.length < 4) {
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `the file ends at byte ${bytes.length}, within its version`,
      {
        offset: bytes.length,
      },
    );
  }
  if (version[0] === 1 && version[1] === 0 && version[2] === 0 && version[3] === 0) {
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      'the file is a core WebAssembly module, not a component; make a component of it and its WIT with `jco embed` and `jco new`',
      { offset: 4 },
    );
  }
  if (version[2] !== 1 || version[3] !== 0) {
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      'the file is neither a module nor a component: byte 6 names another kind',
      { offset: 6 },
    );
  }
  if (version[0] !== COMPONENT_VERSION || version[1] !== 0) {
    throw new ComponentError(
      'FT_COMPONENT_UNSUPPORTED',
      `the component has format version ${version[0]! | (version[1]! << 8)}; this host reads version ${COMPONENT_VERSION}`,
      { offset: 4 },
    );
  }
}

/** Checks the preamble of a component that is nested in another. */
export function checkNestedPreamble(reader: ComponentReader): void {
  for (const byte of [...MAGIC, COMPONENT_VERSION, 0, 1, 0]) {
    if (reader.byte() !== byte) reader.fail('holds a nested component with another preamble', reader.at - 1);
  }
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const COMPONENT_VERSION = 0x0d;
