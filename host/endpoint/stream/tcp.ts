import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { localPorts } from '../../stack/stack.ts';
import { Acceptor } from '../acceptor.ts';
import { type FunnelIo, loadAddon, type StreamNames } from '../addon.ts';
import { descriptorReserve } from '../descriptor-reserve.ts';
import { absentText, DeviceWatch } from '../device-watch.ts';
import { isDummy } from '../dummy-address.ts';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import { Grants } from '../grants.ts';
import { formatAddress, parseAddress } from '../ip-address.ts';
import { listText } from '../list-text.ts';
import { OwnAddresses } from '../own-addresses.ts';
import { openSharedPort } from '../shared-port.ts';
import { type Listener, type Place, TcpListeners } from '../tcp-listeners.ts';
import { Connection } from './connection.ts';
import { ACK, headerOf, RST, SYN } from './stream-header.ts';
import { type StreamOwner, Streams } from './streams.ts';
import { tcpDescription } from './tcp-description.ts';
import { readTcpSettings, type TcpSettings } from './tcp-settings.ts';

/** The native piece `tcp`: connections of this machine, as frames that open, carry and end streams. */
export class TcpPiece extends PieceBase implements Piece, StreamOwner {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #settings: TcpSettings;
  readonly #problems: readonly Problem[];
  readonly #grants: Grants;
  #io: FunnelIo | undefined;
  #streams: Streams | undefined;
  #own: OwnAddresses | undefined;
  #listeners: TcpListeners | undefined;
  #devices: DeviceWatch | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  /** With the setting `remote`, the reason for which the last connection was not opened; else empty. */
  #refusal = '';
  /** The pieces that end when this one begins. */
  #ending: readonly TcpPiece[] = [];
  #predecessor: TcpPiece | undefined;
  #isTakenOver = false;
  #acceptor: Acceptor | undefined;

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#protocols = protocols;
    const read = readTcpSettings(settings);
    this.#settings = read.settings;
    this.#problems = read.problems;
    this.description = tcpDescription(read.settings.families);
    this.#grants = new Grants(read.settings.destinations, read.settings);
  }

  /** The open ports. */
  get ports(): readonly number[] {
    return [...(this.#listeners?.ports ?? [])];
  }

  /** The number of connections that are open or opening. */
  get connections(): number {
    return this.#streams?.size ?? 0;
  }

  /** Plans to take over the connections, and the wanted ports, of a predecessor with the same options. */
  succeed(retiring: readonly Piece[]): void {
    const { address, device, families } = this.#settings;
    this.#ending = retiring.filter((piece) => piece instanceof TcpPiece);
    for (const piece of retiring) {
      if (!(piece instanceof TcpPiece) || piece.#isTakenOver || piece.#streams === undefined) continue;
      const theirs = piece.#settings;
      if (
        theirs.address !== address ||
        theirs.device !== device ||
        theirs.families.join() !== families.join()
      )
        continue;
      this.#predecessor = piece;
      piece.#isTakenOver = true;
      return;
    }
  }

  /**
   * @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS,
   * FT_SOCKET_OPEN
   */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const { ports, families } = this.#settings;
    try {
      this.#io = loadAddon();
      this.#streams = new Streams(
        this.#io,
        this.#context,
        this.#frames,
        this.#protocols,
        this,
        this.#settings,
      );
      this.#acceptor = new Acceptor(
        this.#io,
        this.#context,
        this.#settings,
        () => this.connections,
        () => this.#listeners?.channels ?? [],
      );
      this.#listeners = new TcpListeners({
        io: this.#io,
        context: this.#context,
        kind: 'tcp',
        device: this.#settings.device,
        batch: this.#streams.batch,
        onOpen: (channel) => this.#acceptor!.poll(channel),
        predecessor: this.#predecessor === undefined ? undefined : this.#predecessor.#listeners,
        ending: this.#ending.flatMap((piece) => piece.#listeners ?? []),
      });
      this.#own = new OwnAddresses(this.#grants);
      for (const port of ports) this.#listen(port, families);
      // Connections come and go, and their number is reported only now and then.
      this.#lookTimer = setInterval(() => this.#report(), LOOK_MS).unref();
      this.#devices = new DeviceWatch(this.#io, this.#streams.batch, this.#settings.device, {
        context: this.#context,
        index: this.#predecessor?.deviceIndex,
        onLook: (isNew) => this.#listenAgain(isNew),
      });
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  /** Opens a port in all IP versions or none, or counts one more user of it. */
  #listen(port: number, families: readonly (4 | 6)[]): void {
    openSharedPort(
      port,
      families,
      (wanted, family) => this.#listenOne(wanted, family, families.length > 1, port),
      (listener) => this.#listeners!.release(listener),
    );
  }

  /** @param asked the requested port: 0 if the system chose `port` for the other family */
  #listenOne(port: number, family: 4 | 6, mayLack: boolean, asked: number): Listener | undefined {
    descriptorReserve.demand(`piece ${this.#context.name}: TCP port ${port}`);
    return this.#listeners!.open(port, this.#placeOf(family), asked, mayLack);
  }

  #placeOf(family: 4 | 6): Place {
    return { family, address: this.#settings.address };
  }

  /** The number of the device to which the sockets are bound; undefined before the start. */
  get deviceIndex(): number | undefined {
    return this.#devices?.index;
  }

  /** Whether a port could not be opened again. */
  get deviates(): boolean {
    return (this.#listeners?.lost.length ?? 0) > 0;
  }

  #listenAgain(isNew: boolean): void {
    this.#listeners?.reopen(isNew);
    this.#report();
  }

  /** A neighbour may listen on thousands of ports in one turn, and one report is enough. */
  #reportLater(): void {
    this.#reportTimer ??= setTimeout(() => {
      this.#reportTimer = undefined;
      this.#report();
    }, 0).unref();
  }

  /** Reports for the user which ports are open, and where they are bound. */
  #report(): void {
    const { address, device, families, remote } = this.#settings;
    const ports = new Set(this.ports);
    const facts = {
      ...(ports.size === 0 ? {} : { ports: listText(ports) }),
      address: address === '' ? `any of ${families.map((each) => `IPv${each}`).join(' and ')}` : address,
      ...(device === '' ? {} : { device }),
      ...(remote === undefined ? {} : { remote: endpointText(remote) }),
      connections: String(this.connections),
    };
    const lost = this.#listeners?.lost ?? [];
    if (this.#devices?.isAbsent) {
      this.#context.status({ health: 'impaired', summary: absentText(device), facts });
    } else if (lost.length > 0) {
      const summary = `TCP port ${listText(new Set(lost.map(({ port }) => port)))} could not be opened again`;
      this.#context.status({ health: 'failed', summary, facts });
    } else if (this.#refusal !== '') {
      const why =
        this.description.reasons.find(({ name }) => name === this.#refusal)?.summary ?? this.#refusal;
      const summary = `the last connection was refused: ${why.replace(/\.$/, '')}`;
      this.#context.status({ health: 'impaired', summary, facts });
    } else {
      const summary = ports.size === 0 ? 'opens connections, and listens on no port' : 'listens';
      this.#context.status({ health: 'good', summary, facts });
    }
  }

  takeOver(): void {
    const from = this.#predecessor;
    this.#predecessor = undefined;
    this.#ending = [];
    this.#listeners?.takeOver();
    this.#devices?.soon();
    this.#report();
    if (from === undefined || from.#streams === undefined) return;
    this.#streams!.takeOver(from.#streams);
  }

  override join(joining: Joining): void {
    this.#streams?.setEdge(joining.edge);
    this.#acceptor?.setJoined(true);
  }

  override leave(): void {
    this.#streams?.setEdge(-1);
    this.#acceptor?.setJoined(false);
  }

  override ready(_edge: number, isReady: boolean): void {
    this.#streams?.setReady(isReady);
  }

  /**
   * Opens, or closes, the ports on which a neighbour listens. The problem is an EndpointError with its code.
   */
  override listening(_edge: number, stack: string, present: boolean): Problem | undefined {
    const { ports, families } = this.#opensFor(stack);
    const opened: number[] = [];
    for (const port of ports) {
      if (!present) {
        this.#unlisten(port, families);
        continue;
      }
      try {
        this.#listen(port, families);
        opened.push(port);
      } catch (error) {
        for (const each of opened) this.#unlisten(each, families);
        if (error instanceof EndpointError) return error;
        throw error;
      }
    }
    this.#reportLater();
    return undefined;
  }

  descriptorsFor(stack: string): readonly number[] {
    const { ports, families } = this.#opensFor(stack);
    return ports.flatMap((port) => families.map((family) => port * 8 + family));
  }

  /** Returns the ports to open for a stack that a neighbour listens on: none if it is not of TCP. */
  #opensFor(text: string): { readonly ports: readonly number[]; readonly families: readonly (4 | 6)[] } {
    const stack = parseStack(text, this.#protocols);
    const at = stack.steps.findIndex(({ kind }) => kind === 'ports');
    const carrier = stack.steps[at - 1];
    if (carrier?.kind !== 'protocols' || !carrier.protocols.includes('tcp'))
      return { ports: [], families: [] };
    const under = stack.steps[at - 2];
    const families = this.#settings.families.filter(
      (family) => under?.kind !== 'protocols' || under.protocols.includes(`ipv${family}`),
    );
    return { ports: families.length === 0 ? [] : localPorts(stack), families };
  }

  #unlisten(port: number, families: readonly (4 | 6)[]): void {
    for (const family of families) {
      const listener = this.#listeners?.find(port, this.#placeOf(family));
      if (listener !== undefined) this.#listeners?.release(listener);
    }
  }

  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    if (this.#streams === undefined) {
      const count = Math.min(inbox.length, limit);
      for (let n = 0; n < count; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
      inbox.take(count);
      if (count > 0) this.#context.count('closed', count);
      return Infinity;
    }
    return this.#streams.process(now, inbox, limit, outbox);
  }

  // Connections to this machine.

  listenerReady(channel: number, events: number): void {
    if (this.#devices?.isAt(channel) === true) {
      this.#devices.hear(events);
      return;
    }
    const streams = this.#streams!;
    const opened: Connection[] = [];
    this.#acceptor!.accept(channel, (accepted) => {
      const connection = this.#connectionOf(accepted, this.#io!.streamNames(accepted));
      if (connection === undefined || !streams.add(connection)) {
        this.#io!.resetStream(accepted);
        return;
      }
      streams.notify(connection, SYN);
      opened.push(connection);
    });
    streams.deliver();
    for (const connection of opened) if (!connection.isClosed) streams.start(connection);
  }

  /** Returns undefined for a peer that is gone already. */
  #connectionOf(channel: number, names: StreamNames): Connection | undefined {
    const remote = parseAddress(names.address);
    const local = parseAddress(names.localAddress);
    if (remote === undefined || local === undefined) return undefined;
    const header = headerOf({ address: remote, port: names.port }, { address: local, port: names.localPort });
    return new Connection(channel, header, remote.length === 4, false);
  }

  closed(_connection: Connection): void {
    this.#acceptor?.closed();
  }

  // Connections from this machine.

  open(ip: number, tcp: number, isIpv4: boolean): string {
    const { bytes } = this.#frames;
    const { remote, device, address, connections, keepaliveSeconds, families } = this.#settings;
    const at = ip + (isIpv4 ? 16 : 24);
    const size = isIpv4 ? 4 : 16;
    const named = { address: bytes.slice(at, at + size), port: (bytes[tcp + 2]! << 8) | bytes[tcp + 3]! };
    const source = bytes.slice(at - size, at);
    const localPort = (bytes[tcp]! << 8) | bytes[tcp + 1]!;
    const to = remote ?? named;
    const family = to.address.length === 4 ? 4 : 6;
    if (named.port === 0 || (remote === undefined && named.address.every((byte) => byte === 0)))
      return 'no-destination';
    // The setting `remote` grants itself.
    if (
      remote === undefined &&
      !(isIpv4 ? this.#grants.allowsIpv4(bytes, at) : this.#grants.allowsIpv6(bytes, at))
    )
      return 'not-granted';
    if (!families.includes(family)) return 'not-granted';
    if (this.connections >= connections) return 'too-many';
    const isNameless = remote !== undefined || isDummy(source);
    const isBoundTo = !isNameless && source.some((byte) => byte !== 0);
    try {
      const channel = this.#io!.connectStream(this.#streams!.batch, {
        family,
        address: formatAddress(to.address),
        port: to.port,
        localAddress: isBoundTo ? formatAddress(source) : address,
        // With `remote`, and behind the address of a stream that has none, the neighbour's port only
        // identifies the stream: it may be the one to which a connection came on the other side.
        localPort: isNameless ? 0 : localPort,
        device,
        idleSeconds: keepaliveSeconds,
      });
      const header = headerOf(named, { address: source, port: localPort });
      const connection = new Connection(channel, header, isIpv4, true);
      if (!this.#streams!.add(connection)) {
        this.#io!.close(channel);
        return 'bad-source';
      }
      this.#streams!.watch(connection);
      return '';
    } catch (error) {
      const reason = reasonOf(systemCode(error));
      this.#reportRefusal(reason);
      return reason;
    }
  }

  /** Connections to one peer of the settings have one state; others fail by what a neighbour named. */
  #reportRefusal(refusal: string): void {
    if (this.#settings.remote === undefined || refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#reportLater();
  }

  connected(connection: Connection, error: number): void {
    const streams = this.#streams!;
    this.#reportRefusal(error === 0 ? '' : (REASONS.get(error) ?? 'other-error'));
    if (error !== 0) {
      this.#context.count(REASONS.get(error) ?? 'other-error', 1);
      streams.notify(connection, RST | ACK);
      streams.close(connection, REASONS.get(error) ?? 'other-error', false);
      return;
    }
    const { header, isIpv4 } = connection;
    const ip = isIpv4 ? 20 : 40;
    if (header[ip + 2] === 0 && header[ip + 3] === 0) {
      // The system chose the port, and the address if the frame named none.
      const { localAddress, localPort } = this.#io!.streamNames(connection.channel);
      const local = parseAddress(localAddress);
      const renamed = header.slice();
      if (local !== undefined && local.length === (isIpv4 ? 4 : 16)) renamed.set(local, isIpv4 ? 16 : 24);
      renamed[ip + 2] = localPort >>> 8;
      renamed[ip + 3] = localPort;
      if (!streams.rename(connection, renamed)) {
        streams.close(connection, 'bad-source', true);
        return;
      }
    }
    connection.isOpening = false;
    streams.notify(connection, SYN | ACK);
    streams.deliver();
    if (!connection.isClosed) streams.start(connection);
  }

  close(): void {
    clearInterval(this.#lookTimer);
    this.#acceptor?.end();
    clearTimeout(this.#reportTimer);
    this.#devices?.close();
    this.#own?.close();
    if (this.#predecessor !== undefined) {
      // The change failed: everything stays with the other piece.
      this.#predecessor.#isTakenOver = false;
      this.#predecessor = undefined;
    }
    this.#listeners?.close();
    this.#listeners = undefined;
    this.#streams?.end();
    this.#streams = undefined;
  }
}

function endpointText({ address, port }: { readonly address: Uint8Array; readonly port: number }): string {
  return address.length === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

/** The delay between two reports of the number of connections. */
const LOOK_MS = 10_000;

function reasonOf(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
      return 'unreachable';
    case 'EADDRNOTAVAIL':
    case 'EADDRINUSE':
    case 'EINVAL':
      return 'bad-source';
    case 'EMFILE':
    case 'ENFILE':
      return 'too-many';
    default:
      return 'other-error';
  }
}

/** The reasons for errnos of a connection that failed. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [111, 'refused'],
  [104, 'refused'],
  [113, 'unreachable'],
  [101, 'unreachable'],
  [110, 'timed-out'],
  [99, 'bad-source'],
  [98, 'bad-source'],
]);
