import type { Piece as Description, Joining, Problem } from '../../../abi/host/contract.ts';
import { type Frames, MAX_FRAME_BYTES } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { EndpointError, messageOf } from '../endpoint-error.ts';
import { CaptureError, CaptureReader } from './capture-reader.ts';
import { CaptureSource, type CaptureSourceEvents, PackedError } from './capture-source.ts';
import { INBOUND, OUTBOUND } from './captured-packet.ts';
import { linkTypeText } from './link-type-names.ts';
import { LinkHeaders } from './link-types.ts';
import { OffloadMender, offloadText } from './offload-mender.ts';
import {
  type PcapReaderSettings,
  pcapReaderDescription,
  readPcapReaderSettings,
} from './pcap-reader-description.ts';

/**
 * The native piece `pcap-reader`: the frames of a pcapng or pcap file, at the pace at which they were
 * recorded or as fast as the lane takes them. The Edge's neighbours see them as coming from the system: its
 * direction is down.
 *
 * The file is untrusted: the first mistake in it ends the reading with FT_PCAP_FORMAT and the place in the
 * file.
 */
export class PcapReaderPiece extends PieceBase {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #settings: PcapReaderSettings;
  readonly #problems: readonly Problem[];
  readonly #links: LinkHeaders;
  readonly #mender: OffloadMender;
  readonly #unknownLinks = new Set<number>();
  readonly #reader = new CaptureReader();
  readonly #outbox = new Outbox();
  readonly #events: CaptureSourceEvents = {
    arrived: (bytes) => {
      if (this.#reader.offset === 0) this.#report('good', `replays ${this.#settings.file}`);
      this.#reader.push(bytes);
      this.#soon();
    },
    ended: () => {
      this.#isAtEnd = true;
      this.#soon();
    },
    failed: (error) => {
      if (error instanceof PackedError && error.isCut) {
        this.#isCut = true;
        this.#events.ended();
      } else {
        this.#fail(error);
      }
    },
  };
  #source: CaptureSource | undefined;
  /** The last byte was read. */
  #isAtEnd = false;
  /** It was the last one that there is, and not the last one that there should be. */
  #isCut = false;
  #edge = -1;
  #isReady = true;
  #hasEnded = false;
  /** Whether a packet was read, and waits for its time or for a free row. */
  #hasPacket = false;
  /**
   * The difference from a packet's time to the clock of this process, in milliseconds. NaN before the first
   * packet.
   */
  #shift = Number.NaN;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #replayed = 0;
  #mended = 0;
  /** The hint at the setting `mend` was given. */
  #hasHinted = false;
  readonly #turn = (): void => {
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#replay();
  };

  constructor(
    context: PieceContext,
    frames: Frames,
    protocols: Protocols,
    settings: readonly (readonly [string, string])[],
  ) {
    super();
    this.#context = context;
    this.#frames = frames;
    const read = readPcapReaderSettings(settings, protocols);
    this.#settings = read.settings;
    this.#problems = read.problems;
    this.description = pcapReaderDescription(read.settings);
    this.#links = new LinkHeaders(protocols);
    this.#mender = new OffloadMender(frames, protocols);
  }

  /** @throws EndpointError FT_PCAP_FILE, FT_PCAP_FORMAT for a file that does not start like a capture */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const { file } = this.#settings;
    if (this.#context.isResumed) {
      // It is unknown how far the ended lane came, and no frame may come twice.
      this.#context.log(
        'warn',
        `the rest of ${file} is not replayed, because the lane that replayed it was ended`,
      );
      this.#context.source('failed');
      return [];
    }
    try {
      this.#source = new CaptureSource(file, this.#events);
      // A file that does not start like a capture is refused; the start of a pipe may come later.
      if (this.#source.isAtHand) checkBegin(this.#source.peek());
      else this.#report('pending', `waits for the writer of ${file}`);
      this.#context.source('open');
    } catch (error) {
      this.close();
      throw error instanceof CaptureError || error instanceof PackedError
        ? new EndpointError(
            'FT_PCAP_FORMAT',
            `piece ${this.#context.name}: ${file}, ${error.message}. Give a capture file in the setting file`,
            { cause: error, setting: 'file' },
          )
        : new EndpointError(
            'FT_PCAP_FILE',
            `piece ${this.#context.name}: the capture file ${file} cannot be read (${messageOf(error)}). Give another in the setting file`,
            { cause: error, setting: 'file' },
          );
    }
    return [];
  }

  override join({ edge }: Joining): void {
    this.#edge = edge;
    this.#soon();
  }

  override leave(): void {
    this.#edge = -1;
    this.#halt();
  }

  override ready(_edge: number, isReady: boolean): void {
    this.#isReady = isReady;
    if (isReady) this.#soon();
  }

  /** Drops frames that come in: a recording takes none. */
  process(_now: number, inbox: Inbox, limit: number): number {
    const count = Math.min(inbox.length, limit);
    for (let n = 0; n < count; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(count);
    if (count > 0) this.#context.count('answered-a-recording', count);
    return Infinity;
  }

  #soon(): void {
    if (this.#timer === undefined && this.#immediate === undefined)
      this.#immediate = setImmediate(this.#turn);
  }

  /** Hands on the due frames, a batch in each turn. */
  #replay(): void {
    if (this.#edge < 0 || !this.#isReady || this.#source === undefined) return;
    try {
      const waitMs = this.#fill();
      if (this.#outbox.length > 0) this.#context.arrived(this.#outbox);
      if (this.#hasEnded) this.#finish();
      else if (waitMs === Infinity) this.#source.readMore();
      else if (waitMs > 0) this.#timer ??= setTimeout(this.#turn, waitMs);
      else this.#soon();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const text = `${this.#settings.file}, ${messageOf(error)}`;
    this.#context.log(
      'error',
      error instanceof CaptureError || error instanceof PackedError
        ? `FT_PCAP_FORMAT: ${text}`
        : `FT_PCAP_FILE: ${text}`,
    );
    if (this.#outbox.length > 0) this.#context.arrived(this.#outbox);
    this.#report('failed', text);
    this.#context.source('failed');
    this.close();
  }

  /**
   * Puts up to a batch of due packets into the outbox.
   *
   * @returns the milliseconds until it continues; Infinity if it continues when more is read
   */
  #fill(): number {
    while (this.#outbox.length < BATCH) {
      if (!this.#hasPacket && !this.#reader.next()) {
        this.#hasEnded = this.#isAtEnd;
        return this.#isAtEnd ? 0 : Infinity;
      }
      this.#hasPacket = true;
      const waitMs = this.#timeUntilDue();
      if (waitMs > 0) return waitMs;
      if (!this.#emit()) return NO_ROOM_MS;
      this.#hasPacket = false;
    }
    return 0;
  }

  #timeUntilDue(): number {
    if (this.#settings.speed === 'fast') return 0;
    const { seconds, nanoseconds } = this.#reader.packet;
    const at = seconds * 1000 + nanoseconds / 1e6;
    const now = performance.now();
    if (Number.isNaN(this.#shift)) this.#shift = now - at;
    const wait = at + this.#shift - now;
    if (wait < 1) return 0;
    // A clock that was set while recording, or a hostile file, must not delay the rest.
    if (wait > LONGEST_GAP_MS) {
      this.#shift = now + LONGEST_GAP_MS - at;
      return LONGEST_GAP_MS;
    }
    return wait;
  }

  /** Returns false if the lane has no room for the packet now. */
  #emit(): boolean {
    const { buffer, start, packet } = this.#reader;
    const { captured } = packet;
    const links = this.#links;
    const found = links.read(packet.linkType, buffer, start, captured);
    const reason =
      found === 'unknown'
        ? 'unknown-link'
        : captured < packet.original
          ? 'cut-short'
          : found === 'short' || captured - links.skipped > MAX_FRAME_BYTES || captured === links.skipped
            ? 'not-a-frame'
            : this.#isOtherWay(packet.direction || links.direction)
              ? 'other-way'
              : undefined;
    if (reason !== undefined) {
      if (found === 'unknown') this.#noteLink(packet.linkType);
      this.#context.count(reason, 1);
      return true;
    }
    const frames = this.#frames;
    const length = captured - links.skipped;
    const row = frames.allocate(length);
    if (row < 0) return false;
    const at = frames.start[row]!;
    const from = start + links.skipped;
    frames.bytes.set(buffer.subarray(from, from + length), at);
    frames.begin(row, at, length, links.protocol);
    frames.recordedSeconds[row] = packet.seconds;
    frames.recordedNanoseconds[row] = packet.nanoseconds;
    if (!this.#hasHinted) this.#lookForOffload(at, at + length);
    this.#outbox.push(row, this.#edge, 0);
    this.#replayed++;
    return true;
  }

  #isOtherWay(direction: number): boolean {
    const { packets } = this.#settings;
    return packets === 'inbound' ? direction !== INBOUND : packets === 'outbound' && direction !== OUTBOUND;
  }

  #noteLink(linkType: number): void {
    if (this.#unknownLinks.has(linkType) || this.#unknownLinks.size >= MOST_NOTED_LINKS) return;
    this.#unknownLinks.add(linkType);
    this.#context.log(
      'warn',
      `unknown-link: ${linkTypeText(linkType)}: frames of this link type in ${this.#settings.file} are passed over; \`funnel piece doc pcap-reader\` lists those that are read`,
    );
    this.#report('good', `replays ${this.#settings.file}`);
  }

  /** Mends a frame, or says once that frames could be mended. */
  #lookForOffload(at: number, end: number): void {
    const { mend, file } = this.#settings;
    const found = this.#mender.look(at, end, this.#links.protocol, mend);
    if (found === 0) return;
    if (mend) {
      this.#mended++;
      return;
    }
    this.#hasHinted = true;
    this.#context.log(
      'warn',
      `frame ${this.#replayed + 1} of ${file} has ${offloadText(found)}, as where a network card does such work; the setting \`mend: true\` fills it in, and without it such frames may end on their way`,
    );
  }

  #finish(): void {
    const { file } = this.#settings;
    if (this.#isCut) this.#context.log('warn', `${file}: the gzip data ends early: its writer was cut off`);
    else if (this.#reader.isInBlock || this.#reader.offset === 0)
      this.#context.log(
        'warn',
        `${file} ends in the middle of a block, at byte ${this.#reader.offset}: its writer was cut off`,
      );
    const dropped = this.#reader.dropped;
    if (dropped > 0)
      this.#context.log('warn', `${file} lacks ${dropped} packets, which were lost when it was recorded`);
    const mended = this.#mended === 0 ? '' : `, ${this.#mended} of them mended`;
    this.#context.log('info', `${file} is at its end: ${this.#replayed} frames${mended}`);
    this.#report('good', `${file} is at its end`);
    this.#context.source('ended');
    this.close();
  }

  #report(health: PieceStatus['health'], summary: string): void {
    const facts: Record<string, string> = { frames: String(this.#replayed) };
    if (this.#mended > 0) facts.mended = String(this.#mended);
    if (this.#reader.dropped > 0) facts['lost-when-recorded'] = String(this.#reader.dropped);
    if (this.#unknownLinks.size > 0)
      facts['unknown-link'] = [...this.#unknownLinks].map(linkTypeText).join(', ');
    this.#context.status({ health, summary, facts });
  }

  #halt(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  close(): void {
    this.#halt();
    this.#source?.close();
    this.#source = undefined;
  }
}

/** @throws CaptureError for what does not begin as a capture */
function checkBegin(bytes: Uint8Array): void {
  const reader = new CaptureReader();
  reader.push(bytes);
  reader.next();
}

/** The most frames of one turn. */
const BATCH = 64;
/** The delay when the lane has no free row: short, but the lane gets a chance to free some. */
const NO_ROOM_MS = 1;
/** The longest pause between two frames that the replay keeps. */
const LONGEST_GAP_MS = 60_000;
/** Unknown link types that messages name; a hostile file has a new one in each packet. */
const MOST_NOTED_LINKS = 8;
