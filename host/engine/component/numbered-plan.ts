import { EXPORT_NAMES } from '../../../abi/host/contract.ts';
import { ComponentError } from '../wasm/component-error.ts';
import type { CoreModule } from '../wasm/core-module.ts';
import type { ContractExports } from './contract-check.ts';
import { HOST_FUNCTION_NAMES, hostFunctionNamed } from './grants.ts';
import type { CoreItem, HostItem, LinkPlan } from './link-plan.ts';

/**
 * A {@link LinkPlan} in numbers, with all that instances need of it. A link plan holds each name and
 * each unused item of the file, as often as nested components are instantiated. To clone that for another
 * thread keeps both threads for as long as its size. This plan grows with the imports of the core instances
 * alone, which are bounded.
 *
 * An item has two words: an instance, by its place in the plan, and an export of its module, by its place in
 * the module. {@link HOST} stands in place of the instance for a function of the host, with its row in
 * `lowered`; {@link NONE} for no item.
 */
export interface NumberedPlan {
  /** In the order of instantiation. */
  readonly instances: readonly NumberedInstance[];
  /**
   * Rows of {@link LOWERED_WORDS}: the place of the function in {@link HOST_FUNCTION_NAMES}, and the items of
   * its memory and its realloc function.
   */
  readonly lowered: Int32Array;
  /**
   * Rows of {@link LIFTED_WORDS}, in the order of {@link EXPORT_NAMES}: the items of the core function, its
   * memory, its realloc function and its post-return function.
   */
  readonly lifted: Int32Array;
}

export interface NumberedInstance {
  /** An index into the modules. */
  readonly module: number;
  /** An item for each import of the module, in their order. */
  readonly imports: Int32Array;
  /** Its definition's offset in the file. */
  readonly offset: number;
}

export const HOST = -1;
export const NONE = -2;
export const ITEM_WORDS = 2;
export const LOWERED_WORDS = 1 + 2 * ITEM_WORDS;
export const LIFTED_WORDS = 4 * ITEM_WORDS;

/**
 * The most lowered functions that instances import. The host makes a memory and some functions for each.
 * Components of the known tools lower each function of the contract once, or once for each nested component.
 */
const MAX_LOWERED = 1024;

/**
 * Numbers a plan that {@link checkPlan} has checked.
 *
 * @throws {ComponentError} FT_COMPONENT_TOO_LARGE if too many functions of the host are lowered.
 */
export function numberPlan(
  plan: LinkPlan,
  exports: ContractExports,
  modules: readonly CoreModule[],
): NumberedPlan {
  const numbers = new Numbers(plan, modules);
  const instances = plan.instances.map(({ module, imports, offset }) => ({
    module,
    imports: Int32Array.from(
      modules[module]!.imports.flatMap(({ module: from, name, sort }) => {
        const given = imports.get(from);
        return typeof given === 'number'
          ? numbers.item({ kind: 'export', sort, instance: given, name })
          : numbers.item(given?.get(name));
      }),
    ),
    offset,
  }));
  const lifted = EXPORT_NAMES.flatMap((name) => {
    const { core, options } = exports[name];
    return [core, options.memory, options.realloc, options.postReturn].flatMap((item) => numbers.item(item));
  });
  return { instances, lowered: Int32Array.from(numbers.lowered), lifted: Int32Array.from(lifted) };
}

class Numbers {
  readonly lowered: number[] = [];
  readonly #plan: LinkPlan;
  readonly #modules: readonly CoreModule[];
  readonly #rows = new Map<HostItem, number>();

  constructor(plan: LinkPlan, modules: readonly CoreModule[]) {
    this.#plan = plan;
    this.#modules = modules;
  }

  item(item: CoreItem | undefined): [from: number, place: number] {
    if (item === undefined) return [NONE, 0];
    if (item.kind === 'host') return [HOST, this.#rowOf(item)];
    const { module } = this.#plan.instances[item.instance]!;
    const found = this.#modules[module]!.exports.get(item.name);
    // A function may have options that the contract's function does not need, and that nothing has checked.
    return found?.sort === item.sort ? [item.instance, found.place] : [NONE, 0];
  }

  #rowOf(item: HostItem): number {
    const known = this.#rows.get(item);
    if (known !== undefined) return known;
    const row = this.#rows.size;
    if (row >= MAX_LOWERED) {
      throw new ComponentError(
        'FT_COMPONENT_TOO_LARGE',
        `the core instances of the component import more than ${MAX_LOWERED} lowered functions of the host; use another component`,
      );
    }
    this.#rows.set(item, row);
    const { interface: from, name } = item.function;
    const { memory, realloc } = item.options;
    const number = HOST_FUNCTION_NAMES.indexOf(hostFunctionNamed(from, name)!);
    this.lowered.push(number, ...this.item(memory), ...this.item(realloc));
    return row;
  }
}
