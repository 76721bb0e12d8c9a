import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NetworkNamespace } from '../namespace/network-namespace.ts';

/**
 * Terminates the TCP connections of a neighbour in the namespace of an uplink, and opens others from the
 * network of this process to their destinations.
 *
 * pasta and slirp4netns do not expect losses on the way to a neighbour: on a puzzle that loses, delays or
 * limits, they repeat far too much (a limit of 20 Mbit/s let 3 Mbit/s through). The pasta of Debian 12 also
 * leaves a refused connection hanging. With the relay, Linux's own TCP works on both sides. The price: a
 * neighbour is connected before its destination is, so a destination that refuses appears as one that closes
 * at once. (A reset would be more precise; but in Node 20.20 a thread that resets connections and ends soon
 * after may spin for ever.)
 *
 * Connections to this machine itself are closed, too: its services are for its own programs.
 */
export class TcpRelay {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** {@link relayRules} and {@link RELAY_ROUTES} lead packets to it. */
  static open(namespace: NetworkNamespace): TcpRelay {
    const relay = new TcpRelay();
    for (const address of ['127.0.0.1', '::1']) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => relay.#join(client));
      server.on('error', () => {}); // its namespace has ended
      server.listen({
        fd: namespace.internetSocket('tcp', 'bind', address, RELAY_PORT, { transparent: true }),
      });
      relay.#servers.push(server);
    }
    return relay;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Handles a connection that was led here: its local address is the address of its destination. */
  #join(client: Socket): void {
    const { localAddress, localPort } = client;
    client.on('error', () => client.destroy());
    if (localAddress === undefined || localPort === undefined || isOwn(localAddress)) {
      client.destroy();
      return;
    }
    const onward = connect({ host: localAddress, port: localPort, allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

/** Whether an address is one of this machine. */
function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some((each) => each.address === address));
}

const RELAY_PORT = 25_790;
const RELAY_MARK = 1;
const RELAY_TABLE = 100;

/** Rules for nft: TCP packets from a device to other destinations go to the relay. */
export function relayRules(device: string, own: { readonly ipv4: string; readonly ipv6: string }): string {
  const lead = `meta mark set ${RELAY_MARK} accept`;
  return `
  chain relayed {
    type filter hook prerouting priority mangle
    iifname "${device}" meta l4proto tcp ip daddr != ${own.ipv4} tproxy ip to 127.0.0.1:${RELAY_PORT} ${lead}
    iifname "${device}" meta l4proto tcp ip6 daddr != ${own.ipv6} tproxy ip6 to [::1]:${RELAY_PORT} ${lead}
  }`;
}

/** For `ip -batch`, in both IP versions: packets with the mark end here, whatever their destination. */
export const RELAY_ROUTES = [
  `rule add fwmark ${RELAY_MARK} lookup ${RELAY_TABLE}`,
  `route add local default dev lo table ${RELAY_TABLE}`,
].join('\n');
