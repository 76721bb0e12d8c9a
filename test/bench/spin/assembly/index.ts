import { Batch, Description, Direction, Outcome, Piece, Reach, Settings } from 'funnel-tunnel/as';

const turns = memory.data(8);

/** Never ends a call. */
class Spin extends Piece {
  describe(d: Description, settings: Settings): void {
    d.piece('spin', '0.1.0', 'Never ends a call.');
    d.edge('net').shape('ip', Direction.Up, Reach.Headers);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    while (true) store<u64>(turns, load<u64>(turns) + 1);
  }
}

export function create(): Piece {
  return new Spin();
}
