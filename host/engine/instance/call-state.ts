import { PieceFault } from '../../piece/piece-fault.ts';
import type { HostFunctionName } from '../component/grants.ts';

/** In which of the guest's functions the engine is: imports are not allowed in all of them. */
export const PHASE = {
  /** In none: it may be called. */
  idle: 0,
  /** Instantiating: in start functions. */
  instantiate: 1,
  describe: 2,
  start: 3,
  accepts: 4,
  join: 5,
  leave: 6,
  listening: 7,
  ready: 8,
  save: 9,
  restore: 10,
  process: 11,
  realloc: 12,
  postReturn: 13,
  discarded: 14,
} as const;

export type Phase = (typeof PHASE)[keyof typeof PHASE];

/** Phases as messages name them, by number. */
export const PHASE_NAMES: readonly string[] = [
  'nothing',
  'its start function',
  'describe',
  'start',
  'accepts',
  'join',
  'leave',
  'listening',
  'ready',
  'save',
  'restore',
  'process',
  'cabi_realloc',
  'a post-return',
  'nothing',
];

/** What is known of the call that a guest is in. */
export class CallState {
  phase: Phase = PHASE.instantiate;
  /** A fault found while the guest called the host. The guest could have caught its exception, so it is kept here. */
  fault: PieceFault | undefined;
  /** Messages logged in the present call. */
  messages = 0;

  /** Begins a call of the host's, which must not be inside another. */
  enter(phase: Phase): void {
    if (this.phase !== PHASE.idle) this.#refuse();
    this.phase = phase;
    this.messages = 0;
  }

  leave(): void {
    if (this.fault !== undefined) throw this.fault;
    this.phase = PHASE.idle;
  }

  /** @throws {PieceFault} FT_FAULT_REENTRY, where the contract forbids the guest to call this function now. */
  checkImport(name: HostFunctionName): void {
    if (!FORBIDS_ALL.has(this.phase) && !(this.phase === PHASE.accepts && CHANGES_SOMETHING.has(name)))
      return;
    throw new PieceFault(
      'FT_FAULT_REENTRY',
      `the piece called "${name}" of the host in ${PHASE_NAMES[this.phase]}, where the contract forbids it`,
    );
  }

  #refuse(): never {
    if (this.phase === PHASE.discarded) throw new Error('a guest was called that had been discarded');
    throw new Error(
      `a guest was called while it was in ${PHASE_NAMES[this.phase]}, or after it had faulted there`,
    );
  }
}

const FORBIDS_ALL: ReadonlySet<Phase> = new Set([
  PHASE.instantiate,
  PHASE.describe,
  PHASE.save,
  PHASE.realloc,
  PHASE.postReturn,
]);
const CHANGES_SOMETHING: ReadonlySet<HostFunctionName> = new Set(['listen', 'unlisten', 'offer']);
