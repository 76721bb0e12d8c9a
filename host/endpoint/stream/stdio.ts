/*
 * stdio: standard input and output, as a stream of bytes
 *
 * PURPOSE
 *   Carries the standard input and output of the Funnel itself: pipes, files, a terminal, or the connection
 *   of a super-server such as inetd.
 *
 * EDGES AND SHAPES
 *
 *              ┌─────────┐
 *     tcp ─────┤  stdio  ╞═══ standard input and output
 *              └─────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. There is one stream, which ends with the standard
 *   input or with its neighbour's end, and does not come again.
 *
 *   /dev/null takes the place of both, so nothing that the Funnel itself prints mixes with the bytes: reports
 *   of `funnel run` are seen with --stats-file or `funnel status`, and errors on the standard error.
 *
 * SETTINGS
 *   open          the side that opens the stream in the puzzle: active, this endpoint once it is joined;
 *                 or passive, a neighbour; default active
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time after which the stream is reset if the other side takes nothing while frames wait;
 *                 default 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *   half-close    let one direction go on after the other has ended; default true
 *
 * URL
 *   stdio:
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
 *     unreachable      the stream has ended
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It changes no terminal: lines are edited there as before. With --until-end, `funnel run` ends when the
 *   stream has ended.
 *
 * SPECIFICATION
 *   POSIX.1: stdin(3). RFC 7600 §4.8 (192.0.0.8).
 */
import { fstatSync } from 'node:fs';
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import {
  halfCloseSetting,
  type LocalSettings,
  localDescription,
  namesSettings,
  type Opening,
  openingSetting,
  readSingleSettings,
} from './local-settings.ts';
import type { LocalStream } from './local-source.ts';
import { SingleSource } from './single-source.ts';

export const STDIO = localDescription(
  'stdio',
  'Standard input and output of the Funnel, as a stream of bytes.',
  [openingSetting('active'), ...namesSettings, halfCloseSetting],
  {
    busy: 'The frame opens a stream, but there is one, or this endpoint opens it itself.',
    unreachable: 'The stream has ended.',
  },
);

export interface StdioSettings extends LocalSettings {
  readonly opening: Opening;
}

/** Reads the settings, and reports all mistakes at once. */
export function readStdioSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: StdioSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(STDIO.settings, given);
  const settings = {
    ...readSingleSettings(reader, { halfClose: reader.boolean('half-close') }),
  };
  return { settings, problems: reader.problems };
}

export class StdioSource extends SingleSource {
  #stream: LocalStream | undefined;
  #hasEnded = false;

  constructor({ opening }: StdioSettings) {
    super(opening);
  }

  get channels(): readonly number[] {
    const { channel, out = -1 } = this.#stream ?? { channel: -1 };
    return [...new Set([channel, out])].filter((each) => each >= 0);
  }

  protected facts(): Readonly<Record<string, string>> {
    return {};
  }

  protected idleStatus(): PieceStatus {
    const facts = this.facts();
    if (this.#hasEnded) return { health: 'good', summary: 'the stream has ended', facts };
    return {
      health: 'pending',
      summary: this.isPassive ? 'waits for a neighbour to open the stream' : 'waits for a network',
      facts,
    };
  }

  protected prepare(): void {
    // The connection of a super-server is both streams. Its directions can end separately only in one
    // channel.
    const [input, output] = [fstatSync(0), fstatSync(1)];
    const isOne = input.isSocket() && input.ino === output.ino && input.dev === output.dev;
    const channel = this.#open(0);
    try {
      const out = this.#open(1);
      if (isOne) this.host.io.close(out);
      this.#stream = { channel, out: isOne ? channel : out };
      this.host.context.source('open');
    } catch (error) {
      this.host.io.close(channel);
      throw error;
    }
  }

  #open(number: 0 | 1): number {
    const { io, batch, context } = this.host;
    const key = `stdio ${context.name} ${number}`;
    try {
      const inherited = io.inheritStream(key);
      return io.adoptStream(batch, inherited >= 0 ? inherited : io.takeStandard(number), key);
    } catch (error) {
      const what = number === 0 ? 'standard input' : 'standard output';
      const isTaken = systemCode(error) === 'EBUSY';
      throw new EndpointError(
        isTaken ? 'FT_SOCKET_IN_USE' : 'FT_SOCKET_OPEN',
        `piece ${context.name}: the ${what} ${isTaken ? 'has been taken by a piece already, and there is only one' : `cannot be used: ${messageOf(error)}`}`,
        { cause: error },
      );
    }
  }

  protected take(): LocalStream | undefined {
    const stream = this.#stream;
    this.#stream = undefined;
    return stream;
  }

  protected ended(): void {
    this.#hasEnded = true;
    this.host.context.log('info', 'the stream of the standard input and output has ended');
    this.host.context.source('ended');
  }

  override close(): void {
    super.close();
    for (const channel of this.channels) this.host.io.close(channel);
    this.#stream = undefined;
  }
}
