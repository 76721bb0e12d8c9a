import type { PieceContext } from '../../piece/piece.ts';
import type { UdpOptions } from '../addon.ts';
import { descriptorReserve } from '../descriptor-reserve.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { openSharedPort } from '../shared-port.ts';
import type { UdpIo } from './udp-io.ts';
import { parseGroup } from './udp-listens.ts';
import type { UdpSettings } from './udp-settings.ts';

/** All responders of a machine share this port (RFC 6762 §15), and the socket of its group shares it, too. */
const MDNS_PORT = 5353;

/**
 * The sockets of one UDP endpoint: the open ports with their number of users, and the socket that sends from
 * each port.
 */
export class UdpSockets {
  readonly #io: UdpIo;
  readonly #settings: UdpSettings;
  readonly #context: PieceContext;
  /** Sockets of pieces that end when this one begins. */
  readonly #predecessors: readonly UdpSockets[];
  /** This includes pieces whose sockets are of another kind, so that only their ports can be taken over. */
  readonly #ending: readonly UdpSockets[];
  /** Whether the predecessors' sockets can be taken over now; until then they are only claimed. */
  #isActive = false;
  readonly #open: OpenSocket[] = [];
  /** The same, by {@link keyOf}. */
  readonly #byPort = new Map<number, OpenSocket>();
  /** The number of sockets of each open port. */
  readonly #ports = new Map<number, number>();
  /** Channel + 1 by port, for each family; 0 is closed. */
  readonly #channels4 = new Uint16Array(65_536);
  readonly #channels6 = new Uint16Array(65_536);
  /** Channels that do not receive yet. */
  readonly #inherited: number[] = [];
  readonly #groups = new Map<string, number>();
  /** Groups that could not be joined; each is logged once. */
  readonly #refusedGroups = new Set<string>();

  constructor(
    io: UdpIo,
    settings: UdpSettings,
    context: PieceContext,
    predecessors: readonly UdpSockets[] = [],
  ) {
    this.#io = io;
    this.#settings = settings;
    this.#context = context;
    this.#ending = predecessors;
    this.#predecessors = predecessors.filter((other) => io.canAdopt(other.#io));
  }

  get ports(): readonly number[] {
    return [...this.#ports.keys()];
  }

  /** The same, without a list of its own: a neighbour may open thousands. */
  get eachPort(): Iterable<number> {
    return this.#ports.keys();
  }

  get portCount(): number {
    return this.#ports.size;
  }

  /** Ports whose sockets could not be opened again. */
  get closedPorts(): readonly number[] {
    const closed: number[] = [];
    for (const { port, channel, claim, deferral } of this.#open)
      if (channel < 0 && claim === undefined && deferral === undefined) closed.push(port);
    return closed;
  }

  get groups(): readonly string[] {
    return [...this.#groups.keys()];
  }

  /** Groups that the system refused to join at the last try. */
  get refusedGroups(): readonly string[] {
    return [...this.#refusedGroups].filter((each) => !this.#groups.has(each));
  }

  /**
   * Returns the channel that sends from this port, or the first one for port 0; -1 if the port is not open.
   */
  channelOf(port: number, isIpv4: boolean): number {
    return (isIpv4 ? this.#channels4 : this.#channels6)[port]! - 1;
  }

  /**
   * Opens a port in all families or none, or counts one more user of it. A system without IPv6 has no IPv6
   * sockets.
   *
   * @throws EndpointError FT_UDP_PORT_IN_USE, FT_UDP_PERMISSION, FT_UDP_ADDRESS, FT_UDP_OPEN
   */
  open(port: number, families: readonly (4 | 6)[]): void {
    openSharedPort(
      port,
      families,
      (wanted, family) => this.#openOne(wanted, family, families.length > 1, port),
      (socket) => this.#closeOne(socket),
    );
  }

  /** Takes a socket that another program opened. It stays open also when no neighbour listens. */
  inherit(descriptor: number): void {
    const { channel, port, families } = this.#io.inherit(descriptor, this.#settings);
    this.#inherited.push(channel);
    for (const family of families)
      this.#add({ family, port, wanted: port, channel, users: 1, isInherited: true });
  }

  /** Receives from the inherited sockets, too. */
  beginInherited(): void {
    for (const channel of this.#inherited.splice(0)) this.#io.begin(channel);
  }

  /** @param asked the requested port: 0 if the system chose `port` for the other family */
  #openOne(port: number, family: 4 | 6, mayLack: boolean, asked: number): OpenSocket | undefined {
    const known = port === 0 ? undefined : this.#find(port, family);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const claimed = this.#claim(port, family);
    if (claimed !== undefined) return claimed;
    descriptorReserve.demand(`piece ${this.#context.name}: UDP port ${port}`);
    try {
      const made = this.#openNew(port, family);
      const socket: OpenSocket = { ...made, family, wanted: port, users: 1 };
      this.#add(socket);
      return socket;
    } catch (error) {
      if (mayLack && family === 6 && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(systemCode(error)))
        return undefined;
      throw this.#openError(error, asked);
    }
  }

  #openNew(port: number, family: 4 | 6): Pick<OpenSocket, 'channel' | 'port' | 'isHeld' | 'deferral'> {
    const options = this.#optionsOf(port, family);
    try {
      return this.#io.open(options);
    } catch (error) {
      const own = systemCode(error) === 'EADDRINUSE' ? this.#findEnding(port, family) : undefined;
      if (own === undefined) throw error;
      // A piece that this one replaces has the port, bound differently.
      if (!this.#io.canOpenBeside(own.from.#io)) return this.#defer(own, options);
      const made = this.#io.openBeside(own.from.#io, own.channel, options);
      if (this.#isActive) this.#io.begin(made.channel);
      return { ...made, isHeld: !this.#isActive };
    }
  }

  /**
   * A port that cannot be open twice: it is opened in the commit, when the predecessor's is closed. Whether
   * the system lets it be bound so is tried now, with another port.
   */
  #defer({ from, theirs }: Deferral, options: UdpOptions): Pick<OpenSocket, 'channel' | 'port' | 'deferral'> {
    this.#io.close(this.#io.open({ ...options, port: 0 }).channel);
    const made = { channel: -1, port: options.port };
    if (!this.#isActive) {
      theirs.successor = this;
      return { ...made, deferral: { from, theirs } };
    }
    from.#yield(theirs);
    return this.#io.open(options);
  }

  /** Closes a socket in favour of a successor that is bound otherwise. */
  #yield(theirs: OpenSocket): void {
    if (!this.#open.includes(theirs)) return;
    this.#io.close(theirs.channel);
    this.#remove(theirs);
  }

  #optionsOf(port: number, family: 4 | 6): UdpOptions {
    const { address, device, broadcast, fragmentIpv6, offload } = this.#settings;
    return {
      family,
      address,
      port,
      device,
      group: '',
      reuse: port === MDNS_PORT,
      broadcast: broadcast && family === 4,
      fragment: fragmentIpv6,
      offload,
    };
  }

  #findEnding(port: number, family: 4 | 6): (Deferral & { readonly channel: number }) | undefined {
    for (const from of this.#ending) {
      const theirs = from.#open.find(
        (each) =>
          each.isInherited !== true &&
          each.successor === undefined &&
          each.channel >= 0 &&
          each.family === family &&
          each.port === port,
      );
      if (theirs !== undefined) return { from, theirs, channel: theirs.channel };
    }
    return undefined;
  }

  /**
   * Returns a predecessor's open port with the options of this piece, including one that the system chose for
   * port 0.
   */
  #claim(port: number, family: 4 | 6): OpenSocket | undefined {
    for (const from of this.#predecessors) {
      if (
        from.#settings.address !== this.#settings.address ||
        from.#settings.device !== this.#settings.device ||
        from.#settings.fragmentIpv6 !== this.#settings.fragmentIpv6 ||
        from.#settings.offload !== this.#settings.offload
      )
        continue;
      const theirs = from.#open.find(
        (each) =>
          each.isInherited !== true &&
          each.successor === undefined &&
          each.claim === undefined &&
          each.channel >= 0 &&
          each.family === family &&
          (port === 0 ? each.wanted === 0 : each.port === port),
      );
      if (theirs === undefined) continue;
      const socket: OpenSocket = { ...theirs, wanted: port, channel: -1, users: 1, claim: { from, theirs } };
      theirs.successor = this;
      this.#add(socket);
      if (this.#isActive) this.#adopt(socket);
      return socket;
    }
    return undefined;
  }

  #adopt(socket: OpenSocket): void {
    if (socket.claim === undefined) return;
    const { from, theirs } = socket.claim;
    const broadcast = this.#settings.broadcast && socket.family === 4;
    // Meanwhile it may have been lost with its device; then it is tried again.
    if (theirs.channel >= 0) socket.channel = this.#io.adopt(from.#io, theirs.channel, broadcast);
    socket.claim = undefined;
    from.#remove(theirs);
    this.#list(socket);
  }

  /** Takes over the claimed sockets now, and others that are wanted until the predecessors end. */
  takeOver(): void {
    this.#isActive = true;
    for (const socket of this.#open) {
      this.#adopt(socket);
      this.#openDeferred(socket);
      if (socket.isHeld === true) this.#io.begin(socket.channel);
      socket.isHeld = false;
    }
  }

  #openDeferred(socket: OpenSocket): void {
    const { deferral } = socket;
    if (deferral === undefined) return;
    socket.deferral = undefined;
    deferral.from.#yield(deferral.theirs);
    try {
      socket.channel = this.#io.open(this.#optionsOf(socket.port, socket.family)).channel;
    } catch (error) {
      const { code, message } = this.#openError(error, socket.port);
      this.#context.log('error', `${code}: ${message}`);
    }
    this.#list(socket);
  }

  /**
   * Ends all claims: no socket can be taken over from here any more, and sockets that were only claimed are
   * given back.
   */
  end(): void {
    for (const socket of this.#open) this.#giveBack(socket);
    this.#open.length = 0;
    this.#byPort.clear();
    this.#ports.clear();
    this.#groups.clear();
  }

  /** Removes one user of a port; a port without users is closed. */
  close(port: number, families: readonly (4 | 6)[]): void {
    for (const family of families) {
      const socket = this.#find(port, family);
      if (socket !== undefined) this.#closeOne(socket);
    }
  }

  #closeOne(socket: OpenSocket): void {
    if (--socket.users > 0) return;
    // The successor that claimed the socket has it open from the commit on. If the change fails, the socket
    // comes back and is closed then.
    if (socket.successor !== undefined) return;
    this.#closeUnused(socket);
  }

  #closeUnused(socket: OpenSocket): void {
    if (socket.claim === undefined && socket.deferral === undefined) this.#io.close(socket.channel);
    else this.#giveBack(socket);
    this.#remove(socket);
  }

  /** Gives a claimed socket back to its owner, unless the owner does not use it any more. */
  #giveBack({ claim, deferral }: OpenSocket): void {
    const given = claim ?? deferral;
    if (given === undefined) return;
    const { from, theirs } = given;
    theirs.successor = undefined;
    if (theirs.users === 0) from.#closeUnused(theirs);
  }

  #find(port: number, family: 4 | 6): OpenSocket | undefined {
    return this.#byPort.get(keyOf(port, family));
  }

  // A piece may open thousands of ports while it runs, so none of these calls searches all open ports.
  #add(socket: OpenSocket): void {
    this.#open.push(socket);
    this.#byPort.set(keyOf(socket.port, socket.family), socket);
    this.#ports.set(socket.port, (this.#ports.get(socket.port) ?? 0) + 1);
    this.#list(socket);
  }

  #remove(socket: OpenSocket): void {
    this.#open.splice(this.#open.indexOf(socket), 1);
    this.#byPort.delete(keyOf(socket.port, socket.family));
    const others = this.#ports.get(socket.port)! - 1;
    if (others > 0) this.#ports.set(socket.port, others);
    else this.#ports.delete(socket.port);
    const channels = this.#channelsOf(socket.family);
    channels[socket.port] = 0;
    if (channels[0] !== socket.channel + 1) return;
    const first = this.#open.find(({ family, channel }) => family === socket.family && channel >= 0);
    channels[0] = first === undefined ? 0 : first.channel + 1;
  }

  /** Makes frames find this socket by its port, and the first socket by port 0. */
  #list(socket: OpenSocket): void {
    const channels = this.#channelsOf(socket.family);
    const before = channels[socket.port]!;
    channels[socket.port] = socket.channel + 1;
    if (channels[0] === 0 || channels[0] === before) channels[0] = socket.channel + 1;
  }

  #channelsOf(family: 4 | 6) {
    return family === 4 ? this.#channels4 : this.#channels6;
  }

  /**
   * Joins these groups, and leaves the others. A group that cannot be joined is logged, and tried again at
   * the next change.
   */
  setGroups(groups: readonly string[]): void {
    const wanted = new Set(groups);
    for (const [text, channel] of this.#groups) {
      if (wanted.has(text)) continue;
      this.#io.close(channel);
      this.#groups.delete(text);
    }
    for (const text of this.#refusedGroups) if (!wanted.has(text)) this.#refusedGroups.delete(text);
    for (const text of wanted) {
      const group = parseGroup(text);
      if (group === undefined || this.#groups.has(text) || !this.#settings.families.includes(group.family))
        continue;
      const { address, port, family } = group;
      const inherited = this.#inheritGroup(text);
      if (inherited !== undefined) {
        this.#groups.set(text, inherited);
        continue;
      }
      try {
        descriptorReserve.demand(`the group ${text}`);
        // The socket is bound to the group itself, so that it receives nothing else, beside other programs
        // that do the same.
        const { channel } = this.#io.open({
          family,
          address,
          port,
          device: this.#settings.device,
          group: address,
          reuse: true,
          broadcast: false,
          fragment: true,
          offload: false,
        });
        this.#groups.set(text, channel);
        this.#refusedGroups.delete(text);
      } catch (error) {
        if (!this.#refusedGroups.has(text)) {
          const range = family === 4 ? '224.0.0.0/4' : 'ff00::/8';
          // ENODEV: no route leads to groups, as on a host without a default route.
          if (systemCode(error) === 'ENODEV')
            this.#context.log(
              'info',
              `cannot join the group ${text} yet: no route leads to groups. It is joined when one comes; to add one: ip route add ${range} dev DEVICE`,
            );
          else this.#context.log('warn', `cannot join the group ${text}: ${messageOf(error)}`);
        }
        this.#refusedGroups.add(text);
      }
    }
  }

  /**
   * Opens again the sockets that could not be opened again; and all, with the groups, after the device to
   * which they are bound was made again: the old ones belong to the former device.
   */
  reopen(isNew: boolean): void {
    if (isNew) {
      for (const channel of this.#groups.values()) this.#io.close(channel);
      this.#groups.clear();
    }
    for (const socket of this.#open) {
      const isElsewhere = socket.claim !== undefined || socket.deferral !== undefined;
      if (isElsewhere || socket.isInherited === true || (!isNew && socket.channel >= 0)) continue;
      if (socket.channel >= 0) this.#io.close(socket.channel);
      socket.channel = -1;
      try {
        socket.channel = this.#io.open(this.#optionsOf(socket.port, socket.family)).channel;
      } catch (error) {
        const { code, message } = this.#openError(error, socket.port);
        if (isNew) this.#context.log('error', `${code}: ${message}`);
      }
      this.#list(socket);
    }
  }

  #inheritGroup(text: string): number | undefined {
    if (!this.#isActive) return undefined;
    for (const from of this.#predecessors) {
      const channel = from.#groups.get(text);
      if (channel === undefined || from.#settings.device !== this.#settings.device) continue;
      from.#groups.delete(text);
      return this.#io.adopt(from.#io, channel, false);
    }
    return undefined;
  }

  #openError(error: unknown, port: number): EndpointError {
    const { address, device } = this.#settings;
    const which = port === 0 ? "a UDP port of the system's choice" : `UDP port ${port}`;
    const where = `piece ${this.#context.name}: ${which}${address === '' ? '' : ` of ${address}`}`;
    const options = { cause: error };
    switch (systemCode(error)) {
      case 'EADDRINUSE':
        return new EndpointError(
          'FT_UDP_PORT_IN_USE',
          port === 0
            ? `${where} is in use in the other IP version, whatever it chose. Choose a port, or one family`
            : `${where} is in use by another process. Find it (ss -ulnp sport = :${port}) and end it, or choose another port`,
          { ...options, setting: 'port' },
        );
      case 'EACCES':
      case 'EPERM':
        return new EndpointError(
          'FT_UDP_PERMISSION',
          port > 0 && port < 1024
            ? `${where} is for privileged users. Run as root or with CAP_NET_BIND_SERVICE, or choose a port from 1024 on`
            : `${where} may not be opened${device === '' ? '' : ` on device ${device}`} by this user: ${messageOf(error)}`,
          options,
        );
      case 'EADDRNOTAVAIL':
      case 'ENODEV':
        return new EndpointError(
          'FT_UDP_ADDRESS',
          `${where} cannot be opened: this machine has no such ${systemCode(error) === 'ENODEV' ? `device, ${device}` : 'address'}. See "ip address" for its devices and addresses`,
          { ...options, setting: systemCode(error) === 'ENODEV' ? 'device' : 'address' },
        );
      default:
        return new EndpointError('FT_UDP_OPEN', `${where} cannot be opened: ${messageOf(error)}`, options);
    }
  }
}

interface Deferral {
  readonly from: UdpSockets;
  readonly theirs: OpenSocket;
}

interface OpenSocket {
  readonly family: 4 | 6;
  readonly port: number;
  /** The requested port: 0 for the system's choice. */
  readonly wanted: number;
  /** -1 while it is only claimed, and if it could not be opened again. */
  channel: number;
  /** Whether it is open beside the socket of a predecessor, and receives only from the commit on. */
  isHeld?: boolean;
  users: number;
  /** Another program opened it: a second one of an IPv6 socket that carries IPv4 has the same channel. */
  readonly isInherited?: true;
  /** The socket of a predecessor that this one takes over. */
  claim?: { readonly from: UdpSockets; readonly theirs: OpenSocket } | undefined;
  /** The socket of a predecessor that is closed in the commit, so that this one can be opened. */
  deferral?: Deferral | undefined;
  /** The successor that takes over this socket. */
  successor?: UdpSockets | undefined;
}

function keyOf(port: number, family: 4 | 6): number {
  return port * 8 + family;
}
