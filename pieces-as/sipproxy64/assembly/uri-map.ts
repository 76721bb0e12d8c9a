// How a URI is understood in the other family.
//
// A host of the other family than that in which the message goes on is put into a parameter, and our own address in
// its place: `sip:alice@192.0.2.4:5062;x=y` goes into IPv6 as `sip:alice@[2001:db8::5];m64=192.0.2.4:5062;x=y`. So
// nothing need be remembered of it: whoever sends there sends to us, and what the parameter says is where it goes. It is one
// insertion, and taking it out again gives back what was there, byte for byte. A URI without `<>` gets them, since its
// parameters would be the header field's; it has `n64` for a parameter, by which they are taken away again.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SipAddress, SipParameter, SipUri } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { isOwnAddress } from './destinations';
import { setPort } from './endpoint';

const scratch: usize = memory.data(24, 8);

/** Where the host of a URI is, when it is an address: the family, or 0 for a name. The endpoint goes to `to`. */
export function endpointOfUri(to: usize): u32 {
  const family = IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, to);
  setPort(to, SipUri.port == 0 ? (SipUri.isSips ? 5061 : 5060) : SipUri.port);
  return family;
}

/** Whether the host and port of the URI at hand are ours. */
export function isOwnUri(): bool {
  if (IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, scratch) == 0)
    return Configuration.isDomain(SipUri.hostAt, SipUri.hostTo);
  return isOwnAddress(scratch) && (SipUri.port == 0 ? 5060 : SipUri.port) == Configuration.port;
}

/** What a URI of ours stands for. `read` is for the URI at hand. */
export abstract class Mapped {
  static isBare: bool = false;
  static at: usize = 0;
  static valueAt: usize = 0;
  static valueTo: usize = 0;
  static readonly endpoint: usize = memory.data(24, 8);

  /** Finds the parameter in the URI at hand. False when it stands for nothing else. */
  static read(): bool {
    const at = SipUri.restAt;
    const to = SipUri.parametersTo;
    if (SipParameter.find(at, to, 'm64')) Mapped.isBare = false;
    else if (SipParameter.find(at, to, 'n64')) Mapped.isBare = true;
    else return false;
    Mapped.at = SipParameter.at;
    Mapped.valueAt = SipParameter.valueAt;
    Mapped.valueTo = SipParameter.valueTo;
    return readHostPort(Mapped.valueAt, Mapped.valueTo, Mapped.endpoint);
  }
}

/** Reads `host[:port]`, of which the host is an address; without touching the URI at hand. */
function readHostPort(from: usize, to: usize, endpoint: usize): bool {
  let hostTo = to;
  let port: i64 = 5060;
  let colon = to;
  while (colon > from && load<u8>(colon - 1) != 0x3a && load<u8>(colon - 1) != 0x5d) colon--;
  if (colon > from && load<u8>(colon - 1) == 0x3a) {
    port = Ascii.number(colon, to, 65535);
    hostTo = colon - 1;
  }
  if (port <= 0 || hostTo <= from) return false;
  setPort(endpoint, <u32>port);
  return IpText.readBracketed(from, hostTo, endpoint) != 0;
}

/** One value of a header field with an address: what is in `SipAddress` goes on into `family`. */
export function mapAddress(edit: TextEdit, family: u32): void {
  mapUri(edit, SipAddress.uriAt, SipAddress.uriTo, family, SipAddress.isBracketed, SipAddress.hasName);
}

/** The URI from `from` to `to` goes on into `family`. */
export function mapUri(
  edit: TextEdit,
  from: usize,
  to: usize,
  family: u32,
  isBracketed: bool,
  hasName: bool,
): void {
  if (!SipUri.read(from, to)) return;
  const hostAt = SipUri.hostAt;
  const is = IpText.readBracketed(hostAt, SipUri.hostTo, scratch);
  if (is == 0) return;
  if (isOwnUri()) {
    if (Mapped.read() && IpText.family(Mapped.endpoint) == family)
      restore(edit, from, to, isBracketed, hasName);
    return;
  }
  if (is == family) return;
  if (!isBracketed) edit.upTo(from).byte(0x3c);
  edit
    .upTo(hostAt)
    .text(Configuration.ownHost(family))
    .text(isBracketed ? ';m64=' : ';n64=');
  if (!isBracketed) edit.upTo(to).byte(0x3e);
}

/** What `Mapped` found takes the place of our own host again. */
export function restore(edit: TextEdit, from: usize, to: usize, isBracketed: bool, hasName: bool): void {
  const hostAt = SipUri.hostAt;
  const restAt = SipUri.restAt;
  // Somebody may have put in a name or parameters, which only brackets keep apart from those of the header field.
  const losesBrackets =
    Mapped.isBare && isBracketed && !hasName && Mapped.at == restAt && Mapped.valueTo == to;
  if (losesBrackets) edit.upTo(from - 1).skipTo(from);
  edit.upTo(hostAt);
  if (Mapped.at == restAt) {
    edit.skipTo(Mapped.valueAt);
  } else {
    edit.bytes(Mapped.valueAt, Mapped.valueTo).skipTo(restAt).upTo(Mapped.at).skipTo(Mapped.valueTo);
  }
  if (losesBrackets) edit.upTo(to).skipTo(to + 1);
}
