/**
 * The root of every error that the host reports: a stable code, and a message with the mistake, its place and
 * its remedy.
 */
export class FunnelError extends Error {
  /** Stable; begins with `FT_`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}
