import type { CoreModule } from '../wasm/core-module.ts';
import { FUEL_IMPORT, FUEL_MODULE, ITEMS_MODULE, itemName } from '../wasm/module-rewriter.ts';
import type { FuelCounter } from '../wasm/webassembly-engine.ts';

/**
 * Instantiates a rewritten module by the names of its original.
 *
 * @param bytes the rewritten module
 * @param imports by the names of the original
 * @returns the exports, by the names of the original
 */
export function rewrittenInstance(
  original: CoreModule,
  bytes: Uint8Array,
  fuel: FuelCounter,
  imports: WebAssembly.Imports = {},
): Record<string, WebAssembly.ExportValue> {
  const items: Record<string, never> = {};
  for (const [place, { module, name }] of original.imports.entries())
    items[itemName(place)] = imports[module]![name] as never;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    [ITEMS_MODULE]: items,
    [FUEL_MODULE]: {
      [FUEL_IMPORT.units]: fuel.unitsItem as never,
      [FUEL_IMPORT.refused]: fuel.refusedItem as never,
    },
  });
  return Object.fromEntries(
    [...original.exports].map(([name, { place }]) => [name, exports[itemName(place)]!]),
  );
}
