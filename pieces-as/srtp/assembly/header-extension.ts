// Encrypted elements of header extensions (RFC 6904):
//
//   BE DE │ 00 02 │ ID 1, length │ ░░░░░░ │ ID 2, length │ value │ padding
//
// Each byte of an element whose ID is to be encrypted is XORed with the byte of the keystream at its place.
// Element headers, padding and other elements stay readable.

import { room, writeKeystream } from 'funnel-tunnel/as';
import { load16 } from 'funnel-tunnel/as/views/bytes';
import { MEDIA_HEADER } from './packet';
import { writeNonce } from './protection';
import { Reason } from './reasons';
import { PacketKeys, SessionKeys } from './session-keys';

const HAS_EXTENSION: i32 = 0x10;
const ONE_BYTE: u32 = 0xbede;
/** The low four bits of the two-byte form are free (RFC 8285 §4.3). */
const TWO_BYTES: u32 = 0x1000;
const FORM: u32 = 0xfff0;
/** In the one-byte form, all behind this ID is to be ignored (RFC 8285 §4.2). */
const LAST_ID: i32 = 15;
const COUNTER: usize = 16;

/**
 * Encrypts, or decrypts, the elements of a packet of SRTP that its keys name. Returns -1, or the reason for
 * which the packet has to end: an element is longer than its extension, or there is no room for a keystream.
 */
export function encryptElements(keys: SessionKeys, at: usize, headerTo: usize, ssrc: u32, index: u64): i32 {
  const ids = keys.elements;
  const own = keys.extensions;
  const first = <i32>load<u8>(at);
  if (ids === null || own === null || (first & HAS_EXTENSION) == 0) return -1;
  const from = at + MEDIA_HEADER + ((first & 15) << 2);
  const profile = load16(from);
  const isShort = profile == ONE_BYTE;
  if (!isShort && (profile & FORM) != TWO_BYTES) return -1;
  const body = from + 4;
  let keystream: usize = 0;
  for (let element = body; element < headerTo; ) {
    const head = <i32>load<u8>(element);
    const id = isShort ? head >> 4 : head;
    if (id == 0) {
      // Padding: in the one-byte form its length must be 0, and is ignored (RFC 8285 §4.2).
      element++;
      continue;
    }
    if (isShort && id == LAST_ID) return -1;
    if (!isShort && element + 2 > headerTo) return Reason.malformed;
    const value = element + (isShort ? 1 : 2);
    const to = value + (isShort ? (head & 15) + 1 : <i32>load<u8>(element + 1));
    if (to > headerTo) return Reason.malformed;
    if (ids.has(id)) {
      if (keystream == 0) {
        keystream = makeKeystream(own, <i32>(headerTo - body), ssrc, index);
        if (keystream == 0) return Reason.noRoom;
      }
      const shift = keystream - body;
      for (let i = value; i < to; i++) store<u8>(i, load<u8>(i) ^ load<u8>(i + shift));
    }
    element = to;
  }
  return -1;
}

function makeKeystream(keys: PacketKeys, length: i32, ssrc: u32, index: u64): usize {
  const counter = room(<i32>COUNTER + length);
  if (counter == 0) return 0;
  writeNonce(counter, keys, false, ssrc, index);
  writeKeystream(keys.cipher, counter, length);
  return counter + COUNTER;
}
