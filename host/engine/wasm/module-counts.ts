import { BinaryReader } from './binary-reader.ts';
import { ComponentError } from './component-error.ts';
import { SECTION } from './core-module.ts';

/**
 * Bounds what the core modules of a component list, before the engine reads them. The engine compares each
 * type with all other types of the process, in quadratic time that nothing interrupts, and keeps it for ever.
 * It makes an entry for each function.
 *
 * Only the numbers are read here: the engine refuses what cannot be read.
 */
export class ModuleCounts {
  #types = 0;
  #typeBytes = 0;
  #functions = 0;

  /** @throws {ComponentError} FT_COMPONENT_TOO_LARGE */
  add(module: Uint8Array): void {
    const reader = new BinaryReader(module);
    try {
      reader.skip(PREAMBLE_BYTES);
      while (!reader.isAtEnd) {
        const id = reader.byte();
        const section = reader.part(reader.u32());
        if (id === SECTION.type) {
          this.#types += section.u32();
          this.#typeBytes += section.end - section.at;
        } else if (id === SECTION.function) this.#functions += section.u32();
      }
    } catch (error) {
      if (!(error instanceof ComponentError)) throw error;
    }
    check('types', this.#types, MAX_TYPES);
    check('bytes of types', this.#typeBytes, MAX_TYPE_BYTES);
    check('functions', this.#functions, MAX_FUNCTIONS);
  }
}

function check(what: string, count: number, most: number): void {
  if (count <= most) return;
  throw new ComponentError(
    'FT_COMPONENT_TOO_LARGE',
    `the core modules of the component together have ${count} ${what}, but the limit is ${most}; use another component`,
  );
}

const PREAMBLE_BYTES = 8;

/**
 * Components of the known tools have a hundred types of ten bytes; a JavaScript engine has some hundreds.
 */
const MAX_TYPES = 2000;
const MAX_TYPE_BYTES = 32_768;
/** A megabyte of real code has three thousand functions. */
const MAX_FUNCTIONS = 100_000;
