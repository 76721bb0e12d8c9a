import type { Frames } from '../../frame/frames.ts';
import type { PieceContext } from '../../piece/piece.ts';
import type { FunnelIo, UdpOptions } from '../addon.ts';
import { messageOf } from '../endpoint-error.ts';
import { IoBatch } from '../io-batch.ts';
import { SocketDrops } from '../socket-drops.ts';
import { UDP_TALLY } from './udp-description.ts';

/** The settings that matter for a socket that another program opened. */
export interface Inheriting {
  readonly fragmentIpv6: boolean;
  readonly offload: boolean;
}

/** A socket that another program opened, with the IP versions that it carries. */
export interface InheritedUdp {
  readonly channel: number;
  readonly port: number;
  readonly families: readonly (4 | 6)[];
}

/** The access of a UDP endpoint to the operating system. Sockets are small numbers, which it assigns. */
export interface UdpIo {
  /** @throws an error with the system's code */
  open(options: UdpOptions): { readonly channel: number; readonly port: number };
  /** Takes a socket that another program opened. It receives nothing before {@link begin}. */
  inherit(descriptor: number, settings: Inheriting): InheritedUdp;
  /** Whether {@link openBeside} can open a socket beside those of `from`. */
  canOpenBeside(from: UdpIo): boolean;
  /**
   * Opens a socket beside one of `from` that is bound to the same port and ends soon. It receives nothing
   * before {@link begin}; datagrams that arrive meanwhile wait in it.
   */
  openBeside(
    from: UdpIo,
    channel: number,
    options: UdpOptions,
  ): { readonly channel: number; readonly port: number };
  begin(channel: number): void;
  /** Sets whether another socket may be bound to the same port. If undefined, this cannot be changed. */
  share(channel: number, isShared: boolean): void;
  /** Calls back when links or addresses of this machine change. */
  watch(onChange: () => void): void;
  close(channel: number): void;
  /** Whether sockets of the other can be adopted. */
  canAdopt(from: UdpIo): boolean;
  /** Takes over an open socket, with the datagrams that wait in it. Returns its number here. */
  adopt(from: UdpIo, channel: number, broadcast: boolean): number;
  /**
   * Sends a frame, or puts it in line until `flush`; its reference passes here. Failures are counted.
   *
   * @param ip address of its IP header, of the socket's family
   * @param udp address of its UDP header
   * @param payload bytes behind that
   */
  send(channel: number, row: number, ip: number, udp: number, payload: number): void;
  flush(): void;
  /** Closes all sockets. Idempotent. */
  end(): void;
}

/**
 * Receives the frames that arrive: rows that begin with an IP header, without parts; and the end of a batch
 * of them.
 */
export interface UdpSink {
  received(row: number): void;
  receivedAll(): void;
}

/** The access through the native addon: in batches, with all header fields. */
export class AddonUdpIo implements UdpIo {
  readonly #io: FunnelIo;
  readonly #context: PieceContext;
  readonly #batch: IoBatch;
  readonly #channels = new Set<number>();
  readonly #drops: SocketDrops;
  #staged = -1;
  #watch = -1;
  #onChange = (): void => {};

  constructor(io: FunnelIo, frames: Frames, context: PieceContext, sink: UdpSink) {
    this.#io = io;
    this.#context = context;
    this.#drops = new SocketDrops(io, context, () => this.#channels);
    this.#batch = new IoBatch(io, frames, (channel, count) => {
      if (channel === this.#watch) {
        if (count > 0) this.#onChange();
        return;
      }
      if (count < 0) {
        context.log(
          'error',
          `a UDP socket is not readable any more (error ${-count}); start the Funnel again`,
        );
        this.close(channel);
        return;
      }
      for (let slot = 0; slot < count; slot++) {
        const row = this.#batch.take(slot);
        if (row < 0) context.count('no-room', 1);
        else sink.received(row);
      }
      sink.receivedAll();
    });
  }

  open(options: UdpOptions): { channel: number; port: number } {
    const key = `udp ${this.#context.name} ${JSON.stringify(options)}`;
    const opened = this.#io.openUdp(this.#batch.number, { ...options, key });
    this.#channels.add(opened.channel);
    this.#io.start(opened.channel);
    return opened;
  }

  inherit(descriptor: number, { fragmentIpv6, offload }: Inheriting): InheritedUdp {
    const options = { descriptor, fragment: fragmentIpv6, offload };
    const { channel, port, family, dual } = this.#io.adoptUdp(this.#batch.number, options);
    this.#channels.add(channel);
    return { channel, port, families: dual === 1 ? [6, 4] : [family] };
  }

  canOpenBeside(from: UdpIo): boolean {
    return from instanceof AddonUdpIo;
  }

  openBeside(from: UdpIo, channel: number, options: UdpOptions): { channel: number; port: number } {
    from.share(channel, true);
    try {
      // No lane inherits it, because these options would open a different socket.
      const opened = this.#io.openUdp(this.#batch.number, { ...options, reuse: true });
      this.#channels.add(opened.channel);
      this.share(opened.channel, false);
      return opened;
    } finally {
      from.share(channel, false);
    }
  }

  begin(channel: number): void {
    this.#io.start(channel);
  }

  share(channel: number, isShared: boolean): void {
    this.#io.shareUdp(channel, isShared ? 1 : 0);
  }

  watch(onChange: () => void): void {
    this.#onChange = onChange;
    try {
      this.#watch = this.#io.watchLinks(this.#batch.number, { descriptor: -1, index: 0 });
      this.#io.start(this.#watch);
    } catch (error) {
      this.#context.log('warn', `changes of network devices are not noticed: ${messageOf(error)}`);
    }
  }

  close(channel: number): void {
    if (this.#staged === channel) this.flush();
    if (!this.#channels.delete(channel)) return;
    this.#drops.count(channel);
    this.#io.close(channel);
  }

  canAdopt(from: UdpIo): from is AddonUdpIo {
    return from instanceof AddonUdpIo;
  }

  adopt(from: UdpIo, channel: number, broadcast: boolean): number {
    if (!this.canAdopt(from)) throw new TypeError('only sockets of the addon can be adopted');
    if (from.#staged === channel) from.flush();
    from.#channels.delete(channel);
    this.#channels.add(channel);
    this.#io.adopt(channel, this.#batch.number);
    this.#io.setBroadcast(channel, broadcast ? 1 : 0);
    return channel;
  }

  send(channel: number, row: number, ip: number, udp: number, payload: number): void {
    if (this.#staged !== channel) {
      this.flush();
      this.#staged = channel;
    }
    if (this.#batch.stage(row, ip, udp, payload)) this.flush();
  }

  flush(): void {
    const { staged } = this.#batch;
    if (staged === 0) return;
    this.#batch.settle(this.#io.sendUdp(this.#staged, staged), this.#context, UDP_TALLY);
  }

  end(): void {
    this.#drops.close();
    for (const channel of [...this.#channels]) this.close(channel);
    if (this.#watch >= 0) this.#io.close(this.#watch);
    this.#watch = -1;
    this.#batch.close();
  }
}
