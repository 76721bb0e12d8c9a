import { loadAddon } from '../endpoint/addon.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';

/**
 * The service manager that started this process, systemd as a rule. The Funnel notifies it when it is ready,
 * that it still works, when it takes another configuration, and when it ends. See sd_notify(3).
 *
 * A manager listens to the main process of a service alone, so the lanes do not report by themselves.
 */
export class ServiceManager {
  readonly #address: string;
  readonly #watchdogMs: number;
  readonly #onProblem: (message: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;

  /** @param onProblem called once where the manager cannot be reached */
  constructor(environment: NodeJS.ProcessEnv, pid: number, onProblem: (message: string) => void) {
    const { NOTIFY_SOCKET = '', WATCHDOG_USEC = '', WATCHDOG_PID } = environment;
    this.#address = /^[/@]/.test(NOTIFY_SOCKET) ? NOTIFY_SOCKET : '';
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
    this.#watchdogMs = isOurs && /^\d{1,15}$/.test(WATCHDOG_USEC) ? Number(WATCHDOG_USEC) / 1000 : 0;
    this.#onProblem = onProblem;
    if (NOTIFY_SOCKET !== '' && this.#address === '')
      onProblem(`NOTIFY_SOCKET is ${JSON.stringify(NOTIFY_SOCKET)}, and no path or abstract name`);
  }

  /**
   * Frames can flow. Where the manager wants signs of life, it gets one whenever the lanes have shown theirs.
   *
   * @param showLife resolves when the lanes have answered
   */
  ready(status: string, showLife: () => Promise<unknown>): void {
    this.#notify(`READY=1\nSTATUS=${status.replaceAll('\n', ' ').slice(0, 200)}`);
    if (this.#address === '' || this.#watchdogMs <= 0) return;
    let isAsking = false;
    // Half of the time, as sd_watchdog_enabled(3) advises.
    this.#timer = setInterval(
      () => {
        if (isAsking) return;
        isAsking = true;
        showLife()
          .then(
            () => this.#notify('WATCHDOG=1'),
            () => {}, // the manager is to notice that no sign comes
          )
          .finally(() => {
            isAsking = false;
          });
      },
      Math.min(this.#watchdogMs / 2, MOST_TIMER_MS),
    ).unref();
  }

  /** Runs a change of the configuration: the manager knows when it begins, and when it is over. */
  async reload<T>(change: () => Promise<T>): Promise<T> {
    this.#notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    try {
      return await change();
    } finally {
      this.#notify('READY=1');
    }
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#notify('STOPPING=1');
  }

  #notify(text: string): void {
    if (this.#address === '' || this.#hasFailed) return;
    try {
      loadAddon().notifyManager(this.#address, text);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#hasFailed = true;
      const why = error instanceof EndpointError ? `${error.code}: ${error.message}` : error.message;
      this.#onProblem(`the service manager (NOTIFY_SOCKET) cannot be reached: ${why}`);
    }
  }
}

/** Longer ones fire at once. */
const MOST_TIMER_MS = 0x7fff_ffff;
