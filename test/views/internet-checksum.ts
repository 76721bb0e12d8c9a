/**
 * The Internet checksum as RFC 1071 §1 says it, word by word: the model that faster ones are compared with.
 */
export function internetChecksum(...pieces: readonly Uint8Array[]): number {
  const bytes = pieces.flatMap((piece) => [...piece]);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

/** The pseudo-header of IPv6 (RFC 8200 §8.1). */
export function pseudoHeader6(
  source: Uint8Array,
  destination: Uint8Array,
  length: number,
  next: number,
): Uint8Array {
  return Uint8Array.of(...source, ...destination, 0, 0, length >> 8, length & 255, 0, 0, 0, next);
}

/** The pseudo-header of IPv4 (RFC 768). */
export function pseudoHeader4(
  source: Uint8Array,
  destination: Uint8Array,
  length: number,
  next: number,
): Uint8Array {
  return Uint8Array.of(...source, ...destination, 0, next, length >> 8, length & 255);
}
