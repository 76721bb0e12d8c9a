/*
 * srtp: protects RTP and RTCP with keys from its settings
 *
 * PURPOSE
 *   Encrypts and authenticates the media of a telephone or a program that cannot do so itself (SRTP and
 *   SRTCP). It knows nothing of signalling: both sides have their keys from their configuration.
 *
 * EDGES AND SHAPES
 *
 *                ┌────────┐
 *   plain (up) ──┤  srtp  ├── protected (down)
 *                └────────┘
 *
 *   plain       ip/udp, whole frames: the side of RTP and RTCP
 *   protected   ip/udp, whole frames: the side of SRTP and SRTCP
 *
 *   A frame grows by up to 152 bytes towards the protected side. Properties and offers of the network at one
 *   Edge hold at the other, but the protected side is encrypted and authenticated.
 *
 * SETTINGS
 *   suite          crypto suite: AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, the same with
 *                  AES_192_CM or AES_256_CM, AEAD_AES_128_GCM or AEAD_AES_256_GCM; default
 *                  AES_CM_128_HMAC_SHA1_80
 *   send-key       key for what this side sends: BASE64[|LIFETIME][|MKI:LENGTH], where BASE64 is the key
 *                  followed by the salt, as in SDES; required
 *   receive-key    key for what comes, in the same notation; repeated for several keys with MKIs of one
 *                  length; required
 *   port           UDP port, at either end, of packets that are protected; may be repeated; without it, all
 *                  ports are
 *   encrypted-extension  ID of an element of header extensions that is encrypted, 1 to 255 (RFC 6904); may
 *                  be repeated
 *   window         packets by which one may be late, a multiple of 64, up to 32768; default 128
 *   contexts       sources (SSRC) in each direction, 1 to 4096; the newest is refused; default 256
 *
 * WHAT PASSES
 *   RTP and RTCP of the port pass protected, and only with a right tag back. STUN, TURN, DTLS and ZRTP pass
 *   as they are (RFC 7983). All else on the port ends here. Datagrams of other ports pass as they are.
 *
 *   No index is encrypted twice with new contents. A sequence that begins anew under the same SSRC continues,
 *   renumbered, on the protected side; the first packet of it is lost, because it could be a late one
 *   (RFC 3550 A.1).
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     repeated           the plain side sent a packet again; it is not encrypted for a second time
 *   Lost:
 *     not-media          neither RTP, RTCP, STUN, TURN, DTLS nor ZRTP
 *     malformed          a length is wrong, or the packet is too short
 *     forged             the tag is wrong
 *     replayed           a packet with this index has come before
 *     too-old            older than the window
 *     late               a packet of the plain side that is older than the window
 *     unknown-key        an MKI that no setting has
 *     too-many-streams   there are as many sources as `contexts` permits
 *     key-used-up        the key has protected as many packets as it may, or the restored state is too old
 *     too-fast           more than 2000 packets of one source in a second
 *     too-large          larger than one frame
 *     no-room            the outcome of the call to the piece is full
 *     not-joined         the other Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   A key derivation rate other than 0. After a fault, or when its instance is replaced, it continues a
 *   source behind all indices that the old one can have used: a gap of 6000 sequence numbers, and 2000 more
 *   for each second since the state was saved. A source whose state is older than 13 seconds ends as
 *   `key-used-up`.
 *
 * SPECIFICATION
 *   RFC 3711, SRTP; RFC 4568 §6, keys and suites; RFC 6188, AES-192 and AES-256; RFC 7714, AES-GCM; RFC 6904
 *   and RFC 8285, encrypted header extensions; RFC 7983 and RFC 5761, what is RTP and RTCP.
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Frame,
  Kind,
  Outcome,
  PartMarks,
  Piece,
  protocolNumber,
  Reach,
  Role,
  room,
  Settings,
  State,
  Wish,
} from 'funnel-tunnel/as';
import { ElementIds } from './element-ids';
import { KeyParams } from './key-params';
import { Packet } from './packet';
import { Pending } from './pending';
import { BEHIND, FRONT } from './protection';
import { describeReasons, Reason } from './reasons';
import { Receiver } from './receiver';
import { Report } from './report';
import { Sender } from './sender';
import { SessionKeys } from './session-keys';
import { MOST_WINDOW } from './stream';
import { SUITES, Suite, suiteNamed } from './suite';

const PLAIN: u16 = 0;
const PROTECTED: u16 = 1;

class Srtp extends Piece {
  private suite: Suite = SUITES[0];
  private sendKey: KeyParams = new KeyParams();
  private receiveKeys: KeyParams[] = [];
  private ports: StaticArray<bool> = new StaticArray<bool>(65_536);
  private elements: ElementIds | null = null;
  private window: i32 = 0;
  private contexts: i32 = 0;
  private udp: u16 = 0;
  private sender: Sender = new Sender(1, 64);
  private receiver: Receiver = new Receiver(1, 64);

  describe(d: Description, settings: Settings): void {
    d.piece('srtp', '0.1.0', 'Protects RTP and RTCP with keys from its settings (SRTP).');
    d.setting('suite', Kind.Text, 'Crypto suite, by its name in RFC 4568, 6188 or 7714.', SUITES[0].name);
    d.required('send-key', Kind.Secret, 'Key and salt for what this side sends, in base64.');
    d.required('receive-key', Kind.Secret, 'Key and salt for what comes, in base64.').isRepeated();
    d.optional('port', Kind.Number, 'UDP port whose packets are protected; without it, all.')
      .range(1, 65_535)
      .isRepeated();
    d.optional('encrypted-extension', Kind.Number, 'ID of an element of header extensions that is encrypted.')
      .range(1, 255)
      .isRepeated();
    d.setting('window', Kind.Number, 'Packets by which one may be late.', '128');
    d.setting('contexts', Kind.Number, 'Sources (SSRC) in each direction.', '256');
    describeReasons(d);
    d.protocol('udp');
    this.read(settings);
    d.edge('plain')
      .shape('ip/udp', Direction.Up, Reach.WholeFrame)
      .wish(Wish.Available, 'encrypted')
      .wish(Wish.Available, 'authenticated');
    d.edge('protected').shape('ip/udp', Direction.Down, Reach.WholeFrame);
    d.curve(0, 0, 1, 0)
      .keeps('ordered')
      .keeps('duplicate-free')
      .keeps('framed')
      .keeps('size')
      .keeps('low-delay')
      .keepsOffers()
      .grows(BEHIND);
  }

  start(_now: f64, settings: Settings): void {
    this.udp = protocolNumber('udp');
    this.sender = new Sender(this.contexts, this.window);
    this.receiver = new Receiver(this.contexts, this.window);
    Report.start();
    const keys = new SessionKeys(this.suite);
    keys.elements = this.elements;
    if (!keys.derive(this.sendKey)) settings.problem('', 'The host has no cryptography for this piece');
    this.sender.keys = keys;
    for (let i = 0; i < this.receiveKeys.length; i++) {
      const each = new SessionKeys(this.suite);
      each.elements = this.elements;
      if (!each.derive(this.receiveKeys[i])) settings.problem('', 'The host has no more keys for this piece');
      this.receiver.keys.push(each);
    }
  }

  state(state: State): void {
    this.sender.state(state);
    this.receiver.state(state);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    Pending.open(batch.length);
    this.prepare(now, batch);
    this.finish(batch, out);
    Report.update(this.suite, this.receiver);
  }

  private read(settings: Settings): void {
    const suite = suiteNamed(settings.text('suite'));
    if (suite === null) {
      let names = '';
      for (let i = 0; i < SUITES.length; i++) names += (i > 0 ? ', ' : '') + SUITES[i].name;
      settings.problem('suite', 'must be one of ' + names + ', not ' + settings.text('suite'));
    } else {
      this.suite = suite;
    }
    this.receiveKeys = [];
    if (settings.has('send-key')) {
      const problem = this.sendKey.read(settings.text('send-key'), this.suite);
      if (problem.length > 0) settings.problem('send-key', problem);
    }
    for (let i = 0; i < settings.count('receive-key'); i++) {
      const key = new KeyParams();
      const problem = key.read(settings.at('receive-key', i), this.suite);
      if (problem.length > 0) settings.problem('receive-key', problem);
      else this.addReceiveKey(key, settings);
    }
    memory.fill(changetype<usize>(this.ports), settings.count('port') == 0 ? 1 : 0, 65_536);
    for (let i = 0; i < settings.count('port'); i++) {
      const port = <i32>parseInt(settings.at('port', i), 10);
      if (port >= 1 && port <= 65_535) this.ports[port] = true;
    }
    const count = settings.count('encrypted-extension');
    const elements = new ElementIds();
    for (let i = 0; i < count; i++) {
      const id = <i32>parseInt(settings.at('encrypted-extension', i), 10);
      if (id >= 1 && id <= 255) elements.add(id);
    }
    this.elements = count > 0 ? elements : null;
    this.window = <i32>settings.number('window', 64, MOST_WINDOW);
    if (this.window % 64 != 0) settings.problem('window', 'must be a multiple of 64');
    this.contexts = <i32>settings.number('contexts', 1, 4096);
    if (<i64>this.contexts * this.window > MOST_WINDOW_BITS)
      settings.problem('', 'contexts times window must not be more than 16777216');
  }

  /** The MKI distinguishes several keys, and its length is fixed (RFC 3711 §3.2.1). */
  private addReceiveKey(key: KeyParams, settings: Settings): void {
    for (let i = 0; i < this.receiveKeys.length; i++) {
      const other = this.receiveKeys[i];
      const length = other.mkiLength;
      if (length == 0 || key.mkiLength != length) {
        settings.problem('receive-key', 'must have MKIs of one length if there are several keys');
        return;
      }
      if (memory.compare(changetype<usize>(other.mki), changetype<usize>(key.mki), length) == 0) {
        settings.problem('receive-key', 'must have another MKI for each key');
        return;
      }
    }
    this.receiveKeys.push(key);
  }

  /** Decides for each frame whether it passes, ends, or is protected, and does the cryptography. */
  private prepare(now: f64, batch: Batch): void {
    Sender.begin(now);
    Receiver.begin();
    for (let i = 0; i < batch.length; i++) {
      if (this.isMedia(batch.frame(i), i, PLAIN)) this.sender.add(i);
    }
    Sender.protect();
    for (let i = 0; i < batch.length; i++) {
      if (this.isMedia(batch.frame(i), i, PROTECTED)) this.receiver.keep(i);
    }
    Receiver.unprotect();
  }

  /** Whether a frame of this Edge is RTP or RTCP, whose packet then stands in a room. */
  private isMedia(frame: Frame, i: i32, edge: u16): bool {
    if (describedEdge(frame.edge) != edge) return false;
    if (frame.hasMore || frame.isContinued) {
      Pending.refuse(i, Reason.tooLarge);
      return false;
    }
    if (!Packet.findBody(frame, this.udp)) return false;
    if (!this.ports[Packet.sourcePort] && !this.ports[Packet.destinationPort]) return false;
    const at = room(FRONT + Packet.length + BEHIND);
    if (at == 0) {
      Pending.refuse(i, Reason.noRoom);
      return false;
    }
    Packet.gather(frame, at + FRONT);
    return true;
  }

  private finish(batch: Batch, out: Outcome): void {
    const plain = edgeOf(PLAIN);
    const carrier = edgeOf(PROTECTED);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const to = describedEdge(frame.edge) == PLAIN ? carrier : plain;
      const reason = to < 0 ? Reason.notJoined : Pending.reason(i);
      if (reason >= 0) {
        out.end(frame.ticket, <u16>reason);
        continue;
      }
      if (!(Pending.isChanged(i) ? this.send(frame, i, <u16>to, out) : out.forward(frame, <u16>to, 0)))
        out.end(frame.ticket, <u16>Reason.noRoom);
    }
  }

  /** Sends a frame with its headers and another payload. */
  private send(frame: Frame, i: i32, to: u16, out: Outcome): bool {
    if (!out.begin(to, 0, frame.ticket)) return false;
    Packet.findBody(frame, this.udp);
    for (let n = 0; n < Packet.firstPart; n++) {
      const part = frame.part(n);
      if (!out.part(part.protocol, Role.Header, part.marks | PartMarks.Unfinished, part.offset, part.length))
        return this.cancelled(out);
    }
    if (!out.bytes(0, Role.Payload, 0, Pending.at(i), Pending.length(i))) return this.cancelled(out);
    out.skips(frame.skipHeaders, 0);
    return true;
  }

  private cancelled(out: Outcome): bool {
    out.cancel();
    return false;
  }
}

/** The windows of all streams of one direction have at most 4 MiB: two of them for each. */
const MOST_WINDOW_BITS: i64 = 16_777_216;

export function create(): Piece {
  return new Srtp();
}
