/**
 * Records which piece a lane is calling, in memory that another thread can read. So a watchdog can name the
 * piece that keeps a lane which no longer responds.
 *
 * A nested call of an endpoint, which opens a port because a piece listens, counts for the outer piece. A
 * nested call of a component is a call of its own: the piece that listens cannot know how long it takes.
 * `begin` and `end` cost a few stores, once for a batch.
 */
export class CallMonitor {
  /** Shared with the thread that watches. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #names: Uint8Array;
  readonly #free: number[] = [];
  #slots = 0;
  #depth = 0;
  /** The calls around nested calls of components, by depth; 0 for other depths. */
  readonly #outer: number[] = [];

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(CALL_MONITOR_BYTES)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_WORDS);
    this.#names = new Uint8Array(memory, HEAD_WORDS * 4);
  }

  /** Returns a number for a name, until `release`; 0, which has no name, when all numbers are taken. */
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

  /**
   * @param isSeated false for a piece of a change that is still prepared
   * @param isOwn a nested call that counts for this piece itself
   */
  begin(slot: number, isSeated = true, isOwn = false): void {
    const words = this.#words;
    if (this.#depth++ > 0) {
      if (!isOwn) return;
      this.#outer[this.#depth - 1] = words[RUNNING]!;
    }
    words[CALLS] = (words[CALLS]! + 1) | 0;
    // Store this before reading AWAKE: a reader stores AWAKE before it reads this.
    Atomics.store(words, RUNNING, isSeated ? slot + 1 : -(slot + 1));
    if (words[AWAKE] === 0) this.#wake();
  }

  end(): void {
    if (--this.#depth === 0) this.#words[RUNNING] = 0;
    else this.#resume();
  }

  /** Goes on with the call around a nested one. */
  #resume(): void {
    const outer = this.#outer[this.#depth] ?? 0;
    if (outer === 0) return;
    this.#outer[this.#depth] = 0;
    const words = this.#words;
    words[CALLS] = (words[CALLS]! + 1) | 0;
    Atomics.store(words, RUNNING, outer);
  }

  #wake(): void {
    Atomics.store(this.#words, AWAKE, 1);
    Atomics.notify(this.#words, AWAKE);
  }

  /**
   * The number that the operating system gives the thread of the lane; the reader measures its processor
   * time.
   */
  set thread(number: number) {
    this.#words[THREAD] = number;
  }
}

/** Reads the memory of a {@link CallMonitor} from another thread. */
export class CallMonitorReader {
  readonly #words: Int32Array;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_WORDS);
  }

  /** Grows with each call of a piece, and wraps. */
  get calls(): number {
    return Atomics.load(this.#words, CALLS);
  }

  get isInCall(): boolean {
    return Atomics.load(this.#words, RUNNING) !== 0;
  }

  /** The piece in a call; undefined when there is none, or when it has no number. */
  get piece(): string | undefined {
    const slot = Math.abs(Atomics.load(this.#words, RUNNING)) - 1;
    if (slot < 1 || slot > MAX_SLOTS) return undefined;
    const start = HEAD_WORDS * 4 + (slot - 1) * NAME_BYTES;
    const room = new Uint8Array(this.#memory, start, NAME_BYTES).slice();
    const length = room.indexOf(0);
    return new TextDecoder().decode(length < 0 ? room : room.subarray(0, length));
  }

  /**
   * Whether the piece in a call runs; false for a piece of a change that is still prepared, and outside
   * calls.
   */
  get isSeated(): boolean {
    return Atomics.load(this.#words, RUNNING) > 0;
  }

  /**
   * Waits for the next call of a piece, without polling. The promise resolves at that call; the result is
   * undefined where a call later than `calls` has already begun.
   */
  untilCall(calls: number): Promise<unknown> | undefined {
    Atomics.store(this.#words, AWAKE, 0);
    // A call that began before that store does not wake this reader.
    if (this.calls !== calls || this.isInCall) {
      Atomics.store(this.#words, AWAKE, 1);
      return undefined;
    }
    const waiting = Atomics.waitAsync(this.#words, AWAKE, 0);
    return waiting.async ? waiting.value : undefined;
  }

  /** 0 before the lane has set it. */
  get thread(): number {
    return Atomics.load(this.#words, THREAD);
  }
}

const CALLS = 0;
const RUNNING = 1;
const THREAD = 2;
/**
 * 0 while the watching thread sleeps until a call. It may sleep before the lane exists, so the lane does not
 * initialise it.
 */
const AWAKE = 3;
const HEAD_WORDS = 8;
/** The most pieces of a lane that have a name here. */
const MAX_SLOTS = 4096;
/** A name in a configuration has 63 characters at most, of ASCII. */
const NAME_BYTES = 64;
export const CALL_MONITOR_BYTES = HEAD_WORDS * 4 + MAX_SLOTS * NAME_BYTES;
