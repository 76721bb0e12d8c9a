import { type Direction, opposes } from '../../stack/direction.ts';
import type { Joint } from './joint.ts';
import type { LaneState } from './lane-state.ts';
import { BYTES_IN, FRAMES_IN, FRAMES_REFUSED, type JoinedEdge, type Seat } from './seat.ts';

/**
 * Counts frames that find a queue full, and notifies the pieces that send to an Edge without room, and when
 * it has room again.
 */
export class Overload {
  /** The number of Edges whose `isFull` is set. */
  fullEdges = 0;
  /** Joints on which an Edge became full, or has room again, since the last notification. */
  readonly changed = new Set<Joint<JoinedEdge>>();
  readonly #laneState: LaneState;

  constructor(laneState: LaneState) {
    this.#laneState = laneState;
  }

  /** Counts and releases the frame that lost its place in a queue to another Edge. */
  refuseEvicted({ members, intake: { evictedEdge, evictedRow } }: Seat): void {
    const member = members[evictedEdge]!;
    member.traffic[FRAMES_IN]! -= 1;
    member.traffic[BYTES_IN]! -= this.#laneState.frames.length[evictedRow]!;
    this.refuse(member, evictedRow);
  }

  refuse(member: JoinedEdge, row: number): void {
    this.#laneState.frames.release(row);
    this.noteRefused(member, 1);
  }

  /** Counts frames that found no room on an Edge. */
  noteRefused(member: JoinedEdge, frames: number): void {
    member.traffic[FRAMES_REFUSED]! += frames;
    member.seat.counters.values[member.seat.queueFull]! += frames;
    this.#beginFull(member);
  }

  #beginFull(member: JoinedEdge): void {
    if (member.isFull) return;
    member.isFull = true;
    this.fullEdges++;
    this.changed.add(member.joint);
  }

  /**
   * Keeps the frames of the Edges that the piece has paused now, and lets those of the others go on. Senders
   * to a paused Edge are notified in the same way as for a full one, before any frame is refused.
   */
  updatePaused(seat: Seat, paused: ReadonlySet<number>): void {
    for (let n = 0; n < seat.members.length; n++) {
      const member = seat.members[n];
      if (member === undefined) continue;
      const isPaused = paused.has(member.edge);
      if (!seat.intake.setPaused(member.edge, isPaused)) continue;
      if (isPaused) this.#beginFull(member);
      else if (member.isFull && seat.intake.hasRoom(member.edge)) this.endFull(member);
    }
  }

  /** Notifies those that send to a piece which leaves its frames waiting, before any is refused. */
  noteNearlyFull(seat: Seat): void {
    if (!seat.intake.isNearlyFull) return;
    for (const member of seat.edges) this.#beginFull(member);
  }

  /**
   * Drops a frame that can only go to a full Edge, before the lane spends time on it. Returns whether it did.
   */
  refuseIfFull(sender: JoinedEdge, direction: Direction, row: number): boolean {
    const full = this.fullReceiver(sender, direction);
    if (full === undefined) return false;
    this.refuse(full, row);
    return true;
  }

  /** Returns the only Edge that can take the sender's frames of this direction, where that Edge is full. */
  fullReceiver(sender: JoinedEdge, direction: Direction): JoinedEdge | undefined {
    const { joint } = sender;
    if (sender.soleReceiverVersion !== joint.version || sender.soleReceiverDirection !== direction) {
      sender.soleReceiver = joint.soleReceiver(sender, direction);
      sender.soleReceiverVersion = joint.version;
      sender.soleReceiverDirection = direction;
    }
    const { soleReceiver: sole } = sender;
    return sole?.isFull === true && sole.seat.intake.isFull(sole.edge) ? sole : undefined;
  }

  checkForRoom(seat: Seat): void {
    for (let n = 0; n < seat.members.length; n++) {
      const member = seat.members[n];
      if (member?.isFull !== true || !seat.intake.hasRoom(member.edge)) continue;
      this.endFull(member);
    }
  }

  endFull(member: JoinedEdge): void {
    member.isFull = false;
    this.fullEdges--;
    this.changed.add(member.joint);
  }

  /**
   * Notifies senders, by `ready`, where the Edges that take their frames became full or have room again. When
   * the turn is over, the senders that remain are notified in the next one.
   *
   * @param isTurnBegin one of them in any case
   */
  notifySenders(isTurnBegin = false): void {
    if (this.changed.size === 0) return;
    if (!isTurnBegin && this.#laneState.isTurnOver) {
      this.#laneState.scheduleTurn();
      return;
    }
    const changed = [...this.changed];
    this.changed.clear();
    for (const joint of changed) {
      const { members } = joint;
      for (const sender of members) {
        const isBlocked = members.some((member) => member.isFull && canReceiveFrom(sender, member));
        const { seat } = sender;
        if (isBlocked === sender.isBlocked || seat.fault !== undefined) continue;
        sender.isBlocked = isBlocked;
        this.#laneState.attempt(seat, () => seat.piece!.ready(sender.edge, !isBlocked));
        this.#laneState.enqueue(seat);
        if (!this.#laneState.isTurnOver) continue;
        for (const each of changed.slice(changed.indexOf(joint))) this.changed.add(each);
        this.#laneState.scheduleTurn();
        return;
      }
    }
  }

  /** Drops the frames that still wait on an Edge that leaves. */
  closeIntake(member: JoinedEdge): void {
    const { seat } = member;
    const dropped = seat.intake.close(member.edge, (row) => this.#laneState.frames.release(row));
    if (dropped > 0) seat.counters.add('removed', dropped);
    if (member.isFull) this.endFull(member);
  }

  dropWaiting(seat: Seat, reason: string): void {
    const dropped = seat.intake.drop((row) => this.#laneState.frames.release(row));
    if (dropped > 0) seat.counters.add(reason, dropped);
    for (const member of seat.edges) if (member.isFull) this.endFull(member);
  }
}

/** Whether frames can pass from one Edge to another. */
function canReceiveFrom(sender: JoinedEdge, member: JoinedEdge): boolean {
  if (sender.seat === member.seat) return false;
  return sender.directions.some(
    (own) =>
      own !== undefined && member.directions.some((other) => other !== undefined && opposes(own, other)),
  );
}
