import { Batch, Description, Direction, Kind, Outcome, Piece, Reach, Settings, edgeOf } from 'funnel-tunnel/as';

class Echo extends Piece {
  describe(d: Description, settings: Settings): void {
    d.piece('echo', '0.1.0', 'Passes every frame from one Edge to the other.');
    d.setting('stack', Kind.Text, 'What it passes.', 'ip');
    d.setting('whole', Kind.Boolean, 'Whether it takes whole frames, or headers only.', 'false');
    const stack = settings.text('stack');
    const reach = settings.boolean('whole') ? Reach.WholeFrame : Reach.Headers;
    d.edge('a').shape(stack, Direction.Up, reach);
    d.edge('b').shape(stack, Direction.Down, reach);
    d.curve(0, 0, 1, 0);
    d.reason('not-joined', true);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    const a = edgeOf(0);
    const b = edgeOf(1);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const to = <i32>frame.edge == a ? b : a;
      if (to < 0 || !out.forward(frame, <u16>to, frame.shape)) out.end(frame.ticket, 0);
    }
  }
}

export function create(): Piece {
  return new Echo();
}
