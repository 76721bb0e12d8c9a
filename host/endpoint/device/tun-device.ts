import type { PieceContext } from '../../piece/piece.ts';
import type { FunnelIo, NamespaceSockets, TunChannel } from '../addon.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { freshProperties, type LinkProperties } from './link-properties.ts';
import { type Refusal, reasonOf, TunLink } from './tun-link.ts';
import { readTunNote, tunNote } from './tun-note.ts';

/**
 * An open tun device and what is set on it. One piece has it at a time; a change passes it from a piece to
 * its successor as a whole.
 */
export class TunDevice {
  readonly channel: number;
  readonly name: string;
  /** What a lane that ended by force had set on it. */
  readonly left: LinkProperties | undefined;
  readonly #io: FunnelIo;
  readonly #index: number;
  readonly #link: TunLink;
  readonly #namespace: NamespaceSockets;
  /**
   * An administrator made the device before, so it stays, and the piece undoes at its end what it changed on
   * it.
   */
  readonly #wasThere: boolean;

  /** @param isThereNow whether the device existed before it was opened */
  constructor(
    io: FunnelIo,
    { channel, device, index, note }: TunChannel,
    isThereNow: boolean,
    namespace: NamespaceSockets,
  ) {
    const noted = note === undefined ? undefined : readTunNote(note);
    this.#io = io;
    this.#namespace = namespace;
    this.channel = channel;
    this.name = device;
    this.#index = index;
    this.#wasThere = noted?.wasThere ?? isThereNow;
    this.left = noted?.properties;
    this.#link = new TunLink(io, { device, index }, this.left ?? freshProperties(this.#wasThere), namespace);
  }

  get properties(): LinkProperties {
    return this.#link.properties;
  }

  /**
   * Sets all that `wanted` says, as far as the system lets it. @returns what it refused and was not reported
   * before
   */
  apply(wanted: LinkProperties): Refusal[] {
    const refusals = this.#link.apply(wanted);
    this.#leaveNote();
    return refusals;
  }

  /**
   * Sets all that `wanted` says.
   *
   * @throws EndpointError FT_TUN_PERMISSION, FT_TUN_DEVICE when the system refuses any of it
   */
  demand(wanted: LinkProperties, piece: string): void {
    const [refusal] = this.#link.attempt(wanted);
    if (refusal !== undefined)
      throw new EndpointError(
        systemCode(refusal.error) === 'EPERM' ? 'FT_TUN_PERMISSION' : 'FT_TUN_DEVICE',
        `piece ${piece}: ${refusal.what} on the tun device ${this.name}: ${reasonOf(refusal.error)}`,
        { cause: refusal.error },
      );
    this.#leaveNote();
  }

  /**
   * Whether the system gives the device an IPv6 link-local address. Without one, the system sends no router
   * solicitations and no listener reports there. A device that an administrator made keeps what it has.
   */
  setLinkLocal(isWanted: boolean, context: PieceContext): void {
    if (this.#wasThere) return;
    try {
      this.#io.setLink(this.#index, -1, -1, isWanted ? 0 : 1, this.#namespace.netlink);
    } catch (error) {
      // A kernel without IPv6 has no link-local addresses to turn off.
      context.log('debug', `${this.name}: IPv6 link-local addresses stay as they are: ${messageOf(error)}`);
    }
  }

  /** Undoes what the piece set, if the device stays, and closes the device. */
  close(): void {
    if (this.#wasThere) {
      const { mtu } = this.#link.properties;
      this.#link.apply({ mtu, isUp: false, addresses: new Set(), routes: new Set() });
    }
    this.#io.close(this.channel);
  }

  /** Closes a device that somebody removed. */
  closeRemoved(): void {
    this.#io.close(this.channel);
  }

  /** The lane that opens the device after this one was ended by force reads the note. */
  #leaveNote(): void {
    this.#io.note(this.channel, tunNote({ wasThere: this.#wasThere, properties: this.#link.properties }));
  }
}
