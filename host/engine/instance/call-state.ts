import { EXPORTS, type ExportName } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { HostFunctionName } from '../component/grants.ts';

/**
 * The code of a guest that the engine is in: a function of the contract, or one of these.
 *
 * - `idle`: in none, so the guest may be called
 * - `instantiate`: in a start function
 * - `realloc`: in `cabi_realloc`, while another phase is kept for later
 * - `postReturn`: in a post-return function
 * - `discarded`: the guest may never be called again
 */
export type Phase = ExportName | 'idle' | 'instantiate' | 'realloc' | 'postReturn' | 'discarded';

/** Returns the words for a phase in a message: the name of a function of the contract, or what else it is. */
export function phaseText(phase: Phase): string {
  switch (phase) {
    case 'idle':
    case 'discarded':
      return 'nothing';
    case 'instantiate':
      return 'its start function';
    case 'realloc':
      return 'cabi_realloc';
    case 'postReturn':
      return 'a post-return';
    default:
      return EXPORTS[phase].name;
  }
}

/** The state of the call that a guest is in: imports are not allowed in every phase. */
export class CallState {
  phase: Phase = 'instantiate';
  /**
   * A fault that was found while the guest called the host. The guest can catch the exception, so the call
   * throws the fault again when it returns.
   */
  fault: PieceFault | undefined;
  /** Messages logged in the current call. */
  messages = 0;

  /** Begins a call into the guest, which must not be inside another. */
  enter(phase: Phase): void {
    if (this.phase !== 'idle') this.#refuse();
    this.phase = phase;
    this.messages = 0;
  }

  leave(): void {
    if (this.fault !== undefined) throw this.fault;
    this.phase = 'idle';
  }

  /**
   * @throws {PieceFault} FT_FAULT_REENTRY where the contract forbids the guest to call this function in this
   *   phase.
   */
  checkImport(name: HostFunctionName): void {
    if (!FORBIDS_ALL.has(this.phase) && !(this.phase === 'accepts' && CHANGES_SOMETHING.has(name))) return;
    throw new PieceFault(
      'FT_FAULT_REENTRY',
      `the piece called the host function "${name}" in ${phaseText(this.phase)}, where the contract forbids it`,
    );
  }

  #refuse(): never {
    if (this.phase === 'discarded') throw new Error('a discarded guest was called');
    throw new Error(
      `a guest was called while it was in ${phaseText(this.phase)}, or after it had faulted there`,
    );
  }
}

const FORBIDS_ALL: ReadonlySet<Phase> = new Set(['instantiate', 'describe', 'save', 'realloc', 'postReturn']);
const CHANGES_SOMETHING: ReadonlySet<HostFunctionName> = new Set([
  'status',
  'listen',
  'unlisten',
  'offer',
  'importKey',
  'deriveKey',
  'dropKey',
  'protect',
  'unprotect',
  'ownFingerprint',
  'openSession',
  'receive',
  'expire',
  'exportKeys',
  'closeSession',
]);
