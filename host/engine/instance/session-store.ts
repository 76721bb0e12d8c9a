import type { Digest, Fingerprint, Party, Progress, SrtpKeys } from '../../../abi/host/contract.ts';

/**
 * The sessions of one instance of a component with transport layer security, beside its keys. `policy` brings
 * the implementation, which is native.
 */
export interface SessionStore {
  /** The fingerprint of the certificate of the instance; empty where the process has no such security. */
  ownFingerprint(digest: Digest): Uint8Array;
  /** Returns the number of the session, or why there is none. */
  open(
    party: Party,
    trusted: readonly Fingerprint[],
    profiles: Uint8Array,
    size: number,
  ): number | SessionRefusal;
  /** Takes a datagram; undefined without such a session. */
  receive(session: number, datagram: Uint8Array): Progress | undefined;
  expire(session: number): Progress | undefined;
  exportKeys(session: number): SrtpKeys | undefined;
  /** Returns whether there was one. */
  close(session: number): boolean;
}

/** The reason for no session: there are too many, an argument is out of range, the process has none. */
export type SessionRefusal = 'full' | 'argument' | 'absent';
