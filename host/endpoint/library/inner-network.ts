import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { type FunnelIo, loadAddon } from '../addon.ts';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import type { InnerSocketOptions, NetworkNamespace } from '../namespace/network-namespace.ts';
import type { SocketLookup } from './socket-lookup.ts';

/** Something open that the end of the Funnel closes. */
export interface Closing {
  /** Closes at once, without an error. */
  close(): void;
}

/**
 * The network of library-style sockets: the namespace in which a Funnel has its devices. It makes descriptors
 * of kernel sockets there, and knows what is open.
 */
export class InnerNetwork {
  readonly #io: FunnelIo;
  readonly #namespace: NetworkNamespace;
  readonly #open = new Set<Closing>();
  /** Resolves names for sockets that bring no function of their own. */
  readonly lookup: SocketLookup;
  #isClosed = false;

  constructor(namespace: NetworkNamespace, lookup: (network: InnerNetwork) => SocketLookup) {
    this.#io = loadAddon();
    this.#namespace = namespace;
    this.lookup = lookup(this);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The number of sockets and servers that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** @throws EndpointError `FT_SOCKETS_CLOSED` */
  demandOpen(): void {
    if (!this.#isClosed) return;
    throw new EndpointError('FT_SOCKETS_CLOSED', 'the Funnel of this socket is closed. Open another one');
  }

  /**
   * A socket inside that is neither bound nor connected.
   *
   * @throws EndpointError `FT_SOCKETS_CLOSED`, `FT_NAMESPACE_ENDED`; else an error as Node makes it, such as
   * EMFILE
   */
  openSocket(kind: 'tcp' | 'udp', family: 4 | 6, options: InnerSocketOptions = {}): number {
    return this.#make('socket', {}, () => this.#namespace.openSocket(kind, family, options));
  }

  /** A socket inside that is bound. Throws as {@link openSocket} does, and for example EADDRINUSE. */
  bind(
    syscall: 'bind' | 'listen',
    kind: 'tcp' | 'udp',
    address: string,
    port: number,
    options: InnerSocketOptions = {},
  ): number {
    return this.#make(syscall, { address, port }, () =>
      this.#namespace.internetSocket(kind, 'bind', address, port, options),
    );
  }

  /** Whether the network inside has a route to an address, and an own address for packets to it. */
  reaches(address: string): boolean {
    try {
      this.closeDescriptor(this.#namespace.internetSocket('udp', 'connect', address, DISCARD_PORT));
      return true;
    } catch (error) {
      return !UNREACHABLE.has(systemCode(error));
    }
  }

  closeDescriptor(descriptor: number): void {
    this.#io.closeDescriptor(descriptor);
  }

  /** Keeps something that is open, for {@link close}. */
  add(each: Closing): void {
    this.#open.add(each);
  }

  delete(each: Closing): void {
    this.#open.delete(each);
  }

  /** Closes everything that is open. */
  close(): void {
    this.#isClosed = true;
    for (const each of [...this.#open]) each.close();
    this.#open.clear();
  }

  #make(syscall: string, place: { address?: string; port?: number }, make: () => number): number {
    this.demandOpen();
    try {
      return make();
    } catch (error) {
      const code = systemCode(error);
      if (HELPER_GONE.has(code))
        throw new EndpointError(
          'FT_NAMESPACE_ENDED',
          `the helper process ${this.#namespace.pid} of the network namespace was killed, so no socket can be made. Sockets that are open continue; open the Funnel again for others`,
          { cause: error },
        );
      if (!(error instanceof Error) || !('errno' in error)) throw error;
      throw nodeError(syscall, Number(error.errno), place);
    }
  }
}

/** RFC 863. Nothing is sent: to connect a socket of UDP only chooses a route and a source address. */
const DISCARD_PORT = 9;
const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES']);
/** The errors of the control socket when the helper has ended. */
const HELPER_GONE = new Set(['EPIPE', 'ECONNRESET', 'ETIMEDOUT']);

/**
 * An error of the system, as Node's own sockets report it: `listen EADDRINUSE: address already in use
 * 127.0.0.1:80`.
 *
 * @param errno positive
 */
export function nodeError(
  syscall: string,
  errno: number,
  place: { readonly address?: string; readonly port?: number } = {},
): Error {
  const code = getSystemErrorName(-errno);
  const [, meaning = code] = getSystemErrorMap().get(-errno) ?? [];
  const { address, port } = place;
  const where = address === undefined ? '' : ` ${address}${port ? `:${port}` : ''}`;
  return Object.assign(new Error(`${syscall} ${code}: ${meaning}${where}`), {
    errno: -errno,
    code,
    syscall,
    ...(address === undefined ? {} : { address, port }),
  });
}
