import { FunnelError } from './funnel-error.ts';

/**
 * The definition of a protocol in text is not readable. `message` begins with `line:column`, both counted
 * from 1.
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
  /** The text does not follow the grammar. */
  | 'FT_PROTOCOL_SYNTAX'
  /** The text, or a number of items in it, is above the limit. */
  | 'FT_PROTOCOL_TOO_LONG';
