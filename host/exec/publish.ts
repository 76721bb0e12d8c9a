import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIP, isIPv6, type Server, Socket } from 'node:net';
import { systemCode } from '../endpoint/endpoint-error.ts';
import type { NetworkNamespace } from '../endpoint/namespace/network-namespace.ts';
import { ExecError } from './exec-error.ts';

/** A port of this machine that leads to a port of the command. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** The addresses outside on which it listens. */
  readonly addresses: readonly string[];
  readonly outer: number;
  readonly inner: number;
}

/**
 * Reads `[ADDRESS:]OUTER[:INNER][/udp]`; without an address it is this machine's loopback, in both IP
 * versions.
 */
export function parsePublished(text: string): PublishedPort {
  const [, bracketed, plain, outer, inner = outer, protocol = 'tcp'] =
    /^(?:\[([^\]]+)\]:|(\d+\.\d+\.\d+\.\d+):)?(\d{1,5})(?::(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  const isAddress = address === undefined || isIP(address) !== 0;
  const ports = [outer, inner].map(Number);
  if (isAddress && ports.every((port) => port >= 1 && port <= 65_535))
    return {
      protocol: protocol === 'udp' ? 'udp' : 'tcp',
      addresses: address === undefined ? ['127.0.0.1', '::1'] : [address],
      outer: Number(outer),
      inner: Number(inner),
    };
  throw new ExecError(
    'FT_EXEC_USAGE',
    `--publish ${text}: write OUTER:INNER, such as 8080:80, with an address before it (0.0.0.0:8080:80, [::]:8080:80) and /udp behind it`,
  );
}

/**
 * Publishes ports. Their connections go straight to the command, not through the puzzle, so they work with
 * any puzzle.
 *
 * @returns a function that ends this
 * @throws ExecError `FT_EXEC_PUBLISH`
 */
export async function publish(
  namespace: NetworkNamespace,
  ports: readonly PublishedPort[],
): Promise<() => void> {
  const open: { close(): void }[] = [];
  const close = (): void => {
    for (const each of open) each.close();
  };
  try {
    for (const port of ports) {
      for (const address of port.addresses) {
        const publisher = await publishAt(namespace, port, address);
        if (publisher !== undefined) open.push(publisher);
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return close;
}

async function publishAt(
  namespace: NetworkNamespace,
  { protocol, outer, inner, addresses }: PublishedPort,
  address: string,
): Promise<{ close(): void } | undefined> {
  try {
    return protocol === 'tcp'
      ? await streams(namespace, address, outer, inner)
      : await datagrams(namespace, address, outer, inner);
  } catch (error) {
    const code = systemCode(error);
    // A machine without IPv6 has no ::1, and the user did not name that address.
    if (code === 'EADDRNOTAVAIL' && addresses.length > 1) return undefined;
    const why =
      code === 'EADDRINUSE'
        ? 'another program uses it. End that program, or choose another port'
        : code === 'EACCES'
          ? 'this user may not open it: ports below the sysctl net.ipv4.ip_unprivileged_port_start are for root. Choose one from 1024 on'
          : code === 'EADDRNOTAVAIL'
            ? 'this machine does not have the address'
            : `the system refuses it (${code || String(error)})`;
    throw new ExecError(
      'FT_EXEC_PUBLISH',
      `port ${outer} (${protocol}) cannot be published at ${address}: ${why}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Returns the address of the command's own loopback, in the IP version of an outer address; programs listen
 * there, or on all addresses.
 */
function innerAddress(outer: string): string {
  return isIPv6(outer) ? '::1' : '127.0.0.1';
}

async function streams(
  namespace: NetworkNamespace,
  address: string,
  outer: number,
  inner: number,
): Promise<{ close(): void }> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  };
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    keep(client);
    client.on('error', () => client.destroy());
    const connection = connectInside(namespace, innerAddress(address), inner);
    if (connection === undefined) {
      client.destroy();
      return;
    }
    keep(connection);
    connection.on('error', () => client.destroy());
    client.on('close', () => connection.destroy());
    connection.on('close', () => client.destroy());
    client.pipe(connection);
    connection.pipe(client);
  });
  server.listen({ host: address, port: outer, ipv6Only: true });
  await once(server, 'listening');
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Opens a connection to the command; in the other IP version if no program listens in this one. */
function connectInside(namespace: NetworkNamespace, address: string, port: number): Socket | undefined {
  const other = address === '::1' ? '127.0.0.1' : '::1';
  for (const each of [address, other]) {
    try {
      return new Socket({ fd: namespace.internetSocket('tcp', 'connect', each, port), allowHalfOpen: true });
    } catch {
      // ECONNREFUSED: the loopback reports it at once.
    }
  }
  return undefined;
}

async function datagrams(
  namespace: NetworkNamespace,
  address: string,
  outer: number,
  inner: number,
): Promise<{ close(): void }> {
  const server = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: true });
  const family = isIPv6(address) ? 'udp6' : 'udp4';
  const target = innerAddress(address);
  /** A separate socket inside for each correspondent, so that replies find their way back. */
  const peers = new Map<string, Peer>();
  server.on('message', (datagram, from) => {
    const key = `${from.address} ${from.port}`;
    let peer = peers.get(key);
    if (peer === undefined) {
      if (peers.size >= MOST_PEERS) dropOldest(peers);
      const socket = createSocket(family);
      socket.on('error', () => {}); // no program listens inside
      socket.on('message', (answer) => server.send(answer, from.port, from.address));
      socket.bind({ fd: namespace.internetSocket('udp', 'bind', target, 0) });
      peer = { socket, usedAt: 0 };
      peers.set(key, peer);
    }
    peer.usedAt = performance.now();
    peer.socket.send(datagram, inner, target);
  });
  server.bind(outer, address);
  await once(server, 'listening');
  server.on('error', () => {});
  return {
    close: () => {
      server.close();
      for (const { socket } of peers.values()) socket.close();
    },
  };
}

interface Peer {
  readonly socket: DatagramSocket;
  usedAt: number;
}

/** The most sockets, so that a port scan does not use all descriptors. */
const MOST_PEERS = 256;

function dropOldest(peers: Map<string, Peer>): void {
  const [oldest] = [...peers].sort(([, a], [, b]) => a.usedAt - b.usedAt);
  if (oldest === undefined) return;
  oldest[1].socket.close();
  peers.delete(oldest[0]);
}
