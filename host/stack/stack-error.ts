import { FunnelError } from './funnel-error.ts';

/** A stack that cannot be read. `message` says what is wrong at which column, and what to write instead. */
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
  /** Nothing stands there. */
  | 'FT_STACK_EMPTY'
  /** It is not written as a stack is. */
  | 'FT_STACK_SYNTAX'
  /** More text, steps, or combinations of sets than a stack may have. */
  | 'FT_STACK_TOO_LONG'
  /** No Name Space, protocol or port has this name. */
  | 'FT_STACK_UNKNOWN'
  /** A number does not fit in its Name Space, or there is no Name Space to read it in. */
  | 'FT_STACK_NUMBER'
  /** A step cannot be contained in the step before it. */
  | 'FT_STACK_NOT_CARRIED';
