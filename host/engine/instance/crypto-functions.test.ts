import { beforeEach, describe, expect, it } from 'vitest';
import { ContractError, type GuestMemory, LIMITS, TASK } from '../../../abi/host/contract.ts';
import { loadComponent } from '../load-component.ts';
import { QuietHost } from '../testing/quiet-host.ts';
import { watPiece } from '../testing/wat-piece.ts';
import type { FuelCounter } from '../wasm/webassembly-engine.ts';
import { CryptoFunctions } from './crypto-functions.ts';
import type { HostImports } from './guest.ts';
import type { KeyRefusal, KeyStore, TaskRefusal } from './key-store.ts';

// The calls of a guest for cryptography, with a store whose results the test scripts. `test/srtp` has real
// ciphers.

const SIZE = 65_536;

/** A guest's memory that hands out rooms from 1000 on; the next one is at `room` where that is set. */
class ScriptedMemory implements GuestMemory {
  readonly #bytes = new Uint8Array(SIZE);
  room: number | undefined;
  rooms: [number, number][] = [];
  #next = 1000;

  view(): DataView {
    return new DataView(this.#bytes.buffer);
  }
  bytes(): Uint8Array {
    return this.#bytes;
  }
  realloc(align: number, size: number): number {
    this.rooms.push([align, size]);
    const at = this.room ?? this.#next;
    this.room = undefined;
    this.#next += size;
    return at;
  }
  /** The address and the length of a list. */
  list(at: number): [number, number] {
    return [this.view().getUint32(at, true), this.view().getUint32(at + 4, true)];
  }
}

class ScriptedStore implements KeyStore {
  get sessions(): never {
    throw new Error('these keys have no sessions');
  }
  readonly runs: unknown[][] = [];
  made: number | KeyRefusal = 1;
  ran: number | TaskRefusal = 10;
  readonly keys = new Set([5]);

  importKey(): number | KeyRefusal {
    return this.made;
  }
  deriveKey(): number | KeyRefusal {
    return this.made;
  }
  dropKey(key: number): boolean {
    return this.keys.delete(key);
  }
  run(memory: Uint8Array, ...rest: unknown[]): number | TaskRefusal {
    // It works on the data in place.
    memory[rest[3] as number]! += 1;
    this.runs.push(rest);
    return this.ran;
  }
  close(): void {}
}

let memory: ScriptedMemory;
let store: ScriptedStore;
let keys: ReturnType<HostImports['keys']>;
let fuel: number;
let crypto: CryptoFunctions;

beforeEach(() => {
  memory = new ScriptedMemory();
  keys = store = new ScriptedStore();
  fuel = 100_000;
  const counter = {
    get left() {
      return fuel;
    },
    take(units: number) {
      fuel -= units;
      return fuel >= 0;
    },
  };
  const host = { keys: () => keys } as unknown as HostImports;
  crypto = new CryptoFunctions(memory, host, counter as unknown as FuelCounter);
});

describe('a key', () => {
  const counter = new Uint8Array(16);
  it('is made, or there is none, by the store', () => {
    store.made = 7;
    expect(crypto.importKey('aes-ctr', new Uint8Array(16))).toBe(7);
    expect(crypto.deriveKey(5, counter, 'aes-ctr', 16)).toBe(7);
    store.made = 'length';
    expect(crypto.importKey('aes-ctr', new Uint8Array(3))).toEqual({
      message: 'no such key has this length',
    });
    store.made = 'full';
    expect(crypto.deriveKey(5, counter, 'aes-ctr', 16)).toEqual({
      message: 'the piece has as many keys as it may',
    });
  });

  it('is derived only from a key, and with a whole block as counter', () => {
    for (const length of [15, 17])
      expect(() => crypto.deriveKey(5, new Uint8Array(length), 'aes-ctr', 16)).toThrow(ContractError);
    store.made = 'source';
    expect(() => crypto.deriveKey(5, counter, 'aes-ctr', 16)).toThrow(/5 is not the number of a key/);
  });

  it('ends once', () => {
    crypto.dropKey(5);
    expect(store.keys.size).toBe(0);
    expect(() => crypto.dropKey(5)).toThrow(/there is no key 5/);
  });

  it('cannot be had where the host has no store', () => {
    keys = { message: 'this host has no keys' };
    expect(crypto.importKey('aes-ctr', new Uint8Array(16))).toEqual(keys);
    for (const call of [
      () => crypto.deriveKey(5, counter, 'aes-ctr', 16),
      () => crypto.dropKey(5),
      () => crypto.protectAt(0, 1, 200, 4, 400),
    ])
      expect(call).toThrow(/names a key, but has none/);
  });

  it('ends by a call of a component', async () => {
    const host = Object.assign(new QuietHost(), { keys: () => store });
    const bytes = await watPiece({ imports: ['dropKey'], bodies: { join: '(call $dropKey (i32.const 5))' } });
    const guest = (await loadComponent(bytes, { grants: new Set(['crypto']) })).instantiate(host);
    const joining = { edge: 0, described: 0, shape: 0, joint: 'lan', properties: [] };
    guest.join(joining);
    expect(store.keys.size).toBe(0);
    expect(() => guest.join(joining)).toThrow(/there is no key 5/);
  });
});

describe.each(['protectAt', 'unprotectAt'] as const)('%s', (name) => {
  const unprotects = name === 'unprotectAt';
  const resultSize = unprotects ? 16 : 8;
  const call = (tasksAt = 0, count = 2, at = 200, size = 4, result = 400) =>
    crypto[name](tasksAt, count, at, size, result);

  it('works on a copy of the data, whose bytes cost fuel, and returns it', () => {
    memory.bytes().set([1, 2, 3, 4, 99], 200);
    call();
    const genuineAt = unprotects ? 1004 : 0;
    expect(store.runs).toEqual([[unprotects, 0, 2, 1000, 4, genuineAt, 100_000 - 4]]);
    expect([...memory.bytes().subarray(1000, 1005)]).toEqual([2, 2, 3, 4, 0]);
    expect(memory.list(400)).toEqual([1000, 4]);
    expect(memory.list(408)).toEqual(unprotects ? [1004, 2] : [0, 0]);
    expect(memory.rooms).toEqual(
      unprotects
        ? [
            [1, 4],
            [1, 2],
          ]
        : [[1, 4]],
    );
    expect(fuel).toBe(100_000 - 4 - 10);
  });

  it('copies nothing where the guest gives the room in which the data is', () => {
    memory.bytes().set([1, 2, 3, 4], 200);
    memory.room = 200;
    call();
    expect([...memory.bytes().subarray(200, 204)]).toEqual([2, 2, 3, 4]);
    expect([memory.list(400), fuel]).toEqual([[200, 4], 100_000 - 10]);
  });

  it('does nothing without tasks', () => {
    keys = { message: 'no keys' };
    call(0, 0);
    expect([store.runs, memory.list(400)]).toEqual([[], [1000, 4]]);
    if (unprotects) expect(memory.list(408)).toEqual([0, 0]);
  });

  it('ends in a fault where the fuel does not suffice for the copy, or for the tasks', () => {
    fuel = 3;
    expect(call).toThrow(expect.objectContaining({ code: 'FT_FAULT_FUEL' }));
    expect(store.runs).toEqual([]);
    fuel = 4;
    store.ran = 'fuel';
    expect(call).toThrow(expect.objectContaining({ code: 'FT_FAULT_FUEL' }));
    expect(store.runs[0]!.at(-1)).toBe(0);
  });

  it.each([
    ['key', /names a key that is none/],
    ['range', /bytes outside of its data/],
    ['tag', /a tag of a length/],
  ] as const)('is against the contract where the store refuses the %s', (why, message) => {
    store.ran = why;
    expect(call).toThrow(ContractError);
    expect(call).toThrow(message);
  });

  it('is no mistake of the piece where the cipher fails', () => {
    store.ran = 'failed';
    expect(call).toThrow('the cipher failed');
    expect(call).not.toThrow(ContractError);
  });

  it('takes what just lies in memory', () => {
    call(SIZE - 2 * TASK.size);
    call(0, 1, SIZE - 4);
    call(0, 1, 200, 4, SIZE - resultSize);
    call(0, LIMITS.maxTasks, 50_000, 4, 60_000);
    expect(store.runs).toHaveLength(4);
  });

  it.each([
    ['more tasks than one call may have', () => call(0, LIMITS.maxTasks + 1, 50_000, 4, 60_000)],
    ['tasks behind the end', () => call(SIZE - 2 * TASK.size + TASK.align)],
    ['tasks that are not aligned', () => call(2)],
    ['data behind the end', () => call(0, 1, SIZE - 3)],
    ['a result that is not aligned', () => call(0, 1, 200, 4, 402)],
    ['a result behind the end', () => call(0, 1, 200, 4, SIZE - resultSize + 4)],
  ])('is against the contract with %s', (_, wrong) => {
    expect(wrong).toThrow(ContractError);
    expect([store.runs, memory.rooms, fuel]).toEqual([[], [], 100_000]);
  });
});
