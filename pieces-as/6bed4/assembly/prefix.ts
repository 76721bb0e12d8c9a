// Prefixes as users write them, and as routers make them.

/** The result of `parsePrefix` and `expandRouterPrefix`, in host order. */
export abstract class Prefix {
  static top: u64 = 0;
  static lower: u64 = 0;
}

/**
 * Reads an IPv6 address with a prefix length into {@link Prefix}, and clears the bits behind the length.
 * Returns the length, or -1.
 */
export function parsePrefix(text: string): i32 {
  const slash = text.indexOf('/');
  if (slash < 0) return -1;
  const bits = parseBits(text, slash + 1);
  if (bits < 0 || !parseAddress(text.substring(0, slash))) return -1;
  if (bits < 64) Prefix.top &= bits == 0 ? 0 : ~0 << (64 - bits);
  if (bits <= 64) Prefix.lower = 0;
  else if (bits < 128) Prefix.lower &= ~0 << (128 - bits);
  return bits;
}

function parseBits(text: string, from: i32): i32 {
  if (from >= text.length || text.length - from > 3) return -1;
  let bits = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    bits = bits * 10 + digit;
  }
  return bits <= 128 ? bits : -1;
}

/** RFC 4291 §2.2, forms 1 and 2. */
function parseAddress(text: string): bool {
  const gap = text.indexOf('::');
  if (gap < 0) {
    if (parseWords(text) != 8) return false;
    Prefix.top = words.top;
    Prefix.lower = words.lower;
    return true;
  }
  const tail = parseWords(text.substring(gap + 2));
  if (tail < 0 || tail > 7) return false;
  const lowTop = words.top;
  const lowLower = words.lower;
  const head = parseWords(text.substring(0, gap));
  if (head < 0 || head + tail > 7) return false;
  // Words enter at the low end, so the head moves up by the number of missing words.
  let top = words.top;
  let lower = words.lower;
  for (let i = head; i < 8; i++) {
    top = (top << 16) | (lower >> 48);
    lower <<= 16;
  }
  Prefix.top = top | lowTop;
  Prefix.lower = lower | lowLower;
  return true;
}

class Words {
  top: u64 = 0;
  lower: u64 = 0;
}

const words = new Words();

/** Reads words between colons into `words`, the last one lowest. Returns their number, or -1. */
function parseWords(text: string): i32 {
  words.top = 0;
  words.lower = 0;
  if (text.length == 0) return 0;
  let count = 0;
  let digits = 0;
  let word: u64 = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x3a;
    if (code == 0x3a) {
      if (digits == 0 || ++count > 8) return -1;
      words.top = (words.top << 16) | (words.lower >> 48);
      words.lower = (words.lower << 16) | word;
      digits = 0;
      word = 0;
      continue;
    }
    const digit = digitOf(code);
    if (digit < 0 || ++digits > 4) return -1;
    word = (word << 4) | <u64>digit;
  }
  return count;
}

function digitOf(code: i32): i32 {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Reads `1` to `4` hexadecimal digits; -1 for anything else. */
export function parseNetid(text: string): i32 {
  return text.length > 0 && parseWords(text) == 1 ? <i32>words.lower : -1;
}

/**
 * Makes a router's /64 of the prefix `top`/`bits`, into `Prefix.top`: /0 is fc64::/16; a /16 gets the netid
 * behind it; a /32 the router's IPv4 address; a /48 the netid; a /64 stays. False for others, and for a part
 * of fd00::/8 shorter than /64, because its random bits identify its owner.
 */
export function expandRouterPrefix(top: u64, bits: i32, netid: u32, v4: u32): bool {
  if (bits < 64 && bits > 0 && top >> 56 == 0xfd) return false;
  if (bits == 0) {
    top = 0xfc64000000000000;
    bits = 16;
  }
  if (bits == 16) {
    top |= (<u64>netid) << 32;
    bits = 32;
  }
  if (bits == 32) top |= v4;
  else if (bits == 48) top |= netid;
  else if (bits != 64) return false;
  Prefix.top = top;
  return true;
}
