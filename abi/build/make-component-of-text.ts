import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { makeComponent } from './make-component.ts';

/**
 * Makes a component of the world `piece` from a core module in WebAssembly text, for tests that need exact
 * instructions.
 */
export async function makeComponentOfText(module: string): Promise<Uint8Array> {
  return makeComponent(await parse(module));
}
