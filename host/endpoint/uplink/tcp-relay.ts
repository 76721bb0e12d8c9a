import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NetworkNamespace } from '../namespace/network-namespace.ts';

/**
 * Ends the TCP connections of a neighbour in the namespace of an uplink, and goes on with others from the network of this
 * process to where they lead.
 *
 * pasta and slirp4netns do not expect losses on the way to a neighbour: on a puzzle that loses, delays or limits, they send
 * again far too much (a limit of 20 Mbit/s let 3 Mbit/s through). And the pasta of Debian 12 lets a connection hang that is
 * refused. With this, it is Linux's own TCP that meets the puzzle, and the network. The price: a neighbour is connected before
 * its destination is, so that one which refuses is seen as one that closes at once. (A reset would
 * say more; but in Node 20.20 a thread that resets connections and ends soon after may spin for ever.)
 *
 * What leads to this machine itself is closed, too: its services are for its own programs.
 */
export class TcpRelay {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Packets are to be led to it by {@link relayRules} and {@link RELAY_ROUTES}. */
  static open(namespace: NetworkNamespace): TcpRelay {
    const relay = new TcpRelay();
    for (const address of ['127.0.0.1', '::1']) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => relay.#join(client));
      server.on('error', () => {}); // its namespace has ended
      server.listen({ fd: namespace.internetSocket('tcp', 'bind-transparent', address, RELAY_PORT) });
      relay.#servers.push(server);
    }
    return relay;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The local address of a connection that was led here is that of its destination. */
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

/** For nft: what TCP comes from a device, for elsewhere, is for the relay. */
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
