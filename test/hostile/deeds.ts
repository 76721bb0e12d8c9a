import type { WatPiece } from '../../host/engine/testing/wat-piece.ts';

/** Forbidden deeds for any code of a piece: the instructions, and the fault that they cause. */
export const DEEDS: Readonly<Record<string, Deed>> = {
  traps: { code: 'FT_FAULT_TRAP', instructions: 'unreachable' },
  'reads outside of its memory': {
    code: 'FT_FAULT_TRAP',
    instructions: '(drop (i32.load (i32.const -4))) unreachable',
  },
  'uses up its stack': {
    code: 'FT_FAULT_TRAP',
    instructions: '(call $deep (i64.const 0)) unreachable',
    fields: deepFunction(),
  },
  'runs for ever': { code: 'FT_FAULT_FUEL', instructions: '(loop $again (br $again)) unreachable' },
  'wants more memory than there is': {
    code: 'FT_FAULT_MEMORY',
    instructions:
      '(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then unreachable)) unreachable',
  },
};

export interface Deed extends Pick<WatPiece, 'fields'> {
  readonly code: string;
  readonly instructions: string;
}

/** A recursion that no fuel ends before the stack does. */
function deepFunction(): string {
  const locals = Array.from({ length: 40 }, () => '(local i64)').join(' ');
  return `(func $deep (param i64) (result i64) ${locals} (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (call $deep (local.get 0))))`;
}
