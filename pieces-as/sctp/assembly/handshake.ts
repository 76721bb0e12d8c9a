import { Outcome, random } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Above } from './above';
import { Association, Associations, MOST_COOKIE, MOST_PATHS } from './association';
import { Carrier } from './carrier';
import { Closing } from './closing';
import { Configuration } from './configuration';
import {
  AssociationState,
  Cause,
  CHUNK_HEADER,
  ChunkType,
  INIT_BYTES,
  LEAST_WINDOW,
  ParameterType,
} from './constants';
import { Control } from './control';
import { Cookie, Cookies } from './cookie';
import { DTLS, Initiation } from './initiation';
import { OutOfTheBlue } from './out-of-the-blue';
import { Packet } from './packet';
import { Reason } from './reasons';
import { BLOCK } from './store';

const scratch: usize = memory.data(64, 8);
const endpoint: Endpoint = new Endpoint();
const ours: Endpoint = new Endpoint();
/** Supported Address Types: IPv4 and IPv6. */
const ADDRESS_TYPES: u32 = 8;
const PRESERVATIVE: u32 = 8;
/** The parameter Forward-TSN-Supported (RFC 3758 §3.1), and Supported Extensions (RFC 5061 §4.2.7). */
const FEATURES: u32 = 12;
const ZERO_CHECKSUM: u32 = 8;
/** The number of times that the piece requests more time from a peer that finds our cookie stale. */
const MOST_STALE: i32 = 2;

/** The set-up of associations (RFC 9260 §5). */
export abstract class Handshake {
  /** Begins an association with a peer; null if there is no room for one. */
  static associate(
    localPort: u32,
    peerPort: u32,
    remote: Endpoint,
    local: Endpoint,
    now: f64,
    out: Outcome,
  ): Association | null {
    const association = Associations.free();
    if (association === null) return null;
    association.close();
    association.localPort = localPort;
    association.peerPort = peerPort;
    association.localTag = Handshake.newTag();
    association.initialTsn = <u32>random();
    association.addPath(remote, local, true);
    association.outgoing.open(Configuration.streams, association.initialTsn, LEAST_WINDOW, 0);
    association.state = AssociationState.cookieWait;
    Handshake.sendInit(association, 0, out);
    association.timer = now + association.paths[0].rto;
    return association;
  }

  /** A random tag that is not 0 (RFC 9260 §5.3.1). */
  static newTag(): u32 {
    const bits = random();
    const tag = <u32>bits;
    return tag != 0 ? tag : <u32>(bits >> 32) | 1;
  }

  static sendInit(association: Association, moreLife: u32, out: Outcome): void {
    const length = INIT_BYTES + Handshake.featureBytes + ADDRESS_TYPES + (moreLife > 0 ? PRESERVATIVE : 0);
    const path = association.current;
    if (!Packet.open(out, path.local, path.remote, length, association.localPort, association.peerPort, 0))
      return;
    const at = Packet.chunk(ChunkType.init, 0, length);
    Handshake.putFixed(at, association.localTag, association.initialTsn);
    const to = Handshake.putFeatures(at + 16);
    store16(to, ParameterType.addressTypes);
    store16(to + 2, ADDRESS_TYPES);
    store16(to + 4, ParameterType.ipv4);
    store16(to + 6, ParameterType.ipv6);
    if (moreLife > 0) {
      store16(to + 8, ParameterType.preservative);
      store16(to + 10, PRESERVATIVE);
      store32(to + 12, moreLife);
    }
    Packet.send(out);
  }

  /**
   * Handles an INIT that came alone and with tag 0 to a port; `association` is the one with its sender, if
   * any.
   */
  static takeInit(
    association: Association | null,
    chunk: usize,
    length: u32,
    isListening: bool,
    now: f64,
    out: Outcome,
  ): i32 {
    if (!Initiation.read(chunk, length)) return Reason.badParameter;
    if (Initiation.tag == 0) return Reason.badParameter;
    if (Initiation.hasHostName) {
      OutOfTheBlue.refuse(Initiation.tag, Cause.unresolvableAddress, now, out);
      return Reason.badParameter;
    }
    if (Initiation.outStreams == 0 || Initiation.inStreams == 0 || Initiation.window < LEAST_WINDOW) {
      OutOfTheBlue.refuse(Initiation.tag, Cause.protocolViolation, now, out);
      return Reason.badParameter;
    }
    // RFC 9260 §5.1.2 D: another association may have one of its addresses.
    for (let i = 0; i < Initiation.addressCount && association === null; i++) {
      association = Associations.find(OutOfTheBlue.localPort, OutOfTheBlue.peerPort, Initiation.addresses[i]);
    }
    if (association === null) {
      if (!isListening) {
        OutOfTheBlue.refuse(Initiation.tag, 0, now, out);
        return Reason.notListening;
      }
      Handshake.sendInitAck(Handshake.newTag(), <u32>random(), 0, 0, now, out);
      return Reason.handshake;
    }
    // RFC 9260 §9.2: the peer has not received the end yet.
    if (association.state == AssociationState.shutdownAckSent) {
      Control.bare(association, ChunkType.shutdownAck, out);
      return Reason.handshake;
    }
    const isForming = association.state <= AssociationState.cookieEchoed;
    if (!isForming || association.state == AssociationState.cookieEchoed) {
      if (Handshake.addsAddresses(association)) {
        // RFC 9260 §5.2.1: an association that is being set up stays unchanged; §5.2.2: otherwise the INIT
        // may be an attack.
        if (!isForming) OutOfTheBlue.refuse(Initiation.tag, Cause.restartWithNewAddresses, now, out);
        return Reason.violation;
      }
    }
    if (association.state != AssociationState.cookieWait && association.localTieTag == 0) {
      association.localTieTag = Handshake.newTag();
      association.peerTieTag = Handshake.newTag();
    }
    // RFC 9260 §5.2.1: the values of our own INIT. §5.2.2: a new tag.
    const tag = isForming ? association.localTag : Handshake.newTag();
    const tsn = isForming ? association.initialTsn : <u32>random();
    Handshake.sendInitAck(tag, tsn, association.localTieTag, association.peerTieTag, now, out);
    return Reason.handshake;
  }

  /** Handles an INIT ACK. */
  static takeInitAck(association: Association, chunk: usize, length: u32, now: f64, out: Outcome): i32 {
    if (association.state != AssociationState.cookieWait) return Reason.wrongState;
    if (!Initiation.read(chunk, length)) return Reason.badParameter;
    if (Initiation.tag == 0) {
      OutOfTheBlue.reflect(association.localTag, now, out);
      Closing.lose(association, 'the INIT ACK has no tag', out);
      return Reason.badParameter;
    }
    if (Initiation.window < LEAST_WINDOW) {
      OutOfTheBlue.refuse(Initiation.tag, Cause.protocolViolation, now, out);
      return Reason.badParameter;
    }
    association.peerTag = Initiation.tag;
    if (Initiation.outStreams == 0 || Initiation.inStreams == 0) {
      Closing.abort(association, Cause.invalidParameter, 0, 0, 'the INIT ACK allows no streams', out);
      return Reason.badParameter;
    }
    if (Initiation.hasHostName) {
      Closing.abort(association, Cause.unresolvableAddress, 0, 0, 'the INIT ACK has a host name', out);
      return Reason.badParameter;
    }
    if (Initiation.cookieLength == 0) {
      // One parameter is missing: the cookie (RFC 9260 §3.3.10.2).
      store32(scratch, 1);
      store16(scratch + 4, ParameterType.cookie);
      Closing.abort(association, Cause.missingParameter, scratch, 6, 'the INIT ACK has no cookie', out);
      return Reason.badParameter;
    }
    if (Initiation.cookieLength > MOST_COOKIE) {
      Closing.abort(association, Cause.outOfResource, 0, 0, 'the cookie is too long', out);
      return Reason.badParameter;
    }
    memory.copy(association.cookie, Initiation.cookieAt, Initiation.cookieLength);
    association.cookieLength = Initiation.cookieLength;
    Handshake.addAddresses(association);
    association.features = Initiation.features;
    association.outgoing.open(
      min(Configuration.streams, Initiation.inStreams),
      association.initialTsn,
      Initiation.window,
      association.features,
    );
    association.incoming.open(
      min(Configuration.streams, Initiation.outStreams),
      Initiation.tsn,
      association.features,
    );
    association.reconfiguration.open(association.initialTsn, Initiation.tsn);
    association.state = AssociationState.cookieEchoed;
    association.repeats = 0;
    Handshake.sendCookieEcho(association, true, out);
    association.timer = now + association.current.rto;
    return Reason.handshake;
  }

  /** Sends COOKIE ECHO, followed by the unrecognised parameters of the INIT ACK (RFC 9260 §3.2.2). */
  static sendCookieEcho(association: Association, hasErrors: bool, out: Outcome): void {
    const bytes = CHUNK_HEADER + association.cookieLength;
    const path = association.current;
    if (!Control.open(association, path, max(path.room, bytes), out)) return;
    // Always with a checksum (RFC 9653 §5.2).
    Packet.isSealed = true;
    memory.copy(Packet.chunk(ChunkType.cookieEcho, 0, bytes), association.cookie, association.cookieLength);
    for (let i = 0; hasErrors && i < Initiation.unrecognisedCount; i++) {
      const parameter = Initiation.unrecognisedAt(i);
      Control.addCause(
        ChunkType.error,
        0,
        Cause.unrecognisedParameters,
        parameter,
        Initiation.bytesOf(parameter),
      );
    }
    Packet.send(out);
  }

  /** Handles a COOKIE ECHO, the first chunk of a packet with this tag. Sets `made` to its association. */
  static takeCookieEcho(
    found: Association | null,
    tag: u32,
    at: usize,
    length: u32,
    localPort: u32,
    peerPort: u32,
    now: f64,
    out: Outcome,
  ): i32 {
    Handshake.made = null;
    if (!Cookies.isOurs(at, length, now)) return Reason.badCookie;
    const cookie = changetype<Cookie>(at);
    if (cookie.localTag != tag || <u32>cookie.localPort != localPort || <u32>cookie.peerPort != peerPort)
      return Reason.badCookie;
    const isBoth = found !== null && found.localTag == cookie.localTag && found.peerTag == cookie.peerTag;
    const staleness = Cookies.staleness(cookie, now);
    if (staleness > 0 && !isBoth) {
      // In microseconds (RFC 9260 §3.3.10.3).
      store32(scratch, <u32>min<u64>(<u64>staleness * 1000, 0xffff_ffff));
      OutOfTheBlue.complain(cookie.peerTag, ChunkType.error, Cause.staleCookie, scratch, 4, now, out);
      return Reason.staleCookie;
    }
    if (found === null) {
      const association = Associations.free();
      if (association === null) {
        OutOfTheBlue.refuse(cookie.peerTag, Cause.outOfResource, now, out);
        return Reason.tooManyAssociations;
      }
      association.close();
      Handshake.fill(association, cookie);
      Handshake.establish(association, now, out);
      return Reason.handshake;
    }
    // RFC 9260 §5.2.4, table 12.
    const isLocal = found.localTag == cookie.localTag;
    const isPeer = found.peerTag == cookie.peerTag;
    if (isBoth) {
      Handshake.made = found;
      if (found.state == AssociationState.cookieEchoed) {
        Handshake.establish(found, now, out);
      } else {
        Control.bare(found, ChunkType.cookieAck, out);
      }
      return Reason.handshake;
    }
    if (isLocal) {
      if (found.state > AssociationState.cookieEchoed) return Reason.wrongState;
      Handshake.meet(found, cookie, now, out);
      return Reason.handshake;
    }
    const isTied =
      found.localTieTag != 0 &&
      found.localTieTag == cookie.localTieTag &&
      found.peerTieTag == cookie.peerTieTag;
    if (isPeer || !isTied) return Reason.wrongState;
    return Handshake.restart(found, cookie, now, out);
  }
  static made: Association | null = null;

  /** Handles a COOKIE ACK. */
  static takeCookieAck(association: Association, now: f64, out: Outcome): i32 {
    if (association.state != AssociationState.cookieEchoed) return Reason.wrongState;
    Handshake.open(association, now, out);
    return Reason.handshake;
  }

  /** The peer found our cookie too old (RFC 9260 §5.2.6). Requests one that lives longer. */
  static takeStaleness(association: Association, microseconds: u32, now: f64, out: Outcome): i32 {
    if (association.state != AssociationState.cookieEchoed) return Reason.wrongState;
    if (++association.staleCookies > MOST_STALE) {
      Closing.lose(association, 'the peer finds its own cookies stale', out);
      return Reason.staleCookie;
    }
    association.state = AssociationState.cookieWait;
    association.peerTag = 0;
    association.repeats = 0;
    Handshake.sendInit(association, microseconds / 1000 + <u32>association.current.rto, out);
    association.timer = now + association.current.rto;
    return Reason.handshake;
  }

  /** Both sides opened at once, and the cookie comes from our own INIT (RFC 9260 §5.2.4 B). */
  private static meet(association: Association, cookie: Cookie, now: f64, out: Outcome): void {
    association.peerTag = cookie.peerTag;
    association.features = cookie.features;
    for (let i: u32 = 0; i < cookie.pathCount; i++) {
      cookie.getEndpoint(1 + i, endpoint);
      cookie.getEndpoint(0, ours);
      association.addPath(endpoint, ours, i == 0);
    }
    association.outgoing.open(
      cookie.outStreams,
      association.initialTsn,
      cookie.peerWindow,
      association.features,
    );
    association.incoming.open(cookie.inStreams, cookie.peerTsn, association.features);
    association.reconfiguration.open(association.initialTsn, cookie.peerTsn);
    Handshake.establish(association, now, out);
  }

  /** The peer restarted (RFC 9260 §5.2.4 A). Data that it has not acknowledged is lost. */
  private static restart(association: Association, cookie: Cookie, now: f64, out: Outcome): i32 {
    if (association.state == AssociationState.shutdownAckSent) {
      Control.bare(association, ChunkType.shutdownAck, out);
      OutOfTheBlue.complain(cookie.peerTag, ChunkType.error, Cause.cookieWhileShuttingDown, 0, 0, now, out);
      return Reason.wrongState;
    }
    Closing.lose(association, 'the peer has restarted', out);
    Handshake.fill(association, cookie);
    Handshake.establish(association, now, out);
    return Reason.handshake;
  }

  /** Fills a new association from the cookie. */
  private static fill(association: Association, cookie: Cookie): void {
    association.localPort = cookie.localPort;
    association.peerPort = cookie.peerPort;
    association.localTag = cookie.localTag;
    association.peerTag = cookie.peerTag;
    association.initialTsn = cookie.localTsn;
    association.features = cookie.features;
    cookie.getEndpoint(0, ours);
    for (let i: u32 = 0; i < cookie.pathCount; i++) {
      cookie.getEndpoint(1 + i, endpoint);
      // The first is the source of the INIT; the host that echoes the cookie is there.
      association.addPath(endpoint, ours, i == 0);
    }
    association.outgoing.open(cookie.outStreams, cookie.localTsn, cookie.peerWindow, association.features);
    association.incoming.open(cookie.inStreams, cookie.peerTsn, association.features);
    association.reconfiguration.open(association.initialTsn, cookie.peerTsn);
  }

  private static establish(association: Association, now: f64, out: Outcome): void {
    Handshake.made = association;
    Control.bare(association, ChunkType.cookieAck, out);
    Handshake.open(association, now, out);
  }

  private static open(association: Association, now: f64, out: Outcome): void {
    association.state = AssociationState.established;
    association.timer = Infinity;
    association.repeats = 0;
    association.errors = 0;
    association.cookieLength = 0;
    for (let i = 0; i < association.pathCount; i++) {
      const path = association.paths[i];
      // Addresses that the peer has only named must be proven first (RFC 9260 §5.4).
      if (path.isConfirmed) path.scheduleHeartbeat(now);
      else path.heartbeatAt = now;
    }
    Above.notice(association, ChunkType.cookieAck, out);
  }

  private static sendInitAck(
    tag: u32,
    tsn: u32,
    localTieTag: u32,
    peerTieTag: u32,
    now: f64,
    out: Outcome,
  ): void {
    const pathCount = Handshake.chooseAddresses();
    const cookieBytes = Cookie.bytesFor(pathCount);
    let length = INIT_BYTES + Handshake.featureBytes + CHUNK_HEADER + cookieBytes;
    for (let i = 0; i < Initiation.unrecognisedCount; i++)
      length += CHUNK_HEADER + Initiation.bytesOf(Initiation.unrecognisedAt(i));
    if (!OutOfTheBlue.open(Initiation.tag, length, out)) return;
    const at = Packet.chunk(ChunkType.initAck, 0, length);
    Handshake.putFixed(at, tag, tsn);
    let to = Handshake.putFeatures(at + 16);
    store16(to, ParameterType.cookie);
    store16(to + 2, CHUNK_HEADER + cookieBytes);
    Handshake.bake(to + 4, pathCount, tag, tsn, localTieTag, peerTieTag, now);
    to += CHUNK_HEADER + cookieBytes;
    for (let i = 0; i < Initiation.unrecognisedCount; i++) {
      const parameter = Initiation.unrecognisedAt(i);
      const bytes = Initiation.bytesOf(parameter);
      store16(to, ParameterType.unrecognised);
      store16(to + 2, CHUNK_HEADER + bytes);
      memory.copy(to + 4, parameter, bytes);
      to += CHUNK_HEADER + bytes;
    }
    Packet.send(out);
  }

  /**
   * Moves the usable addresses of the INIT besides its source to the front. Returns their number, with the
   * source.
   */
  private static chooseAddresses(): u32 {
    let count = 0;
    for (let i = 0; i < Initiation.addressCount && count < MOST_PATHS - 1; i++) {
      const address = Initiation.addresses[i];
      if (isSame(address, Carrier.source) || !isInReach(address, Carrier.source)) continue;
      Initiation.addresses[count++].copy(address);
    }
    Initiation.addressCount = count;
    return <u32>count + 1;
  }

  private static bake(
    at: usize,
    pathCount: u32,
    tag: u32,
    tsn: u32,
    localTieTag: u32,
    peerTieTag: u32,
    now: f64,
  ): void {
    const cookie = Cookies.begin(at, pathCount);
    cookie.localTag = tag;
    cookie.peerTag = Initiation.tag;
    cookie.localTieTag = localTieTag;
    cookie.peerTieTag = peerTieTag;
    cookie.localTsn = tsn;
    cookie.peerTsn = Initiation.tsn;
    cookie.peerWindow = Initiation.window;
    cookie.outStreams = <u16>min(Configuration.streams, Initiation.inStreams);
    cookie.inStreams = <u16>min(Configuration.streams, Initiation.outStreams);
    cookie.localPort = <u16>OutOfTheBlue.localPort;
    cookie.peerPort = <u16>OutOfTheBlue.peerPort;
    cookie.features = Initiation.features;
    cookie.setEndpoint(0, Carrier.destination);
    cookie.setEndpoint(1, Carrier.source);
    for (let i: u32 = 1; i < pathCount; i++) {
      const address = Initiation.addresses[i - 1];
      address.port = Carrier.source.port;
      cookie.setEndpoint(1 + i, address);
    }
    Cookies.seal(cookie, now, Initiation.extraLife);
  }

  private static putFixed(at: usize, tag: u32, tsn: u32): void {
    store32(at, tag);
    store32(at + 4, Configuration.receiveBlocks * BLOCK);
    store16(at + 8, Configuration.streams);
    store16(at + 10, Configuration.streams);
    store32(at + 12, tsn);
  }

  private static get featureBytes(): u32 {
    return FEATURES + (Configuration.hasZeroChecksum ? ZERO_CHECKSUM : 0);
  }

  /** Writes what this side supports, and returns the address behind it. */
  private static putFeatures(at: usize): usize {
    store16(at, ParameterType.forwardTsn);
    store16(at + 2, 4);
    store16(at + 4, ParameterType.extensions);
    const interleaving = ((<u32>ChunkType.iData) << 8) | <u32>ChunkType.iForwardTsn;
    store16(at + 6, Configuration.hasInterleaving ? 8 : 6);
    store32(
      at + 8,
      ((<u32>ChunkType.forwardTsn) << 24) |
        ((<u32>ChunkType.reConfig) << 16) |
        (Configuration.hasInterleaving ? interleaving : 0),
    );
    if (Configuration.hasZeroChecksum) {
      store16(at + FEATURES, ParameterType.zeroChecksum);
      store16(at + FEATURES + 2, ZERO_CHECKSUM);
      store32(at + FEATURES + 4, DTLS);
    }
    return at + Handshake.featureBytes;
  }

  /** Takes the addresses of an INIT ACK (RFC 9260 §5.1.2 C), with the UDP port of its sender. */
  private static addAddresses(association: Association): void {
    association.addPath(Carrier.source, Carrier.destination, true);
    for (let i = 0; i < Initiation.addressCount; i++) {
      const address = Initiation.addresses[i];
      if (!isInReach(address, Carrier.source)) continue;
      address.port = Carrier.source.port;
      ours.setIpv4(0, Carrier.destination.port);
      ours.isIpv6 = address.isIpv6;
      if (address.isIpv6 == Carrier.destination.isIpv6) ours.copy(Carrier.destination);
      association.addPath(address, ours, false);
    }
  }

  private static addsAddresses(association: Association): bool {
    if (association.pathTo(Carrier.source) < 0) return true;
    for (let i = 0; i < Initiation.addressCount; i++) {
      const address = Initiation.addresses[i];
      if (isInReach(address, Carrier.source) && association.pathTo(address) < 0) return true;
    }
    return false;
  }
}

function isSame(a: Endpoint, b: Endpoint): bool {
  return a.low == b.low && a.high == b.high && a.isIpv6 == b.isIpv6;
}

/**
 * Whether a peer at `source` can mean this address: private and link-local ones are valid only if `source` is
 * one.
 */
function isInReach(address: Endpoint, source: Endpoint): bool {
  return !isLocal(address) || (address.isIpv6 == source.isIpv6 && isLocal(source));
}

function isLocal(address: Endpoint): bool {
  if (address.isIpv6) return address.high >> 54 == 0x3fa || address.high >> 57 == 0x7e;
  const low = <u32>address.low;
  return low >> 24 == 10 || low >> 20 == 0xac1 || low >> 16 == 0xc0a8 || low >> 16 == 0xa9fe;
}
