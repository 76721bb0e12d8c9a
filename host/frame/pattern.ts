import type { Protocols } from '../stack/protocols.ts';
import type { Stack } from '../stack/stack.ts';
import type { Frames } from './frames.ts';

/** Whether the parts of a frame begin as a Shape's stack says: the check of what a piece hands on. */
export class Pattern {
  constructor(_protocols: Protocols, _stack: Stack) {}

  matches(_frames: Frames, _row: number, _skipHeaders: number, _towardUp: boolean): boolean {
    return false;
  }
}
