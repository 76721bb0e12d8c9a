// Shapes of the Edge `carrier`, as described.

/** The Shape for frames that are no IPv6. */
@inline export const SHAPE_DATAGRAM: u16 = 0;
@inline export const SHAPE_IPV6: u16 = 1;
@inline export const SHAPE_ICMPV6: u16 = 2;
