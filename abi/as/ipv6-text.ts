/** The last formatted address: at most 39 characters of ASCII. */
export const ipv6Text: usize = memory.data(40);

/** Writes the 16 bytes of an IPv6 address to `ipv6Text`, in the form of RFC 5952. Returns the length. */
export function formatIpv6(address: usize): u32 {
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && load<u16>(address + (i + n) * 2) == 0) n++;
    if (n > bestLength) {
      bestStart = i;
      bestLength = n;
    }
    i += n;
  }
  let to = ipv6Text;
  for (let i = 0; i < 8; i++) {
    if (i == bestStart) {
      store<u16>(to, 0x3a3a);
      to += 2;
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i != bestStart + bestLength) store<u8>(to++, 0x3a);
    const group = <u32>bswap<u16>(load<u16>(address + i * 2));
    let shift: i32 = 12;
    while (shift > 0 && group >> shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) {
      const digit = (group >> shift) & 15;
      store<u8>(to++, digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
  }
  return <u32>(to - ipv6Text);
}
