// Master keys at rest. A key that was negotiated has to stay, since the same key stands in later descriptions
// of the call, and since a saved state has to hold it. So it stays sealed, by a key that only the host has.

import { Algorithm, importKey, random, State, Tasks } from 'funnel-tunnel/as';
import { KeyParams, MASTER_BYTES, MOST_MKI_BYTES, NO_MKI, roomForMki } from '../../srtp/assembly/key-params';
import { SUITES } from '../../srtp/assembly/suite';
import { Configuration } from './configuration';

const NONCE: i32 = 12;
const TAG: i32 = 16;
const KEY_BYTES: i32 = 32;
export const SEALED_BYTES: i32 = NONCE + MASTER_BYTES + TAG;

/** A sealed key in which the work is done, at an address that the host can be given. */
const block: usize = memory.data(80, 8);

/** A master key that is sealed, with its suite, lifetime and MKI in the clear. */
export class SealedKey {
  /** An index into `SUITES`; -1 for no key. */
  suite: i32 = -1;
  /** Differs for different keys. */
  digest: u64 = 0;
  lifetime: u64 = 0;
  mkiLength: i32 = 0;
  mki: StaticArray<u8> = NO_MKI;
  bytes: StaticArray<u8> = new StaticArray<u8>(SEALED_BYTES);

  clear(): void {
    this.suite = -1;
    this.digest = 0;
    memory.fill(changetype<usize>(this.bytes), 0, SEALED_BYTES);
  }

  state(state: State): void {
    this.suite = state.i32(this.suite);
    if (this.suite < 0) return;
    if (this.suite >= SUITES.length) {
      this.suite = -1;
      return state.refuse('the state names a suite that this version does not know');
    }
    this.digest = state.u64(this.digest);
    this.lifetime = state.u64(this.lifetime);
    this.mkiLength = state.count(this.mkiLength, MOST_MKI_BYTES);
    this.mki = roomForMki(this.mki, this.mkiLength);
    state.bytes(changetype<usize>(this.mki), this.mkiLength);
    state.bytes(changetype<usize>(this.bytes), SEALED_BYTES);
  }

  copy(from: SealedKey): void {
    this.suite = from.suite;
    this.digest = from.digest;
    this.lifetime = from.lifetime;
    this.mkiLength = from.mkiLength;
    this.mki = roomForMki(this.mki, from.mkiLength);
    memory.copy(changetype<usize>(this.mki), changetype<usize>(from.mki), from.mkiLength);
    memory.copy(changetype<usize>(this.bytes), changetype<usize>(from.bytes), SEALED_BYTES);
  }
}

export abstract class Vault {
  /** For `addTask`. */
  static key: u32 = 0;

  /** Makes the key of the seals: from its setting, or at random. False if the host has no cryptography. */
  static start(): bool {
    const secret = memory.data(KEY_BYTES);
    if (Configuration.hasStateKey) memory.copy(secret, changetype<usize>(Configuration.stateKey), KEY_BYTES);
    else for (let i = 0; i < KEY_BYTES; i += 8) store<u64>(secret + i, random());
    Vault.key = importKey(Algorithm.AesGcm, secret, KEY_BYTES);
    memory.fill(secret, 0, KEY_BYTES);
    memory.fill(changetype<usize>(Configuration.stateKey), 0, KEY_BYTES);
    return Vault.key != 0;
  }

  /** Makes a new master key. */
  static make(params: KeyParams): void {
    const at = changetype<usize>(params.bytes);
    for (let i = 0; i < MASTER_BYTES - 8; i += 8) store<u64>(at + i, random());
    store<u64>(at + MASTER_BYTES - 8, random());
  }

  /** Seals a key, and erases it. */
  static seal(params: KeyParams, suite: i32, digest: u64, to: SealedKey): void {
    to.suite = suite;
    to.digest = digest;
    to.lifetime = params.lifetime;
    to.mkiLength = params.mkiLength;
    to.mki = roomForMki(to.mki, params.mkiLength);
    memory.copy(changetype<usize>(to.mki), changetype<usize>(params.mki), params.mkiLength);
    // 96 random bits: far fewer than 2^32 keys are sealed in the life of a key (NIST SP 800-38D §8.3).
    store<u64>(block, random());
    store<u32>(block, <u32>random(), 8);
    memory.copy(block + NONCE, changetype<usize>(params.bytes), MASTER_BYTES);
    params.erase();
    addTask();
    Tasks.protect(block + SEALED_BYTES);
    memory.copy(changetype<usize>(to.bytes), block, SEALED_BYTES);
  }

  /** Opens a sealed key. False if another key sealed it: then it is lost. */
  static open(from: SealedKey, params: KeyParams): bool {
    if (from.suite < 0) return false;
    memory.copy(block, changetype<usize>(from.bytes), SEALED_BYTES);
    addTask();
    Tasks.unprotect(block + SEALED_BYTES);
    const isGenuine = Tasks.isGenuine(0);
    if (isGenuine) memory.copy(changetype<usize>(params.bytes), block + NONCE, MASTER_BYTES);
    memory.fill(block, 0, SEALED_BYTES);
    params.lifetime = from.lifetime;
    params.mkiLength = from.mkiLength;
    memory.copy(changetype<usize>(params.mki), changetype<usize>(from.mki), from.mkiLength);
    return isGenuine;
  }
}

function addTask(): void {
  Tasks.open(block);
  const task = Tasks.add();
  if (task === null) return;
  task.cipher = Vault.key;
  task.nonceOffset = 0;
  task.textOffset = NONCE;
  task.textLength = MASTER_BYTES;
  task.tagOffset = NONCE + MASTER_BYTES;
  task.tagLength = TAG;
}
