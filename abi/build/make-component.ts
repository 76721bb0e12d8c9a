import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { packageRoot } from './package-root.ts';

/**
 * Makes a component of the world `piece` from a core module whose imports and exports have the contract's
 * names.
 */
export async function makeComponent(module: Uint8Array): Promise<Uint8Array> {
  const witSource = readFileSync(join(packageRoot(), 'wit', 'funnel.wit'), 'utf8');
  return componentNew(await componentEmbed({ binary: module, witSource, world: 'piece' }));
}
