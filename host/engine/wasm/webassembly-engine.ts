import { setFlagsFromString } from 'node:v8';

/**
 * The functions of a WebAssembly engine that this project uses, so that another can replace the one in Node:
 * `validate`, `compile` and `instantiate`, and for an instance its memory, its functions and its fuel.
 */
export interface WebAssemblyEngine {
  /** Returns why a module is not valid; undefined if it is valid. */
  whyInvalid(bytes: Uint8Array): Invalidity | undefined;
  /** @throws an error of the engine if it cannot compile the bytes. */
  compile(bytes: Uint8Array): Promise<CompiledModule>;
  /** A counter for the modules of one component instance. */
  fuelCounter(): FuelCounter;
  /** Links a module, and runs its start function. @throws an error of the engine if either fails. */
  instantiate(module: CompiledModule, imports: EngineImports): RunningModule;
}

/** The engine's message about a module that is not valid, and the offset of the mistake. */
export interface Invalidity {
  readonly reason: string;
  readonly offset: number;
}

declare const compiled: unique symbol;
/** A module that the engine has compiled. */
export interface CompiledModule {
  readonly [compiled]?: never;
}

/**
 * An item that modules export and import: a function, memory, table or global of the engine, or a host
 * function.
 */
export type EngineItem = unknown;
export type EngineImports = Record<string, Record<string, EngineItem>>;

/** A function of core WebAssembly. It takes and returns numbers, and bigints for i64. */
export type CoreFunction = (...values: (number | bigint)[]) => number | bigint | undefined;

export interface FuelCounter {
  /** The items that modules import as the remaining units, and as the mark of refused memory. */
  readonly unitsItem: EngineItem;
  readonly refusedItem: EngineItem;
  refuel(units: number): void;
  /** Takes units for work of the host on behalf of the guest. Returns false if they are used up. */
  take(units: number): boolean;
  /** The remaining units; negative if lack of fuel ended a call. */
  readonly left: number;
  /** Whether a memory was refused growth since the instance was made. */
  readonly wasMemoryRefused: boolean;
}

export interface RunningModule {
  /** The export of this name; undefined if there is none. */
  item(name: string): EngineItem;
}

/** The engine of Node. */
export const v8: WebAssemblyEngine = {
  whyInvalid(bytes) {
    if (WebAssembly.validate(bytes)) return undefined;
    try {
      new WebAssembly.Module(bytes);
    } catch (error) {
      if (error instanceof Error) return invalidityOf(error.message);
    }
    return { reason: 'it is not valid', offset: 0 };
  },
  compile: (bytes) => WebAssembly.compile(bytes),
  fuelCounter: () => new V8FuelCounter(),
  instantiate(module, imports) {
    if (!(module instanceof WebAssembly.Module)) throw new TypeError('a module of another engine');
    const { exports } = new WebAssembly.Instance(module, imports);
    return { item: (name) => exports[name] };
  },
};

/**
 * The engine of Node, which compiles each function at once. By default it compiles a function at its first
 * call, in the thread of the call, where nothing can interrupt it: a function of a few kilobytes can take
 * seconds, which fuel does not count.
 *
 * The flag belongs to the process, so it is set only during the compilation. Only one thread at a time may
 * use this engine.
 */
export const eagerV8: WebAssemblyEngine = {
  ...v8,
  async compile(bytes) {
    setFlagsFromString('--no-wasm-lazy-compilation');
    try {
      return new WebAssembly.Module(bytes);
    } finally {
      setFlagsFromString('--wasm-lazy-compilation');
    }
  },
};

/** Returns an item as a function to call. */
export function asFunction(item: EngineItem): CoreFunction {
  if (!isFunction(item)) throw new TypeError('a core function was expected');
  return item;
}

/** Returns an item as a memory. */
export function asMemory(item: EngineItem): WebAssembly.Memory {
  if (!(item instanceof WebAssembly.Memory)) throw new TypeError('a memory was expected');
  return item;
}

function isFunction(item: EngineItem): item is CoreFunction {
  return typeof item === 'function';
}

/** Matches messages such as `WebAssembly.Module(): Compiling function #2 failed: type mismatch @+128`. */
function invalidityOf(message: string): Invalidity {
  const at = /@\+(\d+)/.exec(message);
  const reason = message.replace(/^WebAssembly\.Module\(\): /, '').replace(/ @\+\d+/, '');
  return { reason, offset: Number(at?.[1] ?? 0) };
}

class V8FuelCounter implements FuelCounter {
  readonly unitsItem = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  readonly refusedItem = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);

  refuel(units: number): void {
    this.unitsItem.value = units;
  }

  take(units: number): boolean {
    const left = this.left - units;
    this.unitsItem.value = left;
    return left >= 0;
  }

  get left(): number {
    return Number(this.unitsItem.value);
  }

  get wasMemoryRefused(): boolean {
    return this.refusedItem.value !== 0;
  }
}
