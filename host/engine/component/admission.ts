import { ComponentError } from '../wasm/component-error.ts';
import { type CoreModule, readCoreModule } from '../wasm/core-module.ts';
import type { PriceFactors } from '../wasm/fuel.ts';
import { ModuleCounts } from '../wasm/module-counts.ts';
import { type RewrittenModule, rewriteModule } from '../wasm/module-rewriter.ts';
import type { CompiledModule, WebAssemblyEngine } from '../wasm/webassembly-engine.ts';
import { capsOf } from './component-bounds.ts';
import { linkComponent } from './component-linker.ts';
import { parseComponent } from './component-parser.ts';
import { type ContractExports, checkPlan, checkVersion, findExports } from './contract-check.ts';
import { checkImports, type Grant } from './grants.ts';
import { shownText } from './guest-text.ts';
import type { Limits } from './limits.ts';
import type { LinkPlan } from './link-plan.ts';

/** The results of the steps of admission that a file has passed. No code of the file runs here. */
export interface Admission {
  readonly plan: LinkPlan;
  /** Undefined if the component lacks some of them. */
  readonly exports: ContractExports | undefined;
  /** By module number in the plan; undefined if the module was refused. */
  readonly originals: readonly (CoreModule | undefined)[];
  readonly rewritten: readonly (RewrittenModule | undefined)[];
}

/**
 * Checks a component file step by step: size, structure, imports against grants, exports against the
 * contract, and each core module in its original form; then meters and caps it. Returns undefined if the
 * structure cannot be read.
 *
 * @param refuse receives each reason to refuse the file. If it throws, no further step is taken; if it
 * returns, all steps that are still possible are taken.
 */
export function examine(
  bytes: Uint8Array,
  { grants, limits, engine }: AdmissionTerms,
  refuse: (reason: ComponentError) => void,
): Admission | undefined {
  const attempt = attempter(refuse);
  if (bytes.length > limits.maxComponentBytes) {
    refuse(
      new ComponentError(
        'FT_COMPONENT_TOO_LARGE',
        `the component has ${bytes.length} bytes, but its limit is ${limits.maxComponentBytes}; raise the limit of the piece, or use another component`,
      ),
    );
    return undefined;
  }
  const plan = attempt(() => linkComponent(parseComponent(bytes)));
  if (plan === undefined) return undefined;
  if (plan.modules.length > limits.maxCoreModules) {
    refuse(
      new ComponentError(
        'FT_COMPONENT_TOO_LARGE',
        `the component holds ${plan.modules.length} core modules, but its limit is ${limits.maxCoreModules}; use another component`,
      ),
    );
    return { plan, exports: undefined, originals: [], rewritten: [] };
  }
  const isOurVersion = attempt(() => checkVersion(plan)) === true;
  // With an unknown version, every name would be reported as missing as well.
  if (!isOurVersion) return { plan, exports: undefined, originals: [], rewritten: [] };
  attempt(() => checkImports(plan, grants));
  const exports = attempt(() => findExports(plan));
  const counts = new ModuleCounts();
  const originals = plan.modules.map(({ start, end }) =>
    attempt(() => readValidModule(engine, bytes.slice(start, end), start, counts)),
  );
  const modules = originals.filter((module) => module !== undefined);
  const isWhole = modules.length === originals.length;
  if (exports !== undefined && isWhole) attempt(() => checkPlan(plan, exports, modules));
  const caps = isWhole ? attempt(() => capsOf(plan, modules, limits)) : undefined;
  if (caps === undefined) return { plan, exports, originals, rewritten: [] };
  const rewrite = (prices: PriceFactors) =>
    originals.map((original) =>
      original === undefined ? undefined : attempt(() => rewriteModule(original, { ...caps, prices })),
    );
  let rewritten = rewrite(caps.prices);
  // An exception can pass through all modules of one component, so all of them pay.
  if (rewritten.some((module) => module?.catches)) rewritten = rewrite({ ...caps.prices, catches: true });
  attempt(() => checkCompileUnits(rewritten));
  return { plan, exports, originals, rewritten };
}

/** The compilation of all modules together takes a few seconds at most. */
function checkCompileUnits(rewritten: readonly (RewrittenModule | undefined)[]): void {
  const units = rewritten.reduce((sum, module) => sum + (module?.compileUnits ?? 0), 0);
  if (units > MAX_COMPILE_UNITS) {
    throw new ComponentError(
      'FT_COMPONENT_COSTLY',
      'the functions of the component together have more locals, branches and calls than the engine compiles in reasonable time; use another component',
    );
  }
}

/** A megabyte of real code has three million. */
const MAX_COMPILE_UNITS = 500_000_000;

/** The last step: compiles a core module with the engine. */
export async function compileModule(
  engine: WebAssemblyEngine,
  { bytes }: RewrittenModule,
): Promise<CompiledModule> {
  try {
    return await engine.compile(bytes);
  } catch (error) {
    throw new ComponentError(
      'FT_COMPONENT_UNSUPPORTED',
      `the engine cannot compile a core module of the component: ${error instanceof Error ? shownText(error.message) : String(error)}`,
      { cause: error },
    );
  }
}

/** The grants and limits of an admission. */
export interface AdmissionTerms {
  readonly grants: ReadonlySet<Grant>;
  readonly limits: Limits;
  readonly engine: WebAssemblyEngine;
}

function attempter(refuse: (reason: ComponentError) => void) {
  return <T>(step: () => T): T | undefined => {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof ComponentError)) throw error;
      refuse(error);
      return undefined;
    }
  };
}

/**
 * Validates the original module, so that the rewriter can trust its indices, types and nesting of blocks.
 */
function readValidModule(
  engine: WebAssemblyEngine,
  original: Uint8Array,
  start: number,
  counts: ModuleCounts,
): CoreModule {
  counts.add(original);
  const invalid = engine.whyInvalid(original);
  if (invalid !== undefined) {
    const offset = start + invalid.offset;
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `a core module of the component is not valid, or is newer than this engine: ${shownText(invalid.reason)}, at byte ${offset}; build the piece again`,
      { offset },
    );
  }
  return readCoreModule(original);
}
