import { randomInt } from 'node:crypto';
import type { Socket as DatagramSocket, RemoteInfo, SocketOptions, SocketType } from 'node:dgram';
import {
  createServer,
  type ListenOptions,
  Server,
  type ServerOpts,
  type Socket,
  type TcpNetConnectOpts,
} from 'node:net';
import { EndpointError } from '../endpoint-error.ts';
import { formatAddress, parseAddress } from '../ip-address.ts';
import { innerAddresses } from '../namespace/inner-addresses.ts';
import { NetworkNamespace } from '../namespace/network-namespace.ts';
import { ResolverRelay } from '../namespace/resolver-relay.ts';
import { hostLookup, type NameLookup, PuzzleLookup, type QueryPort } from '../socks/name-lookup.ts';
import { InnerNetwork } from './inner-network.ts';
import { LibraryDatagrams } from './library-datagrams.ts';
import { listenInside } from './library-server.ts';
import { LibrarySocket } from './library-socket.ts';
import { type SocketLookup, socketLookup } from './socket-lookup.ts';

/**
 * The resolvers of names for library-style sockets: addresses of servers behind the puzzle; this machine's
 * own, past the puzzle (`host`); or none.
 */
export type SocketResolvers = readonly string[] | 'host' | 'none';

/**
 * Library-style sockets: Node's own classes of sockets, on kernel sockets in the network namespace that has
 * the devices of a Funnel. So all that they send goes through the puzzle, or nowhere.
 */
export class LibrarySockets {
  readonly namespace: NetworkNamespace;
  readonly #network: InnerNetwork;
  readonly #resolvers: SocketResolvers;
  #names: { readonly lookup: PuzzleLookup; readonly port: InnerQueryPort } | undefined;
  #relay: Promise<{ relay: ResolverRelay; port: number }> | undefined;

  /**
   * Makes the namespace.
   *
   * @throws EndpointError `FT_SOCKETS_USAGE`, `FT_ADDON_ABSENT`, `FT_NAMESPACE_FORBIDDEN`, `FT_NAMESPACE`
   */
  static open(resolvers: SocketResolvers): LibrarySockets {
    const isKnown = typeof resolvers === 'string' || resolvers.every((each) => parseAddress(each));
    if (!isKnown)
      throw new EndpointError(
        'FT_SOCKETS_USAGE',
        `resolvers: ${JSON.stringify(resolvers)}: write 'host', 'none', or numeric addresses such as ['2001:db8::53']`,
      );
    return new LibrarySockets(NetworkNamespace.open({ output: 'ignore' }), resolvers);
  }

  private constructor(namespace: NetworkNamespace, resolvers: SocketResolvers) {
    this.namespace = namespace;
    this.#resolvers = resolvers;
    this.#network = new InnerNetwork(namespace, (network) =>
      socketLookup(this.#nameLookup(network), (address) => network.reaches(address)),
    );
  }

  /** The addresses of the devices, except loopback and link-local ones. */
  get addresses(): readonly string[] {
    return innerAddresses(this.namespace.pid).addresses.map((text) => {
      const bytes = parseAddress(text);
      return bytes === undefined ? text : formatAddress(bytes);
    });
  }

  /** The number of sockets and servers that are open. */
  get size(): number {
    return this.#network.size;
  }

  /** Resolves names as these sockets do, in the way of `dns.lookup`. */
  get lookup(): SocketLookup {
    return this.#network.lookup;
  }

  connect(options: TcpNetConnectOpts, listener?: () => void): Socket {
    const socket = new LibrarySocket(this.#network, options);
    if (options.timeout !== undefined) socket.setTimeout(options.timeout);
    try {
      return socket.connect(options, listener);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  listen(options: ListenOptions & ServerOpts, given?: Server | ((socket: Socket) => void)): Server {
    const server = given instanceof Server ? given : createServer(options, given);
    listenInside(this.#network, server, options);
    return server;
  }

  dgram(
    options: SocketType | SocketOptions,
    listener?: (message: Buffer, from: RemoteInfo) => void,
  ): DatagramSocket {
    this.#network.demandOpen();
    const socket = new LibraryDatagrams(
      this.#network,
      typeof options === 'string' ? { type: options } : options,
    );
    if (listener !== undefined) socket.on('message', listener);
    return socket;
  }

  /**
   * Opens a port of this machine's loopback for DNS queries, by UDP and TCP, which go to the resolvers behind
   * the puzzle.
   *
   * @returns its address and port, for `dns.Resolver.setServers`
   * @throws EndpointError `FT_SOCKETS_USAGE` where the resolvers are not behind the puzzle
   */
  async dnsServer(): Promise<string> {
    this.#network.demandOpen();
    const servers = this.#resolvers;
    if (typeof servers === 'string')
      throw new EndpointError(
        'FT_SOCKETS_USAGE',
        `no resolver is behind the puzzle, because \`resolvers\` is ${servers}. Give their addresses: openFunnel(…, { sockets: { resolvers: ['2001:db8::53'] } })`,
      );
    if (this.#relay === undefined) {
      this.#relay = ResolverRelay.onLoopback({
        servers: () => servers,
        createSocket: (type) => this.dgram(type),
        connect: (options) => this.connect(options),
      });
      const { relay } = await this.#relay;
      relay.unref();
      if (this.#network.isClosed) relay.close();
      else this.#network.add(relay);
    }
    const { port } = await this.#relay;
    this.#network.demandOpen();
    return `127.0.0.1:${port}`;
  }

  /** Closes all sockets and servers, and the namespace. Fulfilled when its helper has ended. */
  async close(): Promise<void> {
    this.#names?.lookup.close();
    this.#network.close();
    await this.namespace.close();
  }

  #nameLookup(network: InnerNetwork): NameLookup | undefined {
    const resolvers = this.#resolvers;
    if (resolvers === 'host') return hostLookup(parseAddress);
    if (resolvers === 'none' || resolvers.length === 0) return undefined;
    return (name: string) => {
      // A port for queries is opened at the first name.
      if (this.#names === undefined) {
        const port = new InnerQueryPort(network);
        const servers = resolvers.flatMap((each) => parseAddress(each) ?? []);
        this.#names = { port, lookup: new PuzzleLookup(servers, port, () => randomInt(0x1_0000)) };
      }
      return this.#names.lookup.lookup(name);
    };
  }
}

/** Sends queries from sockets of their own, one for each IP version. */
class InnerQueryPort implements QueryPort {
  readonly #network: InnerNetwork;
  readonly #sockets = new Map<number, DatagramSocket>();
  onMessage: QueryPort['onMessage'] = () => {};

  constructor(network: InnerNetwork) {
    this.#network = network;
  }

  send(server: Uint8Array, message: Uint8Array): boolean {
    if (this.#network.isClosed) return false;
    this.#socketFor(server.length).send(message, DNS_PORT, formatAddress(server));
    return true;
  }

  #socketFor(addressBytes: number): DatagramSocket {
    const existing = this.#sockets.get(addressBytes);
    if (existing !== undefined) return existing;
    const socket = new LibraryDatagrams(this.#network, { type: addressBytes === 4 ? 'udp4' : 'udp6' });
    this.#sockets.set(addressBytes, socket);
    // A query that cannot be sent gets no reply in time; the next one has another socket.
    socket.on('error', () => {
      this.#sockets.delete(addressBytes);
      socket.close();
    });
    socket.on('close', () => this.#sockets.delete(addressBytes));
    socket.on('message', (message, { address, port }) => {
      const from = parseAddress(address);
      if (from !== undefined && port === DNS_PORT) this.onMessage(from, message);
    });
    socket.unref();
    return socket;
  }
}

const DNS_PORT = 53;
