import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Algorithm, TASK, type Task } from '../../abi/host/contract.ts';
import { type KeyStore, MAX_KEYS } from '../../host/engine/instance/key-store.ts';
import { openKeyStore } from '../../host/policy/pieces/native-keys.ts';
import { CryptoModel } from '../compliance/crypto-model.ts';
import { DERIVATIONS, GCM, KEYSTREAMS } from './vectors.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test.each(KEYSTREAMS)(
  'the keystream of %s is that of its key and counter',
  (_source, key, counter, block) => {
    withStore((store) => {
      const cipher = made(store.importKey('aes-ctr', hex(key)));
      const { data } = run(store, false, hex(counter).length + 16, (bytes) => bytes.set(hex(counter)), {
        cipher,
        textOffset: 16,
        textLength: 16,
      });
      expect(data.subarray(16).toString('hex')).toBe(block);
    });
  },
);

test.each(DERIVATIONS)(
  'the key derivation of %s',
  (_source, master, salt, cipherKey, macKey, sessionSalt) => {
    withStore((store) => {
      const source = made(store.importKey('aes-ctr', hex(master)));
      const keystream = (label: number, length: number): Buffer => {
        const counter = Buffer.concat([hex(salt), Buffer.alloc(2)]);
        counter[7]! ^= label;
        return run(store, false, 16 + length, (bytes) => bytes.set(counter), {
          cipher: source,
          textOffset: 16,
          textLength: length,
        }).data.subarray(16);
      };
      expect(keystream(0, cipherKey.length / 2).toString('hex')).toBe(cipherKey);
      expect(keystream(1, 20).toString('hex')).toBe(macKey);
      expect(keystream(2, 14).toString('hex')).toBe(sessionSalt);
      // A derived key does the same as one that was imported.
      const derived = made(
        store.deriveKey(source, Buffer.concat([hex(salt), Buffer.alloc(2)]), 'aes-ctr', cipherKey.length / 2),
      );
      const imported = made(store.importKey('aes-ctr', hex(cipherKey)));
      const texts = [derived, imported].map(
        (cipher) => run(store, false, 48, () => {}, { cipher, textOffset: 16, textLength: 32 }).data,
      );
      expect(texts[0]).toEqual(texts[1]);
    });
  },
);

test.each(GCM)('section %s of RFC 7714', (_section, key, nonce, aad, plain, cipherText) => {
  withStore((store) => {
    const cipher = made(store.importKey('aes-gcm', hex(key)));
    const at = { signed: 12, text: 12 + aad.length / 2 };
    const task = {
      cipher,
      signedOffset: at.signed,
      signedLength: aad.length / 2,
      textOffset: at.text,
      textLength: plain.length / 2,
      tagOffset: at.text + plain.length / 2,
      tagLength: 16,
    };
    const size = at.text + cipherText.length / 2;
    const sealed = run(store, false, size, (bytes) => bytes.set(hex(nonce + aad + plain)), task);
    expect(sealed.data.subarray(at.text).toString('hex')).toBe(cipherText);
    const opened = run(store, true, size, (bytes) => bytes.set(hex(nonce + aad + cipherText)), task);
    expect(opened.genuine).toEqual([true]);
    expect(opened.data.subarray(at.text, at.text + plain.length / 2).toString('hex')).toBe(plain);
    const forged = run(
      store,
      true,
      size,
      (bytes) => {
        bytes.set(hex(nonce + aad + cipherText));
        bytes[size - 1]! ^= 1;
      },
      task,
    );
    expect(forged.genuine).toEqual([false]);
    expect(forged.data.subarray(at.text, at.text + plain.length / 2).every((byte) => byte === 0)).toBe(true);
  });
});

const SECRETS: readonly (readonly [Algorithm, number])[] = [
  ['aes-ctr', 16],
  ['aes-ctr', 24],
  ['aes-ctr', 32],
  ['aes-gcm', 16],
  ['aes-gcm', 24],
  ['aes-gcm', 32],
  ['hmac-sha1', 1],
  ['hmac-sha1', 20],
  ['hmac-sha1', 64],
];

test('does what a plain model does, to the byte, whatever the tasks', () => {
  const keys = SECRETS.map(([algorithm, length], n) => ({
    algorithm,
    secret: new Uint8Array(length).fill(n + 1),
  }));
  const ciphers = keys.flatMap(({ algorithm }, n) => (algorithm === 'hmac-sha1' ? [] : [n + 1]));
  const range = fc.tuple(fc.nat(160), fc.nat(96));
  const task = fc
    .record({
      cipher: fc.constantFrom(0, ...ciphers),
      mac: fc.constantFrom(0, 7, 8, 9),
      nonce: fc.nat(240),
      signed: range,
      suffix: range,
      text: range,
      tag: fc.nat(230),
      tagLength: fc.nat(8),
    })
    .map((each): Task => {
      const isGcm = each.cipher > 3;
      const mac = isGcm ? 0 : each.mac;
      // The tag of GCM is written last, and the model's too, so it may stand anywhere.
      const tagLength = isGcm ? 12 + (each.tagLength % 5) : mac === 0 ? 0 : 4 + each.tagLength * 2;
      return {
        cipher: each.cipher,
        mac,
        nonceOffset: each.nonce,
        signedOffset: each.signed[0],
        signedLength: each.signed[1],
        suffixOffset: each.suffix[0],
        suffixLength: each.suffix[1],
        textOffset: each.text[0],
        textLength: each.text[1],
        tagOffset: each.tag,
        tagLength,
      };
    })
    // The bytes that GCM authenticates are read before the text is written in one, and after it in the other.
    .filter((each) => each.cipher <= 3 || !overlaps(each));
  withStore((store) => {
    const model = new CryptoModel();
    for (const { algorithm, secret } of keys) {
      expect(store.importKey(algorithm, secret)).toBe(model.importKey(algorithm, secret));
    }
    fc.assert(
      fc.property(
        fc.array(task, { minLength: 1, maxLength: 5 }),
        fc.uint8Array({ minLength: 256, maxLength: 256 }),
        (tasks, data) => {
          const sealed = run(store, false, data.length, (bytes) => bytes.set(data), ...tasks);
          const expected = model.protect(tasks, data);
          expect(sealed.data).toEqual(Buffer.from(expected));
          const opened = run(store, true, data.length, (bytes) => bytes.set(expected), ...tasks);
          const wanted = model.unprotect(tasks, expected);
          expect(opened).toEqual({ data: Buffer.from(wanted.data), genuine: wanted.genuine });
        },
      ),
      { numRuns: 2000 },
    );
  });
});

function overlaps({ textOffset, textLength, ...task }: Task): boolean {
  const meets = (at: number, length: number): boolean =>
    at < textOffset + textLength && textOffset < at + length;
  return (
    meets(task.signedOffset, task.signedLength) ||
    meets(task.suffixOffset, task.suffixLength) ||
    meets(task.tagOffset, task.tagLength) ||
    meets(task.nonceOffset, 12)
  );
}

const RIGHT: Partial<Task> = { cipher: 1, textOffset: 16, textLength: 16 };

test.each<[string, Partial<Task>, string]>([
  ['a key that does not exist', { ...RIGHT, cipher: 99 }, 'key'],
  ['a key of HMAC as cipher', { ...RIGHT, cipher: 7 }, 'key'],
  ['a key of AES as MAC', { ...RIGHT, mac: 1, tagLength: 10 }, 'key'],
  ['a MAC beside GCM', { ...RIGHT, cipher: 4, mac: 7, tagLength: 16 }, 'key'],
  ['a nonce that ends outside', { ...RIGHT, nonceOffset: 241 }, 'range'],
  ['signed bytes outside', { ...RIGHT, signedOffset: 200, signedLength: 57 }, 'range'],
  ['a suffix outside', { ...RIGHT, suffixOffset: 257 }, 'range'],
  ['a text outside', { ...RIGHT, textOffset: 250, textLength: 7 }, 'range'],
  ['a text whose end overflows', { ...RIGHT, textOffset: 16, textLength: 0xffff_fff8 }, 'range'],
  ['a tag outside', { ...RIGHT, mac: 7, tagOffset: 250, tagLength: 10 }, 'range'],
  ['a short tag of HMAC', { ...RIGHT, mac: 7, tagLength: 3 }, 'tag'],
  ['a long tag of HMAC', { ...RIGHT, mac: 7, tagLength: 21 }, 'tag'],
  ['a short tag of GCM', { ...RIGHT, cipher: 4, tagLength: 11 }, 'tag'],
  ['a long tag of GCM', { ...RIGHT, cipher: 4, tagLength: 17 }, 'tag'],
  ['a tag without authentication', { ...RIGHT, tagLength: 10 }, 'tag'],
])('refuses %s, and changes nothing', (_what, wrong, reason) => {
  withStore((store) => {
    for (const [algorithm, length] of SECRETS) store.importKey(algorithm, new Uint8Array(length));
    const memory = new Uint8Array(1024);
    const before = memory.slice();
    writeTask(memory, 0, { ...ZERO, ...RIGHT });
    writeTask(memory, TASK.size, { ...ZERO, ...wrong });
    before.set(memory.subarray(0, 2 * TASK.size));
    expect(store.run(memory, false, 0, 2, 512, 256, 0, 1e6)).toBe(reason);
    expect(memory).toEqual(before);
  });
});

test('costs fuel by tasks and bytes, and does nothing without enough', () => {
  withStore((store) => {
    store.importKey('aes-ctr', new Uint8Array(16));
    const memory = new Uint8Array(1024);
    writeTask(memory, 0, { ...ZERO, ...RIGHT, textLength: 100, signedLength: 20, suffixLength: 3 });
    const units = store.run(memory, false, 0, 1, 512, 256, 0, 1e6);
    expect(units).toBe(150 + 123);
    expect(store.run(memory, false, 0, 1, 512, 256, 0, 150 + 122)).toBe('fuel');
    expect(store.run(memory, false, 0, 1, 512, 256, 0, 150 + 123)).toBe(units);
  });
});

test.each<[string, number, number, number, number, number]>([
  ['more tasks than a call may have', 0, 1025, 512, 256, 0],
  ['tasks outside of memory', 1000, 1, 512, 256, 0],
  ['data outside of memory', 0, 1, 900, 256, 0],
  ['results outside of memory', 0, 1, 512, 256, 1024],
])('refuses %s', (_what, tasksAt, count, dataAt, size, resultsAt) => {
  withStore((store) => {
    store.importKey('aes-ctr', new Uint8Array(16));
    const memory = new Uint8Array(1024);
    expect(store.run(memory, true, tasksAt, count, dataAt, size, resultsAt, 1e6)).toBe('range');
  });
});

test('keys have the lengths of their algorithm, and end', () => {
  withStore((store) => {
    for (const length of [0, 15, 17, 33, 64]) {
      expect(store.importKey('aes-ctr', new Uint8Array(length))).toBe('length');
      expect(store.importKey('aes-gcm', new Uint8Array(length))).toBe('length');
    }
    expect(store.importKey('hmac-sha1', new Uint8Array(0))).toBe('length');
    expect(store.importKey('hmac-sha1', new Uint8Array(65))).toBe('length');
    const mac = made(store.importKey('hmac-sha1', new Uint8Array(20)));
    const counter = new Uint8Array(16);
    expect(store.deriveKey(mac, counter, 'aes-ctr', 16)).toBe('source');
    expect(store.deriveKey(77, counter, 'aes-ctr', 16)).toBe('source');
    const key = made(store.importKey('aes-ctr', new Uint8Array(16)));
    expect(store.deriveKey(key, counter, 'aes-gcm', 17)).toBe('length');
    expect([store.dropKey(key), store.dropKey(key), store.dropKey(0)]).toEqual([true, false, false]);
    // The number of a key that ended is used again.
    expect(store.importKey('aes-ctr', new Uint8Array(16))).toBe(key);
  });
});

test('a store has a bound, and room again when a key ends', () => {
  withStore((store) => {
    const secret = new Uint8Array(16);
    for (let n = 0; n < MAX_KEYS; n++) expect(store.importKey('aes-ctr', secret)).toBe(n + 1);
    expect(store.importKey('aes-ctr', secret)).toBe('full');
    expect(store.deriveKey(1, new Uint8Array(16), 'hmac-sha1', 20)).toBe('full');
    store.dropKey(77);
    expect(store.importKey('aes-ctr', secret)).toBe(77);
  });
});

test('two stores share no key', () => {
  withStore((one) =>
    withStore((other) => {
      one.importKey('aes-ctr', new Uint8Array(16));
      expect(other.dropKey(1)).toBe(false);
    }),
  );
});

const ZERO: Task = {
  cipher: 0,
  mac: 0,
  nonceOffset: 0,
  signedOffset: 0,
  signedLength: 0,
  suffixOffset: 0,
  suffixLength: 0,
  textOffset: 0,
  textLength: 0,
  tagOffset: 0,
  tagLength: 0,
};

function withStore(body: (store: KeyStore) => void): void {
  const store = openKeyStore();
  if ('message' in store) throw new Error(store.message);
  try {
    body(store);
  } finally {
    store.close();
  }
}

function made(key: number | string): number {
  if (typeof key !== 'number') throw new Error(`no key: ${key}`);
  return key;
}

function writeTask(memory: Uint8Array, at: number, task: Task): void {
  const view = new DataView(memory.buffer, memory.byteOffset + at);
  for (const [name, value] of Object.entries(task)) view.setUint32(TASK[name as keyof Task], value, true);
}

/** Runs tasks on data of `size` bytes in the memory of a guest. */
function run(
  store: KeyStore,
  unprotects: boolean,
  size: number,
  fill: (bytes: Uint8Array) => void,
  ...tasks: readonly Partial<Task>[]
): { data: Buffer; genuine: boolean[] } {
  const dataAt = 1024;
  const memory = new Uint8Array(dataAt + size);
  for (const [n, task] of tasks.entries()) writeTask(memory, n * TASK.size, { ...ZERO, ...task });
  fill(memory.subarray(dataAt));
  const resultsAt = 900;
  const units = store.run(memory, unprotects, 0, tasks.length, dataAt, size, resultsAt, 1e9);
  if (typeof units !== 'number') throw new Error(`refused: ${units}`);
  return {
    data: Buffer.from(memory.subarray(dataAt)),
    genuine: tasks.map((_, n) => memory[resultsAt + n] === 1),
  };
}
