import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type AddressInfo,
  connect,
  createServer,
  isIPv6,
  type Server,
  type Socket,
  type TcpSocketConnectOpts,
} from 'node:net';
import type { NetworkNamespace } from './network-namespace.ts';
import { parseResolverConfiguration } from './resolver-configuration.ts';

/**
 * Relays DNS queries between two networks: it receives them in one, and sends them again in the other.
 *
 * A command in a namespace cannot reach the resolvers of this machine, which get its queries in this way. A
 * library of this process that makes its own sockets cannot reach resolvers behind a puzzle, which is the
 * other way round.
 */
export class ResolverRelay {
  readonly #datagrams: DatagramSocket;
  readonly #streams: Server;
  readonly #toward: ResolverNetwork;
  readonly #pending = new Set<DatagramSocket | Socket>();

  /**
   * Relays queries inside to the resolvers of this machine.
   *
   * @param address an IPv4 address of the namespace: the relay listens on port 53 there
   */
  static open(namespace: NetworkNamespace, address: string): ResolverRelay {
    const relay = new ResolverRelay(MACHINE);
    try {
      relay.#datagrams.bind({ fd: namespace.internetSocket('udp', 'bind', address, DNS_PORT) });
      relay.#streams.listen({ fd: namespace.internetSocket('tcp', 'bind', address, DNS_PORT) });
    } catch (error) {
      relay.close();
      throw error;
    }
    return relay;
  }

  /**
   * Relays queries to a port of this machine's loopback, which the system chooses.
   *
   * @returns the relay, and the port
   */
  static async onLoopback(toward: ResolverNetwork): Promise<{ relay: ResolverRelay; port: number }> {
    for (let attempt = 1; ; attempt++) {
      const relay = new ResolverRelay(toward);
      try {
        relay.#streams.listen({ host: LOOPBACK, port: 0, exclusive: true });
        await once(relay.#streams, 'listening');
        const { port } = relay.#streams.address() as AddressInfo;
        relay.#datagrams.bind({ port, address: LOOPBACK, exclusive: true });
        await once(relay.#datagrams, 'listening');
        return { relay, port };
      } catch (error) {
        relay.close();
        // Another program may have the same port of UDP.
        if (attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  private constructor(toward: ResolverNetwork) {
    this.#toward = toward;
    this.#datagrams = createSocket('udp4');
    this.#datagrams.on('error', () => {}); // its namespace has ended
    this.#datagrams.on('message', (query, from) => this.#relay(query, from));
    this.#streams = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
    this.#streams.on('error', () => {});
  }

  /** Lets the process end although the relay is open. */
  unref(): void {
    this.#datagrams.unref();
    this.#streams.unref();
  }

  close(): void {
    this.#datagrams.close();
    this.#streams.close();
    for (const each of this.#pending) 'destroy' in each ? each.destroy() : each.close();
    this.#pending.clear();
  }

  /**
   * Returns the reply of the first server that replies. A command that sends queries faster than the servers
   * reply has to wait.
   */
  #relay(query: Buffer, from: RemoteInfo): void {
    if (query.length < HEADER_BYTES || this.#pending.size >= MOST_PENDING) return;
    const [first, ...others] = this.#toward.servers();
    if (first !== undefined) this.#ask(first, others, query, from);
  }

  #ask(server: string, others: readonly string[], query: Buffer, from: RemoteInfo): void {
    const socket = this.#toward.createSocket(isIPv6(server.replace(/%.*/, '')) ? 'udp6' : 'udp4');
    this.#pending.add(socket);
    const end = (): void => {
      clearTimeout(timer);
      if (this.#pending.delete(socket)) socket.close();
    };
    const goOn = (): void => {
      if (!this.#pending.has(socket)) return;
      end();
      const [next, ...rest] = others;
      if (next !== undefined) this.#ask(next, rest, query, from);
    };
    const timer = setTimeout(goOn, PATIENCE_MS);
    socket.on('error', goOn);
    socket.on('message', (reply) => {
      // The identifier of the query (RFC 1035 §4.1.1). The socket is connected, so the reply is from the
      // server.
      if (reply.length < HEADER_BYTES || reply.readUInt16BE(0) !== query.readUInt16BE(0)) return;
      end();
      this.#datagrams.send(reply, from.port, from.address);
    });
    // Node calls it also where there is no route to the server.
    socket.connect(DNS_PORT, server, (error?: Error) => {
      if (error) goOn();
      else if (this.#pending.has(socket)) socket.send(query);
    });
  }

  /** Queries by TCP go to the first server. Their sender has usually tried UDP before. */
  #join(client: Socket): void {
    const [server] = this.#toward.servers();
    client.on('error', () => client.destroy());
    if (server === undefined || this.#pending.size >= MOST_PENDING) {
      client.destroy();
      return;
    }
    const upstream = this.#toward.connect({ host: server, port: DNS_PORT, allowHalfOpen: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#pending.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#pending.delete(one);
        other.destroy();
      });
      one.setTimeout(STREAM_IDLE_MS, () => one.destroy());
      one.pipe(other);
    }
  }
}

/** A network with resolvers. */
export interface ResolverNetwork {
  /** Their addresses, read anew for each query. */
  servers(): readonly string[];
  createSocket(type: 'udp4' | 'udp6'): DatagramSocket;
  connect(options: TcpSocketConnectOpts & { readonly allowHalfOpen: boolean }): Socket;
}

/**
 * The network of this machine. Its list of resolvers is read anew for each query, since a machine that roams,
 * or joins a VPN, gets others.
 */
const MACHINE: ResolverNetwork = {
  servers: () => {
    try {
      return parseResolverConfiguration(readFileSync('/etc/resolv.conf', 'utf8')).servers;
    } catch {
      return []; // it is just being written; the command repeats its query
    }
  },
  createSocket: (type) => createSocket(type),
  connect: (options) => connect(options),
};

const LOOPBACK = '127.0.0.1';
const MOST_ATTEMPTS = 8;
/** RFC 1035 §4.1.1. */
const HEADER_BYTES = 12;
const DNS_PORT = 53;
/** The C library repeats a query after five seconds: by then two servers have got it. */
const PATIENCE_MS = 2500;
const STREAM_IDLE_MS = 10_000;
const MOST_PENDING = 256;
