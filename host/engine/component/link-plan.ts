import type { CoreSort } from '../wasm/core-module.ts';
import type { CanonOptions } from './component-definitions.ts';

/**
 * How to instantiate and join the core modules of a component: the rest of a component after its index
 * spaces, aliases and nested components are resolved. The linker makes a plan without running anything, so
 * all checks can come first.
 */
export interface LinkPlan {
  /** The core modules' places in the file. */
  readonly modules: readonly { readonly start: number; readonly end: number }[];
  /** In the order of instantiation. */
  readonly instances: readonly PlannedInstance[];
  /**
   * Functions that the component exports, by `interface#function`, such as
   * `arpa2:funnel/traffic@0.2.0#process`.
   */
  readonly exports: ReadonlyMap<string, LiftedFunction>;
  /** The names of all imports of the component, except of types by themselves. */
  readonly imports: readonly PlannedImport[];
  /** The host functions that core code can reach, by `interface#function`. */
  readonly hostFunctions: ReadonlySet<string>;
}

export interface PlannedImport {
  readonly name: string;
  readonly sort: string;
  readonly offset: number;
}

export interface PlannedInstance {
  /** An index into the modules. */
  readonly module: number;
  /** By the module name of an import, then by its name. */
  readonly imports: ReadonlyMap<string, ReadonlyMap<string, CoreItem> | number>;
  readonly offset: number;
}

/** Something that a core module can import: an export of an earlier instance, or a function of the host. */
export type CoreItem = ExportedItem | HostItem;

export interface ExportedItem {
  readonly kind: 'export';
  readonly sort: CoreSort;
  /** An index into the instances. */
  readonly instance: number;
  readonly name: string;
}

/** A function of the host, lowered with a memory for its arguments. */
export interface HostItem {
  readonly kind: 'host';
  readonly sort: 'core-func';
  readonly function: HostFunction;
  readonly options: ResolvedOptions;
}

/** A function that the component imports. */
export interface HostFunction {
  readonly kind: 'host-function';
  /** Empty for a function that is imported by itself. */
  readonly interface: string;
  readonly name: string;
}

/** A component function that core code implements. */
export interface LiftedFunction {
  readonly kind: 'lifted';
  readonly core: CoreItem;
  readonly options: ResolvedOptions;
}

export interface ResolvedOptions {
  readonly encoding: CanonOptions['encoding'];
  readonly memory: CoreItem | undefined;
  readonly realloc: CoreItem | undefined;
  readonly postReturn: CoreItem | undefined;
}
