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
  readonly #onLook: (isNew: boolean) => void;
  #channel = -1;
  #index: number;
  #isAbsent: boolean;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param batch the number of the batch that delivers the changes
   * @param options.index the number of the device to which sockets are bound that a predecessor opened
   * @param options.onLook called after a change: the sockets are to be opened anew when the device is new,
   * and those that could not be opened may be tried again
   */
  constructor(io: FunnelIo, batch: number, device: string, { context, index, onLook }: DeviceWatchOptions) {
    this.#io = io;
    this.#device = device;
    this.#context = context;
    this.#onLook = onLook;
    const now = this.#indexNow();
    this.#index = index ?? now;
    this.#isAbsent = now === 0;
    if (device === '') return;
    try {
      this.#channel = io.watchLinks(batch, { descriptor: -1, index: 0 });
      io.start(this.#channel);
    } catch (error) {
      context.log('warn', `changes of network devices are not noticed: ${messageOf(error)}`);
    }
  }

  /** The number of the device to which the sockets are bound. */
  get index(): number {
    return this.#index;
  }

  /** Whether no device has the name now: it was removed or renamed. */
  get isAbsent(): boolean {
    return this.#device !== '' && this.#isAbsent;
  }

  /** Looks at the device soon, as after a change. */
  soon(): void {
    if (this.#device !== '') this.#timer ??= setTimeout(() => this.#look(), SETTLE_MS).unref();
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
    this.soon();
  }

  #look(): void {
    this.#timer = undefined;
    const index = this.#indexNow();
    this.#isAbsent = index === 0;
    const isNew = index !== 0 && index !== this.#index;
    if (isNew) {
      this.#index = index;
      this.#context.log('info', `the device ${this.#device} was made again; its sockets are opened again`);
    }
    this.#onLook(isNew);
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
  readonly index?: number | undefined;
  readonly onLook: (isNew: boolean) => void;
}

/** The status of sockets whose device is gone. */
export function absentText(device: string): string {
  return `no device has the name ${device} now; a new one is used at once`;
}

/** Several changes in this time are looked at together. */
const SETTLE_MS = 50;
