import type { CoreItem, HostItem, LinkPlan } from '../component/link-plan.ts';
import { ComponentError } from '../wasm/component-error.ts';
import { FUEL_IMPORT } from '../wasm/module-rewriter.ts';
import type {
  CompiledModule,
  EngineImports,
  EngineItem,
  FuelCounter,
  RunningModule,
  WebAssemblyEngine,
} from '../wasm/webassembly-engine.ts';

/** A core module that is ready to be instantiated. */
export interface ReadyModule {
  readonly compiled: CompiledModule;
  readonly fuelModule: string;
  /** Its imports, without those that the rewriter added. */
  readonly imports: readonly { readonly module: string; readonly name: string }[];
}

/** The core modules of one component, instantiated and joined by the plan. */
export class ComponentInstance {
  readonly #running: RunningModule[] = [];
  readonly #hostItems = new Map<HostItem, EngineItem>();
  readonly #makeHostItem: (item: HostItem, instance: ComponentInstance) => EngineItem;

  /**
   * Runs the start functions, so the counter must hold fuel.
   *
   * @throws the engine's error if a start function faults; {@link ComponentError} FT_COMPONENT_INVALID if
   * modules do not fit together in properties that no earlier step checks: sizes of tables and memories,
   * types of global variables.
   */
  constructor(
    engine: WebAssemblyEngine,
    plan: LinkPlan,
    modules: readonly ReadyModule[],
    fuel: FuelCounter,
    makeHostItem: (item: HostItem, instance: ComponentInstance) => EngineItem,
  ) {
    this.#makeHostItem = makeHostItem;
    for (const planned of plan.instances) {
      const module = modules[planned.module]!;
      const imports: EngineImports = Object.create(null);
      for (const { module: from, name } of module.imports) {
        const given = planned.imports.get(from)!;
        imports[from] ??= Object.create(null) as Record<string, EngineItem>;
        imports[from][name] =
          typeof given === 'number' ? this.#running[given]!.item(name) : this.item(given.get(name)!);
      }
      imports[module.fuelModule] = {
        [FUEL_IMPORT.units]: fuel.unitsItem,
        [FUEL_IMPORT.refused]: fuel.refusedItem,
      };
      try {
        this.#running.push(engine.instantiate(module.compiled, imports));
      } catch (error) {
        if (!(error instanceof WebAssembly.LinkError)) throw error;
        throw new ComponentError(
          'FT_COMPONENT_INVALID',
          `core modules of the component do not fit together: ${error.message}`,
          {
            cause: error,
            offset: planned.offset,
          },
        );
      }
    }
  }

  /** The engine's item for an item of the plan. */
  item(item: CoreItem): EngineItem {
    if (item.kind === 'export') return this.#running[item.instance]!.item(item.name);
    let made = this.#hostItems.get(item);
    if (made === undefined) {
      made = this.#makeHostItem(item, this);
      this.#hostItems.set(item, made);
    }
    return made;
  }
}
