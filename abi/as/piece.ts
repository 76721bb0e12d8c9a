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
 * Make objects and strings only in the constructor, `describe` and `start`: nothing is ever freed. `process`
 * works with numbers, views and rooms.
 */
export abstract class Piece {
  /**
   * Describes the piece with these settings. It must call no function of the host. Also called before
   * `start`.
   */
  abstract describe(description: Description, settings: Settings): void;

  /**
   * Starts the piece. Report a setting that is wrong with `settings.problem`. `protocolNumber` works from
   * here on.
   */
  start(now: f64, settings: Settings): void {}

  /** Returns null if the piece accepts this join or its new properties, else the reason. Changes nothing. */
  accepts(joining: JoiningRecord): string | null {
    return null;
  }

  /** An Edge is joined, or its join has new properties. `edges.ts` keeps the list of joins. */
  join(joining: JoiningRecord): void {}

  /** The join of a Shape of this Edge has ended. */
  leave(edge: u16, shape: u16): void {}

  /**
   * Another piece on this Edge's Joint began or ceased to listen on a Shape. Returns null, or why that is not
   * possible.
   */
  listening(edge: u16, stack: Text, present: bool): string | null {
    return null;
  }

  /** The queue behind this Edge has room again, or is full. */
  ready(edge: u16, ready: bool): void {}

  /** Lists the state, once for saving and restoring. */
  state(state: State): void {}

  /**
   * Takes frames, and puts those that go on into `out`. Called without frames at `wakeAt`, and after each
   * control call.
   */
  abstract process(now: f64, batch: Batch, out: Outcome): void;
}
