import type {
  Piece as Description,
  ExportName,
  GuestMemory,
  Joining,
  Problem,
} from '../../../abi/host/contract.ts';
import {
  ContractError,
  EXPORT_NAMES,
  forEachExport,
  liftAccepts,
  liftDescribe,
  liftListening,
  liftRestore,
  liftSave,
  liftStart,
  lowerAccepts,
  lowerDescribe,
  lowerJoin,
  lowerLeave,
  lowerListening,
  lowerReady,
  lowerRestore,
  lowerSave,
  lowerStart,
} from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { HOST_FUNCTION_NAMES } from '../component/grants.ts';
import { shownDescription, shownProblem } from '../component/guest-text.ts';
import { ITEM_WORDS, LIFTED_WORDS, LOWERED_WORDS, type NumberedPlan } from '../component/numbered-plan.ts';
import { ComponentError } from '../wasm/component-error.ts';
import { FUEL } from '../wasm/fuel.ts';
import {
  asFunction,
  type CompiledModule,
  type CoreFunction,
  type EngineItem,
  type FuelCounter,
  type WebAssemblyEngine,
} from '../wasm/webassembly-engine.ts';
import { CallState, type Phase, phaseText } from './call-state.ts';
import { ComponentInstance } from './component-instance.ts';
import type { Guest, HostImports, Settings } from './guest.ts';
import { ComponentMemory, MemoryCache, NO_MEMORY } from './guest-memory.ts';
import { hostFunction } from './host-functions.ts';

/** The parts of a component that all its instances share. */
export interface AdmittedComponent {
  readonly engine: WebAssemblyEngine;
  readonly plan: NumberedPlan;
  readonly modules: readonly CompiledModule[];
}

/**
 * One instance of a component: {@link Guest}, and `describe`, which the host calls on an instance of its own.
 */
export class ComponentGuest implements Guest {
  readonly #fuel: FuelCounter;
  readonly #state = new CallState();
  #calls: Record<ExportName, Call>;
  #memory: ComponentMemory | undefined;
  #process: CoreFunction;
  #postReturn: CoreFunction | undefined;

  /**
   * Runs the start functions.
   *
   * @param host is undefined for an instance that only describes, which may call no host function.
   * @throws {PieceFault} if a start function faults; {@link ComponentError} if modules do not fit together.
   */
  constructor(component: AdmittedComponent, host: HostImports | undefined) {
    this.#fuel = component.engine.fuelCounter();
    this.#fuel.refuel(FUEL.instantiate);
    const memories = new MemoryCache(this.#state);
    try {
      const instance = new ComponentInstance(
        component.engine,
        component.plan,
        component.modules,
        this.#fuel,
        (row, from) => this.#hostItem(component.plan.lowered, row * LOWERED_WORDS, from, memories, host),
      );
      const { lifted } = component.plan;
      this.#calls = forEachExport((name) =>
        makeCall(lifted, EXPORT_NAMES.indexOf(name) * LIFTED_WORDS, instance, memories),
      );
      if (this.#state.fault !== undefined) throw this.#state.fault;
    } catch (error) {
      throw error instanceof ComponentError ? error : this.faultOf(error);
    }
    const { core, memory, postReturn } = this.#calls.process;
    this.#memory = memory instanceof ComponentMemory ? memory : undefined;
    this.#process = core;
    this.#postReturn = postReturn;
    this.#state.phase = 'idle';
  }

  get memory(): WebAssembly.Memory {
    return (this.#memory ?? discarded()).memory;
  }

  get fuelLeft(): number {
    return this.#fuel.left;
  }

  refuel(units: number): void {
    this.#fuel.refuel(units);
  }

  realloc(align: number, size: number): number {
    const memory = this.#memory ?? discarded();
    try {
      return memory.realloc(align, size);
    } catch (error) {
      throw this.faultOf(error);
    }
  }

  process(
    now: number,
    framesAt: number,
    frames: number,
    partsAt: number,
    parts: number,
    arenaAt: number,
    arena: number,
  ): number {
    this.#state.enter('process');
    const outcomeAt = Number(this.#process(now, framesAt, frames, partsAt, parts, arenaAt, arena)) >>> 0;
    this.#state.leave();
    return outcomeAt;
  }

  postReturn(outcomeAt: number): void {
    if (this.#postReturn === undefined) return;
    this.#state.enter('postReturn');
    this.#postReturn(outcomeAt);
    this.#state.leave();
  }

  faultOf(error: unknown): PieceFault {
    if (this.#state.fault !== undefined) return this.#state.fault;
    if (error instanceof PieceFault) return error;
    const where = phaseText(this.#state.phase);
    const because = { cause: error };
    if (this.#fuel.left < 0) {
      return new PieceFault(
        'FT_FAULT_FUEL',
        `the piece used up its fuel in ${where}: it loops, or has too much work`,
        because,
      );
    }
    if (error instanceof ContractError) {
      return new PieceFault(
        'FT_FAULT_RESULT',
        `the result of ${where} breaks the contract: ${error.message}`,
        because,
      );
    }
    if (error instanceof WebAssembly.RuntimeError && this.#fuel.wasMemoryRefused) {
      return new PieceFault(
        'FT_FAULT_MEMORY',
        `the piece ended itself in ${where}, after the host had refused it memory beyond its limit; raise the limit, or use another piece`,
        because,
      );
    }
    if (error instanceof RangeError && error.message.includes('call stack')) {
      return new PieceFault('FT_FAULT_TRAP', `the piece used up its stack in ${where}`, because);
    }
    if (error instanceof RangeError && error.message.includes('memory')) {
      return new PieceFault(
        'FT_FAULT_MEMORY',
        `the host has no memory left for an instance of the piece: ${error.message}; run fewer pieces, or lower their limits`,
        because,
      );
    }
    const why = error instanceof Error ? error.message : 'an exception that it did not catch';
    return new PieceFault('FT_FAULT_TRAP', `the piece trapped in ${where}: ${why}`, because);
  }

  /** Returns the piece's description. The instance has no host, and is discarded afterwards. */
  describe(settings: Settings): Description | readonly Problem[] {
    const answer = this.#call(
      'describe',
      this.#calls.describe,
      (memory) => lowerDescribe(memory, settings),
      liftDescribe,
    );
    return 'name' in answer ? shownDescription(answer) : answer.map(shownProblem);
  }

  start(now: number, settings: Settings, protocols: ArrayLike<number>): readonly Problem[] {
    const numbers = Array.from(protocols);
    const problems = this.#call(
      'start',
      this.#calls.start,
      (memory) => lowerStart(memory, now, settings, numbers),
      liftStart,
    );
    return problems === undefined ? [] : atLeastOne(problems).map(shownProblem);
  }

  accepts(joining: Joining): Problem | undefined {
    return this.#problem(
      'accepts',
      this.#calls.accepts,
      (memory) => lowerAccepts(memory, joining),
      liftAccepts,
    );
  }

  join(joining: Joining): void {
    this.#call('join', this.#calls.join, (memory) => lowerJoin(memory, joining), nothing);
  }

  leave(edge: number, shape: number): void {
    this.#call('leave', this.#calls.leave, (memory) => lowerLeave(memory, edge, shape), nothing);
  }

  listening(edge: number, stack: string, present: boolean): Problem | undefined {
    return this.#problem(
      'listening',
      this.#calls.listening,
      (memory) => lowerListening(memory, edge, stack, present),
      liftListening,
    );
  }

  ready(edge: number, ready: boolean): void {
    this.#call('ready', this.#calls.ready, (memory) => lowerReady(memory, edge, ready), nothing);
  }

  save(now: number): Uint8Array {
    return this.#call('save', this.#calls.save, (memory) => lowerSave(memory, now), liftSave);
  }

  restore(now: number, version: string, state: Uint8Array): Problem | undefined {
    return this.#problem(
      'restore',
      this.#calls.restore,
      (memory) => lowerRestore(memory, now, version, state),
      liftRestore,
    );
  }

  /**
   * Releases the instance, so that its memory can be collected even if something still refers to this object.
   */
  discard(): void {
    this.#state.phase = 'discarded';
    this.#process = discarded;
    this.#postReturn = undefined;
    this.#memory = undefined;
    this.#calls = forEachExport(() => ({ core: discarded, memory: NO_MEMORY, postReturn: undefined }));
  }

  #problem(
    phase: Phase,
    call: Call,
    lower: (memory: GuestMemory) => (number | bigint)[],
    lift: (memory: GuestMemory, address: number) => Problem | undefined,
  ): Problem | undefined {
    const problem = this.#call(phase, call, lower, lift);
    return problem === undefined ? undefined : shownProblem(problem);
  }

  /** One typed call, from lowering to post-return. @throws {PieceFault} */
  #call<T>(
    phase: Phase,
    { core, memory, postReturn }: Call,
    lower: (memory: GuestMemory) => (number | bigint)[],
    lift: (memory: GuestMemory, address: number) => T,
  ): T {
    const state = this.#state;
    state.enter(phase);
    this.#fuel.refuel(FUEL.control);
    try {
      const result = core(...lower(memory));
      if (state.fault !== undefined) throw state.fault;
      const value = lift(memory, Number(result ?? 0) >>> 0);
      if (postReturn !== undefined) {
        state.phase = 'postReturn';
        if (result === undefined) postReturn();
        else postReturn(result);
      }
      state.leave();
      return value;
    } catch (error) {
      throw this.faultOf(error);
    }
  }

  #hostItem(
    lowered: Int32Array,
    at: number,
    instance: ComponentInstance,
    memories: MemoryCache,
    host: HostImports | undefined,
  ): EngineItem {
    const name = HOST_FUNCTION_NAMES[lowered[at]!]!;
    const memory = instance.item(lowered, at + 1);
    const realloc = instance.item(lowered, at + 1 + ITEM_WORDS);
    return hostFunction(name, memories.get(memory, realloc), host ?? NO_HOST, this.#state, this.#fuel);
  }
}

/** A core function, with the memory and the post-return function for its call. */
interface Call {
  readonly core: CoreFunction;
  readonly memory: GuestMemory;
  readonly postReturn: CoreFunction | undefined;
}

function makeCall(lifted: Int32Array, at: number, instance: ComponentInstance, memories: MemoryCache): Call {
  const [core, memory, realloc, postReturn] = [0, 1, 2, 3].map((which) =>
    instance.item(lifted, at + which * ITEM_WORDS),
  );
  return {
    core: asFunction(core),
    memory: memories.get(memory, realloc),
    postReturn: postReturn === undefined ? undefined : asFunction(postReturn),
  };
}

/**
 * The host of an instance that may call no host function. The phase forbids each call before it gets here.
 */
const NO_HOST: HostImports = {
  log: discarded,
  status: discarded,
  random: discarded,
  utc: discarded,
  listen: discarded,
  unlisten: discarded,
  offer: discarded,
  keys: discarded,
};

function discarded(): never {
  throw new Error('a guest was called that had been discarded, or that was made only to describe itself');
}

function nothing(): void {}

/** A refusal without a problem is still a refusal, so it gets one. */
function atLeastOne(problems: readonly Problem[]): readonly Problem[] {
  return problems.length > 0 ? problems : [{ message: 'the piece refused its settings, but gave no reason' }];
}
