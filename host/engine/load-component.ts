import type { Piece as Description, Problem } from '../../abi/host/contract.ts';
import { compileModule, examine } from './component/admission.ts';
import type { ContractExports } from './component/contract-check.ts';
import { DEFAULT_GRANTS, type Grant, mayUse, type UsableGrant, wantedGrants } from './component/grants.ts';
import { DEFAULT_LIMITS, type Limits } from './component/limits.ts';
import type { LinkPlan } from './component/link-plan.ts';
import { ComponentGuest } from './instance/component-guest.ts';
import type { ReadyModule } from './instance/component-instance.ts';
import type { Guest, HostImports, Settings } from './instance/guest.ts';
import { v8, type WebAssemblyEngine } from './wasm/webassembly-engine.ts';

/**
 * Makes a component file ready to run: checked, validated, metered and capped, and compiled. Nothing of it runs here.
 *
 * @throws {ComponentError} where the component is refused.
 */
export async function loadComponent(bytes: Uint8Array, options: LoadOptions = {}): Promise<LoadedComponent> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const engine = options.engine ?? v8;
  const grants = options.grants ?? DEFAULT_GRANTS;
  const admission = examine(bytes, { grants, limits, engine }, (reason) => {
    throw reason;
  });
  const { plan, originals, rewritten } = admission!;
  const exports = admission!.exports!;
  const modules: ReadyModule[] = [];
  for (const [number, original] of originals.entries()) {
    const metered = rewritten[number]!;
    const compiled = await compileModule(engine, metered);
    modules.push({ compiled, fuelModule: metered.fuelModule, imports: original!.imports });
  }
  return componentOf(engine, { plan, exports, modules, grants, size: bytes.length });
}

/** The same component in another thread: what was checked and compiled there is not checked and compiled again. */
export function componentFrom(portable: PortableComponent): LoadedComponent {
  return componentOf(v8, portable);
}

function componentOf(engine: WebAssemblyEngine, portable: PortableComponent): LoadedComponent {
  const { plan, exports, modules, grants, size } = portable;
  const component = { engine, plan, exports, modules };
  return {
    describe(settings) {
      const guest = new ComponentGuest(component, undefined);
      try {
        return guest.describe(settings);
      } finally {
        guest.discard();
      }
    },
    instantiate: (imports) => new ComponentGuest(component, imports),
    mayUse: (grant, edge) => mayUse(grants, grant, edge),
    wants: wantedGrants(plan),
    imports: [...plan.hostFunctions],
    size,
    coreModules: modules.length,
    portable,
  };
}

export interface LoadOptions {
  readonly limits?: Partial<Limits>;
  /** What the component may ask of the host; `log`, `random` and `utc` when left out. */
  readonly grants?: ReadonlySet<Grant>;
  /** Another than Node's own. */
  readonly engine?: WebAssemblyEngine;
}

/** A component that was admitted, of which any number of instances can be made. */
export interface LoadedComponent {
  /**
   * What the piece says of itself, with these settings, from an instance that is made for this question and discarded.
   *
   * @throws {PieceFault} where the instance faults.
   */
  describe(settings: Settings): Description | readonly Problem[];

  /**
   * A new instance. A start function of the component runs here, metered.
   *
   * @throws {PieceFault} where it faults; {@link ComponentError} FT_COMPONENT_INVALID where its modules do not fit together.
   */
  instantiate(imports: HostImports): Guest;

  /** Whether it was granted something on the Edge of this name; see {@link Grant}. */
  mayUse(grant: UsableGrant, edge: string): boolean;
  /** What of the host its code can reach. */
  readonly wants: readonly string[];
  /** The functions of the host that it calls, such as `arpa2:funnel/host@0.1.0#log`. */
  readonly imports: readonly string[];
  /** Bytes in the file. */
  readonly size: number;
  readonly coreModules: number;
  /** To be sent to another thread, for {@link componentFrom}; of Node's own engine only. */
  readonly portable: PortableComponent;
}

/** A component that was admitted, as a value that the structured clone algorithm takes: it can be posted to a worker thread. */
export interface PortableComponent {
  readonly plan: LinkPlan;
  readonly exports: ContractExports;
  readonly modules: readonly ReadyModule[];
  readonly grants: ReadonlySet<Grant>;
  readonly size: number;
}

export type { Grant } from './component/grants.ts';
export type { Limits } from './component/limits.ts';
