/**
 * The memory of one lane: one block of fixed size, of which regions are taken when something is made. It is
 * WebAssembly's, so that code of the host's own can work in it; for everybody else it is an ordinary
 * ArrayBuffer that is never detached, because it cannot grow. What is never touched is not backed by memory.
 */
export class LaneMemory {
  readonly memory: WebAssembly.Memory;
  readonly buffer: ArrayBuffer;
  #next = 0;
  /** Regions that were given back, by their size. */
  readonly #given = new Map<number, number[]>();

  constructor(bytes: number) {
    const pages = Math.ceil(bytes / PAGE);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = this.memory.buffer;
  }

  /**
   * The address of a region of so many bytes; -1 where there is no such room any more. What is in it is
   * undefined.
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

  /** A region may be taken again; whoever took it uses it no more. */
  give(at: number, bytes: number): void {
    const size = LaneMemory.sizeOf(bytes);
    const given = this.#given.get(size);
    if (given === undefined) this.#given.set(size, [at]);
    else given.push(at);
  }

  /** What a region of so many bytes takes: regions do not share lines of the cache. */
  static sizeOf(bytes: number): number {
    return Math.ceil(bytes / LINE) * LINE;
  }
}

const PAGE = 65_536;
const LINE = 64;
