import { random, State } from 'funnel-tunnel/as';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { MOST_PATHS } from './association';
import { Configuration } from './configuration';
import { DIGEST_BYTES, hmacSha256 } from './sha256';

const FIXED: u32 = 88;
const ENDPOINT: u32 = 24;
const MOST_BYTES: u32 = FIXED + ENDPOINT * (1 + <u32>MOST_PATHS);
/** The lifetime of a secret. The secret before it remains valid. */
const SECRET_MS: f64 = 3_600_000;

const secrets: usize = memory.data(64, 8);
const digest: usize = memory.data(32, 8);

/**
 * Our State Cookie (RFC 9260 §5.1.3). It holds all that is needed to make the association when it comes back,
 * with a MAC, so that the piece keeps nothing before that. Only this piece reads it, so numbers have the byte
 * order of memory.
 */
// @ts-expect-error: decorator
@unmanaged
export class Cookie {
  private mac0: u64;
  private mac1: u64;
  private mac2: u64;
  private mac3: u64;
  /** The time of its making, in milliseconds since the piece's epoch, and its lifetime. */
  created: u32;
  life: u32;
  localTag: u32;
  peerTag: u32;
  localTieTag: u32;
  peerTieTag: u32;
  localTsn: u32;
  peerTsn: u32;
  peerWindow: u32;
  outStreams: u16;
  inStreams: u16;
  localPort: u16;
  peerPort: u16;
  pathCount: u32;
  features: u32;

  /** The size of a cookie with this many addresses of the peer. */
  static bytesFor(pathCount: u32): u32 {
    return FIXED + ENDPOINT * (1 + pathCount);
  }

  /** Writes an address to the n-th place; the first is ours. */
  setEndpoint(n: u32, endpoint: Endpoint): void {
    const at = changetype<usize>(this) + FIXED + n * ENDPOINT;
    store<u64>(at, endpoint.high);
    store<u64>(at, endpoint.low, 8);
    store<u32>(at, endpoint.port, 16);
    store<u32>(at, endpoint.isIpv6 ? 1 : 0, 20);
  }

  getEndpoint(n: u32, endpoint: Endpoint): void {
    const at = changetype<usize>(this) + FIXED + n * ENDPOINT;
    endpoint.high = load<u64>(at);
    endpoint.low = load<u64>(at, 8);
    endpoint.port = load<u32>(at, 16);
    endpoint.isIpv6 = load<u32>(at, 20) != 0;
  }
}

/** Makes cookies, and recognises its own. */
export abstract class Cookies {
  private static epoch: f64 = 0;
  private static renewAt: f64 = 0;

  static start(now: f64): void {
    Cookies.epoch = now;
    Cookies.renewAt = now + SECRET_MS;
    Cookies.fillSecret(0);
    Cookies.fillSecret(32);
  }

  /** Begins a cookie for this many addresses of the peer, without contents. */
  static begin(at: usize, pathCount: u32): Cookie {
    memory.fill(at, 0, Cookie.bytesFor(pathCount));
    const cookie = changetype<Cookie>(at);
    cookie.pathCount = pathCount;
    return cookie;
  }

  /** Completes the cookie with its time and its MAC. */
  static seal(cookie: Cookie, now: f64, extraLife: u32): void {
    Cookies.renew(now);
    cookie.created = Cookies.clock(now);
    // A peer that requests more gets at most twice the lifetime (RFC 9260 §5.2.6).
    cookie.life = <u32>(Configuration.cookieLife + min(<f64>extraLife, Configuration.cookieLife));
    const at = changetype<usize>(cookie);
    hmacSha256(secrets, at + DIGEST_BYTES, Cookie.bytesFor(cookie.pathCount) - DIGEST_BYTES, at);
  }

  /** Whether this piece made the cookie and it is unchanged; an address of any alignment. */
  static isOurs(at: usize, length: u32, now: f64): bool {
    if (
      length < Cookie.bytesFor(1) ||
      length > MOST_BYTES ||
      length != Cookie.bytesFor(changetype<Cookie>(at).pathCount)
    )
      return false;
    Cookies.renew(now);
    return Cookies.hasMac(at, length, secrets) || Cookies.hasMac(at, length, secrets + 32);
  }

  /** The milliseconds by which a cookie is too old; 0 if it is valid. */
  static staleness(cookie: Cookie, now: f64): u32 {
    const age = Cookies.clock(now) - cookie.created;
    return age > cookie.life ? age - cookie.life : 0;
  }

  static state(state: State): void {
    state.bytes(secrets, 64);
    Cookies.epoch = state.instant(Cookies.epoch);
    Cookies.renewAt = state.instant(Cookies.renewAt);
  }

  private static clock(now: f64): u32 {
    return <u32>(<u64>(now - Cookies.epoch));
  }

  private static renew(now: f64): void {
    if (now < Cookies.renewAt) return;
    memory.copy(secrets + 32, secrets, 32);
    Cookies.fillSecret(0);
    Cookies.renewAt = now + SECRET_MS;
  }

  private static fillSecret(offset: usize): void {
    for (let i: usize = 0; i < 32; i += 8) store<u64>(secrets + offset + i, random());
  }

  /** Compares all bytes, whichever is the first that differs, so that the time reveals nothing. */
  private static hasMac(at: usize, length: u32, secret: usize): bool {
    hmacSha256(secret, at + DIGEST_BYTES, length - DIGEST_BYTES, digest);
    let difference: u64 = 0;
    for (let i: usize = 0; i < DIGEST_BYTES; i += 8) difference |= load<u64>(at + i) ^ load<u64>(digest + i);
    return difference == 0;
  }
}
