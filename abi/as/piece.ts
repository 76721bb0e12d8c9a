import { Batch } from './batch';
import { Description } from './description';
import { JoiningRecord } from './generated';
import { Outcome } from './outcome';
import { Settings } from './settings';
import { State } from './state';
import { Text } from './text';

/**
 * A Puzzle Piece. Its module exports `create(): Piece`; the SDK does the rest.
 *
 * Objects and strings may be made in the constructor, `describe` and `start`. After that nothing is freed, so nothing is to be allocated:
 * `process` works with numbers, views and rooms.
 */
export abstract class Piece {
  /** Tells what the piece is under these settings. Nothing of the host can be called here. Called before `start`, too. */
  abstract describe(description: Description, settings: Settings): void;

  /** Begins its work. What cannot be is told by `settings.problem`. `protocolNumber` works from here on. */
  start(now: f64, settings: Settings): void {}

  /** May this be joined, or be joined on these terms from now on? Null, or why not. Changes nothing. */
  accepts(joining: JoiningRecord): string | null {
    return null;
  }

  /** An Edge is joined, or has new terms. `edges.ts` keeps what is joined. */
  join(joining: JoiningRecord): void {}

  /** A Shape of an Edge is joined no more. */
  leave(edge: u16, shape: u16): void {}

  /** Another piece on this Edge's Joint began or ceased to listen on a Shape. Null, or why that cannot be. */
  listening(edge: u16, stack: Text, present: bool): string | null {
    return null;
  }

  /** The queue behind this Edge has room again, or is full. */
  ready(edge: u16, ready: bool): void {}

  /** What is saved and restored, told once for both. */
  state(state: State): void {}

  /** Takes frames, and says what goes on. Called without frames when woken, and after each change. */
  abstract process(now: f64, batch: Batch, out: Outcome): void;
}
