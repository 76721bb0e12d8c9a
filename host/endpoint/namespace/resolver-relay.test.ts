import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { type ResolverNetwork, ResolverRelay } from './resolver-relay.ts';

/** A query for the name `a`, by RFC 1035 §4.1. */
const QUERY = Buffer.from('123401000001000000000000016100000100 01'.replaceAll(' ', ''), 'hex');

/** The network of this machine, with other resolvers and a record of the sockets. */
function networkWith(
  servers: readonly string[],
): ResolverNetwork & { readonly sockets: { isOpen: boolean }[] } {
  const sockets: { isOpen: boolean }[] = [];
  return {
    sockets,
    servers: () => servers,
    createSocket: (type) => {
      const socket = createSocket(type);
      const entry = { isOpen: true };
      sockets.push(entry);
      socket.on('close', () => {
        entry.isOpen = false;
      });
      return socket;
    },
    connect: (options) => connect(options),
  };
}

test('a query to servers that the system refuses ends without a reply, one server after the other', async () => {
  // The system refuses the broadcast address as a destination.
  const network = networkWith(['255.255.255.255', '255.255.255.255']);
  const { relay, port } = await ResolverRelay.onLoopback(network);
  const client = createSocket('udp4');
  try {
    client.send(QUERY, port, '127.0.0.1');
    while (network.sockets.length < 2 || network.sockets.some(({ isOpen }) => isOpen))
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(network.sockets).toHaveLength(2);
  } finally {
    client.close();
    relay.close();
  }
});

test('both protocols have one port, which is free again after the end', async () => {
  const { relay, port } = await ResolverRelay.onLoopback(networkWith([]));
  relay.close();
  const again = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true });
  await once(again, 'listening');
  again.close();
});
