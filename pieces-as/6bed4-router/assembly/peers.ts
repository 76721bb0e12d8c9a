// The peers that were heard from lately, for the status of the router. No packet depends on it.

/** Sets of four entries, by a hash of the endpoint; the one that was heard from longest ago makes room. */
@inline const SETS: u32 = 1024;
@inline const WAYS: u32 = 4;
@inline const ENTRY_BYTES: u32 = 16;
/** Four keepalives of a peer. */
@inline const LATELY_MS: f64 = 120_000;

/** An endpoint, and when it was heard from: 16 bytes each. 0 is no endpoint. */
const table: usize = memory.data(65536, 8);

export abstract class Peers {
  /** Notes that a packet with the right source came from this endpoint. */
  static hear(now: f64, endpoint: u64): void {
    // Fibonacci hashing: the high bits are the well mixed ones.
    const set = <u32>((endpoint * 0x9e3779b97f4a7c15) >> 54) & (SETS - 1);
    const first = table + set * WAYS * ENTRY_BYTES;
    let oldest = first;
    for (let way: u32 = 0; way < WAYS; way++) {
      const at = first + way * ENTRY_BYTES;
      if (load<u64>(at) == endpoint) {
        store<f64>(at + 8, now);
        return;
      }
      if (load<f64>(at + 8) < load<f64>(oldest + 8)) oldest = at;
    }
    store<u64>(oldest, endpoint);
    store<f64>(oldest + 8, now);
  }

  /** How many were heard from in the last two minutes; of more than some thousand, not all are known. */
  static count(now: f64): u32 {
    let count: u32 = 0;
    for (let at = table, end = table + SETS * WAYS * ENTRY_BYTES; at < end; at += ENTRY_BYTES) {
      if (load<u64>(at) != 0 && load<f64>(at + 8) >= now - LATELY_MS) count++;
    }
    return count;
  }
}
