import { Tasks } from 'funnel-tunnel/as';
import { store32 } from 'funnel-tunnel/as/views/bytes';
import { CONTROL_HEADER } from './packet';
import { PacketKeys, SessionKeys } from './session-keys';

/** Bytes in front of a packet in its room: the nonce, then a word that is authenticated with the packet. */
export const FRONT: i32 = 24;
/** Bytes behind a packet in its room: the most that protection adds, an index, a tag and an MKI. */
export const BEHIND: i32 = 152;
const SUFFIX_AT: i32 = 16;
const SUFFIX_BYTES: i32 = 4;
/** The mark of an encrypted packet of SRTCP, beside its index (RFC 3711 §3.4). */
const ENCRYPTED: u32 = 0x8000_0000;

/**
 * Tasks for packets, as RFC 3711 and RFC 7714 lay them out. A packet stands in a room behind `FRONT` bytes.
 */
export abstract class Protection {
  /** The bytes that the protection of SRTP adds to a packet. */
  static mediaBytes(keys: SessionKeys): i32 {
    return keys.suite.tagBytes + keys.mkiLength;
  }

  /** The bytes that the protection of SRTCP adds to a packet. */
  static controlBytes(keys: SessionKeys): i32 {
    return SUFFIX_BYTES + keys.suite.controlTagBytes + keys.mkiLength;
  }

  /**
   * Adds a task for a packet of SRTP: `length` is that of the plain packet, and `at` its address. False if
   * there is no room in the list.
   */
  static addMedia(keys: SessionKeys, at: usize, length: i32, headerLength: i32, ssrc: u32, index: u64): bool {
    const task = Tasks.add();
    if (task === null) return false;
    const front = at - FRONT;
    const isGcm = keys.suite.isGcm;
    writeNonce(front, keys.media, isGcm, ssrc, index);
    const rollovers = front + SUFFIX_AT;
    store32(rollovers, <u32>(index >> 16));
    task.cipher = keys.media.cipher;
    task.mac = keys.media.mac;
    task.nonceOffset = Tasks.offset(front);
    task.signedOffset = Tasks.offset(at);
    task.signedLength = isGcm ? headerLength : length;
    if (!isGcm) {
      task.suffixOffset = Tasks.offset(rollovers);
      task.suffixLength = SUFFIX_BYTES;
    }
    task.textOffset = Tasks.offset(at + headerLength);
    task.textLength = length - headerLength;
    // Of GCM the tag is the end of the cipher text, and the MKI follows (RFC 7714 §8.1); else it is in front.
    task.tagOffset = Tasks.offset(at + length) + (isGcm ? 0 : keys.mkiLength);
    task.tagLength = keys.suite.tagBytes;
    return true;
  }

  /** The same for a packet of SRTCP, with its index of 31 bits. */
  static addControl(
    keys: SessionKeys,
    at: usize,
    length: i32,
    ssrc: u32,
    index: u32,
    isEncrypted: bool,
  ): bool {
    const task = Tasks.add();
    if (task === null) return false;
    const front = at - FRONT;
    const isGcm = keys.suite.isGcm;
    const tagBytes = keys.suite.controlTagBytes;
    const before = isGcm ? tagBytes : 0;
    const word = at + length + before;
    writeNonce(front, keys.control, isGcm, ssrc, <u64>index);
    task.mac = keys.control.mac;
    // Without encryption, GCM authenticates the whole packet, and has no text (RFC 7714 §9.3).
    task.cipher = isEncrypted || isGcm ? keys.control.cipher : 0;
    task.nonceOffset = Tasks.offset(front);
    task.signedOffset = Tasks.offset(at);
    task.signedLength = isGcm && isEncrypted ? CONTROL_HEADER : length;
    task.suffixOffset = Tasks.offset(word);
    task.suffixLength = SUFFIX_BYTES;
    task.textOffset = Tasks.offset(at + CONTROL_HEADER);
    task.textLength = isEncrypted ? length - CONTROL_HEADER : 0;
    task.tagOffset = isGcm ? Tasks.offset(at + length) : Tasks.offset(word + SUFFIX_BYTES) + keys.mkiLength;
    task.tagLength = tagBytes;
    return true;
  }

  /** Writes the MKI of SRTP behind a plain packet of this length. */
  static writeMediaMki(keys: SessionKeys, at: usize, length: i32): void {
    if (keys.mkiLength == 0) return;
    const tagBytes = keys.suite.isGcm ? keys.suite.tagBytes : 0;
    memory.copy(at + length + tagBytes, changetype<usize>(keys.mki), keys.mkiLength);
  }

  /** Writes the word with the index, and the MKI, of SRTCP behind a plain packet of this length. */
  static writeControlEnd(keys: SessionKeys, at: usize, length: i32, index: u32): void {
    const tagBytes = keys.suite.isGcm ? keys.suite.controlTagBytes : 0;
    const word = at + length + tagBytes;
    store32(word, ENCRYPTED | index);
    if (keys.mkiLength > 0) memory.copy(word + SUFFIX_BYTES, changetype<usize>(keys.mki), keys.mkiLength);
  }
}

/** The nonce for an index: of 48 bits for SRTP, of 31 for SRTCP (RFC 3711 §4.1.1, RFC 7714 §8.1 and §9.1). */
export function writeNonce(at: usize, keys: PacketKeys, isGcm: bool, ssrc: u32, index: u64): void {
  // The salt has zeroes behind it. For GCM, all stands two bytes further to the left.
  store<u64>(at, load<u64>(keys.salt));
  store<u64>(at, load<u64>(keys.salt, 8), 8);
  const shift: usize = isGcm ? 2 : 0;
  const ssrcAt = at + 4 - shift;
  store<u32>(ssrcAt, load<u32>(ssrcAt) ^ bswap<u32>(ssrc));
  const indexAt = at + 8 - shift;
  store<u32>(indexAt, load<u32>(indexAt) ^ bswap<u32>(<u32>(index >> 16)));
  store<u16>(indexAt, load<u16>(indexAt, 4) ^ bswap<u16>(<u16>index), 4);
}
