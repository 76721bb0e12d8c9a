import { isIP, type ListenOptions, type Server, type Socket } from 'node:net';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import type { InnerNetwork } from './inner-network.ts';

/**
 * Lets a server of any kind (net, tls, http, https, http2) listen in the network of a puzzle.
 *
 * As Node has it, a failure is the event `error` of the server, and without a host the server listens on all
 * addresses of both IP versions.
 *
 * @throws EndpointError `FT_SOCKETS_USAGE`, `FT_SOCKETS_CLOSED`
 */
export function listenInside(network: InnerNetwork, server: Server, options: ListenOptions): void {
  const { port = 0, host, backlog, ipv6Only = false } = options;
  network.demandOpen();
  if (options.path !== undefined || !(port >= 0 && port <= 65_535))
    throw new EndpointError(
      'FT_SOCKETS_USAGE',
      'listen wants a port from 0 to 65535: funnel.listen({ port: 80 }). Sockets at paths are not of a puzzle',
    );
  if (server.listening) throw new EndpointError('FT_SOCKETS_USAGE', 'the server listens already');
  const listen = (address: string): void => {
    try {
      listenAt(network, server, address, port, { backlog, ipv6Only });
    } catch (error) {
      process.nextTick(() => server.emit('error', error));
    }
  };
  if (host === undefined || host === '') listen(ANY);
  else if (isIP(host) !== 0) listen(host);
  else
    network.lookup(host, {}, (error, address) => {
      if (error) server.emit('error', error);
      else if (typeof address === 'string') listen(address);
    });
}

function listenAt(
  network: InnerNetwork,
  server: Server,
  place: string,
  port: number,
  { backlog, ipv6Only }: { readonly backlog: number | undefined; readonly ipv6Only: boolean },
): void {
  const [address = '', device] = place.split('%');
  const options = { sixOnly: ipv6Only, ...(device === undefined ? {} : { device }) };
  let fd: number;
  try {
    fd = network.bind('listen', 'tcp', address, port, options);
  } catch (error) {
    // A kernel without IPv6.
    if (address !== ANY || systemCode(error) !== 'EAFNOSUPPORT') throw error;
    fd = network.bind('listen', 'tcp', '0.0.0.0', port);
  }
  keep(network, server);
  // In a process of a cluster, the descriptor would be looked for in the primary process.
  server.listen({ fd, exclusive: true, ...(backlog === undefined ? {} : { backlog }) });
}

/** The end of the Funnel closes the server, and its connections. */
function keep(network: InnerNetwork, server: Server): void {
  const connections = new Set<Socket>();
  const onConnection = (socket: Socket): void => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  };
  const entry = {
    close: () => {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
  network.add(entry);
  server.prependListener('connection', onConnection);
  server.once('close', () => {
    network.delete(entry);
    server.off('connection', onConnection);
  });
}

const ANY = '::';
