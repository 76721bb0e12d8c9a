import {
  type Algorithm,
  ContractError,
  type CryptoCalls,
  type GuestMemory,
  LIMITS,
  type Problem,
  TASK,
} from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { FuelCounter } from '../wasm/webassembly-engine.ts';
import type { HostImports } from './guest.ts';
import type { KeyRefusal, KeyStore, TaskRefusal } from './key-store.ts';

/**
 * The interface `crypto` of the contract for one host function of a guest.
 *
 * `protect` and `unprotect` are on the frame path, so they work on the memory of the guest by offset, and
 * make no object. The data is a result as well: the guest makes room for it with its `cabi_realloc`, and may
 * return the room in which the data already stands. Then nothing is copied.
 */
export class CryptoFunctions implements CryptoCalls {
  readonly #memory: GuestMemory;
  readonly #host: HostImports;
  readonly #fuel: FuelCounter;

  constructor(memory: GuestMemory, host: HostImports, fuel: FuelCounter) {
    this.#memory = memory;
    this.#host = host;
    this.#fuel = fuel;
  }

  importKey(algorithm: Algorithm, secret: Uint8Array): number | Problem {
    const keys = this.#host.keys();
    return 'message' in keys ? keys : made(keys.importKey(algorithm, secret));
  }

  deriveKey(source: number, counter: Uint8Array, algorithm: Algorithm, length: number): number | Problem {
    if (counter.length !== COUNTER_BYTES)
      throw new ContractError(`a counter block has ${COUNTER_BYTES} bytes, and not ${counter.length}`);
    const key = this.#keys().deriveKey(source, counter, algorithm, length);
    if (key === 'source') throw new ContractError(`${source} is not the number of a key of aes-ctr`);
    return made(key);
  }

  dropKey(key: number): void {
    if (!this.#keys().dropKey(key)) throw new ContractError(`there is no key ${key}`);
  }

  /** The functions below take their place: these would copy the data. */
  protect(): never {
    throw new Error('protect is called by offset');
  }

  unprotect(): never {
    throw new Error('unprotect is called by offset');
  }

  /** @param result the address of a list of bytes. */
  protectAt(tasksAt: number, count: number, at: number, size: number, result: number): void {
    this.#check(tasksAt, count, at, size, result, LIST_SIZE);
    const dataAt = this.#data(at, size);
    this.#run(false, tasksAt, count, dataAt, size, 0);
    this.#list(result, dataAt, size);
  }

  /** @param result the address of the record `unprotected`. */
  unprotectAt(tasksAt: number, count: number, at: number, size: number, result: number): void {
    this.#check(tasksAt, count, at, size, result, 2 * LIST_SIZE);
    const dataAt = this.#data(at, size);
    // An empty list may stand anywhere, and 0 stands for no results.
    const genuineAt = count === 0 ? 0 : this.#memory.realloc(1, count);
    this.#run(true, tasksAt, count, dataAt, size, genuineAt);
    this.#list(result, dataAt, size);
    this.#list(result + LIST_SIZE, genuineAt, count);
  }

  #keys(): KeyStore {
    const keys = this.#host.keys();
    if ('message' in keys) throw new ContractError('the piece names a key, but has none');
    return keys;
  }

  #check(tasksAt: number, count: number, at: number, size: number, result: number, resultSize: number): void {
    if (count > LIMITS.maxTasks)
      throw new ContractError(`${count} tasks are more than the ${LIMITS.maxTasks} that one call may have`);
    const { byteLength } = this.#memory.view();
    if (tasksAt % TASK.align !== 0 || tasksAt + count * TASK.size > byteLength)
      throw new ContractError(`${count} tasks at ${tasksAt} are not aligned, or end outside of memory`);
    if (at + size > byteLength) throw new ContractError(`${size} bytes at ${at} end outside of memory`);
    if (result % 4 !== 0 || result + resultSize > byteLength)
      throw new ContractError(`the result at ${result} is not aligned, or ends outside of memory`);
  }

  /** Returns the room for the data in the result, with the data in it. */
  #data(at: number, size: number): number {
    const dataAt = this.#memory.realloc(1, size);
    if (dataAt !== at) {
      if (!this.#fuel.take(size)) throw outOfFuel();
      this.#memory.bytes().copyWithin(dataAt, at, at + size);
    }
    return dataAt;
  }

  #run(
    unprotects: boolean,
    tasksAt: number,
    count: number,
    dataAt: number,
    size: number,
    resultsAt: number,
  ): void {
    if (count === 0) return;
    const bytes = this.#memory.bytes();
    const units = this.#keys().run(
      bytes,
      unprotects,
      tasksAt,
      count,
      dataAt,
      size,
      resultsAt,
      this.#fuel.left,
    );
    if (typeof units === 'string') throw refused(units);
    this.#fuel.take(units);
  }

  #list(at: number, address: number, length: number): void {
    const view = this.#memory.view();
    view.setUint32(at, address, true);
    view.setUint32(at + 4, length, true);
  }
}

const COUNTER_BYTES = 16;
const LIST_SIZE = 8;

function made(key: number | KeyRefusal): number | Problem {
  if (typeof key === 'number') return key;
  return {
    message: key === 'length' ? 'no such key has this length' : 'the piece has as many keys as it may',
  };
}

function refused(why: TaskRefusal): Error {
  switch (why) {
    case 'fuel':
      return outOfFuel();
    case 'key':
      return new ContractError('a task names a key that is none, or that is for something else');
    case 'range':
      return new ContractError('a task names bytes outside of its data');
    case 'tag':
      return new ContractError('a task has a tag of a length that its key cannot have');
    case 'failed':
      return new Error('the cipher failed');
  }
}

function outOfFuel(): PieceFault {
  return new PieceFault(
    'FT_FAULT_FUEL',
    'the piece used up its fuel in a call of the host for cryptography: it has too much work',
  );
}
