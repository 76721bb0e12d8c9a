import { HOST, ITEM_WORDS, NONE, type NumberedPlan } from '../component/numbered-plan.ts';
import { ComponentError } from '../wasm/component-error.ts';
import { FUEL_IMPORT, FUEL_MODULE, ITEMS_MODULE, itemName } from '../wasm/module-rewriter.ts';
import type {
  CompiledModule,
  EngineItem,
  FuelCounter,
  RunningModule,
  WebAssemblyEngine,
} from '../wasm/webassembly-engine.ts';

/** The core modules of one component, instantiated and joined by the plan. */
export class ComponentInstance {
  readonly #running: RunningModule[] = [];
  readonly #hostItems: EngineItem[] = [];
  readonly #makeHostItem: (row: number, instance: ComponentInstance) => EngineItem;

  /**
   * Runs the start functions, so the counter must hold fuel.
   *
   * @param makeHostItem makes the function of a row of the plan's `lowered`.
   * @throws the engine's error if a start function faults; {@link ComponentError} FT_COMPONENT_INVALID if
   * modules do not fit together in properties that no earlier step checks: sizes of tables and memories,
   * types of global variables.
   */
  constructor(
    engine: WebAssemblyEngine,
    plan: NumberedPlan,
    modules: readonly CompiledModule[],
    fuel: FuelCounter,
    makeHostItem: (row: number, instance: ComponentInstance) => EngineItem,
  ) {
    this.#makeHostItem = makeHostItem;
    const ours = { [FUEL_IMPORT.units]: fuel.unitsItem, [FUEL_IMPORT.refused]: fuel.refusedItem };
    for (const { module, imports, offset } of plan.instances) {
      const items: Record<string, EngineItem> = Object.create(null);
      for (let place = 0; place * ITEM_WORDS < imports.length; place++)
        items[itemName(place)] = this.item(imports, place * ITEM_WORDS);
      try {
        this.#running.push(
          engine.instantiate(modules[module]!, { [ITEMS_MODULE]: items, [FUEL_MODULE]: ours }),
        );
      } catch (error) {
        if (!(error instanceof WebAssembly.LinkError)) throw error;
        throw new ComponentError(
          'FT_COMPONENT_INVALID',
          `core modules of the component do not fit together: ${error.message}`,
          { cause: error, offset },
        );
      }
    }
  }

  /** The engine's item for the item at `at` of these words of the plan; undefined if it is none. */
  item(words: Int32Array, at: number): EngineItem {
    const from = words[at]!;
    const place = words[at + 1]!;
    if (from === NONE) return undefined;
    if (from !== HOST) return this.#running[from]!.item(itemName(place));
    this.#hostItems[place] ??= this.#makeHostItem(place, this);
    return this.#hostItems[place];
  }
}
