import type { PieceContext } from '../../piece/piece.ts';
import { messageOf, systemCode } from '../endpoint-error.ts';
import type { LinkProperties } from './link-properties.ts';
import type { TunDevice } from './tun-device.ts';

/**
 * Keeps the wanted configuration of a device although other programs change it too, and logs each repair.
 *
 * - The watch sets again what another program removed. Linux itself removes routes and IPv6 addresses of a
 *   device that goes down and up.
 * - Another program may take the device down. It stays down until a program or person brings it up again, or
 *   applies the configuration again. The same holds for one that was renamed or moved to another namespace.
 * - If another program removes the same again and again, the watch pauses for a minute.
 */
export class TunWatch {
  readonly #context: PieceContext;
  readonly #deviceNow: () => TunDevice | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The recent repairs, and their times in milliseconds of this process. */
  #repairs: { readonly what: string; readonly at: number }[] = [];
  /** The end of a pause, in which the device is left unchanged because another program undoes each repair. */
  #calmUntil = 0;
  readonly #settle = (): void => {
    this.#timer = undefined;
    const device = this.#deviceNow();
    if (device === undefined) return;
    this.#compare(device);
    this.#onLook();
  };

  readonly #onLook: () => void;

  /** @param onLook called each time that the device was brought to what is wanted, or looked at */
  constructor(context: PieceContext, deviceNow: () => TunDevice | undefined, onLook: () => void) {
    this.#context = context;
    this.#deviceNow = deviceNow;
    this.#onLook = onLook;
  }

  /** Checks the device when no more changes follow closely. It does not keep the process alive. */
  soon(): void {
    this.#timer ??= setTimeout(this.#settle, SETTLE_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Sets a newly wanted configuration. @param replaceable as in `TunLink.reconcile` */
  configure(device: TunDevice, wanted: LinkProperties, replaceable?: ReadonlySet<number>): void {
    try {
      for (const { what, reason } of device.apply(wanted, replaceable))
        this.#context.log('warn', `${device.name}: ${what} as a neighbour offers: ${reason}`);
    } catch (error) {
      // ENODEV: another program removed the device, which its channel reports.
      if (systemCode(error) !== 'ENODEV') throw error;
    }
    this.#onLook();
  }

  #compare(device: TunDevice): void {
    try {
      const { wanted } = device;
      const before = device.name;
      const { isUp } = device;
      if (device.name !== before)
        this.#context.log('warn', `${before}: another program renamed the device to ${device.name}`);
      if (wanted === undefined || this.#isLeftDown(device, wanted.isUp && !isUp)) return;
      const differences = device.differences();
      if (differences.length === 0 && !device.hasRefusals) return;
      if (differences.length > 0 && !this.#mayRepair(device, differences.join(', '))) return;
      for (const { what, reason } of device.apply(wanted))
        this.#context.log('warn', `${device.name}: ${what}: ${reason}`);
      if (differences.length === 0) return;
      this.#context.log(
        'warn',
        `${device.name}: another program changed the device; set again: ${differences.join(', ')}`,
      );
    } catch (error) {
      if (systemCode(error) === 'ENODEV') {
        this.#reportMove(device);
        return;
      }
      this.#context.log('warn', `${device.name}: its configuration cannot be read: ${messageOf(error)}`);
    }
  }

  /** The device is not here, and its channel has not reported its end. */
  #reportMove(device: TunDevice): void {
    if (!device.isElsewhere)
      this.#context.log(
        'warn',
        `${device.name}: another program moved the device to another network namespace. It is used there as it is; funnel apply makes a new one here`,
      );
    device.isElsewhere = true;
  }

  #isLeftDown(device: TunDevice, isDown: boolean): boolean {
    if (isDown && !device.isHeldDown)
      this.#context.log(
        'warn',
        `${device.name}: another program took the device down. It stays down until you bring it up: ip link set ${device.name} up, or funnel apply`,
      );
    device.isHeldDown = isDown;
    return isDown;
  }

  /** Counts equal repairs, so that two programs do not undo each other's changes without end. */
  #mayRepair(device: TunDevice, what: string): boolean {
    const now = performance.now();
    if (now < this.#calmUntil) return false;
    this.#repairs = this.#repairs.filter(({ at }) => at >= now - CALM_MS);
    this.#repairs.push({ what, at: now });
    if (this.#repairs.filter((each) => each.what === what).length <= MOST_REPAIRS) return true;
    this.#calmUntil = now + CALM_MS;
    this.#repairs = [];
    this.#timer ??= setTimeout(this.#settle, CALM_MS).unref();
    this.#context.log(
      'error',
      `${device.name}: another program undoes the same again and again, so the device is left unchanged for ${CALM_MS / 1000} seconds: ${what}`,
    );
    return false;
  }
}

/** Several changes in this time are checked together. */
const SETTLE_MS = 50;
/** The most equal repairs in {@link CALM_MS} milliseconds. */
const MOST_REPAIRS = 10;
const CALM_MS = 60_000;
