import { parseIpv4 } from 'funnel-tunnel/as';
import { Endpoint } from './endpoint';

/**
 * Reads an IPv4 or IPv6 address (RFC 4291 §2.2, without an IPv4 address at its end). False if it is none.
 * Allocates.
 */
export function parseAddress(text: string, to: Endpoint): bool {
  if (!text.includes(':')) {
    const address = parseIpv4(text);
    if (address < 0) return false;
    to.setIpv4(<u32>address, to.port);
    return true;
  }
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const front = groupsOf(halves[0]);
  const back = halves.length == 2 ? groupsOf(halves[1]) : 0;
  if (front < 0 || back < 0) return false;
  if (halves.length == 2 ? front + back > 7 : front != 8) return false;
  to.isIpv6 = true;
  to.high = 0;
  to.low = 0;
  putGroups(halves[0], 0, to);
  if (halves.length == 2) putGroups(halves[1], 8 - back, to);
  return true;
}

/** The number of groups of hexadecimal digits; -1 if one is wrong. */
function groupsOf(text: string): i32 {
  if (text.length == 0) return 0;
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) if (parseGroup(groups[i]) < 0) return -1;
  return groups.length;
}

function putGroups(text: string, first: i32, to: Endpoint): void {
  if (text.length == 0) return;
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const at = first + i;
    const value = (<u64>parseGroup(groups[i])) << (48 - 16 * (at & 3));
    if (at < 4) to.high |= value;
    else to.low |= value;
  }
}

function parseGroup(text: string): i32 {
  if (text.length == 0 || text.length > 4) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) | 0x20;
    const digit =
      code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value;
}
