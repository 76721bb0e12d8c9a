import { FunnelError } from './funnel-error.ts';

/** A stack is not readable. `message` names the mistake, its column, and what to write instead. */
export class StackError extends FunnelError {
  /** The column in the text, counted from 1. */
  readonly column: number;

  constructor(code: StackErrorCode, message: string, column: number) {
    super(code, message);
    this.name = 'StackError';
    this.column = column;
  }
}

export type StackErrorCode =
  /** The text is empty. */
  | 'FT_STACK_EMPTY'
  /** The text does not follow the notation of stacks. */
  | 'FT_STACK_SYNTAX'
  /** The text, its steps, or the combinations of its sets exceed a limit. */
  | 'FT_STACK_TOO_LONG'
  /** No Name Space, protocol or port has this name. */
  | 'FT_STACK_UNKNOWN'
  /** A number does not fit in its Name Space, or there is no Name Space to read it in. */
  | 'FT_STACK_NUMBER'
  /** A step cannot be contained in the step before it. */
  | 'FT_STACK_NOT_CARRIED';
