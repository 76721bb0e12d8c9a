// Finds the description of SDP in the body of the current message: all of it, or a part of a multipart (RFC
// 3261 §7.4, RFC 5621), also of a nested one. Signed or encoded parts stay as they are.

import { Ascii } from './ascii';
import { SipMessage, SipParameter } from './sip';

/**
 * The most levels of nested multiparts. Each level is read once, so the work is the size of the body times
 * this.
 */
@inline const MOST_DEPTH: i32 = 4;
/** RFC 2046 §5.1.1. */
@inline const MOST_BOUNDARY: usize = 70;

export abstract class SipBody {
  static sdpAt: usize = 0;
  static sdpTo: usize = 0;
  /** The digits of the part's own Content-Length; 0 if it has none. */
  static lengthAt: usize = 0;
  static lengthTo: usize = 0;

  /** Finds the description. False if there is none that may be edited. */
  static findSdp(): bool {
    SipBody.lengthAt = 0;
    if (
      SipMessage.contentTypeAt == 0 ||
      SipMessage.hasContentEncoding ||
      SipMessage.bodyTo == SipMessage.bodyAt
    )
      return false;
    return findIn(
      SipMessage.bodyAt,
      SipMessage.bodyTo,
      SipMessage.contentTypeAt,
      SipMessage.contentTypeTo,
      0,
    );
  }

  /** Whether the description is the whole body. */
  static get isAlone(): bool {
    return SipBody.sdpAt == SipMessage.bodyAt && SipBody.sdpTo == SipMessage.bodyTo;
  }
}

function findIn(at: usize, to: usize, type: usize, typeTo: usize, depth: i32): bool {
  let end = type;
  while (end < typeTo && load<u8>(end) != 0x3b && !Ascii.isSpace(load<u8>(end))) end++;
  if (Ascii.is(type, end, 'application/sdp')) {
    SipBody.sdpAt = at;
    SipBody.sdpTo = to;
    return true;
  }
  if (!Ascii.begins(type, end, 'multipart/') || depth == MOST_DEPTH) return false;
  if (Ascii.is(type, end, 'multipart/signed') || Ascii.is(type, end, 'multipart/encrypted')) return false;
  if (!SipParameter.find(end, typeTo, 'boundary')) return false;
  let boundary = SipParameter.valueAt;
  let boundaryTo = SipParameter.valueTo;
  if (boundaryTo - boundary >= 2 && load<u8>(boundary) == Ascii.QUOTE) {
    boundary++;
    boundaryTo--;
  }
  if (boundaryTo <= boundary || boundaryTo - boundary > MOST_BOUNDARY) return false;
  // Each part begins behind its delimiter, and ends at the line end in front of the next one.
  let part: usize = 0;
  for (let line = at; line < to; ) {
    const next = Ascii.lineEnd(line, to);
    if (isDelimiter(line, to, boundary, boundaryTo)) {
      if (part != 0 && findInPart(part, beforeLineEnd(part, line), depth)) return true;
      const behind = line + 2 + (boundaryTo - boundary);
      if (behind + 2 <= to && load<u16>(behind) == 0x2d2d) return false;
      part = next;
    }
    line = next;
  }
  // Without a last delimiter the body is cut short, and no multipart.
  return false;
}

function findInPart(from: usize, to: usize, depth: i32): bool {
  let type: usize = 0;
  let typeTo: usize = 0;
  let length: usize = 0;
  let lengthTo: usize = 0;
  let line = from;
  for (;;) {
    if (line >= to) return false;
    const first = <u32>load<u8>(line);
    if (first == Ascii.LF || (first == Ascii.CR && line + 1 < to && load<u8>(line + 1) == Ascii.LF)) {
      line += first == Ascii.LF ? 1 : 2;
      break;
    }
    let next = Ascii.lineEnd(line, to);
    // A field may continue in the next line.
    while (next < to && (load<u8>(next) == Ascii.SPACE || load<u8>(next) == Ascii.TAB))
      next = Ascii.lineEnd(next, to);
    const colon = Ascii.find(line, next, 0x3a);
    if (colon == next) return false;
    const nameTo = Ascii.trimEnd(line, colon);
    const value = Ascii.skipSpace(colon + 1, next);
    const valueTo = Ascii.trimEnd(value, next);
    if (Ascii.is(line, nameTo, 'content-type')) {
      type = value;
      typeTo = valueTo;
    } else if (Ascii.is(line, nameTo, 'content-length')) {
      length = value;
      lengthTo = valueTo;
    } else if (Ascii.is(line, nameTo, 'content-transfer-encoding')) {
      if (
        !Ascii.is(value, valueTo, 'binary') &&
        !Ascii.is(value, valueTo, '8bit') &&
        !Ascii.is(value, valueTo, '7bit')
      )
        return false;
    } else if (Ascii.is(line, nameTo, 'content-encoding')) {
      return false;
    }
    line = next;
  }
  if (type == 0 || line > to || !findIn(line, to, type, typeTo, depth + 1)) return false;
  if (SipBody.sdpAt == line && SipBody.sdpTo == to) {
    SipBody.lengthAt = length;
    SipBody.lengthTo = lengthTo;
  }
  return true;
}

/** The line end in front of a delimiter is part of it (RFC 2046 §5.1.1). */
function beforeLineEnd(from: usize, line: usize): usize {
  let to = line;
  if (to > from && load<u8>(to - 1) == Ascii.LF) to--;
  if (to > from && load<u8>(to - 1) == Ascii.CR) to--;
  return to;
}

function isDelimiter(line: usize, to: usize, boundary: usize, boundaryTo: usize): bool {
  const behind = line + 2 + (boundaryTo - boundary);
  if (behind > to || load<u8>(line) != 0x2d || load<u8>(line + 1) != 0x2d) return false;
  if (memory.compare(line + 2, boundary, boundaryTo - boundary) != 0) return false;
  return behind == to || Ascii.isSpace(load<u8>(behind)) || load<u8>(behind) == 0x2d;
}
