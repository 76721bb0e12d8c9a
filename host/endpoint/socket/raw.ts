import {
  type Piece as Description,
  type Joining,
  PartMarks,
  type Problem,
  Role,
} from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { type FunnelIo, loadAddon } from '../addon.ts';
import { absentText, DeviceWatch } from '../device-watch.ts';
import { messageOf, systemCode } from '../endpoint-error.ts';
import { Grants } from '../grants.ts';
import { IoBatch } from '../io-batch.ts';
import { listText } from '../list-text.ts';
import { OwnAddresses } from '../own-addresses.ts';
import { SocketDrops } from '../socket-drops.ts';
import { socketError } from '../socket-error.ts';
import { errorFamilies, RAW_TALLY, rawDescription } from './raw-description.ts';
import { type RawSettings, readRawSettings } from './raw-settings.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;

/** The native piece `raw`: packets of some IP protocols, by raw sockets of this machine. */
export class RawPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #ipv4: number;
  readonly #ipv6: number;
  /** The number in the lane of each IP protocol. */
  readonly #numbers = new Uint16Array(256);
  readonly #settings: RawSettings;
  readonly #problems: readonly Problem[];
  readonly #grants: Grants;
  readonly #outbox = new Outbox();
  /** Whether errors come on the second Shape, by IP version. */
  readonly #errors: readonly (4 | 6)[];
  #io: FunnelIo | undefined;
  #batch: IoBatch | undefined;
  #own: OwnAddresses | undefined;
  #drops: SocketDrops | undefined;
  #sockets: RawSocket[] = [];
  /** Channel + 1 by IP protocol, of IPv4 and behind them of IPv6; 0 is closed. */
  readonly #channels = new Uint16Array(512);
  /** The IP protocol of a channel. */
  readonly #protocolOf = new Map<number, number>();
  #predecessors: readonly RawPiece[] = [];
  #staged = -1;
  #edge = -1;
  /** The joined Shapes, one bit for each. */
  #shapes = 0;

  #devices: DeviceWatch | undefined;

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
    const read = readRawSettings(settings, protocols);
    this.#settings = read.settings;
    this.#problems = read.problems;
    this.description = rawDescription(read.settings);
    this.#errors = errorFamilies(read.settings);
    this.#grants = new Grants(read.settings.destinations, read.settings);
    for (const each of [...read.settings.protocols, ICMP, ICMPV6])
      this.#numbers[each] = protocols.intern('ip-protocol', each);
  }

  /** Plans to take over the predecessors' sockets that this piece would open with the same options. */
  succeed(retiring: readonly Piece[]): void {
    this.#predecessors = retiring.filter((piece) => piece instanceof RawPiece);
  }

  /** @throws EndpointError FT_ADDON_ABSENT, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS, FT_SOCKET_OPEN */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const { protocols, families } = this.#settings;
    try {
      this.#io = loadAddon();
      this.#batch = new IoBatch(this.#io, this.#frames, (channel, count) => this.#onBatch(channel, count));
      this.#own = new OwnAddresses(this.#grants);
      this.#drops = new SocketDrops(this.#io, this.#context, () => this.#protocolOf.keys());
      for (const protocol of protocols) for (const family of families) this.#open(protocol, family);
      this.#devices = new DeviceWatch(this.#io, this.#batch.number, this.#settings.device, {
        context: this.#context,
        index: this.#predecessors.find((from) => from.#settings.device === this.#settings.device)
          ?.deviceIndex,
        onLook: (isNew) => this.#reopen(isNew),
      });
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  #open(protocol: number, family: 4 | 6): void {
    const { address, device, broadcast, families } = this.#settings;
    const options = { family, protocol, address, device, broadcast: broadcast && family === 4 };
    for (const from of this.#predecessors) {
      const theirs = from.#sockets.find(
        (each) =>
          each.protocol === protocol &&
          each.family === family &&
          each.successor === undefined &&
          each.channel >= 0,
      );
      if (theirs === undefined || from.#settings.address !== address || from.#settings.device !== device)
        continue;
      theirs.successor = this;
      this.#sockets.push({ protocol, family, channel: -1, claim: { from, theirs } });
      return;
    }
    try {
      const key = `raw ${this.#context.name} ${JSON.stringify(options)}`;
      const { channel } = this.#io!.openRaw(this.#batch!.number, { ...options, key });
      this.#sockets.push({ protocol, family, channel });
      this.#list();
      this.#io!.start(channel);
    } catch (error) {
      // A system without IPv6 has no IPv6 sockets.
      if (
        family === 6 &&
        families.length > 1 &&
        ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(systemCode(error))
      )
        return;
      const what = `the raw socket of IP protocol ${protocol}${address === '' ? '' : ` on ${address}`}`;
      throw socketError(this.#context.name, what, error, {
        permission:
          'Raw sockets need CAP_NET_RAW: run as root, or grant it to the service (AmbientCapabilities=CAP_NET_RAW)',
        setting: systemCode(error) === 'ENODEV' ? 'device' : 'address',
      });
    }
  }

  /** The number of the device to which the sockets are bound; undefined before the start. */
  get deviceIndex(): number | undefined {
    return this.#devices?.index;
  }

  /** Whether a socket could not be opened again. */
  get deviates(): boolean {
    return this.#io !== undefined && (this.#sockets.length === 0 || this.#sockets.some(isLost));
  }

  /**
   * Opens again what could not be opened; and all sockets after the device was made again, because they
   * belong to the one that is gone.
   */
  #reopen(isNew: boolean): void {
    const { address, device, broadcast } = this.#settings;
    for (const socket of this.#sockets) {
      if (socket.claim !== undefined || (!isNew && !isLost(socket))) continue;
      const { protocol, family } = socket;
      if (socket.channel >= 0) this.#closeSocket(socket.channel);
      socket.channel = -1;
      const options = { family, protocol, address, device, broadcast: broadcast && family === 4 };
      const key = `raw ${this.#context.name} ${JSON.stringify(options)}`;
      try {
        socket.channel = this.#io!.openRaw(this.#batch!.number, { ...options, key }).channel;
        this.#io!.start(socket.channel);
      } catch (error) {
        if (!isNew) continue;
        const what = `the raw socket of IP protocol ${protocol}`;
        this.#context.log('error', `${what} cannot be opened again on ${device}: ${messageOf(error)}`);
      }
    }
    this.#list();
    this.#report();
  }

  #closeSocket(channel: number): void {
    if (channel < 0) return;
    this.#drops?.count(channel);
    this.#io?.close(channel);
  }

  /** Reports for the user which sockets are open, and where they are bound. */
  #report(): void {
    const { address, device, families } = this.#settings;
    const facts = {
      protocols: listText(new Set(this.#sockets.map(({ protocol }) => protocol))),
      address: address === '' ? `any of ${families.map((each) => `IPv${each}`).join(' and ')}` : address,
      ...(device === '' ? {} : { device }),
    };
    if (this.#sockets.length === 0 || this.#sockets.some(isLost))
      this.#context.status({ health: 'failed', summary: 'a socket could not be kept open', facts });
    else if (this.#devices?.isAbsent)
      this.#context.status({ health: 'impaired', summary: absentText(device), facts });
    else this.#context.status({ health: 'good', summary: 'the sockets are open', facts });
  }

  takeOver(): void {
    this.#predecessors = [];
    this.#devices?.soon();
    for (const socket of this.#sockets) {
      if (socket.claim === undefined) continue;
      const { from, theirs } = socket.claim;
      socket.claim = undefined;
      // The socket failed while the change was prepared, which the other piece has logged.
      if (!from.#sockets.includes(theirs)) continue;
      if (from.#staged === theirs.channel) from.#flush();
      this.#io!.adopt(theirs.channel, this.#batch!.number);
      if (socket.family === 4) this.#io!.setBroadcast(theirs.channel, this.#settings.broadcast ? 1 : 0);
      socket.channel = theirs.channel;
      from.#sockets.splice(from.#sockets.indexOf(theirs), 1);
      from.#list();
    }
    this.#list();
  }

  #list(): void {
    this.#channels.fill(0);
    this.#protocolOf.clear();
    for (const { protocol, family, channel } of this.#sockets) {
      if (channel < 0) continue;
      this.#channels[protocol + (family === 4 ? 0 : 256)] = channel + 1;
      this.#protocolOf.set(channel, protocol);
    }
  }

  override join(joining: Joining): void {
    this.#edge = joining.edge;
    this.#shapes |= 1 << joining.shape;
  }

  override leave(_edge: number, shape: number): void {
    this.#shapes &= ~(1 << shape);
    if (this.#shapes === 0) this.#edge = -1;
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
    const { bytes, partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const protocol = partWords[first]! & PROTOCOL;
    const isIpv4 = protocol === this.#ipv4;
    if (this.#batch === undefined) return 'closed';
    // A fragment of a frame that is larger than any packet.
    if (frames.messageIds[row] !== 0) return 'too-large';
    if (last < first || !(isIpv4 || protocol === this.#ipv6)) return 'not-ip';
    const hasLength = (partWords[first]! & UNFINISHED) === 0;
    if (this.#composer.finish(frames, row) !== 0) return 'unfit';
    const ip = partWords[first + 1]!;
    const there = partWords[last + 1]! + partWords[last + 2]! - ip;
    if (there < (isIpv4 ? 20 : 40)) return 'malformed';
    const header = isIpv4 ? (bytes[ip]! & 15) * 4 : 40;
    const stated = isIpv4
      ? (bytes[ip + 2]! << 8) | bytes[ip + 3]!
      : 40 + ((bytes[ip + 4]! << 8) | bytes[ip + 5]!);
    if (
      bytes[ip]! >>> 4 !== (isIpv4 ? 4 : 6) ||
      header < 20 ||
      header > there ||
      stated < header ||
      (hasLength && stated > there)
    )
      return 'malformed';
    if (isIpv4 && ((bytes[ip + 6]! & 0x3f) | bytes[ip + 7]!) !== 0) return 'fragment';
    const to = ip + (isIpv4 ? 16 : 24);
    if (isZero(bytes, to, isIpv4 ? 4 : 16)) return 'no-destination';
    if (!(isIpv4 ? this.#grants.allowsIpv4(bytes, to) : this.#grants.allowsIpv6(bytes, to)))
      return 'not-granted';
    const channel = this.#channels[isIpv4 ? bytes[ip + 9]! : 256 + bytes[ip + 6]!]! - 1;
    if (channel < 0) return 'not-open';
    if (this.#staged !== channel) {
      this.#flush();
      this.#staged = channel;
    }
    // Bytes behind the stated length are padding.
    const length = (hasLength ? stated : there) - header;
    if (this.#batch.stage(row, ip, ip + header, length)) this.#flush();
    return NONE;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined || batch.staged === 0) return;
    batch.settle(this.#io!.sendRaw(this.#staged, batch.staged), this.#context, RAW_TALLY);
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
      this.#context.log(
        'error',
        `a raw socket is not readable any more (error ${-count}); start the Funnel again`,
      );
      this.#closeSocket(channel);
      this.#sockets = this.#sockets.filter((each) => each.channel !== channel);
      this.#list();
      this.#report();
      return;
    }
    const own = this.#protocolOf.get(channel);
    for (let slot = 0; slot < count; slot++) {
      const row = this.#batch!.take(slot);
      if (row < 0) this.#context.count('no-room', 1);
      else this.#receive(row, own!);
    }
    this.#context.arrived(this.#outbox);
  }

  /** Sets the parts of a frame that was read, and the Shape by which it goes. */
  #receive(row: number, own: number): void {
    const frames = this.#frames;
    const { bytes } = frames;
    const start = frames.start[row]!;
    const length = frames.length[row]!;
    const isIpv4 = bytes[start]! >>> 4 === 4;
    const header = isIpv4 ? (bytes[start]! & 15) * 4 : 40;
    const carried = bytes[start + (isIpv4 ? 9 : 6)]!;
    if (header < 20 || header > length) {
      this.#drop(row, 'malformed');
      return;
    }
    const shape = carried === own ? 0 : 1;
    frames.addPart(row, isIpv4 ? this.#ipv4 : this.#ipv6, start, header);
    frames.addPart(row, this.#numbers[carried]! | PAYLOAD, start + header, length - header);
    if (this.#edge < 0) this.#drop(row, 'closed');
    // The socket of ICMP brings it too.
    else if (shape === 1 && !this.#errors.includes(isIpv4 ? 4 : 6)) frames.release(row);
    else if ((this.#shapes & (1 << shape)) === 0) this.#drop(row, shape === 1 ? 'error-unheard' : 'closed');
    else this.#outbox.push(row, this.#edge | (shape << 16), 0);
  }

  close(): void {
    this.#devices?.close();
    this.#own?.close();
    this.#drops?.close();
    for (const { channel, claim } of this.#sockets) {
      // The change failed: the socket stays with the other piece.
      if (claim !== undefined) claim.theirs.successor = undefined;
      else this.#closeSocket(channel);
    }
    this.#sockets = [];
    this.#list();
    this.#batch?.close();
    this.#batch = undefined;
  }
}

interface RawSocket {
  readonly protocol: number;
  readonly family: 4 | 6;
  /** -1 while it is only claimed, and where it could not be opened again. */
  channel: number;
  /** The socket of a predecessor that this one takes over. */
  claim?: { readonly from: RawPiece; readonly theirs: RawSocket } | undefined;
  /** The piece that takes over this socket. */
  successor?: RawPiece | undefined;
}

function isLost({ channel, claim }: RawSocket): boolean {
  return channel < 0 && claim === undefined;
}

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The frame is not dropped. */
const NONE = '';
const PROTOCOL = 0xffff;
const PAYLOAD = Role.payload << 16;
const UNFINISHED = PartMarks.unfinished << 24;
const ICMP = 1;
const ICMPV6 = 58;
