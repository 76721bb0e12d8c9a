import { load16 } from 'funnel-tunnel/as/views/bytes';

/** The number of a protocol here. `PROTOCOLS` lists its name in this order. */
export const enum Protocol {
  pass,
  content,
  radius,
  snmp,
  dns,
  sip,
  tftp,
}

/** Names, in the order of `Protocol`. */
export const PROTOCOLS: string[] = ['pass', 'content', 'radius', 'snmp', 'dns', 'sip', 'tftp'];

/** The kind of a datagram. */
export const enum Sort {
  /** Neither of the two, or unknown: it passes. */
  other,
  request,
  response,
}

/**
 * Distinguishes requests from responses, and pairs them. A protocol is one case here: it sets `key`, which is
 * the same for a request, its resends and its responses, and differs for other open requests of the same
 * client. The caller decides whether a request is a resend, by comparing its bytes.
 */
export abstract class Transaction {
  static key: u64 = 0;

  static read(protocol: i32, at: usize, length: u32, isFromClient: bool): i32 {
    Transaction.key = 0;
    switch (protocol) {
      // Such a client has one request at a time, and only its bytes identify it.
      case Protocol.content:
        return isFromClient ? Sort.request : Sort.response;
      case Protocol.radius:
        return readRadius(at, length);
      case Protocol.snmp:
        return readSnmp(at, length, isFromClient);
      case Protocol.dns:
        if (length < 12) return Sort.other;
        Transaction.key = load16(at);
        return (load<u8>(at, 2) & 0x80) == 0 ? Sort.request : Sort.response;
      case Protocol.sip:
        return readSip(at, length);
      case Protocol.tftp:
        // Only the opening of a transfer: the rest goes between other ports (RFC 1350 §4).
        return length > 2 && (load16(at) == 1 || load16(at) == 2) ? Sort.request : Sort.other;
      default:
        return Sort.other;
    }
  }

  /** Whether the last response may answer a resend (RFC 5080 §2.2.2, RFC 3261 §17.2). */
  static keepsAnswer(protocol: i32): bool {
    return protocol != Protocol.content && protocol != Protocol.tftp;
  }
}

/** RFC 2865 §3. No response to another request may answer Status-Server (RFC 5997 §4.4). */
function readRadius(at: usize, length: u32): i32 {
  if (length < 20 || load16(at + 2) > length) return Sort.other;
  Transaction.key = load<u8>(at, 1);
  switch (<i32>load<u8>(at)) {
    case 1:
    case 4:
    case 40:
    case 43:
      return Sort.request;
    case 2:
    case 3:
    case 5:
    case 11:
    case 41:
    case 42:
    case 44:
    case 45:
      return Sort.response;
    default:
      return Sort.other;
  }
}

/**
 * RFC 3416 §3: request-id; RFC 3412 §6: msgID, which differs in each resend. Notifications without response
 * pass.
 */
function readSnmp(at: usize, length: u32, isFromClient: bool): i32 {
  const end = at + length;
  let next = enter(at, end, 0x30);
  if (next == 0) return Sort.other;
  const version = readInteger(next, end);
  if (version < 0) return Sort.other;
  next = skip(next, end);
  if (version == 3) {
    next = enter(next, end, 0x30);
    const id: i64 = next == 0 ? -1 : readInteger(next, end);
    if (id < 0) return Sort.other;
    Transaction.key = <u64>id;
    return isFromClient ? Sort.request : Sort.response;
  }
  next = skip(next, end);
  if (next == 0 || next >= end) return Sort.other;
  const tag = <u32>load<u8>(next);
  const inside = enter(next, end, tag);
  const id: i64 = inside == 0 ? -1 : readInteger(inside, end);
  if (id < 0) return Sort.other;
  Transaction.key = <u64>id;
  if (tag == 0xa2) return Sort.response;
  return tag == 0xa0 || tag == 0xa1 || tag == 0xa3 || tag == 0xa5 || tag == 0xa6 ? Sort.request : Sort.other;
}

/** The contents of an element of BER with this tag; 0 if there is none. */
function enter(at: usize, end: usize, tag: u32): usize {
  if (at == 0 || end - at < 2 || at >= end || <u32>load<u8>(at) != tag) return 0;
  const short = <u32>load<u8>(at, 1);
  const contents = at + 2 + (short < 0x80 ? 0 : short & 0x7f);
  return short == 0x80 || short > 0x84 || contents > end ? 0 : contents;
}

/** The address behind an element; 0 if it ends beyond the data. */
function skip(at: usize, end: usize): usize {
  if (at == 0 || at >= end) return 0;
  const contents = enter(at, end, load<u8>(at));
  if (contents == 0) return 0;
  let length: u64 = load<u8>(at, 1);
  if (length >= 0x80) {
    length = 0;
    for (let i = at + 2; i < contents; i++) length = (length << 8) | load<u8>(i);
  }
  return length > <u64>(end - contents) ? 0 : contents + <usize>length;
}

/** An INTEGER as 32 bits, without its sign; -1 if there is none. */
function readInteger(at: usize, end: usize): i64 {
  const contents = enter(at, end, 2);
  const behind: usize = contents == 0 ? 0 : skip(at, end);
  if (behind == 0 || behind == contents || behind - contents > 5) return -1;
  let value: u64 = 0;
  for (let i = contents; i < behind; i++) value = (value << 8) | load<u8>(i);
  return <i64>(value & 0xffff_ffff);
}

/** RFC 3261 §17.1.3, §17.2.3: the branch of the topmost Via, and the method of CSeq. ACK has no response. */
function readSip(at: usize, length: u32): i32 {
  const end = at + length;
  const branch = find(at, end, 'branch=');
  const line = find(at, end, '\ncseq:');
  if (branch == 0 || line == 0) return Sort.other;
  let key: u64 = 0xcbf2_9ce4_8422_2325;
  for (let i = branch; i < end && isToken(load<u8>(i)); i++)
    key = (key ^ load<u8>(i)) * 0x0000_0100_0000_01b3;
  let i = line;
  while (i < end && (load<u8>(i) == 0x20 || isDigit(load<u8>(i)))) i++;
  const method = i;
  for (; i < end && isToken(load<u8>(i)); i++) key = (key ^ load<u8>(i)) * 0x0000_0100_0000_01b3;
  if (i == method) return Sort.other;
  Transaction.key = key;
  if (startsWith(at, end, 'sip/')) return Sort.response;
  return startsWith(method, end, 'ack') && i == method + 3 ? Sort.other : Sort.request;
}

/** The address behind a word in lower case, found without regard to case; 0 if it is not there. */
function find(at: usize, end: usize, word: string): usize {
  for (; at + word.length <= end; at++) if (startsWith(at, end, word)) return at + word.length;
  return 0;
}

function startsWith(at: usize, end: usize, word: string): bool {
  if (at + word.length > end) return false;
  for (let n = 0; n < word.length; n++) {
    const byte = <i32>load<u8>(at + n);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower != word.charCodeAt(n)) return false;
  }
  return true;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}

function isToken(byte: u8): bool {
  return byte > 0x20 && byte != 0x3b && byte != 0x2c;
}
