import { setFlagsFromString } from 'node:v8';

/**
 * What the engine room needs of a WebAssembly engine, so that another can take the place of the one in Node:
 * `compile`, `instantiate`, and of what runs, its memory, its functions to call, and its fuel.
 */
export interface WebAssemblyEngine {
  /** Why a module is not valid; undefined when it is. */
  whyInvalid(bytes: Uint8Array): Invalidity | undefined;
  /** @throws an error of the engine, where the bytes are beyond what it can compile. */
  compile(bytes: Uint8Array): Promise<CompiledModule>;
  /** A counter for the modules of one component instance. */
  fuelCounter(): FuelCounter;
  /** Links, and runs the start function. @throws an error of the engine, where either fails. */
  instantiate(module: CompiledModule, imports: EngineImports): RunningModule;
}

/** What is wrong in a module, in the engine's words, and at which of its bytes. */
export interface Invalidity {
  readonly reason: string;
  readonly offset: number;
}

declare const compiled: unique symbol;
/** A module of the engine's own making. */
export interface CompiledModule {
  readonly [compiled]?: never;
}

/**
 * Something that modules export and import: a function, memory, table or global of the engine's, or a
 * function of ours.
 */
export type EngineItem = unknown;
export type EngineImports = Record<string, Record<string, EngineItem>>;

/** A function of core WebAssembly: numbers, and bigints for i64. */
export type CoreFunction = (...values: (number | bigint)[]) => number | bigint | undefined;

export interface FuelCounter {
  /** To be imported as the units that are left, and as the mark of refused memory. */
  readonly unitsItem: EngineItem;
  readonly refusedItem: EngineItem;
  refuel(units: number): void;
  /** Takes units for what the host does on behalf of the guest. False when they are used up. */
  take(units: number): boolean;
  /** Negative when a call was ended for want of it. */
  readonly left: number;
  /** Whether a memory was refused to grow since the instance was made. */
  readonly wasMemoryRefused: boolean;
}

export interface RunningModule {
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
 * The engine of Node, which compiles each function at once. It otherwise compiles a function at its first
 * call, in the thread of the call, where nothing can interrupt it: a function of a few kilobytes can so take
 * seconds that fuel does not count.
 *
 * The flag is the process's, so it is set during the compilation only. One thread at a time may use this
 * engine.
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

/** What an item is, as a function to call. */
export function asFunction(item: EngineItem): CoreFunction {
  if (!isFunction(item)) throw new TypeError('a core function was expected');
  return item;
}

/** What an item is, as a memory. */
export function asMemory(item: EngineItem): WebAssembly.Memory {
  if (!(item instanceof WebAssembly.Memory)) throw new TypeError('a memory was expected');
  return item;
}

function isFunction(item: EngineItem): item is CoreFunction {
  return typeof item === 'function';
}

/** Such as `WebAssembly.Module(): Compiling function #2 failed: type mismatch @+128`. */
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
