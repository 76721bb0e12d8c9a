/*
 * frame-sequence: frames of up to 4 GiB over a carrier of smaller frames, or of none
 *
 * PURPOSE
 *   Carries frames over a stream, each behind its length in 32 bits. Or carries them over messages, each in
 *   as many segments as it needs, which the other side reassembles. The other side passes on the same frames.
 *
 * EDGES AND SHAPES
 *
 *                 ┌──────────────────┐
 *   frames (up) ──┤  frame-sequence  ├── carrier (down)
 *                 └──────────────────┘
 *
 *   frames    STACK, headers only: the frames that are carried
 *   carrier   CARRIER/local:PORT, whole frames; for a stream that this side opens, CARRIER/remote:REMOTE-PORT
 *
 *   `frames` has `framed`, with sizes of up to max-frame. `carrier` requires `reliable`, `ordered` and
 *   `duplicate-free`, except in mode message-unreliable; for messages it also requires that a message of
 *   max-segment fits, with its headers. `frames` also has what the carrier has of these three, `low-delay`,
 *   `encrypted` and `authenticated`.
 *
 * SETTINGS
 *   mode          stream; message-reliable, where messages come once and in order; or message-unreliable;
 *                 default stream
 *   stack         the carried stack: ip; a stack that begins with one protocol, such as ethernet; or
 *                 opaque-frame, a protocol of this piece for frames of any bytes; default ip
 *   carrier       ip/tcp for a stream, ip/udp for messages, or either with ipv4 or ipv6 instead of ip;
 *                 default by `mode`
 *   port          the port of this side; default 4294, which no registry assigns
 *   remote        the address of the other side; without it, the other side contacts this one
 *   remote-port   the port of the other side; without it, the same as `port`
 *   max-frame     bytes of the largest frame, up to 4294967295; default 66240
 *   max-segment   bytes of a message with its segment header, 64 to 65000; default 1400
 *   timeout       time for which a frame may lack bytes before it, and its stream, is given up; default 30s
 *   memory        bytes for incomplete frames, 66240 for each; default 4194304
 *
 * FRAMES IN FRAGMENTS
 *   Where `stack` begins with opaque-frame, a frame of more than 66240 bytes passes in fragments marked
 *   `more`, each as soon as its bytes are there. If the length of the frame is known, the first fragment
 *   begins with a header of opaque-frame: 4 bytes with the length. A stream needs the length, and loses a
 *   frame in fragments without it. Fragments of different frames, and whole frames, may come interleaved. On
 *   an unreliable carrier up to 64 such frames go out side by side. On other carriers the next one begins
 *   when one ends. Up to 256 frames and fragments wait for it, at most as long as `timeout` without a
 *   fragment of it.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     merged                the bytes are in a frame that another ticket carries, or in fragments
 *     control               the segment opened or closed a stream
 *     empty                 the frame has no bytes, where frames are packets of IP
 *     duplicate             the segment came before
 *   Lost:
 *     not-joined            the other Edge is on no network
 *     not-connected         the other side is unknown, or its stream is not open
 *     not-open              the bytes belong to a stream that was not opened; the answer is a reset
 *     busy                  another host than the other side sent it, and its stream gets a reset; or too
 *                           many frames wait for a frame in fragments
 *     malformed             the headers of the carrier are absent
 *     bad-segment           the segment header is wrong
 *     unrecognised          the frame is no packet of IP
 *     too-large             the frame has more than max-frame bytes; a stream skips them and goes on
 *     too-many              the frame does not fit in one outcome
 *     unfinished            the frame must be cut, and the host has yet to fill in its checksums
 *     length-unknown        a frame in fragments without its length, which a stream needs
 *     length-wrong          the frame is not as long as announced; a stream is reset
 *     closed-within-frame   the stream ended within a frame, or within its length
 *     broken-off            the frame was incomplete when the next began, or when the instance was replaced
 *     out-of-sequence       the segment belongs to no frame that has begun, where messages come in order
 *     inconsistent          segments overlap or contradict each other: the whole frame is lost
 *     timed-out             a segment, or the next fragment of a frame, did not come in time; a stream is
 *                           reset
 *     no-memory             too many frames are incomplete
 *     beyond-window         the segment lies more than 66240 bytes beyond a hole
 *     too-many-holes        the frame has more than 31 holes
 *     too-many-under-way    more than 64 frames in fragments go out already
 *
 * WHAT IT DOES NOT DO
 *   It serves one stream at a time, and sends messages to one other side. It does not order, acknowledge or
 *   resend: the carrier does. It does not encrypt or authenticate: unless `remote` is given, it answers the
 *   last host that sent to it. Frames have no checksum of their own: where segments are lost and sequence
 *   numbers wrap within `timeout` (65536 frames), it can join segments of two frames, as with IPv4 (RFC
 *   4963). Incomplete frames do not survive a replacement of the instance; the stream does. A frame whose
 *   first fragments have gone on cannot be recalled when the rest is lost.
 *
 * SPECIFICATION
 *   Funnel Tunnel Specification, "Frame Sequence Submission". On streams: 32 bits in network byte order and
 *   the frame, in the manner of RFC 4571. On messages: segment.ts beside this file; overlaps as in RFC 5722.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Joining,
  Outcome,
  Piece,
  Reach,
  Settings,
  State,
  ValueCase,
  Wish,
} from 'funnel-tunnel/as';
import { Carrier } from './carrier';
import { Configuration, describeSettings, Mode } from './configuration';
import { Delivery } from './delivery';
import { Link } from './link';
import { describeReasons, end, Reason } from './reasons';
import { Reliable } from './reliable';
import { Report } from './report';
import { MORE_HEADER, RELIABLE_HEADER, UNRELIABLE_HEADER } from './segment';
import { Sender } from './sender';
import { Stream } from './stream';
import { Unreliable } from './unreliable';

const FRAMES: u16 = 0;
const CARRIER: u16 = 1;

/** The properties of a stream, which `message-reliable` requires. */
const ORDERLY: string[] = ['reliable', 'ordered', 'duplicate-free'];

class FrameSequence extends Piece {
  /** The queue behind the carrier is full. */
  private isCarrierFull: bool = false;

  describe(d: Description, settings: Settings): void {
    d.piece('frame-sequence', '0.1.0', 'Frames of up to 4 GiB over streams and over small messages.');
    describeSettings(d);
    describeReasons(d);
    Configuration.read(settings);
    Carrier.describe(d);
    Delivery.describe(d);
    const isStream = Configuration.mode == Mode.stream;
    const port =
      isStream && Configuration.hasRemote
        ? '/remote:' + Configuration.remote.port.toString()
        : '/local:' + Configuration.port.toString();
    d.edge('frames')
      .shape(Configuration.stack, Direction.Up, Reach.Headers)
      .wish(Wish.Available, 'framed')
      .wishBound(Wish.Available, 'size', ValueCase.AtMost, Configuration.maxFrame);
    const carrier = d.edge('carrier').shape(Configuration.carrier + port, Direction.Down, Reach.WholeFrame);
    const isPatient = Configuration.mode == Mode.unreliable;
    for (let i = 0; i < ORDERLY.length; i++) if (!isPatient) carrier.wish(Wish.Required, ORDERLY[i]);
    if (!isStream) {
      const message = Configuration.maxSegment + Configuration.networkHeader + 8;
      carrier.wish(Wish.Desired, 'framed').wishBound(Wish.Required, 'size', ValueCase.AtLeast, message);
    }
    // The host has no stack for what follows the port. The sizes on the two Edges are independent.
    const curve = d
      .curve(FRAMES, 0, CARRIER, 0)
      .isOpaque()
      .keeps('encrypted')
      .keeps('authenticated')
      .keeps('low-delay');
    for (let i = 0; i < ORDERLY.length; i++) curve.keeps(ORDERLY[i]);
    const segment = isPatient ? UNRELIABLE_HEADER + MORE_HEADER : RELIABLE_HEADER;
    curve.grows(<i32>(Configuration.networkHeader + (isStream ? 20 + 4 : 8 + segment)));
  }

  start(now: f64, settings: Settings): void {
    Carrier.learn();
    Delivery.learn();
    if (Configuration.protocol.length > 0 && Delivery.protocol == 0) {
      settings.problem('stack', 'begins with ' + Configuration.protocol + ', which is not known here');
    }
    if (Configuration.mode == Mode.unreliable) Unreliable.start();
    Sender.start();
    Link.start(now);
    Report.start();
  }

  join(joining: Joining): void {
    if (joining.described == CARRIER) Carrier.edge = joining.edge;
    else Delivery.edge = joining.edge;
  }

  leave(edge: u16, _shape: u16): void {
    if (describedEdge(edge) == CARRIER && edgeOf(CARRIER) < 0) {
      Carrier.edge = -1;
      this.isCarrierFull = false;
      Link.lose();
    } else if (edgeOf(FRAMES) < 0) {
      Delivery.edge = -1;
    }
  }

  ready(edge: u16, ready: bool): void {
    if (<i32>edge == Carrier.edge) this.isCarrierFull = !ready;
  }

  state(state: State): void {
    Link.state(state);
    Stream.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Link.run(now, out);
    Reliable.run(now, out);
    Unreliable.run(now, out);
    Sender.begin(now, this.isCarrierFull);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      if (describedEdge(frame.edge) == FRAMES) Sender.take(frame, out);
      else if (!Carrier.read(frame, out)) end(out, frame.ticket, Reason.malformed);
      else if (Configuration.mode == Mode.stream) Link.take(now, frame.ticket, out);
      else if (Configuration.mode == Mode.reliable) Reliable.take(now, frame.ticket, out);
      else Unreliable.take(frame.ticket, out);
    }
    Sender.finish(out);
    // A full queue that drops bytes would put a stream out of step.
    if (this.isCarrierFull && Delivery.edge >= 0) out.pause(<u16>Delivery.edge);
    out.wakeAt(min(Link.next, Sender.next));
    out.wakeAt(min(Reliable.next, Unreliable.next));
    Report.update();
  }
}

export function create(): Piece {
  return new FrameSequence();
}
