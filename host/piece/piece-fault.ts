import { FunnelError } from '../stack/funnel-error.ts';

/**
 * A piece broke its contract or its sandbox stopped it. The instance is discarded: after a trap the state of
 * its memory is unknown (C and Rust guests leak their shadow stack).
 */
export class PieceFault extends FunnelError {
  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'PieceFault';
  }
}

/** The reasons to discard an instance. */
export type FaultCode =
  /** A WebAssembly trap other than the two below: unreachable, bounds, stack. */
  | 'FT_FAULT_TRAP'
  /** The fuel for this call was used up. */
  | 'FT_FAULT_FUEL'
  /** The piece asked for more memory than its cap. */
  | 'FT_FAULT_MEMORY'
  /** An outcome broke a rule of the contract, which the message names. */
  | 'FT_FAULT_OUTCOME'
  /** A result of another call broke a rule of the contract. */
  | 'FT_FAULT_RESULT'
  /** An import was called where the contract forbids it. */
  | 'FT_FAULT_REENTRY';
