/**
 * The memory of one lane: one block of fixed size, from which modules take regions. It is a WebAssembly
 * memory, so that the frame kernel can work in it. For all other code it is an ordinary ArrayBuffer, which is
 * never detached because it cannot grow. The system backs no page that is never touched.
 */
export class LaneMemory {
  readonly memory: WebAssembly.Memory;
  readonly buffer: ArrayBuffer;
  #next = 0;
  /** Free regions, by size. */
  readonly #given = new Map<number, number[]>();

  constructor(bytes: number) {
    const pages = Math.ceil(bytes / PAGE);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = this.memory.buffer;
  }

  /**
   * Takes a region of so many bytes. Returns its address, or -1 when the memory is full. The content of the
   * region is undefined.
   */
  take(bytes: number): number {
    const size = LaneMemory.sizeOf(bytes);
    const again = this.#given.get(size)?.pop();
    if (again !== undefined) return again;
    const at = this.#next;
    if (size > this.buffer.byteLength - at) return -1;
    this.#next += size;
    return at;
  }

  /** Returns a region; the caller must not use it any more. */
  give(at: number, bytes: number): void {
    const size = LaneMemory.sizeOf(bytes);
    const given = this.#given.get(size);
    if (given === undefined) this.#given.set(size, [at]);
    else given.push(at);
  }

  /** The bytes that a region occupies: regions do not share cache lines. */
  static sizeOf(bytes: number): number {
    return Math.ceil(bytes / LINE) * LINE;
  }
}

const PAGE = 65_536;
const LINE = 64;
