import {
  isIP,
  isIPv6,
  type LookupFunction,
  Socket,
  type SocketConnectOpts,
  type SocketConstructorOpts,
  type TcpSocketConnectOpts,
} from 'node:net';
import { EndpointError } from '../endpoint-error.ts';
import { type InnerNetwork, nodeError } from './inner-network.ts';

/**
 * A `net.Socket` whose connection goes through a puzzle.
 *
 * Node makes the handle of a socket before it looks a name up, and the descriptor of the handle when it
 * connects, unless there is one. Between these two, this class puts in a descriptor that was made in the
 * namespace. So connecting, timeouts, signals and errors are Node's own. If there is no such descriptor, the
 * socket fails: it never connects in the network of this process.
 */
export class LibrarySocket extends Socket {
  readonly #network: InnerNetwork;
  readonly #entry = { close: () => void this.destroy() };

  constructor(network: InnerNetwork, options: SocketConstructorOpts = {}) {
    super({ ...options, fd: undefined, handle: undefined } as SocketConstructorOpts);
    this.#network = network;
    this.on('close', () => network.delete(this.#entry));
  }

  /** As `net.Socket` has it; the path of a UNIX socket is refused. */
  override connect(first: SocketConnectOpts | number | string, ...rest: unknown[]): this {
    const listener = rest.findLast((each) => typeof each === 'function') as (() => void) | undefined;
    this.#network.demandOpen();
    const options = optionsOf(first, rest[0]);
    const [host = '', device] = (options.host ?? 'localhost').split('%');
    const given = options.lookup ?? this.#network.lookup;
    const lookup: LookupFunction = (name, how, callback) => {
      given(name, how, (error, found, family) => {
        const [address = '', zone] = typeof found === 'string' ? found.split('%') : [found?.[0]?.address];
        if (error || !this.connecting || isIP(address) === 0) {
          callback(error, address, isIP(address));
          return;
        }
        const failure = this.#attach(isIPv6(address) ? 6 : 4, device ?? zone);
        callback(failure ?? null, address, family ?? isIP(address));
      });
    };
    this.#network.add(this.#entry);
    // Node's own way to try several addresses makes a handle for each.
    super.connect({ ...options, host, lookup, autoSelectFamily: false } as TcpSocketConnectOpts, listener);
    // There is no look-up for an address: Node connects to it in the next tick.
    if (isIP(host) !== 0 && this.connecting) {
      const failure = this.#attach(isIPv6(host) ? 6 : 4, device);
      if (failure !== undefined) this.destroy(failure);
    }
    return this;
  }

  /** Gives the handle a descriptor of the namespace. */
  #attach(family: 4 | 6, device: string | undefined): Error | undefined {
    const handle = (this as unknown as { readonly _handle?: TcpHandle | null })._handle;
    if (typeof handle?.open !== 'function' || handle.fd !== NONE)
      return new EndpointError(
        'FT_SOCKETS_USAGE',
        `this Node (${process.version}) makes sockets in a way that is not known, so this one would not go through the puzzle. Please report this`,
      );
    try {
      const descriptor = this.#network.openSocket('tcp', family, device === undefined ? {} : { device });
      const error = handle.open(descriptor);
      if (error === 0) return undefined;
      this.#network.closeDescriptor(descriptor);
      return nodeError('open', -error);
    } catch (error) {
      return error as Error;
    }
  }
}

/** The part that is used of the object by which Node has a TCP socket. */
interface TcpHandle {
  readonly fd: number;
  /** Takes a descriptor over. Returns a negative errno, or 0. */
  open(descriptor: number): number;
}

const NONE = -1;

/** Reads the arguments of `net.Socket.connect`. @throws EndpointError `FT_SOCKETS_USAGE` */
function optionsOf(first: SocketConnectOpts | number | string, second: unknown): TcpSocketConnectOpts {
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d{1,5}$/.test(first));
  if (isPort) return { port: Number(first), ...(typeof second === 'string' ? { host: second } : {}) };
  if (typeof first === 'object' && first !== null && 'port' in first && !hasPath(first)) return first;
  throw new EndpointError(
    'FT_SOCKETS_USAGE',
    'connect wants a port, and a host if it is another one than localhost: funnel.connect({ host, port }). Sockets at paths do not go through a puzzle; net.connect opens them',
  );
}

function hasPath(options: object): boolean {
  return 'path' in options && typeof options.path === 'string' && options.path !== '';
}
