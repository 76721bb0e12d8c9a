/*
 * process: the standard streams of a program
 *
 * PURPOSE
 *   Runs a program of the configuration, and carries its standard input and output: one program for each
 *   stream that a neighbour opens, as inetd does, or one that this endpoint starts itself.
 *
 * EDGES AND SHAPES
 *
 *              ┌───────────┐
 *     tcp ─────┤  process  ╞═══ program
 *              └───────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. The program has one end of a UNIX stream socket as its
 *   standard input and output. Its standard error is that of the Funnel.
 *
 *   A reset ends the program at once, with all that it has started. Otherwise it continues after the stream
 *   until it ends by itself. It also ends with the Funnel, in whichever way the Funnel ends.
 *
 * SETTINGS
 *   command       the program and its arguments, one value each; no shell reads them
 *   connections   most programs at once, 1 to 1000; default 100
 *   open          who opens the stream in the puzzle: passive, a neighbour, and the program starts for it; or
 *                 active, this endpoint, which starts the program, and again a second after its end; default
 *                 passive
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time after which a stream is reset if its program takes nothing while frames wait; default
 *                 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *   half-close    let one direction go on after the other has ended; default true
 *
 * URL
 *   process:sort?command=-n runs `sort -n`.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the reply is a reset
 *     after-end        bytes behind the end of their stream
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     busy             the frame opens a stream, but this endpoint opens them itself
 *     too-many         as many programs run as `connections` allows, or the process has no descriptor left
 *     not-started      the program cannot be run
 *     other-error      any other error of the system
 *     reset            the program or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It gives no terminal to the program (see `pty`), and no user, folder or environment of its own: env(1),
 *   setpriv(1) and the like do. A program that buffers its output keeps it until its end. Its start keeps the
 *   lane for some milliseconds.
 *
 * SPECIFICATION
 *   RFC 7600 §4.8 (192.0.0.8).
 */
import { getSystemErrorName } from 'node:util';
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { setting } from '../describe-items.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { GuardedProcess } from '../namespace/guarded-process.ts';
import type { CommandEnd } from '../namespace/network-namespace.ts';
import { SettingReader } from '../setting-reader.ts';
import { make } from '../stream/local-catalogue.ts';
import {
  halfCloseSetting,
  type LocalSettings,
  localDescription,
  namesSettings,
  type Opening,
  openingSetting,
  readLocalSettings,
} from '../stream/local-settings.ts';
import type { LocalHost, LocalSource, LocalStream } from '../stream/local-source.ts';
import type { LocalMake } from '../stream/local-stream.ts';

const PROCESS = localDescription(
  'process',
  'The standard streams of a program, as frames that open, carry and end streams.',
  [
    setting('command', 'The program and its arguments, one value each', 'text', {
      repeated: true,
      required: true,
    }),
    setting('connections', 'Most programs at once', 'number', { default: '100', range: [1, 1000] }),
    openingSetting('passive'),
    ...namesSettings,
    halfCloseSetting,
  ],
  {
    busy: 'The frame opens a stream, but this endpoint opens them itself.',
    'too-many': 'As many programs run as `connections` allows, or no descriptor is left.',
    'not-started': 'The program cannot be run.',
  },
);

export interface ProcessSettings extends LocalSettings {
  readonly command: readonly string[];
  readonly opening: Opening;
}

/** Reads the settings, and reports all mistakes at once. */
export function readProcessSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: ProcessSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(PROCESS.settings, given);
  const settings = {
    ...readLocalSettings(reader, {
      connections: reader.number('connections') ?? 1,
      halfClose: reader.boolean('half-close'),
    }),
    command: reader.texts('command'),
    opening: reader.choice('open', ['passive', 'active']),
  };
  if (settings.command[0] === undefined || settings.command[0] === '')
    reader.problem('command', 'command is missing; give a program and its arguments, such as [sort, -n]');
  if (settings.command.some((each) => each.includes('\0')))
    reader.problem('command', 'command has a zero byte, which no argument can have');
  return { settings, problems: reader.problems };
}

export function makeProcess(given: readonly (readonly [string, string])[]): LocalMake {
  return make(PROCESS, readProcessSettings(given), (settings) => new ProcessSource(settings));
}

/** The running programs. */
class ProcessSource implements LocalSource {
  readonly channels: readonly number[] = [];
  readonly #settings: ProcessSettings;
  readonly #running = new Set<GuardedProcess>();
  /** The programs that run or are about to run. */
  #programs = 0;
  #host: LocalHost | undefined;
  #isWanted = false;
  /** The failure of the last program, at its start or end; empty where that is as it should be. */
  #fault = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ProcessSettings) {
    this.#settings = settings;
  }

  start(host: LocalHost): void {
    this.#host = host;
  }

  status(): PieceStatus {
    const { command, opening } = this.#settings;
    const facts = { command: command[0] ?? '', running: String(this.#running.size) };
    if (this.#fault !== '') return { health: 'impaired', summary: this.#fault, facts };
    if (this.#running.size > 0 || opening === 'passive')
      return {
        health: 'good',
        summary:
          this.#running.size > 0 ? 'the program runs' : 'runs the program for each stream of a neighbour',
        facts,
      };
    return { health: 'pending', summary: 'the program does not run', facts };
  }

  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted;
    clearTimeout(this.#timer);
    if (isWanted && this.#settings.opening === 'active' && this.#programs === 0) this.#begin();
  }

  #begin(): void {
    try {
      const pair = this.#pair();
      this.#host!.begin(pair.stream);
      if (pair.isEnded) pair.letGo();
      else this.#run(pair);
    } catch (error) {
      // A stream that has begun ends, because no program has its other side.
      this.#fault = `${this.#settings.command[0]} could not be run`;
      this.#host!.context.log('error', messageOf(error));
      this.#beginLater();
    }
  }

  #beginLater(): void {
    clearTimeout(this.#timer);
    if (this.#isWanted) this.#timer = setTimeout(() => this.setWanted(true), AGAIN_MS).unref();
  }

  /** The program starts outside this call, because the watchdog would treat its start as a stall. */
  open(): LocalStream | string {
    const { opening, connections } = this.#settings;
    if (opening === 'active') return 'busy';
    if (this.#programs >= connections) return 'too-many';
    try {
      const pair = this.#pair();
      const { channel } = pair.stream;
      setImmediate(() => {
        const host = this.#host;
        if (pair.isEnded || host === undefined) {
          pair.letGo();
          return;
        }
        try {
          this.#run(pair);
          host.settle(channel, '');
        } catch (error) {
          host.context.log('error', messageOf(error));
          host.settle(channel, ['EMFILE', 'ENFILE'].includes(systemCode(error)) ? 'too-many' : 'not-started');
        }
      });
      return { ...pair.stream, isPending: true };
    } catch (error) {
      return ['EMFILE', 'ENFILE'].includes(systemCode(error)) ? 'too-many' : 'other-error';
    }
  }

  /** A stream, with the end for a program that is to start. */
  #pair(): Pair {
    const { io, batch } = this.#host!;
    const { ours, theirs } = io.streamPair();
    const pair: Pair = {
      theirs,
      isEnded: false,
      program: undefined,
      letGo: () => {
        this.#programs--;
        io.closeDescriptor(theirs);
      },
      stream: {
        channel: io.adoptStream(batch, ours, ''),
        onEnd: (withReset) => {
          pair.isEnded = true;
          if (withReset) pair.program?.close();
        },
      },
    };
    this.#programs++;
    return pair;
  }

  /** @throws EndpointError FT_SOCKET_OPEN */
  #run(pair: Pair): void {
    const { command, opening } = this.#settings;
    let isRunning = false;
    try {
      const program = GuardedProcess.start(command, [pair.theirs, pair.theirs, 'inherit'], (end) => {
        if (!isRunning) return;
        this.#running.delete(program);
        this.#programs--;
        program.close();
        this.#report(end);
        if (opening === 'active') this.#beginLater();
      });
      isRunning = true;
      pair.program = program;
      this.#fault = '';
      this.#host!.changed();
      this.#running.add(program);
      this.#host!.io.closeDescriptor(pair.theirs);
    } catch (error) {
      pair.letGo();
      if (error instanceof EndpointError) throw error;
      const errno = error instanceof Error && 'errno' in error ? Math.abs(Number(error.errno)) : 0;
      const code = systemCode(error) || (errno > 0 ? getSystemErrorName(-errno) : messageOf(error));
      const why = code === 'ENOENT' ? 'there is no such program' : code;
      throw new EndpointError(
        'FT_SOCKET_OPEN',
        `piece ${this.#host!.context.name}: ${JSON.stringify(command[0])} cannot be run: ${why}`,
        { cause: error, setting: 'command' },
      );
    }
  }

  #report(end: CommandEnd | 'killed'): void {
    this.#host?.changed();
    if (this.#host === undefined || (end !== 'killed' && 'status' in end && end.status === 0)) return;
    const how =
      end === 'killed'
        ? 'was ended'
        : 'status' in end
          ? `ended with status ${end.status}`
          : `was ended by signal ${end.signal}`;
    this.#fault = `${this.#settings.command[0]} ${how}`;
    this.#host.context.log('warn', this.#fault);
  }

  ready(): void {}

  closed(): void {}

  move(host: LocalHost): void {
    this.#host = host;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isWanted = false;
    this.#host = undefined;
    for (const each of this.#running) each.close();
    this.#running.clear();
  }
}

interface Pair {
  readonly stream: LocalStream;
  /** The blocking side, for the program. */
  readonly theirs: number;
  isEnded: boolean;
  program: GuardedProcess | undefined;
  /** Gives up on the program. */
  letGo(): void;
}

/** Between the end of a program that this endpoint starts itself, and its next start. */
const AGAIN_MS = 1000;
