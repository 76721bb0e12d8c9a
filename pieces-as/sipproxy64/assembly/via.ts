// Our Via: where answers come back to, and the proof that they are answers to what we sent.
//
// Its branch is `z9hG4bK-m64-` and two hashes. The first is of the branch in front of it alone: so INVITE, CANCEL and the ACK
// to a refusal, which have one branch, get one (RFC 3261 §16.11), also where the client writes another host into the
// CANCEL; and an answer shows by the Via below ours that it is one. The second is of the request's URI and Call-ID: when
// a request meets a Via of ours with the same hash it has come back as it was (§16.3 item 4), while one that a
// registrar sent back with another URI goes on.

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import { SipHeader, SipMessage, SipName, SipParameter, SipValue, SipVia } from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { isOwnAddress } from './destinations';
import { portOf, sameAddress, setPort } from './endpoint';
import { Purpose, Secret } from './secret';

const MAGIC = 'z9hg4bk-m64-';
@inline const MAGIC_BYTES: usize = 12;
@inline const HASH_BYTES: usize = 16;

const address: usize = memory.data(24, 8);

export const enum Returned {
  /** There are Vias in front of it that are none. */
  broken,
  fresh,
  looped,
}

/** Whether the Via at hand is ours. */
export function isOwnVia(): bool {
  if (IpText.readBracketed(SipVia.hostAt, SipVia.hostTo, address) == 0 || !isOwnAddress(address))
    return false;
  return (SipVia.port == 0 ? 5060 : SipVia.port) == Configuration.port;
}

/** The hash for the branch of the Via at hand. A client of RFC 2543 has none: its Call-ID and CSeq stand for it. */
function branchHash(): u64 {
  if (SipParameter.find(SipVia.parametersAt, viaTo, 'branch')) {
    return Secret.of(Purpose.branch, SipParameter.valueAt, SipParameter.valueTo);
  }
  return Secret.begin(Purpose.branch)
    .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
    .byte(0)
    .bytes(SipMessage.cseqAt, SipMessage.cseqTo)
    .end();
}

/** Where the Via at hand ends. */
let viaTo: usize = 0;

function readVia(from: usize, to: usize): bool {
  viaTo = to;
  return SipVia.read(from, to);
}

export abstract class Via {
  private static branch: u64 = 0;
  private static loop: u64 = 0;

  /** Reads what our own Via for the request at hand is made of, and looks for it among those that are there. */
  static take(): Returned {
    if (!SipValue.read(SipMessage.viaAt, SipMessage.viaTo) || !readVia(SipValue.at, SipValue.to))
      return Returned.broken;
    Via.branch = branchHash();
    Via.loop = Secret.begin(Purpose.loop)
      .bytes(SipMessage.uriAt, SipMessage.uriTo)
      .byte(0)
      .bytes(SipMessage.callIdAt, SipMessage.callIdTo)
      .end();
    let at = SipMessage.headersAt;
    while (SipHeader.read(at, SipMessage.bodyAt)) {
      at = SipHeader.to;
      if (SipHeader.name != SipName.via) continue;
      const valueTo = SipHeader.valueTo;
      let next = SipHeader.valueAt;
      while (SipValue.read(next, valueTo)) {
        next = SipValue.next;
        if (!readVia(SipValue.at, SipValue.to) || !isOwnVia()) continue;
        if (!SipParameter.find(SipVia.parametersAt, SipValue.to, 'branch')) continue;
        const branch = SipParameter.valueAt;
        const branchTo = SipParameter.valueTo;
        if (branchTo - branch != MAGIC_BYTES + 2 * HASH_BYTES || !Ascii.begins(branch, branchTo, MAGIC))
          continue;
        if (isHash(branch + MAGIC_BYTES + HASH_BYTES, Via.loop)) return Returned.looped;
      }
    }
    return Returned.fresh;
  }

  /** The hash that stands for the transaction of the request at hand: after `take`. */
  static get transaction(): u64 {
    return Via.branch;
  }

  /** Writes our own Via, for a request that leaves in `family`. */
  static write(edit: TextEdit, family: u32): void {
    edit.text('Via: SIP/2.0/UDP ').text(Configuration.ownHost(family)).text(';branch=z9hG4bK-m64-');
    edit.hex64(Via.branch).hex64(Via.loop).text(';rport\r\n');
  }

  /**
   * The topmost Via of a request, from `from` to `to`: says where it came from, as RFC 3261 §18.2.1 and RFC 3581 §4 have it. What a client
   * says of itself there is replaced.
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
        edit.upTo(SipParameter.nameTo).byte(0x3d);
        writeSource(edit);
        edit.skipTo(SipParameter.to);
      }
    }
    if (hasReceived || (isThere && !hasRport)) return;
    edit.upTo(to).text(';received=');
    writeSource(edit);
  }

  /** Reads where an answer goes that has the Via from `from` to `to` on top (RFC 3261 §18.2.2, RFC 3581 §4). False when nowhere. */
  static destination(from: usize, to: usize, endpoint: usize): bool {
    if (!readVia(from, to)) return false;
    let port = SipVia.port == 0 ? 5060 : SipVia.port;
    if (SipParameter.find(SipVia.parametersAt, to, 'rport')) {
      const rport = Ascii.number(SipParameter.valueAt, SipParameter.valueTo, 65535);
      if (rport > 0) port = <u32>rport;
    }
    setPort(endpoint, port);
    // With brackets and without, since both are written (RFC 5118 §4.5).
    if (SipParameter.find(SipVia.parametersAt, to, 'received')) {
      return IpText.readBracketed(SipParameter.valueAt, SipParameter.valueTo, endpoint) != 0;
    }
    return IpText.readBracketed(SipVia.hostAt, SipVia.hostTo, endpoint) != 0;
  }

  /** Whether the Via from `from` to `to` is ours, above one from `below` to `belowTo`: then the answer is one to what we sent. */
  static isAnswered(from: usize, to: usize, below: usize, belowTo: usize): bool {
    if (!readVia(from, to) || !isOwnVia() || !SipParameter.find(SipVia.parametersAt, to, 'branch'))
      return false;
    const branch = SipParameter.valueAt;
    const branchTo = SipParameter.valueTo;
    if (branchTo - branch != MAGIC_BYTES + 2 * HASH_BYTES || !Ascii.begins(branch, branchTo, MAGIC))
      return false;
    return readVia(below, belowTo) && isHash(branch + MAGIC_BYTES, branchHash());
  }
}

/** Bare, as RFC 3261 §25.1 has it, also of IPv6. */
function writeSource(edit: TextEdit): void {
  writeAddress(edit, Datagram.source);
}

function isHash(at: usize, hash: u64): bool {
  for (let i = 0; i < 16; i++) {
    if (Ascii.hexDigit(load<u8>(at + i)) != <i32>((hash >> <u64>(60 - 4 * i)) & 15)) return false;
  }
  return true;
}

/** Writes an address as text: IPv4 in dots, IPv6 as RFC 5952 has it, without brackets. */
export function writeAddress(edit: TextEdit, at: usize): void {
  if (IpText.family(at) == 4) {
    for (let i = 0; i < 4; i++) {
      if (i > 0) edit.byte(0x2e);
      edit.number(load<u8>(at + 12 + i));
    }
    return;
  }
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && load<u16>(at + (i + n) * 2) == 0) n++;
    if (n > bestLength) {
      bestStart = i;
      bestLength = n;
    }
    i += n;
  }
  for (let i = 0; i < 8; i++) {
    if (i == bestStart) {
      edit.text('::');
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i != bestStart + bestLength) edit.byte(0x3a);
    const group = bswap<u16>(load<u16>(at + i * 2));
    let shift = 12;
    while (shift > 0 && group >> <u16>shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) {
      const digit = <u32>(group >> <u16>shift) & 15;
      edit.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
  }
}
