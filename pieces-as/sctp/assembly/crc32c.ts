/** CRC32c (RFC 9260 appendix A): the reflected polynomial, and tables for eight bytes at a time. */
const POLYNOMIAL: u32 = 0x82f6_3b78;
const tables: usize = memory.data(8 * 256 * 4, 4);

/** Fills the tables, once, when the piece starts. */
export function prepareCrc32c(): void {
  for (let n: u32 = 0; n < 256; n++) {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ POLYNOMIAL : value >> 1;
    store<u32>(tables + ((<usize>n) << 2), value);
  }
  for (let n: u32 = 0; n < 256; n++) {
    let value = load<u32>(tables + ((<usize>n) << 2));
    for (let table: usize = 1; table < 8; table++) {
      value = (value >> 8) ^ load<u32>(tables + ((<usize>(value & 0xff)) << 2));
      store<u32>(tables + (table << 10) + ((<usize>n) << 2), value);
    }
  }
}

/** Adds bytes to a running CRC. It begins as `CRC32C_START`, and its complement is the result. */
export function addToCrc32c(crc: u32, at: usize, length: u32): u32 {
  const end = at + length;
  while (at + 8 <= end) {
    const bytes = load<u64>(at);
    const low = <u32>bytes ^ crc;
    const high = <u32>(bytes >> 32);
    crc =
      entry(7, low) ^
      entry(6, low >> 8) ^
      entry(5, low >> 16) ^
      entry(4, low >> 24) ^
      entry(3, high) ^
      entry(2, high >> 8) ^
      entry(1, high >> 16) ^
      entry(0, high >> 24);
    at += 8;
  }
  while (at < end) crc = (crc >> 8) ^ entry(0, crc ^ <u32>load<u8>(at++));
  return crc;
}

export const CRC32C_START: u32 = 0xffff_ffff;

/** Writes the checksum of a packet of SCTP into its header. The least significant octet goes first. */
export function sealPacket(at: usize, length: u32): void {
  store<u32>(at, 0, 8);
  store<u32>(at, ~addToCrc32c(CRC32C_START, at, length), 8);
}

/** Whether the checksum in the header of a packet is right. */
export function isSealed(at: usize, length: u32): bool {
  const crc = addToCrc32c(CRC32C_START, at, 8);
  // The checksum field counts as four zero octets.
  const low = crc;
  const beyond = entry(3, low) ^ entry(2, low >> 8) ^ entry(1, low >> 16) ^ entry(0, low >> 24);
  return load<u32>(at, 8) == ~addToCrc32c(beyond, at + 12, length - 12);
}

// @ts-expect-error: decorator
@inline
function entry(table: usize, index: u32): u32 {
  return load<u32>(tables + (table << 10) + ((<usize>(index & 0xff)) << 2));
}
