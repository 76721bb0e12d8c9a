/**
 * Which piece a lane is calling now, written into memory that another thread can read: so that somebody outside can tell
 * who keeps a lane that answers nobody any more.
 *
 * A call within a call, as when a piece listens and an endpoint opens a port for it, is the outer piece's. Begin and end cost
 * a few stores, once for a batch.
 */
export class CallMonitor {
  /** To be given to the thread that watches. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #names: Uint8Array;
  readonly #free: number[] = [];
  #slots = 0;
  #depth = 0;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(CALL_MONITOR_BYTES)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_WORDS);
    this.#names = new Uint8Array(memory, HEAD_WORDS * 4);
  }

  /** A number for a name, until it is released; 0, which has no name, when all are taken. */
  claim(name: string): number {
    const slot = this.#free.pop() ?? (this.#slots < MAX_SLOTS ? ++this.#slots : 0);
    if (slot === 0) return 0;
    const room = this.#names.subarray((slot - 1) * NAME_BYTES, slot * NAME_BYTES);
    room.fill(0);
    new TextEncoder().encodeInto(name, room);
    return slot;
  }

  release(slot: number): void {
    if (slot > 0) this.#free.push(slot);
  }

  /** @param isSeated false for a piece that does not run yet, because a change is prepared that brings it */
  begin(slot: number, isSeated = true): void {
    if (this.#depth++ > 0) return;
    const words = this.#words;
    words[CALLS] = (words[CALLS]! + 1) | 0;
    // Before it looks whether somebody sleeps: he looks at this after he has said so.
    Atomics.store(words, RUNNING, isSeated ? slot + 1 : -(slot + 1));
    if (words[AWAKE] === 0) this.#wake();
  }

  end(): void {
    if (--this.#depth === 0) this.#words[RUNNING] = 0;
  }

  #wake(): void {
    Atomics.store(this.#words, AWAKE, 1);
    Atomics.notify(this.#words, AWAKE);
  }

  /** Tells the thread of the lane, by the number that the system gives it; its time is then that of the calls. */
  set thread(number: number) {
    this.#words[THREAD] = number;
  }
}

/** The same memory from outside. */
export class CallMonitorReader {
  readonly #words: Int32Array;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_WORDS);
  }

  /** Grows, and wraps, with each call of a piece. */
  get calls(): number {
    return Atomics.load(this.#words, CALLS);
  }

  get isInCall(): boolean {
    return Atomics.load(this.#words, RUNNING) !== 0;
  }

  /** The piece that is called now; undefined when none is, or when there are too many to be named. */
  get piece(): string | undefined {
    const slot = Math.abs(Atomics.load(this.#words, RUNNING)) - 1;
    if (slot < 1 || slot > MAX_SLOTS) return undefined;
    const start = HEAD_WORDS * 4 + (slot - 1) * NAME_BYTES;
    const room = new Uint8Array(this.#memory, start, NAME_BYTES).slice();
    const length = room.indexOf(0);
    return new TextDecoder().decode(length < 0 ? room : room.subarray(0, length));
  }

  /** The piece that is called now runs; false where it would come with a change that is still prepared, or none is called. */
  get isSeated(): boolean {
    return Atomics.load(this.#words, RUNNING) > 0;
  }

  /**
   * Waits for the next call of a piece, without looking. @returns when there was one; undefined where there is one already, later
   * than `calls`
   */
  untilCall(calls: number): Promise<unknown> | undefined {
    Atomics.store(this.#words, AWAKE, 0);
    // A call that began before that was stored wakes nobody.
    if (this.calls !== calls || this.isInCall) {
      Atomics.store(this.#words, AWAKE, 1);
      return undefined;
    }
    const waiting = Atomics.waitAsync(this.#words, AWAKE, 0);
    return waiting.async ? waiting.value : undefined;
  }

  /** 0 before the lane has told. */
  get thread(): number {
    return Atomics.load(this.#words, THREAD);
  }
}

const CALLS = 0;
const RUNNING = 1;
const THREAD = 2;
/** 0 while the thread that watches sleeps until there is a call. It may sleep before the lane is there, so memory is taken as it is. */
const AWAKE = 3;
const HEAD_WORDS = 8;
/** Pieces of a lane that can be told apart. */
const MAX_SLOTS = 4096;
/** A name in a configuration has 63 characters at most, of ASCII. */
const NAME_BYTES = 64;
export const CALL_MONITOR_BYTES = HEAD_WORDS * 4 + MAX_SLOTS * NAME_BYTES;
