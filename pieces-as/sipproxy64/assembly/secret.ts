// Values that others cannot forge: branches and tags of ours are hashes under a secret key, and so are the
// names of calls in our tables. The key is part of the state, because responses to earlier messages come
// after a change.

import { KeyedHash, random, State } from 'funnel-tunnel/as';

/** The purpose of a hash, so that one never passes for another. */
export const enum Purpose {
  branch = 1,
  loop,
  tag,
  call,
  party,
  user,
  repeat,
  transaction,
}

const hash = new KeyedHash();

export abstract class Secret {
  static make(): void {
    hash.key0 = random();
    hash.key1 = random();
  }

  static state(state: State): void {
    hash.key0 = state.u64(hash.key0);
    hash.key1 = state.u64(hash.key1);
  }

  @inline static begin(purpose: Purpose): KeyedHash {
    return hash.begin().byte(purpose);
  }

  /** The hash of one text. */
  static of(purpose: Purpose, from: usize, to: usize): u64 {
    return hash.begin().byte(purpose).bytes(from, to).end();
  }
}
