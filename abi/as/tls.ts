// Sessions of DTLS that the host keeps (interface `tls`). Not for the frame path: results are made in the
// region of the call.

import {
  FINGERPRINT_SIZE,
  FingerprintRecord,
  hostCloseSession,
  hostExpire,
  hostExportKeys,
  hostOpenSession,
  hostOwnFingerprint,
  hostReceive,
  ProgressRecord,
  SrtpKeysRecord,
} from './generated';
import { Text } from './text';

const result: usize = memory.data(32, 8);

/** The most fingerprints of a peer. */
export const MAX_TRUSTED: i32 = 8;

const trustedAt: usize = memory.data(MAX_TRUSTED * FINGERPRINT_SIZE, 8);

/** The fingerprints of a peer for `Tls.open`: `begin`, then `add` for each. */
export abstract class Trusted {
  static length: i32 = 0;

  static begin(): void {
    Trusted.length = 0;
  }

  /** Adds a value of `length` bytes, which has to stay until `open`. False if there are too many. */
  static add(digest: i32, value: usize, length: i32): bool {
    if (Trusted.length == MAX_TRUSTED) return false;
    const record = changetype<FingerprintRecord>(trustedAt + Trusted.length * FINGERPRINT_SIZE);
    record.digest = digest;
    record.value.address = value;
    record.value.length = length;
    Trusted.length++;
    return true;
  }
}

export abstract class Tls {
  /** Copies the fingerprint of the own certificate to an address. Returns its length; 0 without DTLS. */
  static ownFingerprint(digest: i32, to: usize): i32 {
    hostOwnFingerprint(digest, <i32>result);
    const length = load<i32>(result, 4);
    memory.copy(to, load<usize>(result), length);
    return length;
  }

  /**
   * Begins a session, with the fingerprints in `Trusted`. `profiles` is the address of a byte for each.
   * Returns its number; 0 if there is none, and `problem` then says why.
   */
  static open(party: i32, profiles: usize, profileCount: i32, size: i32): u32 {
    hostOpenSession(party, <i32>trustedAt, Trusted.length, <i32>profiles, profileCount, size, <i32>result);
    return load<u8>(result) == 0 ? load<u32>(result, 4) : 0;
  }

  /** The problem of the last `open` that returned 0. Good until the call ends. */
  static get problem(): Text {
    return changetype<Text>(result + 12);
  }

  /** Takes a datagram; without bytes, a client begins. The result is good until the next call of the host. */
  static receive(session: u32, at: usize, length: i32): ProgressRecord {
    hostReceive(session, <i32>at, length, <i32>result);
    return changetype<ProgressRecord>(result);
  }

  /** The time for an answer has passed. */
  static expire(session: u32): ProgressRecord {
    hostExpire(session, <i32>result);
    return changetype<ProgressRecord>(result);
  }

  /** The keys of SRTP, which are the piece's from now on. The salts are good until the call ends. */
  static exportKeys(session: u32): SrtpKeysRecord {
    hostExportKeys(session, <i32>result);
    return changetype<SrtpKeysRecord>(result);
  }

  static close(session: u32): void {
    hostCloseSession(session);
  }
}
