import type { CapturedPacket, PacketTime } from './captured-packet.ts';

/**
 * A format in which captures are written, as bytes: nothing here touches a file. The frame path's part,
 * `lengthOf` and `write`, allocates nothing.
 */
export interface CaptureFormat {
  /** Whether packets of this link type can stand in the file, beside those that stand there. */
  accepts(linkType: number): boolean;
  /**
   * The bytes that have to stand in the file in front of packets of this link type; undefined where nothing
   * is missing. Without a link type, the begin of a file, as far as it can be written yet.
   */
  missing(linkType?: number): Uint8Array | undefined;
  /** They stand there now. */
  described(linkType?: number): void;
  /** The number of the interface of a link type that was described. */
  interfaceOf(linkType: number): number;
  lengthOf(packet: CapturedPacket): number;
  /**
   * Writes a packet whose bytes stand in `source` from `from`.
   *
   * @param out must have `lengthOf` bytes at `at`
   * @returns the end of what was written
   */
  write(out: Uint8Array, at: number, packet: CapturedPacket, source: Uint8Array, from: number): number;
  /** The bytes that end what was written so far: its statistics. */
  end(statistics: CaptureStatistics): Uint8Array | undefined;
  /** The last written bytes may be lost, and later blocks must be readable without them. */
  forget(hasBegun: boolean): void;
}

export interface CaptureStatistics {
  readonly began: PacketTime;
  readonly ended: PacketTime;
  /** Frames that were to be recorded and are not. */
  readonly lost: number;
}

/** The facts about the capture as a whole. */
export interface CaptureSubject {
  /** The link type of a capture without packets. */
  readonly linkType: number;
  readonly snapLength: number;
  readonly interfaceName: string;
  readonly about: string;
}
