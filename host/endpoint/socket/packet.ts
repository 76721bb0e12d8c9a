import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack } from '../../stack/stack.ts';
import { type FunnelIo, LOST_TOO_LARGE, loadAddon, type PacketDevice } from '../addon.ts';
import { absentText, DeviceWatch } from '../device-watch.ts';
import { EndpointError, messageOf } from '../endpoint-error.ts';
import { Grants } from '../grants.ts';
import { IoBatch } from '../io-batch.ts';
import { listText } from '../list-text.ts';
import { OwnAddresses } from '../own-addresses.ts';
import { SocketDrops } from '../socket-drops.ts';
import { socketError } from '../socket-error.ts';
import { ETHERNET_HEADER, PACKET_TALLY, packetDescription } from './packet-description.ts';
import { packetFilter } from './packet-filter.ts';
import { type PacketSettings, readPacketSettings } from './packet-settings.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;

/** The native piece `packet`: the frames of a network device, by a packet socket. */
export class PacketPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #protocols: Protocols;
  readonly #ethernet: number;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #isEthernet: boolean;
  readonly #settings: PacketSettings;
  readonly #problems: readonly Problem[];
  readonly #outbox = new Outbox();
  /** The stacks that neighbours listen on, by their text. */
  readonly #wanted = new Map<string, Stack>();
  /** The device's own address of Ethernet. */
  readonly #address = new Uint8Array(6);
  /** Knows this machine's own addresses. */
  readonly #grants = new Grants([]);
  #own: OwnAddresses | undefined;
  #io: FunnelIo | undefined;
  #batch: IoBatch | undefined;
  #drops: SocketDrops | undefined;
  #devices: DeviceWatch | undefined;
  #device: PacketDevice | undefined;
  #channel = -1;
  #mark = 0;
  #isFilterStale = false;
  /** The piece whose socket this one takes over, until it has; and the piece that takes over this one's. */
  #predecessor: PacketPiece | undefined;
  #successor: PacketPiece | undefined;
  /** A piece that reads the same device until the commit; this one reads nothing before that. */
  #isWaiting = false;
  #edge = -1;

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
    this.#protocols = protocols;
    this.#ethernet = protocols.number('ethernet');
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    const read = readPacketSettings(settings);
    this.#settings = read.settings;
    this.#isEthernet = read.settings.mode === 'ethernet';
    this.#problems = read.problems;
    this.description = packetDescription(read.settings);
  }

  /** Plans to take over the socket of a predecessor that was opened with the same options. */
  succeed(retiring: readonly Piece[]): void {
    for (const piece of retiring) {
      if (!(piece instanceof PacketPiece) || piece.#settings.device !== this.#settings.device) continue;
      this.#isWaiting = true;
      if (piece.#channel < 0 || piece.#successor !== undefined || piece.#options() !== this.#options())
        continue;
      this.#predecessor = piece;
      piece.#successor = this;
      return;
    }
  }

  /** How the socket is opened; equal for pieces that can have the same socket. */
  #options(): string {
    const { device, mode, promiscuous, outgoing } = this.#settings;
    return JSON.stringify({ device, mode, promiscuous, outgoing });
  }

  /** @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS, FT_SOCKET_OPEN */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    try {
      const io = loadAddon();
      this.#io = io;
      this.#batch = new IoBatch(io, this.#frames, (channel, count) => this.#onBatch(channel, count));
      this.#drops = new SocketDrops(io, this.#context, () => (this.#channel < 0 ? [] : [this.#channel]));
      if (!this.#isEthernet) this.#own = new OwnAddresses(this.#grants);
      this.#open();
      this.#devices = new DeviceWatch(io, this.#batch.number, this.#settings.device, {
        context: this.#context,
        index: this.#predecessor?.deviceIndex,
        onLook: (isNew) => this.#onLook(isNew),
      });
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  /** The number of the device to which the socket is bound; undefined before the start. */
  get deviceIndex(): number | undefined {
    return this.#devices?.index;
  }

  /** Whether the socket could not be opened again. */
  get deviates(): boolean {
    return this.#io !== undefined && this.#channel < 0 && this.#predecessor === undefined;
  }

  /** Reads the facts that the system reports of the device. */
  #look(): PacketDevice {
    const { device, mode } = this.#settings;
    const facts = this.#io!.packetDevice(device);
    const types = this.#isEthernet ? ETHERNET_TYPES : IP_TYPES;
    if (!types.has(facts.type))
      throw new EndpointError(
        'FT_SOCKET_ADDRESS',
        `piece ${this.#context.name}: the device ${device} has ${this.#isEthernet ? 'no Ethernet addresses' : 'a link header'} (type ${facts.type} of if_arp.h). ${IP_TYPES.has(facts.type) ? 'Set mode: ip' : mode === 'ip' && ETHERNET_TYPES.has(facts.type) ? 'Set mode: ethernet' : 'Choose another device'}`,
        { setting: 'mode' },
      );
    this.#device = facts;
    this.#address.set(facts.address.split(':').map((digits) => Number.parseInt(digits, 16)));
    return facts;
  }

  #open(): void {
    const { device, promiscuous, outgoing } = this.#settings;
    try {
      const facts = this.#look();
      if (this.#predecessor !== undefined) return;
      // Frames that are sent on the loopback come back as received. There, and only there, a mark
      // distinguishes them.
      this.#mark = facts.loopback === 1 ? MARK : 0;
      this.#channel = this.#io!.openPacket(this.#batch!.number, {
        index: facts.index,
        ip: !this.#isEthernet,
        promiscuous,
        outgoing,
        mark: this.#mark,
        key: `packet ${this.#context.name} ${this.#options()}`,
      }).channel;
      if (!this.#isWaiting) this.#begin();
    } catch (error) {
      if (error instanceof EndpointError) throw error;
      throw socketError(this.#context.name, `the packet socket of the device ${device}`, error, {
        permission:
          'Packet sockets need CAP_NET_RAW: run as root, or grant it to the service (AmbientCapabilities=CAP_NET_RAW)',
        setting: 'device',
      });
    }
  }

  #begin(): void {
    this.#setFilter();
    this.#io!.start(this.#channel);
  }

  /** Lets the kernel pass on what neighbours listen on, and nothing else. */
  #setFilter(): void {
    this.#isFilterStale = false;
    if (this.#channel < 0 || this.#isWaiting) return;
    const program = packetFilter([...this.#wanted.values()], this.#protocols, {
      isIp: !this.#isEthernet,
      mark: this.#mark,
    });
    try {
      this.#io!.packetFilter(this.#channel, program);
    } catch (error) {
      // ENOMEM: the former filter stays, which may be too narrow.
      this.#context.log('error', `the kernel does not take the filter of frames: ${messageOf(error)}`);
    }
  }

  override listening(_edge: number, stack: string, present: boolean): Problem | undefined {
    if (present) this.#wanted.set(stack, parseStack(stack, this.#protocols));
    else this.#wanted.delete(stack);
    // Many stacks that change in one turn make one filter.
    if (this.#isFilterStale) return undefined;
    this.#isFilterStale = true;
    queueMicrotask(() => {
      if (!this.#isFilterStale) return;
      this.#setFilter();
      this.#report();
    });
    return undefined;
  }

  /** After a change of devices: opens the socket again where it is lost or of a device that is gone. */
  #onLook(isNew: boolean): void {
    if (this.#predecessor !== undefined || this.#batch === undefined) return;
    try {
      if (!isNew && this.#channel >= 0 && this.#devices?.isAbsent === true) {
        // Renamed, it is still open under its number; removed, it has none.
        if (!this.#isThere()) this.#closeSocket();
      } else if (isNew || this.#channel < 0) {
        this.#closeSocket();
        this.#open();
      } else {
        this.#look();
      }
    } catch (error) {
      if (isNew) this.#context.log('error', `the device cannot be opened again: ${messageOf(error)}`);
    }
    this.#report();
  }

  #isThere(): boolean {
    try {
      return this.#io!.readLink(this.#device?.index ?? 0, -1).name !== '';
    } catch {
      // ENODEV.
      return false;
    }
  }

  #closeSocket(): void {
    if (this.#channel < 0) return;
    this.#drops?.count(this.#channel);
    this.#io?.close(this.#channel);
    this.#channel = -1;
  }

  /** Reports for the user the device as the system has it now, and what the kernel passes on. */
  #report(): void {
    const { device, mtu, send, promiscuous } = this.#settings;
    const known = this.#device;
    const facts = {
      device,
      ...(this.#isEthernet && known !== undefined ? { address: known.address } : {}),
      mtu: String(known?.mtu ?? mtu),
      receives: listText(this.#wanted.keys()) || 'nothing',
      promiscuous: promiscuous ? 'yes' : 'no',
      sends: send,
    };
    const status = (health: 'good' | 'impaired' | 'failed', summary: string): void =>
      this.#context.status({ health, summary, facts });
    if (this.#devices?.isAbsent === true) status('impaired', absentText(device));
    else if (this.#channel < 0 && this.#predecessor === undefined)
      status('failed', 'the packet socket could not be kept open');
    else if (known?.up === 0) status('impaired', 'the device is down');
    else if (known !== undefined && known.mtu < mtu)
      status('impaired', `the device takes packets of ${known.mtu} bytes, and the setting mtu says ${mtu}`);
    else status('good', 'the device is open');
  }

  takeOver(): void {
    const predecessor = this.#predecessor;
    this.#predecessor = undefined;
    this.#isWaiting = false;
    this.#devices?.soon();
    // The socket failed while the change was prepared, which the other piece has logged.
    if (predecessor !== undefined && predecessor.#channel >= 0) {
      predecessor.#flush();
      this.#io!.adopt(predecessor.#channel, this.#batch!.number);
      this.#channel = predecessor.#channel;
      this.#mark = predecessor.#mark;
      predecessor.#channel = -1;
      this.#setFilter();
    } else if (predecessor === undefined && this.#channel >= 0) this.#begin();
    this.#report();
  }

  override join(joining: Joining): void {
    this.#edge = joining.edge;
  }

  override leave(): void {
    this.#edge = -1;
  }

  /** Sends the waiting frames. */
  process(_now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) {
      const at = inbox.at(n);
      const skips = inbox.skips[at]!;
      const row = inbox.rows[at]!;
      const reason = this.#stage(row, skips & 0xff, skips >>> 8);
      if (reason !== NONE) this.#drop(row, reason);
    }
    inbox.take(count);
    this.#flush();
    return Infinity;
  }

  /**
   * Stages a frame for sending. @returns the reason if that fails; the frame then still belongs to the caller
   */
  #stage(row: number, skipHeaders: number, skipTrailers: number): string {
    const frames = this.#frames;
    const { partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    if (this.#batch === undefined || this.#channel < 0) return 'closed';
    // A fragment of a frame that is larger than any packet.
    if (frames.messageIds[row] !== 0) return 'too-large';
    if (last < first || !this.#takes(partWords[first]! & PROTOCOL)) return 'not-ip';
    if (this.#settings.send === 'none') return 'not-granted';
    if (this.#composer.finish(frames, row) !== 0) return 'unfit';
    const address = partWords[first + 1]!;
    const length = partWords[last + 1]! + partWords[last + 2]! - address;
    if (length < (this.#isEthernet ? ETHERNET_HEADER : IPV4_HEADER)) return 'malformed';
    if (this.#settings.send === 'own' && !this.#isFromHere(frames.bytes, address)) return 'not-granted';
    if (this.#batch.stage(row, address, 0, length)) this.#flush();
    return NONE;
  }

  /** Whether the source of a frame is the device's own, or in mode ip of this machine. */
  #isFromHere(bytes: Uint8Array, at: number): boolean {
    if (!this.#isEthernet)
      return bytes[at]! >>> 4 === 4
        ? this.#grants.isOwnIpv4(bytes, at + 12)
        : this.#grants.isOwnIpv6(bytes, at + 8);
    for (let n = 0; n < 6; n++) if (bytes[at + 6 + n] !== this.#address[n]) return false;
    return true;
  }

  #takes(protocol: number): boolean {
    if (this.#isEthernet) return protocol === this.#ethernet;
    return protocol === this.#ipv4 || protocol === this.#ipv6;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined || batch.staged === 0) return;
    const written = this.#channel < 0 ? 0 : this.#io!.writePackets(this.#channel, batch.staged);
    batch.settle(written, this.#context, PACKET_TALLY);
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  #onBatch(channel: number, count: number): void {
    if (this.#devices?.isAt(channel) === true) {
      this.#devices.hear(count);
      return;
    }
    if (count < 0) {
      // The device is gone; the watch opens a new one under its name.
      this.#closeSocket();
      this.#devices?.soon();
      this.#report();
      return;
    }
    const frames = this.#frames;
    const batch = this.#batch!;
    for (let slot = 0; slot < count; slot++) {
      const length = batch.lengths[slot]!;
      if (length < LEAST_LENGTH) {
        this.#context.count(length === LOST_TOO_LARGE ? 'too-large' : 'offload', 1);
        continue;
      }
      const row = batch.take(slot);
      if (row < 0) {
        this.#context.count('no-room', 1);
        continue;
      }
      const start = frames.start[row]!;
      const protocol = this.#isEthernet ? this.#ethernet : this.#ipOf(frames.bytes[start]!);
      frames.begin(row, start, length, protocol);
      if (this.#edge < 0) this.#drop(row, 'closed');
      else if (length < (this.#isEthernet ? ETHERNET_HEADER : IPV4_HEADER) || protocol === 0)
        this.#drop(row, 'malformed');
      else this.#outbox.push(row, this.#edge, 0);
    }
    this.#context.arrived(this.#outbox);
  }

  #ipOf(first: number): number {
    const version = first >>> 4;
    return version === 6 ? this.#ipv6 : version === 4 ? this.#ipv4 : 0;
  }

  close(): void {
    this.#isFilterStale = false;
    this.#devices?.close();
    this.#drops?.close();
    this.#own?.close();
    if (this.#predecessor !== undefined) {
      // The change failed: the socket stays with the other piece.
      this.#predecessor.#successor = undefined;
      this.#predecessor = undefined;
    }
    this.#closeSocket();
    this.#batch?.close();
    this.#batch = undefined;
  }
}

/** The frame is not dropped. */
const NONE = '';
const PROTOCOL = 0xffff;
const IPV4_HEADER = 20;
/** The least length of a frame that was read; less stands for a reason why it is lost. */
const LEAST_LENGTH = 2;
/** Distinguishes what a socket of ours sent on the loopback; see SO_MARK in socket(7). */
const MARK = 0x46756e31;

// linux/if_arp.h
const ETHERNET_TYPES: ReadonlySet<number> = new Set([1, 772]);
/** NONE (tun, wireguard), RAWIP, and tunnels of IP. */
const IP_TYPES: ReadonlySet<number> = new Set([0xfffe, 519, 768, 769, 776]);
