import {
  ContractError,
  type Digest,
  type Fingerprint,
  type Party,
  type Problem,
  type Progress,
  type SrtpKeys,
  type TlsCalls,
} from '../../../abi/host/contract.ts';
import type { HostImports } from './guest.ts';
import type { SessionStore } from './session-store.ts';

/** The interface `tls` of the contract for a guest. It is for handshakes, so it makes objects. */
export class TlsFunctions implements TlsCalls {
  readonly #host: HostImports;

  constructor(host: HostImports) {
    this.#host = host;
  }

  ownFingerprint(digest: Digest): Uint8Array {
    const keys = this.#host.keys();
    return 'message' in keys ? new Uint8Array() : keys.sessions.ownFingerprint(digest);
  }

  openSession(
    party: Party,
    trusted: readonly Fingerprint[],
    profiles: Uint8Array,
    size: number,
  ): number | Problem {
    const keys = this.#host.keys();
    if ('message' in keys) return keys;
    const opened = keys.sessions.open(party, trusted, profiles, size);
    switch (opened) {
      case 'full':
        return { message: 'the piece has as many sessions as it may' };
      case 'absent':
        return { message: 'this host has no DTLS: its OpenSSL is hidden, or lacks functions' };
      case 'argument':
        throw new ContractError('a fingerprint, a profile or the size of datagrams is out of range');
      default:
        return opened;
    }
  }

  receive(session: number, datagram: Uint8Array): Progress {
    return this.#sessions().receive(session, datagram) ?? unknown(session);
  }

  expire(session: number): Progress {
    return this.#sessions().expire(session) ?? unknown(session);
  }

  exportKeys(session: number): SrtpKeys {
    return this.#sessions().exportKeys(session) ?? unknown(session);
  }

  closeSession(session: number): void {
    if (!this.#sessions().close(session)) unknown(session);
  }

  #sessions(): SessionStore {
    const keys = this.#host.keys();
    if ('message' in keys) throw new ContractError('the piece names a session, but has none');
    return keys.sessions;
  }
}

function unknown(session: number): never {
  throw new ContractError(`there is no session ${session}`);
}
