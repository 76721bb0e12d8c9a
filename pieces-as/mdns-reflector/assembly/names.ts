// Names of the DNS in memory: labels with their lengths, without compression, up to 255 bytes.

/** The size of the longest name (RFC 1035 §3.1). */
export const MOST_NAME: u32 = 255;

/**
 * Copies a name of a packet to memory, and follows its compression. Returns the place behind it in the
 * packet, as an offset; 0 if the name is impossible.
 */
export function readName(packet: usize, length: u32, from: u32, into: usize): u32 {
  let at = from;
  let behind: u32 = 0;
  let lowest = from;
  let written: u32 = 0;
  while (true) {
    if (at >= length) return 0;
    const size = <u32>load<u8>(packet + at);
    if (size >= 0xc0) {
      if (at + 2 > length) return 0;
      const target = ((size & 0x3f) << 8) | <u32>load<u8>(packet + at, 1);
      if (behind == 0) behind = at + 2;
      // A pointer goes to a place before all that was read, so the name has an end.
      if (target >= lowest || target < 12) return 0;
      lowest = target;
      at = target;
      continue;
    }
    if (size > 63 || at + 1 + size > length || written + 1 + size > MOST_NAME) return 0;
    memory.copy(into + written, packet + at, 1 + size);
    written += 1 + size;
    at += 1 + size;
    if (size == 0) return behind == 0 ? at : behind;
  }
}

/** The size of a name in memory; 0 if it does not end within `most` bytes. */
export function sizeOfName(name: usize, most: u32): u32 {
  let at: u32 = 0;
  while (at < most && at < MOST_NAME) {
    const size = <u32>load<u8>(name + at);
    if (size > 63) return 0;
    at += 1 + size;
    if (size == 0) return at <= most ? at : 0;
  }
  return 0;
}

/** Whether two names are equal, without regard to case (RFC 6762 §16). */
export function isSameName(a: usize, b: usize, size: u32): bool {
  for (let i: u32 = 0; i < size; i++) if (lower(load<u8>(a + i)) != lower(load<u8>(b + i))) return false;
  return true;
}

export function hashOfName(name: usize, size: u32): u32 {
  let hash: u32 = 0x811c_9dc5;
  for (let i: u32 = 0; i < size; i++) hash = (hash ^ lower(load<u8>(name + i))) * 0x0100_0193;
  return hash;
}

/** Whether a name is of mDNS: below `local`, or of addresses (RFC 6762 §3, §4). */
export function isOfMulticast(name: usize, size: u32): bool {
  return endsWith(name, size, LOCAL) || endsWith(name, size, ARPA);
}

const LOCAL: StaticArray<u8> = [5, 0x6c, 0x6f, 0x63, 0x61, 0x6c, 0];
const ARPA: StaticArray<u8> = [4, 0x61, 0x72, 0x70, 0x61, 0];

function endsWith(name: usize, size: u32, end: StaticArray<u8>): bool {
  let at: u32 = 0;
  const wanted = <u32>end.length;
  while (size - at > wanted) at += 1 + <u32>load<u8>(name + at);
  return size - at == wanted && isSameName(name + at, changetype<usize>(end), wanted);
}

function lower(byte: u8): u8 {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
