import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';
import { messageOf, systemCode } from './endpoint-error.ts';
import { socketError } from './socket-error.ts';

/** The place of a listener on this machine, without its port. */
export interface Place {
  readonly family: 4 | 6;
  /** Empty for any. */
  readonly address: string;
}

/** A TCP port on which an endpoint listens. */
export interface Listener extends Place {
  readonly port: number;
  /** The requested port: 0 for the system's choice. */
  readonly wanted: number;
  /** -1 while it is only claimed or waits for the commit, and if it could not be opened. */
  channel: number;
  users: number;
  /** Whether a successor takes it over. */
  isClaimed: boolean;
  /** The listener of a predecessor that this one takes over. */
  theirs?: Listener | undefined;
  /** The endpoints that end, with a listener on the same port at another place, which is closed first. */
  deferral?: readonly TcpListeners[] | undefined;
}

/**
 * The TCP ports on which one endpoint listens. In a change they pass to the successor of the endpoint:
 *
 * - A port at the same place is *claimed*: the new listener has no channel before the commit, which brings
 *   it that of the predecessor.
 * - A port that an endpoint which ends has at another place is *deferred*: it opens in the commit, behind the
 *   close of that one. Whether the system permits the place is tried before, with a port of its choice.
 * - Any other opens at once.
 */
export class TcpListeners {
  readonly #options: TcpListenersOptions;
  // A neighbour may listen on thousands of ports, so opening one searches no others.
  readonly #all = new Set<Listener>();
  readonly #byKey = new Map<string, Listener>();
  #predecessor: TcpListeners | undefined;
  #ending: readonly TcpListeners[];

  constructor(options: TcpListenersOptions) {
    this.#options = options;
    this.#predecessor = options.predecessor;
    this.#ending = options.ending;
  }

  get all(): ReadonlySet<Listener> {
    return this.#all;
  }

  get ports(): ReadonlySet<number> {
    return new Set([...this.#all].map(({ port }) => port));
  }

  get channels(): readonly number[] {
    return [...this.#all].flatMap(({ channel }) => (channel >= 0 ? [channel] : []));
  }

  /** Those that could not be opened again. */
  get lost(): readonly Listener[] {
    return [...this.#all].filter(isLost);
  }

  find(port: number, place: Place): Listener | undefined {
    return this.#byKey.get(keyOf(port, place));
  }

  /**
   * Opens a port, claims or defers it, or counts one more user of it.
   *
   * @param port 0 for the system's choice
   * @param asked the requested port: 0 if the system chose `port` for another place
   * @param mayLack whether the system may have no such place; then the result is undefined
   * @throws EndpointError FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS, FT_SOCKET_OPEN
   */
  open(port: number, place: Place, asked: number, mayLack: boolean): Listener | undefined {
    const known = port === 0 ? undefined : this.find(port, place);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const made = { ...place, wanted: port, channel: -1, users: 1, isClaimed: false };
    const from = this.#predecessor;
    const theirs = from === undefined ? undefined : from.#claimable(port, place);
    if (theirs !== undefined) {
      theirs.isClaimed = true;
      return this.#add({ ...made, port: theirs.port, theirs });
    }
    try {
      const deferral = this.#ending.filter((each) => each.#atOtherPlaces(port, place.family).length > 0);
      if (deferral.length > 0) {
        this.#options.io.close(this.#listen(0, place));
        return this.#add({ ...made, port, deferral });
      }
      const channel = this.#listen(port, place);
      const { localPort } = this.#options.io.streamNames(channel);
      const listener = this.#add({ ...made, port: localPort, channel });
      this.#options.onOpen(channel);
      return listener;
    } catch (error) {
      if (mayLack && place.family === 6 && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(systemCode(error)))
        return undefined;
      throw this.#errorOf(error, port, place, asked);
    }
  }

  /** The listener that a successor can take over; for port 0, one of the system's choice. */
  #claimable(port: number, place: Place): Listener | undefined {
    if (port !== 0) {
      const found = this.find(port, place);
      return found === undefined || found.isClaimed || isLost(found) ? undefined : found;
    }
    for (const each of this.#all) {
      if (each.wanted !== 0 || each.isClaimed || isLost(each)) continue;
      if (each.family === place.family && each.address === place.address) return each;
    }
    return undefined;
  }

  #atOtherPlaces(port: number, family: 4 | 6): readonly Listener[] {
    if (port === 0) return [];
    return [...this.#all].filter((each) => each.port === port && each.family === family && !each.isClaimed);
  }

  /** @throws a system error */
  #listen(port: number, { family, address }: Place): number {
    const { io, kind, context, device, batch } = this.#options;
    const options = { family, address, port, device };
    const key = port === 0 ? {} : { key: `${kind} ${context.name} ${JSON.stringify(options)}` };
    return io.listenStream(batch, { ...options, ...key }).channel;
  }

  #errorOf(error: unknown, port: number, { address }: Place, asked: number): Error {
    const which = asked === 0 ? "a TCP port of the system's choice" : `TCP port ${port}`;
    const code = systemCode(error);
    return socketError(
      this.#options.context.name,
      `${which}${address === '' ? '' : ` of ${address}`}`,
      error,
      {
        permission:
          port > 0 && port < 1024
            ? 'Ports below 1024 are for privileged users: run as root or with CAP_NET_BIND_SERVICE, or choose a port from 1024 on'
            : 'Run as a user with this right',
        inUse:
          asked === 0
            ? 'Choose a port'
            : `Find it (ss -tlnp sport = :${port}) and end it, or choose another port`,
        setting: code === 'EADDRINUSE' ? 'port' : code === 'ENODEV' ? 'device' : 'address',
      },
    );
  }

  #add(listener: Listener): Listener {
    this.#all.add(listener);
    this.#byKey.set(keyOf(listener.port, listener), listener);
    return listener;
  }

  #remove(listener: Listener): void {
    this.#all.delete(listener);
    this.#byKey.delete(keyOf(listener.port, listener));
  }

  /** Takes back one use, and closes the port after the last. */
  release(listener: Listener): void {
    if (--listener.users > 0) return;
    this.#remove(listener);
    if (listener.theirs !== undefined) listener.theirs.isClaimed = false;
    else if (listener.channel >= 0) this.#options.io.close(listener.channel);
  }

  /** In the commit: takes over what is claimed, and opens what is deferred. A refusal is logged. */
  takeOver(): void {
    const from = this.#predecessor;
    this.#predecessor = undefined;
    this.#ending = [];
    for (const listener of this.#all) {
      const { theirs } = listener;
      listener.theirs = undefined;
      if (theirs === undefined || from === undefined) continue;
      if (theirs.channel >= 0) this.#options.io.adopt(theirs.channel, this.#options.batch);
      listener.channel = theirs.channel;
      from.#remove(theirs);
    }
    for (const listener of this.#all) {
      const { deferral, port, family } = listener;
      listener.deferral = undefined;
      if (deferral === undefined) continue;
      for (const ending of deferral) {
        for (const each of ending.#atOtherPlaces(port, family)) {
          ending.#remove(each);
          if (each.channel >= 0) this.#options.io.close(each.channel);
        }
      }
      this.#openAgain(listener, `TCP port ${port} of ${placeText(listener)} cannot be opened`);
    }
  }

  /**
   * Opens again what could not be opened; and with `isNew` all, after their device was made again, because
   * they belong to the one that is gone.
   */
  reopen(isNew: boolean): void {
    for (const listener of this.#all) {
      if (listener.theirs !== undefined || listener.deferral !== undefined || listener.isClaimed) continue;
      if (!isNew && !isLost(listener)) continue;
      if (listener.channel >= 0) this.#options.io.close(listener.channel);
      listener.channel = -1;
      const complaint = `TCP port ${listener.port} cannot be opened again on ${this.#options.device}`;
      this.#openAgain(listener, isNew ? complaint : undefined);
    }
  }

  #openAgain(listener: Listener, complaint: string | undefined): void {
    try {
      listener.channel = this.#listen(listener.port, listener);
      this.#options.onOpen(listener.channel);
    } catch (error) {
      if (complaint !== undefined) this.#options.context.log('error', `${complaint}: ${messageOf(error)}`);
    }
  }

  /** Closes all. If the change failed, the claimed ones stay with the other piece. */
  close(): void {
    for (const { theirs, channel } of this.#all) {
      if (theirs !== undefined) theirs.isClaimed = false;
      else if (channel >= 0) this.#options.io.close(channel);
    }
    this.#all.clear();
    this.#byKey.clear();
  }
}

export interface TcpListenersOptions {
  readonly io: FunnelIo;
  readonly context: PieceContext;
  /** The name of the endpoint's kind, for the key by which a later lane inherits the descriptors. */
  readonly kind: string;
  /** The device to keep to; empty for any. */
  readonly device: string;
  /** The batch in which channels are opened. */
  readonly batch: number;
  /** Called with the channel of each listener that was opened, but not with those that are taken over. */
  readonly onOpen: (channel: number) => void;
  /** The listeners of the endpoint that this one succeeds. */
  readonly predecessor: TcpListeners | undefined;
  /** The listeners of all endpoints of this kind that end in the same change. */
  readonly ending: readonly TcpListeners[];
}

/** Whether it could not be opened again. */
function isLost({ channel, theirs, deferral }: Listener): boolean {
  return channel < 0 && theirs === undefined && deferral === undefined;
}

function keyOf(port: number, { family, address }: Place): string {
  return `${family} ${port} ${address}`;
}

function placeText({ family, address }: Place): string {
  return address === '' ? `IPv${family}` : address;
}
