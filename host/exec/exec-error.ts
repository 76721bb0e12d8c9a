import { FunnelError } from '../stack/funnel-error.ts';

/** The reason why a command was not run behind a puzzle. */
export class ExecError extends FunnelError {
  /**
   * The exit status: 125 for the Funnel's own failures, 126 and 127 for a command that cannot be run, as in
   * shells.
   */
  readonly status: number;

  constructor(code: ExecErrorCode, message: string, { status = 125, ...options }: ExecErrorOptions = {}) {
    super(code, message, options);
    this.status = status;
  }
}

export interface ExecErrorOptions extends ErrorOptions {
  readonly status?: number;
}

export type ExecErrorCode =
  /** No command was given, or options that contradict each other. */
  | 'FT_EXEC_USAGE'
  /** The configuration has no device, so the command would have no network. */
  | 'FT_EXEC_NO_DEVICE'
  /** The configuration has no SOCKS5 server, which `--socks` needs. */
  | 'FT_EXEC_NO_SOCKS'
  /** The command cannot be run. */
  | 'FT_EXEC_COMMAND'
  /** A port cannot be published, because it is not available outside. */
  | 'FT_EXEC_PUBLISH'
  /** The resolver of the command cannot be set. */
  | 'FT_EXEC_RESOLVER';
