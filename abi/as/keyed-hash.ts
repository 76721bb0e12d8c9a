/**
 * SipHash-2-4 (Aumasson, Bernstein 2012): a hash of 64 bits under a key of 128 bits. Without the key, an
 * attacker cannot guess a hash or find two texts with the same hash. So it stands for a text in tables, and
 * proves that a piece made a token itself. Allocates nothing.
 */
export class KeyedHash {
  private v0: u64 = 0;
  private v1: u64 = 0;
  private v2: u64 = 0;
  private v3: u64 = 0;
  private word: u64 = 0;
  private count: u64 = 0;

  constructor(
    public key0: u64 = 0,
    public key1: u64 = 0,
  ) {}

  begin(): KeyedHash {
    this.v0 = this.key0 ^ 0x736f6d6570736575;
    this.v1 = this.key1 ^ 0x646f72616e646f6d;
    this.v2 = this.key0 ^ 0x6c7967656e657261;
    this.v3 = this.key1 ^ 0x7465646279746573;
    this.word = 0;
    this.count = 0;
    return this;
  }

  bytes(from: usize, to: usize): KeyedHash {
    let at = from;
    for (; at < to && (this.count & 7) != 0; at++) this.byte(load<u8>(at));
    if (at + 8 <= to) {
      // In locals, since fields are loads and stores.
      let v0 = this.v0;
      let v1 = this.v1;
      let v2 = this.v2;
      let v3 = this.v3;
      this.count += (to - at) & ~7;
      for (; at + 8 <= to; at += 8) {
        const word = load<u64>(at);
        v3 ^= word;
        for (let i = 0; i < 2; i++) {
          v0 += v1;
          v1 = rotl<u64>(v1, 13) ^ v0;
          v0 = rotl<u64>(v0, 32);
          v2 += v3;
          v3 = rotl<u64>(v3, 16) ^ v2;
          v0 += v3;
          v3 = rotl<u64>(v3, 21) ^ v0;
          v2 += v1;
          v1 = rotl<u64>(v1, 17) ^ v2;
          v2 = rotl<u64>(v2, 32);
        }
        v0 ^= word;
      }
      this.v0 = v0;
      this.v1 = v1;
      this.v2 = v2;
      this.v3 = v3;
    }
    for (; at < to; at++) this.byte(load<u8>(at));
    return this;
  }

  byte(value: u32): KeyedHash {
    this.word |= (<u64>(value & 0xff)) << ((this.count & 7) << 3);
    this.count++;
    if ((this.count & 7) == 0) {
      this.take(this.word);
      this.word = 0;
    }
    return this;
  }

  /** The hash of all bytes since `begin`. */
  end(): u64 {
    this.take(this.word | (this.count << 56));
    this.v2 ^= 0xff;
    for (let i = 0; i < 4; i++) this.round();
    return this.v0 ^ this.v1 ^ this.v2 ^ this.v3;
  }

  @inline
  private take(word: u64): void {
    this.v3 ^= word;
    this.round();
    this.round();
    this.v0 ^= word;
  }

  private round(): void {
    let v0 = this.v0;
    let v1 = this.v1;
    let v2 = this.v2;
    let v3 = this.v3;
    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
    this.v0 = v0;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }
}
