import type { Outbox } from '../../piece/outbox.ts';
import type { Direction } from '../../stack/direction.ts';
import * as intakeConstants from './intake.ts';
import type { LaneState } from './lane-state.ts';
import type { Overload } from './overload.ts';
import type { JoinedEdge, Seat } from './seat.ts';
import * as seatConstants from './seat.ts';

// V8 folds a module's own constants into the machine code, but loads and tests an imported one at each use.
const { EVICTED, HELD, REFUSED } = intakeConstants;
const { BYTES_IN, BYTES_OUT, FRAMES_IN, FRAMES_OUT } = seatConstants;

/** Brings a frame from the Edge by which it leaves a piece to the Shapes that take it. */
export class Delivery {
  readonly #laneState: LaneState;
  readonly #overload: Overload;
  readonly #maxHops: number;

  constructor(laneState: LaneState, overload: Overload, maxHops: number) {
    this.#laneState = laneState;
    this.#overload = overload;
    this.#maxHops = maxHops;
  }

  deliver(seat: Seat, outbox: Outbox): void {
    const { edgeShapes, length } = outbox;
    // Most frames of a batch leave by one Edge and Shape, so look up once what they have in common.
    for (let n = 0; n < length; ) {
      const edgeShape = edgeShapes[n]!;
      let end = n + 1;
      while (end < length && edgeShapes[end] === edgeShape) end++;
      this.#deliverRun(seat, edgeShape, outbox, n, end);
      n = end;
    }
    outbox.length = 0;
  }

  #deliverRun(seat: Seat, edgeShape: number, outbox: Outbox, from: number, end: number): void {
    const { rows } = outbox;
    const bytesOf = this.#laneState.frames.length;
    const member = seat.members[edgeShape & 0xffff];
    const direction = member?.directions[edgeShape >>> 16];
    if (member === undefined || direction === undefined) {
      for (let n = from; n < end; n++) this.#laneState.drop(seat, rows[n]!, 'not-joined');
      return;
    }
    let bytes = 0;
    let n = from;
    for (; n < end; n++) {
      if (this.#overload.fullEdges > 0) {
        const full = this.#overload.fullReceiver(member, direction);
        if (full !== undefined) {
          this.#refuseRun(member, full, outbox, n, end);
          break;
        }
      }
      const row = rows[n]!;
      bytes += bytesOf[row]!;
      this.send(member, direction, row);
    }
    member.traffic[FRAMES_OUT]! += n - from;
    member.traffic[BYTES_OUT]! += bytes;
  }

  /**
   * Ends all frames of a run together: no receiver makes room in between. Under overload most frames end
   * here, so the cost of each must be small.
   */
  #refuseRun(sender: JoinedEdge, full: JoinedEdge, { rows }: Outbox, from: number, end: number): void {
    sender.traffic[FRAMES_OUT]! += end - from;
    sender.traffic[BYTES_OUT]! += this.#laneState.frames.releaseAll(rows, from, end);
    this.#overload.noteRefused(full, end - from);
  }

  /** Sends a frame from a Shape of `direction` on an Edge to the Shapes that take it. */
  send(member: JoinedEdge, direction: Direction, row: number): void {
    const { frames } = this.#laneState;
    const { seat } = member;
    if (frames.hops[row]! > this.#maxHops) {
      this.#laneState.drop(seat, row, HOP_LIMIT);
      return;
    }
    if (this.#overload.fullEdges > 0 && this.#overload.refuseIfFull(member, direction, row)) return;
    const classifier = member.joint.classifierFrom(direction);
    let node = classifier.walk(frames, row, direction === 'up');
    let isTaken = false;
    while (node >= 0 && !isTaken) {
      isTaken = this.#giveToReceivers(
        member,
        row,
        classifier.accepts(node),
        classifier.skipHeadersOf(node) | (classifier.skipTrailersOf(node) << 8),
      );
      if (!isTaken) node = classifier.parent(node);
    }
    if (!isTaken)
      this.#laneState.drop(
        seat,
        row,
        classifier.problem === 0 ? 'no-match' : classifier.problemName(classifier.problem),
      );
  }

  /**
   * Gives a frame to the receivers with these tags, except to its sender. Returns false where there is none.
   */
  #giveToReceivers(sender: JoinedEdge, row: number, tags: readonly number[], skips: number): boolean {
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
      // Each receiver has its own reference: the first may release the frame before the next one gets it.
      this.#laneState.frames.retain(row);
      this.#push(member, row, edgeShape, skips);
    }
    if (last !== undefined) this.#laneState.frames.release(row);
    return last !== undefined;
  }

  #push(member: JoinedEdge, row: number, edgeShape: number, skips: number): void {
    const { seat } = member;
    if (seat.fault !== undefined) {
      this.#bypass(member, row, edgeShape >>> 16);
    } else {
      const bytes = this.#laneState.frames.length[row]!;
      const outcome = seat.intake.push(member.edge, row, edgeShape, skips);
      if (outcome === REFUSED) {
        this.#overload.refuse(member, row);
        return;
      }
      member.traffic[FRAMES_IN]! += 1;
      member.traffic[BYTES_IN]! += bytes;
      // The piece takes nothing from a paused Edge, so do not call it for that.
      if (outcome !== HELD) this.#laneState.enqueue(seat);
      if (outcome === EVICTED) this.#overload.refuseEvicted(seat);
    }
  }

  /** Sends a frame that comes to a failed piece around it, or drops it. */
  #bypass(member: JoinedEdge, row: number, shape: number): void {
    const { seat } = member;
    const detour = member.detours[shape];
    if (detour === undefined) {
      this.#laneState.drop(seat, row, 'failed');
      return;
    }
    const { frames } = this.#laneState;
    const bytes = frames.length[row]!;
    member.traffic[FRAMES_IN]! += 1;
    member.traffic[BYTES_IN]! += bytes;
    detour.member.traffic[FRAMES_OUT]! += 1;
    detour.member.traffic[BYTES_OUT]! += bytes;
    seat.bypassed++;
    // The piece counts as a hop of the frame. Otherwise two failed pieces could send it round for ever.
    frames.hops[row]!++;
    this.send(detour.member, detour.direction, row);
  }

  /** Sends the frames that wait for a failed piece around it, or drops them. */
  bypassWaiting(seat: Seat): void {
    const { inbox } = seat.intake;
    seat.intake.resume();
    seat.intake.refill(this.#laneState.frames);
    while (inbox.length > 0) {
      const waiting = inbox.length;
      for (let n = 0; n < waiting; n++) {
        const at = inbox.at(n);
        const edgeShape = inbox.edgeShapes[at]!;
        const row = inbox.rows[at]!;
        const member = seat.members[edgeShape & 0xffff];
        if (member?.detours[edgeShape >>> 16] === undefined) {
          this.#laneState.drop(seat, row, 'failed');
          continue;
        }
        // The frame was counted when it arrived, and #bypass counts it again.
        member.traffic[FRAMES_IN]! -= 1;
        member.traffic[BYTES_IN]! -= this.#laneState.frames.length[row]!;
        this.#bypass(member, row, edgeShape >>> 16);
      }
      inbox.take(waiting);
      seat.intake.refill(this.#laneState.frames);
    }
    for (const member of seat.edges) if (member.isFull) this.#overload.endFull(member);
  }
}

const HOP_LIMIT = 'hop-limit-of-the-puzzle';
