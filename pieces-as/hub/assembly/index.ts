/*
 * hub: the broadcast network
 *
 * PURPOSE
 *   A frame that comes in on one Edge goes out on all others. A network on which each member receives all
 *   frames is a piece, so that a Joint never copies a frame.
 *
 * EDGES AND SHAPES
 *
 *              ┌───────┐
 *     net ─────┤       ├───── net
 *              │  hub  │
 *     net ─────┤       ├───── net
 *              └───────┘
 *
 *   net   repeated; STACK up, down or peer, headers only: payloads stay with the host
 *
 *   A property that all other networks have, except `reliable`, holds on each network. A property that one
 *   network offers is offered on all.
 *
 * SETTINGS
 *   stack   the stack of the frames; default ip
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     alone      no other Edge is joined
 *     too-many   the copies of one call do not fit in one outcome (8192 frames)
 *
 * WHAT IT DOES NOT DO
 *   It learns no addresses: a frame goes to all other networks. It does not detect loops; the host's hop
 *   count ends them. It does not pass a frame back to the network that it came from, where the other members
 *   have it already.
 *
 * SPECIFICATION
 *   Funnel Tunnel Specification, "Coroutines and Channels": "Even networks that broadcast traffic to all
 *   connected peers will be implemented as a Puzzle Piece".
 */
import {
  Batch,
  Description,
  Direction,
  Frame,
  joinedCount,
  joinedEdge,
  joinedShape,
  Kind,
  Outcome,
  Piece,
  Reach,
  Settings,
} from 'funnel-tunnel/as';

const ALONE: u16 = 0;
const TOO_MANY: u16 = 1;
const SHAPES: u16 = 3;

/** All but `reliable`: a sender does not wait for the slowest receiver. */
const KEPT: string[] = [
  'ordered',
  'duplicate-free',
  'framed',
  'size',
  'encrypted',
  'authenticated',
  'low-delay',
];

class Hub extends Piece {
  describe(d: Description, settings: Settings): void {
    d.piece('hub', '0.1.0', 'Passes each frame from one Edge to all others.');
    d.setting('stack', Kind.Text, 'The protocol stack of the frames.', 'ip');
    d.reason('alone', true, 'No other Edge is joined.');
    d.reason('too-many', true, 'The copies of one call do not fit in one outcome (8192 frames).');
    const stack = settings.stack('stack');
    d.edge('net')
      .isRepeated()
      .shape(stack, Direction.Up, Reach.Headers)
      .shape(stack, Direction.Down, Reach.Headers)
      .shape(stack, Direction.Peer, Reach.Headers);
    // From each kind of neighbour to each.
    for (let from: u16 = 0; from < SHAPES; from++) {
      for (let to = from; to < SHAPES; to++) {
        const curve = d.curve(0, from, 0, to).keepsOffers();
        for (let i = 0; i < KEPT.length; i++) curve.keeps(KEPT[i]);
      }
    }
  }

  process(_now: f64, batch: Batch, out: Outcome): void {
    for (let i = 0; i < batch.length; i++) broadcast(batch.frame(i), out);
  }
}

function broadcast(frame: Frame, out: Outcome): void {
  let copies = 0;
  for (let i = 0, n = joinedCount(); i < n; i++) if (joinedEdge(i) != frame.edge) copies++;
  if (copies == 0) {
    out.end(frame.ticket, ALONE);
    return;
  }
  // All or none: a ticket that goes on anywhere cannot be counted as lost.
  if (out.framesLeft < copies || out.partsLeft < <i32>frame.partCount) {
    out.end(frame.ticket, TOO_MANY);
    return;
  }
  let isFirst = true;
  for (let i = 0, n = joinedCount(); i < n; i++) {
    const edge = joinedEdge(i);
    if (edge == frame.edge) continue;
    if (isFirst) out.forward(frame, edge, joinedShape(i));
    else out.again(edge, joinedShape(i));
    isFirst = false;
  }
}

export function create(): Piece {
  return new Hub();
}
