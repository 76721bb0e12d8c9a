import {
  type CoreFunction as ContractFunction,
  EXPORT_NAMES,
  EXPORTS,
  type ExportName,
  forEachExport,
  IMPORTS,
} from '../../../abi/host/contract.ts';
import { ComponentError } from '../wasm/component-error.ts';
import { type CoreModule, exportedSignature } from '../wasm/core-module.ts';
import { contractInterface, hostFunctionNamed } from './grants.ts';
import type { CoreItem, LiftedFunction, LinkPlan, PlannedInstance } from './link-plan.ts';

export type ContractExports = Readonly<Record<ExportName, LiftedFunction>>;

/**
 * Finds the contract's exports in a plan, in any version 0.2.x of their interfaces.
 *
 * @throws {ComponentError} FT_COMPONENT_EXPORT, which names all missing exports.
 */
export function findExports(plan: LinkPlan): ContractExports {
  const missing: string[] = [];
  // Versions 0.2.x differ in nothing that matters here, so the first one is taken.
  const found = new Map<string, LiftedFunction>();
  for (const [name, lifted] of plan.exports) {
    const key = keyOf(name);
    if (key !== undefined && !found.has(key)) found.set(key, lifted);
  }
  const find = (contract: ContractFunction): LiftedFunction => {
    const lifted = found.get(keyOf(`${contract.interface}#${contract.name}`) ?? '');
    if (lifted !== undefined) return lifted;
    missing.push(`"${contract.interface}#${contract.name}"`);
    return NOTHING;
  };
  const exports: ContractExports = forEachExport((name) => find(EXPORTS[name]));
  if (missing.length > 0) {
    throw new ComponentError(
      'FT_COMPONENT_EXPORT',
      `the component is not a Puzzle Piece: it does not export ${missing.join(', ')}; build it for the world arpa2:funnel/piece@0.2.0`,
    );
  }
  return exports;
}

/** An exported function of the contract, in any version of its interface; undefined for others. */
function keyOf(name: string): string | undefined {
  const hash = name.lastIndexOf('#');
  const named = contractInterface(name.slice(0, hash));
  return named === undefined ? undefined : `${named}#${name.slice(hash + 1)}`;
}

/**
 * Returns true if the component was built for a version of the contract that this host runs.
 *
 * @throws {ComponentError} FT_COMPONENT_EXPORT, which names both versions.
 */
export function checkVersion({ imports, exports }: LinkPlan): true {
  for (const name of [...imports.map((each) => each.name), ...exports.keys()]) {
    const [, id, version] = /^(arpa2:funnel\/[a-z0-9-]+@([0-9a-z.+-]{1,40}))(?:#|$)/.exec(name) ?? [];
    if (id === undefined || contractInterface(id) !== undefined) continue;
    throw new ComponentError(
      'FT_COMPONENT_EXPORT',
      `the component was built for version ${version} of the contract arpa2:funnel, and this host runs pieces of version 0.2; build it again with the WIT of this host`,
    );
  }
  return true;
}

/** Stands for a missing export until the check has looked for all. */
const NOTHING: LiftedFunction = {
  kind: 'lifted',
  core: { kind: 'export', sort: 'core-func', instance: -1, name: '' },
  options: { encoding: 'utf8', memory: undefined, realloc: undefined, postReturn: undefined },
};

/**
 * Checks that the items which a plan joins fit together, and that the contract's functions have their core
 * signatures.
 *
 * @throws {ComponentError} FT_COMPONENT_INVALID, FT_COMPONENT_EXPORT, FT_COMPONENT_UNSUPPORTED.
 */
export function checkPlan(plan: LinkPlan, exports: ContractExports, modules: readonly CoreModule[]): void {
  const check = new PlanCheck(plan, modules);
  for (const instance of plan.instances) check.instance(instance);
  for (const name of EXPORT_NAMES) check.export(name, exports[name]);
}

const REALLOC_SIGNATURE = 'i32 i32 i32 i32 -> i32';

class PlanCheck {
  readonly #plan: LinkPlan;
  readonly #modules: readonly CoreModule[];

  constructor(plan: LinkPlan, modules: readonly CoreModule[]) {
    this.#plan = plan;
    this.#modules = modules;
  }

  /** Each import of a module must get an item of the right sort and signature. */
  instance({ module, imports, offset }: PlannedInstance): void {
    for (const wanted of this.#modules[module]!.imports) {
      const from = imports.get(wanted.module);
      const item: CoreItem | undefined =
        typeof from === 'number'
          ? { kind: 'export', sort: wanted.sort, instance: from, name: wanted.name }
          : from?.get(wanted.name);
      const what = `the ${wanted.sort} "${wanted.name}" from "${wanted.module}"`;
      if (item === undefined) this.#invalid(`does not give ${what} to a core module that imports it`, offset);
      if (item.sort !== wanted.sort || !this.#exists(item)) {
        this.#invalid(`gives a core module an item of another sort than ${what}`, offset);
      }
      if (item.sort === 'core-func' && this.#signature(item) !== wanted.signature) {
        this.#invalid(`gives a core module ${what} with another signature than the module imports`, offset);
      }
      if (item.kind === 'host') this.#hostOptions(item, offset);
    }
  }

  /**
   * An export of the contract must have its core signature, and the memory and functions that its values
   * need.
   */
  export(name: ExportName, { core, options }: LiftedFunction): void {
    const contract: ContractFunction = EXPORTS[name];
    const wanted = signatureOf(contract);
    const found = this.#signature(core);
    if (core.kind === 'host' || found !== wanted) {
      this.#mismatch(contract, `its core function is ${found ?? 'no function'}, and should be ${wanted}`);
    }
    const needsMemory = contract.isIndirect || contract.takesLists;
    if (needsMemory && (options.memory === undefined || !this.#exists(options.memory))) {
      this.#mismatch(contract, 'it has no memory');
    }
    if (needsMemory && options.encoding !== 'utf8') {
      throw new ComponentError(
        'FT_COMPONENT_UNSUPPORTED',
        `the component's "${contract.name}" takes strings in ${options.encoding}, but this host passes UTF-8; build it for UTF-8`,
      );
    }
    if (contract.takesLists && this.#signature(options.realloc) !== REALLOC_SIGNATURE) {
      this.#mismatch(contract, 'it has no realloc function');
    }
    if (options.postReturn !== undefined) {
      const expected = [...contract.results, '->'].join(' ');
      if (this.#signature(options.postReturn) !== expected)
        this.#mismatch(contract, 'its post-return function has another signature');
    }
  }

  /**
   * A host function that takes or returns more than numbers needs a memory. One that returns strings needs a
   * realloc function.
   */
  #hostOptions(item: CoreItem & { kind: 'host' }, offset: number): void {
    const name = hostFunctionNamed(item.function.interface, item.function.name);
    if (name === undefined) return;
    const { isIndirect, takesLists, returnsLists }: ContractFunction = IMPORTS[name];
    const { memory, realloc, encoding } = item.options;
    if (!isIndirect && !takesLists) return;
    if (memory === undefined || !this.#exists(memory))
      this.#invalid(`lowers "${name}" without a memory`, offset);
    if (!takesLists && !returnsLists) return;
    if (encoding !== 'utf8') {
      throw new ComponentError(
        'FT_COMPONENT_UNSUPPORTED',
        `the component passes strings to "${name}" in ${encoding}, but this host takes UTF-8; build it for UTF-8`,
        { offset },
      );
    }
    if (returnsLists && this.#signature(realloc) !== REALLOC_SIGNATURE) {
      this.#invalid(`lowers "${name}" without a realloc function`, offset);
    }
  }

  #exists(item: CoreItem): boolean {
    if (item.kind === 'host') return true;
    return this.#moduleOf(item.instance)?.exports.get(item.name)?.sort === item.sort;
  }

  #signature(item: CoreItem | undefined): string | undefined {
    if (item === undefined) return undefined;
    if (item.kind === 'host') {
      const name = hostFunctionNamed(item.function.interface, item.function.name);
      return name === undefined ? undefined : signatureOf(IMPORTS[name]);
    }
    const module = this.#moduleOf(item.instance);
    return module === undefined ? undefined : exportedSignature(module, item.name);
  }

  #moduleOf(instance: number): CoreModule | undefined {
    const planned = this.#plan.instances[instance];
    return planned === undefined ? undefined : this.#modules[planned.module];
  }

  #invalid(what: string, offset: number): never {
    throw new ComponentError(
      'FT_COMPONENT_INVALID',
      `the component ${what}, at byte ${offset}; the file is damaged, so build it again`,
      { offset },
    );
  }

  #mismatch(contract: ContractFunction, why: string): never {
    throw new ComponentError(
      'FT_COMPONENT_EXPORT',
      `the component's "${contract.interface}#${contract.name}" differs from the contract: ${why}; build it with the WIT of this host`,
    );
  }
}

function signatureOf({ params, results }: ContractFunction): string {
  return [...params, '->', ...results].join(' ');
}
