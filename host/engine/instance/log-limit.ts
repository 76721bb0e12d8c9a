/**
 * How often one piece may speak: a few messages at once, and then some in each second, so that it cannot fill
 * a disk, nor hide what others say. What it says beyond is counted, and the count is told with the next
 * message.
 */
export class LogLimit {
  #left = BURST;
  #refilledAt = Number.NEGATIVE_INFINITY;
  #dropped = 0;

  /**
   * @returns how many messages were dropped before this one, which may be shown; -1 when it is dropped too.
   */
  admit(nowMs: number): number {
    if (nowMs > this.#refilledAt) {
      this.#left = Math.min(BURST, this.#left + ((nowMs - this.#refilledAt) * A_SECOND) / 1000);
      this.#refilledAt = nowMs;
    }
    if (this.#left < 1) {
      this.#dropped++;
      return -1;
    }
    this.#left--;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

/** What one call may log, four times: a piece that starts may have much to tell. */
const BURST = 64;
const A_SECOND = 10;
