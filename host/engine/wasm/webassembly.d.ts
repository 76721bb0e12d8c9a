/**
 * The part of the WebAssembly JavaScript API that the engine uses. Node has it as a global, but its types
 * come only with those of a browser's document, which this project does not use.
 */
declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'externref' | 'anyfunc';
  type ExternalKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  interface ModuleImportDescriptor {
    readonly module: string;
    readonly name: string;
    readonly kind: ExternalKind;
  }

  interface ModuleExportDescriptor {
    readonly name: string;
    readonly kind: ExternalKind;
  }

  class Module {
    constructor(bytes: Uint8Array<ArrayBufferLike>);
    static imports(module: Module): ModuleImportDescriptor[];
    static exports(module: Module): ModuleExportDescriptor[];
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Table {
    constructor(descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
  }

  class Global {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: unknown);
    value: unknown;
  }

  type ExportedFunction = (...values: never[]) => unknown;
  type ExportValue = ExportedFunction | Memory | Table | Global;
  type Exports = Readonly<Record<string, ExportValue>>;
  type Imports = Record<string, Record<string, unknown>>;

  /** `E` is the type of the known exports of a module of the host's own. */
  class Instance<E = Exports> {
    constructor(module: Module, imports?: Imports);
    readonly exports: E;
  }

  function validate(bytes: Uint8Array<ArrayBufferLike>): boolean;
  function compile(bytes: Uint8Array<ArrayBufferLike>): Promise<Module>;
}
