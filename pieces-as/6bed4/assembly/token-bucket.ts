/**
 * Rate limits by RFC 4443 §2.4(f): a bucket of `burst` tokens that fills with `perSecond`. There may be many
 * buckets, and a key chooses one, so that the abuse of one sender takes nothing from most others. The
 * constructor allocates all memory.
 */
export class TokenBuckets {
  private readonly tokens: StaticArray<f64>;
  private readonly filledAt: StaticArray<f64>;

  /** `count` is a power of two. */
  constructor(
    private readonly count: u32,
    private readonly burst: f64,
    private readonly perSecond: f64,
  ) {
    this.tokens = new StaticArray<f64>(count);
    this.filledAt = new StaticArray<f64>(count);
    for (let i: u32 = 0; i < count; i++) {
      unchecked((this.tokens[i] = burst));
      unchecked((this.filledAt[i] = 0));
    }
  }

  /** Takes a token from the bucket for `key`, if there is one. */
  take(now: f64, key: u32): bool {
    // Fibonacci hashing: the high bits are the well mixed ones.
    const i = ((key * 0x9e3779b1) >> 16) & (this.count - 1);
    const passed = now - unchecked(this.filledAt[i]);
    let tokens = unchecked(this.tokens[i]);
    if (passed > 0) {
      tokens = min(this.burst, tokens + (passed * this.perSecond) / 1000);
      unchecked((this.filledAt[i] = now));
    }
    if (tokens < 1) {
      unchecked((this.tokens[i] = tokens));
      return false;
    }
    unchecked((this.tokens[i] = tokens - 1));
    return true;
  }
}
