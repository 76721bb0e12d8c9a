import type { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';

/**
 * The frames that wait for one piece: the batch for its next call, and behind it a bounded queue for each of
 * its Edges.
 *
 * While all queues are empty, frames go straight into the batch, in their order of arrival. Under overload,
 * deficit round robin in bytes (Shreedhar and Varghese 1995) fills the batch from the queues, so that a flood
 * on one Edge takes only what the other Edges leave. The queues share one bound. An Edge with less than an
 * even share of it always finds room: the last frame of the longest queue is evicted.
 *
 * The frames of an Edge that its piece has paused wait in the queue of that Edge, and the other Edges go on
 * without it.
 */
export class Intake {
  /** The batch of the next call. */
  readonly inbox = new Inbox(BATCH_FRAMES);
  readonly #queues: (EdgeQueue | undefined)[] = [];
  #edges = 0;
  /** The even share: each queue may hold so many frames, however long the others are. */
  #share = QUEUED_FRAMES;
  /** Frames in all queues. */
  #queued = 0;
  /** The number of them that the batch may take, because their Edge is not paused. */
  #ready = 0;
  #pausedEdges = 0;
  /** The Edge whose turn it is, and whether it has got its quantum for the turn. */
  #turn = 0;
  #isServed = false;
  /** The frame that the last `push` evicted, and its Edge. */
  evictedRow = -1;
  evictedEdge = 0;

  /** The number of waiting frames, in the batch and behind it. */
  get length(): number {
    return this.inbox.length + this.#queued;
  }

  /** Adds a queue for an Edge that is joined. All Edges share the room evenly. */
  open(edge: number): void {
    if (this.#queues[edge] !== undefined) return;
    this.#queues[edge] = new EdgeQueue();
    this.#changeEdgeCount(1);
  }

  /**
   * Removes the queue of an Edge that leaves. Calls `each` with the frames in it, and returns their number.
   */
  close(edge: number, each: (row: number) => void): number {
    const queue = this.#queues[edge];
    if (queue === undefined) return 0;
    const waiting = queue.length;
    for (let n = 0; n < waiting; n++) each(queue.rowAt(n));
    this.setPaused(edge, false);
    this.#queued -= waiting;
    this.#ready -= waiting;
    this.#queues[edge] = undefined;
    this.#changeEdgeCount(-1);
    return waiting;
  }

  #changeEdgeCount(change: number): void {
    this.#edges += change;
    this.#share = Math.max(1, Math.floor(QUEUED_FRAMES / Math.max(1, this.#edges)));
  }

  get pausedEdges(): number {
    return this.#pausedEdges;
  }

  /**
   * Keeps the frames of an Edge in its queue from now on, or lets them go on. Frames that are in the batch
   * already stay there. Returns whether that is a change.
   */
  setPaused(edge: number, isPaused: boolean): boolean {
    const queue = this.#queues[edge];
    if (queue === undefined || queue.isPaused === isPaused) return false;
    queue.isPaused = isPaused;
    this.#pausedEdges += isPaused ? 1 : -1;
    this.#ready += isPaused ? -queue.length : queue.length;
    return true;
  }

  /** Lets the frames of all Edges go on. */
  resume(): void {
    for (let edge = 0; edge < this.#queues.length; edge++) this.setPaused(edge, false);
  }

  /** Whether a frame on this Edge would find no room. */
  isFull(edge: number): boolean {
    const queue = this.#queues[edge];
    return queue !== undefined && this.#queued >= QUEUED_FRAMES && queue.length >= this.#share;
  }

  /** Whether half of the room is taken: enough is left for what is on its way. */
  get isNearlyFull(): boolean {
    return this.#queued * 2 > QUEUED_FRAMES;
  }

  /** Whether an Edge that was full has enough room again to notify its senders. */
  hasRoom(edge: number): boolean {
    const queue = this.#queues[edge];
    if (queue === undefined) return true;
    return !queue.isPaused && (this.#queued * 2 <= QUEUED_FRAMES || queue.length * 2 <= this.#share);
  }

  /**
   * Takes over the caller's reference to `row`. Returns {@link REFUSED} where this Edge has no room; the
   * reference stays with the caller then. Returns {@link EVICTED} where another frame lost its place; the
   * caller gets the reference to that frame. Returns {@link HELD} where the Edge is paused.
   */
  push(edge: number, row: number, edgeShape: number, skips: number): number {
    const isPaused = this.#pausedEdges > 0 && this.#queues[edge]?.isPaused === true;
    if (this.#ready === 0 && !isPaused && this.inbox.push(row, edgeShape, skips)) return TAKEN;
    const queue = this.#queues[edge];
    if (queue === undefined) return REFUSED;
    let outcome = isPaused ? HELD : TAKEN;
    if (this.#queued >= QUEUED_FRAMES) {
      if (queue.length >= this.#share) return REFUSED;
      this.#evict();
      outcome = EVICTED;
    }
    queue.push(row, edgeShape, skips);
    this.#queued++;
    if (!isPaused) this.#ready++;
    return outcome;
  }

  /** Makes room at the end of the longest queue. To be called only while all room is taken. */
  #evict(): void {
    let longest = this.#queues[0];
    for (let edge = 0; edge < this.#queues.length; edge++) {
      const queue = this.#queues[edge];
      if (queue === undefined || (longest !== undefined && queue.length < longest.length)) continue;
      longest = queue;
      this.evictedEdge = edge;
    }
    this.evictedRow = longest!.pop();
    this.#queued--;
    if (!longest!.isPaused) this.#ready--;
  }

  /** Fills the batch from the queues, as far as it has room. */
  refill({ length }: Frames): void {
    const { inbox } = this;
    let room = inbox.capacity - inbox.length;
    while (room > 0 && this.#ready > 0) {
      const queue = this.#queues[this.#turn];
      if (queue === undefined || queue.length === 0 || queue.isPaused) {
        this.#passTurn();
        continue;
      }
      if (queue.length === this.#ready) {
        // No other queue has frames, so the turns of this one would follow one another.
        const count = Math.min(room, queue.length);
        queue.moveTo(inbox, count);
        this.#queued -= count;
        this.#ready -= count;
        queue.deficit = 0;
        this.#isServed = false;
        return;
      }
      if (!this.#isServed) queue.deficit += QUANTUM_BYTES;
      this.#isServed = true;
      const bytes = length[queue.rowAt(0)]!;
      if (bytes > queue.deficit) {
        this.#passTurn();
        continue;
      }
      queue.deficit -= bytes;
      queue.moveTo(inbox, 1);
      this.#queued--;
      this.#ready--;
      room--;
      if (queue.length > 0) continue;
      // An empty queue accumulates no deficit.
      queue.deficit = 0;
      this.#passTurn();
    }
  }

  #passTurn(): void {
    this.#isServed = false;
    this.#turn = this.#turn + 1 < this.#queues.length ? this.#turn + 1 : 0;
  }

  /** Removes all waiting frames, with a call of `each` for every one. Returns their number. */
  drop(each: (row: number) => void): number {
    const { inbox } = this;
    const waiting = inbox.length;
    for (let n = 0; n < waiting; n++) each(inbox.rows[inbox.at(n)]!);
    inbox.take(waiting);
    let dropped = waiting;
    for (const queue of this.#queues) {
      if (queue === undefined) continue;
      dropped += queue.length;
      queue.drop(each);
    }
    this.#queued = 0;
    this.#ready = 0;
    return dropped;
  }
}

/** The frames that wait on one Edge, in a ring that is allocated when the first frame has to wait. */
class EdgeQueue {
  /** Bytes that the Edge may still send in its turn. */
  deficit = 0;
  isPaused = false;
  #rows = NO_ROWS;
  #edgeShapes = NO_EDGE_SHAPES;
  #skips = NO_SKIPS;
  #head = 0;
  #tail = 0;

  get length(): number {
    return (this.#tail - this.#head) | 0;
  }

  rowAt(n: number): number {
    return this.#rows[(this.#head + n) & RING_MASK]!;
  }

  push(row: number, edgeShape: number, skips: number): void {
    if (this.#rows.length === 0) {
      this.#rows = new Int32Array(RING_FRAMES);
      this.#edgeShapes = new Uint32Array(RING_FRAMES);
      this.#skips = new Uint16Array(RING_FRAMES);
    }
    const at = this.#tail & RING_MASK;
    this.#rows[at] = row;
    this.#edgeShapes[at] = edgeShape;
    this.#skips[at] = skips;
    this.#tail = (this.#tail + 1) | 0;
  }

  /** Removes and returns the last frame. */
  pop(): number {
    this.#tail = (this.#tail - 1) | 0;
    return this.#rows[this.#tail & RING_MASK]!;
  }

  /** Moves the first frames into the batch, which must have room for them. */
  moveTo(inbox: Inbox, count: number): void {
    for (let n = 0; n < count; n++) {
      const at = (this.#head + n) & RING_MASK;
      inbox.push(this.#rows[at]!, this.#edgeShapes[at]!, this.#skips[at]!);
    }
    this.#head = (this.#head + count) | 0;
  }

  drop(each: (row: number) => void): void {
    for (; this.#head !== this.#tail; this.#head = (this.#head + 1) | 0)
      each(this.#rows[this.#head & RING_MASK]!);
    this.deficit = 0;
  }
}

// Results of `Intake.push`.
export const REFUSED = 0;
export const TAKEN = 1;
export const EVICTED = 2;
export const HELD = 3;
/** The most frames of one call of a piece. */
export const BATCH_FRAMES = 256;
/**
 * Frames that may wait behind the batch, on all Edges together: with the batch, 15 ms of large frames at 1
 * Gbit/s.
 */
const QUEUED_FRAMES = 768;
/** At least `QUEUED_FRAMES`, and a power of two. */
const RING_FRAMES = 1024;
const RING_MASK = RING_FRAMES - 1;
/** The quantum of a turn: at least one ordinary frame, so that few turns send nothing. */
const QUANTUM_BYTES = 2048;
const NO_ROWS = new Int32Array(0);
const NO_EDGE_SHAPES = new Uint32Array(0);
const NO_SKIPS = new Uint16Array(0);
