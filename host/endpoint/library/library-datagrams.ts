import { type BindOptions, Socket, type SocketOptions } from 'node:dgram';
import { isIP } from 'node:net';
import type { InnerNetwork } from './inner-network.ts';

/**
 * A `dgram.Socket` whose datagrams go through a puzzle.
 *
 * Node makes the descriptor of such a socket when it is bound. This class binds one in the namespace and
 * gives it to Node. Joining a group would make a descriptor as well, so the socket is bound before.
 */
export class LibraryDatagrams extends (Socket as unknown as DatagramConstructor) {
  readonly #network: InnerNetwork;
  readonly #options: SocketOptions;
  readonly #entry = { close: () => void this.close() };
  /** Binds the socket, at the end of this turn or when it is needed before. */
  #binding: (() => void) | undefined;
  #isBound = false;
  #isClosed = false;

  constructor(network: InnerNetwork, options: SocketOptions) {
    // Node asks for one address here.
    const lookup = (options.lookup ?? network.lookup) as SocketOptions['lookup'];
    super({ ...options, lookup });
    this.#network = network;
    this.#options = options;
    network.add(this.#entry);
  }

  /**
   * As `dgram.Socket` has it. Node calls this itself where a socket that is not bound sends or connects.
   */
  override bind(...args: unknown[]): this {
    const { port, address, isImplicit, listener } = argumentsOf(args);
    this.#network.demandOpen();
    // Node's own error for a closed socket.
    if (this.#isClosed) return super.bind();
    if (this.#isBound || this.#binding !== undefined) {
      if (isImplicit) return this;
      throw Object.assign(new Error('Socket is already bound'), { code: 'ERR_SOCKET_ALREADY_BOUND' });
    }
    if (listener !== undefined) this.once('listening', listener);
    const isSix = this.#options.type === 'udp6';
    const place = address || (isSix ? '::' : '0.0.0.0');
    if (isIP(place) !== 0) {
      const binding = (): void => this.#finish(binding, undefined, place, port);
      this.#binding = binding;
      // Listeners that are added after this call get the event `listening`, as with Node's own sockets.
      process.nextTick(binding);
      return this;
    }
    const lookup = this.#options.lookup ?? this.#network.lookup;
    const unknown = (): void => {
      throw new Error(`the address of ${place} is not known yet`);
    };
    this.#binding = unknown;
    lookup(place, { family: isSix ? 6 : 4 }, (error, found) => {
      this.#finish(unknown, error ?? undefined, typeof found === 'string' ? found : '', port);
    });
    return this;
  }

  override addMembership(group: string, device?: string): void {
    this.#bindNow();
    super.addMembership(group, device);
  }

  override addSourceSpecificMembership(source: string, group: string, device?: string): void {
    this.#bindNow();
    super.addSourceSpecificMembership(source, group, device);
  }

  override close(callback?: () => void): this {
    this.#isClosed = true;
    this.#network.delete(this.#entry);
    return super.close(callback);
  }

  #bindNow(): void {
    if (this.#isClosed || this.#isBound) return;
    if (this.#binding === undefined) this.bind();
    this.#binding?.();
  }

  #finish(binding: () => void, error: Error | undefined, address: string, port: number): void {
    if (this.#isClosed || this.#binding !== binding) return;
    this.#binding = undefined;
    const failure = error ?? this.#bindTo(address, port);
    if (failure === undefined) return;
    this.#isBound = false;
    this.emit('error', failure);
  }

  #bindTo(place: string, port: number): Error | undefined {
    const { reuseAddr, ipv6Only } = this.#options;
    const [address = '', device] = place.split('%');
    let descriptor: number | undefined;
    // Those who listen for the event `listening` may use the socket.
    this.#isBound = true;
    try {
      descriptor = this.#network.bind('bind', 'udp', address, port, {
        reuse: reuseAddr === true,
        sixOnly: ipv6Only === true,
        ...(device === undefined ? {} : { device }),
      });
      super.bind({ fd: descriptor, exclusive: true });
      return undefined;
    } catch (error) {
      if (descriptor !== undefined) this.#network.closeDescriptor(descriptor);
      return error as Error;
    }
  }
}

/** The type has no constructor for Node's class, which is public. */
type DatagramConstructor = new (options: SocketOptions) => Socket;

/** Reads the arguments of `dgram.Socket.bind`. */
function argumentsOf([first, second, third]: readonly unknown[]): {
  readonly port: number;
  readonly address: string | undefined;
  /** Whether Node itself binds, before the first datagram. */
  readonly isImplicit: boolean;
  readonly listener: (() => void) | undefined;
} {
  const listener = [first, second, third].find((each) => typeof each === 'function') as
    | (() => void)
    | undefined;
  if (typeof first === 'object' && first !== null) {
    const { port = 0, address, exclusive } = first as BindOptions;
    return { port, address, listener, isImplicit: port === 0 && exclusive === true && second === null };
  }
  return {
    port: typeof first === 'function' ? 0 : Number(first ?? 0),
    address: typeof second === 'string' ? second : undefined,
    isImplicit: false,
    listener,
  };
}
