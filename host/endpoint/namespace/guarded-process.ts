import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { environmentForChildren } from '../activation.ts';
import { type FunnelIo, loadAddon } from '../addon.ts';
import {
  type CommandEnd,
  commandEnd,
  helperPath,
  type Leftovers,
  type Stdio,
  statusOf,
} from './network-namespace.ts';

/**
 * A program that ends with this process, or with the thread that started it, in whichever way these end. All
 * processes that it has started end too, even under another user.
 */
export class GuardedProcess {
  readonly #io: FunnelIo;
  readonly #control: number;
  readonly #guard: number;
  /** Fulfilled when the program, and those that it has left, have ended. */
  readonly gone: Promise<void>;
  #isClosed = false;

  private constructor(io: FunnelIo, control: number, guard: number, gone: Promise<void>) {
    this.#io = io;
    this.#control = control;
    this.#guard = guard;
    this.gone = gone;
  }

  /**
   * @param streams its standard input, output and error
   * @param onEnd called once, with how it ended, or with that its guard was killed
   * @throws an error with the system's `errno` where it cannot be run
   */
  static start(
    argv: readonly string[],
    streams: readonly Stdio[],
    onEnd: (end: CommandEnd | 'killed') => void = () => {},
    { environment = process.env, variables = {}, leftovers = 'end' }: GuardedOptions = {},
  ): GuardedProcess {
    const io = loadAddon();
    const assignments = Object.entries(variables).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const { ours, theirs } = io.namespacePair();
    let guard = 0;
    let gone = Promise.resolve();
    try {
      const child = spawn(helperPath(), ['--outside', ...assignments, '--', ...argv], {
        env: environmentForChildren(environment),
        stdio: [...streams, theirs, 'pipe'],
      });
      child.on('error', () => {}); // no process exists then, and the control socket is closed
      guard = child.pid ?? 0;
      gone = new Promise((resolve) => child.once('exit', () => resolve()));
      void statusOf(child).then((status) => onEnd(commandEnd(status) ?? 'killed'));
    } finally {
      io.closeDescriptor(theirs);
    }
    const made = new GuardedProcess(io, ours, guard, gone);
    for (const kind of [HELLO, RUN]) {
      const waits = kind === RUN && leftovers === 'wait' ? 1 : 0;
      const { error } = io.askNamespace(ours, kind, waits, 0, 0, '');
      if (error === 0) continue;
      made.close();
      throw Object.assign(new Error(`${argv[0]}: errno ${error}`), { errno: error });
    }
    return made;
  }

  /** Whether the program runs. Its guard ends with it, and is a zombie until this thread is idle. */
  get isRunning(): boolean {
    try {
      return !/\) [ZX] /.test(readFileSync(`/proc/${this.#guard}/stat`, 'utf8'));
    } catch {
      return false; // no process has that number any more
    }
  }

  /** Sends a signal to the program. It is not an error if it has ended. */
  signal(number: number): void {
    if (!this.#isClosed) this.#io.askNamespace(this.#control, SIGNAL, number, 0, 0, '');
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#io.closeNamespace(this.#control);
  }
}

export interface GuardedOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** At most 16 further variables, for the program alone: `LD_PRELOAD` would change its guard as well. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly leftovers?: Leftovers;
}

/** The numbers in namespace-protocol.h. */
const HELLO = 0;
const RUN = 7;
const SIGNAL = 8;
