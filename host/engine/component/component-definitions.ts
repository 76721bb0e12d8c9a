import type { CoreSort } from '../wasm/core-module.ts';

/**
 * A component in the form of its file: definitions in their order, each of which takes the next number of the
 * index space of its sort. Nothing is resolved here. Offsets count from the start of the file.
 */
export type Definition = { readonly offset: number } & (
  | { readonly kind: 'core-module'; readonly start: number; readonly end: number }
  | { readonly kind: 'core-instance'; readonly module: number; readonly args: readonly CoreArgument[] }
  | { readonly kind: 'core-bundle'; readonly exports: readonly Named<CoreSort>[] }
  | { readonly kind: 'component'; readonly definitions: readonly Definition[] }
  | { readonly kind: 'instance'; readonly component: number; readonly args: readonly Named<Sort>[] }
  | { readonly kind: 'bundle'; readonly exports: readonly Named<Sort>[] }
  /** Types take numbers, but nothing reads them: values that cross are checked by offset. */
  | { readonly kind: 'types'; readonly sort: 'type' | 'core-type'; readonly count: number }
  | { readonly kind: 'alias-export'; readonly sort: Sort; readonly instance: number; readonly name: string }
  | {
      readonly kind: 'alias-core-export';
      readonly sort: CoreSort;
      readonly instance: number;
      readonly name: string;
    }
  | { readonly kind: 'alias-outer'; readonly sort: Sort; readonly levels: number; readonly index: number }
  | {
      readonly kind: 'lift';
      readonly coreFunction: number;
      readonly options: CanonOptions;
      readonly type: number;
    }
  | { readonly kind: 'lower'; readonly function: number; readonly options: CanonOptions }
  | { readonly kind: 'import'; readonly name: string; readonly sort: Sort }
  | { readonly kind: 'export'; readonly name: string; readonly sort: Sort; readonly index: number }
);

export type Sort =
  | CoreSort
  | 'core-type'
  | 'core-module'
  | 'core-instance'
  | 'func'
  | 'value'
  | 'type'
  | 'component'
  | 'instance';

/** An item of an index space, under a name. */
export interface Named<S extends Sort> {
  readonly name: string;
  readonly sort: S;
  readonly index: number;
}

/** A core instance whose exports satisfy the imports of one module name. */
export interface CoreArgument {
  readonly name: string;
  readonly instance: number;
}

/** How values cross between a component function and its core function. */
export interface CanonOptions {
  readonly encoding: 'utf8' | 'utf16' | 'latin1+utf16';
  readonly memory: number | undefined;
  readonly realloc: number | undefined;
  readonly postReturn: number | undefined;
}
