import { FunnelError } from './funnel-error.ts';

/**
 * A protocol's definition in text that cannot be read. `message` begins with `line:column`, both counted from 1.
 */
export class DefinitionError extends FunnelError {
  readonly line: number;
  readonly column: number;

  constructor(code: DefinitionErrorCode, message: string, line: number, column: number) {
    super(code, `${line}:${column}: ${message}`);
    this.line = line;
    this.column = column;
  }
}

export type DefinitionErrorCode =
  /** It is not written as a definition is. */
  | 'FT_PROTOCOL_SYNTAX'
  /** More text, or more of something, than a definition may have. */
  | 'FT_PROTOCOL_TOO_LONG';
