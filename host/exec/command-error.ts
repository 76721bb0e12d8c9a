import type { CommandError } from '../endpoint/namespace/network-namespace.ts';
import { ExecError } from './exec-error.ts';

/** Returns why a command cannot be run, with the status that a shell would have. */
export function commandError(command: string, { code, status }: CommandError): ExecError {
  const why =
    code === 'ENOENT'
      ? 'there is no such program'
      : code === 'EACCES'
        ? 'this user may not execute it'
        : `the system refuses it (${code})`;
  return new ExecError('FT_EXEC_COMMAND', `${command} cannot be run: ${why}`, { status });
}
