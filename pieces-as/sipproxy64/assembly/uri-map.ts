// The form of a URI in the other family.
//
// A host of the other family goes into a parameter, and our own address takes its place:
// `sip:alice@192.0.2.4:5062;x=y` goes into IPv6 as `sip:alice@[2001:db8::5];m64=192.0.2.4:5062;x=y`. So the
// piece need not remember it: a request to this URI comes to us, and its parameter says where it goes. It is
// one insertion, and removing it restores the original byte for byte. A URI without `<>` gets them, since its
// parameters would be the header field's; the parameter `n64` then says to remove them again.
//
// A transport of the URI holds on its own side only: it becomes `m64-transport`, which is an insertion too.
// Where the message leaves by TCP, `transport=tcp` behind `m64` invites requests by TCP. In a URI with `m64`,
// the parameter `transport` is always ours.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SipAddress, SipParameter, SipUri } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { isOwnAddress } from './destinations';
import { familyOf, setPort, setTransport, Transport } from './endpoint';

const scratch: usize = memory.data(24, 8);

/** Reads the host of a URI. Returns its family, or 0 for a name, and writes its endpoint to `to`. */
export function endpointOfUri(to: usize): u32 {
  const family = IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, to);
  setPort(to, SipUri.port == 0 ? (SipUri.isSips ? 5061 : 5060) : SipUri.port);
  setTransport(to, transportIn('transport'));
  return family;
}

/** The transport in a parameter of the current URI; UDP if there is none, or one that we do not support. */
function transportIn(name: string): Transport {
  if (!SipParameter.find(SipUri.restAt, SipUri.parametersTo, name)) return Transport.udp;
  return Ascii.is(SipParameter.valueAt, SipParameter.valueTo, 'tcp') ? Transport.tcp : Transport.udp;
}

/** Whether the host and port of the current URI are ours. */
export function isOwnUri(): bool {
  if (IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, scratch) == 0)
    return Configuration.isDomain(SipUri.hostAt, SipUri.hostTo);
  return isOwnAddress(scratch) && (SipUri.port == 0 ? 5060 : SipUri.port) == Configuration.port;
}

/** The target that a URI of ours stands for. `read` is for the current URI. */
export abstract class Mapped {
  static isBare: bool = false;
  static at: usize = 0;
  static valueAt: usize = 0;
  static valueTo: usize = 0;
  static readonly endpoint: usize = memory.data(24, 8);

  /** Finds the parameter in the current URI. False if it stands for nothing else. */
  static read(): bool {
    const at = SipUri.restAt;
    const to = SipUri.parametersTo;
    if (SipParameter.find(at, to, 'm64')) Mapped.isBare = false;
    else if (SipParameter.find(at, to, 'n64')) Mapped.isBare = true;
    else return false;
    Mapped.at = SipParameter.at;
    Mapped.valueAt = SipParameter.valueAt;
    Mapped.valueTo = SipParameter.valueTo;
    setTransport(Mapped.endpoint, transportIn('m64-transport'));
    return readHostPort(Mapped.valueAt, Mapped.valueTo, Mapped.endpoint);
  }
}

/** Reads `host[:port]` with an address as host, without changing the current URI. */
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

/** Writes one value of a header field with an address: the contents of `SipAddress` for `family`. */
export function mapAddress(edit: TextEdit, family: u32, transport: Transport): void {
  mapUri(
    edit,
    SipAddress.uriAt,
    SipAddress.uriTo,
    family,
    transport,
    SipAddress.isBracketed,
    SipAddress.hasName,
  );
}

/** Writes the URI from `from` to `to` for `family` and `transport`. */
export function mapUri(
  edit: TextEdit,
  from: usize,
  to: usize,
  family: u32,
  transport: Transport,
  isBracketed: bool,
  hasName: bool,
): void {
  if (!SipUri.read(from, to)) return;
  const hostAt = SipUri.hostAt;
  const is = IpText.readBracketed(hostAt, SipUri.hostTo, scratch);
  if (is == 0) return;
  if (isOwnUri()) {
    if (Mapped.read() && familyOf(Mapped.endpoint) == family) restore(edit, from, to, isBracketed, hasName);
    return;
  }
  if (is == family) return;
  if (!isBracketed) edit.upTo(from).byte(0x3c);
  edit
    .upTo(hostAt)
    .text(Configuration.ownHost(family))
    .text(isBracketed ? ';m64=' : ';n64=');
  const at = isBracketed ? SipUri.restAt : to;
  edit.upTo(at);
  if (transport == Transport.tcp) edit.text(';transport=tcp');
  if (isBracketed) hideTransport(edit, at, SipUri.parametersTo);
  else edit.byte(0x3e);
}

/** Renames the transport in the parameters of a URI, because the other side need not use it. */
function hideTransport(edit: TextEdit, from: usize, to: usize): void {
  let at = from;
  while (SipParameter.read(at, to)) {
    at = SipParameter.to;
    if (Ascii.is(SipParameter.nameAt, SipParameter.nameTo, 'transport'))
      edit.upTo(SipParameter.nameAt).text('m64-');
  }
}

/** Puts the target that `Mapped` found in place of our own host, and restores the parameters. */
export function restore(edit: TextEdit, from: usize, to: usize, isBracketed: bool, hasName: bool): void {
  const hostAt = SipUri.hostAt;
  const end = SipUri.parametersTo;
  // A sender may have added a name or parameters, and only brackets separate these from those of the header
  // field.
  const losesBrackets = Mapped.isBare && isBracketed && !hasName && hasOwnParametersOnly(to);
  if (losesBrackets) edit.upTo(from - 1).skipTo(from);
  edit.upTo(hostAt).bytes(Mapped.valueAt, Mapped.valueTo).skipTo(SipUri.restAt);
  let at = SipUri.restAt;
  while (SipParameter.read(at, end)) {
    at = SipParameter.to;
    const name = SipParameter.nameAt;
    const nameTo = SipParameter.nameTo;
    if (SipParameter.at == Mapped.at || Ascii.is(name, nameTo, 'transport'))
      edit.upTo(SipParameter.at).skipTo(at);
    else if (Ascii.is(name, nameTo, 'm64-transport')) edit.upTo(name).skipTo(name + 4);
  }
  if (losesBrackets) edit.upTo(to).skipTo(to + 1);
}

/** Whether the URI at hand, which ends at `to`, has no parameter but those that we have put in. */
function hasOwnParametersOnly(to: usize): bool {
  let at = SipUri.restAt;
  while (SipParameter.read(at, to)) {
    at = SipParameter.to;
    if (SipParameter.at != Mapped.at && !Ascii.is(SipParameter.nameAt, SipParameter.nameTo, 'transport'))
      return false;
  }
  return at == to;
}
