import {
  Digest,
  type Fingerprint,
  Party,
  type Progress,
  type SrtpKeys,
  type Stage,
  Stage as StageNumber,
} from '../../../abi/host/contract.ts';
import { type FunnelIo, SESSION_REFUSALS } from '../../endpoint/addon.ts';
import type { SessionRefusal, SessionStore } from '../../engine/instance/session-store.ts';

/** Sessions of DTLS in the addon, which uses the OpenSSL of this process. */
export class NativeSessions implements SessionStore {
  readonly #addon: FunnelIo;
  readonly #store: number;

  /** @param store the number of an open store of keys */
  constructor(addon: FunnelIo, store: number) {
    this.#addon = addon;
    this.#store = store;
  }

  ownFingerprint(digest: Digest): Uint8Array {
    const value = new Uint8Array(MOST_DIGEST);
    return value.subarray(0, this.#addon.tlsFingerprint(this.#store, Digest[digest], value));
  }

  open(
    party: Party,
    trusted: readonly Fingerprint[],
    profiles: Uint8Array,
    size: number,
  ): number | SessionRefusal {
    if (trusted.some(({ value }) => value.length > MOST_DIGEST)) return 'argument';
    const fingerprints = trusted.flatMap(({ digest, value }) => [Digest[digest], value.length, ...value]);
    const number = this.#addon.tlsOpen(
      this.#store,
      Party[party],
      Uint8Array.from(fingerprints),
      profiles,
      Math.min(size, LARGEST),
    );
    return number > 0 ? number : (SESSION_REFUSALS[-number] ?? 'absent');
  }

  receive(session: number, datagram: Uint8Array): Progress | undefined {
    return progress(this.#addon.tlsReceive(this.#store, toInt(session), datagram, written));
  }

  expire(session: number): Progress | undefined {
    return progress(this.#addon.tlsExpire(this.#store, toInt(session), written));
  }

  exportKeys(session: number): SrtpKeys | undefined {
    const out = new Uint8Array(KEYS_BYTES + 2 * SALT_BYTES);
    const profile = this.#addon.tlsExportKeys(this.#store, toInt(session), out);
    if (profile === -1) return undefined;
    const view = new DataView(out.buffer);
    return {
      profile: Math.max(profile, 0),
      clientKey: view.getUint32(0, true),
      serverKey: view.getUint32(4, true),
      clientSalt: out.subarray(KEYS_BYTES, KEYS_BYTES + SALT_BYTES),
      serverSalt: out.subarray(KEYS_BYTES + SALT_BYTES),
    };
  }

  close(session: number): boolean {
    return this.#addon.tlsClose(this.#store, toInt(session)) !== 0;
  }
}

const MOST_DIGEST = 64;
const LARGEST = 65_535;
const KEYS_BYTES = 8;
const SALT_BYTES = 14;
/** A flight, with a certificate of ours, has some 1000 bytes. */
const written = new Uint8Array(8192);
const STAGES = Object.keys(StageNumber) as Stage[];

/** A number above those of integers is no session. */
function toInt(session: number): number {
  return session > 0x7fff_ffff ? 0 : session;
}

/** @param result the stage, and above its three bits the number of bytes that were written; -1 for none */
function progress(result: number): Progress | undefined {
  if (result < 0) return undefined;
  return { stage: STAGES[result & 7]!, datagrams: written.slice(0, result >> 3) };
}
