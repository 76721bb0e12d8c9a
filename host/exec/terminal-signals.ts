import { closeSync, constants as files, openSync } from 'node:fs';
import { constants } from 'node:os';

/**
 * Passes on the signals that this process gets and its command does not: all of them where there is no terminal. With one, the
 * system sends what the keyboard and the terminal's end cause to the command as well, and it would come twice.
 *
 * @param pass gives a signal, by its number, to the command
 * @returns what ends that
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
