/*
 * frame-sequence: frames of up to 4 GiB over what carries less, or carries no frames at all
 *
 * PURPOSE
 *   Carries frames over a stream, each behind 32 bits that say how long it is; or over messages, each in as many segments
 *   as it needs, which the other side puts together again. What arrives there is what was sent here.
 *
 * EDGES AND SHAPES
 *
 *                 ┌──────────────────┐
 *   frames (up) ──┤  frame-sequence  ├── carrier (down)
 *                 └──────────────────┘
 *
 *   frames    STACK, headers only: the frames that are carried
 *   carrier   CARRIER/local:PORT, whole frames; for a stream that is opened from here, CARRIER/remote:REMOTE-PORT
 *
 *   `frames` has `framed`, with sizes of up to max-frame. `carrier` requires `reliable`, `ordered` and `duplicate-free`, but for mode
 *   message-unreliable; and for messages that max-segment fits, with its headers. What the carrier has, `frames` has too:
 *   these three, `low-delay`, `encrypted` and `authenticated`.
 *
 * SETTINGS
 *   mode          stream; message-reliable, where messages come once and in order; or message-unreliable. Default stream
 *   stack         what is carried: ip; or what begins with one protocol, such as ethernet; or opaque-frame, a protocol that
 *                 this piece brings for frames of any bytes. Default ip
 *   carrier       ip/tcp for a stream and ip/udp for messages, or with ipv4 or ipv6 in the place of ip
 *   port          the port here; default 4294, which no registry gives to anybody
 *   remote        the address of the other side; when not given, the other side comes to us
 *   remote-port   its port; the same as here when not given
 *   max-frame     bytes of the largest frame, up to 4294967295; default 66240
 *   max-segment   bytes of a message, with the header of the segment, 64 to 65000; default 1400
 *   timeout       how long a frame may lack bytes before it is given up, and a stream with it; default 30s
 *   memory        bytes for frames of which segments lack, 66240 for each frame; default 4194304
 *
 * FRAMES IN FRAGMENTS
 *   Where `stack` begins with opaque-frame, a frame of more than 66240 bytes passes in fragments marked `more`, each as soon as
 *   its bytes have come. Where its length is known, the first piece begins with a header of opaque-frame of 4 bytes: the
 *   length. A stream needs it, and a frame that comes in fragments without it is lost there.
 *   Frames in fragments may come mixed, with each other and with whole ones. On an unreliable carrier up to 64 go out side by side. On others,
 *   where the next can begin only when one is over, up to 256 frames and pieces wait for it, at most as long as `timeout` without a piece of it.
 *
 * COUNTERS AND DROP REASONS
 *   No loss:
 *     merged                its bytes are in a frame that another ticket carries, or in fragments
 *     control               it opened or closed a stream
 *     empty                 a frame of no bytes, where frames are packets of IP
 *     duplicate             the segment had come already
 *   Lost:
 *     not-joined            there is nobody at the Edge across
 *     not-connected         the other side is not known, or its stream not open
 *     not-open              bytes of a stream that was not opened, which is answered with a reset
 *     busy                  from somebody else than the other side; streams are answered with a reset. Or it would have to wait
 *                           for a frame in fragments, and too many do
 *     malformed             the headers of the carrier are not there
 *     bad-segment           the header of the segment is wrong
 *     unrecognised          a frame that is no packet of IP
 *     too-large             more than max-frame; of a stream, its bytes are passed over and all else is carried
 *     too-many              it fits in no outcome
 *     unfinished            it must be cut, and the host has yet to fill in checksums
 *     length-unknown        a frame in fragments, of which a stream must know the length first
 *     length-wrong          it is not as long as it was announced; a stream is reset
 *     closed-within-frame   the stream ended within a frame, or within its length
 *     broken-off            the frame was not finished when the next began, or the instance was replaced
 *     out-of-sequence       a segment of no frame that has begun, where messages come in order
 *     inconsistent          segments overlap, or contradict each other: the whole frame is lost
 *     timed-out             a segment did not come in time, or the next piece of a frame; a stream is reset
 *     no-memory             too many frames lack segments
 *     beyond-window         more than 66240 bytes beyond a hole
 *     too-many-holes        more than 31 holes
 *     too-many-under-way    more than 64 frames in fragments go out
 *
 * WHAT IT DOES NOT DO
 *   It serves one stream at a time, and sends messages to one other side. It orders, acknowledges and resends nothing: that is
 *   for the carrier. It encrypts and authenticates nothing: who is heard last is answered, unless `remote` is given. Frames have no
 *   checksum of their own: where segments are lost and sequence numbers come round within `timeout` (65536 frames), those
 *   of two frames can be taken for one, as with IPv4 (RFC 4963). Frames
 *   that were not whole do not survive a replacement of the instance; the stream does. A frame whose first pieces have been
 *   passed on cannot be recalled when it is lost.
 *
 * SPECIFICATION
 *   Funnel Tunnel Specification, "Frame Sequence Submission". On streams: 32 bits in network byte order and the frame, in
 *   the manner of RFC 4571. On messages: segment.ts beside this file; overlaps as in RFC 5722.
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
import { MORE_HEADER, RELIABLE_HEADER, UNRELIABLE_HEADER } from './segment';
import { Sender } from './sender';
import { Stream } from './stream';
import { Unreliable } from './unreliable';

const FRAMES: u16 = 0;
const CARRIER: u16 = 1;

/** What a stream has, and what `message-reliable` takes for given. */
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
    // What follows the port is no stack that the host could parse. Sizes here and there have nothing to do with each other.
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
    // What is lost in a full queue would put a stream out of step.
    if (this.isCarrierFull && Delivery.edge >= 0) out.pause(<u16>Delivery.edge);
    out.wakeAt(min(Link.next, Sender.next));
    out.wakeAt(min(Reliable.next, Unreliable.next));
  }
}

export function create(): Piece {
  return new FrameSequence();
}
