import { Outcome } from 'funnel-tunnel/as';
import { store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Addresses } from './addresses';
import { Association } from './association';
import { Carrier } from './carrier';
import { Configuration } from './configuration';
import { CHUNK_HEADER, ChunkType, INIT_BYTES, ParameterType } from './constants';
import { Cookie, Cookies } from './cookie';
import { DTLS, Initiation } from './initiation';
import { OutOfTheBlue } from './out-of-the-blue';
import { Packet } from './packet';
import { BLOCK } from './store';

/** Supported Address Types: IPv4 and IPv6. */
const ADDRESS_TYPES: u32 = 8;
const PRESERVATIVE: u32 = 8;
/** The parameter Forward-TSN-Supported (RFC 3758 §3.1), and Supported Extensions (RFC 5061 §4.2.7). */
const FEATURES: u32 = 12;
const ZERO_CHECKSUM: u32 = 8;

/** Sends INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3). */
export abstract class InitChunks {
  /** Sends the INIT of an association; `moreLife` is the time that its cookie is to live longer, in ms. */
  static sendInit(association: Association, moreLife: u32, out: Outcome): void {
    const length = INIT_BYTES + InitChunks.featureBytes + ADDRESS_TYPES + (moreLife > 0 ? PRESERVATIVE : 0);
    const path = association.current;
    if (!Packet.open(out, path.local, path.remote, length, association.localPort, association.peerPort, 0))
      return;
    const at = Packet.chunk(ChunkType.init, 0, length);
    InitChunks.putFixed(at, association.localTag, association.initialTsn);
    const to = InitChunks.putFeatures(at + 16);
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

  /** Sends an INIT ACK, whose cookie holds what the association needs. */
  static sendInitAck(tag: u32, tsn: u32, localTieTag: u32, peerTieTag: u32, now: f64, out: Outcome): void {
    const pathCount = Addresses.choose();
    const cookieBytes = Cookie.bytesFor(pathCount);
    let length = INIT_BYTES + InitChunks.featureBytes + CHUNK_HEADER + cookieBytes;
    for (let i = 0; i < Initiation.unrecognisedCount; i++)
      length += CHUNK_HEADER + Initiation.bytesOf(Initiation.unrecognisedAt(i));
    if (!OutOfTheBlue.open(Initiation.tag, length, out)) return;
    const at = Packet.chunk(ChunkType.initAck, 0, length);
    InitChunks.putFixed(at, tag, tsn);
    let to = InitChunks.putFeatures(at + 16);
    store16(to, ParameterType.cookie);
    store16(to + 2, CHUNK_HEADER + cookieBytes);
    InitChunks.bake(to + 4, pathCount, tag, tsn, localTieTag, peerTieTag, now);
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
    return at + InitChunks.featureBytes;
  }
}
