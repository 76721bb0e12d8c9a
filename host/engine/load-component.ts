import type { Piece as Description, Problem } from '../../abi/host/contract.ts';
import { compileModule, examine } from './component/admission.ts';
import { DEFAULT_GRANTS, type Grant, mayUse, type UsableGrant, wantedGrants } from './component/grants.ts';
import { DEFAULT_LIMITS, type Limits } from './component/limits.ts';
import { type NumberedPlan, numberPlan } from './component/numbered-plan.ts';
import { ComponentGuest } from './instance/component-guest.ts';
import type { Guest, HostImports, Settings } from './instance/guest.ts';
import type { CoreModule } from './wasm/core-module.ts';
import { type CompiledModule, v8, type WebAssemblyEngine } from './wasm/webassembly-engine.ts';

/**
 * Makes a component file ready to run: checks, validates, meters, caps and compiles it. Runs no code of it.
 *
 * @throws {ComponentError} if the component is refused.
 */
export async function loadComponent(bytes: Uint8Array, options: LoadOptions = {}): Promise<LoadedComponent> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const engine = options.engine ?? v8;
  const grants = options.grants ?? DEFAULT_GRANTS;
  const admission = examine(bytes, { grants, limits, engine }, (reason) => {
    throw reason;
  });
  const { plan, exports, originals, rewritten } = admission!;
  const numbered = numberPlan(plan, exports!, originals as CoreModule[]);
  const modules: CompiledModule[] = [];
  for (const each of rewritten) modules.push(await compileModule(engine, each!));
  return componentOf(engine, {
    plan: numbered,
    modules,
    grants,
    wants: wantedGrants(plan),
    imports: [...plan.hostFunctions],
    size: bytes.length,
  });
}

/** Makes a component from the form that another thread sent, which has checked and compiled it already. */
export function componentFrom(portable: PortableComponent): LoadedComponent {
  return componentOf(v8, portable);
}

function componentOf(engine: WebAssemblyEngine, portable: PortableComponent): LoadedComponent {
  const { plan, modules, grants, wants, imports, size } = portable;
  const component = { engine, plan, modules };
  return {
    describe(settings) {
      const guest = new ComponentGuest(component, undefined);
      try {
        return guest.describe(settings);
      } finally {
        guest.discard();
      }
    },
    instantiate: (host) => new ComponentGuest(component, host),
    mayUse: (grant, edge) => mayUse(grants, grant, edge),
    wants,
    imports,
    size,
    coreModules: modules.length,
    portable,
  };
}

export interface LoadOptions {
  readonly limits?: Partial<Limits>;
  /** The grants of the component; `log`, `random` and `utc` by default. */
  readonly grants?: ReadonlySet<Grant>;
  /** Replaces Node's own WebAssembly engine. */
  readonly engine?: WebAssemblyEngine;
}

/** An admitted component. It can make any number of instances. */
export interface LoadedComponent {
  /**
   * Returns the piece's description with these settings, from an instance that is made for this call and then
   * discarded.
   *
   * @throws {PieceFault} if the instance faults.
   */
  describe(settings: Settings): Description | readonly Problem[];

  /**
   * Makes a new instance. Start functions of the component run here, metered.
   *
   * @throws {PieceFault} if it faults; {@link ComponentError} FT_COMPONENT_INVALID if its modules do not fit
   * together.
   */
  instantiate(imports: HostImports): Guest;

  /** Whether the component has this grant on the Edge of this name; see {@link Grant}. */
  mayUse(grant: UsableGrant, edge: string): boolean;
  /** The grants that its code needs. */
  readonly wants: readonly string[];
  /** The functions of the host that it calls, such as `arpa2:funnel/host@0.2.0#log`. */
  readonly imports: readonly string[];
  /** Bytes in the file. */
  readonly size: number;
  readonly coreModules: number;
  /** The form that another thread passes to {@link componentFrom}; only with Node's own engine. */
  readonly portable: PortableComponent;
}

/**
 * An admitted component in a form for the structured clone algorithm, so that it can be posted to a worker
 * thread.
 */
export interface PortableComponent {
  readonly plan: NumberedPlan;
  readonly modules: readonly CompiledModule[];
  readonly grants: ReadonlySet<Grant>;
  readonly wants: readonly string[];
  readonly imports: readonly string[];
  readonly size: number;
}

export type { Grant } from './component/grants.ts';
export type { Limits } from './component/limits.ts';
