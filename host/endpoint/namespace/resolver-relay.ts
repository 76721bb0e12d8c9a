import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { NetworkNamespace } from './network-namespace.ts';
import { parseResolverConfiguration } from './resolver-configuration.ts';

/**
 * Relays the DNS queries of a command to the resolvers of this machine, which the command cannot reach: the
 * relay receives queries on an address inside, and sends them again from outside. It reads the list of
 * resolvers anew for each query, since a machine that roams, or joins a VPN, gets others.
 */
export class ResolverRelay {
  readonly #datagrams: DatagramSocket;
  readonly #streams: Server;
  readonly #file: string;
  readonly #pending = new Set<DatagramSocket | Socket>();

  /** @param address an IPv4 address of the namespace: the relay listens on port 53 there */
  static open(namespace: NetworkNamespace, address: string): ResolverRelay {
    const udp = namespace.internetSocket('udp', 'bind', address, DNS_PORT);
    return new ResolverRelay({ udp, tcp: namespace.internetSocket('tcp', 'bind', address, DNS_PORT) });
  }

  /**
   * @param sockets descriptors that are bound to port 53 inside; they are closed with the relay
   * @param file a resolv.conf
   */
  constructor(sockets: { readonly udp: number; readonly tcp: number }, file = '/etc/resolv.conf') {
    this.#file = file;
    this.#datagrams = createSocket('udp4');
    this.#datagrams.on('error', () => {}); // its namespace has ended
    this.#datagrams.on('message', (query, from) => this.#relay(query, from));
    this.#datagrams.bind({ fd: sockets.udp });
    this.#streams = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
    this.#streams.on('error', () => {});
    this.#streams.listen({ fd: sockets.tcp });
  }

  close(): void {
    this.#datagrams.close();
    this.#streams.close();
    for (const each of this.#pending) 'destroy' in each ? each.destroy() : each.close();
    this.#pending.clear();
  }

  get #servers(): readonly string[] {
    try {
      return parseResolverConfiguration(readFileSync(this.#file, 'utf8')).servers;
    } catch {
      return []; // it is just being written; the command repeats its query
    }
  }

  /**
   * Returns the reply of the first server that replies. A command that sends queries faster than the servers
   * reply has to wait.
   */
  #relay(query: Buffer, from: RemoteInfo): void {
    if (query.length < HEADER_BYTES || this.#pending.size >= MOST_PENDING) return;
    const [first, ...others] = this.#servers;
    if (first !== undefined) this.#ask(first, others, query, from);
  }

  #ask(server: string, others: readonly string[], query: Buffer, from: RemoteInfo): void {
    const socket = createSocket(isIPv6(server.replace(/%.*/, '')) ? 'udp6' : 'udp4');
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
    socket.connect(DNS_PORT, server, () => socket.send(query));
  }

  /** Queries by TCP go to the first server. Their sender has usually tried UDP before. */
  #join(client: Socket): void {
    const [server] = this.#servers;
    client.on('error', () => client.destroy());
    if (server === undefined || this.#pending.size >= MOST_PENDING) {
      client.destroy();
      return;
    }
    const upstream = connect({ host: server, port: DNS_PORT, allowHalfOpen: true });
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

/** RFC 1035 §4.1.1. */
const HEADER_BYTES = 12;
const DNS_PORT = 53;
/** The C library repeats a query after five seconds: by then two servers have got it. */
const PATIENCE_MS = 2500;
const STREAM_IDLE_MS = 10_000;
const MOST_PENDING = 256;
