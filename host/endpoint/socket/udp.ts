import { networkInterfaces } from 'node:os';
import {
  type Piece as Description,
  type Joining,
  PartMarks,
  type Problem,
  type Property,
  Role,
} from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import type { Frames } from '../../frame/frames.ts';
import * as framesConstants from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { takeDescriptors } from '../activation.ts';
import { loadAddon } from '../addon.ts';
import { absentText } from '../device-watch.ts';
import { EndpointError } from '../endpoint-error.ts';
import { Grants } from '../grants.ts';
import { parseAddress } from '../ip-address.ts';
import { listText } from '../list-text.ts';
import { socketError } from '../socket-error.ts';
import * as udpDescriptionConstants from './udp-description.ts';
import { udpDescription } from './udp-description.ts';
import * as udpDgramConstants from './udp-dgram.ts';
import { DgramUdpIo } from './udp-dgram.ts';
import { AddonUdpIo, type UdpIo, type UdpSink } from './udp-io.ts';
import { groupsOf, mistakeInGroups, opensFor } from './udp-listens.ts';
import { readUdpSettings, type UdpSettings } from './udp-settings.ts';
import { UdpSockets } from './udp-sockets.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const { DATAGRAM_SHAPE, ERROR_SHAPE } = udpDescriptionConstants;
const { DGRAM_LACKS } = udpDgramConstants;

/**
 * The native piece `udp`: sockets of this machine, in the shape of the packets that they carry.
 *
 * A datagram that arrives gets back the IP and UDP header that the kernel removed; the headers of a frame
 * that leaves determine how it is sent. The piece opens a socket for each `local:` port that a neighbour
 * listens on, and for those in its settings, and joins the groups that neighbours offer.
 */
export class UdpPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #protocols: Protocols;
  readonly #composer: Composer;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #udp: number;
  readonly #icmp: number;
  readonly #icmpv6: number;
  readonly #settings: UdpSettings;
  readonly #problems: readonly Problem[];
  readonly #grants: Grants;
  readonly #outbox = new Outbox();
  readonly #sink: UdpSink = {
    received: (row) => this.#receive(row),
    receivedAll: () => this.#context.arrived(this.#outbox),
  };
  #io: UdpIo | undefined;
  #sockets: UdpSockets | undefined;
  #predecessors: readonly UdpPiece[] = [];
  #ownTimer: NodeJS.Timeout | undefined;
  #linkTimer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Whether a datagram came since the last look. */
  #hasReceived = true;
  #deviceIndex = 0;
  #isDeviceAbsent = false;
  #edge = -1;
  /** The joined Shapes, one bit for each. */
  #shapes = 0;
  readonly #groups = new Map<string, readonly string[]>();

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    this.#protocols = protocols;
    this.#composer = new Composer(protocols);
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#udp = protocols.number('udp');
    this.#icmp = protocols.number('icmp');
    this.#icmpv6 = protocols.number('icmpv6');
    const read = readUdpSettings(settings);
    this.#settings = read.settings;
    this.description = udpDescription(read.settings.families);
    this.#problems = read.problems;
    this.#grants = new Grants(read.settings.destinations, read.settings);
  }

  /** The open ports, except those of groups. */
  get ports(): readonly number[] {
    return this.#sockets?.ports ?? [];
  }

  /** Whether a port could not be opened again. */
  get deviates(): boolean {
    return this.#sockets !== undefined && this.#sockets.closedPorts.length > 0;
  }

  /** Plans to take over the open ports of the predecessors that have the options of this piece. */
  succeed(retiring: readonly Piece[]): void {
    this.#predecessors = retiring.filter((piece) => piece instanceof UdpPiece);
  }

  takeOver(): void {
    this.#sockets?.takeOver();
    if (this.#settings.device !== '') this.#soonLookAtLinks();
    this.#report();
  }

  /**
   * @throws EndpointError FT_ADDON_ABSENT, FT_UDP_PORT_IN_USE, FT_UDP_PERMISSION, FT_UDP_ADDRESS, FT_UDP_OPEN
   */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    try {
      this.#io = this.#openIo();
      const predecessors = this.#predecessors.flatMap((piece) => piece.#sockets ?? []);
      const { device } = this.#settings;
      const former = this.#predecessors.find((piece) => piece.#settings.device === device);
      this.#predecessors = [];
      this.#sockets = new UdpSockets(this.#io, this.#settings, this.#context, predecessors);
      this.#refreshOwn();
      const index = this.#deviceNow();
      this.#isDeviceAbsent = index === 0;
      // The sockets of a predecessor are bound to the device that it knew.
      this.#deviceIndex = former === undefined ? index : former.#deviceIndex;
      this.#io.watch(() => this.#soonLookAtLinks());
      // This timer is off the frame path, and does not keep the process alive.
      this.#ownTimer = setInterval(() => this.#refreshOwn(), OWN_ADDRESSES_MS).unref();
      this.#inherit();
      for (const port of this.#settings.ports) this.#sockets.open(port, this.#settings.families);
      this.#report();
    } catch (error) {
      this.close();
      throw error;
    }
    return [];
  }

  /** Takes the sockets that this process was started with. Their datagrams wait until there is a network. */
  #inherit(): void {
    const { inherit, idleMs, io } = this.#settings;
    if (inherit === undefined) return;
    if (io === 'dgram') this.#io!.inherit(-1, this.#settings);
    const taken = takeDescriptors(
      loadAddon(),
      this.#context,
      inherit,
      'UDP sockets',
      ({ kind, family }) => kind === 'datagram' && (family === 4 || family === 6),
    );
    try {
      for (const { descriptor } of taken) this.#sockets!.inherit(descriptor);
    } catch (error) {
      throw socketError(this.#context.name, 'an inherited UDP socket', error);
    }
    if (inherit.by !== 'inetd') return;
    this.#context.source('open');
    // inetd waits with its own copy of the socket until this process ends.
    this.#idleTimer = setInterval(() => {
      if (!this.#hasReceived) this.#context.source('ended');
      this.#hasReceived = false;
    }, idleMs).unref();
  }

  /**
   * A neighbour may listen on thousands of ports in one turn, and one report is enough; or on a few in each
   * of many turns, and then one in a second is.
   */
  #reportLater(): void {
    const isCostly = (this.#sockets?.portCount ?? 0) > MOST_PORTS_AT_ONCE;
    this.#reportTimer ??= setTimeout(
      () => {
        this.#reportTimer = undefined;
        this.#report();
      },
      isCostly ? REPORT_MS : 0,
    ).unref();
  }

  /** Reports for the user which ports are open, and where they are bound. */
  #report(): void {
    const sockets = this.#sockets;
    if (sockets === undefined) return;
    const { address, device, families } = this.#settings;
    const facts = {
      ports: listText(sockets.eachPort),
      address: address === '' ? `any of ${families.map((each) => `IPv${each}`).join(' and ')}` : address,
      ...(device === '' ? {} : { device }),
      ...(sockets.groups.length === 0 ? {} : { groups: listText(sockets.groups) }),
    };
    const lost = sockets.closedPorts;
    if (device !== '' && this.#isDeviceAbsent)
      this.#context.status({ health: 'impaired', summary: absentText(device), facts });
    else if (lost.length > 0) {
      const summary = `UDP port ${listText(lost)} could not be opened again on the device`;
      this.#context.status({ health: 'failed', summary, facts });
    } else if (sockets.portCount === 0)
      this.#context.status({
        health: 'pending',
        summary: 'no neighbour has asked for a port yet',
        facts: {},
      });
    else if (sockets.refusedGroups.length > 0) {
      const summary = `the group ${listText(sockets.refusedGroups)} cannot be joined yet`;
      this.#context.status({ health: 'impaired', summary, facts });
    } else this.#context.status({ health: 'good', summary: 'the sockets are open', facts });
  }

  /** Joins the groups that neighbours offer now. */
  #setGroups(): void {
    this.#sockets?.setGroups([...this.#groups.values()].flat());
    this.#report();
  }

  #openIo(): UdpIo {
    const { io } = this.#settings;
    if (io !== 'dgram') {
      try {
        return new AddonUdpIo(loadAddon(), this.#frames, this.#context, this.#sink);
      } catch (error) {
        if (io === 'addon' || !(error instanceof EndpointError)) throw error;
        this.#context.log('warn', `${error.code}: ${error.message}. Until then ${DGRAM_LACKS}`);
      }
    } else {
      this.#context.log('info', DGRAM_LACKS);
    }
    return new DgramUdpIo(this.#frames, this.#context, this.#sink);
  }

  /** Handles several changes that follow closely together. */
  #soonLookAtLinks(): void {
    this.#linkTimer ??= setTimeout(() => {
      this.#linkTimer = undefined;
      this.#lookAtLinks();
    }, SETTLE_MS).unref();
  }

  /**
   * A device that was made again under its name is a different one, to which the sockets are not bound. A
   * group that no device could join may now have one, and a port that could not be opened again its address.
   */
  #lookAtLinks(): void {
    this.#refreshOwn();
    const index = this.#deviceNow();
    this.#isDeviceAbsent = index === 0;
    const isNew = index > 0 && index !== this.#deviceIndex;
    if (isNew) {
      this.#deviceIndex = index;
      this.#context.log(
        'info',
        `the device ${this.#settings.device} was made again, so its ports are opened again`,
      );
    }
    if (isNew || this.deviates) this.#sockets?.reopen(isNew);
    this.#setGroups();
  }

  /** The number of the device of the settings; 0 for none, and while no device has this name. */
  #deviceNow(): number {
    if (this.#settings.device === '') return 0;
    try {
      return loadAddon().linkIndex(this.#settings.device, -1);
    } catch {
      // ENODEV: opening a socket there reports it.
      return 0;
    }
  }

  #refreshOwn(): void {
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    this.#grants.setOwn(addresses.flatMap(({ address }) => parseAddress(address.split('%')[0]!) ?? []));
  }

  override accepts(joining: Joining): Problem | undefined {
    return mistakeInGroups(joining.properties);
  }

  override join(joining: Joining): void {
    this.#edge = joining.edge;
    this.#shapes |= 1 << joining.shape;
    this.#groups.set(`${joining.edge}/${joining.shape}`, groupsOf(joining.properties));
    this.#setGroups();
    this.#sockets?.beginInherited();
  }

  override leave(edge: number, shape: number): void {
    this.#shapes &= ~(1 << shape);
    if (this.#shapes === 0) this.#edge = -1;
    this.#groups.delete(`${edge}/${shape}`);
    this.#setGroups();
  }

  /**
   * Opens, or closes, the sockets for the ports on which a neighbour listens. The problem is an EndpointError
   * with its code.
   */
  override listening(_edge: number, stack: string, present: boolean): Problem | undefined {
    const { ports, families } = opensFor(parseStack(stack, this.#protocols), this.#settings.families);
    const opened: number[] = [];
    for (const port of ports) {
      if (!present) {
        this.#sockets?.close(port, families);
        continue;
      }
      try {
        this.#sockets?.open(port, families);
        opened.push(port);
      } catch (error) {
        for (const each of opened) this.#sockets?.close(each, families);
        if (error instanceof EndpointError) return error;
        throw error;
      }
    }
    this.#reportLater();
    return undefined;
  }

  descriptorsFor(stack: string): readonly number[] {
    const { ports, families } = opensFor(parseStack(stack, this.#protocols), this.#settings.families);
    return ports.flatMap((port) => families.map((family) => port * 8 + family));
  }

  descriptorsForOffer(property: Property): number {
    return groupsOf([property]).length;
  }

  /** Sends the waiting frames. */
  process(_now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) {
      const at = inbox.at(n);
      const skips = inbox.skips[at]!;
      this.#send(inbox.rows[at]!, skips & 0xff, skips >>> 8);
    }
    inbox.take(count);
    this.#io?.flush();
    return Infinity;
  }

  #send(row: number, skipHeaders: number, skipTrailers: number): void {
    const frames = this.#frames;
    const { bytes, partWords } = frames;
    const first = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const last = (row * MAX_PARTS + frames.partCount[row]! - 1 - skipTrailers) * PART_WORDS;
    const next = first + PART_WORDS;
    const protocol = partWords[first]! & KIND;
    if (frames.messageIds[row] !== 0) {
      // A fragment of a frame that is larger than any datagram.
      this.#drop(row, 'too-large');
      return;
    }
    const isIpv4 = protocol === this.#ipv4;
    if (
      this.#io === undefined ||
      last < next ||
      !(isIpv4 || protocol === this.#ipv6) ||
      (partWords[next]! & KIND) !== this.#udp
    ) {
      this.#drop(row, this.#io === undefined ? 'closed' : 'not-udp');
      return;
    }
    // The kernel fills in these two headers itself: skip the checksum over the payload, if the frame has no
    // other holder.
    let hasLength = true;
    if (frames.references[row] === 1) {
      hasLength = (partWords[next]! & UNFINISHED) === 0;
      partWords[first]! &= ~UNFINISHED;
      partWords[next]! &= ~UNFINISHED;
    }
    if (this.#composer.finish(frames, row) !== 0) {
      this.#drop(row, 'unfit');
      return;
    }
    const ip = partWords[first + 1]!;
    const udp = partWords[next + 1]!;
    let payload = partWords[last + 1]! + partWords[last + 2]! - udp - 8;
    const stated = ((bytes[udp + 4]! << 8) | bytes[udp + 5]!) - 8;
    if (
      partWords[first + 2]! < (isIpv4 ? 20 : 40) ||
      payload < 0 ||
      (hasLength && (stated < 0 || stated > payload))
    ) {
      this.#drop(row, 'malformed');
      return;
    }
    // Bytes behind the stated length are padding.
    if (hasLength) payload = stated;
    const to = ip + (isIpv4 ? 16 : 24);
    if ((bytes[udp + 2]! | bytes[udp + 3]!) === 0 || isZero(bytes, to, isIpv4 ? 4 : 16)) {
      this.#drop(row, 'no-destination');
    } else if (!(isIpv4 ? this.#grants.allowsIpv4(bytes, to) : this.#grants.allowsIpv6(bytes, to))) {
      this.#drop(row, 'not-granted');
    } else {
      const channel = this.#sockets!.channelOf((bytes[udp]! << 8) | bytes[udp + 1]!, isIpv4);
      if (channel < 0) this.#drop(row, 'not-open');
      else this.#io.send(channel, row, ip, udp, payload);
    }
  }

  #drop(row: number, reason: string): void {
    this.#frames.release(row);
    this.#context.count(reason, 1);
  }

  /** Sets the parts of a frame that was read, and the Shape by which it goes. */
  #receive(row: number): void {
    const frames = this.#frames;
    const start = frames.start[row]!;
    const length = frames.length[row]!;
    const isIpv4 = frames.bytes[start]! >>> 4 === 4;
    const header = isIpv4 ? 20 : 40;
    const carried = frames.bytes[start + (isIpv4 ? 9 : 6)]!;
    this.#hasReceived = true;
    const shape = carried === UDP ? DATAGRAM_SHAPE : ERROR_SHAPE;
    frames.addPart(row, isIpv4 ? this.#ipv4 : this.#ipv6, start, header);
    if (shape === DATAGRAM_SHAPE) {
      // The kernel verified the checksum and does not pass it on.
      frames.addPart(row, this.#udp | UNFINISHED, start + header, 8);
      frames.addPart(row, PAYLOAD, start + header + 8, length - header - 8);
    } else {
      frames.addPart(row, (isIpv4 ? this.#icmp : this.#icmpv6) | PAYLOAD, start + header, length - header);
    }
    if (this.#edge < 0) this.#drop(row, 'closed');
    else if ((this.#shapes & (1 << shape)) === 0)
      this.#drop(row, shape === ERROR_SHAPE ? 'error-unheard' : 'closed');
    else this.#outbox.push(row, this.#edge | (shape << 16), 0);
  }

  close(): void {
    clearInterval(this.#ownTimer);
    clearInterval(this.#idleTimer);
    clearTimeout(this.#linkTimer);
    clearTimeout(this.#reportTimer);
    this.#sockets?.end();
    this.#io?.end();
    this.#io = undefined;
    this.#sockets = undefined;
  }
}

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** In a part's first word: protocol and role; and the mark. */
const KIND = 0xff_ffff;
const PAYLOAD = Role.payload << 16;
const UNFINISHED = PartMarks.unfinished << 24;
const UDP = 17;
/** The largest age of the list of this machine's own addresses. */
const OWN_ADDRESSES_MS = 5000;
const SETTLE_MS = 50;
/** A report looks at all ports, so that of many is made once in a while. */
const MOST_PORTS_AT_ONCE = 64;
const REPORT_MS = 1000;
