import type { Outbox } from '../piece/outbox.ts';
import type { Direction } from '../stack/direction.ts';
import type { Floor } from './floor.ts';
import * as intakeConstants from './intake.ts';
import type { Overload } from './overload.ts';
import type { JoinedEdge, Seat } from './seat.ts';
import * as seatConstants from './seat.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each use.
const { EVICTED, REFUSED } = intakeConstants;
const { BYTES_IN, BYTES_OUT, FRAMES_IN, FRAMES_OUT } = seatConstants;

/** How a frame comes from the Edge by which it leaves a piece to whoever takes it. */
export class Delivery {
  readonly #floor: Floor;
  readonly #overload: Overload;
  readonly #maxHops: number;

  constructor(floor: Floor, overload: Overload, maxHops: number) {
    this.#floor = floor;
    this.#overload = overload;
    this.#maxHops = maxHops;
  }

  deliver(seat: Seat, outbox: Outbox): void {
    const { frames } = this.#floor;
    const { rows, edgeShapes, length } = outbox;
    for (let n = 0; n < length; n++) {
      const row = rows[n]!;
      const edgeShape = edgeShapes[n]!;
      const member = seat.members[edgeShape & 0xffff];
      const direction = member?.directions[edgeShape >>> 16];
      if (member === undefined || direction === undefined) {
        this.#floor.drop(seat, row, 'not-joined');
        continue;
      }
      if (this.#overload.fullEdges > 0) {
        const full = this.#overload.fullBehind(member, direction);
        if (full !== undefined) {
          n = this.#refuseAlike(member, full, outbox, n) - 1;
          continue;
        }
      }
      member.traffic[FRAMES_OUT]! += 1;
      member.traffic[BYTES_OUT]! += frames.length[row]!;
      this.send(member, direction, row);
    }
    outbox.length = 0;
  }

  /**
   * Under overload most frames end here, so as little as can be is spent on each: all from `n` on that leave by the same Edge
   * and Shape end together, because nobody makes room meanwhile. Answers which is the next one.
   */
  #refuseAlike(
    sender: JoinedEdge,
    full: JoinedEdge,
    { rows, edgeShapes, length }: Outbox,
    n: number,
  ): number {
    const { frames } = this.#floor;
    const { length: bytesOf, hops } = frames;
    const edgeShape = edgeShapes[n]!;
    const maxHops = this.#maxHops;
    let bytes = 0;
    let lost = 0;
    let at = n;
    for (; at < length && edgeShapes[at] === edgeShape; at++) {
      const row = rows[at]!;
      bytes += bytesOf[row]!;
      if (hops[row]! > maxHops) {
        lost++;
        this.#floor.drop(sender.seat, row, HOP_LIMIT);
      } else frames.release(row);
    }
    sender.traffic[FRAMES_OUT]! += at - n;
    sender.traffic[BYTES_OUT]! += bytes;
    this.#overload.noteRefused(full, at - n - lost);
    return at;
  }

  /** A frame leaves by an Edge, from a Shape of `direction`, and comes to whoever takes it. */
  send(member: JoinedEdge, direction: Direction, row: number): void {
    const { frames } = this.#floor;
    const { seat } = member;
    if (frames.hops[row]! > this.#maxHops) {
      this.#floor.drop(seat, row, HOP_LIMIT);
      return;
    }
    if (this.#overload.fullEdges > 0 && this.#overload.isInVain(member, direction, row)) return;
    const plan = member.joint.planFrom(direction);
    let node = plan.walk(frames, row, direction === 'up');
    let isTaken = false;
    while (node >= 0 && !isTaken) {
      isTaken = this.#hand(
        member,
        row,
        plan.accepts(node),
        plan.skipHeadersOf(node) | (plan.skipTrailersOf(node) << 8),
      );
      if (!isTaken) node = plan.parent(node);
    }
    if (!isTaken)
      this.#floor.drop(seat, row, plan.problem === 0 ? 'no-match' : plan.problemName(plan.problem));
  }

  /** Gives a frame to the receivers behind these tags, except to its sender. False where there is none. */
  #hand(sender: JoinedEdge, row: number, tags: readonly number[], skips: number): boolean {
    const { receivers } = sender.joint;
    if (tags.length === 1) {
      const { member, edgeShape } = receivers[tags[0]!]!;
      if (member.seat === sender.seat) return false;
      this.#push(member, row, edgeShape, skips);
      return true;
    }
    let last: JoinedEdge | undefined;
    for (let n = 0; n < tags.length; n++) {
      const { member, edgeShape } = receivers[tags[n]!]!;
      if (member.seat === sender.seat || member === last) continue;
      last = member;
      // Each receiver has a reference of its own: the first may let go of the frame before the next is asked.
      this.#floor.frames.retain(row);
      this.#push(member, row, edgeShape, skips);
    }
    if (last !== undefined) this.#floor.frames.release(row);
    return last !== undefined;
  }

  #push(member: JoinedEdge, row: number, edgeShape: number, skips: number): void {
    const { seat } = member;
    if (seat.fault !== undefined) {
      this.#avoid(member, row, edgeShape >>> 16);
    } else if (seat.piece!.isPaused(member.edge)) {
      this.#floor.drop(seat, row, 'paused');
    } else {
      const bytes = this.#floor.frames.length[row]!;
      const answer = seat.intake.push(member.edge, row, edgeShape, skips);
      if (answer === REFUSED) {
        this.#overload.refuse(member, row);
        return;
      }
      member.traffic[FRAMES_IN]! += 1;
      member.traffic[BYTES_IN]! += bytes;
      this.#floor.enqueue(seat);
      if (answer === EVICTED) this.#overload.evicted(seat);
    }
  }

  /** A frame came to a piece that has failed. */
  #avoid(member: JoinedEdge, row: number, shape: number): void {
    const { seat } = member;
    const way = member.detours[shape];
    if (way === undefined) {
      this.#floor.drop(seat, row, 'failed');
      return;
    }
    const { frames } = this.#floor;
    const bytes = frames.length[row]!;
    member.traffic[FRAMES_IN]! += 1;
    member.traffic[BYTES_IN]! += bytes;
    way.member.traffic[FRAMES_OUT]! += 1;
    way.member.traffic[BYTES_OUT]! += bytes;
    seat.bypassed++;
    // It counts as a piece that the frame has passed, or two of them could send it round for ever.
    frames.hops[row]!++;
    this.send(way.member, way.direction, row);
  }

  /** What waits for a failed piece goes around it too, or ends. */
  avoidWaiting(seat: Seat): void {
    const { inbox } = seat.intake;
    while (inbox.length > 0) {
      const waiting = inbox.length;
      for (let n = 0; n < waiting; n++) {
        const at = inbox.at(n);
        const edgeShape = inbox.edgeShapes[at]!;
        const row = inbox.rows[at]!;
        const member = seat.members[edgeShape & 0xffff];
        if (member?.detours[edgeShape >>> 16] === undefined) {
          this.#floor.drop(seat, row, 'failed');
          continue;
        }
        // It was counted when it came.
        member.traffic[FRAMES_IN]! -= 1;
        member.traffic[BYTES_IN]! -= this.#floor.frames.length[row]!;
        this.#avoid(member, row, edgeShape >>> 16);
      }
      inbox.take(waiting);
      seat.intake.refill(this.#floor.frames);
    }
    for (const member of seat.edges) if (member.isFull) this.#overload.roomAgain(member);
  }
}

const HOP_LIMIT = 'hop-limit-of-the-puzzle';
