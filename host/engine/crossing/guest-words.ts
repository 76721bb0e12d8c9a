import type { BlockSource } from './copy-block.ts';
import { KeptViews } from './kept-views.ts';

/**
 * The views on a guest's memory. They are replaced only after the memory has grown, which detaches the old
 * ones.
 */
export class GuestWords implements BlockSource {
  bytes: Uint8Array;
  halves: Uint16Array;
  words: Uint32Array;
  doubles: Float64Array;
  views: KeptViews;
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.halves = new Uint16Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.doubles = new Float64Array(memory.buffer);
    this.views = new KeptViews(this.bytes);
  }

  /**
   * The host calls this after each call of the guest. A detached view has length 0; reading `buffer` costs
   * ten times as much.
   */
  refresh(): void {
    if (this.bytes.length !== 0) return;
    const { buffer } = this.#memory;
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.views = new KeptViews(this.bytes);
  }
}
