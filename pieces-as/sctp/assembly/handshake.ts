import { Outcome, random } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { Above } from './above';
import { Addresses } from './addresses';
import { Association, Associations, MOST_COOKIE } from './association';
import { Closing } from './closing';
import { Configuration } from './configuration';
import { AssociationState, Cause, CHUNK_HEADER, ChunkType, LEAST_WINDOW, ParameterType } from './constants';
import { Control } from './control';
import { Cookie, Cookies } from './cookie';
import { InitChunks } from './init-chunks';
import { Initiation } from './initiation';
import { OutOfTheBlue } from './out-of-the-blue';
import { Packet } from './packet';
import { Reason } from './reasons';

const scratch: usize = memory.data(64, 8);
const endpoint: Endpoint = new Endpoint();
const ours: Endpoint = new Endpoint();
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
    InitChunks.sendInit(association, 0, out);
    association.timer = now + association.paths[0].rto;
    return association;
  }

  /** A random tag that is not 0 (RFC 9260 §5.3.1). */
  static newTag(): u32 {
    const bits = random();
    const tag = <u32>bits;
    return tag != 0 ? tag : <u32>(bits >> 32) | 1;
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
      InitChunks.sendInitAck(Handshake.newTag(), <u32>random(), 0, 0, now, out);
      return Reason.handshake;
    }
    // RFC 9260 §9.2: the peer has not received the end yet.
    if (association.state == AssociationState.shutdownAckSent) {
      Control.bare(association, ChunkType.shutdownAck, out);
      return Reason.handshake;
    }
    const isForming = association.state <= AssociationState.cookieEchoed;
    if (!isForming || association.state == AssociationState.cookieEchoed) {
      if (Addresses.hasNewFor(association)) {
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
    InitChunks.sendInitAck(tag, tsn, association.localTieTag, association.peerTieTag, now, out);
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
    Addresses.addTo(association);
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
    InitChunks.sendInit(association, microseconds / 1000 + <u32>association.current.rto, out);
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
}
