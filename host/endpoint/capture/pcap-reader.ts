/*
 * pcap-reader: replays the frames of a pcapng or pcap file
 *
 * PURPOSE
 *   Sends the frames of a file or pipe, at the pace at which they were recorded or as fast as the lane takes them.
 *
 * EDGES AND SHAPES
 *
 *               ┌───────────────┐
 *     file ═════╡  pcap-reader  ├───── frames
 *               └───────────────┘
 *
 *   frames   STACK DIRECTION; whole frames
 *
 * SETTINGS
 *   file        file to read, pcapng or pcap, or a pipe with one; required
 *   speed       as-recorded or fast; default as-recorded
 *   stack       stack of the frames; default ip
 *   direction   direction of the Edge: up, down or peer; default down
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     answered-a-recording   a frame came in, and a recording takes none
 *   Lost:
 *     unknown-link           the link type of the recorded frame is not Ethernet, PPP or IP
 *     cut-short              the recording lacks bytes of the frame
 *     not-a-frame            the recorded frame is empty or larger than a row
 *
 * WHAT IT DOES NOT DO
 *   It ends at the first mistake in a file, and reports its place. It reads no name resolution, statistics or
 *   decryption secrets. It keeps no pause of more than 60 s. After its lane was ended by force, it does not
 *   replay the rest.
 *
 * SPECIFICATION
 *   draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap; link types as in draft-ietf-opsawg-pcaplinktype.
 */
import type { Piece as Description, Joining, Problem, Setting } from '../../../abi/host/contract.ts';
import { type Frames, MAX_FRAME_BYTES } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import { Outbox } from '../../piece/outbox.ts';
import type { PieceContext } from '../../piece/piece.ts';
import { PieceBase } from '../../piece/piece-base.ts';
import type { Direction } from '../../stack/direction.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { EndpointError, messageOf } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import { CaptureSource, type CaptureSourceEvents } from './capture-source.ts';
import { DIRECTIONS, readStack } from './pcap-writer.ts';
import { CaptureError, CaptureReader, LinkType } from './pcapng.ts';

/**
 * The native piece `pcap-reader`: the frames of a pcapng or pcap file, at the pace at which they were
 * recorded or as fast as the lane takes them. They count as coming from where the Edge's neighbours expect
 * the system: its direction is down.
 *
 * The file may be anything: what is wrong in it ends the reading with FT_PCAP_FORMAT and where in the file
 * that was.
 */
export class PcapReaderPiece extends PieceBase {
  readonly description: Description;
  readonly #context: PieceContext;
  readonly #frames: Frames;
  readonly #settings: PcapReaderSettings;
  readonly #problems: readonly Problem[];
  readonly #protocolOf: ReadonlyMap<number, number>;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #reader = new CaptureReader();
  readonly #outbox = new Outbox();
  readonly #events: CaptureSourceEvents = {
    arrived: (bytes) => {
      this.#reader.push(bytes);
      this.#soon();
    },
    ended: () => {
      this.#isAtEnd = true;
      this.#soon();
    },
    failed: (error) => this.#fail(error),
  };
  #source: CaptureSource | undefined;
  /** The last byte was read. */
  #isAtEnd = false;
  #edge = -1;
  #isReady = true;
  #hasEnded = false;
  /** A packet was read, and waits for its time or for a free row. */
  #hasPacket = false;
  /**
   * What the time of a packet becomes on the clock of this process, in milliseconds. NaN before the first
   * packet.
   */
  #shift = Number.NaN;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #replayed = 0;
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
    this.#ipv4 = protocols.number('ipv4');
    this.#ipv6 = protocols.number('ipv6');
    this.#protocolOf = new Map([
      [LinkType.ethernet, protocols.number('ethernet')],
      [LinkType.ppp, protocols.number('ppp')],
      [LinkType.ipv4, this.#ipv4],
      [LinkType.ipv6, this.#ipv6],
      [LinkType.raw, 0],
    ]);
  }

  /** @throws EndpointError FT_PCAP_FILE, FT_PCAP_FORMAT for a file that does not even begin as a capture */
  override start(): readonly Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    const { file } = this.#settings;
    if (this.#context.isResumed) {
      // It is unknown how far the ended lane came, and no frame may come twice.
      this.#context.log(
        'warn',
        `the rest of ${file} is not replayed, because the lane that did so was ended`,
      );
      return [];
    }
    try {
      this.#source = new CaptureSource(file, this.#events);
      // What begins as no capture is refused; from a pipe, the begin is not there yet.
      if (this.#source.isAtHand) this.#readBegin(this.#source);
    } catch (error) {
      this.close();
      throw error instanceof CaptureError
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

  #readBegin(source: CaptureSource): void {
    while (!this.#reader.next()) {
      const bytes = source.readNow();
      if (bytes.length === 0) {
        this.#isAtEnd = true;
        return;
      }
      this.#reader.push(bytes);
    }
    this.#hasPacket = true;
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
      error instanceof CaptureError ? `FT_PCAP_FORMAT: ${text}` : `FT_PCAP_FILE: ${text}`,
    );
    if (this.#outbox.length > 0) this.#context.arrived(this.#outbox);
    this.close();
  }

  /**
   * Puts up to a batch of due packets into the outbox.
   *
   * @returns the milliseconds until it goes on; Infinity where it goes on when more is read
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
    const at = this.#reader.microseconds / 1000;
    const now = performance.now();
    if (Number.isNaN(this.#shift)) this.#shift = now - at;
    const wait = at + this.#shift - now;
    if (wait < 1) return 0;
    // A clock that was set while recording, or a hostile file, must not hold up the rest.
    if (wait > LONGEST_GAP_MS) {
      this.#shift = now + LONGEST_GAP_MS - at;
      return LONGEST_GAP_MS;
    }
    return wait;
  }

  /** False when the lane has no room for the packet now. */
  #emit(): boolean {
    const { buffer, start, captured, original, linkType } = this.#reader;
    const protocol = this.#protocolOf.get(linkType);
    const reason =
      protocol === undefined
        ? 'unknown-link'
        : captured < original
          ? 'cut-short'
          : captured > MAX_FRAME_BYTES || captured === 0
            ? 'not-a-frame'
            : undefined;
    if (reason !== undefined || protocol === undefined) {
      this.#context.count(reason ?? 'unknown-link', 1);
      return true;
    }
    const frames = this.#frames;
    const row = frames.allocate(captured);
    if (row < 0) return false;
    const at = frames.start[row]!;
    frames.bytes.set(buffer.subarray(start, start + captured), at);
    frames.begin(row, at, captured, linkType === LinkType.raw ? this.#ipOf(frames.bytes[at]!) : protocol);
    this.#outbox.push(row, this.#edge, 0);
    this.#replayed++;
    return true;
  }

  #ipOf(first: number): number {
    return first >>> 4 === 6 ? this.#ipv6 : first >>> 4 === 4 ? this.#ipv4 : 0;
  }

  #finish(): void {
    const { file } = this.#settings;
    if (this.#reader.isInBlock || this.#reader.offset === 0)
      this.#context.log(
        'warn',
        `${file} ends in the middle of a block, at byte ${this.#reader.offset}: its writer was cut off`,
      );
    this.#context.log('info', `${file} is at its end: ${this.#replayed} frames`);
    this.close();
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

export interface PcapReaderSettings {
  readonly file: string;
  readonly speed: 'as-recorded' | 'fast';
  readonly stack: string;
  readonly direction: Direction;
}

export function readPcapReaderSettings(
  given: readonly (readonly [string, string])[],
  protocols: Protocols,
): { readonly settings: PcapReaderSettings; readonly problems: readonly Problem[] } {
  const reader = new SettingReader(SETTINGS, given);
  if (reader.text('file') === '')
    reader.problem('file', 'file is not given; it says which capture is to be read');
  const settings = {
    file: reader.text('file'),
    speed: reader.choice('speed', ['as-recorded', 'fast']),
    stack: readStack(reader, protocols),
    direction: reader.choice('direction', DIRECTIONS),
  };
  return { settings, problems: reader.problems };
}

/** What the native piece `pcap-reader` is, with these settings. */
export function pcapReaderDescription({
  stack,
  direction,
}: Pick<PcapReaderSettings, 'stack' | 'direction'>): Description {
  return {
    name: 'pcap-reader',
    version: '0.1.0',
    summary: 'Replays the frames of a pcapng or pcap file, or of a pipe.',
    protocols: [],
    edges: [
      {
        name: 'frames',
        optional: false,
        repeated: false,
        shapes: [{ stack, direction, reach: 'whole-frame', properties: [available('framed')] }],
      },
    ],
    curves: [],
    settings: SETTINGS,
    reasons: [
      ...noLosses({
        'answered-a-recording': 'A frame came in, and a recording takes none.',
      }),
      ...losses({
        'unknown-link': 'The link type of the recorded frame is not Ethernet, PPP or IP.',
        'cut-short': 'The recording lacks bytes of the frame.',
        'not-a-frame': 'The recorded frame is empty or larger than a row.',
      }),
    ],
  };
}

const SETTINGS: readonly Setting[] = [
  setting('file', 'File to read, pcapng or pcap, or a pipe with one', 'text', { required: true }),
  setting('speed', 'as-recorded or fast', 'text', { default: 'as-recorded' }),
  setting('stack', 'Stack of the frames', 'text', { default: 'ip' }),
  setting('direction', 'Direction of the Edge: up, down or peer', 'text', { default: 'down' }),
];

/** Frames handed on in one turn. */
const BATCH = 64;
/** When the lane has no free row: soon, but after it had a chance. */
const NO_ROOM_MS = 1;
/** The longest pause between two frames that is kept. */
const LONGEST_GAP_MS = 60_000;
