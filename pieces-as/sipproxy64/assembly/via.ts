// Our Via: responses come back to it, and it proves that they belong to requests of ours.
//
// Its branch is `z9hG4bK-m64-` and a hash of the branch in front of it alone. So INVITE, CANCEL and the ACK
// to a refusal, which have one branch, get one (RFC 3261 §16.11), also if the client writes another host into
// the CANCEL. The Via below ours shows that a response belongs to it. The parameter `l64` is a hash of what
// routes the request: its URI, its Routes and its Call-ID (RFC 5393 §4.2.1). A request that meets a Via of
// ours with the same hash has come back unchanged; one that a registrar sent back with another URI goes on.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SipHeader, SipMessage, SipName, SipParameter, SipValue, SipVia } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { isOwnAddress } from './destinations';
import { portOf, sameAddress, setPort, setTransport, Transport, transportOf } from './endpoint';
import { Purpose, Secret } from './secret';

/** The prefix of branches by RFC 3261 (§8.1.1.7). */
const COOKIE = 'z9hg4bk';
@inline const COOKIE_BYTES: usize = 7;
const MAGIC = 'z9hg4bk-m64-';
@inline const MAGIC_BYTES: usize = 12;
@inline const HASH_BYTES: usize = 16;

const address: usize = memory.data(24, 8);

export const enum Returned {
  /** A malformed Via stands in front of it. */
  broken,
  fresh,
  looped,
}

/** Whether the current Via is ours. */
export function isOwnVia(): bool {
  if (IpText.readBracketed(SipVia.hostAt, SipVia.hostTo, address) == 0 || !isOwnAddress(address))
    return false;
  return (SipVia.port == 0 ? 5060 : SipVia.port) == Configuration.port;
}

/**
 * The hash for the branch of the current Via. The branch of a client of RFC 2543, or none, is not unique:
 * then Call-ID and CSeq are hashed with it (RFC 3261 §17.2.3).
 */
function branchHash(): u64 {
  const hash = Secret.begin(Purpose.branch);
  if (SipParameter.find(SipVia.parametersAt, viaTo, 'branch')) {
    const at = SipParameter.valueAt;
    const to = SipParameter.valueTo;
    hash.bytes(at, to);
    if (to - at > COOKIE_BYTES && Ascii.begins(at, to, COOKIE)) return hash.end();
  }
  hash.byte(0).bytes(SipMessage.callIdAt, SipMessage.callIdTo).byte(0);
  return hash.bytes(SipMessage.cseqAt, SipMessage.cseqTo).end();
}

/** Whether only parameters, each with a name, follow the host of the current Via. */
function isComplete(to: usize): bool {
  let at = SipVia.parametersAt;
  while (SipParameter.read(at, to)) {
    if (SipParameter.nameTo == SipParameter.nameAt) return false;
    at = SipParameter.to;
  }
  return Ascii.skipSpace(at, to) == to;
}

/** The hash of the values that route the current request. */
function routeHash(): u64 {
  const hash = Secret.begin(Purpose.loop).bytes(SipMessage.uriAt, SipMessage.uriTo).byte(0);
  hash.bytes(SipMessage.callIdAt, SipMessage.callIdTo);
  for (let i = 0, n = SipMessage.routeAt == 0 ? 0 : SipMessage.fieldCount; i < n; i++) {
    if (SipMessage.field(i) == SipName.route) hash.byte(0).bytes(SipHeader.valueAt, SipHeader.valueTo);
  }
  return hash.end();
}

/** The end of the current Via. */
let viaTo: usize = 0;

function readVia(from: usize, to: usize): bool {
  viaTo = to;
  return SipVia.read(from, to);
}

export abstract class Via {
  private static branch: u64 = 0;
  private static loop: u64 = 0;

  /**
   * Collects the values for our own Via in the current request, and looks for it among the Vias that are
   * there.
   */
  static take(): Returned {
    if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo) || !readVia(SipValue.at, SipValue.to))
      return Returned.broken;
    Via.branch = branchHash();
    Via.loop = routeHash();
    for (let i = 0, n = SipMessage.fieldCount; i < n; i++) {
      if (SipMessage.field(i) != SipName.via) continue;
      const valueTo = SipHeader.valueTo;
      let next = SipHeader.valueAt;
      while (SipValue.read(next, valueTo)) {
        next = SipValue.next;
        if (!readVia(SipValue.at, SipValue.to) || !isComplete(SipValue.to)) return Returned.broken;
        if (!isOwnVia()) continue;
        if (!SipParameter.find(SipVia.parametersAt, SipValue.to, 'l64')) continue;
        if (SipParameter.valueTo - SipParameter.valueAt != HASH_BYTES) continue;
        if (isHash(SipParameter.valueAt, Via.loop)) return Returned.looped;
      }
    }
    return Returned.fresh;
  }

  /**
   * The hash that identifies the transaction of the current message; valid after `take`, and after
   * `isAnswered`.
   */
  static get transaction(): u64 {
    return Via.branch;
  }

  /** Writes our own Via, for a request that leaves in `family`. */
  static write(edit: TextEdit, family: u32, transport: Transport): void {
    edit.text(transport == Transport.tcp ? 'Via: SIP/2.0/TCP ' : 'Via: SIP/2.0/UDP ');
    edit.text(Configuration.ownHost(family)).text(';branch=z9hG4bK-m64-');
    edit.hex64(Via.branch).text(';l64=').hex64(Via.loop);
    if (transportOf(Datagram.source) == Transport.tcp) edit.text(';c64=').number(portOf(Datagram.source));
    edit.text(';rport\r\n');
  }

  /**
   * Sets the transport of our own Via, which `write` put in as the first header field. Returns where it
   * stands.
   */
  static setTransport(from: usize, to: usize, transport: Transport): usize {
    const at = Ascii.lineEnd(from, to) + 'Via: SIP/2.0/'.length;
    store<u8>(at, transport == Transport.tcp ? 0x54 : 0x55);
    store<u8>(at, transport == Transport.tcp ? 0x43 : 0x44, 1);
    return at;
  }

  /**
   * The peer's port of the connection by which the request came, as our own Via has it; 0 where it came by
   * none.
   */
  static flow(from: usize, to: usize): u32 {
    if (!readVia(from, to) || !SipParameter.find(SipVia.parametersAt, to, 'c64')) return 0;
    return <u32>max<i64>(0, Ascii.number(SipParameter.valueAt, SipParameter.valueTo, 65535));
  }

  /**
   * Completes the topmost Via of a request, from `from` to `to`, with its source (RFC 3261 §18.2.1, RFC 3581
   * §4). This replaces values that a client wrote there itself.
   */
  static stamp(edit: TextEdit, from: usize, to: usize): void {
    if (!readVia(from, to)) return;
    const isThere =
      IpText.readBracketed(SipVia.hostAt, SipVia.hostTo, address) != 0 &&
      sameAddress(address, Datagram.source);
    let hasReceived = false;
    let hasRport = false;
    let at = SipVia.parametersAt;
    while (SipParameter.read(at, to)) {
      at = SipParameter.to;
      if (Ascii.is(SipParameter.nameAt, SipParameter.nameTo, 'rport')) {
        hasRport = true;
        edit.upTo(SipParameter.nameTo).byte(0x3d).number(portOf(Datagram.source)).skipTo(SipParameter.to);
      } else if (Ascii.is(SipParameter.nameAt, SipParameter.nameTo, 'received')) {
        hasReceived = true;
        // Without brackets, also for IPv6 (RFC 3261 §25.1).
        edit.upTo(SipParameter.nameTo).byte(0x3d).ip(Datagram.source).skipTo(SipParameter.to);
      }
    }
    if (hasReceived || (isThere && !hasRport)) return;
    edit.upTo(to).text(';received=').ip(Datagram.source);
  }

  /**
   * Reads the destination of a response that has the Via from `from` to `to` on top (RFC 3261 §18.2.2, RFC
   * 3581 §4). False if there is none.
   */
  static destination(from: usize, to: usize, endpoint: usize): bool {
    if (!readVia(from, to)) return false;
    let port = SipVia.port == 0 ? 5060 : SipVia.port;
    // Where a connection is gone, the port of the Via is that which listens (RFC 3261 §18.2.2).
    if (!SipVia.isTcp && SipParameter.find(SipVia.parametersAt, to, 'rport')) {
      const rport = Ascii.number(SipParameter.valueAt, SipParameter.valueTo, 65535);
      if (rport > 0) port = <u32>rport;
    }
    setPort(endpoint, port);
    setTransport(endpoint, SipVia.isTcp ? Transport.tcp : Transport.udp);
    // With brackets and without, since both forms occur (RFC 5118 §4.5).
    if (SipParameter.find(SipVia.parametersAt, to, 'received')) {
      return IpText.readBracketed(SipParameter.valueAt, SipParameter.valueTo, endpoint) != 0;
    }
    return IpText.readBracketed(SipVia.hostAt, SipVia.hostTo, endpoint) != 0;
  }

  /**
   * Whether the Via from `from` to `to` is ours, above one from `below` to `belowTo`: then the response
   * belongs to a request of ours.
   */
  static isAnswered(from: usize, to: usize, below: usize, belowTo: usize): bool {
    if (!readVia(from, to) || !isOwnVia() || !SipParameter.find(SipVia.parametersAt, to, 'branch'))
      return false;
    const branch = SipParameter.valueAt;
    const branchTo = SipParameter.valueTo;
    if (branchTo - branch != MAGIC_BYTES + HASH_BYTES || !Ascii.begins(branch, branchTo, MAGIC)) return false;
    if (!readVia(below, belowTo)) return false;
    Via.branch = branchHash();
    return isHash(branch + MAGIC_BYTES, Via.branch);
  }
}

function isHash(at: usize, hash: u64): bool {
  for (let i = 0; i < 16; i++) {
    if (Ascii.hexDigit(load<u8>(at + i)) != <i32>((hash >> <u64>(60 - 4 * i)) & 15)) return false;
  }
  return true;
}
