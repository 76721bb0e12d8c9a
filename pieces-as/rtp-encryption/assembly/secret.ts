// The names of calls in our tables, and tags of ours, are hashes under a secret key. So no sender can
// choose two that agree, or forge a tag.

import { KeyedHash, random, State } from 'funnel-tunnel/as';

export abstract class Secret {
  static readonly hash: KeyedHash = new KeyedHash();

  static make(): void {
    Secret.hash.key0 = random();
    Secret.hash.key1 = random();
  }

  static state(state: State): void {
    Secret.hash.key0 = state.u64(Secret.hash.key0);
    Secret.hash.key1 = state.u64(Secret.hash.key1);
  }

  /** The hash of a text; never 0. */
  static of(from: usize, to: usize): u64 {
    return Secret.hash.begin().byte(0).bytes(from, to).end() | 1;
  }
}
