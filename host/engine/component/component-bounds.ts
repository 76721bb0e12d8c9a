import { ComponentError } from '../wasm/component-error.ts';
import type { CoreModule } from '../wasm/core-module.ts';
import { MAX_TABLE_ENTRIES, MAX_TABLE_USES, type PriceFactors } from '../wasm/fuel.ts';
import type { ModuleCaps } from '../wasm/module-rewriter.ts';
import type { Limits } from './limits.ts';
import type { LinkPlan } from './link-plan.ts';

export const PAGE_BYTES = 65_536;
/** The bytes that a 32-bit address reaches. */
const MAX_PAGES = 65_536;

/**
 * Imports, exports, global variables, tags and data segments of all core instances of a component together.
 * The engine makes an object for each of them in each instance. The largest components of the known tools
 * have some hundreds; a JavaScript engine with all its symbols has some thousands.
 */
const MAX_INSTANCE_ITEMS = 20_000;

/** The engine makes an entry for each function of each instance. */
const MAX_INSTANCE_FUNCTIONS = 100_000;
/** Each instance copies its data into its memory, in the thread of the lane. */
const MAX_INSTANCE_DATA_BYTES = 32 * 1024 * 1024;

/**
 * Checks what the instances of a component use against the limits of the component. An item counts as often
 * as the engine does work for it: a module for each of its instances, a table for each instance that uses it.
 *
 * Several memories divide the limit for memory. All tables together start within the limit for tables, and
 * divide the rest of it for growth.
 *
 * @throws {ComponentError} FT_COMPONENT_MEMORY, FT_COMPONENT_TOO_LARGE.
 */
export function capsOf(
  plan: LinkPlan,
  modules: readonly CoreModule[],
  limits: Limits,
): ModuleCaps & { readonly prices: PriceFactors } {
  const maxTableEntries = Math.min(limits.maxTableEntries, MAX_TABLE_ENTRIES);
  let memories = 0;
  let items = 0;
  let segmentEntries = 0;
  let functions = 0;
  let dataBytes = 0;
  for (const { module } of plan.instances) {
    const { definedMemories, imports, exports, smallItems, segmentLengths, ...rest } = modules[module]!;
    functions += rest.functionTypes.length;
    dataBytes += rest.dataBytes;
    memories += definedMemories.length;
    items += imports.length + exports.size + smallItems + segmentLengths.length;
    segmentEntries += sum(segmentLengths);
  }
  if (items > MAX_INSTANCE_ITEMS) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the core instances of the component together have ${items} imports, exports, global variables and segments, but the limit is ${MAX_INSTANCE_ITEMS}; use another component`,
    );
  }
  if (segmentEntries > maxTableEntries) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the element segments of the component's core instances together have ${segmentEntries} entries, but the limit is ${maxTableEntries}; use another component`,
    );
  }
  if (functions > MAX_INSTANCE_FUNCTIONS) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the core instances of the component together have ${functions} functions, but the limit is ${MAX_INSTANCE_FUNCTIONS}; use another component`,
    );
  }
  if (dataBytes > MAX_INSTANCE_DATA_BYTES) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the core instances of the component together have ${dataBytes} bytes of data, but the limit is ${MAX_INSTANCE_DATA_BYTES}; use another component`,
    );
  }
  const tables = usedTables(plan, modules);
  const uses = sum(tables.map((table) => table.uses));
  const most = Math.max(1, ...tables.map((table) => table.uses));
  if (most > MAX_TABLE_USES) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `the component imports one table ${most - 1} times, but the limit is ${MAX_TABLE_USES - 1}; use another component`,
    );
  }
  const entries = sum(tables.map((table) => table.minimum * table.uses));
  if (entries > maxTableEntries) {
    throw new ComponentError(
      'FT_COMPONENT_MEMORY',
      `the component's tables start with ${entries} entries together, counted for each instance that uses them, but the limit is ${maxTableEntries}; use another component`,
    );
  }
  return {
    maxMemoryPages: Math.min(
      Math.floor(limits.maxMemoryBytes / PAGE_BYTES / Math.max(1, memories)),
      MAX_PAGES,
    ),
    maxTableEntries,
    maxTableGrowth: Math.floor((maxTableEntries - entries) / Math.max(1, uses)),
    prices: { tableUses: Math.ceil(Math.log2(most)), catches: false },
  };
}

interface UsedTable {
  /** Entries at the start. */
  readonly minimum: number;
  /** How often instances make or import it. */
  uses: number;
}

/**
 * The tables that the instances make, each with how often it is used. A module may import one several times.
 */
function usedTables(plan: LinkPlan, modules: readonly CoreModule[]): UsedTable[] {
  const all: UsedTable[] = [];
  /** The tables of each instance, imported ones first, as its module counts them. */
  const byInstance: (readonly (UsedTable | undefined)[])[] = [];
  for (const { module, imports } of plan.instances) {
    const { imports: wanted, definedTables } = modules[module]!;
    const tables: (UsedTable | undefined)[] = [];
    for (const { module: from, name, sort } of wanted) {
      if (sort !== 'core-table') continue;
      const given = imports.get(from);
      const item = typeof given === 'number' ? { kind: 'export', instance: given, name } : given?.get(name);
      // The contract check refuses an import that is missing or is not a table.
      const table =
        item?.kind === 'export' && 'instance' in item ? exportedTable(item.instance, item.name) : undefined;
      if (table !== undefined) table.uses++;
      tables.push(table);
    }
    for (const { minimum } of definedTables) {
      const table = { minimum, uses: 1 };
      all.push(table);
      tables.push(table);
    }
    byInstance.push(tables);
  }
  return all;

  function exportedTable(instance: number, name: string): UsedTable | undefined {
    const planned = plan.instances[instance];
    const found = planned === undefined ? undefined : modules[planned.module]!.exports.get(name);
    return found?.sort === 'core-table' ? byInstance[instance]?.[found.index] : undefined;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
