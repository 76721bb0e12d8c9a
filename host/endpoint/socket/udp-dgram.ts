import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Frames, MAX_FRAME_BYTES } from '../../frame/frames.ts';
import type { PieceContext } from '../../piece/piece.ts';
import type { UdpOptions } from '../addon.ts';
import { systemCode } from '../endpoint-error.ts';
import { formatAddress, parseAddress } from '../ip-address.ts';
import type { UdpIo, UdpSink } from './udp-io.ts';

/**
 * The fallback through Node's own sockets for machines without the addon. It costs several objects for each
 * datagram, and lacks some features: see {@link DGRAM_LACKS}.
 */
export class DgramUdpIo implements UdpIo {
  readonly #frames: Frames;
  readonly #context: PieceContext;
  readonly #sink: UdpSink;
  readonly #sockets: (DgramSocket | undefined)[] = [];
  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#context.count(reasonOf(error), 1);
  };

  constructor(frames: Frames, context: PieceContext, sink: UdpSink) {
    this.#frames = frames;
    this.#context = context;
    this.#sink = sink;
  }

  open(options: UdpOptions): { channel: number; port: number } {
    if (options.device !== '')
      throw withCode(
        'ENOTSUP',
        `the setting device needs the native addon, which is not in use; set io: addon, or leave device out`,
      );
    if (!options.fragment)
      throw withCode(
        'ENOTSUP',
        `the setting fragment-ipv6 needs the native addon, which is not in use; set io: addon, or leave fragment-ipv6 out`,
      );
    const socket = createSocket({
      type: options.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: options.family === 6,
      reuseAddr: options.reuse,
      // Addresses are numeric here, and need no look-up: so binding is done, or has failed, when `bind`
      // returns.
      lookup: (address, _family, callback) => callback(null, address, options.family),
    });
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    const any = options.family === 4 ? '0.0.0.0' : '::';
    socket.bind({ port: options.port, address: options.address || any });
    let port = 0;
    try {
      if (failure !== undefined) throw failure;
      port = socket.address().port;
      if (options.group !== '') socket.addMembership(options.group);
      if (options.broadcast) socket.setBroadcast(true);
    } catch (error) {
      socket.close();
      throw error;
    }
    const bound = parseAddress(options.address || any)!;
    return { channel: this.#attach({ socket, family: options.family, port, bound, hops: -1 }), port };
  }

  #attach(made: DgramSocket): number {
    made.socket.removeAllListeners();
    made.socket.on('error', (error) => this.#context.count(reasonOf(error), 1));
    made.socket.on('message', (message, from) => this.#receive(made, message, from));
    let channel = this.#sockets.indexOf(undefined);
    if (channel < 0) channel = this.#sockets.length;
    this.#sockets[channel] = made;
    return channel;
  }

  canAdopt(from: UdpIo): from is DgramUdpIo {
    return from instanceof DgramUdpIo;
  }

  adopt(from: UdpIo, channel: number, broadcast: boolean): number {
    const made = this.canAdopt(from) ? from.#sockets[channel] : undefined;
    if (made === undefined || !this.canAdopt(from))
      throw new TypeError("only Node's own sockets can be adopted");
    from.#sockets[channel] = undefined;
    made.socket.setBroadcast(broadcast);
    return this.#attach(made);
  }

  inherit(): never {
    throw withCode(
      'ENOTSUP',
      'the setting inherit needs the native addon, which is not in use; set io: addon, or leave inherit out',
    );
  }

  /** A socket of Node hears from the start, so that it would take datagrams before its piece has a place. */
  canOpenBeside(): boolean {
    return false;
  }

  openBeside(): never {
    throw new TypeError("Node's own sockets are opened when the former ones are closed");
  }

  /** These sockets receive from the start. */
  begin(): void {}

  /** Node has no call for this. */
  share(): void {}

  watch(): void {}

  close(channel: number): void {
    this.#sockets[channel]?.socket.close();
    this.#sockets[channel] = undefined;
  }

  send(channel: number, row: number, ip: number, udp: number, payload: number): void {
    const made = this.#sockets[channel];
    const { bytes } = this.#frames;
    if (made === undefined || made.socket.getSendQueueSize() > MOST_WAITING_BYTES) {
      this.#context.count('would-block', 1);
    } else {
      const isIpv4 = made.family === 4;
      const hops = bytes[ip + (isIpv4 ? 8 : 7)]!;
      const at = ip + (isIpv4 ? 16 : 24);
      const to = formatAddress(bytes.subarray(at, at + (isIpv4 ? 4 : 16)));
      const port = (bytes[udp + 2]! << 8) | bytes[udp + 3]!;
      try {
        if (hops !== 0 && hops !== made.hops) {
          made.socket.setTTL(hops);
          made.socket.setMulticastTTL(hops);
          made.hops = hops;
        }
        // Send a copy, because the row may hold another frame before Node has sent this one.
        made.socket.send(bytes.slice(udp + 8, udp + 8 + payload), port, to, this.#onSent);
      } catch (error) {
        this.#context.count(reasonOf(error), 1);
      }
    }
    this.#frames.release(row);
  }

  flush(): void {}

  end(): void {
    for (let channel = 0; channel < this.#sockets.length; channel++) this.close(channel);
    this.#sockets.length = 0;
  }

  #receive(made: DgramSocket, message: Buffer, from: RemoteInfo): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const header = made.family === 4 ? 20 : 40;
    const length = header + 8 + message.length;
    const row = length > MAX_FRAME_BYTES ? -1 : frames.allocate(length);
    const source = parseAddress(from.address.split('%')[0]!);
    if (row < 0 || source === undefined) {
      if (row >= 0) frames.release(row);
      this.#context.count('no-room', 1);
      return;
    }
    const at = frames.start[row]!;
    const udp = at + header;
    bytes.fill(0, at, udp + 8);
    if (made.family === 4) {
      bytes[at] = 0x45;
      put16(bytes, at + 2, length);
      bytes[at + 8] = UNKNOWN_HOPS;
      bytes[at + 9] = UDP;
      bytes.set(source, at + 12);
      bytes.set(made.bound, at + 16);
      put16(bytes, at + 10, checksum(bytes, at, header));
    } else {
      bytes[at] = 0x60;
      put16(bytes, at + 4, length - header);
      bytes[at + 6] = UDP;
      bytes[at + 7] = UNKNOWN_HOPS;
      bytes.set(source, at + 8);
      bytes.set(made.bound, at + 24);
    }
    put16(bytes, udp, from.port);
    put16(bytes, udp + 2, made.port);
    put16(bytes, udp + 4, 8 + message.length);
    bytes.set(message, udp + 8);
    this.#sink.received(row);
    this.#sink.receivedAll();
  }
}

/** The features that Node's sockets lack, as a message for the user. */
export const DGRAM_LACKS =
  "through Node's own sockets the system chooses the traffic class, don't-fragment and the source address of sent datagrams; " +
  'the hop limit, traffic class and destination address of received datagrams are unknown; errors of the network, and datagrams that the kernel drops, are not reported';

interface DgramSocket {
  readonly socket: Socket;
  readonly family: 4 | 6;
  readonly port: number;
  readonly bound: Uint8Array;
  /** The last set value; -1 for the system's default. */
  hops: number;
}

const UDP = 17;
/** Stands for the unknown hop limit: large enough for any piece that decrements it. */
const UNKNOWN_HOPS = 64;
/** The most bytes that may wait in Node for a full socket. */
const MOST_WAITING_BYTES = 1 << 20;

function reasonOf(error: unknown): string {
  switch (systemCode(error)) {
    case 'EMSGSIZE':
      return 'too-large';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
      return 'unreachable';
    case 'ECONNREFUSED':
      return 'refused';
    case 'EPERM':
    case 'EACCES':
      return 'not-permitted';
    case 'EAGAIN':
    case 'ENOBUFS':
      return 'would-block';
    default:
      return 'other-error';
  }
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The checksum of RFC 1071, over an even number of bytes. */
function checksum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = at; i < at + length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~(sum + (sum >>> 16)) & 0xffff;
}
