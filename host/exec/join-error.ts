import { FunnelError } from '../stack/funnel-error.ts';

/** The reason why `funnel join` has no configuration. */
export class JoinError extends FunnelError {
  declare readonly code: JoinErrorCode;

  constructor(code: JoinErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export type JoinErrorCode =
  /** The URL of an endpoint cannot be read. */
  | 'FT_JOIN_URL'
  /** The ends cannot be joined by a line. */
  | 'FT_JOIN_ENDS';
