import { Algorithm, type Problem } from '../../../abi/host/contract.ts';
import { type FunnelIo, loadAddon, TASK_REFUSALS } from '../../endpoint/addon.ts';
import { messageOf } from '../../endpoint/endpoint-error.ts';
import {
  type KeyRefusal,
  type KeyStore,
  MAX_KEYS,
  type TaskRefusal,
} from '../../engine/instance/key-store.ts';
import type { SessionStore } from '../../engine/instance/session-store.ts';
import { NativeSessions } from './native-sessions.ts';

/** Opens a store of keys in the addon, which uses the OpenSSL of this process. */
export function openKeyStore(): KeyStore | Problem {
  try {
    const addon = loadAddon();
    return new NativeKeyStore(addon, addon.openKeyStore(MAX_KEYS));
  } catch (error) {
    return { message: `this host has no cryptography: ${messageOf(error)}` };
  }
}

class NativeKeyStore implements KeyStore {
  readonly #addon: FunnelIo;
  readonly #store: number;
  readonly sessions: SessionStore;

  constructor(addon: FunnelIo, store: number) {
    this.#addon = addon;
    this.#store = store;
    this.sessions = new NativeSessions(addon, store);
  }

  importKey(algorithm: Algorithm, secret: Uint8Array): number | KeyRefusal {
    const made = this.#addon.importKey(this.#store, Algorithm[algorithm], secret, 0, secret.length);
    return keyOf(made);
  }

  deriveKey(source: number, counter: Uint8Array, algorithm: Algorithm, length: number): number | KeyRefusal {
    return keyOf(this.#addon.deriveKey(this.#store, source, counter, 0, Algorithm[algorithm], length));
  }

  dropKey(key: number): boolean {
    return this.#addon.dropKey(this.#store, key) !== 0;
  }

  run(
    memory: Uint8Array,
    unprotects: boolean,
    tasksAt: number,
    count: number,
    dataAt: number,
    size: number,
    resultsAt: number,
    fuel: number,
  ): number | TaskRefusal {
    const units = this.#addon.runTasks(
      this.#store,
      memory,
      unprotects ? 1 : 0,
      tasksAt,
      count,
      dataAt,
      size,
      resultsAt,
      fuel,
    );
    return units >= 0 ? units : (TASK_REFUSALS[-units - 1] ?? 'failed');
  }

  close(): void {
    this.#addon.closeKeyStore(this.#store);
  }
}

function keyOf(made: number): number | KeyRefusal {
  if (made > 0) return made;
  return made === 0 ? 'full' : made === -1 ? 'length' : 'source';
}
