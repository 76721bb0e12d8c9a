import type { PieceContext } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { FunnelIo, NamespaceSockets, TunChannel } from '../addon.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { listText } from '../list-text.ts';
import { setDeviceVariable } from './device-variable.ts';
import { isIpv6, type LinkProperties } from './link-properties.ts';
import { type Refusal, TunLink } from './tun-link.ts';
import { type DeviceBefore, readTunNote, tunNote } from './tun-note.ts';

/**
 * An open tun device and what is set on it. One piece has it at a time; a change passes it from a piece to
 * its successor as a whole.
 */
export class TunDevice {
  readonly channel: number;
  readonly index: number;
  readonly namespace: NamespaceSockets;
  /** The channel that watches the device for changes of others; -1 for none. */
  watch = -1;
  /** Whether another program took the device down, so that it stays down. */
  isHeldDown = false;
  /** Whether another program moved the device to another network namespace, where it goes on to work. */
  isElsewhere = false;
  /** The configuration that a lane which ended by force had set on it. */
  readonly left: LinkProperties | undefined;
  readonly #io: FunnelIo;
  readonly #link: TunLink;
  /**
   * The former state of an administrator's device, which is restored at the end; undefined for one of ours.
   */
  readonly #before: DeviceBefore | undefined;
  #wanted: LinkProperties | undefined;
  /** The reported refusals, so that each is reported once and not at every change. */
  readonly #reported = new Set<string>();

  /** @param isThereNow whether the device existed before it was opened */
  constructor(
    io: FunnelIo,
    { channel, device, index, note }: TunChannel,
    isThereNow: boolean,
    namespace: NamespaceSockets,
  ) {
    const noted = note === undefined ? undefined : readTunNote(note);
    this.#io = io;
    this.namespace = namespace;
    this.channel = channel;
    this.index = index;
    this.left = noted?.properties;
    this.#link = new TunLink(io, { device, index }, noted?.own, namespace);
    this.#before = noted === undefined ? (isThereNow ? this.#link.read() : undefined) : noted.before;
  }

  /** The name of the device, which another program may change. */
  get name(): string {
    return this.#link.name;
  }

  /** Whether an administrator made the device. */
  get isForeign(): boolean {
    return this.#before !== undefined;
  }

  /** The configuration that the piece set, or is about to set; undefined before that. */
  get wanted(): LinkProperties | undefined {
    return this.#wanted;
  }

  /** Whether the device exists in the namespace in which it was made. */
  get isHere(): boolean {
    try {
      this.#link.read();
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENODEV') return false;
      throw error;
    }
  }

  /** Whether the device is up. */
  get isUp(): boolean {
    return this.#link.read().isUp;
  }

  /** The state of the device for the user. @throws the system's error, ENODEV where the device is gone */
  status(): PieceStatus {
    if (this.isElsewhere) {
      const summary = 'another program moved the device to another network namespace';
      return { health: 'impaired', summary, facts: { device: this.name } };
    }
    const { isUp, mtu, addresses } = this.#link.read();
    const facts = {
      device: this.name,
      ...(addresses.size === 0 ? {} : { addresses: listText(addresses) }),
      mtu: String(mtu),
    };
    const [refused] = this.#reported;
    if (!isUp) {
      const isWaiting = this.#wanted?.isUp !== true && !this.isHeldDown;
      return isWaiting
        ? { health: 'pending', summary: 'the device is down until a neighbour is up', facts }
        : { health: 'impaired', summary: 'another program took the device down', facts };
    }
    if (refused !== undefined)
      return { health: 'impaired', summary: `the system refuses this: ${refused}`, facts };
    const own = [...addresses].filter((each) => !each.startsWith('fe80:'));
    return own.length === 0
      ? { health: 'pending', summary: 'the device is up, and has no address yet', facts }
      : { health: 'good', summary: 'the device is up', facts };
  }

  /**
   * Sets the wanted configuration, as far as the system permits it.
   *
   * @param replaceable as in {@link TunLink.reconcile}
   * @returns the refusals that were not reported before
   */
  apply(wanted: LinkProperties, replaceable?: ReadonlySet<number>): Refusal[] {
    const refusals = this.#reconcile(wanted, replaceable);
    const fresh = refusals.filter((each) => !this.#reported.has(`${each.what}: ${each.reason}`));
    this.#reported.clear();
    for (const { what, reason } of refusals) this.#reported.add(`${what}: ${reason}`);
    return fresh;
  }

  /** Whether the system refused a part of the wanted configuration at the last call of `apply`. */
  get hasRefusals(): boolean {
    return this.#reported.size > 0;
  }

  /**
   * Returns in words the differences from the wanted configuration that were not refused: others have made
   * them.
   */
  differences(): string[] {
    if (this.#wanted === undefined) return [];
    const reported = [...this.#reported];
    return this.#link
      .differences(this.#adapted(this.#wanted))
      .filter((what) => !reported.some((each) => each.startsWith(`${what}: `)));
  }

  /**
   * Sets the wanted configuration.
   *
   * @param leaving numbers of interfaces that end in the same change: their routes are moved when the change
   * is certain
   * @throws EndpointError FT_TUN_PERMISSION, FT_TUN_DEVICE if the system refuses any part of it
   */
  demand(wanted: LinkProperties, piece: string, leaving: ReadonlySet<number>): void {
    const refusal = this.#reconcile(wanted).find(({ heldBy }) => !leaving.has(heldBy));
    if (refusal !== undefined)
      throw new EndpointError(
        systemCode(refusal.error) === 'EPERM' ? 'FT_TUN_PERMISSION' : 'FT_TUN_DEVICE',
        `piece ${piece}: ${refusal.what} on the tun device ${this.name}: ${refusal.reason}`,
        { cause: refusal.error },
      );
  }

  #reconcile(wanted: LinkProperties, replaceable?: ReadonlySet<number>): Refusal[] {
    this.#wanted = wanted;
    try {
      return this.#link.reconcile(this.#adapted(wanted), replaceable);
    } finally {
      this.#leaveNote();
    }
  }

  #adapted(wanted: LinkProperties): LinkProperties {
    return {
      ...wanted,
      isUp: wanted.isUp && !this.isHeldDown,
      // A device that an administrator made keeps its addresses.
      ...(this.isForeign ? { linkLocal: undefined } : {}),
    };
  }

  /**
   * Switches IPv6 on if the machine's default switches it off for new devices. If that is not permitted, the
   * refusal of the address names the remedy.
   */
  enableIpv6(wanted: LinkProperties, context: PieceContext): void {
    const needsIt = [...wanted.addresses, ...wanted.routes].some(isIpv6);
    if (this.isForeign || !needsIt || this.#link.read().ipv6 !== 'off') return;
    try {
      setDeviceVariable(this.#io, this.namespace, this.name, 'disable_ipv6', 0);
      context.log(
        'info',
        `${this.name}: IPv6 is off by default on this machine, and is now on for this device`,
      );
    } catch (error) {
      context.log('debug', `${this.name}: IPv6 cannot be switched on: ${messageOf(error)}`);
    }
  }

  /** Undoes the configuration of the piece, if the device stays, and closes the device. */
  close(): void {
    try {
      if (this.#before !== undefined) this.#restore(this.#before);
    } catch (error) {
      // ENODEV: the device is gone, with its configuration.
      if (systemCode(error) !== 'ENODEV') throw error;
    } finally {
      this.closeRemoved();
    }
  }

  /**
   * Removes what the piece added to an administrator's device. Addresses and routes of others stay, also
   * later ones: while there are any, the device stays up.
   */
  #restore({ mtu, isUp }: DeviceBefore): void {
    const present = this.#link.read();
    const wanted = {
      mtu: present.mtu === this.#wanted?.mtu ? mtu : present.mtu,
      addresses: new Set<string>(),
      routes: new Set<string>(),
    };
    this.#link.reconcile({ ...wanted, isUp: present.isUp });
    const { setRoutes, addresses } = this.#link.read();
    const isNeeded =
      setRoutes.size > 0 || [...addresses].some((each) => isIpv6(each) && !each.startsWith('fe80:'));
    if (!isUp && !isNeeded) this.#link.reconcile({ ...wanted, isUp: false });
  }

  unwatch(): void {
    if (this.watch >= 0) this.#io.close(this.watch);
    this.watch = -1;
  }

  /** Closes a device that another program removed. */
  closeRemoved(): void {
    this.unwatch();
    this.#io.close(this.channel);
  }

  /** The lane that opens the device after this one was ended by force reads the note. */
  #leaveNote(): void {
    if (this.#wanted === undefined) return;
    this.#io.note(
      this.channel,
      tunNote({
        properties: this.#wanted,
        own: this.#link.own,
        ...(this.#before === undefined ? {} : { before: this.#before }),
      }),
    );
  }
}
