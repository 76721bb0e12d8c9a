/*
 * tap: copies passing frames for a capture
 *
 * PURPOSE
 *   Passes every frame between its Edges `a` and `b`, and sends copies to its Edge `copy`: to a pcap-writer,
 *   to a hub, or to any other observer. An observer cannot delay, lose or change the traffic.
 *
 * EDGES AND SHAPES
 *
 *            ┌───────┐
 *     a ─────┤  tap  ├───── b
 *            └───┬───┘
 *                │
 *               copy
 *
 *   a      STACK up; headers only
 *   b      STACK down; headers only
 *   copy   optional; STACK down, up or peer; copies go out, and frames that come in are dropped. Where an
 *          observer has both directions, copies from `a` leave down, and copies from `b` leave up
 *
 *   Properties and offers at `a` hold at `b` and the other way round. None of them holds at `copy`.
 *
 * SETTINGS
 *   stack       the stack of the frames; default ip
 *   direction   the direction that is copied: both, a-to-b or b-to-a; default both
 *   sample      copy one frame of this number, beginning with the first; default 1, which copies all
 *   snap        the most bytes in a copy, though parsed headers are always whole; default 0, which is no
 *               limit
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     not-joined   the other Edge is on no network
 *     too-many     the frames of one call do not fit in one outcome
 *     from-copy    the frame came in on the Edge `copy`
 *
 * WHAT IT DOES NOT DO
 *   A copy for an observer of one direction does not show the side that it came from. The tap copies a frame
 *   in fragments as a whole or not at all, and `snap` does not cut it.
 *
 * SPECIFICATION
 *   None.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  FragmentTable,
  Frame,
  joinedCount,
  joinedEdge,
  joinedShape,
  Kind,
  Outcome,
  Piece,
  Reach,
  Role,
  Settings,
  State,
} from 'funnel-tunnel/as';

const A: u16 = 0;
const B: u16 = 1;
const COPY: u16 = 2;

/** Shapes of the Edge `copy`. */
const COPY_DOWN: u16 = 0;
const COPY_UP: u16 = 1;

const NOT_JOINED: u16 = 0;
const TOO_MANY: u16 = 1;
const FROM_COPY: u16 = 2;

/** The number of frames in fragments that are copied at a time. */
const MOST_IN_PIECES: i32 = 64;

class Tap extends Piece {
  private copiesFromA: bool = true;
  private copiesFromB: bool = true;
  private sample: u32 = 1;
  private snap: u32 = 0;
  /** The number of frames since the last copy. */
  private passed: u32 = 0;
  /** The frames in fragments that are copied. */
  private copied: FragmentTable = new FragmentTable(MOST_IN_PIECES);

  describe(d: Description, settings: Settings): void {
    d.piece('tap', '0.1.0', 'Passes frames between two Edges, and gives copies to a third.');
    d.setting('stack', Kind.Text, 'The protocol stack of the frames.', 'ip');
    d.setting('direction', Kind.Text, 'The direction that is copied: both, a-to-b or b-to-a.', 'both');
    d.setting('sample', Kind.Number, 'Copies one frame of this number.', '1');
    d.setting('snap', Kind.Number, 'Bytes of a copy, besides headers that were parsed; 0 is no limit.', '0');
    d.reason('not-joined', true, 'The other Edge is on no network.');
    d.reason('too-many', true, 'The frames of one call do not fit in one outcome.');
    d.reason('from-copy', true, 'The frame came in on the Edge `copy`.');
    const stack = settings.stack('stack');
    const direction = settings.text('direction');
    this.copiesFromA = direction != 'b-to-a';
    this.copiesFromB = direction != 'a-to-b';
    if (direction != 'both' && this.copiesFromA && this.copiesFromB) {
      settings.problem('direction', 'must be both, a-to-b or b-to-a, not "' + direction + '"');
    }
    this.sample = <u32>settings.number('sample', 1, 1_000_000_000);
    this.snap = <u32>settings.number('snap', 0, 1_000_000_000);
    d.edge('a').shape(stack, Direction.Up, Reach.Headers);
    d.edge('b').shape(stack, Direction.Down, Reach.Headers);
    const copy = d.edge('copy').isOptional();
    copy.shape(stack, Direction.Down, Reach.Headers);
    copy.shape(stack, Direction.Up, Reach.Headers);
    copy.shape(stack, Direction.Peer, Reach.Headers);
    d.curve(A, 0, B, 0).keepsAll();
    for (let shape: u16 = 0; shape < 3; shape++) {
      // Copies neither promise properties to the traffic, nor wish any of it.
      d.curve(A, 0, COPY, shape);
      d.curve(B, 0, COPY, shape);
    }
  }

  state(state: State): void {
    this.passed = state.u32(this.passed);
  }

  process(_now: f64, batch: Batch, out: Outcome): void {
    const a = edgeOf(A);
    const b = edgeOf(B);
    // All traffic goes first, so that it keeps its place in the host's memory, and copies get only the
    // remaining tables.
    let fitting = 0;
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const to = across(frame, a, b);
      if (to >= 0) {
        if (out.forward(frame, <u16>to, 0)) fitting = i + 1;
        else out.end(frame.ticket, TOO_MANY);
      } else {
        out.end(frame.ticket, describedEdge(frame.edge) == COPY ? FROM_COPY : NOT_JOINED);
      }
    }
    if (edgeOf(COPY) < 0) return;
    for (let i = 0; i < fitting; i++) {
      const frame = batch.frame(i);
      if (across(frame, a, b) >= 0 && this.isCopied(frame, <i32>frame.edge == a))
        this.copy(frame, <i32>frame.edge == a, out);
    }
  }

  /**
   * Whether to copy this frame; for a later fragment, whether the first one was copied.
   */
  private isCopied(frame: Frame, isFromA: bool): bool {
    if (frame.isContinued) {
      const place = this.copied.find(frame.ticket);
      if (place >= 0 && !frame.hasMore) this.copied.remove(place);
      return place >= 0;
    }
    if (!(isFromA ? this.copiesFromA : this.copiesFromB)) return false;
    const isWanted = this.passed == 0;
    this.passed = this.passed + 1 >= this.sample ? 0 : this.passed + 1;
    if (isWanted && frame.hasMore) this.copied.add(frame.ticket);
    return isWanted;
  }

  /**
   * Sends a copy to each kind of neighbour of the Edge `copy`; the copies share their parts. Copies that do
   * not fit are left out.
   */
  private copy(frame: Frame, isFromA: bool, out: Outcome): void {
    let isFirst = true;
    for (let i = 0, n = joinedCount(); i < n; i++) {
      const edge = joinedEdge(i);
      if (describedEdge(edge) != COPY) continue;
      // To an observer that distinguishes directions, each copy goes by one of them.
      if (joinedShape(i) == (isFromA ? COPY_UP : COPY_DOWN) && seesBothWays(edge)) continue;
      if (!isFirst) out.again(edge, joinedShape(i));
      else if (this.snap == 0 || frame.hasMore || frame.isContinued)
        isFirst = !out.forward(frame, edge, joinedShape(i));
      else isFirst = !cut(frame, this.snap, out, edge, joinedShape(i));
      if (isFirst) return;
    }
  }
}

/** Whether this Edge is joined down and up. */
function seesBothWays(edge: u16): bool {
  let isDown = false;
  let isUp = false;
  for (let i = 0, n = joinedCount(); i < n; i++) {
    if (joinedEdge(i) != edge) continue;
    if (joinedShape(i) == COPY_DOWN) isDown = true;
    if (joinedShape(i) == COPY_UP) isUp = true;
  }
  return isDown && isUp;
}

/** Begins a copy that has all headers, and as much of the rest as `snap` allows. */
function cut(frame: Frame, snap: u32, out: Outcome, edge: u16, shape: u16): bool {
  const count = <i32>frame.partCount;
  if (out.partsLeft < count || !out.begin(edge, shape, frame.ticket)) return false;
  let left = snap;
  let trailers = 0;
  for (let i = 0; i < count; i++) {
    const part = frame.part(i);
    const length = part.role == Role.Header ? part.length : min(left, part.length);
    // A part without bytes goes on as it came, because its protocol still counts.
    if (length == 0 && part.length > 0) continue;
    if (length == part.length) out.pass(part);
    else out.slice(part, 0, length, part.protocol);
    left -= min(left, length);
    if (i >= count - <i32>frame.skipTrailers) trailers++;
  }
  out.skips(frame.skipHeaders, <u8>trailers);
  return true;
}

function across(frame: Frame, a: i32, b: i32): i32 {
  const edge = <i32>frame.edge;
  return edge == a ? b : edge == b ? a : -1;
}

export function create(): Piece {
  return new Tap();
}
