import type { Piece as Description, Joining, Problem, Property } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { CHANGED_OWN, type FunnelIo, LOST_OFFLOAD, loadAddon, type NamespaceSockets } from '../addon.ts';
import { deviceNamespace } from '../device-namespace.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { IoBatch } from '../io-batch.ts';
import { mistakeInOffer, wantedProperties } from './link-offers.ts';
import { IPV6_LEAST_MTU, isIpv6, type LinkProperties } from './link-properties.ts';
import { queueDrops } from './queue-drops.ts';
import * as tunDescriptionConstants from './tun-description.ts';
import { tunDescription } from './tun-description.ts';
import { TunDevice } from './tun-device.ts';
import { tunOpenError } from './tun-open-error.ts';
import { readTunSettings, type TunSettings } from './tun-settings.ts';
import { TunWatch } from './tun-watch.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const { TUN_TALLY } = tunDescriptionConstants;

/**
 * The native piece `tun`: a device of this machine's network.
 *
 * The direction of its Edge `ip` is down, because the system wants its packets carried. The piece obeys the
 * properties that neighbours offer (`address`, `route`, `mtu`, `up`), and undoes each when its neighbour
 * withdraws it. When the piece closes, the device and its configuration are gone. While it runs, it watches
 * the device for changes by other programs, and sets again what they removed.
 *
 * | decision | file |
 * |---|---|
 * | are the settings right | `tun-settings.ts` |
 * | what is the wanted configuration | `link-offers.ts` |
 * | in which steps | `link-properties.ts` |
 * | what is set now, and by whom; what the system refused | `link-state.ts`, `tun-link.ts` |
 * | when something is set again | `tun-watch.ts` |
 * | what does a failure to open mean | `tun-open-error.ts` |
 * | which piece owns the device, and what note does the next lane get | `tun-device.ts`, `tun-note.ts` |
 */
export class TunPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #ethernet: number;
  readonly #isEthernet: boolean;
  readonly #settings: TunSettings;
  readonly #problems: readonly Problem[];
  readonly #namespace: NamespaceSockets | undefined;
  readonly #outbox = new Outbox();
  /** The properties that neighbours offer, by `edge/shape`. */
  readonly #offers = new Map<string, readonly Property[]>();
  #edge = -1;
  #io: FunnelIo | undefined;
  #batch: IoBatch | undefined;
  #device: TunDevice | undefined;
  /**
   * The configuration of a lane that ended by force. It holds until this time, so that neighbours can offer
   * it again.
   */
  #left: LinkProperties | undefined;
  #graceUntil = 0;
  /** The piece whose device this one takes over, until it has. */
  #predecessor: TunPiece | undefined;
  /** The piece that takes over the device of this one. */
  #successor: TunPiece | undefined;
  /** Pieces that end in the same change, whose routes move to this device. */
  #leaving: readonly TunPiece[] = [];
  #isCommitted = false;
  readonly #watch: TunWatch;
  #queueTimer: NodeJS.Timeout | undefined;
  /** Packets that the queue of the device had dropped at the last look. */
  #dropsBefore: number | undefined;

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
    /**
     * The namespace of the device, if it is not that of the thread; such a device passes to no other lane.
     */
    namespace?: NamespaceSockets,
  ) {
    super();
    this.#namespace = namespace;
    this.#context = context;
    this.#frames = frames;
    this.#composer = new Composer(protocols);
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#ethernet = protocols.number('ethernet');
    const read = readTunSettings(settings);
    this.#settings = read.settings;
    this.#isEthernet = read.settings.mode === 'ethernet';
    this.description = tunDescription(read.settings.mtu, read.settings.mode);
    this.#problems = read.problems;
    this.#watch = new TunWatch(
      context,
      () => this.#device,
      () => this.#report(),
    );
  }

  /** Whether the device is gone or elsewhere, has another name, or was taken down by another program. */
  get deviates(): boolean {
    if (this.#io === undefined) return false;
    const device = this.#device;
    return device === undefined || device.isElsewhere || device.isHeldDown || !this.#isNamed(device.name);
  }

  #isNamed(name: string): boolean {
    const { device } = this.#settings;
    return device.includes('%') || name === device;
  }

  /** The name of the device while it is open. */
  get device(): string | undefined {
    return this.#device?.name;
  }

  /**
   * Plans to take over a device that one of these has open under this name and with the same `multi-queue`.
   */
  succeed(retiring: readonly Piece[]): void {
    this.#leaving = retiring.filter((piece) => piece instanceof TunPiece);
    for (const piece of this.#leaving) {
      if (!piece.#canGiveTo(this.#settings)) continue;
      this.#predecessor = piece;
      piece.#successor = this;
      return;
    }
  }

  /** The numbers of the interfaces that go with the pieces that end in the same change. */
  #leavingDevices(): Set<number> {
    return new Set(
      this.#leaving.flatMap((piece) => {
        const device = piece.#device;
        return device === undefined || device.namespace.netlink !== this.#inNamespace().netlink
          ? []
          : [device.index];
      }),
    );
  }

  #inNamespace(): NamespaceSockets {
    return this.#namespace ?? deviceNamespace();
  }

  #canGiveTo({ device, multiQueue, mode, offload }: TunSettings): boolean {
    if (this.#device === undefined || this.#successor !== undefined || !this.#device.isHere) return false;
    const isNamed = device.includes('%') ? device === this.#settings.device : device === this.#device.name;
    const settings = this.#settings;
    return (
      isNamed && multiQueue === settings.multiQueue && mode === settings.mode && offload === settings.offload
    );
  }

  /** @throws EndpointError FT_ADDON_ABSENT, FT_TUN_PERMISSION, FT_TUN_BUSY, FT_TUN_ABSENT, FT_TUN_DEVICE */
  override start(now: number): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const io = loadAddon();
    this.#io = io;
    try {
      this.#batch = new IoBatch(io, this.#frames, (channel, count) => this.#onBatch(channel, count));
      if (this.#predecessor !== undefined) {
        this.#tryProperties(this.#predecessor.#device!);
        return [];
      }
      const device = this.#open(io, this.#batch);
      this.#device = device;
      this.#left = device.left;
      this.#graceUntil = now + GRACE_MS;
      const wanted = this.#wanted();
      device.enableIpv6(wanted, this.#context);
      device.demand(wanted, this.#context.name, this.#leavingDevices());
      if (!this.#settings.multiQueue) this.#startWatch(io, device, this.#batch);
      io.start(device.channel);
      this.#watchQueue();
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  #open(io: FunnelIo, batch: IoBatch): TunDevice {
    const { device, multiQueue, offload } = this.#settings;
    // With several queues, usually another lane made the device. It goes with the last of them.
    const namespace = this.#inNamespace();
    const exists = isThere(io, device, namespace);
    const key = `tun ${this.#context.name} ${JSON.stringify([device, multiQueue, this.#isEthernet, offload])}`;
    const { name } = this.#context;
    if (exists && this.#leaving.some((piece) => piece.device === device))
      throw new EndpointError(
        'FT_TUN_DEVICE',
        `piece ${name}: the device ${device} of this Funnel cannot change \`mode\`, \`multi-queue\` or \`offload\` while it is open. Choose another name, or end the Funnel and start it again`,
        { setting: 'device' },
      );
    try {
      const channel = io.openTun(batch.number, {
        device,
        tap: this.#isEthernet,
        multiQueue,
        // A device would keep it after its program, and each program that shares it must want it.
        offload: offload && !multiQueue && !exists,
        ...(this.#namespace === undefined ? { key } : {}),
        ...namespace,
      });
      return new TunDevice(io, channel, exists && !multiQueue, namespace);
    } catch (error) {
      throw tunOpenError(name, device, error, this.#isEthernet ? 'tap' : 'tun');
    }
  }

  /** Lanes that share a device would each undo what the other sets, so they do not watch it. */
  #startWatch(io: FunnelIo, device: TunDevice, batch: IoBatch): void {
    const { namespace } = device.namespace;
    try {
      const descriptor =
        namespace < 0 ? -1 : io.askNamespace(namespace, SOCKET, AF_NETLINK, SOCK_RAW, 0, '').descriptor;
      device.watch = io.watchLinks(batch.number, { descriptor, index: device.index });
      io.start(device.watch);
    } catch (error) {
      this.#context.log(
        'warn',
        `${device.name}: changes of the device by other programs are not noticed: ${messageOf(error)}`,
      );
    }
  }

  /**
   * Adds the wanted properties to a device that the predecessor uses, before the change is certain, because
   * the system may refuse them. `close` removes them again if the change fails. Properties that the settings
   * no longer want are removed after the commit.
   */
  #tryProperties(device: TunDevice): void {
    const wanted = this.#wanted();
    const { mtu, isUp, addresses, routes, linkLocal } = device.wanted ?? wanted;
    device.enableIpv6(wanted, this.#context);
    const needsIpv6 = [...wanted.addresses, ...wanted.routes].some(isIpv6);
    const both = {
      // A larger MTU takes nothing from the predecessor, and without 1280 bytes there is no IPv6.
      mtu: needsIpv6 ? Math.max(mtu, IPV6_LEAST_MTU) : mtu,
      isUp,
      addresses: new Set([...addresses, ...wanted.addresses]),
      routes: new Set([...routes, ...wanted.routes]),
      linkLocal,
    };
    device.demand(both, this.#context.name, this.#leavingDevices());
  }

  takeOver(): void {
    this.#isCommitted = true;
    const predecessor = this.#predecessor;
    this.#predecessor = undefined;
    if (predecessor === undefined) {
      if (this.#leaving.length > 0) this.#configure();
      return;
    }
    const device = predecessor.#device;
    if (device === undefined) {
      // Another program removed it while the change was prepared.
      this.#reportRemoved(0);
      return;
    }
    this.#io!.adopt(device.channel, this.#batch!.number);
    if (device.watch >= 0) this.#io!.adopt(device.watch, this.#batch!.number);
    this.#device = device;
    this.#watchQueue();
    device.isHeldDown = false;
    predecessor.#device = undefined;
    // `join` settles the differences, because it brings the offers of neighbours.
    setImmediate(() => {
      if (this.#edge < 0) this.#configure();
    });
  }

  override accepts(joining: Joining): Problem | undefined {
    for (const property of joining.properties) {
      const message = mistakeInOffer(property);
      if (message !== undefined) return { message };
    }
    return undefined;
  }

  override join(joining: Joining): void {
    this.#edge = joining.edge;
    this.#offers.set(`${joining.edge}/${joining.shape}`, joining.properties);
    this.#configure();
  }

  override leave(edge: number, shape: number): void {
    this.#offers.delete(`${edge}/${shape}`);
    if (this.#offers.size === 0) this.#edge = -1;
    this.#configure();
  }

  /** Sets the configuration that settings and neighbours want now. */
  #configure(): void {
    const device = this.#device;
    if (device === undefined) return;
    const replaceable = this.#isCommitted ? this.#leavingDevices() : undefined;
    this.#watch.configure(device, this.#wanted(), replaceable);
  }

  /** Counts what the system drops because its queue is full. Off the frame path. */
  #watchQueue(): void {
    const device = this.#device;
    if (device === undefined || device.namespace.namespace >= 0) return;
    this.#dropsBefore = queueDrops(device.name);
    this.#queueTimer = setInterval(() => this.#countDrops(), QUEUE_LOOK_MS).unref();
  }

  #countDrops(): void {
    if (this.#device === undefined || this.#queueTimer === undefined) return;
    const drops = queueDrops(this.#device.name);
    const more = (drops ?? 0) - (this.#dropsBefore ?? drops ?? 0);
    if (drops !== undefined) this.#dropsBefore = drops;
    if (more > 0) this.#context.count('queue-overrun', more);
  }

  /** Reports the state of the device for the user, as the system has it now. */
  #report(): void {
    const device = this.#device;
    // The piece that made the namespace reports its own status.
    if (device === undefined || this.#namespace !== undefined) return;
    try {
      this.#context.status(device.status());
    } catch (error) {
      // ENODEV: another program removed the device, which its channel reports.
      if (systemCode(error) !== 'ENODEV') throw error;
    }
  }

  #wanted(): LinkProperties {
    return wantedProperties(this.#settings, this.#left, this.#offers.values());
  }

  /** Writes the waiting frames to the device. */
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
    this.#configure();
    return Infinity;
  }

  #write(row: number, skipHeaders: number, skipTrailers: number): void {
    const frames = this.#frames;
    const { partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const protocol = partWords[first]! & 0xffff;
    if (frames.messageIds[row] !== 0) {
      // A fragment of a frame that is larger than any packet.
      this.#drop(row, 'too-large');
    } else if (last < first || !this.#takes(protocol)) {
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

  #takes(protocol: number): boolean {
    if (this.#isEthernet) return protocol === this.#ethernet;
    return protocol === this.#ipv4 || protocol === this.#ipv6;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined || batch.staged === 0) return;
    const device = this.#device;
    const written = device === undefined ? 0 : this.#io!.writeTun(device.channel, batch.staged);
    batch.settle(written, this.#context, TUN_TALLY);
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  #onBatch(channel: number, count: number): void {
    const device = this.#device;
    if (device !== undefined && channel === device.watch) {
      if (count < 0) device.unwatch();
      else if ((count & CHANGED_OWN) !== 0 || device.hasRefusals) this.#watch.soon();
      return;
    }
    if (count < 0) {
      this.#onRemoved(count);
      return;
    }
    const frames = this.#frames;
    const { bytes } = frames;
    const batch = this.#batch!;
    for (let slot = 0; slot < count; slot++) {
      if (batch.lengths[slot] === LOST_OFFLOAD) {
        this.#context.count('offload', 1);
        continue;
      }
      const row = batch.take(slot);
      if (row < 0) {
        this.#context.count('no-room', 1);
        continue;
      }
      const start = frames.start[row]!;
      const protocol = this.#isEthernet ? this.#ethernet : this.#ipOf(bytes[start]!);
      frames.begin(row, start, frames.length[row]!, protocol);
      if (this.#edge < 0) this.#drop(row, 'closed');
      else this.#outbox.push(row, this.#edge, 0);
    }
    this.#context.arrived(this.#outbox);
  }

  #ipOf(first: number): number {
    const version = first >>> 4;
    return version === 6 ? this.#ipv6 : version === 4 ? this.#ipv4 : 0;
  }

  #onRemoved(error: number): void {
    this.#reportRemoved(error);
    this.#watch.stop();
    this.#device?.closeRemoved();
    this.#device = undefined;
  }

  /** @param error a negative errno, or 0 if there is none */
  #reportRemoved(error: number): void {
    const device = this.device ?? this.#settings.device;
    const summary = 'another program removed the device';
    this.#context.status({ health: 'failed', summary, facts: { device } });
    this.#context.log(
      'error',
      `FT_TUN_ABSENT: the tun device ${device} is gone${error === 0 ? '' : ` (error ${-error})`}, because another program removed it. funnel apply makes it again`,
    );
  }

  close(): void {
    this.#countDrops();
    clearInterval(this.#queueTimer);
    this.#queueTimer = undefined;
    this.#watch.stop();
    this.#leaving = [];
    if (this.#predecessor !== undefined) {
      // The change failed: the device stays with the predecessor, unchanged.
      this.#predecessor.#successor = undefined;
      this.#predecessor.#configure();
      this.#predecessor = undefined;
    }
    this.#device?.close();
    this.#device = undefined;
    this.#batch?.close();
    this.#batch = undefined;
  }
}

function isThere(io: FunnelIo, device: string, { netlink }: NamespaceSockets): boolean {
  try {
    return io.linkIndex(device, netlink) > 0;
  } catch {
    // ENODEV: no such interface, or a name with %d in it.
    return false;
  }
}

/** Least time between two looks at the counters of the device. */
const QUEUE_LOOK_MS = 5000;
/** The time that a neighbour needs to ask for an address again and to get it. */
const GRACE_MS = 10_000;
/** A request of addon/namespace-protocol.h, and its result. */
const SOCKET = 2;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
