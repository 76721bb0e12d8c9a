// Numbers of 6bed4 that more than one module knows.

/** The UDP port of routers, and of the LAN group: 0x64be. Not registered with IANA. */
@inline export const ROUTER_PORT: u32 = 25790;
/** All hosts on this LAN, 224.0.0.1. Peers behind one NAT find each other there. */
@inline export const LAN_GROUP: u32 = 0xe0000001;
/**
 * The size that the tunnel carries: the minimum of IPv6, so that an outer packet seldom meets a smaller link
 * (RFC 8200 §5).
 */
@inline export const TUNNEL_MTU: u32 = 1280;
/** IPv4 and UDP headers in front of each IPv6 packet. */
@inline export const OVERHEAD: u32 = 28;
/** The number of bits that the addresses of one peer share; the peer assigns the other 14 itself. */
@inline export const PEER_PREFIX_BITS: u32 = 114;
/** The 14 bits of an address that a peer assigns itself: its lanip. */
@inline export const LANIP_MASK: u64 = 0x3fff;
/** The peer itself; 0 is the subnet, where its router answers. */
@inline export const LANIP_PEER: u64 = 1;
/** fe80::/64, in host order. */
@inline export const LINK_LOCAL_TOP: u64 = 0xfe80000000000000;
/** Top half of ff02::. */
@inline export const LINK_MULTICAST_TOP: u64 = 0xff02000000000000;
/** fc64::/16. Prefixes of routers are made from it until IANA assigns TBD1::/32. */
@inline export const SCHEME_PREFIX: u64 = 0xfc64;
/** TTL of an outer packet. */
@inline export const OUTER_TTL: u32 = 64;
/** The most routable prefixes that an advertisement carries. */
@inline export const MAX_ROUTABLE_PREFIXES: u32 = 10;
/** Instants are in milliseconds; this one means never. */
@inline export const NEVER: f64 = Infinity;
