import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A command could not be started, did not end in time, or ended with another status than 0. */
export class CommandError extends Error {
  readonly status: number | string;
  readonly output: string;

  constructor(argv: readonly string[], status: number | string, output: string) {
    super(`${argv.join(' ')}: ended with ${status}\n${output.trimEnd()}`);
    this.name = 'CommandError';
    this.status = status;
    this.output = output;
  }
}

export interface Finished {
  /** The exit status, or the name of the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After this the command is killed. Default 120 000. */
  readonly timeoutMs?: number;
}

/** A command that runs beside us, with all that it has printed so far. */
export class Running {
  readonly argv: readonly string[];
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Resolves when it has ended and all its output has come. Never rejects. */
  readonly ended: Promise<Finished>;
  #over: Finished | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(argv: readonly string[], options: Omit<CommandOptions, 'timeoutMs'> = {}) {
    this.argv = argv;
    // A group of its own: Ctrl-C at the terminal reaches us alone, and we end the others in good order.
    // Should we be killed outright, the kernel ends it.
    const guarded = hasCommand('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', ...argv] : argv;
    this.child = spawn(guarded[0]!, guarded.slice(1), {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#tell();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    this.ended = new Promise((resolve) => {
      const end = (status: number | string): void => {
        this.#over ??= { status, stdout: this.stdout, stderr: this.stderr };
        this.#tell();
        resolve(this.#over);
      };
      this.child.on('error', (error) => end(error.message));
      this.child.on('close', (code, signal) => end(code ?? signal ?? 'unknown'));
    });
  }

  get isRunning(): boolean {
    return this.#over === undefined;
  }

  /**
   * Resolves with the first match in what it has printed, on either stream. Rejects when it ends or takes too
   * long.
   */
  async waitFor(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.stdout.match(pattern) ?? this.stderr.match(pattern);
      if (found !== null) return found;
      const left = deadline - performance.now();
      if (this.#over !== undefined || left <= 0) {
        const why = this.#over === undefined ? `no ${pattern} in ${timeoutMs} ms` : this.#over.status;
        throw new CommandError(this.argv, why, this.stdout + this.stderr);
      }
      await this.#change(left);
    }
  }

  /** Ends it: asks with `signal`, and where that does not help in time, kills. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 30_000): Promise<Finished> {
    if (this.isRunning) {
      this.child.kill(signal);
      const timer = setTimeout(() => this.child.kill('SIGKILL'), patienceMs);
      await this.ended;
      clearTimeout(timer);
    }
    return this.ended;
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#watchers.add(done);
    });
  }
}

/** Runs a command to its end, whatever that is. */
export async function runAnyway(argv: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const running = new Running(argv, options);
  const timeoutMs = options.timeoutMs ?? 120_000;
  const timer = setTimeout(() => running.child.kill('SIGKILL'), timeoutMs);
  const finished = await running.ended;
  clearTimeout(timer);
  return finished;
}

/**
 * Runs a command that must end with 0.
 *
 * @returns what it printed on its standard output
 * @throws CommandError
 */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const finished = await runAnyway(argv, options);
  if (finished.status !== 0) throw new CommandError(argv, finished.status, finished.stdout + finished.stderr);
  return finished.stdout;
}

/**
 * For cleaning up while the process ends, when nothing asynchronous happens any more. The status is for the
 * caller.
 */
export function runNow(argv: readonly string[]): Finished {
  const done = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
  return {
    status: done.status ?? done.signal ?? done.error?.message ?? 'unknown',
    stdout: done.stdout ?? '',
    stderr: done.stderr ?? '',
  };
}

/** Whether a command of this name can be run here. */
export function hasCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
