/*
 * pty: a pseudo-terminal, as a stream of bytes
 *
 * PURPOSE
 *   Makes a pseudo-terminal, whose other side a program opens like a serial line: pppd, minicom, a login.
 *
 * EDGES AND SHAPES
 *
 *              ┌───────┐
 *     tcp ─────┤  pty  ╞═══ terminal
 *              └───────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. A stream begins when a program opens the terminal and
 *   ends when the last one closes it; then there is a new terminal at the same link. Bytes pass unchanged
 *   (raw), unless the program sets the terminal differently.
 *
 * SETTINGS
 *   link          path of a symbolic link to the terminal, which is made, and removed at the end; without it,
 *                 the path is in the log
 *   mode          permissions of the terminal, in octal; default 600
 *   open          the side that opens the stream in the puzzle: active, this endpoint when a program opens
 *                 the terminal; or passive, a neighbour; default active
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time after which the stream is reset if the other side takes nothing while frames wait;
 *                 default 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *
 * URL
 *   pty:/run/funnel-line
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the reply is a reset
 *     after-end        bytes behind the end of their stream, or for a direction that does not exist
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     busy             the frame opens a stream, but there is one, or this endpoint opens it itself
 *     unreachable      no program has the terminal open
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   A terminal has no end of one direction: when a neighbour ends its direction, the stream ends and the
 *   program keeps its terminal, in which the next stream continues.
 *
 * SPECIFICATION
 *   Linux: pty(7), termios(3). RFC 7600 §4.8 (192.0.0.8).
 */
import { chmodSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { setting } from '../describe-items.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import { socketError } from '../socket-error.ts';
import { readMode } from '../unix-path.ts';
import { LineSource } from './line-source.ts';
import {
  type LocalSettings,
  localDescription,
  namesSettings,
  type Opening,
  openingSetting,
  readSingleSettings,
} from './local-settings.ts';
import type { LocalHost, LocalStream } from './local-source.ts';

export const PTY = localDescription(
  'pty',
  'A pseudo-terminal, as a stream of bytes.',
  [
    setting('link', 'Path of a symbolic link to the terminal', 'text'),
    setting('mode', 'Permissions of the terminal, in octal', 'text', { default: '600' }),
    openingSetting('active'),
    ...namesSettings,
  ],
  {
    busy: 'The frame opens a stream, but there is one, or this endpoint opens it itself.',
    unreachable: 'No program has the terminal open.',
  },
);

export interface PtySettings extends LocalSettings {
  /** Empty for none. */
  readonly link: string;
  readonly mode: number;
  readonly opening: Opening;
}

/** Reads the settings, and reports all mistakes at once. */
export function readPtySettings(given: readonly (readonly [string, string])[]): {
  readonly settings: PtySettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(PTY.settings, given);
  const settings = {
    ...readSingleSettings(reader, { halfClose: false }),
    link: reader.text('link'),
    mode: readMode(reader),
  };
  return { settings, problems: reader.problems };
}

export class PtySource extends LineSource {
  readonly #settings: PtySettings;
  #path = '';

  constructor(settings: PtySettings) {
    super(settings.opening);
    this.#settings = settings;
  }

  /** The path of the other side. */
  get path(): string {
    return this.#path;
  }

  protected facts(): Readonly<Record<string, string>> {
    const { link } = this.#settings;
    return { terminal: this.#path, ...(link === '' ? {} : { link }) };
  }

  protected idleStatus(): PieceStatus {
    return { health: 'pending', summary: 'no program has the terminal open', facts: this.facts() };
  }

  override status(): PieceStatus {
    const facts = this.facts();
    if (this.#path === '') return { health: 'failed', summary: 'the system has no more terminals', facts };
    if (this.deviates)
      return { health: 'impaired', summary: 'another program removed or changed the link', facts };
    return super.status();
  }

  get deviates(): boolean {
    const { link } = this.#settings;
    return this.#path === '' || (link !== '' && targetOf(link) !== this.#path);
  }

  override move(host: LocalHost): void {
    super.move(host);
    if (!this.deviates) return;
    try {
      if (this.#path === '') this.prepare();
      else this.#link(this.#path);
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      host.context.log('error', error.message);
    }
  }

  protected prepare(): void {
    const { io, batch, context } = this.host;
    let made: { readonly descriptor: number; readonly path: string };
    try {
      made = io.openPty();
    } catch (error) {
      throw socketError(context.name, 'a pseudo-terminal', error);
    }
    const before = this.#path;
    this.#path = made.path;
    this.hold(io.adoptStream(batch, made.descriptor, ''));
    chmodSync(made.path, this.#settings.mode);
    this.#link(before);
    context.log('info', `the terminal is ${made.path}`);
  }

  #link(before: string): void {
    const { link } = this.#settings;
    if (link === '') return;
    try {
      // It is a former link of ours, or one without a target since the Funnel that made it was killed.
      const target = targetOf(link);
      if (target !== undefined && (target === before || /^\/dev\/pts\/\d+$/.test(target))) unlinkSync(link);
      symlinkSync(this.#path, link);
    } catch (error) {
      const code = systemCode(error);
      throw new EndpointError(
        code === 'EEXIST'
          ? 'FT_SOCKET_IN_USE'
          : code === 'EACCES'
            ? 'FT_SOCKET_PERMISSION'
            : 'FT_SOCKET_ADDRESS',
        `piece ${this.host.context.name}: the link ${link} cannot be made: ${code === 'EEXIST' ? 'the path exists, and is left unchanged' : messageOf(error)}. Choose another path`,
        { cause: error, setting: 'link' },
      );
    }
  }

  protected take(): LocalStream | undefined {
    const { io } = this.host;
    if (this.line < 0) return undefined;
    if (io.hasHungUp(this.line) === 1) {
      this.attemptIn(POLL_MS);
      return undefined;
    }
    return this.lend();
  }

  protected returned(isBroken: boolean): void {
    if (isBroken) {
      try {
        this.prepare();
      } catch (error) {
        if (!(error instanceof EndpointError)) throw error;
        if (this.line < 0) this.#path = '';
        this.host.context.log('error', error.message);
        return;
      }
    }
    this.attemptIn(isBroken ? POLL_MS : AGAIN_MS);
  }

  override close(): void {
    super.close();
    const { link } = this.#settings;
    if (link !== '' && this.#path !== '' && targetOf(link) === this.#path) unlinkSync(link);
    this.#path = '';
  }
}

/** Returns the target of a symbolic link; undefined for other files. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // it does not exist, or is not a link
  }
}

/** No event reports that a program opens a terminal that has hung up. */
const POLL_MS = 50;
/** The delay after a neighbour has ended a stream, while the program continues. */
const AGAIN_MS = 1000;
