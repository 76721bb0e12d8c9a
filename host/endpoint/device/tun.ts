import type { Piece as Description, Joining, Problem, Property } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { type FunnelIo, loadAddon, type TunChannel } from '../addon.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { IoBatch } from '../io-batch.ts';
import { formatPrefix, maskPrefix, parsePrefix } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import type { LinkTerms } from './link-properties.ts';
import * as tunDescriptionConstants from './tun-description.ts';
import { tunDescription, tunSettings } from './tun-description.ts';
import { reasonOf, TunLink } from './tun-link.ts';
import { readTunNote, tunNote } from './tun-note.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const { TUN_TALLY } = tunDescriptionConstants;

/**
 * The native piece `tun`: a device of this machine's network.
 *
 * Its Edge `ip` is turned down, because the system wants to be carried. It obeys what neighbours offer on it (`address`,
 * `route`, `mtu`, `up`), and takes back what they take back; when it closes, the device is gone and all with it.
 */
export class TunPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #settings: TunSettings;
  readonly #problems: readonly Problem[];
  readonly #outbox = new Outbox();
  /** What neighbours offer, by `edge/shape`. */
  readonly #offers = new Map<string, readonly Property[]>();
  #edge = -1;
  #io: FunnelIo | undefined;
  #batch: IoBatch | undefined;
  #channel: TunChannel | undefined;
  #link: TunLink | undefined;
  /** The device was there before, made by an administrator, and stays: what was changed on it is to be undone. */
  #wasThere = false;
  /** What a lane that ended by force had set on the device. It stays until this time, for neighbours to offer it again. */
  #left: LinkTerms | undefined;
  #graceUntil = 0;
  /** The piece whose device is to be taken over, until it is. */
  #predecessor: TunPiece | undefined;
  /** Who is to take over the device of this one. */
  #successor: TunPiece | undefined;

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#composer = new Composer(protocols);
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    const read = readTunSettings(settings);
    this.#settings = read.settings;
    this.description = tunDescription(read.settings.mtu);
    this.#problems = read.problems;
  }

  /** The name of the device while it is open. */
  get device(): string | undefined {
    return this.#channel?.device;
  }

  /** A device that another one has open under this name, and as this one would, is taken over. */
  succeed(retiring: readonly Piece[]): void {
    for (const piece of retiring) {
      if (!(piece instanceof TunPiece) || !piece.#canGiveTo(this.#settings)) continue;
      this.#predecessor = piece;
      piece.#successor = this;
      return;
    }
  }

  #canGiveTo({ device, multiQueue }: TunSettings): boolean {
    if (this.#channel === undefined || this.#successor !== undefined) return false;
    const isNamed = device === this.#settings.device || device === this.#channel.device;
    return isNamed && multiQueue === this.#settings.multiQueue;
  }

  /** @throws EndpointError FT_ADDON_ABSENT, FT_TUN_PERMISSION, FT_TUN_BUSY, FT_TUN_ABSENT, FT_TUN_DEVICE */
  override start(now: number): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const io = loadAddon();
    this.#io = io;
    try {
      this.#batch = new IoBatch(io, this.#frames, (_channel, count) => this.#onBatch(count));
      if (this.#predecessor !== undefined) {
        this.#tryTerms(this.#predecessor);
        return [];
      }
      // With several queues it was another lane that made it, as a rule; it goes with the last of them.
      const isThereNow = !this.#settings.multiQueue && isThere(io, this.#settings.device);
      this.#channel = this.#open(io, this.#batch);
      const { note } = this.#channel;
      const left = note === undefined ? undefined : readTunNote(note);
      this.#wasThere = left?.wasThere ?? isThereNow;
      this.#left = left?.terms;
      this.#graceUntil = now + GRACE_MS;
      this.#link = new TunLink(io, this.#channel, left?.terms ?? freshTerms(this.#wasThere));
      this.#configure(io, this.#channel, this.#link);
      io.start(this.#channel.channel);
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  #open(io: FunnelIo, batch: IoBatch): TunChannel {
    const { device, multiQueue } = this.#settings;
    try {
      const key = `tun ${this.#context.name} ${JSON.stringify([device, multiQueue])}`;
      return io.openTun(batch.number, { device, tap: false, multiQueue, key });
    } catch (error) {
      throw this.#openError(error);
    }
  }

  #openError(error: unknown): EndpointError {
    const { device } = this.#settings;
    const where = `piece ${this.#context.name}: the tun device ${device}`;
    const options = { cause: error };
    switch (systemCode(error)) {
      case 'EACCES':
        return new EndpointError(
          'FT_TUN_PERMISSION',
          `${where} cannot be made, because this user may not open /dev/net/tun. Run as root, or let root allow it: chmod 666 /dev/net/tun`,
          options,
        );
      case 'EPERM':
        return new EndpointError(
          'FT_TUN_PERMISSION',
          `${where} may not be made by this user. Run as root or with CAP_NET_ADMIN, or let root make the device for you, with its address and MTU: ip tuntap add dev ${device.replace('%d', '0')} mode tun user $USER`,
          options,
        );
      case 'EBUSY':
        return new EndpointError(
          'FT_TUN_BUSY',
          `${where} is in use by another process. End that one, or choose another name in the setting device`,
          { ...options, setting: 'device' },
        );
      case 'ENOENT':
      case 'ENODEV':
      case 'ENXIO':
        return new EndpointError(
          'FT_TUN_ABSENT',
          `${where} cannot be made, because this system has no /dev/net/tun. Load the kernel module (modprobe tun); in a container, pass the device on to it`,
          options,
        );
      case 'EINVAL':
        return new EndpointError(
          'FT_TUN_DEVICE',
          `${where} cannot be made: another kind of interface has this name. Choose another in the setting device`,
          { ...options, setting: 'device' },
        );
      default:
        return new EndpointError('FT_TUN_DEVICE', `${where} cannot be opened: ${messageOf(error)}`, options);
    }
  }

  /** What the settings say must succeed. */
  #configure(io: FunnelIo, channel: TunChannel, link: TunLink): void {
    if (!this.#settings.linkLocal) this.#setQuiet(io, channel);
    this.#demand(link, this.#wantedTerms(), channel.device);
    this.#leaveNote();
  }

  /** Without an address of its own the system is quiet on the device: no solicitations, no listener reports. */
  #setQuiet(io: FunnelIo, channel: TunChannel): void {
    if (this.#wasThere) return;
    try {
      io.setLink(channel.index, -1, -1, this.#settings.linkLocal ? 0 : 1);
    } catch (error) {
      // A kernel without IPv6 has nothing to be quiet about.
      this.#context.log(
        'debug',
        `${channel.device}: IPv6 link-local addresses stay as they are: ${messageOf(error)}`,
      );
    }
  }

  #demand(link: TunLink, terms: LinkTerms, device: string): void {
    const [refusal] = link.attempt(terms);
    if (refusal === undefined) return;
    throw new EndpointError(
      systemCode(refusal.error) === 'EPERM' ? 'FT_TUN_PERMISSION' : 'FT_TUN_DEVICE',
      `piece ${this.#context.name}: ${refusal.what} on the tun device ${device}: ${reasonOf(refusal.error)}`,
      { cause: refusal.error },
    );
  }

  /**
   * What this piece's settings add to a device in use is put there before the change is certain, because it may be refused;
   * then, or when the change is, it is taken back. What goes away, goes with the commit.
   */
  #tryTerms(predecessor: TunPiece): void {
    const link = predecessor.#link!;
    const { mtu, isUp, addresses, routes } = link.terms;
    const wanted = this.#wantedTerms();
    const both = {
      mtu,
      isUp,
      addresses: new Set([...addresses, ...wanted.addresses]),
      routes: new Set([...routes, ...wanted.routes]),
    };
    this.#demand(link, both, predecessor.device!);
  }

  takeOver(): void {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) return;
    this.#predecessor = undefined;
    const channel = predecessor.#channel;
    if (channel === undefined) {
      // It went while the change was prepared.
      this.#onGone(0);
      return;
    }
    this.#io!.adopt(channel.channel, this.#batch!.number);
    this.#channel = channel;
    this.#link = predecessor.#link;
    this.#wasThere = predecessor.#wasThere;
    predecessor.#channel = undefined;
    predecessor.#link = undefined;
    predecessor.#wasThere = false;
    if (this.#settings.linkLocal !== predecessor.#settings.linkLocal) this.#setQuiet(this.#io!, channel);
    // What else differs is settled when it is joined, and hears what neighbours offer.
    this.#leaveNote();
  }

  override accepts(joining: Joining): Problem | undefined {
    for (const property of joining.properties) {
      const mistake = mistakeIn(property);
      if (mistake !== undefined) return { message: mistake };
    }
    return undefined;
  }

  override join(joining: Joining): void {
    this.#edge = joining.edge;
    this.#offers.set(`${joining.edge}/${joining.shape}`, joining.properties);
    this.#obey();
  }

  override leave(edge: number, shape: number): void {
    this.#offers.delete(`${edge}/${shape}`);
    if (this.#offers.size === 0) this.#edge = -1;
    this.#obey();
  }

  #obey(): void {
    const refusals = this.#link?.apply(this.#wantedTerms()) ?? [];
    for (const { what, error } of refusals)
      this.#context.log('warn', `${this.device ?? ''}: ${what} as a neighbour offers: ${reasonOf(error)}`);
    this.#leaveNote();
  }

  /** For the lane that finds the device when this one was ended by force: it is to know what is set on it. */
  #leaveNote(): void {
    if (this.#channel === undefined || this.#link === undefined) return;
    this.#io!.note(this.#channel.channel, tunNote({ wasThere: this.#wasThere, terms: this.#link.terms }));
  }

  /** The settings, and what neighbours offer now. */
  #wantedTerms(): LinkTerms {
    const settings = this.#settings;
    const addresses = new Set(settings.addresses);
    const routes = new Set(settings.routes);
    let { mtu } = settings;
    let isUp = settings.up;
    if (this.#left !== undefined) {
      for (const address of this.#left.addresses) addresses.add(address);
      for (const route of this.#left.routes) routes.add(route);
      mtu = Math.min(mtu, this.#left.mtu);
      isUp ||= this.#left.isUp;
    }
    for (const properties of this.#offers.values()) {
      for (const property of properties) {
        const { name, value } = property;
        if (mistakeIn(property) !== undefined) continue;
        if (name === 'address' && value.tag === 'text') addresses.add(formatPrefix(parsePrefix(value.val)!));
        else if (name === 'route' && value.tag === 'text')
          routes.add(formatPrefix(maskPrefix(parsePrefix(value.val)!)));
        else if ((name === 'mtu' || name === 'size') && value.tag === 'at-most')
          mtu = Math.min(mtu, Number(value.val));
        else if (name === 'up' && value.tag === 'yes') isUp = true;
      }
    }
    return { mtu, isUp: isUp || addresses.size > 0 || routes.size > 0, addresses, routes };
  }

  /** Writes what waits to the device. */
  process(now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) {
      const at = inbox.at(n);
      const skips = inbox.skips[at]!;
      this.#write(inbox.rows[at]!, skips & 0xff, skips >>> 8);
    }
    inbox.take(count);
    this.#flush();
    if (this.#left === undefined) return Infinity;
    if (now < this.#graceUntil) return this.#graceUntil;
    this.#left = undefined;
    this.#obey();
    return Infinity;
  }

  #write(row: number, skipHeaders: number, skipTrailers: number): void {
    const frames = this.#frames;
    const { partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const protocol = partWords[first]! & 0xffff;
    if (frames.messageIds[row] !== 0) {
      // A piece of a frame that is larger than any packet.
      this.#drop(row, 'too-large');
    } else if (last < first || (protocol !== this.#ipv4 && protocol !== this.#ipv6)) {
      this.#drop(row, 'not-ip');
    } else if (this.#composer.finish(frames, row) !== 0) {
      this.#drop(row, 'unfit');
    } else {
      const address = partWords[first + 1]!;
      const length = partWords[last + 1]! + partWords[last + 2]! - address;
      if (this.#batch === undefined) this.#drop(row, 'closed');
      else if (this.#batch.stage(row, address, 0, length)) this.#flush();
    }
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined || batch.staged === 0) return;
    const written = this.#channel === undefined ? 0 : this.#io!.writeTun(this.#channel.channel, batch.staged);
    batch.settle(written, this.#context, TUN_TALLY);
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  #onBatch(count: number): void {
    if (count < 0) {
      this.#onGone(count);
      return;
    }
    const frames = this.#frames;
    const { bytes } = frames;
    for (let slot = 0; slot < count; slot++) {
      const row = this.#batch!.take(slot);
      if (row < 0) {
        this.#context.count('no-room', 1);
        continue;
      }
      const start = frames.start[row]!;
      const version = bytes[start]! >>> 4;
      frames.begin(
        row,
        start,
        frames.length[row]!,
        version === 6 ? this.#ipv6 : version === 4 ? this.#ipv4 : 0,
      );
      if (this.#edge < 0) this.#drop(row, 'closed');
      else this.#outbox.push(row, this.#edge, 0);
    }
    this.#context.arrived(this.#outbox);
  }

  /** The device was removed under us. */
  #onGone(error: number): void {
    const device = this.device ?? this.#settings.device;
    this.#context.log(
      'error',
      `FT_TUN_ABSENT: the tun device ${device} is gone${error === 0 ? '' : ` (error ${-error})`}; somebody removed it. Start the Funnel again to have it back`,
    );
    this.#closeChannel();
  }

  close(): void {
    if (this.#predecessor !== undefined) {
      // The change came to nothing: the device is the other's, as it was.
      this.#predecessor.#successor = undefined;
      this.#predecessor.#obey();
      this.#predecessor = undefined;
    }
    if (this.#wasThere) {
      this.#link?.apply({ mtu: this.#link.terms.mtu, isUp: false, addresses: new Set(), routes: new Set() });
    }
    this.#closeChannel();
    this.#batch?.close();
    this.#batch = undefined;
  }

  #closeChannel(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#link = undefined;
    if (channel !== undefined) this.#io!.close(channel.channel);
  }
}

export interface TunSettings {
  readonly device: string;
  readonly mtu: number;
  /** As `formatPrefix` writes them. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly up: boolean;
  readonly linkLocal: boolean;
  readonly multiQueue: boolean;
}

/** All problems at once. */
export function readTunSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: TunSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(tunSettings, given);
  const device = reader.text('device');
  if (!/^[^\s/:]{1,15}$/.test(device) || device === '.' || device === '..' || /%(?!d)|%.*%/.test(device))
    reader.problem(
      'device',
      `device is ${JSON.stringify(device)}; it can be up to 15 characters without space, / and :`,
    );
  const settings = {
    device,
    mtu: reader.number('mtu', LEAST_MTU, MOST_MTU) ?? SYSTEM_MTU,
    addresses: reader.prefixes('address').map(formatPrefix),
    routes: reader.prefixes('route').map((prefix) => formatPrefix(maskPrefix(prefix))),
    up: reader.boolean('up'),
    linkLocal: reader.boolean('link-local'),
    multiQueue: reader.boolean('multi-queue'),
  };
  return { settings, problems: reader.problems };
}

/** What is wrong with an offer that a tun device would obey; of others nothing. */
function mistakeIn({ name, value }: Property): string | undefined {
  if (name === 'address' || name === 'route') {
    if (value.tag !== 'text' || parsePrefix(value.val) === undefined)
      return `the ${name} that a neighbour offers is no address with a prefix length: ${value.tag === 'text' ? value.val : value.tag}`;
  } else if (name === 'size') {
    if (value.tag === 'at-most' && value.val < BigInt(LEAST_MTU))
      return `what carries the packets takes no more than ${value.val} bytes, and a device needs ${LEAST_MTU}`;
  } else if (name === 'mtu') {
    if (value.tag !== 'at-most' || value.val < BigInt(LEAST_MTU))
      return `the mtu that a neighbour offers must be at most some number from ${LEAST_MTU} on`;
  }
  return undefined;
}

function isThere(io: FunnelIo, device: string): boolean {
  try {
    return io.linkIndex(device) > 0;
  } catch {
    // ENODEV: no such interface, or a name with %d in it.
    return false;
  }
}

/** What Linux gives a new device. */
const SYSTEM_MTU = 1500;
/** What a neighbour needs to ask for an address again, and to hear of it. */
const GRACE_MS = 10_000;
/** IPv4 wants that much (RFC 791 §3.2); IPv6 wants 1280 and is absent below. */
const LEAST_MTU = 68;
const MOST_MTU = 65_535;

/** A device as the system makes it; of one that was there, nothing is known. */
function freshTerms(wasThere: boolean): LinkTerms {
  return { mtu: wasThere ? -1 : SYSTEM_MTU, isUp: false, addresses: new Set(), routes: new Set() };
}
