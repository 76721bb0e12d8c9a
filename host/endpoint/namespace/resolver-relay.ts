import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { NetworkNamespace } from './network-namespace.ts';
import { parseResolverConfiguration } from './resolver-configuration.ts';

/**
 * Answers the DNS queries of a command by the resolvers of this machine, which it does not reach itself: what it asks on an
 * address inside is asked again from outside. The resolvers are read afresh for each query, since a machine that roams, or
 * joins a VPN, has others.
 */
export class ResolverRelay {
  readonly #datagrams: DatagramSocket;
  readonly #streams: Server;
  readonly #file: string;
  readonly #pending = new Set<DatagramSocket | Socket>();

  /** @param address one of the namespace, IPv4: it listens on port 53 there */
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
      return []; // it is just being written; the command asks again
    }
  }

  /** The first server that replies. A command that asks faster than they do is made to wait, as by any resolver. */
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
      // The identifier of the query (RFC 1035 §4.1.1); the socket is connected, so that it is the server's.
      if (reply.length < HEADER_BYTES || reply.readUInt16BE(0) !== query.readUInt16BE(0)) return;
      end();
      this.#datagrams.send(reply, from.port, from.address);
    });
    socket.connect(DNS_PORT, server, () => socket.send(query));
  }

  /** Queries by TCP go to the first server; whoever asks so has asked by UDP before. */
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
/** The C library asks again after five seconds: by then two servers were asked. */
const PATIENCE_MS = 2500;
const STREAM_IDLE_MS = 10_000;
const MOST_PENDING = 256;
