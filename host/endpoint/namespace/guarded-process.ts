import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { environmentForChildren } from '../activation.ts';
import { type FunnelIo, loadAddon } from '../addon.ts';
import { type CommandEnd, commandEnd, helperPath, type Stdio, statusOf } from './network-namespace.ts';

/**
 * A program that ends with this process, or with the thread that started it, in whichever way these end. All
 * processes that it has started end too, even under another user.
 */
export class GuardedProcess {
  readonly #io: FunnelIo;
  readonly #control: number;
  readonly #guard: number;
  #isClosed = false;

  private constructor(io: FunnelIo, control: number, guard: number) {
    this.#io = io;
    this.#control = control;
    this.#guard = guard;
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
  ): GuardedProcess {
    const io = loadAddon();
    const { ours, theirs } = io.namespacePair();
    let guard = 0;
    try {
      const child = spawn(helperPath(), ['--outside', '--', ...argv], {
        env: environmentForChildren(),
        stdio: [...streams, theirs, 'pipe'],
      });
      child.on('error', () => {}); // no process exists then, and the control socket is closed
      guard = child.pid ?? 0;
      void statusOf(child).then((status) => onEnd(commandEnd(status) ?? 'killed'));
    } finally {
      io.closeDescriptor(theirs);
    }
    const made = new GuardedProcess(io, ours, guard);
    for (const kind of [HELLO, RUN]) {
      const { error } = io.askNamespace(ours, kind, 0, 0, 0, '');
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

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#io.closeNamespace(this.#control);
  }
}

/** The numbers in namespace-protocol.h. */
const HELLO = 0;
const RUN = 7;
