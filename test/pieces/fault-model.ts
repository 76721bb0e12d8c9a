/**
 * A slow model of the piece `fault`: lists that are sorted, and no tables that could be full.
 */
export class FaultModel {
  readonly #settings: FaultSettings;
  readonly #random: () => number;
  #freeAt = 0;
  #isBurst = false;
  #passed = 0;
  #order = 0;
  #due: { tag: number; at: number; order: number; copies: number; isReordered: boolean }[] = [];
  #overtaken: { tag: number; after: number; until: number; copies: number }[] = [];

  /** One direction of it. */
  constructor(settings: FaultSettings, seed: number) {
    this.#settings = settings;
    this.#random = mulberry32(seed);
  }

  /** A call at this time with these frames: the tags of those that go on, and the fate of those that end. */
  call(now: number, frames: readonly { tag: number; bytes: number }[]): { sent: number[]; ended: string[] } {
    const { loss, burst, duplicate, reorder, delay, jitter, rate, queue, gap, time } = this.#settings;
    const sent: number[] = [];
    const ended: string[] = [];
    const emit = (tag: number, copies: number): void => {
      for (let n = 0; n < copies; n++) sent.push(tag);
    };
    const overtake = (): void => {
      while (
        this.#overtaken.length > 0 &&
        (this.#passed >= this.#overtaken[0]!.after || this.#overtaken[0]!.until <= now)
      ) {
        const { tag, copies } = this.#overtaken.shift()!;
        emit(tag, copies);
      }
    };
    const pass = (tag: number, copies: number): void => {
      emit(tag, copies);
      this.#passed++;
      overtake();
    };
    const hold = (tag: number, copies: number): void => {
      this.#overtaken.push({ tag, copies, after: this.#passed + gap, until: now + time });
    };
    this.#due.sort((a, b) => a.at - b.at || a.order - b.order);
    while (this.#due.length > 0 && this.#due[0]!.at <= now) {
      const { tag, copies, isReordered } = this.#due.shift()!;
      if (isReordered) hold(tag, copies);
      else pass(tag, copies);
    }
    for (const { tag, bytes } of frames) {
      const draws = Array.from({ length: 6 }, this.#random) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      // Two states: in one every frame is lost, in the other none.
      const leave = 1 / burst;
      const enter = (leave * loss) / (1 - loss);
      this.#isBurst = this.#isBurst ? draws[0] >= Math.round(leave * 2 ** 32) : draws[0] < enter * 2 ** 32;
      if (burst > 0 ? this.#isBurst : draws[0] < loss * 2 ** 32) {
        ended.push('lost');
        continue;
      }
      let at = now;
      if (rate > 0) {
        const from = Math.max(now, this.#freeAt);
        if (from - now > queue) {
          ended.push('rate-exceeded');
          continue;
        }
        this.#freeAt = at = from + (bytes * 8) / rate;
      }
      at += Math.max(0, delay + jitter * ((draws[5] * 2) / 2 ** 32 - 1));
      const copies = draws[1] < duplicate * 2 ** 32 ? 2 : 1;
      const isReordered = draws[4] < reorder * 2 ** 32;
      if (at > now) this.#due.push({ tag, at, order: this.#order++, copies, isReordered });
      else if (isReordered) hold(tag, copies);
      else pass(tag, copies);
    }
    overtake();
    return { sent, ended };
  }

  /** When something is due that is held. */
  get next(): number {
    return Math.min(...this.#due.map(({ at }) => at), ...this.#overtaken.map(({ until }) => until));
  }
}

export interface FaultSettings {
  readonly loss: number;
  /** 0 for none. */
  readonly burst: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Milliseconds. */
  readonly delay: number;
  readonly jitter: number;
  /** Bits a millisecond. */
  readonly rate: number;
  readonly queue: number;
  readonly gap: number;
  readonly time: number;
}

export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
