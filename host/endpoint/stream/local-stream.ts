import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { localPorts } from '../../stack/stack.ts';
import { type FunnelIo, loadAddon } from '../addon.ts';
import { Connection } from './connection.ts';
import type { LocalSettings } from './local-settings.ts';
import type { LocalHost, LocalSource, LocalStream, PeerCredentials } from './local-source.ts';
import { ACK, headerOf, RST, SYN } from './stream-header.ts';
import { type StreamOwner, Streams } from './streams.ts';

/** The parts of an endpoint of this kind: its description, the names of its streams, and their source. */
export interface LocalMake {
  readonly description: Description;
  readonly settings: LocalSettings;
  readonly problems: readonly Problem[];
  /** Two endpoints with the same text have the same source, so one can take over from the other. */
  readonly identity: string;
  makeSource(): LocalSource;
}

/**
 * A native piece whose streams have no addresses outside: `unix`, `fifo`, `stdio`, `pty`, `serial`,
 * `process`. In the puzzle they are TCP with the addresses of the settings; a separate port identifies each
 * stream.
 */
export class LocalStreamPiece extends PieceBase implements Piece, StreamOwner, LocalHost {
  readonly description: Description;
  readonly context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #make: LocalMake;
  #io: FunnelIo | undefined;
  #streams: Streams | undefined;
  #source: LocalSource | undefined;
  #predecessor: LocalStreamPiece | undefined;
  #isTakenOver = false;
  #edge = -1;
  #beginTimer: NodeJS.Immediate | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  /** The reason for which the last stream of a neighbour was not opened; empty where it was. */
  #refusal = '';
  #nextPort = FIRST_PORT;
  /** Ports on which neighbours listen, with their numbers of listeners. */
  readonly #listens = new Map<number, number>();
  readonly #peers = new Map<Connection, string>();
  readonly #pending = new Map<number, Connection>();
  readonly #onEnd = new Map<Connection, (withReset: boolean) => void>();

  constructor(context: PieceContext, frames: Frames, protocols: Protocols, make: LocalMake) {
    super();
    this.context = context;
    this.#frames = frames;
    this.#protocols = protocols;
    this.#make = make;
    this.description = make.description;
  }

  get io(): FunnelIo {
    return this.#io!;
  }

  get batch(): number {
    return this.#streams!.batch;
  }

  get count(): number {
    return this.#streams?.size ?? 0;
  }

  /** Whether another program took something from the source. */
  get deviates(): boolean {
    return this.#source?.deviates === true;
  }

  /** Many streams may begin or end in one turn, and one report is enough. */
  changed(): void {
    this.#reportTimer ??= setTimeout(() => {
      this.#reportTimer = undefined;
      this.#report();
    }, 0).unref();
  }

  /** Where many streams come and go, their number is reported only now and then. */
  #streamChanged(refusal: string): void {
    if (this.#source?.isSingle || refusal !== this.#refusal) this.changed();
    this.#refusal = refusal;
  }

  /** Reports the state of the source for the user, and why a neighbour got no stream. */
  #report(): void {
    const status = this.#source?.status();
    if (status === undefined) return;
    const why = this.description.reasons.find(({ name }) => name === this.#refusal)?.summary;
    if (why === undefined || status.health === 'failed') this.context.status(status);
    else {
      const summary = `the last stream was refused: ${why.replace(/\.$/, '')}`;
      this.context.status({ ...status, health: 'impaired', summary });
    }
  }

  /** Plans to take over the source, with all its streams, of a predecessor with the same identity. */
  succeed(retiring: readonly Piece[]): void {
    this.#predecessor = retiring.find(
      (piece): piece is LocalStreamPiece =>
        piece instanceof LocalStreamPiece &&
        !piece.#isTakenOver &&
        piece.#source !== undefined &&
        piece.#make.identity === this.#make.identity,
    );
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = true;
  }

  /**
   * @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS,
   * FT_SOCKET_OPEN
   */
  override start(): readonly Problem[] {
    if (this.#make.problems.length > 0) return this.#make.problems;
    try {
      this.#io = loadAddon();
      this.#streams = new Streams(
        this.#io,
        this.context,
        this.#frames,
        this.#protocols,
        this,
        this.#make.settings,
      );
      if (this.#predecessor === undefined) {
        this.#source = this.#make.makeSource();
        this.#source.start(this);
        this.#report();
      }
      // Nothing notifies of a path that another program removes.
      this.#lookTimer = setInterval(() => this.#report(), LOOK_MS).unref();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  takeOver(): void {
    const from = this.#predecessor;
    this.#predecessor = undefined;
    if (from === undefined) return;
    const theirs = from.#source!;
    from.#source = undefined;
    clearImmediate(from.#beginTimer);
    for (const channel of theirs.channels) this.io.adopt(channel, this.batch);
    this.#streams!.takeOver(from.#streams!);
    this.#nextPort = from.#nextPort;
    for (const [connection, peer] of from.#peers) this.#peers.set(connection, peer);
    from.#peers.clear();
    for (const [connection, onEnd] of from.#onEnd) this.#onEnd.set(connection, onEnd);
    from.#onEnd.clear();
    for (const [channel, connection] of from.#pending) this.#pending.set(channel, connection);
    from.#pending.clear();
    const made = this.#make.makeSource();
    if (made.takeOver === undefined) {
      theirs.move(this);
      this.#source = theirs;
    } else {
      made.takeOver(theirs, this);
      this.#source = made;
    }
    this.#report();
  }

  override join(joining: Joining): void {
    const isNew = this.#edge !== joining.edge;
    this.#edge = joining.edge;
    if (!isNew) return;
    this.#streams?.setEdge(joining.edge);
    for (const peer of this.#peers.values()) this.#offer(peer, true);
    // This runs after the change, when the port on which a neighbour listens is known.
    this.#beginTimer = setImmediate(() => {
      this.#source?.setWanted(true);
      this.changed();
    });
  }

  override leave(): void {
    clearImmediate(this.#beginTimer);
    this.#source?.setWanted(false);
    this.#streams?.setEdge(-1);
    this.#edge = -1;
  }

  override ready(_edge: number, isReady: boolean): void {
    this.#streams?.setReady(isReady);
  }

  override listening(_edge: number, text: string, present: boolean): Problem | undefined {
    for (const port of localPorts(parseStack(text, this.#protocols))) {
      const users = (this.#listens.get(port) ?? 0) + (present ? 1 : -1);
      if (users > 0) this.#listens.set(port, users);
      else this.#listens.delete(port);
    }
    return undefined;
  }

  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    if (this.#streams !== undefined) return this.#streams.process(now, inbox, limit, outbox);
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(count);
    if (count > 0) this.context.count('closed', count);
    return Infinity;
  }

  // Streams from outside.

  listenerReady(channel: number): void {
    this.#source?.ready(channel);
  }

  begin(stream: LocalStream): void {
    const { from, to, toPort } = this.#make.settings;
    const port = toPort || Math.min(...this.#listens.keys(), NO_PORT);
    const local = { address: to, port: port === NO_PORT ? STANDARD_PORT : port };
    // The settings name where a stream goes, also one that has names of its own.
    if (stream.names !== undefined) {
      const { from: peer, to: own } = stream.names;
      const isTo = toPort !== 0 && to.length === own.address.length;
      if (this.#beginAs(stream, headerOf(peer, isTo ? local : own))) return;
    } else {
      for (let n = 0; n <= LAST_PORT - FIRST_PORT; n++) {
        if (this.#beginAs(stream, headerOf({ address: from, port: this.#port() }, local))) return;
      }
    }
    this.context.count('too-many', 1);
    closeStream(this.io, stream);
    stream.onEnd?.(true);
    this.#source?.closed(true);
  }

  /** False where there is a stream with such a header. */
  #beginAs(stream: LocalStream, header: Uint8Array): boolean {
    const streams = this.#streams!;
    const connection = new Connection(stream.channel, header, header.length === 40, false, stream.out);
    connection.isLent = stream.isLent === true;
    if (!streams.add(connection)) return false;
    if (stream.onEnd !== undefined) this.#onEnd.set(connection, stream.onEnd);
    this.#keep(connection, stream.peer);
    this.#streamChanged('');
    streams.notify(connection, SYN);
    streams.deliver();
    if (!connection.isClosed) streams.start(connection);
    return true;
  }

  #port(): number {
    const port = this.#nextPort;
    this.#nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
    return port;
  }

  // Streams of neighbours.

  open(ip: number, tcp: number, isIpv4: boolean): string {
    const opened = this.#source?.open() ?? 'closed';
    if (typeof opened === 'string') {
      // A neighbour that opens what is not to be opened, or twice, is no fault outside.
      if (opened !== 'busy') this.#streamChanged(opened);
      return opened;
    }
    const { bytes } = this.#frames;
    const size = isIpv4 ? 4 : 16;
    const at = ip + (isIpv4 ? 12 : 8);
    const header = headerOf(
      { address: bytes.slice(at + size, at + 2 * size), port: (bytes[tcp + 2]! << 8) | bytes[tcp + 3]! },
      { address: bytes.slice(at, at + size), port: (bytes[tcp]! << 8) | bytes[tcp + 1]! },
    );
    const { channel, out, isOpening = false, isPending = false, isLent = false, peer } = opened;
    const connection = new Connection(channel, header, isIpv4, isOpening || isPending, out);
    connection.isLent = isLent;
    // The table has none of this key, or the frame would be of that stream.
    this.#streams!.add(connection);
    if (opened.onEnd !== undefined) this.#onEnd.set(connection, opened.onEnd);
    if (peer !== undefined) this.#keep(connection, peer);
    if (isPending) this.#pending.set(channel, connection);
    else if (isOpening) this.#streams!.watch(connection);
    else this.#accepted(connection);
    return '';
  }

  settle(channel: number, reason: string): void {
    const connection = this.#pending.get(channel);
    this.#pending.delete(channel);
    // A neighbour may have reset it meanwhile.
    if (connection === undefined || connection.isClosed) return;
    if (reason === '') this.#accepted(connection);
    else this.#refuse(connection, reason);
  }

  #accepted(connection: Connection): void {
    connection.isOpening = false;
    this.#streamChanged('');
    this.#streams!.notify(connection, SYN | ACK);
    this.#streams!.deliver();
    if (!connection.isClosed) this.#streams!.start(connection);
  }

  connected(connection: Connection, error: number): void {
    if (error === 0) {
      this.#keep(connection, this.io.streamNames(connection.channel));
      this.#accepted(connection);
      return;
    }
    this.#refuse(connection, 'refused');
  }

  #refuse(connection: Connection, reason: string): void {
    this.context.count(reason, 1);
    this.#streamChanged(reason);
    this.#streams!.notify(connection, RST | ACK);
    this.#streams!.close(connection, reason, false);
    this.#streams!.deliver();
  }

  /** Offers the system's facts about the peer, with the port of the stream. */
  #keep(connection: Connection, peer: PeerCredentials | undefined): void {
    if (peer === undefined || peer.uid === -1) return;
    const { header, isIpv4 } = connection;
    const tcp = isIpv4 ? 20 : 40;
    const port = (header[tcp]! << 8) | header[tcp + 1]!;
    const text = `port ${port} uid ${peer.uid >>> 0} gid ${peer.gid >>> 0} pid ${peer.pid}`;
    this.#peers.set(connection, text);
    this.#offer(text, true);
  }

  #offer(text: string, isPresent: boolean): void {
    if (this.#edge < 0) return;
    const property = { name: 'peer-credentials', value: { tag: 'text', val: text } } as const;
    this.context.offer(this.#edge, property, isPresent);
  }

  closed(connection: Connection, withReset: boolean): void {
    const onEnd = this.#onEnd.get(connection);
    this.#onEnd.delete(connection);
    onEnd?.(withReset);
    const peer = this.#peers.get(connection);
    if (peer !== undefined) {
      this.#peers.delete(connection);
      this.#offer(peer, false);
    }
    this.#source?.closed(connection.isBroken);
    if (this.#source?.isSingle) this.changed();
  }

  close(): void {
    clearImmediate(this.#beginTimer);
    clearTimeout(this.#reportTimer);
    this.#reportTimer = undefined;
    clearInterval(this.#lookTimer);
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = false;
    this.#predecessor = undefined;
    this.#source?.close();
    this.#source = undefined;
    this.#streams?.end();
    this.#streams = undefined;
  }
}

/** Closes the channels of a stream that did not begin. */
export function closeStream(io: FunnelIo, { channel, out = channel }: LocalStream): void {
  if (channel >= 0) io.resetStream(channel);
  if (out >= 0 && out !== channel) io.resetStream(out);
}

/** The delay between two looks at what other programs may have removed, and at the number of streams. */
const LOOK_MS = 10_000;
/** The ports of streams: the dynamic ports of RFC 6335 §6 and those below, to the last one. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
const NO_PORT = 65_536;
/** The port if no neighbour listens on one: that of `frame-sequence`. */
const STANDARD_PORT = 4294;
