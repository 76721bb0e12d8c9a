// Where a message in a stream ends (RFC 3261 §18.3): behind its header fields, and as many bytes as
// Content-Length says.

import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { SipHeader, SipName } from 'funnel-tunnel/as/views/sip';
import { MOST_MESSAGE } from './load';

export const enum Framed {
  /** More bytes have to come. */
  more,
  whole,
  /** Its first line is none of SIP, so the bytes behind it mean nothing. */
  noSip,
  /**
   * No Content-Length, several that differ, or one that is no number: where the next message begins is
   * unknown.
   */
  unknownLength,
  tooLarge,
}

/** The findings about the current message. `scanned` and `length` are kept between calls, by connection. */
export abstract class Framing {
  /** Bytes in which no header fields end. */
  static scanned: i32 = 0;
  /** Bytes of the message; 0 while its header fields have not ended. */
  static length: i32 = 0;

  /**
   * Looks at the bytes from `at`, where a message begins, to `to`. Each byte is looked at a fixed number of
   * times.
   */
  static read(at: usize, to: usize): Framed {
    const bytes = <i32>(to - at);
    if (Framing.length == 0) {
      // The last bytes that were there may begin the empty line.
      const end = endOfHeaders(at + <usize>max(0, Framing.scanned - 3), to);
      if (end == 0) {
        Framing.scanned = bytes;
        return bytes > MOST_MESSAGE ? Framed.tooLarge : Framed.more;
      }
      const headers = <i32>(end - at);
      if (headers > MOST_MESSAGE) return Framed.tooLarge;
      const line = Ascii.lineEnd(at, end);
      if (!isStartLine(at, line)) return Framed.noSip;
      const contents = contentLength(line, end);
      // These bytes are enough to refuse the message.
      Framing.length = headers;
      if (contents < 0) return Framed.unknownLength;
      if (contents > <i64>(MOST_MESSAGE - headers)) return Framed.tooLarge;
      Framing.length = headers + <i32>contents;
    }
    return bytes < Framing.length ? Framed.more : Framed.whole;
  }
}

/** Behind the empty line; 0 where there is none. */
function endOfHeaders(from: usize, to: usize): usize {
  for (let at = Ascii.find(from, to, Ascii.LF); at < to; at = Ascii.find(at + 1, to, Ascii.LF)) {
    let next = at + 1;
    if (next < to && load<u8>(next) == Ascii.CR) next++;
    if (next < to && load<u8>(next) == Ascii.LF) return next + 1;
  }
  return 0;
}

/** Whether a version of SIP begins or ends the line. */
function isStartLine(at: usize, to: usize): bool {
  if (Ascii.begins(at, to, 'sip/')) return true;
  const end = Ascii.trimEnd(at, to);
  let version = end;
  while (version > at && !Ascii.isSpace(load<u8>(version - 1))) version--;
  return version > at && Ascii.begins(version, end, 'sip/');
}

/** The value of all header fields of this name; -1 if there is none, or if they differ. */
function contentLength(from: usize, to: usize): i64 {
  let length: i64 = -1;
  for (let at = from; SipHeader.read(at, to); at = SipHeader.to) {
    if (SipHeader.name != SipName.contentLength) continue;
    const value = Ascii.number(SipHeader.valueAt, SipHeader.valueTo, 0xffffffff);
    if (value < 0 || (length >= 0 && value != length)) return -1;
    length = value;
  }
  return length;
}
