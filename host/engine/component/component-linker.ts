import { ComponentError } from '../wasm/component-error.ts';
import type { CoreSort } from '../wasm/core-module.ts';
import type { CanonOptions, Definition, Named, Sort } from './component-definitions.ts';
import type {
  CoreItem,
  HostFunction,
  HostItem,
  LiftedFunction,
  LinkPlan,
  PlannedImport,
  PlannedInstance,
  ResolvedOptions,
} from './link-plan.ts';

/**
 * Resolves a component: walks its definitions in their order, as an instantiation would, and writes down the
 * steps. It finds exports by following `canon lift` from the component's export names, and ignores core
 * names.
 *
 * @throws {ComponentError} FT_COMPONENT_INVALID, FT_COMPONENT_TOO_LARGE, FT_COMPONENT_UNSUPPORTED.
 */
export function linkComponent(definitions: readonly Definition[]): LinkPlan {
  const plan = new Planning();
  const scope = new Scope(undefined);
  const exports = plan.resolve(definitions, scope, undefined, 0);
  return {
    modules: plan.modules,
    instances: plan.instances,
    exports: plan.exportedFunctions(exports),
    imports: plan.imports,
    hostFunctions: plan.hostFunctions,
  };
}

/**
 * The most definitions and listed items that the linker walks in one component, counted once for each
 * instantiation. The largest components of the known tools take some thousands.
 */
const MAX_STEPS = 100_000;
/** The greatest depth of components that instantiate components. */
const MAX_DEPTH = 64;
/** The most core instances. Components of the known tools have up to 20. */
const MAX_CORE_INSTANCES = 64;

/** An item of an index space. */
type Item =
  | CoreItem
  | LiftedFunction
  | HostFunction
  | { readonly kind: 'core-module'; readonly module: number }
  /** An instance of a core module, by its number, or some core items under new names. */
  | { readonly kind: 'core-instance'; readonly source: number | ReadonlyMap<string, CoreItem> }
  | { readonly kind: 'component'; readonly definitions: readonly Definition[]; readonly scope: Scope }
  | { readonly kind: 'instance'; readonly exports: ReadonlyMap<string, Bound> }
  /** An interface that the component imports; an alias shows which items it holds. */
  | { readonly kind: 'host-instance'; readonly name: string }
  | { readonly kind: 'type' };

/** An item with its sort: the same index names a different item in each space. */
interface Bound {
  readonly sort: Sort;
  readonly item: Item;
}

const TYPE: Item = { kind: 'type' };

/** The index spaces of one component while it is walked. */
class Scope {
  readonly outer: Scope | undefined;
  readonly #spaces = new Map<Sort, Item[]>();
  /** Types are only counted: there may be many, and nothing reads them. */
  #types = 0;

  constructor(outer: Scope | undefined) {
    this.outer = outer;
  }

  add(sort: Sort, item: Item): void {
    if (sort === 'type') {
      this.#types++;
      return;
    }
    const space = this.#spaces.get(sort);
    if (space === undefined) this.#spaces.set(sort, [item]);
    else space.push(item);
  }

  addTypes(count: number): void {
    this.#types += count;
  }

  get(sort: Sort, index: number, offset: number): Item {
    if (sort === 'core-type') return TYPE;
    if (sort === 'type') {
      if (index < this.#types) return TYPE;
    } else {
      const item = this.#spaces.get(sort)?.[index];
      if (item !== undefined) return item;
    }
    return invalid(`refers to ${sort} ${index}, which is not defined there`, offset);
  }
}

/** The finished part of the plan. */
class Planning {
  readonly modules: { start: number; end: number }[] = [];
  readonly instances: PlannedInstance[] = [];
  readonly imports: PlannedImport[] = [];
  readonly hostFunctions = new Set<string>();
  readonly #moduleNumbers = new Map<Definition, number>();
  /** The names that the outermost component imports. */
  readonly #importNames = new Set<string>();
  #steps = 0;

  /**
   * Walks the definitions of one component. `args` are undefined for the outermost, whose imports are the
   * host's.
   */
  resolve(
    definitions: readonly Definition[],
    scope: Scope,
    args: ReadonlyMap<string, Bound> | undefined,
    depth: number,
  ): ReadonlyMap<string, Bound> {
    const exports = new Map<string, Bound>();
    for (const definition of definitions) {
      this.#step(stepsOf(definition), definition.offset);
      if (depth > MAX_DEPTH)
        tooLarge(`instantiates components more than ${MAX_DEPTH} deep`, definition.offset);
      if (definition.kind === 'export') addExport(definition, scope, exports);
      else if (definition.kind === 'import') this.#addImport(definition, scope, args);
      else this.#define(definition, scope, depth);
    }
    return exports;
  }

  /** Counts steps, before they are taken. */
  #step(steps: number, offset: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) tooLarge(`takes more than ${MAX_STEPS} steps to link`, offset);
  }

  /** Functions in exported interfaces, and those exported by themselves, as `interface#function`. */
  exportedFunctions(exports: ReadonlyMap<string, Bound>): ReadonlyMap<string, LiftedFunction> {
    const functions = new Map<string, LiftedFunction>();
    for (const [name, { item }] of exports) {
      if (item.kind === 'lifted') functions.set(`#${name}`, item);
      if (item.kind !== 'instance') continue;
      this.#step(item.exports.size, 0);
      for (const [inner, bound] of item.exports) {
        if (bound.item.kind === 'lifted') functions.set(`${name}#${inner}`, bound.item);
      }
    }
    return functions;
  }

  #define(definition: Exclude<Definition, { kind: 'export' | 'import' }>, scope: Scope, depth: number): void {
    const { offset } = definition;
    switch (definition.kind) {
      case 'core-module':
        scope.add('core-module', { kind: 'core-module', module: this.#moduleNumber(definition) });
        return;
      case 'core-instance':
        scope.add('core-instance', this.#instantiateCore(definition, scope));
        return;
      case 'core-bundle': {
        const source = new Map<string, CoreItem>();
        for (const each of definition.exports)
          source.set(each.name, coreItem(scope, each.sort, each.index, offset));
        scope.add('core-instance', { kind: 'core-instance', source });
        return;
      }
      case 'component':
        scope.add('component', { kind: 'component', definitions: definition.definitions, scope });
        return;
      case 'instance': {
        const component = scope.get('component', definition.component, offset);
        if (component.kind !== 'component') invalid('instantiates an item that is not a component', offset);
        const exports = this.resolve(
          component.definitions,
          new Scope(component.scope),
          bind(scope, definition.args, offset),
          depth + 1,
        );
        scope.add('instance', { kind: 'instance', exports });
        return;
      }
      case 'bundle':
        scope.add('instance', { kind: 'instance', exports: bind(scope, definition.exports, offset) });
        return;
      case 'types':
        if (definition.sort === 'type') scope.addTypes(definition.count);
        return;
      case 'alias-export':
        scope.add(definition.sort, aliasExport(definition, scope));
        return;
      case 'alias-core-export':
        scope.add(definition.sort, aliasCoreExport(definition, scope));
        return;
      case 'alias-outer':
        scope.add(definition.sort, aliasOuter(definition, scope));
        return;
      case 'lift': {
        const core = coreItem(scope, 'core-func', definition.coreFunction, offset);
        scope.add('func', {
          kind: 'lifted',
          core,
          options: resolveOptions(definition.options, scope, offset),
        });
        return;
      }
      case 'lower':
        scope.add('core-func', this.#lower(definition, scope));
        return;
    }
  }

  #addImport(
    definition: Definition & { kind: 'import' },
    scope: Scope,
    args: ReadonlyMap<string, Bound> | undefined,
  ): void {
    const { name, sort, offset } = definition;
    if (args !== undefined) {
      const bound = args.get(name);
      if (bound === undefined) {
        if (sort !== 'type') invalid(`does not give "${name}" to a component nested in it`, offset);
        scope.add('type', TYPE);
        return;
      }
      if (bound.sort !== sort) invalid(`gives a ${bound.sort} as the ${sort} "${name}"`, offset);
      scope.add(sort, bound.item);
      return;
    }
    if (this.#importNames.has(name)) invalid(`imports "${name}" twice`, offset);
    this.#importNames.add(name);
    if (sort !== 'type') this.imports.push({ name, sort, offset });
    switch (sort) {
      case 'type':
        scope.add(sort, TYPE);
        return;
      case 'instance':
        scope.add(sort, { kind: 'host-instance', name });
        return;
      case 'func':
        scope.add(sort, { kind: 'host-function', interface: '', name });
        return;
      default:
        throw new ComponentError(
          'FT_COMPONENT_IMPORT',
          `the component imports a ${sort}, "${name}", at byte ${offset}; this host provides functions only`,
          { offset },
        );
    }
  }

  #moduleNumber(definition: Definition & { kind: 'core-module' }): number {
    let number = this.#moduleNumbers.get(definition);
    if (number === undefined) {
      number = this.modules.length;
      this.modules.push({ start: definition.start, end: definition.end });
      this.#moduleNumbers.set(definition, number);
    }
    return number;
  }

  #instantiateCore(definition: Definition & { kind: 'core-instance' }, scope: Scope): Item {
    const { offset } = definition;
    const module = scope.get('core-module', definition.module, offset);
    if (module.kind !== 'core-module') invalid('instantiates an item that is not a core module', offset);
    if (this.instances.length >= MAX_CORE_INSTANCES) {
      tooLarge(`makes more than ${MAX_CORE_INSTANCES} core instances`, offset);
    }
    const imports = new Map<string, ReadonlyMap<string, CoreItem> | number>();
    for (const { name, instance } of definition.args) {
      const given = scope.get('core-instance', instance, offset);
      if (given.kind !== 'core-instance')
        invalid('gives a core module an item that is not a core instance', offset);
      if (imports.has(name)) invalid(`gives "${name}" twice to a core module`, offset);
      imports.set(name, given.source);
    }
    this.instances.push({ module: module.module, imports, offset });
    return { kind: 'core-instance', source: this.instances.length - 1 };
  }

  #lower(definition: Definition & { kind: 'lower' }, scope: Scope): HostItem {
    const { offset } = definition;
    const target = scope.get('func', definition.function, offset);
    if (target.kind === 'lifted') {
      unsupported('calls from one component inside it into another', offset);
    }
    if (target.kind !== 'host-function') invalid('lowers an item that is not a function', offset);
    this.hostFunctions.add(`${target.interface}#${target.name}`);
    return {
      kind: 'host',
      sort: 'core-func',
      function: target,
      options: resolveOptions(definition.options, scope, offset),
    };
  }
}

function addExport(
  definition: Definition & { kind: 'export' },
  scope: Scope,
  exports: Map<string, Bound>,
): void {
  const { name, sort, index, offset } = definition;
  if (exports.has(name)) invalid(`exports "${name}" twice`, offset);
  const item = scope.get(sort, index, offset);
  exports.set(name, { sort, item });
  scope.add(sort, item);
}

function bind(scope: Scope, items: readonly Named<Sort>[], offset: number): ReadonlyMap<string, Bound> {
  const bound = new Map<string, Bound>();
  for (const { name, sort, index } of items) {
    if (bound.has(name)) invalid(`uses the name "${name}" twice`, offset);
    bound.set(name, { sort, item: scope.get(sort, index, offset) });
  }
  return bound;
}

function aliasExport(definition: Definition & { kind: 'alias-export' }, scope: Scope): Item {
  const { sort, name, offset } = definition;
  const instance = scope.get('instance', definition.instance, offset);
  if (instance.kind === 'host-instance') {
    if (sort === 'type') return TYPE;
    if (sort === 'func') return { kind: 'host-function', interface: instance.name, name };
    return unsupported(`takes a ${sort}, "${name}", out of the interface "${instance.name}"`, offset);
  }
  if (instance.kind !== 'instance')
    return invalid('takes an item out of something that is not an instance', offset);
  const bound = instance.exports.get(name);
  if (bound === undefined || bound.sort !== sort) {
    // Types are not followed, so any type that a nested component exports under an equal name will do.
    return sort === 'type'
      ? TYPE
      : invalid(`has no ${sort} "${name}" in the instance that should hold it`, offset);
  }
  return bound.item;
}

function aliasCoreExport(definition: Definition & { kind: 'alias-core-export' }, scope: Scope): CoreItem {
  const { sort, name, offset } = definition;
  const instance = scope.get('core-instance', definition.instance, offset);
  if (instance.kind !== 'core-instance')
    return invalid('takes an item out of something that is not a core instance', offset);
  if (typeof instance.source === 'number') return { kind: 'export', sort, instance: instance.source, name };
  const item = instance.source.get(name);
  if (item === undefined || item.sort !== sort)
    return invalid(`has no ${sort} "${name}" among its core items`, offset);
  return item;
}

function aliasOuter(definition: Definition & { kind: 'alias-outer' }, scope: Scope): Item {
  const { sort, levels, index, offset } = definition;
  let from: Scope = scope;
  for (let left = levels; left > 0; left--) {
    from =
      from.outer ??
      invalid(`refers to a component ${levels} levels outside, beyond the outermost one`, offset);
  }
  if (sort !== 'type' && sort !== 'core-type' && sort !== 'core-module' && sort !== 'component') {
    return invalid(`takes a ${sort} from outside`, offset);
  }
  return from.get(sort, index, offset);
}

function coreItem(scope: Scope, sort: CoreSort, index: number, offset: number): CoreItem {
  const item = scope.get(sort, index, offset);
  if (item.kind !== 'export' && item.kind !== 'host')
    return invalid(`uses an item that is not a ${sort}`, offset);
  return item;
}

function resolveOptions(options: CanonOptions, scope: Scope, offset: number): ResolvedOptions {
  const find = (sort: CoreSort, index: number | undefined): CoreItem | undefined =>
    index === undefined ? undefined : coreItem(scope, sort, index, offset);
  return {
    encoding: options.encoding,
    memory: find('core-memory', options.memory),
    realloc: find('core-func', options.realloc),
    postReturn: find('core-func', options.postReturn),
  };
}

/** A definition is a step, and so is each item that it lists. */
function stepsOf(definition: Definition): number {
  switch (definition.kind) {
    case 'core-instance':
    case 'instance':
      return 1 + definition.args.length;
    case 'core-bundle':
    case 'bundle':
      return 1 + definition.exports.length;
    case 'alias-outer':
      return 1 + Math.min(definition.levels, MAX_DEPTH);
    default:
      return 1;
  }
}

function invalid(what: string, offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_INVALID',
    `the component ${what}, at byte ${offset}; the file is damaged, so build it again`,
    { offset },
  );
}

function tooLarge(what: string, offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_TOO_LARGE',
    `the component ${what}, at byte ${offset}, which is beyond the limits of this host; use another component`,
    { offset },
  );
}

function unsupported(what: string, offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_UNSUPPORTED',
    `the component ${what}, at byte ${offset}, which this host does not support; build it without`,
    {
      offset,
    },
  );
}
