// Keys by DTLS on the port of the media (RFC 5763, RFC 5764). The host has the sessions and their keys.
//
//   a=fingerprint:sha-256 12:DF:…   the hash of the certificate
//   a=setup:actpass                 active begins as the client, passive waits
//   a=tls-id:…                      names the association (RFC 8842): another name is another association

import { Digest, Level, log, Party, random, Stage, State, TextEdit, Tls, Trusted } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { copyEndpoint, ENDPOINT_BYTES } from '../../sipproxy64/assembly/endpoint';
import { KeyParams } from '../../srtp/assembly/key-params';
import { SUITES } from '../../srtp/assembly/suite';
import { Agreement, Agreements } from './agreement';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { Line, Lines } from './lines';
import { Reason } from './reasons';
import { Secret } from './secret';
import { Note, Section, Session } from './session';
import { PROTECTED } from './sides';

/** The first wait for an answer; each further one is twice as long (RFC 6347 §4.2.4.1 permits it). */
const FIRST_WAIT_MS: f64 = 250;
const LONGEST_WAIT_MS: f64 = 8000;
/** A handshake that takes longer has failed. */
const SETUP_MS: f64 = 30_000;
/** How long a session stays to repeat its last flight (RFC 6347 §4.2.4). */
const LINGER_MS: f64 = 60_000;
/** Handshakes of one association, since any program may begin one with a wrong certificate. */
const MOST_ATTEMPTS: i32 = 4;
/** Steps in one call: each may take 0.4 ms. The peer sends again what is not taken. */
const MOST_STEPS: i32 = 4;
/** Leaves room for headers in 1280 bytes, the least MTU of IPv6. */
const DATAGRAM_BYTES: i32 = 1200;
const MOST_DIGEST: i32 = 64;
const MOST_FINGERPRINTS: i32 = 4;
const FINGERPRINT_BYTES: i32 = MOST_DIGEST + 2;

const enum Setup {
  none,
  actpass,
  active,
  passive,
}

const enum Phase {
  /** Nothing was agreed. */
  idle,
  /** A server that waits for the first message. */
  waiting,
  handshake,
  done,
  failed,
}

/** The association of a line. */
class Association {
  phase: Phase = Phase.idle;
  session: u32 = 0;
  isClient: bool = false;
  attempts: i32 = 0;
  /** When the last flight is repeated, and the wait until then; when the handshake or the session ends. */
  repeatAt: f64 = Infinity;
  wait: f64 = 0;
  endsAt: f64 = Infinity;
  /** A name of fingerprints and the `tls-id`: of the association, and of the last description; 0 for none. */
  agreed: u64 = 0;
  heard: u64 = 0;
  setup: Setup = Setup.none;
  /** Whether the last offer came from the peer. */
  isAnswerer: bool = false;
  /** Our own `tls-id`, which has 128 bits (RFC 8842 §4 wants 120 at least). */
  id: u64 = 0;
  idEnd: u64 = 0;
  count: i32 = 0;
  /** For each its digest, its length and its value. */
  fingerprints: StaticArray<u8> = new StaticArray<u8>(MOST_FINGERPRINTS * FINGERPRINT_BYTES);
  peer: usize = heap.alloc(ENDPOINT_BYTES);

  get isUnderWay(): bool {
    return this.phase == Phase.waiting || this.phase == Phase.handshake || this.phase == Phase.done;
  }

  close(): void {
    if (this.session != 0) Tls.close(this.session);
    this.session = 0;
    this.repeatAt = Infinity;
    this.endsAt = Infinity;
  }
}

const ownValue: usize = memory.data(MOST_DIGEST);
const profiles: usize = memory.data(8);
const own: KeyParams = new KeyParams();
const peer: KeyParams = new KeyParams();

export class Dtls extends Agreement {
  private all: StaticArray<Association> = new StaticArray<Association>(0);
  private nextAt: f64 = Infinity;
  private steps: i32 = 0;
  private ownLength: i32 = 0;

  start(lines: i32): void {
    this.all = new StaticArray<Association>(lines);
    for (let i = 0; i < lines; i++) this.all[i] = new Association();
    this.nextAt = Infinity;
    this.ownLength = Tls.ownFingerprint(Digest.Sha256, ownValue);
  }

  /** Whether the host has DTLS. */
  get isPossible(): bool {
    return this.ownLength > 0;
  }

  owns(at: usize, length: i32): bool {
    if (length == 0) return false;
    const first = load<u8>(at);
    return first >= 20 && first <= 63;
  }

  read(line: Line, section: Section, isOffer: bool): bool {
    const to = this.all[line.id];
    const setup = readSetup(section);
    const isFit = isOffer ? setup != Setup.none : setup == Setup.active || setup == Setup.passive;
    if (!isFit || !readFingerprints(to, section)) return false;
    to.setup = setup;
    to.isAnswerer = isOffer;
    return true;
  }

  write(edit: TextEdit, line: Line, isOffer: bool): void {
    const entry = this.all[line.id];
    if (entry.id == 0) {
      entry.id = random();
      entry.idEnd = random();
    }
    edit.text('a=fingerprint:sha-256 ');
    for (let i = 0; i < this.ownLength; i++) {
      if (i > 0) edit.text(':');
      writeHex(edit, load<u8>(ownValue + i));
    }
    edit.text('\r\na=setup:');
    if (isOffer) edit.text('actpass');
    else edit.text(this.becomesClient(entry) ? 'active' : 'passive');
    edit.text('\r\na=tls-id:').hex64(entry.id).hex64(entry.idEnd).text('\r\n');
  }

  settle(now: f64, line: Line): void {
    const entry = this.all[line.id];
    if (entry.isUnderWay && entry.agreed == entry.heard) return;
    entry.close();
    entry.isClient = this.becomesClient(entry);
    entry.agreed = entry.heard;
    entry.attempts = 0;
    entry.phase = Phase.waiting;
    entry.endsAt = now + SETUP_MS;
    copyEndpoint(entry.peer, line.placeOf(PROTECTED, 0));
    if (entry.isClient && this.open(entry)) this.step(now, line, entry, 0, 0);
    this.plan(entry);
  }

  take(now: f64, line: Line, kind: i32, at: usize, length: i32): Reason {
    const entry = this.all[line.id];
    if (kind != 0 || !entry.isUnderWay) return Reason.noKey;
    if (this.steps >= MOST_STEPS) return Reason.overload;
    // The peer sends from where it is, which a description may not know.
    if (entry.phase != Phase.done) copyEndpoint(entry.peer, Datagram.source);
    if (entry.session == 0 && (entry.phase == Phase.done || entry.isClient || !this.open(entry)))
      return Reason.noKey;
    this.step(now, line, entry, at, length);
    this.plan(entry);
    return Reason.agreement;
  }

  wake(now: f64): f64 {
    if (now >= this.nextAt) {
      this.nextAt = Infinity;
      for (let i = 0; i < this.all.length; i++) {
        const entry = this.all[i];
        if (entry.phase == Phase.idle) continue;
        if (now >= entry.endsAt) this.expire(entry);
        else if (now >= entry.repeatAt && this.steps < MOST_STEPS) this.repeat(now, Lines.at(i), entry);
        this.plan(entry);
      }
    }
    this.steps = 0;
    return this.nextAt;
  }

  /** Each fork has an association of its own; the offer that went to all has one `tls-id`. */
  fork(from: i32, line: i32): void {
    const entry = this.all[line];
    const other = this.all[from];
    entry.heard = other.heard;
    entry.setup = other.setup;
    entry.isAnswerer = other.isAnswerer;
    entry.id = other.id;
    entry.idEnd = other.idEnd;
    entry.count = other.count;
    memory.copy(
      changetype<usize>(entry.fingerprints),
      changetype<usize>(other.fingerprints),
      MOST_FINGERPRINTS * FINGERPRINT_BYTES,
    );
  }

  end(line: i32): void {
    const entry = this.all[line];
    entry.close();
    entry.phase = Phase.idle;
    entry.agreed = entry.heard = entry.id = entry.idEnd = 0;
    entry.count = 0;
    entry.attempts = 0;
  }

  /** Sessions end with the instance, and a new one has another certificate. So the next offer begins anew. */
  state(state: State): void {
    const count = state.count(this.all.length, this.all.length);
    for (let i = 0; i < count; i++) {
      const entry = this.all[i];
      entry.heard = state.u64(entry.heard);
      entry.setup = <Setup>state.u8(<u8>entry.setup);
      entry.isAnswerer = state.bool(entry.isAnswerer);
    }
  }

  /** The part that was agreed stays while the association does (RFC 5763 §6.6). */
  private becomesClient(entry: Association): bool {
    if (entry.isUnderWay && entry.agreed == entry.heard) return entry.isClient;
    return entry.isAnswerer ? entry.setup != Setup.active : entry.setup == Setup.passive;
  }

  private open(entry: Association): bool {
    if (entry.attempts >= MOST_ATTEMPTS) return false;
    let count = 0;
    for (let i = 0; i < Configuration.suites.length; i++) {
      const profile = profileOf(Configuration.suites[i]);
      if (profile != 0) store<u8>(profiles + count++, profile);
    }
    Trusted.begin();
    for (let i = 0; i < entry.count; i++) {
      const at = changetype<usize>(entry.fingerprints) + i * FINGERPRINT_BYTES;
      Trusted.add(load<u8>(at), at + 2, load<u8>(at, 1));
    }
    entry.session = Tls.open(entry.isClient ? Party.Client : Party.Server, profiles, count, DATAGRAM_BYTES);
    if (entry.session == 0) return false;
    entry.attempts++;
    entry.phase = Phase.handshake;
    return true;
  }

  /** Takes a datagram, or begins. */
  private step(now: f64, line: Line, entry: Association, at: usize, length: i32): void {
    this.steps++;
    const progress = Tls.receive(entry.session, at, length);
    this.send(line, entry, progress.datagrams.address, progress.datagrams.length);
    const stage = progress.stage;
    if (stage == Stage.Handshake) {
      entry.wait = FIRST_WAIT_MS;
      entry.repeatAt = now + FIRST_WAIT_MS;
      return;
    }
    if (stage == Stage.Established) {
      if (entry.phase == Phase.handshake) this.finish(now, line, entry);
      return;
    }
    if (entry.phase == Phase.done) return entry.close();
    this.fail(
      entry,
      stage == Stage.Untrusted
        ? 'the certificate of a peer is not the one in its description: its media is refused'
        : 'a handshake of DTLS with a peer failed',
    );
  }

  private repeat(now: f64, line: Line, entry: Association): void {
    this.steps++;
    const progress = Tls.expire(entry.session);
    this.send(line, entry, progress.datagrams.address, progress.datagrams.length);
    if (progress.stage != Stage.Handshake) return this.fail(entry, 'a handshake of DTLS with a peer failed');
    entry.wait = min(entry.wait * 2, LONGEST_WAIT_MS);
    entry.repeatAt = now + entry.wait;
  }

  private finish(now: f64, line: Line, entry: Association): void {
    const keys = Tls.exportKeys(entry.session);
    const suite = suiteOf(keys.profile);
    if (suite < 0) return this.fail(entry, 'a peer and the piece have no profile of SRTP in common');
    const bytes = SUITES[suite].keyBytes;
    own.hosted = entry.isClient ? keys.clientKey : keys.serverKey;
    peer.hosted = entry.isClient ? keys.serverKey : keys.clientKey;
    const client = keys.clientSalt.address;
    const server = keys.serverSalt.address;
    const saltBytes = SUITES[suite].saltBytes;
    memory.copy(changetype<usize>(own.bytes) + bytes, entry.isClient ? client : server, saltBytes);
    memory.copy(changetype<usize>(peer.bytes) + bytes, entry.isClient ? server : client, saltBytes);
    if (!line.agree(now, suite, own, peer)) return this.fail(entry, 'the host has no more keys for a peer');
    entry.phase = Phase.done;
    entry.repeatAt = Infinity;
    entry.endsAt = now + LINGER_MS;
  }

  /** The association has failed. A server may wait for the right peer, as often as attempts permit. */
  private fail(entry: Association, why: string): void {
    const endsAt = entry.endsAt;
    entry.close();
    Dtls.failures++;
    log(Level.Warn, why);
    if (entry.isClient || entry.attempts >= MOST_ATTEMPTS) {
      entry.phase = Phase.failed;
      return;
    }
    entry.phase = Phase.waiting;
    entry.endsAt = endsAt;
  }

  private expire(entry: Association): void {
    const isDone = entry.phase == Phase.done;
    entry.close();
    if (isDone) return;
    entry.phase = Phase.failed;
    Dtls.failures++;
    log(Level.Warn, 'a peer has not finished its handshake of DTLS in time');
  }

  /** Sends datagrams, each of which has its length in front. */
  private send(line: Line, entry: Association, at: usize, length: i32): void {
    const end = at + length;
    while (at + 2 <= end) {
      const size = ((<i32>load<u8>(at)) << 8) | <i32>load<u8>(at, 1);
      // A datagram without room is lost, and repeated.
      Agreements.send(line, 0, entry.peer, at + 2, size);
      at += 2 + size;
    }
  }

  private plan(entry: Association): void {
    this.nextAt = min(this.nextAt, min(entry.repeatAt, entry.endsAt));
  }

  /** For the status. */
  static failures: u64 = 0;
}

function readSetup(section: Section): Setup {
  let found = Setup.none;
  // The attributes of a line have precedence over those in front of all lines.
  for (let round = 0; round < 2; round++) {
    const from = round == 0 ? Session.head : section;
    for (let i = 0; i < from.noteCount; i++) {
      if (!from.isNote(i, Note.setup)) continue;
      const at = from.noteAt(i);
      const to = from.noteTo(i);
      found = Ascii.is(at, to, 'actpass')
        ? Setup.actpass
        : Ascii.is(at, to, 'active')
          ? Setup.active
          : Ascii.is(at, to, 'passive')
            ? Setup.passive
            : Setup.none;
    }
  }
  return found;
}

/** Reads the fingerprints of a line, or of all lines. False without one whose hash is known (RFC 8122). */
function readFingerprints(to: Association, section: Section): bool {
  let from = section;
  if (!hasFingerprint(section)) from = Session.head;
  to.count = 0;
  const hash = Secret.hash.begin();
  for (let i = 0; i < from.noteCount && to.count < MOST_FINGERPRINTS; i++) {
    if (!from.isNote(i, Note.fingerprint)) continue;
    const at = changetype<usize>(to.fingerprints) + to.count * FINGERPRINT_BYTES;
    if (!readFingerprint(from.noteAt(i), from.noteTo(i), at)) continue;
    hash.bytes(at, at + 2 + load<u8>(at, 1));
    to.count++;
  }
  for (let i = 0; i < section.noteCount; i++)
    if (section.isNote(i, Note.tlsId)) hash.bytes(section.noteAt(i), section.noteTo(i));
  to.heard = hash.end() | 1;
  return to.count > 0;
}

function hasFingerprint(section: Section): bool {
  for (let i = 0; i < section.noteCount; i++) if (section.isNote(i, Note.fingerprint)) return true;
  return false;
}

/** `sha-256 12:DF:…`, without regard to case. Writes the digest, the length and the value. */
function readFingerprint(from: usize, to: usize, into: usize): bool {
  const nameTo = Ascii.find(from, to, Ascii.SPACE);
  let length = 0;
  if (Ascii.is(from, nameTo, 'sha-256')) {
    store<u8>(into, Digest.Sha256);
    length = 32;
  } else if (Ascii.is(from, nameTo, 'sha-384')) {
    store<u8>(into, Digest.Sha384);
    length = 48;
  } else if (Ascii.is(from, nameTo, 'sha-512')) {
    store<u8>(into, Digest.Sha512);
    length = 64;
  } else if (Configuration.takesSha1 && Ascii.is(from, nameTo, 'sha-1')) {
    store<u8>(into, Digest.Sha1);
    length = 20;
  } else return false;
  store<u8>(into, length, 1);
  let at = nameTo + 1;
  for (let i = 0; i < length; i++) {
    if (at + 2 > to || (i > 0 && load<u8>(at - 1) != 0x3a)) return false;
    const high = Ascii.hexDigit(load<u8>(at));
    const low = Ascii.hexDigit(load<u8>(at + 1));
    if (high < 0 || low < 0) return false;
    store<u8>(into + 2 + i, (high << 4) | low);
    at += 3;
  }
  return at == to + 1;
}

function writeHex(edit: TextEdit, byte: u32): void {
  edit.text(HEX.charAt(byte >> 4)).text(HEX.charAt(byte & 15));
}

const HEX: string = '0123456789ABCDEF';

/** The profile of a suite (RFC 5764 §4.1.2, RFC 7714 §14.2); 0 for none. */
function profileOf(suite: i32): u8 {
  const name = SUITES[suite].name;
  if (name == 'AES_CM_128_HMAC_SHA1_80') return 1;
  if (name == 'AES_CM_128_HMAC_SHA1_32') return 2;
  if (name == 'AEAD_AES_128_GCM') return 7;
  return name == 'AEAD_AES_256_GCM' ? 8 : 0;
}

function suiteOf(profile: u8): i32 {
  if (profile != 0) for (let i = 0; i < SUITES.length; i++) if (profileOf(i) == profile) return i;
  return -1;
}
