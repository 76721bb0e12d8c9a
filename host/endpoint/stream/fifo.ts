/*
 * fifo: named pipes, as a stream of bytes
 *
 * PURPOSE
 *   Reads a named pipe, or writes one, or both: one for each direction of the stream.
 *
 * EDGES AND SHAPES
 *
 *              ┌────────┐
 *     tcp ─────┤  fifo  ╞═══ pipes
 *              └────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. A stream begins when a program writes into the pipe to
 *   read, or opens the pipe to write. It ends when the last writer has closed the pipe, and the next writer
 *   begins another. Bytes that are written in between wait in the pipe.
 *
 * SETTINGS
 *   read          path of the pipe from which bytes come
 *   write         path of the pipe into which bytes go; at least one of read and write is given
 *   mode          permissions, in octal, of a pipe that does not exist yet; it is made, and removed at the
 *                 end; default 600
 *   open          who opens the stream in the puzzle: active, this endpoint when the pipes are used; or
 *                 passive, a neighbour; default active
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
 *   fifo:?read=/run/in&write=/run/out
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
 *     unreachable      the pipe to write has no reader
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It keeps no borders between what several writers write. It never blocks in opening a pipe.
 *
 * SPECIFICATION
 *   Linux: fifo(7), pipe(7). RFC 7600 §4.8 (192.0.0.8).
 */
import { chmodSync, type Stats, unlinkSync } from 'node:fs';
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { READABLE } from '../addon.ts';
import { setting } from '../describe-items.ts';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import { socketError } from '../socket-error.ts';
import { readMode, statOf } from '../unix-path.ts';
import {
  halfCloseSetting,
  type LocalSettings,
  localDescription,
  namesSettings,
  type Opening,
  openingSetting,
  readSingleSettings,
} from './local-settings.ts';
import type { LocalHost, LocalStream } from './local-source.ts';
import { SingleSource } from './single-source.ts';

export const FIFO = localDescription(
  'fifo',
  'Named pipes of this machine, as a stream of bytes.',
  [
    setting('read', 'Path of the pipe from which bytes come', 'text'),
    setting('write', 'Path of the pipe into which bytes go', 'text'),
    setting('mode', 'Permissions, in octal, of a pipe that does not exist yet', 'text', { default: '600' }),
    openingSetting('active'),
    ...namesSettings,
    halfCloseSetting,
  ],
  {
    busy: 'The frame opens a stream, but there is one, or this endpoint opens it itself.',
    unreachable: 'The pipe to write has no reader.',
  },
);

export interface FifoSettings extends LocalSettings {
  /** Empty for none. */
  readonly read: string;
  readonly write: string;
  readonly mode: number;
  readonly opening: Opening;
}

/** Reads the settings, and reports all mistakes at once. */
export function readFifoSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: FifoSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(FIFO.settings, given);
  const settings = {
    ...readSingleSettings(reader, { halfClose: reader.boolean('half-close') }),
    read: reader.text('read'),
    write: reader.text('write'),
    mode: readMode(reader),
  };
  if (settings.read === '' && settings.write === '')
    reader.problem('read', 'give the path of a pipe to read, to write, or both');
  else if (settings.read === settings.write)
    reader.problem('write', 'read and write are the same pipe, so it would read what it writes; give it two');
  return { settings, problems: reader.problems };
}

/** The pipes and their streams. */
export class FifoSource extends SingleSource {
  readonly #settings: FifoSettings;
  /** The pipes that were made here, with their state at that time. */
  readonly #made = new Map<string, Stats>();
  /** All pipes, with their state when they were found or made. */
  readonly #found = new Map<string, Stats>();
  /** Keeps the pipe and its bytes between two streams. Nothing reads from this descriptor. */
  #keeper = -1;
  /** Becomes readable when a writer comes. */
  #waiting = -1;
  #hasWriter = false;

  constructor(settings: FifoSettings) {
    super(settings.opening);
    this.#settings = settings;
  }

  get channels(): readonly number[] {
    return [this.#keeper, this.#waiting].filter((each) => each >= 0);
  }

  protected facts(): Readonly<Record<string, string>> {
    const { read, write } = this.#settings;
    return { ...(read === '' ? {} : { read }), ...(write === '' ? {} : { write }) };
  }

  protected idleStatus(): PieceStatus {
    const { read } = this.#settings;
    const facts = this.facts();
    if (read !== '' && this.#waiting < 0)
      return { health: 'failed', summary: 'the pipe to read cannot be opened again', facts };
    if (this.isPassive)
      return { health: 'pending', summary: 'waits for a neighbour to open the stream', facts };
    const side = read === '' || this.#hasWriter ? 'reader' : 'writer';
    return { health: 'pending', summary: `waits for a ${side} of the pipe`, facts };
  }

  override status(): PieceStatus {
    const [gone] = this.#gone();
    if (gone === undefined) return super.status();
    return { health: 'failed', summary: `another program removed the pipe ${gone}`, facts: this.facts() };
  }

  get deviates(): boolean {
    return this.#gone().length > 0;
  }

  /** The pipes that are not at their paths any more. */
  #gone(): string[] {
    return [...this.#found].flatMap(([path, found]) => (isSameFile(statOf(path, true), found) ? [] : [path]));
  }

  /** The stream that is open keeps the pipes that it has, and the next one finds those at the paths. */
  override move(host: LocalHost): void {
    super.move(host);
    if (!this.deviates) return;
    for (const channel of this.channels) host.io.close(channel);
    this.#keeper = this.#waiting = -1;
    this.#hasWriter = false;
    try {
      this.prepare();
      if (!this.isBusy) return;
      // One reader for the next stream is opened at the end of this one.
      if (this.#waiting >= 0) host.io.close(this.#waiting);
      this.#waiting = -1;
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      host.context.log('error', error.message);
    }
  }

  protected prepare(): void {
    const { read, write } = this.#settings;
    for (const path of [read, write]) if (path !== '') this.#provide(path);
    if (read !== '') {
      this.#keeper = this.#openReader();
      this.#waiting = this.#openReader();
    }
  }

  /** Makes the pipe if it does not exist. */
  #provide(path: string): void {
    const { io } = this.host;
    try {
      io.makeFifo(path, 0o600);
      chmodSync(path, this.#settings.mode);
      this.#made.set(path, statOf(path)!);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw this.#refusal(path, error);
    }
    if (statOf(path, true)?.isFIFO() !== true)
      throw this.#refusal(path, Object.assign(new Error('not a pipe'), { code: 'ENOTSUP' }));
    this.#found.set(path, statOf(path, true)!);
  }

  #refusal(path: string, error: unknown): EndpointError {
    const name = path === this.#settings.read ? 'read' : 'write';
    const where = `piece ${this.host.context.name}: the pipe ${path}`;
    const options = { cause: error, setting: name };
    switch (systemCode(error)) {
      case 'ENOTSUP':
        return new EndpointError(
          'FT_SOCKET_IN_USE',
          `${where} is not a pipe, and is left unchanged: choose another path`,
          options,
        );
      case 'ENOENT':
      case 'ENOTDIR':
        return new EndpointError(
          'FT_SOCKET_ADDRESS',
          `${where} cannot be made, because its folder does not exist. Make it, or choose another path`,
          options,
        );
      default:
        return socketError(this.host.context.name, `the pipe ${path}`, error, {
          permission: 'Give this user the right to it, or choose another path',
          setting: name,
        });
    }
  }

  #openReader(): number {
    const { io, batch } = this.host;
    const { read } = this.#settings;
    try {
      return io.adoptStream(batch, io.openFifo(read, 0), '');
    } catch (error) {
      throw this.#refusal(read, error);
    }
  }

  override setWanted(isWanted: boolean): void {
    if (this.#waiting >= 0) this.host.io.poll(this.#waiting, isWanted ? READABLE : 0);
    super.setWanted(isWanted);
  }

  override ready(channel: number): void {
    if (channel !== this.#waiting) return;
    this.host.io.poll(channel, 0);
    this.#hasWriter = true;
    this.attempt();
  }

  protected take(): LocalStream | undefined {
    const { read, write, opening } = this.#settings;
    const { io, batch } = this.host;
    if (read !== '' && !this.#hasWriter && opening === 'active') return undefined;
    let out = -1;
    try {
      if (write !== '') out = io.adoptStream(batch, io.openFifo(write, 1), '');
    } catch (error) {
      // The pipe has no reader yet, or was just removed: both may change.
      if (systemCode(error) !== 'ENXIO') this.host.context.log('warn', this.#refusal(write, error).message);
      this.host.changed();
      this.attemptIn(RETRY_MS);
      return undefined;
    }
    const channel = this.#waiting;
    this.#waiting = -1;
    this.#hasWriter = false;
    return { channel, out };
  }

  protected ended(): void {
    if (this.#keeper >= 0) {
      try {
        this.#waiting = this.#openReader();
        this.host.io.poll(this.#waiting, READABLE);
      } catch (error) {
        if (!(error instanceof EndpointError)) throw error;
        this.host.context.log('error', `${error.message}. Nothing more is read`);
      }
    } else this.attemptIn(RETRY_MS);
  }

  override close(): void {
    super.close();
    for (const channel of this.channels) this.host.io.close(channel);
    this.#keeper = this.#waiting = -1;
    for (const [path, made] of this.#made) {
      if (isSameFile(statOf(path), made)) unlinkSync(path);
    }
    this.#made.clear();
    this.#found.clear();
  }
}

function isSameFile(one: Stats | undefined, other: Stats): boolean {
  return one?.ino === other.ino && one.dev === other.dev;
}

/** Opening a pipe without a reader fails at once, and no event reports a reader. */
const RETRY_MS = 100;
