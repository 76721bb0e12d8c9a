/*
 * echo: passes frames between two Edges and changes nothing
 *
 * PURPOSE
 *   Passes every frame from one Edge to the other. It is for tests and the bench: it costs what a crossing
 *   into a piece costs.
 *
 * EDGES AND SHAPES
 *
 *            ┌────────┐
 *     a ─────┤  echo  ├───── b
 *            └────────┘
 *
 *   a   STACK up; headers only, or whole frames
 *   b   STACK down; the same
 *
 *   Properties of the network at one Edge hold at the other.
 *
 * SETTINGS
 *   stack   the stack of the frames; default ip
 *   whole   take whole frames instead of headers only; default false
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     not-joined   the other Edge is on no network
 *     too-many     the frames of one call do not fit in one outcome
 *
 * WHAT IT DOES NOT DO
 *   It reads nothing of a frame and changes nothing.
 *
 * SPECIFICATION
 *   None.
 */
import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Kind,
  Outcome,
  Piece,
  Reach,
  Settings,
} from 'funnel-tunnel/as';

class Echo extends Piece {
  describe(d: Description, settings: Settings): void {
    d.piece('echo', '0.1.0', 'Passes every frame from one Edge to the other.');
    d.setting('stack', Kind.Text, 'The protocol stack of the frames.', 'ip');
    d.setting('whole', Kind.Boolean, 'Whether it takes whole frames, or headers only.', 'false');
    const stack = settings.stack('stack');
    const reach = settings.boolean('whole') ? Reach.WholeFrame : Reach.Headers;
    d.edge('a').shape(stack, Direction.Up, reach);
    d.edge('b').shape(stack, Direction.Down, reach);
    d.curve(0, 0, 1, 0).keepsAll();
    d.reason('not-joined', true, 'The other Edge is on no network.');
    d.reason('too-many', true, 'The frames of one call do not fit in one outcome.');
  }

  process(_now: f64, batch: Batch, out: Outcome): void {
    const a = edgeOf(0);
    const b = edgeOf(1);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const to = <i32>frame.edge == a ? b : a;
      if (to < 0) out.end(frame.ticket, 0);
      else if (!out.forward(frame, <u16>to, frame.shape)) out.end(frame.ticket, 1);
    }
  }
}

export function create(): Piece {
  return new Echo();
}
