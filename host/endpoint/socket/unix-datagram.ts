import {
  type Piece as Description,
  type Joining,
  PartMarks,
  type Problem,
  Role,
} from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { localPorts } from '../../stack/stack.ts';
import { Acceptor } from '../acceptor.ts';
import { takeDescriptors } from '../activation.ts';
import { type FunnelIo, LOST_TOO_LARGE, loadAddon, READABLE } from '../addon.ts';
import { systemCode } from '../endpoint-error.ts';
import { IoBatch } from '../io-batch.ts';
import { addressOf, allowsUser, UNIX_REASONS, UNIX_SEQPACKET, UnixPath } from '../unix-path.ts';
import { type Flow, FlowTable } from './flow-table.ts';
import { type DatagramEnd, datagramHeader } from './udp-header.ts';
import {
  readUnixDatagramSettings,
  UNIX_DATAGRAMS,
  type UnixDatagramSettings,
} from './unix-datagram-description.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;

/**
 * The native piece `unix-datagram`: messages of UNIX sockets as UDP datagrams.
 *
 * Each peer is a {@link Flow}, which a port identifies: of its own on a socket that receives, and the port of
 * a neighbour where this piece connects.
 */
export class UnixDatagramPiece extends PieceBase implements Piece {
  readonly description: Description = UNIX_DATAGRAMS;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #udp: number;
  readonly #settings: UnixDatagramSettings;
  readonly #problems: readonly Problem[];
  readonly #identity: string;
  readonly #outbox = new Outbox();
  #flows = new FlowTable();
  /** The flow of each connection. */
  readonly #connections = new Map<number, Flow>();
  /** Sockets on which many peers send. */
  readonly #receivers = new Set<number>();
  readonly #listeners = new Set<number>();
  /** The peers in a batch whose users are not allowed. */
  readonly #refusedPorts: number[] = [];
  /** Users whose messages were refused; each is logged once. */
  readonly #refusedUsers = new Set<number>();
  /** Ports on which neighbours listen, with their numbers of listeners. */
  readonly #listens = new Map<number, number>();
  #path: UnixPath | undefined;
  #io: FunnelIo | undefined;
  #batch: IoBatch | undefined;
  #acceptor: Acceptor | undefined;
  #predecessor: UnixDatagramPiece | undefined;
  #isTakenOver = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #beginTimer: NodeJS.Immediate | undefined;
  /** The ports from here on are those of connections. */
  #firstPort = FIRST_PORT;
  #nextPort = FIRST_PORT;
  #edge = -1;
  #isReady = true;
  #isReading = false;

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    given: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#protocols = protocols;
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#udp = protocols.number('udp');
    const { settings, problems } = readUnixDatagramSettings(given);
    this.#settings = settings;
    this.#problems = problems;
    const { listen, connect, inherit, kind, peers, from } = settings;
    this.#identity = JSON.stringify([listen, connect, inherit, kind, peers, from.length]);
  }

  /** Plans to take over all sockets of a predecessor that has the same ones. */
  succeed(retiring: readonly Piece[]): void {
    this.#predecessor = retiring.find(
      (piece): piece is UnixDatagramPiece =>
        piece instanceof UnixDatagramPiece && !piece.#isTakenOver && piece.#identity === this.#identity,
    );
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = true;
  }

  /**
   * @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS,
   * FT_SOCKET_OPEN
   */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    try {
      this.#io = loadAddon();
      this.#batch = new IoBatch(this.#io, this.#frames, (channel, count) => this.#onBatch(channel, count));
      const { idleMs, peers } = this.#settings;
      this.#acceptor = new Acceptor(
        this.#io,
        this.#context,
        { connections: peers, keepaliveSeconds: 0 },
        () => this.#connections.size,
        () => this.#listeners,
      );
      if (this.#predecessor === undefined) this.#open();
      this.#idleTimer = setInterval(() => this.#expire(), Math.max(500, idleMs / 4)).unref();
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  #open(): void {
    const { listen: path, inherit, kind, mode } = this.#settings;
    const io = this.#io!;
    const batch = this.#batch!.number;
    if (path !== '') {
      this.#path = new UnixPath(io, batch, { kind, path, mode, piece: this.#context.name });
      if (kind === UNIX_SEQPACKET) this.#listeners.add(this.#path.channel);
      else this.#addReceivers([this.#path.channel]);
    } else if (inherit !== undefined) {
      const taken = takeDescriptors(
        io,
        this.#context,
        inherit,
        'UNIX sockets of datagrams and packets',
        (passed) => passed.family === 1 && (passed.kind === 'datagram' || passed.kind === 'seqpacket'),
      );
      const receivers: number[] = [];
      const connections: number[] = [];
      for (const passed of taken) {
        const channel = io.adoptStream(batch, passed.descriptor, '');
        if (passed.isListening === 1) this.#listeners.add(channel);
        else if (passed.kind === 'datagram') receivers.push(channel);
        else connections.push(channel);
      }
      this.#addReceivers(receivers);
      for (const channel of connections) this.#accept(channel);
    }
  }

  /** Gives each socket of many peers a range of ports, and the connections what is left. */
  #addReceivers(channels: readonly number[]): void {
    const share = Math.floor((LAST_PORT + 1 - FIRST_PORT) / (channels.length + 1));
    const peers = Math.min(this.#settings.peers, channels.length === 1 ? MOST_PEERS : share);
    for (const channel of channels) {
      this.#receivers.add(channel);
      this.#io!.packetChannel(channel, this.#header, peers, this.#firstPort);
      this.#firstPort += peers;
    }
    this.#nextPort = this.#firstPort;
  }

  /** Bytes of the headers in front of a message. */
  get #header(): number {
    return this.#settings.from.length === 4 ? 28 : 48;
  }

  takeOver(): void {
    const from = this.#predecessor;
    this.#predecessor = undefined;
    if (from === undefined) return;
    from.#setReading(false);
    clearInterval(from.#idleTimer);
    for (const channel of [...from.#listeners, ...from.#receivers, ...from.#connections.keys()])
      this.#io!.adopt(channel, this.#batch!.number);
    for (const channel of from.#listeners) this.#listeners.add(channel);
    for (const channel of from.#receivers) this.#receivers.add(channel);
    for (const [channel, flow] of from.#connections) this.#connections.set(channel, flow);
    this.#flows = from.#flows;
    this.#firstPort = from.#firstPort;
    this.#nextPort = from.#nextPort;
    this.#path = from.#path;
    this.#path?.setMode(this.#settings.mode);
    from.#flows = new FlowTable();
    from.#path = undefined;
    for (const each of [from.#listeners, from.#receivers, from.#connections]) each.clear();
    this.#report();
  }

  #report(): void {
    const { listen, connect, kind } = this.#settings;
    this.#context.status({
      health: 'good',
      summary: 'the sockets are open',
      facts: {
        ...(listen === '' ? {} : { listen }),
        ...(connect === '' ? {} : { connect }),
        type: kind === UNIX_SEQPACKET ? 'seqpacket' : 'datagram',
      },
    });
  }

  override join(joining: Joining): void {
    if (this.#edge === joining.edge) return;
    this.#edge = joining.edge;
    for (const flow of this.#flows.all()) this.#offer(flow, true);
    // This runs after the change, when the port on which a neighbour listens is known.
    this.#beginTimer = setImmediate(() => this.#setReading(true));
  }

  override leave(): void {
    clearImmediate(this.#beginTimer);
    this.#setReading(false);
    this.#edge = -1;
  }

  override ready(_edge: number, isReady: boolean): void {
    this.#isReady = isReady;
    this.#pollAll();
  }

  /** Without a network, nothing is read: messages wait in the sockets. */
  #setReading(isReading: boolean): void {
    this.#isReading = isReading;
    this.#acceptor?.setJoined(isReading);
    this.#pollAll();
  }

  #pollAll(): void {
    for (const channel of this.#receivers) this.#poll(channel);
    for (const [channel, { isEnded }] of this.#connections) if (isEnded !== true) this.#poll(channel);
  }

  #poll(channel: number): void {
    this.#io?.poll(channel, this.#isReading && this.#isReady ? READABLE : 0);
  }

  override listening(_edge: number, text: string, present: boolean): Problem | undefined {
    for (const port of localPorts(parseStack(text, this.#protocols))) {
      const users = (this.#listens.get(port) ?? 0) + (present ? 1 : -1);
      if (users > 0) this.#listens.set(port, users);
      else this.#listens.delete(port);
    }
    return undefined;
  }

  // From the sockets.

  #onBatch(channel: number, count: number): void {
    if (this.#listeners.has(channel)) {
      this.#acceptor?.accept(channel, (accepted) => this.#accept(accepted));
      return;
    }
    const connection = this.#connections.get(channel);
    if (count < 0) {
      // The peer may have ended one direction only, and read on.
      if (connection !== undefined && this.#io!.hasHungUp(channel) === 0) connection.isEnded = true;
      else if (connection !== undefined) this.#end(connection);
      else {
        this.#context.log('error', `a UNIX socket is not readable any more (error ${-count})`);
        this.#receivers.delete(channel);
        this.#io!.close(channel);
      }
      return;
    }
    const batch = this.#batch!;
    const header = connection?.header.length ?? this.#header;
    for (let slot = 0; slot < count; slot++) {
      const length = batch.lengths[slot]!;
      if (length < header) {
        this.#context.count(length === LOST_TOO_LARGE ? 'too-large' : 'too-many', 1);
        continue;
      }
      const row = batch.take(slot);
      if (row < 0) this.#context.count('no-room', 1);
      else this.#receive(row, connection ?? this.#peerOf(row, channel));
    }
    // They take no place from others.
    for (const port of this.#refusedPorts) this.#io?.forgetPeer(channel, port);
    this.#refusedPorts.length = 0;
    this.#context.arrived(this.#outbox);
  }

  /**
   * Returns the flow of a message on a socket of many peers, by the port that the addon has written;
   * undefined for one whose user is not allowed.
   */
  #peerOf(row: number, channel: number): Flow | undefined {
    const { bytes, start } = this.#frames;
    const at = start[row]! + this.#header - 8;
    const port = (bytes[at]! << 8) | bytes[at + 1]!;
    const known = this.#flows.at(port);
    if (known !== undefined) return known;
    const io = this.#io!;
    const peer = io.packetPeer(channel, port);
    if (!this.#allows(peer.uid)) {
      this.#refusedPorts.push(port);
      return undefined;
    }
    const flow = this.#flows.add(channel, port, this.#towards(port), this.#context.now());
    flow.credentials = credentialsOf(port, peer);
    this.#offer(flow, true);
    return flow;
  }

  #allows(uid: number): boolean {
    const { listen, uids } = this.#settings;
    if (allowsUser(uid, listen, uids)) return true;
    const user = uid >>> 0;
    if (this.#refusedUsers.has(user) || this.#refusedUsers.size === MOST_LOGGED_USERS) return false;
    this.#refusedUsers.add(user);
    this.#context.log('warn', `messages of user ${user} are refused; see the setting uid`);
    return false;
  }

  /** The header of frames from one of our ports to the neighbours. */
  #towards(port: number): Uint8Array {
    const { from, to, toPort } = this.#settings;
    const listened = Math.min(...this.#listens.keys(), NO_PORT);
    const target = toPort || (listened === NO_PORT ? STANDARD_PORT : listened);
    return datagramHeader({ address: from, port }, { address: to, port: target });
  }

  #accept(channel: number): void {
    const io = this.#io!;
    const peer = io.streamNames(channel);
    if (!this.#allows(peer.uid)) {
      io.close(channel);
      this.#context.count('not-granted', 1);
      return;
    }
    while (this.#flows.at(this.#nextPort) !== undefined) this.#countPort();
    const port = this.#nextPort;
    this.#countPort();
    const flow = this.#flows.add(channel, port, this.#towards(port), this.#context.now());
    flow.credentials = credentialsOf(port, peer);
    this.#begin(flow);
  }

  #countPort(): void {
    this.#nextPort = this.#nextPort === LAST_PORT ? this.#firstPort : this.#nextPort + 1;
  }

  #begin(flow: Flow): void {
    this.#io!.packetChannel(flow.channel, flow.header.length, 0, FIRST_PORT);
    this.#connections.set(flow.channel, flow);
    this.#offer(flow, true);
    this.#poll(flow.channel);
  }

  /** Forgets a flow, and closes its connection. */
  #end(flow: Flow): void {
    if (!this.#flows.remove(flow)) return;
    this.#offer(flow, false);
    if (!this.#connections.delete(flow.channel)) return;
    this.#io!.close(flow.channel);
    this.#acceptor?.closed();
  }

  /** Forgets the peers, and closes the connections that neighbours opened, if they were silent for long. */
  #expire(): void {
    const { idleMs, connect } = this.#settings;
    for (const channel of this.#receivers)
      for (const port of this.#io!.expirePeers(channel, Math.ceil(idleMs / 1000))) {
        const flow = this.#flows.at(port);
        if (flow !== undefined) this.#end(flow);
      }
    const before = this.#context.now() - idleMs;
    for (const flow of [...this.#connections.values()]) {
      const isSilent = flow.usedAt < before;
      const { isEnded = false } = flow;
      if ((isSilent && (isEnded || connect !== '')) || (isEnded && this.#io!.hasHungUp(flow.channel) === 1))
        this.#end(flow);
    }
  }

  #offer({ credentials }: Flow, isPresent: boolean): void {
    if (this.#edge < 0 || credentials === undefined) return;
    const property = { name: 'peer-credentials', value: { tag: 'text', val: credentials } } as const;
    this.#context.offer(this.#edge, property, isPresent);
  }

  /** Writes the headers in front of a message, and sends the frame on. */
  #receive(row: number, flow: Flow | undefined): void {
    const frames = this.#frames;
    const { bytes } = frames;
    if (flow === undefined || this.#edge < 0) {
      this.#drop(row, flow === undefined ? 'not-granted' : 'closed');
      return;
    }
    const { header } = flow;
    const at = frames.start[row]!;
    const length = frames.length[row]!;
    const udp = at + header.length - 8;
    flow.usedAt = this.#context.now();
    bytes.set(header, at);
    const isIpv4 = header.length === 28;
    put16(bytes, isIpv4 ? at + 2 : at + 4, isIpv4 ? length : length - 40);
    put16(bytes, udp + 4, length - header.length + 8);
    frames.addPart(row, (isIpv4 ? this.#ipv4 : this.#ipv6) | UNFINISHED, at, header.length - 8);
    frames.addPart(row, this.#udp | UNFINISHED, udp, 8);
    frames.addPart(row, PAYLOAD, udp + 8, length - header.length);
    this.#outbox.push(row, this.#edge, 0);
  }

  // From the lane.

  /** Sends the waiting frames, until a receiver does not take one. */
  process(now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    let n = 0;
    for (; n < count; n++) {
      const at = inbox.at(n);
      const skips = inbox.skips[at]!;
      const row = inbox.rows[at]!;
      const reason = this.#send(now, row, skips & 0xff, skips >>> 8);
      if (reason === WAITS) break;
      if (reason === SENT) this.#frames.release(row);
      else this.#drop(row, reason);
    }
    inbox.take(n);
    return n === count ? Infinity : now + RETRY_MS;
  }

  /** @returns the reason why the frame is lost, {@link SENT}, or {@link WAITS} */
  #send(now: number, row: number, skipHeaders: number, skipTrailers: number): string {
    const frames = this.#frames;
    const { bytes, partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const next = first + PART_WORDS;
    const protocol = partWords[first]! & KIND;
    if (this.#io === undefined) return 'closed';
    const isIpv4 = protocol === this.#ipv4;
    if (
      frames.messageIds[row] !== 0 ||
      last < next ||
      !(isIpv4 || protocol === this.#ipv6) ||
      (partWords[next]! & KIND) !== this.#udp
    )
      return 'not-udp';
    const ip = partWords[first + 1]!;
    const udp = partWords[next + 1]!;
    let payload = partWords[last + 1]! + partWords[last + 2]! - udp - 8;
    if (payload < 0) return 'malformed';
    if ((partWords[next]! & UNFINISHED) === 0) {
      // Bytes behind the stated length are padding.
      const stated = ((bytes[udp + 4]! << 8) | bytes[udp + 5]!) - 8;
      if (stated < 0 || stated > payload) return 'malformed';
      payload = stated;
    }
    const flow = this.#find(ip, udp, isIpv4);
    if (typeof flow === 'string') return flow;
    const port = this.#settings.connect === '' ? flow.port : 0;
    const error = -this.#io.sendPacket(flow.channel, udp + 8, payload, port);
    if (error === 0) {
      flow.stuckSince = -1;
      flow.usedAt = now;
      return SENT;
    }
    if (error === EAGAIN || error === ENOBUFS) {
      if (flow.stuckSince < 0) flow.stuckSince = now;
      return now - flow.stuckSince < this.#settings.patienceMs ? WAITS : 'slow-reader';
    }
    if (error === EMSGSIZE) return 'too-large';
    if (error === EPERM || error === EACCES) return 'not-granted';
    if (error === ENOTCONN && port !== 0) return 'not-connected';
    // The program at the other end is gone. A later frame may find another.
    if (this.#connections.has(flow.channel)) this.#end(flow);
    return error === ENOENT ? 'unreachable' : 'refused';
  }

  /** Finds the peer of a frame, or connects for a neighbour; else returns the reason. */
  #find(ip: number, udp: number, isIpv4: boolean): Flow | string {
    const isOpening = this.#settings.connect !== '';
    const found = this.#flows.find(this.#frames.bytes, ip, udp, isIpv4, isOpening);
    return found ?? (isOpening ? this.#connect(ip, udp, isIpv4) : 'not-connected');
  }

  #connect(ip: number, udp: number, isIpv4: boolean): Flow | string {
    const { connect, kind, peers } = this.#settings;
    if (this.#connections.size >= peers) return 'too-many';
    try {
      const options = { ...addressOf(connect, kind), idleSeconds: 0 };
      const channel = this.#io!.connectStream(this.#batch!.number, options);
      const { bytes } = this.#frames;
      const size = isIpv4 ? 4 : 16;
      const source = ip + (isIpv4 ? 12 : 8);
      const end = (address: number, port: number): DatagramEnd => ({
        address: bytes.slice(address, address + size),
        port: (bytes[port]! << 8) | bytes[port + 1]!,
      });
      const ours = end(source, udp);
      const theirs = end(source + size, udp + 2);
      const flow = this.#flows.add(channel, ours.port, datagramHeader(theirs, ours), this.#context.now());
      if (kind === UNIX_SEQPACKET)
        flow.credentials = credentialsOf(theirs.port, this.#io!.streamNames(channel));
      this.#begin(flow);
      return flow;
    } catch (error) {
      return UNIX_REASONS.get(systemCode(error)) ?? 'other-error';
    }
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  close(): void {
    if (this.#predecessor !== undefined) this.#predecessor.#isTakenOver = false;
    this.#predecessor = undefined;
    clearInterval(this.#idleTimer);
    clearImmediate(this.#beginTimer);
    this.#acceptor?.end();
    const channels = [...this.#listeners, ...this.#receivers, ...this.#connections.keys()];
    for (const channel of channels) this.#io?.close(channel);
    this.#listeners.clear();
    this.#receivers.clear();
    this.#connections.clear();
    this.#flows = new FlowTable();
    this.#path?.remove();
    this.#path = undefined;
    this.#batch?.close();
    this.#batch = undefined;
    this.#io = undefined;
  }
}

function credentialsOf(
  port: number,
  { uid, gid, pid }: { readonly uid: number; readonly gid: number; readonly pid: number },
): string {
  return `port ${port} uid ${uid >>> 0} gid ${gid >>> 0} pid ${pid}`;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** In a part's first word: protocol and role; and the mark. */
const KIND = 0xff_ffff;
const PAYLOAD = Role.payload << 16;
const UNFINISHED = PartMarks.unfinished << 24;
const MOST_LOGGED_USERS = 100;
const SENT = '';
/** The receiver does not read: the frame stays in the inbox. */
const WAITS = 'waits';
/** A UNIX socket does not report when a receiver of datagrams reads again. */
const RETRY_MS = 2;
const EPERM = 1;
const ENOENT = 2;
const EAGAIN = 11;
const EACCES = 13;
const EMSGSIZE = 90;
const ENOBUFS = 105;
const ENOTCONN = 107;
/** The dynamic ports of RFC 6335 §6 and those below, as the addon has them. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
/** A socket of many peers leaves the other ports to none. */
const MOST_PEERS = 60_000;
const NO_PORT = 65_536;
/** The port if no neighbour listens on one: that of `frame-sequence`. */
const STANDARD_PORT = 4294;
