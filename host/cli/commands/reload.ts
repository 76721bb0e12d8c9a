import { closeSync, constants, openSync } from 'node:fs';
import { ConfigurationError, formatMistake } from '../../policy/configuration/configuration-error.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * Decides what a SIGHUP means: the terminal has hung up, so the Funnel ends; or a user or service manager
 * wants the configuration read again.
 */
export class HangUp {
  readonly #hadTerminal = hasTerminal();

  /** Whether the terminal with which this process started has gone. */
  get hasHungUp(): boolean {
    return this.#hadTerminal && !hasTerminal();
  }

  /**
   * For the end of the process: ends it by SIGHUP if the terminal has hung up. Node would abort, because it
   * cannot set the modes of a terminal that is gone.
   */
  endByIt(): void {
    if (!this.hasHungUp) return;
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
}

/**
 * Whether this process has a controlling terminal. The kernel takes it away before it sends SIGHUP for its
 * hang-up.
 */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads the configuration again, on request. Requests that come during a reload, or before the Funnel is
 * ready, become one reload after that.
 */
export class Reloading {
  readonly #report: (level: 'error' | 'info', message: string) => void;
  #apply: (() => Promise<unknown>) | undefined;
  #isWanted = false;
  #isBusy = false;

  constructor(report: (level: 'error' | 'info', message: string) => void) {
    this.#report = report;
  }

  /** The Funnel is ready. @param apply reads the file again, and changes to what it says */
  begin(apply: () => Promise<unknown>): void {
    this.#apply = apply;
    void this.#run();
  }

  request(): void {
    this.#isWanted = true;
    void this.#run();
  }

  /** Requests have no effect any more. */
  end(): void {
    this.#apply = undefined;
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#isWanted && this.#apply !== undefined) {
      this.#isWanted = false;
      try {
        await this.#apply();
        this.#report('info', 'SIGHUP: the configuration was read again');
      } catch (error) {
        for (const line of linesOf(error)) this.#report('error', line);
        this.#report('error', 'SIGHUP: the Funnel keeps the configuration that it has');
      }
    }
    this.#isBusy = false;
  }
}

/** The mistakes in a configuration, or the one thing that is wrong. */
function linesOf(error: unknown): readonly string[] {
  if (error instanceof ConfigurationError) return error.mistakes.map((each) => formatMistake(each));
  if (error instanceof FunnelError) return [`${error.code}: ${error.message}`];
  return [`FT_INTERNAL: ${error instanceof Error ? error.message : String(error)}`];
}
