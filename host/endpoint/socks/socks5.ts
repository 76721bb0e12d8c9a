import type { Joining, Problem } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { Acceptor } from '../acceptor.ts';
import { type FunnelIo, loadAddon } from '../addon.ts';
import { DUMMY_IPV4, DUMMY_IPV6 } from '../dummy-address.ts';
import { formatAddress, parseAddress } from '../ip-address.ts';
import { listText } from '../list-text.ts';
import { openSharedPort } from '../shared-port.ts';
import { Connection } from '../stream/connection.ts';
import { ACK, headerOf, RST, SYN } from '../stream/stream-header.ts';
import { type StreamOwner, Streams } from '../stream/streams.ts';
import { type Place, TcpListeners } from '../tcp-listeners.ts';
import { type Association, DatagramRelay } from './datagram-relay.ts';
import { hostLookup, type NameLookup, PuzzleLookup } from './name-lookup.ts';
import { SOCKS5 } from './socks5-description.ts';
import { REPLY, replyOf, SocksNegotiation, type SocksRequest } from './socks5-negotiation.ts';
import { readSocks5Settings, type Socks5Settings } from './socks5-settings.ts';

/**
 * The native piece `socks5`. A client is a connection that passes through three states: it negotiates
 * ({@link Client}, in `#clients`); its stream waits for a neighbour (`#opening`); then it is a stream like
 * any other, or it keeps an association open until it closes (`#associations`).
 */
export class Socks5Piece extends PieceBase implements Piece, StreamOwner {
  readonly description = SOCKS5;
  override held = 0;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #settings: Socks5Settings;
  readonly #problems: readonly Problem[];
  #io: FunnelIo | undefined;
  #streams: Streams | undefined;
  #relay: DatagramRelay | undefined;
  #acceptor: Acceptor | undefined;
  #lookup: NameLookup = async () => [];
  #puzzleLookup: PuzzleLookup | undefined;
  #listeners: TcpListeners | undefined;
  #ending: readonly Socks5Piece[] = [];
  #predecessor: Socks5Piece | undefined;
  #isTakenOver = false;
  readonly #clients = new Map<number, Client>();
  readonly #opening = new Map<Connection, Client>();
  readonly #associations = new Map<number, Association>();
  #sweeper: NodeJS.Timeout | undefined;
  #edge = -1;
  #nextPort = 0;

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
    const read = readSocks5Settings(settings);
    this.#settings = read.settings;
    this.#problems = read.problems;
  }

  /** The ports on which it listens. */
  get ports(): readonly number[] {
    return [...(this.#listeners?.ports ?? [])];
  }

  /** The number of clients, in whichever state. */
  get connections(): number {
    const streams = this.#streams?.size ?? 0;
    return this.#clients.size + this.#associations.size + streams;
  }

  /** Plans to take over the listeners and streams of the predecessor on the same port. */
  succeed(retiring: readonly Piece[]): void {
    this.#ending = retiring.filter((piece) => piece instanceof Socks5Piece);
    this.#predecessor = this.#ending.find(
      (piece) =>
        !piece.#isTakenOver && piece.#streams !== undefined && piece.#settings.port === this.#settings.port,
    );
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = true;
  }

  /**
   * @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS,
   * FT_SOCKET_OPEN
   */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const { names, from, timeoutMs } = this.#settings;
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
      this.#relay = new DatagramRelay(this.#io, this.#context, this.#frames, this.#protocols, from);
      if (names === 'host') this.#lookup = hostLookup(parseAddress);
      else if (names !== 'none') {
        const randomId = () => Number(this.#context.random() & 0xffffn);
        this.#puzzleLookup = new PuzzleLookup(names, this.#relay.queries, randomId);
        this.#lookup = this.#puzzleLookup.lookup;
      }
      this.#relay.lookup = this.#lookup;
      this.#relay.onHeld = (held) => {
        this.held = held;
      };
      // Another piece, or an earlier instance, may have streams with the same port.
      this.#nextPort = Number(this.#context.random() & 0x7fffn);
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
        kind: 'socks5',
        device: '',
        batch: this.#streams.batch,
        onOpen: (channel) => this.#acceptor!.poll(channel),
        predecessor: this.#predecessor === undefined ? undefined : this.#predecessor.#listeners,
        ending: this.#ending.flatMap((piece) => piece.#listeners ?? []),
      });
      this.#listen(this.#listeners);
      this.#sweeper = setInterval(() => this.#sweep(), Math.min(500, timeoutMs / 4)).unref();
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  #listen(listeners: TcpListeners): void {
    const { addresses, port } = this.#settings;
    const isStandard = addresses.length === 0;
    openSharedPort(
      port,
      isStandard ? ['127.0.0.1', '::1'] : addresses.map(formatAddress),
      (wanted, address) => {
        const place: Place = { family: address.includes(':') ? 6 : 4, address };
        return listeners.open(wanted, place, port, isStandard);
      },
      (listener) => listeners.release(listener),
    );
  }

  takeOver(): void {
    const from = this.#predecessor;
    this.#predecessor = undefined;
    this.#listeners?.takeOver();
    this.#ending = [];
    const theirs = from === undefined ? undefined : from.#streams;
    if (from !== undefined && theirs !== undefined) this.#takeClients(from, theirs);
    this.#report();
  }

  #takeClients(from: Socks5Piece, theirs: Streams): void {
    this.#streams!.takeOver(theirs);
    for (const [connection, client] of from.#opening) this.#opening.set(connection, client);
    from.#opening.clear();
    for (const [channel, client] of from.#clients) {
      this.#io!.adopt(channel, this.#streams!.batch);
      this.#clients.set(channel, client);
      // The other piece forgets what its resolver finds.
      if (client.state === 'resolving') this.#resolve(client);
    }
    from.#clients.clear();
  }

  #report(): void {
    const { users, names } = this.#settings;
    const lost = this.#listeners?.lost ?? [];
    this.#context.status({
      health: lost.length > 0 ? 'failed' : 'good',
      summary: users.size === 0 ? 'listens for clients' : 'listens for clients with a password',
      facts: {
        port: listText(this.ports),
        address: listText([...(this.#listeners?.all ?? [])].map(({ address }) => address)),
        names: typeof names === 'string' ? names : listText(names.map(formatAddress)),
        datagrams: this.#relay?.isJoined === true ? 'yes' : 'no',
      },
    });
  }

  override join({ edge, described }: Joining): void {
    if (described === STREAM_EDGE) {
      this.#edge = edge;
      this.#streams?.setEdge(edge);
      this.#acceptor?.setJoined(true);
    } else {
      this.#relay?.setEdge(edge);
    }
    this.#report();
  }

  override leave(edge: number): void {
    if (edge === this.#edge) {
      this.#edge = -1;
      this.#acceptor?.setJoined(false);
      this.#streams?.setEdge(-1);
    } else if (this.#relay?.isEdge(edge) === true) {
      // The listening of its clients ends with the Edge.
      for (const channel of [...this.#associations.keys()]) this.#closeAssociation(channel);
      this.#relay.setEdge(-1);
    }
    this.#report();
  }

  override ready(edge: number, isReady: boolean): void {
    if (edge === this.#edge) this.#streams?.setReady(isReady);
  }

  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    if (this.#streams === undefined) {
      const count = Math.min(inbox.length, limit);
      for (let n = 0; n < count; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
      inbox.take(count);
      if (count > 0) this.#context.count('closed', count);
      return Infinity;
    }
    const next = this.#streams.process(now, inbox, limit, outbox);
    this.#relay!.flush();
    return next;
  }

  takesOther(row: number, edgeShape: number, skips: number): boolean {
    if (!this.#relay!.isEdge(edgeShape & 0xffff)) return false;
    this.#relay!.take(row, skips & 0xff, skips >>> 8);
    return true;
  }

  // Clients.

  listenerReady(channel: number): void {
    const client = this.#clients.get(channel);
    if (client !== undefined) this.#read(client);
    else if (this.#associations.has(channel)) this.#readAssociation(channel);
    else {
      this.#acceptor!.accept(channel, (accepted) => {
        const negotiation = new SocksNegotiation(this.#settings.users);
        const deadline = performance.now() + this.#settings.timeoutMs;
        this.#clients.set(accepted, {
          channel: accepted,
          negotiation,
          deadline,
          state: 'negotiating',
          addresses: [],
          host: '',
          port: 0,
        });
        this.#io!.poll(accepted, READABLE);
      });
    }
  }

  #read(client: Client): void {
    const { channel, negotiation } = client;
    for (;;) {
      const isOver = client.state === 'ending';
      const bytes = this.#streams!.readDirectly(channel, isOver ? DISCARDED_AT_ONCE : negotiation.wanted);
      if (bytes === undefined) return;
      if (bytes.length === 0) {
        this.#forget(client);
        return;
      }
      if (isOver) return;
      const next = negotiation.take(bytes);
      if (next === undefined) continue;
      const { reply, refusal, request } = next;
      if (refusal !== undefined) {
        this.#refuse(client, refusal, reply);
        return;
      }
      if (reply !== undefined && !this.#streams!.writeDirectly(channel, reply)) {
        this.#forget(client);
        return;
      }
      if (request !== undefined) {
        this.#request(client, request);
        return;
      }
    }
  }

  /**
   * Ends a client after the reply. Its further bytes are discarded, because closing with unread bytes would
   * be a reset, which can destroy the reply.
   */
  #refuse(client: Client, reason: string, reply?: Uint8Array): void {
    this.#context.count(reason, 1);
    const { channel } = client;
    if (reply === undefined || !this.#streams!.writeDirectly(channel, reply)) {
      this.#forget(client);
      return;
    }
    this.#io!.endStream(channel);
    client.state = 'ending';
    client.deadline = performance.now() + ENDING_MS;
    this.#clients.set(channel, client);
    this.#io!.poll(channel, READABLE);
  }

  #forget(client: Client): void {
    this.#clients.delete(client.channel);
    this.#io!.close(client.channel);
    this.#acceptor?.closed();
  }

  #request(client: Client, { command, host, port }: SocksRequest): void {
    const { channel } = client;
    this.#io!.poll(channel, 0);
    client.port = port;
    if (command === 'associate') {
      this.#associate(client);
      return;
    }
    if (typeof host === 'string') {
      client.host = host;
      this.#resolve(client);
      return;
    }
    client.addresses = [host];
    this.#connect(client);
  }

  #resolve(client: Client): void {
    client.state = 'resolving';
    void this.#lookup(client.host).then((found) => {
      // The client may have ended meanwhile, and its channel may belong to another one.
      if (this.#clients.get(client.channel) !== client || client.state !== 'resolving') return;
      client.addresses = [...found].slice(0, MOST_ADDRESSES);
      if (found.length === 0) this.#refuse(client, 'not-resolved', replyOf(REPLY.hostUnreachable));
      else this.#connect(client);
    });
  }

  /** Opens a stream to the next address of the client's host. */
  #connect(client: Client): void {
    const address = client.addresses.shift();
    if (address === undefined) {
      this.#refuse(client, 'not-accepted', replyOf(REPLY.refused));
      return;
    }
    const { from } = this.#settings;
    const isIpv4 = address.length === 4;
    const source = isIpv4 ? (from.ipv4 ?? DUMMY_IPV4) : (from.ipv6 ?? DUMMY_IPV6);
    const streams = this.#streams!;
    for (let n = 0; n <= LAST_PORT - FIRST_PORT; n++) {
      const remote = {
        address: source,
        port: FIRST_PORT + (this.#nextPort++ % (LAST_PORT - FIRST_PORT + 1)),
      };
      const header = headerOf(remote, { address, port: client.port });
      const connection = new Connection(client.channel, header, isIpv4, false);
      connection.isAwaited = connection.isLent = true;
      if (!streams.add(connection)) continue;
      client.state = 'opening';
      this.#clients.delete(client.channel);
      this.#opening.set(connection, client);
      streams.notify(connection, SYN);
      streams.deliver();
      return;
    }
    this.#context.count('too-many', 1);
    this.#refuse(client, 'not-accepted', replyOf(REPLY.failed));
  }

  /** A neighbour opens a stream: none goes to clients, because a SOCKS5 server has no way to them. */
  open(): string {
    return 'busy';
  }

  connected(): void {}

  accepted(connection: Connection): void {
    this.#opening.delete(connection);
    connection.isLent = false;
    const { header, isIpv4 } = connection;
    const at = isIpv4 ? 12 : 8;
    const source = header.subarray(at, at + (isIpv4 ? 4 : 16));
    const tcp = isIpv4 ? 20 : 40;
    const reply = replyOf(REPLY.succeeded, source, (header[tcp]! << 8) | header[tcp + 1]!);
    if (this.#streams!.writeDirectly(connection.channel, reply)) this.#streams!.start(connection);
    else {
      this.#streams!.notify(connection, RST | ACK);
      this.#streams!.close(connection, 'reset', true);
    }
  }

  closed(connection: Connection): void {
    const client = this.#opening.get(connection);
    if (client === undefined) {
      this.#acceptor?.closed();
      return;
    }
    this.#opening.delete(connection);
    // At the end of the piece, the stream is broken, and its channel is closed.
    if (connection.isBroken) return;
    this.#clients.set(client.channel, client);
    if (client.state === 'opening') this.#connect(client);
  }

  /** Ends what takes too long. */
  #sweep(): void {
    const now = performance.now();
    for (const client of [...this.#clients.values()]) {
      if (now < client.deadline) continue;
      if (client.state === 'resolving') this.#refuse(client, 'timed-out', replyOf(REPLY.hostUnreachable));
      else {
        if (client.state === 'negotiating') this.#context.count('timed-out', 1);
        this.#forget(client);
      }
    }
    for (const [connection, client] of [...this.#opening]) {
      if (now < client.deadline) continue;
      client.state = 'ending';
      this.#streams!.notify(connection, RST | ACK);
      this.#streams!.close(connection, 'timed-out', false);
      this.#refuse(client, 'timed-out', replyOf(REPLY.hostUnreachable));
    }
    this.#streams!.deliver();
  }

  // Datagrams.

  #associate(client: Client): void {
    const { channel, port } = client;
    const relay = this.#relay!;
    const names = this.#io!.streamNames(channel);
    const own = parseAddress(names.localAddress);
    const peer = parseAddress(names.address);
    if (!relay.isJoined) {
      this.#refuse(client, 'not-supported', replyOf(REPLY.noSuchCommand));
      return;
    }
    // A link-local address needs a device, which the socket towards the client does not have.
    const opened =
      own === undefined || peer === undefined ? 'it has no plain address' : relay.open(own, peer, port);
    if (typeof opened === 'string') {
      this.#context.log('warn', `a client gets no datagrams: ${opened}`);
      this.#refuse(client, 'not-accepted', replyOf(REPLY.failed));
      return;
    }
    this.#clients.delete(channel);
    this.#associations.set(channel, opened);
    this.#io!.poll(channel, READABLE);
    const reply = replyOf(REPLY.succeeded, opened.address, opened.port);
    if (!this.#streams!.writeDirectly(channel, reply)) this.#closeAssociation(channel);
  }

  /** The association ends with its connection (RFC 1928 §6). Bytes on it have no meaning. */
  #readAssociation(channel: number): void {
    const bytes = this.#streams!.readDirectly(channel, DISCARDED_AT_ONCE);
    if (bytes?.length === 0) this.#closeAssociation(channel);
  }

  #closeAssociation(channel: number): void {
    const association = this.#associations.get(channel);
    if (association === undefined) return;
    this.#associations.delete(channel);
    this.#relay!.close(association);
    this.#io!.close(channel);
    this.#acceptor?.closed();
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#acceptor?.end();
    this.#puzzleLookup?.close();
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = false;
    this.#predecessor = undefined;
    this.#ending = [];
    for (const channel of [...this.#associations.keys()]) this.#closeAssociation(channel);
    for (const client of [...this.#clients.values()]) this.#forget(client);
    this.#relay?.end();
    this.#listeners?.close();
    this.#listeners = undefined;
    this.#streams?.end();
    this.#streams = undefined;
  }
}

interface Client {
  readonly channel: number;
  readonly negotiation: SocksNegotiation;
  deadline: number;
  /** `ending`: it has got its refusal, and is to close. */
  state: 'negotiating' | 'resolving' | 'opening' | 'ending';
  /** The addresses to try. */
  addresses: Uint8Array[];
  host: string;
  port: number;
}

const STREAM_EDGE = 0;
const READABLE = 1;
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
const MOST_ADDRESSES = 8;
const DISCARDED_AT_ONCE = 1024;
const ENDING_MS = 2000;
