/** IDs of elements of header extensions (RFC 8285), from 1 to 255. */
export class ElementIds {
  private bits: StaticArray<u64> = new StaticArray<u64>(4);

  add(id: i32): void {
    this.bits[id >> 6] |= (<u64>1) << (id & 63);
  }

  @inline has(id: i32): bool {
    return ((unchecked(this.bits[id >> 6]) >> (id & 63)) & 1) != 0;
  }
}
