/*
 * pcap-writer: records frames in a pcapng file
 *
 * PURPOSE
 *   Writes every frame that comes to it into a file for Wireshark and other readers. While the disk is slower
 *   than the frames come, it takes no more of them: what can pause then pauses.
 *
 * EDGES AND SHAPES
 *
 *                 ┌───────────────┐
 *     frames ─────┤  pcap-writer  ╞═══ file
 *                 └───────────────┘
 *
 *   frames   STACK DIRECTION; whole frames
 *
 * SETTINGS
 *   file        file to write; its former content is lost when the change is certain; required
 *   stack       stack of the frames; default ip
 *   direction   direction of the Edge: up, down or peer; default up
 *   snaplen     most bytes that are recorded of a frame; default 66240
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     recorded       the frame is in the file
 *   Lost:
 *     not-written    the disk refused the frame
 *     unknown-link   the frame begins with no protocol that pcapng records
 *     unfit          the headers cannot be completed
 *     too-large      a fragment of a frame that is larger than a row
 *     closed         the file is not open
 *
 * WHAT IT DOES NOT DO
 *   It writes no name resolution, statistics or decryption secrets. It does not rotate files. Times have the
 *   resolution of the lane's clock.
 *
 * SPECIFICATION
 *   draft-ietf-opsawg-pcapng; link types as in draft-ietf-opsawg-pcaplinktype.
 */
import type { Piece as Description, Problem, PropertyWish, Setting } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import { type Frames, MAX_FRAME_BYTES, MAX_PARTS, PART_WORDS } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Direction } from '../../stack/direction.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import { BlockFile } from './block-file.ts';
import {
  interfaceDescription,
  LinkType,
  packetBlockLength,
  sectionHeader,
  writePacketBlock,
} from './pcapng.ts';

/**
 * The native piece `pcap-writer`: every frame that comes to it goes into a pcapng file, for Wireshark and its
 * kin.
 *
 * A frame that begins with Ethernet or PPP is recorded so; of others, from the IP header on. What the buffer
 * (4 MiB) cannot take stays in the queue; what the disk refused is counted as `not-written`.
 */
export class PcapWriterPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #settings: PcapWriterSettings;
  readonly #problems: readonly Problem[];
  /** The link type to record by protocol number; 0 for none. */
  readonly #linkTypes: Uint16Array;
  /** The number of the interface in the file by link type, + 1; 0 while it is not described. */
  readonly #interfaces = new Uint8Array(256);
  #interfaceCount = 0;
  #file: BlockFile | undefined;
  /** To be added to the lane's clock, in milliseconds since 1970. */
  #epoch = Number.NaN;
  readonly #wallClock: () => number;
  #hasFailed = false;
  #hasSection = false;
  /** The piece whose file goes on, until it is taken over; and who is to take over this one's. */
  #predecessor: PcapWriterPiece | undefined;
  #successor: PcapWriterPiece | undefined;
  readonly #events = {
    written: (recorded: number) => this.#context.count('recorded', recorded),
    failed: (error: Error, lost: number) => this.#onFailure(error, lost),
  };

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
    /** Milliseconds since 1970. */
    wallClock: () => number = Date.now,
  ) {
    super();
    this.#wallClock = wallClock;
    this.#context = context;
    this.#frames = frames;
    this.#composer = new Composer(protocols);
    const read = readPcapWriterSettings(settings, protocols);
    this.#settings = read.settings;
    this.#problems = read.problems;
    this.description = pcapWriterDescription(read.settings);
    this.#linkTypes = new Uint16Array(65_536);
    for (const [name, linkType] of RECORDED) this.#linkTypes[protocols.number(name)] = linkType;
    this.#linkTypes[0] = 0;
  }

  /** Plans to go on with the file of a piece that ends with this change. */
  succeed(retiring: readonly Piece[]): void {
    for (const piece of retiring) {
      if (!(piece instanceof PcapWriterPiece) || piece.#file === undefined || piece.#successor !== undefined)
        continue;
      if (piece.#settings.file !== this.#settings.file) continue;
      this.#predecessor = piece;
      piece.#successor = this;
      return;
    }
  }

  takeOver(): void {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) {
      this.#file?.begin();
      return;
    }
    this.#predecessor = undefined;
    this.#file = predecessor.#file;
    predecessor.#file = undefined;
    this.#file?.passTo(this.#events);
    // This piece may describe its frames differently, so it begins a section of its own.
    this.#hasSection = this.#append(sectionHeader());
  }

  /** @throws EndpointError FT_PCAP_FILE */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    if (this.#predecessor !== undefined) return [];
    const { file } = this.#settings;
    try {
      // The recording of the earlier lane stays, and a section of this piece follows it.
      this.#file = new BlockFile(file, this.#events, { goesOn: this.#context.isResumed });
    } catch (error) {
      throw new EndpointError(
        'FT_PCAP_FILE',
        `piece ${this.#context.name}: the capture file ${file} cannot be made (${whyNot(error)}). Choose another in the setting file`,
        { cause: error, setting: 'file' },
      );
    }
    // A file without frames is a capture, too.
    this.#hasSection = this.#append(sectionHeader());
    return [];
  }

  /** A block that holds no frame. */
  #append(block: Uint8Array): boolean {
    const chunk = this.#file!.reserve(block.length);
    if (chunk === undefined) return false;
    chunk.bytes.set(block, chunk.end);
    this.#file!.append(chunk, chunk.end + block.length, 0);
    return true;
  }

  #onFailure(error: Error, lost: number): void {
    this.#context.count('not-written', lost);
    if (!this.#hasFailed)
      this.#context.log(
        'error',
        `FT_PCAP_FILE: ${this.#settings.file}: ${error.message}. What cannot be written is lost and counted as not-written; make room on the disk`,
      );
    this.#hasFailed = true;
    // Descriptions may be lost with the rest: begin a new section.
    this.#interfaces.fill(0);
    this.#interfaceCount = 0;
    this.#hasSection = false;
  }

  /** Records the waiting frames. */
  process(now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    const microseconds = this.#microsecondsAt(now);
    let taken = 0;
    for (; taken < count; taken++) {
      const row = inbox.rows[inbox.at(taken)]!;
      if (!this.#record(row, microseconds)) break;
      this.#frames.release(row);
    }
    inbox.take(taken);
    return taken < count ? now + FULL_BUFFER_MS : Infinity;
  }

  /**
   * Microseconds since 1970. The lane's clock counts finely, and the wall clock decides: it may have been
   * set, or the machine suspended.
   */
  #microsecondsAt(now: number): number {
    const epoch = this.#wallClock() - now;
    if (!(Math.abs(epoch - this.#epoch) <= CLOCK_TOLERANCE_MS)) this.#epoch = epoch;
    return Math.floor((this.#epoch + now) * 1000);
  }

  /** Returns false where there is no room for the frame now. */
  #record(row: number, microseconds: number): boolean {
    const frames = this.#frames;
    const isPiece = frames.messageIds[row] !== 0;
    if (isPiece || this.#composer.finish(frames, row) !== 0) {
      this.#context.count(isPiece ? 'too-large' : 'unfit', 1);
      return true;
    }
    const first = row * MAX_PARTS * PART_WORDS;
    const end = first + frames.partCount[row]! * PART_WORDS;
    let part = first;
    while (part < end && this.#linkTypes[frames.partWords[part]! & 0xffff] === 0) part += PART_WORDS;
    if (part === end || this.#file === undefined) {
      this.#context.count(this.#file === undefined ? 'closed' : 'unknown-link', 1);
      return true;
    }
    const linkType = this.#linkTypes[frames.partWords[part]! & 0xffff]!;
    const from = frames.partWords[part + 1]!;
    const length = frames.start[row]! + frames.length[row]! - from;
    const captured = Math.min(length, this.#settings.snapLength);
    const chunk = this.#isDescribed(linkType) ? this.#file.reserve(packetBlockLength(captured)) : undefined;
    if (chunk === undefined) return false;
    const number = this.#interfaces[linkType]! - 1;
    const { bytes } = frames;
    this.#file.append(
      chunk,
      writePacketBlock(chunk.bytes, chunk.end, number, microseconds, bytes, from, captured, length),
      1,
    );
    return true;
  }

  /**
   * Describes the file and the link type where that is still to be done. False when there is no room for it.
   */
  #isDescribed(linkType: number): boolean {
    if (this.#interfaces[linkType] !== 0) return true;
    this.#hasSection ||= this.#append(sectionHeader());
    if (!this.#hasSection || !this.#append(interfaceDescription(linkType, this.#settings.snapLength)))
      return false;
    this.#interfaces[linkType] = ++this.#interfaceCount;
    return true;
  }

  close(): void {
    if (this.#predecessor !== undefined) this.#predecessor.#successor = undefined;
    this.#predecessor = undefined;
    this.#file?.close();
    this.#file = undefined;
  }
}

export interface PcapWriterSettings {
  readonly file: string;
  readonly stack: string;
  readonly direction: Direction;
  readonly snapLength: number;
}

export function readPcapWriterSettings(
  given: readonly (readonly [string, string])[],
  protocols: Protocols,
): { readonly settings: PcapWriterSettings; readonly problems: readonly Problem[] } {
  const reader = new SettingReader(SETTINGS, given);
  if (reader.text('file') === '')
    reader.problem('file', 'file is not given; it says where the capture is to be written');
  const settings = {
    file: reader.text('file'),
    stack: readStack(reader, protocols),
    direction: reader.choice('direction', DIRECTIONS),
    snapLength: reader.number('snaplen') ?? MAX_FRAME_BYTES,
  };
  return { settings, problems: reader.problems };
}

/** The setting `stack`, checked. */
export function readStack(reader: SettingReader, protocols: Protocols): string {
  const stack = reader.text('stack');
  try {
    parseStack(stack, protocols);
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    reader.problem('stack', `stack is ${JSON.stringify(stack)}: ${error.message}`);
    return 'ip';
  }
  return stack;
}

/** What the native piece `pcap-writer` is, with these settings. */
export function pcapWriterDescription({
  stack,
  direction,
}: Pick<PcapWriterSettings, 'stack' | 'direction'>): Description {
  return {
    name: 'pcap-writer',
    version: '0.1.0',
    summary: 'Records frames in a pcapng file.',
    protocols: [],
    edges: [
      {
        name: 'frames',
        optional: false,
        repeated: false,
        shapes: [{ stack, direction, reach: 'whole-frame', properties: takenProperties(direction) }],
      },
    ],
    curves: [],
    settings: SETTINGS,
    reasons: [
      ...noLosses({
        recorded: 'The frame is in the file.',
      }),
      ...losses({
        'not-written': 'The disk refused the frame.',
        'unknown-link': 'The frame begins with no protocol that pcapng records.',
        unfit: 'The headers cannot be completed.',
        'too-large': 'The frame is a fragment of a frame that is larger than a row.',
        closed: 'The file is not open.',
      }),
    ],
  };
}

/** The properties of the carrier: frames are recorded as they come, but not all when the disk is slow. */
function takenProperties(direction: Direction): readonly PropertyWish[] {
  const names = direction === 'up' ? ['framed', 'ordered', 'duplicate-free', 'low-delay'] : ['framed'];
  return names.map((name) => available(name));
}

/** The choices of the setting `direction`. */
export const DIRECTIONS: readonly Direction[] = ['up', 'down', 'peer'];

const SETTINGS: readonly Setting[] = [
  setting('file', 'File to write; what it held is lost', 'text', { required: true }),
  setting('stack', 'Stack of the frames to record', 'text', { default: 'ip' }),
  setting('direction', 'Direction of the Edge: up, down or peer', 'text', { default: 'up' }),
  setting('snaplen', 'Record no more than so many bytes of each frame', 'number', {
    default: String(MAX_FRAME_BYTES),
    range: [1, MAX_FRAME_BYTES],
  }),
];

/** The time until the next look for room in the buffer. */
const FULL_BUFFER_MS = 2;
/** The wall clock counts whole milliseconds, and is adjusted slowly all the time. */
const CLOCK_TOLERANCE_MS = 2;

/** Which protocols a recorded frame may begin with, and as what link type. */
const RECORDED: readonly (readonly [string, number])[] = [
  ['ethernet', LinkType.ethernet],
  ['ppp', LinkType.ppp],
  ['ipv4', LinkType.raw],
  ['ipv6', LinkType.raw],
];

function whyNot(error: unknown): string {
  const isUnread = systemCode(error) === 'ENXIO';
  return isUnread ? 'it is a pipe, and nobody reads it yet' : messageOf(error);
}
