import type { Piece as Description, Problem } from '../../abi/host/contract.ts';
import { ComponentError } from './component-error.ts';
import { ComponentGuest } from './component-guest.ts';
import type { ReadyModule } from './component-instance.ts';
import { linkComponent } from './component-linker.ts';
import { parseComponent } from './component-parser.ts';
import { type ContractExports, checkPlan, findExports } from './contract-check.ts';
import { type CoreModule, readCoreModule } from './core-module.ts';
import { checkImports, DEFAULT_GRANTS, type Grant } from './grants.ts';
import type { Guest, HostImports, Settings } from './guest.ts';
import { shownText } from './guest-text.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import type { LinkPlan } from './link-plan.ts';
import { type ModuleCaps, rewriteModule } from './module-rewriter.ts';
import { v8, type WebAssemblyEngine } from './webassembly-engine.ts';

/**
 * Makes a component file ready to run: checked, validated, metered and capped, and compiled. Nothing of it runs here.
 *
 * @throws {ComponentError} where the component is refused.
 */
export async function loadComponent(bytes: Uint8Array, options: LoadOptions = {}): Promise<LoadedComponent> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const engine = options.engine ?? v8;
  checkSize(bytes, limits);
  const plan = linkComponent(parseComponent(bytes));
  if (plan.modules.length > limits.maxCoreModules) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the component holds ${plan.modules.length} core modules, and may hold ${limits.maxCoreModules}`,
    );
  }
  checkImports(plan, options.grants ?? DEFAULT_GRANTS);
  const exports = findExports(plan);
  const originals = plan.modules.map(({ start, end }) => readValidModule(engine, bytes, start, end));
  checkPlan(plan, exports, originals);
  const caps = capsOf(plan, originals, limits);
  const modules: ReadyModule[] = [];
  for (const original of originals) modules.push(await makeReady(engine, original, caps));
  return componentOf(engine, { plan, exports, modules, size: bytes.length });
}

/** The same component in another thread: what was checked and compiled there is not checked and compiled again. */
export function componentFrom(portable: PortableComponent): LoadedComponent {
  return componentOf(v8, portable);
}

function componentOf(engine: WebAssemblyEngine, portable: PortableComponent): LoadedComponent {
  const { plan, exports, modules, size } = portable;
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
    imports: [...plan.hostFunctions],
    size,
    coreModules: modules.length,
    portable,
  };
}

export interface LoadOptions {
  readonly limits?: Partial<Limits>;
  /** Functions of the interface `arpa2:funnel/host` that the component may import; `log`, `random` and `utc` when left out. */
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
  readonly size: number;
}

export type { Grant } from './grants.ts';
export type { Limits } from './limits.ts';

function checkSize(bytes: Uint8Array, limits: Limits): void {
  if (bytes.length <= limits.maxComponentBytes) return;
  throw new ComponentError(
    'FT_COMPONENT_TOO_LARGE',
    `the component has ${bytes.length} bytes, and may have ${limits.maxComponentBytes}; raise the limit of the piece, or use another`,
  );
}

/** Validates the original, so that the rewriter can trust what it reads: indices, types, the nesting of blocks. */
function readValidModule(
  engine: WebAssemblyEngine,
  bytes: Uint8Array,
  start: number,
  end: number,
): CoreModule {
  const original = bytes.slice(start, end);
  const invalid = engine.whyInvalid(original);
  if (invalid !== undefined) {
    const offset = start + invalid.offset;
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `a core module of the component is not valid, or newer than this engine: ${shownText(invalid.reason)}, at byte ${offset}; build the piece again`,
      { offset },
    );
  }
  return readCoreModule(original);
}

const PAGE_BYTES = 65_536;
/** What 32 bits of address reach. */
const MAX_PAGES = 65_536;
/** What engines allow; fuel for work on tables counts on it. */
const MAX_TABLE_ENTRIES = 10_000_000;

/**
 * The limits are those of the component: several memories divide the one for memory; and all tables that it makes when it is
 * instantiated begin with no more than the one for tables, and divide what is left of it for growing.
 */
function capsOf(plan: LinkPlan, modules: readonly CoreModule[], limits: Limits): ModuleCaps {
  const memories = plan.instances.reduce((sum, { module }) => sum + modules[module]!.definedMemories, 0);
  const pages = Math.floor(limits.maxMemoryBytes / PAGE_BYTES / Math.max(1, memories));
  const tables = plan.instances.flatMap(({ module }) => modules[module]!.definedTables);
  const entries = tables.reduce((sum, minimum) => sum + minimum, 0);
  const maxTableEntries = Math.min(limits.maxTableEntries, MAX_TABLE_ENTRIES);
  if (entries > maxTableEntries) {
    throw new ComponentError(
      'FT_COMPONENT_MEMORY',
      `the component wants tables of ${entries} entries together to begin with, and may have ${maxTableEntries}; use another`,
    );
  }
  return {
    maxMemoryPages: Math.min(pages, MAX_PAGES),
    maxTableEntries,
    maxTableGrowth: Math.floor((maxTableEntries - entries) / Math.max(1, tables.length)),
  };
}

async function makeReady(
  engine: WebAssemblyEngine,
  original: CoreModule,
  caps: ModuleCaps,
): Promise<ReadyModule> {
  const { bytes, fuelModule } = rewriteModule(original, caps);
  try {
    return { compiled: await engine.compile(bytes), fuelModule, imports: original.imports };
  } catch (error) {
    throw new ComponentError(
      'FT_COMPONENT_UNSUPPORTED',
      `a core module of the component is beyond what the engine compiles: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
