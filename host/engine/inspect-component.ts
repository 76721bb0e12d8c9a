import { compileModule, examine } from './component/admission.ts';
import { PAGE_BYTES } from './component/component-bounds.ts';
import {
  contractInterface,
  DEFAULT_GRANTS,
  type PlainGrant,
  type UsableGrant,
  wantedGrants,
} from './component/grants.ts';
import { shownText } from './component/guest-text.ts';
import { DEFAULT_LIMITS } from './component/limits.ts';
import type { LinkPlan } from './component/link-plan.ts';
import type { LoadOptions } from './load-component.ts';
import { ComponentError } from './wasm/component-error.ts';
import type { CoreModule, ResizeLimits } from './wasm/core-module.ts';
import { v8 } from './wasm/webassembly-engine.ts';

/**
 * Returns what a component file is and wants, and each reason to refuse it with these grants and limits. No
 * code of it runs, not even `describe`. The steps are those of `loadComponent`, which refuses the file for
 * the first of these reasons.
 */
export async function inspectComponent(bytes: Uint8Array, options: LoadOptions = {}): Promise<Inspection> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const engine = options.engine ?? v8;
  const refusals: ComponentError[] = [];
  const terms = { grants: options.grants ?? DEFAULT_GRANTS, limits, engine };
  const admission = examine(bytes, terms, (reason) => refusals.push(reason));
  for (const rewritten of admission?.rewritten ?? []) {
    if (rewritten === undefined) continue;
    try {
      await compileModule(engine, rewritten);
    } catch (error) {
      if (!(error instanceof ComponentError)) throw error;
      refusals.push(error);
    }
  }
  return {
    bytes: bytes.length,
    structure: admission && structureOf(admission.plan, admission.originals),
    refusals,
  };
}

/** The findings about a component file. Text from the file is already escaped. */
export interface Inspection {
  readonly bytes: number;
  /** Undefined if the file is not readable as a component. */
  readonly structure: Structure | undefined;
  /** The reasons to refuse it, in the order of the steps; empty if it would be admitted. */
  readonly refusals: readonly ComponentError[];
}

/** The structure of a component, and its demands. */
export interface Structure {
  /** Interfaces of the contract that it exports, with their versions. */
  readonly exports: readonly string[];
  /** The grants that it needs: those of host functions that its code can reach. */
  readonly wants: readonly (PlainGrant | UsableGrant)[];
  /** Functions of the host that its code can reach, as `interface#function`. */
  readonly functions: readonly string[];
  /** Its other imports, which the host does not have, such as WASI. */
  readonly foreign: readonly string[];
  readonly modules: readonly ModuleFacts[];
  /** How many core instances one instance of it has. */
  readonly instances: number;
  /** The memories and tables of one instance of it. */
  readonly memories: readonly Extent[];
  readonly tables: readonly Extent[];
  /** Start functions that run when it is instantiated: metered, and without the host's functions. */
  readonly starts: number;
}

/** A core module. Facts of an invalid module are undefined. */
export interface ModuleFacts {
  readonly bytes: number;
  readonly functions: number | undefined;
}

/** Bytes of a memory, or entries of a table: at the start, and the maximum that it declares. */
export interface Extent {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

function structureOf(plan: LinkPlan, originals: readonly (CoreModule | undefined)[]): Structure {
  const running = plan.instances.map(({ module }) => originals[module]).filter((each) => each !== undefined);
  const extents = (limits: readonly ResizeLimits[], unit: number): Extent[] =>
    limits.map(({ minimum, maximum }) => ({
      minimum: minimum * unit,
      maximum: maximum === undefined ? undefined : maximum * unit,
    }));
  const interfaces = [...plan.exports.keys()].map((name) => name.slice(0, name.lastIndexOf('#')));
  return {
    exports: [...new Set(interfaces)].filter((name) => contractInterface(name) !== undefined).map(shown),
    wants: wantedGrants(plan),
    functions: [...plan.hostFunctions].map(shown),
    foreign: plan.imports
      .filter(({ sort, name }) => sort !== 'instance' || contractInterface(name) === undefined)
      .map(({ name }) => shown(name)),
    modules: plan.modules.map(({ start, end }, number) => ({
      bytes: end - start,
      functions: originals[number]?.functionTypes.length,
    })),
    instances: plan.instances.length,
    memories: running.flatMap(({ definedMemories }) => extents(definedMemories, PAGE_BYTES)),
    tables: running.flatMap(({ definedTables }) => extents(definedTables, 1)),
    starts: running.filter(({ hasStart }) => hasStart).length,
  };
}

function shown(text: string): string {
  return shownText(text, MAX_NAME);
}

/** The most code units of a name that are shown. */
const MAX_NAME = 120;
