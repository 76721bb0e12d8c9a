/**
 * Limits how often one piece logs: a few messages at once, and then some in each second, so that it cannot
 * fill a disk or hide the messages of others. Further messages are counted, and the count is reported with
 * the next message.
 */
export class LogLimit {
  #left = BURST;
  #refilledAt = Number.NEGATIVE_INFINITY;
  #dropped = 0;

  /**
   * @returns how many messages were dropped before this one, if this one may be shown; -1 if it is dropped
   * too.
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

/** Four times what one call may log, because a piece that starts may have much to report. */
const BURST = 64;
const A_SECOND = 10;
