/*
 * fault: network faults on purpose, the same in each run
 *
 * PURPOSE
 *   Passes frames between its Edges `a` and `b`, and loses, delays, duplicates, reorders and corrupts some of
 *   them as the settings say. Chance comes from a seed: the same frames at the same times have the same
 *   faults.
 *
 * EDGES AND SHAPES
 *
 *            ┌─────────┐
 *     a ─────┤  fault  ├───── b
 *            └─────────┘
 *
 *   a   STACK up; headers only, or whole frames where frames from here may be corrupted
 *   b   STACK down; the same
 *
 *   Properties of the network at one Edge hold at the other, except those that the settings break: `reliable`
 *   with losses, corruption or held frames; `authenticated` with corruption; `ordered` with reordering or
 *   jitter; `duplicate-free` with duplicates; `low-delay` with held frames.
 *
 * SETTINGS
 *   stack          the stack of the frames; default ip
 *   seed           0 to 4294967295; default 1
 *
 *   Each of the next eight holds for both directions. With -a-to-b or -b-to-a behind its name it holds for
 *   that direction:
 *   loss           probability that a frame is lost, such as 0.01 or 1%; default 0
 *   burst          frames that are lost in a row, on average; default 0: chance decides on each by itself
 *   duplicate      probability that a frame goes on twice; default 0
 *   corrupt        probability that one bit of the payload is flipped; default 0
 *   reorder        probability that later frames overtake a frame; default 0
 *   delay          time for which each frame is held; default 0
 *   jitter         largest difference from `delay`, evenly distributed, never below 0; default 0
 *   rate           kilobits that pass in a second, counted from the Shape's own headers on; default 0, which
 *                  is no limit
 *
 *   reorder-gap    number of frames that overtake a reordered one; default 1
 *   reorder-time   longest wait of a reordered frame for the frames that overtake it; default 50ms
 *   queue          delay by `rate` at which frames are lost; default 200ms
 *   hold           most frames held at a time, up to 900; default 512
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     lost            by chance, as the setting `loss` demands
 *     rate-exceeded   more frames came than `rate` and `queue` allow
 *     hold-full       the frame is to be held, and `hold` frames are held already
 *     not-joined      the other Edge is on no network
 *
 * HOW CHANCE IS USED
 *   Each direction has a random sequence of its own, and each frame takes six numbers from it whatever the
 *   settings are. So the loss of a frame depends neither on the delays of others nor on the frames of the
 *   other direction.
 *
 *   All fragments of a frame have one fate, drawn for the first one. The frame is lost as a whole, or one bit
 *   of the first fragment is flipped, and all fragments are delayed alike. A frame in fragments is neither
 *   duplicated nor reordered.
 *
 * WHAT IT DOES NOT DO
 *   It does not corrupt parsed headers, because the host has acted on them already. A checksum that the host
 *   has yet to fill in does not reveal a corruption. Frames with different delays overtake each other. Held
 *   frames do not survive a replacement of the instance; the random sequences do.
 *
 * SPECIFICATION
 *   None.
 */
import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Frame,
  Kind,
  Outcome,
  Piece,
  Reach,
  Role,
  Settings,
  State,
} from 'funnel-tunnel/as';
import { Course } from './course';
import { Held } from './held';
import { InFragments } from './in-fragments';
import { Waiting } from './waiting';

const LOST: u16 = 0;
const RATE_EXCEEDED: u16 = 1;
const HOLD_FULL: u16 = 2;
const NOT_JOINED: u16 = 3;

/** A piece may hold 1024 frames; this leaves some of them to the present call. */
const MOST_HELD: i32 = 900;

class Fault extends Piece {
  private there: Course = new Course();
  private back: Course = new Course();
  private hold: i32 = 0;
  private held: Held = new Held(0, 0);
  /** The held frames by the time at which they are due. */
  private due: Waiting = new Waiting(0);
  private inFragments: InFragments = new InFragments();

  describe(d: Description, settings: Settings): void {
    d.piece('fault', '0.2.0', 'Loses, delays, duplicates, reorders and corrupts frames, by a seed.');
    d.setting('stack', Kind.Text, 'The protocol stack of the frames.', 'ip');
    d.setting('seed', Kind.Number, 'The seed of the random sequences.', '1');
    Course.describe(d);
    d.setting('hold', Kind.Number, 'The most frames that are held at a time.', '512');
    d.reason('lost', true, 'The frame was lost by chance, as the setting `loss` demands.');
    d.reason('rate-exceeded', true, 'More frames came than `rate` and `queue` allow.');
    d.reason('hold-full', true, 'The frame was to be held, and as many as `hold` allows are held already.');
    d.reason('not-joined', true, 'The other Edge is on no network.');
    const seed = <u32>settings.number('seed', 0, 0xffff_ffff);
    this.hold = <i32>settings.number('hold', 1, MOST_HELD);
    this.there.read(settings, '-a-to-b', seed);
    this.back.read(settings, '-b-to-a', ~seed);
    const stack = settings.stack('stack');
    d.edge('a').shape(stack, Direction.Up, this.there.corrupts ? Reach.WholeFrame : Reach.Headers);
    d.edge('b').shape(stack, Direction.Down, this.back.corrupts ? Reach.WholeFrame : Reach.Headers);
    const curve = d.curve(0, 0, 1, 0).keepsOffers().keeps('framed').keeps('size').keeps('encrypted');
    if (!this.there.loses && !this.back.loses) curve.keeps('reliable');
    if (!this.there.corrupts && !this.back.corrupts) curve.keeps('authenticated');
    if (!this.there.reorders && !this.back.reorders) curve.keeps('ordered');
    if (!this.there.duplicates && !this.back.duplicates) curve.keeps('duplicate-free');
    if (!this.there.delays && !this.back.delays) curve.keeps('low-delay');
  }

  start(_now: f64, _settings: Settings): void {
    this.held = new Held(
      this.hold,
      this.there.corrupts || this.back.corrupts ? 4 * this.hold + 1024 : 2 * this.hold,
    );
    this.due = new Waiting(this.hold);
    this.there.start(this.hold);
    this.back.start(this.hold);
  }

  state(state: State): void {
    this.there.state(state);
    this.back.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    const a = edgeOf(0);
    const b = edgeOf(1);
    this.there.to = b;
    this.back.to = a;
    this.passDue(now, out);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      this.take(frame, <i32>frame.edge == a ? this.there : this.back, now, out);
    }
    // New frames may have overtaken held ones.
    this.passOvertaken(this.there, now, out);
    this.passOvertaken(this.back, now, out);
    out.wakeAt(min(this.due.next, min(this.there.nextOvertaken, this.back.nextOvertaken)));
  }

  /** Passes on frames that are due. */
  private passDue(now: f64, out: Outcome): void {
    while (this.due.next <= now) {
      const entry = this.due.first;
      const course = this.held.isBack(entry) ? this.back : this.there;
      if (this.held.isToBeOvertaken(entry)) {
        this.due.take();
        course.letOvertake(entry, now);
        continue;
      }
      if (!this.release(entry, course, out)) return;
      this.due.take();
      course.countPassed();
      this.passOvertaken(course, now, out);
    }
  }

  /** Passes on frames that were overtaken, and those that have waited too long. */
  private passOvertaken(course: Course, now: f64, out: Outcome): void {
    while (course.hasOvertaken(now)) {
      if (!this.release(course.firstOvertaken, course, out)) {
        out.wakeAt(now);
        return;
      }
      course.takeOvertaken();
    }
  }

  private take(frame: Frame, course: Course, now: f64, out: Outcome): void {
    let place = this.inFragments.find(frame);
    if (frame.isContinued) {
      if (place < 0 || course.to < 0) {
        this.end(frame, place, course.to < 0 ? NOT_JOINED : HOLD_FULL, out);
        return;
      }
      course.drawNothing(this.inFragments.swingOf(place));
    } else {
      course.draw();
      if (course.to < 0 || course.isLost) {
        out.end(frame.ticket, course.to < 0 ? NOT_JOINED : LOST);
        return;
      }
      if (course.isCorrupted) corrupt(frame, course.place);
      if (frame.hasMore) {
        course.drawNothing(course.swing);
        place = this.inFragments.begin(frame, course.swing, out, HOLD_FULL);
      }
    }
    const at = course.dueAt(now, frame.lengthFrom(<i32>frame.skipHeaders));
    if (at < 0) {
      this.end(frame, place, RATE_EXCEEDED, out);
      return;
    }
    const isNow = at <= now && !course.isReordered && !this.inFragments.isHeld(place);
    if (isNow && course.forward(frame, course.isDuplicated, out)) {
      this.inFragments.passed(place, frame);
      course.countPassed();
      this.passOvertaken(course, now, out);
      return;
    }
    const entry = this.held.take(frame, course === this.back, course.isDuplicated, course.isReordered);
    if (entry < 0) {
      this.end(frame, place, HOLD_FULL, out);
      return;
    }
    this.inFragments.hold(place);
    if (at <= now && course.isReordered) course.letOvertake(entry, now);
    else this.due.add(entry, at);
  }

  /** Ends a frame; if it is in fragments, all of it. */
  private end(frame: Frame, place: i32, reason: u16, out: Outcome): void {
    out.end(frame.ticket, reason);
    this.inFragments.end(place);
  }

  /**
   * Passes a held frame on, or ends it if the other Edge is on no network. False if it does not fit; then it
   * remains held.
   */
  private release(entry: i32, course: Course, out: Outcome): bool {
    const frame = this.held.restore(entry, out);
    if (frame === null) return false;
    const place = this.inFragments.find(frame);
    const hasEnded = place < 0 && (frame.hasMore || frame.isContinued);
    if (!hasEnded) {
      if (course.to < 0) {
        this.end(frame, place, NOT_JOINED, out);
      } else {
        if (!course.forward(frame, this.held.isDuplicated(entry), out)) return false;
        if (place >= 0) this.inFragments.release(place);
        this.inFragments.passed(place, frame);
      }
    }
    this.held.free(entry);
    return true;
  }
}

/** Flips one bit of the payload. `place` is its position, as a fraction of 2³². */
function corrupt(frame: Frame, place: u32): void {
  const count = <i32>frame.partCount;
  let bits: u64 = 0;
  for (let i = 0; i < count; i++)
    if (frame.part(i).role != Role.Header) bits += (<u64>frame.part(i).length) << 3;
  if (bits == 0) return;
  let bit = (<u64>place * bits) >> 32;
  for (let i = 0; i < count; i++) {
    const part = frame.part(i);
    if (part.role == Role.Header) continue;
    const here = (<u64>part.length) << 3;
    if (bit < here) {
      const at = part.bytes + <usize>(bit >> 3);
      store<u8>(at, load<u8>(at) ^ (0x80 >> <u8>(bit & 7)));
      return;
    }
    bit -= here;
  }
}

export function create(): Piece {
  return new Fault();
}
