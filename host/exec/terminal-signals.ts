import { closeSync, constants as files, openSync } from 'node:fs';
import { constants } from 'node:os';

/**
 * Forwards the signals that this process gets and its command does not: without a terminal, all of them. With
 * a terminal, the system sends signals of the keyboard and of a hang-up to the command as well, and
 * forwarding would repeat them.
 *
 * @param pass sends a signal, by its number, to the command
 * @returns a function that ends this
 */
export function passSignals(pass: (signal: number) => void): () => void {
  const listeners = SIGNALS.map((name) => {
    const isTerminals = FROM_TERMINAL.has(name);
    const listener = (): void => {
      if (!isTerminals || !hasTerminal()) pass(constants.signals[name]);
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
}

const SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR2', 'SIGWINCH'] as const;
const FROM_TERMINAL = new Set<NodeJS.Signals>(['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGWINCH']);

/** Whether this process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', files.O_RDONLY | files.O_NOCTTY));
    return true;
  } catch {
    return false; // ENXIO: none
  }
}
