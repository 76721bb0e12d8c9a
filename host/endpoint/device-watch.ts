import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo } from './addon.ts';
import { messageOf } from './endpoint-error.ts';

/**
 * Notices that the device to which sockets are bound was made again under its name. The system binds a socket
 * to a device by its number, so that the sockets belong to the one that is gone.
 *
 * Without a device in the settings it watches nothing.
 */
export class DeviceWatch {
  readonly #io: FunnelIo;
  readonly #device: string;
  readonly #context: PieceContext;
  readonly #onChange: () => void;
  #channel = -1;
  #index: number;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param batch the number of the batch that delivers the changes
   * @param onChange called when the sockets are to be opened anew
   */
  constructor(io: FunnelIo, batch: number, device: string, { context, onChange }: DeviceWatchOptions) {
    this.#io = io;
    this.#device = device;
    this.#context = context;
    this.#onChange = onChange;
    this.#index = this.#indexNow();
    if (device === '') return;
    try {
      this.#channel = io.watchLinks(batch, { descriptor: -1, index: 0 });
      io.start(this.#channel);
    } catch (error) {
      context.log('warn', `changes of network devices are not noticed: ${messageOf(error)}`);
    }
  }

  /** Whether this channel of the batch is the watch's own. */
  isAt(channel: number): boolean {
    return channel >= 0 && channel === this.#channel;
  }

  /** Hears of changes, or of the end of the channel. Several changes that follow closely are one. */
  hear(count: number): void {
    if (count < 0) {
      this.close();
      return;
    }
    this.#timer ??= setTimeout(() => this.#look(), SETTLE_MS).unref();
  }

  #look(): void {
    this.#timer = undefined;
    const index = this.#indexNow();
    if (index === 0 || index === this.#index) return;
    this.#index = index;
    this.#context.log('info', `the device ${this.#device} was made again; its sockets are opened again`);
    this.#onChange();
  }

  /** The number of the device; 0 while there is none of this name. */
  #indexNow(): number {
    if (this.#device === '') return 0;
    try {
      return this.#io.linkIndex(this.#device, -1);
    } catch {
      // ENODEV: opening a socket there reports it.
      return 0;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#channel >= 0) this.#io.close(this.#channel);
    this.#channel = -1;
  }
}

export interface DeviceWatchOptions {
  readonly context: PieceContext;
  readonly onChange: () => void;
}

/** Several changes in this time are looked at together. */
const SETTLE_MS = 50;
