/* Numbers of draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap. */

export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION = 1;
export const OBSOLETE_PACKET = 2;
export const SIMPLE_PACKET = 3;
export const INTERFACE_STATISTICS = 5;
export const ENHANCED_PACKET = 6;
/** In the byte order of its section. */
export const BYTE_ORDER = 0x1a2b3c4d;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const SECTION_APPLICATION = 4;
export const INTERFACE_NAME = 2;
export const INTERFACE_ABOUT = 3;
export const INTERFACE_RESOLUTION = 9;
export const INTERFACE_FCS_LENGTH = 13;
export const INTERFACE_OFFSET = 14;
export const PACKET_FLAGS = 2;
export const STATISTICS_START = 2;
export const STATISTICS_END = 3;
export const STATISTICS_RECEIVED = 4;
export const STATISTICS_DROPPED = 5;
export const STATISTICS_DROPPED_BY_SYSTEM = 7;
export const STATISTICS_DELIVERED = 8;

/**
 * The magic numbers of pcap files, as they stand in a big-endian one: for microseconds, and for nanoseconds.
 */
export const PCAP_MICROSECONDS = 0xa1b2c3d4;
export const PCAP_NANOSECONDS = 0xa1b23c4d;
/** The variant of Alexey Kuznetzov, whose records have the interface and the way of each packet. */
export const PCAP_MODIFIED = 0xa1b2cd34;
export const PCAP_HEADER_BYTES = 24;
export const PCAP_RECORD_BYTES = 16;

export const TWO_32 = 2 ** 32;

/** Blocks and options fill up units of four bytes. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** The same 32 bits in the other byte order. */
export function swapped(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
