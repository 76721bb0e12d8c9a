import { ContractError } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../../host/piece/piece-fault.ts';

/**
 * A fault that the engine ascribes to the piece may hide a mistake of the host: an error of JavaScript that
 * no guest can cause.
 *
 * @throws errors that are no fault of a guest
 */
export function expectFaultOfGuest(error: unknown): asserts error is PieceFault {
  if (!(error instanceof PieceFault)) throw error;
  const { cause } = error;
  if (cause === undefined || cause instanceof PieceFault || cause instanceof ContractError) return;
  if (cause instanceof WebAssembly.RuntimeError) return;
  if (!(cause instanceof Error)) return; // an exception of WebAssembly, which the guest threw
  if (cause instanceof RangeError && /call stack|memory/.test(cause.message)) return;
  // Values that JavaScript refuses to hand to WebAssembly are the guest's signatures.
  throw cause;
}
