// Keys of our own, and the senders that use them. The dialogs of one call that forks share them, because one
// offer has gone to all; so they share the senders too, and no index is encrypted twice.

import { State } from 'funnel-tunnel/as';
import { KeyParams } from '../../srtp/assembly/key-params';
import { Sender } from '../../srtp/assembly/sender';
import { SUITES } from '../../srtp/assembly/suite';
import { Configuration } from './configuration';
import { makeKey, params } from './crypto-line';
import { suiteFor } from './suites';
import { SealedKey, Vault } from './vault';

export const NO_KEYS: i32 = -1;
export const NO_SENDER: i32 = -1;

const unused: SealedKey = new SealedKey();

/** A key for each suite, made when it is needed. */
class KeySet {
  /** The lines that use it; 0 if it is free. */
  users: i32 = 0;
  next: i32 = NO_KEYS;
  keys: StaticArray<SealedKey> = new StaticArray<SealedKey>(SUITES.length);
  /** The sender for each suite that was answered. */
  senders: StaticArray<i32> = new StaticArray<i32>(SUITES.length);

  constructor() {
    // No other suites than those of the settings are ever used.
    for (let i = 0; i < SUITES.length; i++) {
      this.keys[i] = Configuration.suites.includes(i) ? new SealedKey() : unused;
      this.senders[i] = NO_SENDER;
    }
  }

  state(state: State): void {
    this.users = state.i32(this.users);
    if (this.users == 0) return;
    const suites = state.u32(this.suitesInUse());
    for (let suite = 0; suite < SUITES.length; suite++) {
      if (((suites >> suite) & 1) == 0) continue;
      this.keys[suite].state(state);
      // A suite that is not in the settings any more: its calls need new keys.
      if (this.keys[suite] === unused && unused.suite >= 0) unused.clear();
      const sender = state.i32(this.senders[suite]);
      if (sender == NO_SENDER) continue;
      if (sender < 0 || sender >= madeSenders)
        return state.refuse('the state names a sender that is not there');
      if (state.isRestoring) {
        this.senders[suite] = sender;
        isTaken[sender] = true;
      }
      senders[sender].state(state);
    }
  }

  /** A bit for each suite that has a key or a sender. */
  private suitesInUse(): u32 {
    let suites: u32 = 0;
    for (let suite = 0; suite < SUITES.length; suite++)
      if (this.keys[suite].suite >= 0 || this.senders[suite] != NO_SENDER) suites |= (<u32>1) << suite;
    return suites;
  }
}

let sets: StaticArray<KeySet> = new StaticArray<KeySet>(0);
let firstFree: i32 = NO_KEYS;
let senders: StaticArray<Sender> = new StaticArray<Sender>(0);
let freeSenders: StaticArray<i32> = new StaticArray<i32>(0);
let freeSenderCount: i32 = 0;
/** The numbers of `sets` and `senders` that are there. */
let madeSets: i32 = 0;
let madeSenders: i32 = 0;
/** While a state is restored, whether a set has this sender. */
let isTaken: StaticArray<bool> = new StaticArray<bool>(0);

export abstract class OwnKeys {
  /** Sets and senders are made as calls need them, and stay: all of them at once would be too much work. */
  static start(most: i32): void {
    sets = new StaticArray<KeySet>(most);
    senders = new StaticArray<Sender>(most);
    freeSenders = new StaticArray<i32>(most);
    isTaken = new StaticArray<bool>(most);
    freeSenderCount = madeSets = madeSenders = 0;
    firstFree = NO_KEYS;
  }

  /** A new set with one user; `NO_KEYS` if there is none. */
  static take(): i32 {
    let id = firstFree;
    if (id != NO_KEYS) firstFree = sets[id].next;
    else id = makeSet();
    if (id != NO_KEYS) sets[id].users = 1;
    return id;
  }

  static share(id: i32): i32 {
    if (id != NO_KEYS) sets[id].users++;
    return id;
  }

  /** A line uses the set no more. The last one erases its keys. */
  static drop(id: i32): void {
    if (id == NO_KEYS) return;
    const set = sets[id];
    if (--set.users > 0) return;
    for (let i = 0; i < SUITES.length; i++) {
      set.keys[i].clear();
      const sender = set.senders[i];
      if (sender == NO_SENDER) continue;
      senders[sender].close();
      freeSenders[freeSenderCount++] = sender;
      set.senders[i] = NO_SENDER;
    }
    set.next = firstFree;
    firstFree = id;
  }

  /** The key for a suite, which is made if there is none, or if it cannot be opened any more. */
  static key(id: i32, suite: i32): SealedKey {
    const key = sets[id].keys[suite];
    if (key.suite >= 0 && Vault.open(key, params)) {
      params.erase();
      return key;
    }
    makeKey(suite, key);
    const sender = sets[id].senders[suite];
    if (sender != NO_SENDER) startSender(senders[sender], key, Configuration.continues);
    return key;
  }

  /** The sender for a suite; `NO_SENDER` if there is no room for one. */
  static sender(id: i32, suite: i32): i32 {
    const set = sets[id];
    const known = set.senders[suite];
    if (known != NO_SENDER) {
      if (OwnKeys.isReady(id, known)) return known;
      return startSender(senders[known], OwnKeys.key(id, suite), Configuration.continues) ? known : NO_SENDER;
    }
    if (freeSenderCount == 0 && !makeSender()) return NO_SENDER;
    const sender = freeSenders[freeSenderCount - 1];
    if (!startSender(senders[sender], OwnKeys.key(id, suite), false)) return NO_SENDER;
    freeSenderCount--;
    set.senders[suite] = sender;
    return sender;
  }

  /** A set that no other line uses: this one, or a new one in its place. */
  static alone(id: i32): i32 {
    if (id != NO_KEYS && sets[id].users == 1) return id;
    OwnKeys.drop(id);
    return OwnKeys.take();
  }

  /**
   * The sender for a suite, with a key that was agreed in the media path; its sources begin anew. `NO_SENDER`
   * if there is no room for one.
   */
  static agreed(id: i32, suite: i32, key: KeyParams): i32 {
    const set = sets[id];
    if (set.senders[suite] == NO_SENDER) {
      if (freeSenderCount == 0 && !makeSender()) return NO_SENDER;
      set.senders[suite] = freeSenders[--freeSenderCount];
    }
    set.keys[suite].clear();
    const sender = set.senders[suite];
    return senders[sender].rekey(key, SUITES[suite], false) ? sender : NO_SENDER;
  }

  /**
   * Whether a sender of a set has its key. After a state was restored, it gets it here, and not before:
   * many calls at once would be too much work. A key that cannot be opened is forgotten.
   */
  static isReady(id: i32, sender: i32): bool {
    const at = senders[sender];
    if (at.keys.isReady) return true;
    const set = sets[id];
    for (let suite = 0; suite < SUITES.length; suite++) {
      if (set.senders[suite] != sender) continue;
      const key = set.keys[suite];
      if (Vault.open(key, params)) return at.resume(params, suiteFor(suite));
      key.clear();
    }
    return false;
  }

  @inline static at(sender: i32): Sender {
    return senders[sender];
  }

  static state(state: State): void {
    const senderCount = state.count(madeSenders, senders.length);
    while (state.isRestoring && madeSenders < senderCount) makeSender();
    const count = state.count(madeSets, sets.length);
    for (let i = 0; i < count; i++) {
      if (i == madeSets) makeSet();
      sets[i].state(state);
    }
    if (!state.isRestoring) return;
    firstFree = NO_KEYS;
    for (let i = madeSets - 1; i >= 0; i--) {
      if (sets[i].users > 0) continue;
      sets[i].next = firstFree;
      firstFree = i;
    }
    freeSenderCount = 0;
    for (let i = madeSenders - 1; i >= 0; i--) if (!isTaken[i]) freeSenders[freeSenderCount++] = i;
  }
}

/** Makes one more set; `NO_KEYS` if there are as many as there may be. */
function makeSet(): i32 {
  if (madeSets == sets.length) return NO_KEYS;
  sets[madeSets] = new KeySet();
  return madeSets++;
}

/** Makes one more sender, which is free. False if there are as many as there may be. */
function makeSender(): bool {
  if (madeSenders == senders.length) return false;
  senders[madeSenders] = new Sender(Configuration.contexts, Configuration.window);
  freeSenders[freeSenderCount++] = madeSenders++;
  return true;
}

/** Gives a sender a key. False if the key cannot be opened, or the host has no more keys. */
function startSender(sender: Sender, key: SealedKey, continues: bool): bool {
  return Vault.open(key, params) && sender.rekey(params, suiteFor(key.suite), continues);
}
