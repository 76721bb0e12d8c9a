import { readFileSync, statSync } from 'node:fs';
import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import { Composer } from '../../frame/composer.ts';
import { type Frames, MAX_PARTS, NOT_RECORDED, PART_WORDS } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Piece, PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { BlockFile } from './block-file.ts';
import { PCAP_HEADER_BYTES } from './capture-constants.ts';
import type { CaptureFormat, CaptureSubject } from './capture-format.ts';
import { CapturedPacket, INBOUND, OUTBOUND, type PacketTime, UNKNOWN_DIRECTION } from './captured-packet.ts';
import { LinkType } from './link-types.ts';
import { PcapFormat } from './pcap-format.ts';
import {
  type PcapWriterSettings,
  pcapWriterDescription,
  readPcapWriterSettings,
  UP,
} from './pcap-writer-description.ts';
import { PcapngFormat } from './pcapng-format.ts';

/**
 * The native piece `pcap-writer`: every frame that comes to it goes into a capture file, for Wireshark and
 * similar programs.
 *
 * A frame that begins with Ethernet, PPP or another link that captures know is recorded whole; others are
 * recorded from the IP header on. Frames that do not fit in the buffer (4 MiB) stay in the queue; frames that
 * the disk refused are counted as `not-written`.
 */
export class PcapWriterPiece extends PieceBase implements Piece {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #composer: Composer;
  readonly #settings: PcapWriterSettings;
  readonly #problems: readonly Problem[];
  /** The link type to record, + 1, by protocol number; 0 for none. */
  readonly #linkTypes: Uint16Array;
  readonly #packet = new CapturedPacket();
  readonly #comments = new Map<number, Uint8Array>();
  #file: BlockFile | undefined;
  #format: CaptureFormat;
  readonly #subject: CaptureSubject & { interfaceName: string };
  /** The number of frames lost before this piece began to write. */
  #lostBefore = 0;
  /** The difference from the lane's clock to the wall clock, in milliseconds since 1970. */
  #epoch = Number.NaN;
  #beganMs = 0;
  readonly #wallClock: () => number;
  #hasFailed = false;
  /** The reason for which the last blocks were not written; empty where they were. */
  #fault = '';
  #lookTimer: NodeJS.Timeout | undefined;
  #hasWritten = false;
  /**
   * The piece whose file this one takes over, until it has; and the piece that takes over the file of this
   * one.
   */
  #predecessor: PcapWriterPiece | undefined;
  #successor: PcapWriterPiece | undefined;
  readonly #events = {
    written: (recorded: number) => {
      this.#hasWritten = true;
      this.#context.count('recorded', recorded);
      if (this.#fault === '') return;
      this.#fault = '';
      this.#report();
    },
    cut: (size: number) => {
      if (size === 0) this.#hasWritten = false;
    },
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
    for (const [name, linkType] of RECORDED) this.#linkTypes[protocols.number(name)] = linkType + 1;
    this.#linkTypes[0] = 0;
    const { snapLength, interfaceName, stack } = read.settings;
    const first = this.#linkTypes[protocols.number(stack.split('/', 1)[0]!)]!;
    const linkType = first === 0 ? LinkType.raw : first - 1;
    this.#subject = { linkType, snapLength, interfaceName, about: `piece ${context.name}` };
    this.#format = this.#newFormat();
  }

  #newFormat(): CaptureFormat {
    const { format } = this.#settings;
    return format === 'pcapng'
      ? new PcapngFormat(this.#subject)
      : new PcapFormat(this.#subject, format === 'pcap-ns');
  }

  /** Whether another program moved or removed the file, so that what is recorded is not at its path. */
  get deviates(): boolean {
    return this.#file?.isGoneFrom(this.#settings.file) === true;
  }

  #report(): void {
    if (this.#file === undefined) return;
    const { file } = this.#settings;
    const facts = { file };
    if (this.#fault !== '')
      this.#context.status({ health: 'failed', summary: `cannot write: ${this.#fault}`, facts });
    else if (this.deviates)
      this.#context.status({
        health: 'impaired',
        summary: 'another program moved or removed the file, and it is written where it is',
        facts,
      });
    else this.#context.status({ health: 'good', summary: 'records', facts });
  }

  /** Nothing notifies of a file that another program moves. */
  #look(): void {
    this.#report();
    this.#lookTimer ??= setInterval(() => this.#report(), LOOK_MS).unref();
  }

  /** Plans to continue the file of a piece that ends with this change. */
  succeed(retiring: readonly Piece[]): void {
    for (const piece of retiring) {
      if (!(piece instanceof PcapWriterPiece) || piece.#file === undefined || piece.#successor !== undefined)
        continue;
      const { file, format } = piece.#settings;
      if (file !== this.#settings.file || format !== this.#settings.format || piece.deviates) continue;
      this.#predecessor = piece;
      piece.#successor = this;
      return;
    }
  }

  takeOver(): void {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) {
      this.#file?.begin();
      this.#look();
      return;
    }
    this.#predecessor = undefined;
    this.#begin();
    const file = predecessor.#file;
    const ending = predecessor.#end();
    predecessor.#file = undefined;
    this.#file = file;
    this.#hasWritten = predecessor.#hasWritten;
    file?.passTo(this.#events);
    if (ending !== undefined) this.#append(ending);
    // This piece may describe its frames differently, so it begins a section of its own; a pcap file has
    // none.
    if (this.#settings.format === 'pcapng') this.#describe();
    else this.#format = predecessor.#format;
    this.#look();
  }

  /** @throws EndpointError FT_PCAP_FILE */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    if (this.#predecessor !== undefined) return [];
    const { file } = this.#settings;
    try {
      // The recording of the earlier lane stays, and what this piece records follows it.
      const goesOn = this.#context.isResumed;
      this.#file = new BlockFile(file, this.#events, { goesOn });
      if (goesOn && this.#format instanceof PcapFormat) this.#format.goOn(beginOf(file));
    } catch (error) {
      if (systemCode(error) === 'ENXIO')
        throw new EndpointError(
          'FT_PCAP_FILE',
          `piece ${this.#context.name}: the capture file ${file} is a pipe without a reader. Start the reader first`,
          { cause: error, setting: 'file' },
        );
      throw new EndpointError(
        'FT_PCAP_FILE',
        `piece ${this.#context.name}: the capture file ${file} cannot be made (${messageOf(error)}). Choose another in the setting file`,
        { cause: error, setting: 'file' },
      );
    }
    this.#begin();
    // A file without frames is also a capture.
    this.#describe();
    return [];
  }

  #begin(): void {
    this.#lostBefore = this.#lost();
    this.#beganMs = this.#wallClock();
  }

  override join({ joint }: Joining): void {
    if (this.#settings.interfaceName === '') this.#subject.interfaceName = joint;
  }

  /** Writes what is still missing in front of packets of a link type. False when there is no room for it. */
  #describe(linkType?: number): boolean {
    const missing = this.#format.missing(linkType);
    if (missing === undefined) return true;
    if (!this.#append(missing)) return false;
    this.#format.described(linkType);
    return true;
  }

  /** Writes a block without a frame. */
  #append(block: Uint8Array): boolean {
    const chunk = this.#file?.reserve(block.length);
    if (chunk === undefined) return false;
    chunk.bytes.set(block, chunk.end);
    this.#file!.append(chunk, chunk.end + block.length, 0);
    return true;
  }

  /** The bytes that end what this piece has written. */
  #end(): Uint8Array | undefined {
    return this.#format.end({
      began: timeOf(this.#beganMs),
      ended: timeOf(this.#wallClock()),
      lost: this.#lost() - this.#lostBefore,
    });
  }

  /** Frames that ended at this piece, for its reasons and for the lane's, and are not in the file. */
  #lost(): number {
    let lost = 0;
    for (const [name, frames] of this.#context.counters.entries()) if (name !== 'recorded') lost += frames;
    return lost;
  }

  #onFailure(error: Error, lost: number): void {
    this.#context.count('not-written', lost);
    const remedy = REMEDIES.get(systemCode(error)) ?? '';
    if (!this.#hasFailed)
      this.#context.log(
        'error',
        `FT_PCAP_FILE: ${this.#settings.file}: ${error.message}. Frames that cannot be written are lost and counted as not-written${remedy}`,
      );
    this.#hasFailed = true;
    this.#fault = error.message;
    this.#report();
    // Descriptions may be lost with the rest.
    this.#format.forget(this.#hasWritten);
  }

  /** Records the waiting frames. */
  process(now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    const nowMs = this.#wallTimeAt(now);
    let taken = 0;
    for (; taken < count; taken++) {
      const at = inbox.at(taken);
      const row = inbox.rows[at]!;
      if (!this.#record(row, inbox.edgeShapes[at]! >>> 16, nowMs)) break;
      this.#frames.release(row);
    }
    inbox.take(taken);
    return taken < count ? now + FULL_BUFFER_MS : Infinity;
  }

  /**
   * Milliseconds since 1970. The lane's clock counts finely, and the wall clock decides: it may have been
   * set, or the machine suspended.
   */
  #wallTimeAt(now: number): number {
    const epoch = this.#wallClock() - now;
    if (!(Math.abs(epoch - this.#epoch) <= CLOCK_TOLERANCE_MS)) this.#epoch = epoch;
    return this.#epoch + now;
  }

  /** Returns false if there is no room for the frame now. */
  #record(row: number, shape: number, nowMs: number): boolean {
    const frames = this.#frames;
    const packet = this.#packet;
    packet.comment = undefined;
    const isFragment = frames.messageIds[row] !== 0;
    const problem = isFragment ? 0 : this.#composer.finish(frames, row);
    if (isFragment || problem !== 0) {
      if (this.#settings.format !== 'pcapng') {
        this.#context.count(isFragment ? 'too-large' : 'unfit', 1);
        return true;
      }
      packet.comment = this.#commentOn(problem);
    }
    const first = row * MAX_PARTS * PART_WORDS;
    const end = first + frames.partCount[row]! * PART_WORDS;
    let part = first;
    while (part < end && this.#linkTypes[frames.partWords[part]! & 0xffff] === 0) part += PART_WORDS;
    if (part === end || this.#file === undefined) {
      this.#context.count(this.#file === undefined ? 'closed' : 'unknown-link', 1);
      return true;
    }
    packet.linkType = this.#linkTypes[frames.partWords[part]! & 0xffff]! - 1;
    if (!this.#format.accepts(packet.linkType)) {
      this.#context.count('other-link', 1);
      return true;
    }
    if (!this.#describe(packet.linkType)) return false;
    const from = frames.partWords[part + 1]!;
    packet.original = frames.start[row]! + frames.length[row]! - from;
    packet.captured = Math.min(packet.original, this.#settings.snapLength);
    packet.interfaceNumber = this.#format.interfaceOf(packet.linkType);
    packet.direction =
      this.#settings.direction !== 'both' ? UNKNOWN_DIRECTION : shape === UP ? OUTBOUND : INBOUND;
    this.#setTime(row, nowMs);
    const chunk = this.#file.reserve(this.#format.lengthOf(packet));
    if (chunk === undefined) return false;
    this.#file.append(chunk, this.#format.write(chunk.bytes, chunk.end, packet, frames.bytes, from), 1);
    return true;
  }

  #setTime(row: number, nowMs: number): void {
    const frames = this.#frames;
    const packet = this.#packet;
    if (this.#settings.times === 'original' && frames.recordedNanoseconds[row] !== NOT_RECORDED) {
      packet.seconds = frames.recordedSeconds[row]!;
      packet.nanoseconds = frames.recordedNanoseconds[row]!;
    } else {
      packet.seconds = Math.floor(nowMs / 1000);
      packet.nanoseconds = nanosecondsOf(nowMs);
    }
  }

  /** The comment with a frame that could not leave so: made once for each problem. */
  #commentOn(problem: number): Uint8Array {
    let comment = this.#comments.get(problem);
    if (comment === undefined) {
      const text =
        problem === 0
          ? 'a fragment of a frame that is larger than a row (too-large)'
          : `the headers cannot be completed: ${this.#composer.problemName(problem)} (unfit)`;
      comment = new TextEncoder().encode(text);
      this.#comments.set(problem, comment);
    }
    return comment;
  }

  close(): void {
    clearInterval(this.#lookTimer);
    if (this.#predecessor !== undefined) this.#predecessor.#successor = undefined;
    this.#predecessor = undefined;
    this.#file?.close(this.#end());
    this.#file = undefined;
  }
}

/** The remedies for errors of the system, behind their messages. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', '; make room on the disk'],
  ['EDQUOT', '; make room on the disk'],
  ['EPIPE', '; the next reader of the pipe gets a capture of its own'],
  ['ESTALE', ', and the capture begins anew'],
]);
/** The delay between two looks at the file. */
const LOOK_MS = 10_000;
/** The time until the next look for room in the buffer. */
const FULL_BUFFER_MS = 2;
/** The wall clock counts whole milliseconds, and is adjusted slowly all the time. */
const CLOCK_TOLERANCE_MS = 2;

/** The protocols with which a recorded frame may begin, and their link types. */
const RECORDED: readonly (readonly [string, number])[] = [
  ['ethernet', LinkType.ethernet],
  ['ppp', LinkType.ppp],
  ['pppoe', LinkType.pppoe],
  ['sll', LinkType.sll],
  ['sll2', LinkType.sll2],
  ['ipv4', LinkType.raw],
  ['ipv6', LinkType.raw],
];

function timeOf(milliseconds: number): PacketTime {
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: nanosecondsOf(milliseconds) };
}

/** The nanoseconds of the second, as far as a number of milliseconds has them. */
function nanosecondsOf(milliseconds: number): number {
  return Math.floor((milliseconds - Math.floor(milliseconds / 1000) * 1000) * 1000) * 1000;
}

/** The first bytes of a regular file. */
function beginOf(file: string): Uint8Array {
  return statSync(file).isFile() ? readFileSync(file).subarray(0, PCAP_HEADER_BYTES) : new Uint8Array();
}
