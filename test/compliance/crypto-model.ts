import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { Algorithm, CryptoCalls, Problem, Task, Unprotected } from '../../abi/host/contract.ts';

/**
 * The interface `crypto` of the contract by Node's own cryptography: plain and slow. Pieces that run through
 * bindings use it, and tests compare the host's with it.
 */
export class CryptoModel implements CryptoCalls {
  readonly #keys = new Map<number, { readonly algorithm: Algorithm; readonly secret: Uint8Array }>();
  #next = 1;

  importKey(algorithm: Algorithm, secret: Uint8Array): number | Problem {
    const fits =
      algorithm === 'hmac-sha1'
        ? secret.length >= 1 && secret.length <= 64
        : [16, 24, 32].includes(secret.length);
    if (!fits) return { message: 'no such key has this length' };
    this.#keys.set(this.#next, { algorithm, secret: secret.slice() });
    return this.#next++;
  }

  deriveKey(source: number, counter: Uint8Array, algorithm: Algorithm, length: number): number | Problem {
    const { secret } = this.#key(source, 'aes-ctr');
    if (counter.length !== 16) throw new Error('a counter block has 16 bytes');
    return this.importKey(algorithm, counterMode(secret, counter, new Uint8Array(length)));
  }

  dropKey(key: number): void {
    if (!this.#keys.delete(key)) throw new Error(`there is no key ${key}`);
  }

  protect(tasks: readonly Task[], data: Uint8Array): Uint8Array {
    const out = data.slice();
    for (const task of tasks) this.#protect(task, out);
    return out;
  }

  unprotect(tasks: readonly Task[], data: Uint8Array): Unprotected {
    const out = data.slice();
    return { genuine: tasks.map((task) => this.#unprotect(task, out)), data: out };
  }

  #protect(task: Task, data: Uint8Array): void {
    const { nonce, text, tag } = rangesOf(task, data);
    const cipher = this.#keys.get(task.cipher);
    if (cipher?.algorithm === 'aes-gcm') {
      const gcm = createCipheriv(gcmName(cipher.secret), cipher.secret, nonce(12), {
        authTagLength: task.tagLength,
      });
      gcm.setAAD(signedBytes(task, data));
      text.set(gcm.update(text));
      gcm.final();
      tag.set(gcm.getAuthTag());
      return;
    }
    if (task.cipher !== 0) text.set(counterMode(this.#key(task.cipher, 'aes-ctr').secret, nonce(16), text));
    if (task.mac !== 0) tag.set(this.#mac(task, data));
  }

  #unprotect(task: Task, data: Uint8Array): boolean {
    const { nonce, text, tag } = rangesOf(task, data);
    const cipher = this.#keys.get(task.cipher);
    if (cipher?.algorithm === 'aes-gcm') {
      const gcm = createDecipheriv(gcmName(cipher.secret), cipher.secret, nonce(12), {
        authTagLength: task.tagLength,
      });
      gcm.setAAD(signedBytes(task, data));
      gcm.setAuthTag(tag.slice());
      text.set(gcm.update(text));
      try {
        gcm.final();
        return true;
      } catch {
        text.fill(0);
        return false;
      }
    }
    if (task.mac !== 0 && !timingSafeEqual(this.#mac(task, data), tag)) return false;
    if (task.cipher !== 0) text.set(counterMode(this.#key(task.cipher, 'aes-ctr').secret, nonce(16), text));
    return true;
  }

  #mac(task: Task, data: Uint8Array): Uint8Array {
    const hmac = createHmac('sha1', this.#key(task.mac, 'hmac-sha1').secret);
    return hmac.update(signedBytes(task, data)).digest().subarray(0, task.tagLength);
  }

  #key(number: number, algorithm: Algorithm) {
    const key = this.#keys.get(number);
    if (key?.algorithm !== algorithm) throw new Error(`${number} is not a key of ${algorithm}`);
    return key;
  }
}

function rangesOf(task: Task, data: Uint8Array) {
  return {
    nonce: (length: number) => data.slice(task.nonceOffset, task.nonceOffset + length),
    text: data.subarray(task.textOffset, task.textOffset + task.textLength),
    tag: data.subarray(task.tagOffset, task.tagOffset + task.tagLength),
  };
}

function signedBytes(task: Task, data: Uint8Array): Uint8Array {
  return Buffer.concat([
    data.subarray(task.signedOffset, task.signedOffset + task.signedLength),
    data.subarray(task.suffixOffset, task.suffixOffset + task.suffixLength),
  ]);
}

function gcmName(secret: Uint8Array): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  return secret.length === 16 ? 'aes-128-gcm' : secret.length === 24 ? 'aes-192-gcm' : 'aes-256-gcm';
}

function counterMode(secret: Uint8Array, counter: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createCipheriv(`aes-${secret.length * 8}-ctr`, secret, counter).update(bytes);
}
