/**
 * Which way a packet went, seen from the machine that captured it; the numbers are those of pcapng's
 * `epb_flags`.
 */
export type CapturedDirection = 0 | 1 | 2;
export const UNKNOWN_DIRECTION = 0;
export const INBOUND = 1;
export const OUTBOUND = 2;

/**
 * The time of a packet: whole seconds since 1970, and the nanoseconds of the second, from 0 to 999 999 999.
 */
export interface PacketTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** The facts in a capture about a packet, beside its bytes. One object serves all packets of a file. */
export class CapturedPacket implements PacketTime {
  /** The interface, from 0, in the order of their descriptions. */
  interfaceNumber = 0;
  linkType = 0;
  seconds = 0;
  nanoseconds = 0;
  /** Bytes in the capture, and bytes that the packet had. */
  captured = 0;
  original = 0;
  direction: CapturedDirection = UNKNOWN_DIRECTION;
  /** A text in UTF-8, to be written with the packet. */
  comment: Uint8Array | undefined;
}
