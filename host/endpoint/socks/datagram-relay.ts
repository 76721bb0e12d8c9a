import { PartMarks, Role } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { PieceContext } from '../../piece/piece.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { FunnelIo } from '../addon.ts';
import { descriptorReserve } from '../descriptor-reserve.ts';
import { EndpointError, messageOf } from '../endpoint-error.ts';
import { formatAddress } from '../ip-address.ts';
import { AddonUdpIo } from '../socket/udp-io.ts';
import type { NameLookup, QueryPort } from './name-lookup.ts';
import { hostOf, TYPE_IPV4, TYPE_IPV6, TYPE_NAME } from './socks5-negotiation.ts';
import type { Socks5Settings } from './socks5-settings.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;

/** A client's datagrams (RFC 1928 §7) have a socket towards it, and a port in the puzzle. */
export class Association {
  /** The address and port of the socket, for the reply. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly channel: number;
  readonly client: Uint8Array;
  /** 0 until its first datagram. */
  clientPort: number;
  puzzlePort = 0;
  shape = -1;
  /** The last name to which the client sent, as its bytes, and its address; so a name costs one look-up. */
  name = new Uint8Array(0);
  nameAddress: Uint8Array | undefined;

  constructor(
    { address, port, channel }: { address: Uint8Array; port: number; channel: number },
    client: Uint8Array,
    clientPort: number,
  ) {
    this.address = address;
    this.port = port;
    this.channel = channel;
    this.client = client;
    this.clientPort = clientPort;
  }
}

/**
 * The datagrams of all clients. Those of a client come to a separate socket, and leave from a separate port
 * in the puzzle. The relay also has the port from which names are resolved in the puzzle.
 */
export class DatagramRelay {
  readonly #io: FunnelIo;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #udp: number;
  readonly #from: Socks5Settings['from'];
  readonly #outbox = new Outbox();
  /** Made for the first client, because it needs rows. */
  #sockets: AddonUdpIo | undefined;
  readonly #byPort = new Map<number, Association>();
  readonly #byPuzzlePort = new Map<number, Association>();
  #held = 0;
  #edge = -1;
  #queryPort = 0;
  #queryShape = -1;
  /** The resolver of the names to which clients send. */
  lookup: NameLookup = async () => [];
  /** Called when the number of frames that wait for the address of their destination changes. */
  onHeld: (held: number) => void = () => {};
  readonly queries: QueryPort = {
    send: (server, message) => this.#sendQuery(server, message),
    onMessage: () => {},
  };

  constructor(
    io: FunnelIo,
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    from: Socks5Settings['from'],
  ) {
    this.#io = io;
    this.#context = context;
    this.#frames = frames;
    this.#composer = new Composer(protocols);
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#udp = protocols.number('udp');
    this.#from = from;
  }

  get isJoined(): boolean {
    return this.#edge >= 0;
  }

  /** Sets the Edge for datagrams; -1 for none. The ports of the puzzle belong to it. */
  setEdge(edge: number): void {
    if (edge === this.#edge) return;
    this.#edge = edge;
    this.#queryPort = 0;
    this.#queryShape = -1;
    this.#byPuzzlePort.clear();
    for (const association of this.#byPort.values()) {
      association.puzzlePort = 0;
      association.shape = -1;
    }
  }

  /** Whether the frames of this Edge are datagrams. */
  isEdge(edge: number): boolean {
    return edge === this.#edge;
  }

  /**
   * Opens a socket for a client at this machine's address `own`. Returns why it cannot.
   *
   * @param clientPort the port from which the client will send; 0 if it does not know
   */
  open(own: Uint8Array, client: Uint8Array, clientPort: number): Association | string {
    const family = own.length === 4 ? 4 : 6;
    const options = { family, address: formatAddress(own), port: 0, device: '', group: '' } as const;
    let opened: { channel: number; port: number };
    try {
      descriptorReserve.demand(`piece ${this.#context.name}: a socket for a client's datagrams`);
      this.#sockets ??= new AddonUdpIo(this.#io, this.#frames, this.#context, {
        received: (row) => this.#receive(row),
        receivedAll: () => this.#context.arrived(this.#outbox),
      });
      opened = this.#sockets.open({
        ...options,
        reuse: false,
        broadcast: false,
        fragment: true,
        offload: false,
      });
    } catch (error) {
      return error instanceof EndpointError ? error.message : messageOf(error);
    }
    // Sockets at two addresses may have one port, by which they are known here.
    const isTaken = this.#byPort.has(opened.port);
    const association = new Association({ ...opened, address: own }, client, clientPort);
    const refusal = isTaken ? 'the port of its socket is taken' : this.#listenFor(association);
    if (refusal === '') {
      this.#byPort.set(association.port, association);
      return association;
    }
    this.#sockets.close(opened.channel);
    return refusal;
  }

  /** Listens on a port of the puzzle. Returns why that is impossible, or the empty string. */
  #listenFor(association: Association): string {
    const opened = this.#listen();
    if (typeof opened === 'string') return opened;
    association.puzzlePort = opened.port;
    association.shape = opened.shape;
    this.#byPuzzlePort.set(opened.port, association);
    return '';
  }

  #listen(): { readonly port: number; readonly shape: number } | string {
    let refusal = 'no port is free';
    for (let n = 0; n < MOST_TRIES; n++) {
      const port = FIRST_PORT + Number(this.#context.random() & 0x3fffn);
      if (this.#byPuzzlePort.has(port) || port === this.#queryPort) continue;
      const shape = this.#context.listen(this.#edge, 0, `ip/udp/local:${port}`);
      if (typeof shape === 'number') return { port, shape };
      refusal = shape.message;
    }
    return refusal;
  }

  close(association: Association): void {
    if (this.#byPort.get(association.port) !== association) return;
    this.#byPort.delete(association.port);
    this.#byPuzzlePort.delete(association.puzzlePort);
    this.#sockets?.close(association.channel);
    if (association.shape >= 0) this.#context.unlisten(this.#edge, association.shape);
    association.shape = -1;
  }

  end(): void {
    for (const association of [...this.#byPort.values()]) this.close(association);
    this.#sockets?.end();
    this.#sockets = undefined;
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  // From clients.

  /** A datagram at one of the sockets, with the IP and UDP header of its way here. */
  #receive(row: number): void {
    const { bytes, start, length } = this.#frames;
    const ip = start[row]!;
    const isIpv4 = bytes[ip]! >>> 4 === 4;
    const udp = ip + (isIpv4 ? 20 : 40);
    const association = this.#byPort.get((bytes[udp + 2]! << 8) | bytes[udp + 3]!);
    const header = udp + 8;
    const end = ip + length[row]!;
    const size = socksHeaderSize(bytes, header, end);
    const port = (bytes[udp]! << 8) | bytes[udp + 1]!;
    let reason = '';
    // An error about a datagram of ours.
    if (bytes[ip + (isIpv4 ? 9 : 6)] !== UDP) reason = 'control';
    else if (association === undefined || association.shape < 0) reason = 'closed';
    // RFC 1928 §7: only datagrams of the client that asked are relayed.
    else if (!isFrom(association, bytes, ip + (isIpv4 ? 12 : 8), port)) reason = 'not-client';
    else if (size < 0) reason = 'bad-datagram';
    if (association === undefined || reason !== '') {
      this.#drop(row, reason);
      return;
    }
    association.clientPort = port;
    if (bytes[header + 3] === TYPE_NAME) {
      this.#sendToName(association, row, header, size, end);
      return;
    }
    const isTo4 = bytes[header + 3] === TYPE_IPV4;
    this.#enter(association, bytes, header + 4, isTo4, row, header + size, end);
  }

  #sendToName(association: Association, row: number, header: number, size: number, end: number): void {
    const { bytes } = this.#frames;
    const length = bytes[header + 4]!;
    const { name } = association;
    let isSame = name.length === length;
    for (let i = 0; isSame && i < length; i++) isSame = name[i] === bytes[header + 5 + i];
    const { nameAddress } = association;
    if (isSame && nameAddress !== undefined)
      this.#enter(association, nameAddress, 0, nameAddress.length === 4, row, header + size, end);
    else this.#resolve(association, row, header, size, end);
  }

  /** Off the frame path: the frame waits for the address. */
  #resolve(association: Association, row: number, header: number, size: number, end: number): void {
    const name = this.#frames.bytes.slice(header + 5, header + size - 2);
    const host = hostOf(name);
    if (host === undefined || this.#held >= MOST_HELD) {
      this.#drop(row, host === undefined ? 'bad-datagram' : 'no-address');
      return;
    }
    this.onHeld(++this.#held);
    void (typeof host === 'string' ? this.lookup(host) : Promise.resolve([host])).then((found) => {
      this.onHeld(--this.#held);
      const address = found[0];
      if (address === undefined || association.shape < 0) {
        this.#drop(row, address === undefined ? 'no-address' : 'closed');
        return;
      }
      association.name = name;
      association.nameAddress = address;
      this.#enter(association, address, 0, address.length === 4, row, header + size, end);
      this.#context.arrived(this.#outbox);
    });
  }

  /**
   * Pushes the payload of a row as a datagram of the puzzle. The address and, behind the SOCKS header's
   * address, the port of its destination stand before the payload.
   */
  #enter(
    { puzzlePort, shape }: Association,
    addresses: Uint8Array,
    at: number,
    isIpv4: boolean,
    row: number,
    payload: number,
    end: number,
  ): void {
    const { bytes } = this.#frames;
    const port = (bytes[payload - 2]! << 8) | bytes[payload - 1]!;
    const made = this.#begin(addresses, at, isIpv4, puzzlePort, port, end - payload);
    if (made >= 0) {
      const to = this.#frames.start[made]! + (isIpv4 ? 28 : 48);
      this.#frames.copy(to, payload, end - payload);
      this.#outbox.push(made, this.#edge | (shape << 16), 0);
      this.#frames.release(row);
    } else this.#drop(row, 'no-room');
  }

  /** Makes a frame with headers and room for the payload. Returns its row; -1 where none is free. */
  #begin(
    addresses: Uint8Array,
    from: number,
    isIpv4: boolean,
    sourcePort: number,
    port: number,
    length: number,
  ): number {
    const frames = this.#frames;
    const ipSize = isIpv4 ? 20 : 40;
    const row = frames.allocate(ipSize + 8 + length);
    if (row < 0) return -1;
    const { bytes } = frames;
    const at = frames.start[row]!;
    const own = isIpv4 ? this.#from.ipv4 : this.#from.ipv6;
    const size = isIpv4 ? 4 : 16;
    const source = at + (isIpv4 ? 12 : 8);
    bytes.fill(0, at, at + ipSize + 8);
    bytes[at] = isIpv4 ? 0x45 : 0x60;
    bytes[at + (isIpv4 ? 8 : 7)] = HOPS;
    bytes[at + (isIpv4 ? 9 : 6)] = UDP;
    for (let i = 0; i < size; i++) {
      if (own !== undefined) bytes[source + i] = own[i]!;
      bytes[source + size + i] = addresses[from + i]!;
    }
    const udp = at + ipSize;
    put16(bytes, udp, sourcePort);
    put16(bytes, udp + 2, port);
    frames.addPart(row, (isIpv4 ? this.#ipv4 : this.#ipv6) | UNFINISHED, at, ipSize);
    frames.addPart(row, this.#udp | UNFINISHED, udp, 8);
    frames.addPart(row, PAYLOAD, udp + 8, length);
    return row;
  }

  // From the puzzle.

  /** Takes a frame, with its reference. `flush` sends it. */
  take(row: number, skipHeaders: number, skipTrailers: number): void {
    const frames = this.#frames;
    const { bytes, partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const next = first + PART_WORDS;
    const network = partWords[first]! & KIND;
    const isIpv4 = network === this.#ipv4;
    if (
      frames.messageIds[row] !== 0 ||
      last < next ||
      !(isIpv4 || network === this.#ipv6) ||
      (partWords[next]! & KIND) !== this.#udp
    ) {
      this.#drop(row, 'not-udp');
      return;
    }
    let hasLength = true;
    if (frames.references[row] === 1) {
      // The checksum has no reader behind this place.
      hasLength = (partWords[next]! & UNFINISHED) === 0;
      partWords[first]! &= ~UNFINISHED;
      partWords[next]! &= ~UNFINISHED;
    }
    const problem = this.#composer.finish(frames, row);
    const ip = partWords[first + 1]!;
    const udp = partWords[next + 1]!;
    let length = partWords[last + 1]! + partWords[last + 2]! - udp - 8;
    const stated = ((bytes[udp + 4]! << 8) | bytes[udp + 5]!) - 8;
    const isWrong = hasLength && (stated < 0 || stated > length);
    if (problem !== 0 || length < 0 || isWrong || partWords[first + 2]! < (isIpv4 ? 20 : 40)) {
      this.#drop(row, 'malformed');
      return;
    }
    if (hasLength) length = stated;
    const port = (bytes[udp + 2]! << 8) | bytes[udp + 3]!;
    if (port === this.#queryPort && port !== 0) {
      this.#takeAnswer(row, ip, udp, length, isIpv4);
      return;
    }
    const association = this.#byPuzzlePort.get(port);
    if (association === undefined) this.#drop(row, 'not-open');
    else if (association.clientPort === 0) this.#drop(row, 'no-client');
    else this.#leave(association, row, ip, udp, length, isIpv4);
  }

  /** Sends a client the payload of a row, behind a SOCKS header with its source. */
  #leave(to: Association, row: number, ip: number, udp: number, length: number, isIpv4: boolean): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const size = isIpv4 ? 4 : 16;
    const header = 6 + size;
    const made = this.#begin(to.client, 0, to.client.length === 4, to.port, to.clientPort, header + length);
    if (made < 0) {
      this.#drop(row, 'no-room');
      return;
    }
    const at = frames.start[made]!;
    const outer = at + (to.client.length === 4 ? 20 : 40);
    const socks = outer + 8;
    // The source is the address at which the client connected.
    const source = at + (to.client.length === 4 ? 12 : 8);
    for (let i = 0; i < to.address.length; i++) bytes[source + i] = to.address[i]!;
    bytes[socks] = bytes[socks + 1] = bytes[socks + 2] = 0;
    bytes[socks + 3] = isIpv4 ? TYPE_IPV4 : TYPE_IPV6;
    const peer = ip + (isIpv4 ? 12 : 8);
    for (let i = 0; i < size; i++) bytes[socks + 4 + i] = bytes[peer + i]!;
    bytes[socks + 4 + size] = bytes[udp]!;
    bytes[socks + 5 + size] = bytes[udp + 1]!;
    frames.copy(socks + header, udp + 8, length);
    frames.release(row);
    this.#sockets!.send(to.channel, made, at, outer, header + length);
  }

  flush(): void {
    this.#sockets?.flush();
  }

  // Names.

  #sendQuery(server: Uint8Array, message: Uint8Array): boolean {
    if (this.#edge < 0) return false;
    if (this.#queryPort === 0) {
      const opened = this.#listen();
      if (typeof opened === 'string') {
        this.#context.log('warn', `no name can be resolved through the puzzle: ${opened}`);
        return false;
      }
      this.#queryPort = opened.port;
      this.#queryShape = opened.shape;
    }
    const row = this.#begin(server, 0, server.length === 4, this.#queryPort, DNS_PORT, message.length);
    if (row < 0) return false;
    this.#frames.bytes.set(message, this.#frames.start[row]! + (server.length === 4 ? 28 : 48));
    this.#outbox.push(row, this.#edge | (this.#queryShape << 16), 0);
    this.#context.arrived(this.#outbox);
    return true;
  }

  #takeAnswer(row: number, ip: number, udp: number, length: number, isIpv4: boolean): void {
    const { bytes } = this.#frames;
    const source = ip + (isIpv4 ? 12 : 8);
    const isDns = ((bytes[udp]! << 8) | bytes[udp + 1]!) === DNS_PORT;
    const server = bytes.slice(source, source + (isIpv4 ? 4 : 16));
    const message = bytes.slice(udp + 8, udp + 8 + length);
    this.#drop(row, isDns ? 'control' : 'not-open');
    if (isDns) this.queries.onMessage(server, message);
  }
}

/**
 * Returns the length of the header of RFC 1928 §7 between two addresses, with the payload behind it. Returns
 * -1 for a header that is not one, goes to port 0, or is that of a fragment.
 */
export function socksHeaderSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4 || bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== 0) return -1;
  const type = bytes[at + 3]!;
  let size: number;
  if (type === TYPE_IPV4) size = 10;
  else if (type === TYPE_IPV6) size = 22;
  else if (type === TYPE_NAME && end - at > 4 && bytes[at + 4]! > 0) size = 7 + bytes[at + 4]!;
  else return -1;
  if (size > end - at || (bytes[at + size - 2]! | bytes[at + size - 1]!) === 0) return -1;
  return size;
}

/** The sockets are of the client's own IP version. */
function isFrom({ client, clientPort }: Association, bytes: Uint8Array, at: number, port: number): boolean {
  for (let i = 0; i < client.length; i++) if (bytes[at + i] !== client[i]) return false;
  return clientPort === 0 || clientPort === port;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The dynamic ports (RFC 6335 §6): 16384 from here on. */
const FIRST_PORT = 49_152;
const MOST_TRIES = 8;
/** The most datagrams that wait for the address of their destination. */
const MOST_HELD = 64;
const DNS_PORT = 53;
const UDP = 17;
const HOPS = 64;
const KIND = 0xff_ffff;
const PAYLOAD = Role.payload << 16;
const UNFINISHED = PartMarks.unfinished << 24;
