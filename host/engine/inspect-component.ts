import { compileModule, examine, PAGE_BYTES } from './component/admission.ts';
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
 * What a component file is and wants, and each reason for which it would be refused on these terms. Nothing of it runs: not
 * even its `describe`. It goes by the same steps as `loadComponent`, so it is refused there for the first of these reasons.
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

/** What a component file turned out to be. Text from the file may be shown. */
export interface Inspection {
  readonly bytes: number;
  /** Undefined where the file is no component that can be read. */
  readonly structure: Structure | undefined;
  /** Why it would be refused, in the order in which it is looked at; empty where it would be admitted. */
  readonly refusals: readonly ComponentError[];
}

/** How a component is put together, and what it asks for. */
export interface Structure {
  /** Interfaces of the contract that it exports, with their versions. */
  readonly exports: readonly string[];
  /** What it needs to be granted: of what the host has, what its code can reach. */
  readonly wants: readonly (PlainGrant | UsableGrant)[];
  /** Functions of the host that its code can reach, as `interface#function`. */
  readonly functions: readonly string[];
  /** Whatever else it imports, which nobody gives it: WASI, for one. */
  readonly foreign: readonly string[];
  readonly modules: readonly ModuleFacts[];
  /** How many of its core modules are instantiated, each time that it is. */
  readonly instances: number;
  /** The memories and tables of one instance of it. */
  readonly memories: readonly Extent[];
  readonly tables: readonly Extent[];
  /** Start functions that run when it is instantiated: metered, and without the host's functions. */
  readonly starts: number;
}

/** A core module; undefined facts are of one that is not valid. */
export interface ModuleFacts {
  readonly bytes: number;
  readonly functions: number | undefined;
}

/** Bytes of a memory, or entries of a table: to begin with, and at most by its own word. */
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

/** Characters of a name of the file that are shown. */
const MAX_NAME = 120;
