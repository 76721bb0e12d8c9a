/**
 * Whether a 6bed4 address must not hold this IPv4 address: "this network", loopback, link-local, multicast,
 * reserved and broadcast never; those that are private (RFC 1918) or shared by a carrier's customers (RFC
 * 6598) only where the setting allows it. Without it, a stranger's IPv6 packet would make a router or a peer
 * send into its own network.
 */
export function isForbiddenIpv4(v4: u32, allowPrivate: bool): bool {
  const first = v4 >> 24;
  if (first == 0 || first == 127 || first >= 224) return true;
  if (v4 >> 16 == 0xa9fe) return true;
  if (allowPrivate) return false;
  return first == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 || v4 >> 22 == 0x191;
}
