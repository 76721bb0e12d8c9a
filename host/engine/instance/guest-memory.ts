import type { GuestMemory } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { asFunction, asMemory, type CoreFunction, type EngineItem } from '../wasm/webassembly-engine.ts';
import type { CallState } from './call-state.ts';

/**
 * A guest's memory with its `cabi_realloc`: typed calls lower their arguments into it and lift their results
 * from it.
 */
export class ComponentMemory implements GuestMemory {
  readonly memory: WebAssembly.Memory;
  readonly #realloc: CoreFunction | undefined;
  readonly #state: CallState;
  #view: DataView;
  #bytes: Uint8Array;

  constructor(memory: WebAssembly.Memory, realloc: CoreFunction | undefined, state: CallState) {
    this.memory = memory;
    this.#realloc = realloc;
    this.#state = state;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /**
   * Growing detaches the buffer, and an array on a detached buffer is empty: a cheaper test than reading the
   * buffer.
   */
  view(): DataView {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#view;
  }

  bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  /** @throws {PieceFault} FT_FAULT_RESULT; also the errors of the engine. */
  realloc(align: number, size: number): number {
    const state = this.#state;
    const realloc = this.#realloc;
    if (realloc === undefined) throw new Error('a list was passed to a function without realloc');
    const phase = state.phase;
    if (phase === 'realloc' || phase === 'postReturn' || phase === 'discarded')
      throw new Error('memory of a guest was requested when the guest could not be called');
    state.phase = 'realloc';
    const at = Number(realloc(0, 0, align, size)) >>> 0;
    if (state.fault !== undefined) throw state.fault;
    state.phase = phase;
    if ((at & (align - 1)) !== 0) throw wrongRoom(`address ${at}, which is not a multiple of ${align}`);
    if (at + size > this.bytes().length)
      throw wrongRoom(`${size} bytes at address ${at}, which end outside its memory`);
    return at;
  }

  #refresh(): void {
    this.#view = new DataView(this.memory.buffer);
    this.#bytes = new Uint8Array(this.memory.buffer);
  }
}

/** The memory for functions that need none. */
export const NO_MEMORY: GuestMemory = { view: absent, bytes: absent, realloc: absent };

function absent(): never {
  throw new Error('a function of a guest without memory has parameters or results other than numbers');
}

/**
 * One {@link ComponentMemory} for each memory with its realloc: most components have one for all functions.
 */
export class MemoryCache {
  readonly #state: CallState;
  readonly #made: { memory: EngineItem; realloc: EngineItem; made: ComponentMemory }[] = [];

  constructor(state: CallState) {
    this.#state = state;
  }

  get(memory: EngineItem | undefined, realloc: EngineItem | undefined): GuestMemory {
    if (memory === undefined) return NO_MEMORY;
    const found = this.#made.find((each) => each.memory === memory && each.realloc === realloc);
    if (found !== undefined) return found.made;
    const core = realloc === undefined ? undefined : asFunction(realloc);
    const made = new ComponentMemory(asMemory(memory), core, this.#state);
    this.#made.push({ memory, realloc, made });
    return made;
  }
}

function wrongRoom(what: string): PieceFault {
  return new PieceFault('FT_FAULT_RESULT', `the piece's cabi_realloc returned ${what}`);
}
