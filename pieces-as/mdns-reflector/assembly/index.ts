/*
 * mdns-reflector: the changes of one site's mDNS records for another site
 *
 * PURPOSE
 *   Hosts of two sites find each other's services by multicast DNS. No packet crosses: each side keeps the
 *   records that its hosts announce, and sends only their changes. The other side announces them, and answers
 *   for them, as their owner does on its own link.
 *
 * EDGES AND SHAPES
 *
 *              ┌──────────────────┐
 *   lan (down) ┤  mdns-reflector  ├ far (down)
 *              └──────────────────┘
 *
 *   lan   ip/udp/local:5353, whole frames: the link of the hosts. It offers `group` 224.0.0.251:5353
 *   far   ip/sctp/local:PORT/sctp-data, whole frames: messages to and from the reflector of the far side
 *
 *   `far` requires `reliable`, `ordered`, `duplicate-free` and `framed`.
 *
 * SETTINGS
 *   port          the SCTP port of this side; default 4296
 *   remote        the address of the far side; when not given, the far side contacts this one
 *   remote-port   its SCTP port; the same as `port` when not given
 *   records       records of each side that are known at a time, 1 to 4096; default 1024
 *   grace         time without a message of the far side after which its records end here, with goodbyes;
 *                 60s or longer; default 120s
 *   again         time before the same question crosses once more; default 60s
 *
 * WHAT CROSSES
 *   A record below `local` or `arpa` when a host announces it, when it changes, and when it ends: by a
 *   goodbye, by a record with the cache-flush bit, or because its owner does not answer before its time to
 *   live ends. The piece asks the owner at 80, 85, 90 and 95 % of that time. A question of a host crosses
 *   once in `again`; the far side asks it on its own link. A record that the far side knows has no end there
 *   until a message ends it, so repeated announcements stay on their link. Addresses of one link (fe80::/10,
 *   169.254.0.0/16) do not cross.
 *
 *   A record of the far side is announced twice, a second apart. Records are multicast once a second at most,
 *   except to defend them against a probe. Known answers suppress, also those of further packets. A response
 *   goes by unicast where the question allows it, or comes from another port than 5353.
 *
 *   A record that comes from both sides is that of this side, and does not return. Where a host here has
 *   the name of a unique record of the far side, with other data, the record of the far side is not
 *   announced. So announcements between several sites end, and no host is renamed again and again. For ten
 *   seconds after its goodbye, a record of the far side is not learned from other reflectors; so it also ends
 *   in rings of up to ten sites.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     taken         the packet of mDNS was read; only its changes cross
 *     control       the message of the far side was read
 *     ignored       the packet has another operation, an error code, or comes from another port than mDNS
 *                   demands
 *   Lost:
 *     malformed     the packet is no mDNS over IPv4, or contradicts itself
 *     bad-message   the message of the far side is impossible, or of another version
 *     stranger      the message comes from another host than the far side
 *     table-full    as many records are known as `records` allows, or a record has more than 1024 bytes
 *     conflict      a host here has the name of a unique record of the far side
 *
 * WHAT IT DOES NOT DO
 *   It speaks mDNS over IPv4 alone; records with IPv6 addresses cross. It does not probe, because the owner
 *   has probed on its own link; it defends its records against probes. It encrypts and authenticates nothing.
 *   The questions of the last minute are forgotten when the instance is replaced; records are not.
 *
 * SPECIFICATION
 *   RFC 6762; RFC 1035 §4.1. Funnel Tunnel Specification, "SCTP concentrators".
 */
import {
  Batch,
  Description,
  Direction,
  describedEdge,
  edgeOf,
  Frame,
  Joining,
  Outcome,
  offerText,
  Piece,
  Reach,
  random,
  Settings,
  State,
  Wish,
} from 'funnel-tunnel/as';
import { Body } from '../../sctp/assembly/body';
import { Asked } from './asked';
import { Configuration } from './configuration';
import { Far, Kind, REPLY, UNIQUE } from './far';
import { GROUP, Lan, PORT } from './lan';
import { CLASS_IN, Message, TOP_BIT, Type } from './message';
import { isOfMulticast, sizeOfName } from './names';
import { describeReasons, Reason } from './reasons';
import { Report } from './report';
import { Change, canCross, Entry, isOfLink, Origin, Table } from './table';

const LAN: u16 = 0;
const FAR: u16 = 1;
const GROUP_OFFER: string = '224.0.0.251:5353';
/** A response, and its sender has authority (RFC 6762 §18). */
const RESPONSE: u32 = 0x8400;
const OPERATION_AND_ERROR: u32 = 0x780f;
const TRUNCATED: u32 = 0x0200;
/** RFC 6762 §6, §8.3, §10.1: between two multicasts of a record, and until a goodbye or a flush acts. */
const SECOND: f64 = 1000;
/** RFC 6762 §6: after this time a record may be multicast again in defence against a probe. */
const DEFENCE_MS: f64 = 250;
/** RFC 6762 §6.7. */
const LEGACY_TTL: u32 = 10;
/**
 * A goodbye takes a second for each link. For this time after it, a record is not learned from a reflector
 * that has not got the news. So it ends in rings of up to ten sites.
 */
const HOLD_MS: f64 = 10_000;
const MOST_QUESTIONS: u32 = 64;
const MOST_ASKED: i32 = 256;
const MOST_IN_PACKET: i32 = 128;
const HELLO_MS: f64 = 5000;
const ALIVE_MS: f64 = 30_000;
/** The time until a full Edge `far` is tried again. */
const FULL_MS: f64 = 50;
const REFRESHES: i32 = 4;

class MdnsReflector extends Piece {
  private table: Table = new Table();
  private isFull: bool = false;
  /** When something is due for a record. */
  private next: f64 = Infinity;
  /** Records that the query asks for, and those in the packet that is being written. */
  private asked: StaticArray<i32> = new StaticArray<i32>(MOST_ASKED);
  private askedCount: i32 = 0;
  private packed: StaticArray<i32> = new StaticArray<i32>(MOST_IN_PACKET);
  private packedCount: i32 = 0;
  /** The sender of the last query whose known answers go on in its next packet. */
  private truncatedFrom: u32 = 0;

  /** The far side has said hello, and not been silent for longer than `grace` since. */
  private isTogether: bool = false;
  private owesReply: bool = false;
  private owesHello: bool = false;
  private owesEnd: bool = false;
  private hasChanges: bool = false;
  private sentCount: u32 = 0;
  private receivedCount: u32 = 0;
  private heardAt: f64 = 0;
  private helloAt: f64 = 0;
  private aliveAt: f64 = 0;

  describe(d: Description, settings: Settings): void {
    d.piece('mdns-reflector', '0.1.0', 'Carries the changes of mDNS records between two sites.');
    Configuration.describe(d);
    describeReasons(d);
    Configuration.read(settings);
    Far.describe(d);
    Lan.describe(d);
    d.edge('lan').shape('ip/udp/local:5353', Direction.Down, Reach.WholeFrame);
    const far = d.edge('far');
    far.shape(
      'ip/sctp/local:' + Configuration.port.toString() + '/sctp-data',
      Direction.Down,
      Reach.WholeFrame,
    );
    const wanted = ['reliable', 'ordered', 'duplicate-free', 'framed'];
    for (let i = 0; i < wanted.length; i++) far.wish(Wish.Required, wanted[i]);
    d.curve(LAN, 0, FAR, 0).isOpaque();
  }

  start(_now: f64, _settings: Settings): void {
    this.table = new Table();
    Asked.start();
    Lan.start();
    Far.start();
    Report.start();
    this.report();
  }

  join(joining: Joining): void {
    if (joining.described == FAR) {
      Far.edge = joining.edge;
    } else {
      Lan.edge = joining.edge;
      offerText(joining.edge, 'group', GROUP_OFFER, true);
      // Hosts of this link do not know the records of the far side.
      for (let i = 0; i < this.table.size; i++) {
        const entry = this.table.all[i];
        if (entry.origin == Origin.far && !entry.isGoodbye) this.announce(entry, 0);
      }
      this.next = 0;
    }
    this.report();
  }

  leave(_edge: u16, _shape: u16): void {
    if (edgeOf(FAR) < 0) {
      Far.edge = -1;
      Far.isFull = false;
    }
    if (edgeOf(LAN) < 0) Lan.edge = -1;
    this.report();
  }

  ready(edge: u16, ready: bool): void {
    if (<i32>edge == Far.edge) Far.isFull = !ready;
  }

  state(state: State): void {
    Far.state(state);
    this.table.state(state);
    this.isTogether = state.bool(this.isTogether);
    this.owesReply = state.bool(this.owesReply);
    this.owesHello = state.bool(this.owesHello);
    this.owesEnd = state.bool(this.owesEnd);
    this.sentCount = state.u32(this.sentCount);
    this.receivedCount = state.u32(this.receivedCount);
    this.heardAt = state.instant(this.heardAt);
    this.helloAt = state.instant(this.helloAt);
    this.aliveAt = state.instant(this.aliveAt);
    if (!state.isRestoring) return;
    this.hasChanges = true;
    this.next = 0;
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const isLan = describedEdge(frame.edge) == LAN;
      const reason = isLan ? this.takeLan(frame, now, out) : this.takeFar(frame, now, out);
      out.end(frame.ticket, <u16>reason);
    }
    if (this.next <= now) this.tick(now, out);
    const farNext = this.tell(now, out);
    this.report();
    out.wakeAt(min(this.next, farNext));
  }

  private report(): void {
    Report.update(this.isTogether, this.table.hereCount, this.table.farCount, this.isFull);
  }

  private due(entry: Entry, at: f64): void {
    entry.dueAt = min(entry.dueAt, at);
    this.next = min(this.next, entry.dueAt);
  }

  private announce(entry: Entry, at: f64): void {
    entry.announces = 2;
    this.due(entry, at);
  }

  // ---- The link of the hosts.

  private takeLan(frame: Frame, now: f64, out: Outcome): i32 {
    if (frame.hasMore || frame.isContinued || !Lan.read(frame, out)) return Reason.malformed;
    if (!Message.begin(Body.at, Body.length)) return Reason.malformed;
    if ((Message.flags & OPERATION_AND_ERROR) != 0) return Reason.ignored;
    if ((Message.flags & 0x8000) == 0) return this.takeQuery(now, out);
    // RFC 6762 §6: a response from another port is none.
    return Lan.sourcePort == PORT ? this.takeResponse(now) : Reason.ignored;
  }

  private takeResponse(now: f64): i32 {
    for (let n: u32 = 0; n < Message.questions; n++) if (!Message.readQuestion()) return Reason.malformed;
    const count = Message.answers + Message.authorities + Message.additionals;
    let reason: i32 = Reason.taken;
    for (let n: u32 = 0; n < count; n++) {
      if (!Message.readRecord()) return Reason.malformed;
      const isAuthority = n >= Message.answers && n < Message.answers + Message.authorities;
      if (!isAuthority && !this.learn(now)) reason = Reason.tableFull;
    }
    return reason;
  }

  /** Learns the record that was read. False if there is no room for it. */
  private learn(now: f64): bool {
    const type = Message.type;
    if (!canCross(type, Message.cls & ~TOP_BIT) || !isOfMulticast(Message.name, Message.nameSize))
      return true;
    if (Message.isTooLarge) return Message.ttl == 0;
    if (isOfLink(type, Message.data, Message.dataSize)) return true;
    const table = this.table;
    const i = table.find(Message.name, Message.nameSize, type, Message.data, Message.dataSize);
    if (i >= 0 && table.all[i].origin != Origin.here) {
      if (table.all[i].origin == Origin.far) this.hearOurs(table.all[i], now);
      return true;
    }
    const isUnique = (Message.cls & TOP_BIT) != 0;
    if (isUnique && Message.ttl > 0) this.flush(i, now);
    if (i >= 0) {
      this.hearAgain(table.all[i], isUnique, now);
      return true;
    }
    if (Message.ttl == 0) return true;
    const added = table.add(
      Origin.here,
      Message.name,
      Message.nameSize,
      type,
      Message.data,
      Message.dataSize,
    );
    this.isFull = added < 0;
    if (added < 0) return false;
    const entry = table.all[added];
    entry.isUnique = isUnique;
    entry.ttl = Message.ttl;
    this.live(entry, now);
    this.change(entry, Change.added);
    if (isUnique) this.judge(entry.name, entry.nameSize, type, now);
    return true;
  }

  /** A record of the far side was multicast here: by us, or by another reflector. */
  private hearOurs(entry: Entry, now: f64): void {
    if (Message.ttl == 0) {
      if (!entry.isGoodbye && !entry.isConflicting) this.due(entry, now);
      return;
    }
    // RFC 6762 §7.4: another has answered.
    if (Message.ttl >= entry.ttl && entry.announces == 0 && !entry.isGoodbye) entry.dueAt = Infinity;
  }

  private hearAgain(entry: Entry, isUnique: bool, now: f64): void {
    if (Message.ttl == 0) {
      // RFC 6762 §10.1: another host may rescue the record within a second.
      entry.endsAt = min(entry.endsAt, now + SECOND);
      this.next = min(this.next, entry.endsAt);
      return;
    }
    const hasChanged = entry.ttl != Message.ttl || entry.isUnique != isUnique;
    entry.ttl = Message.ttl;
    entry.isUnique = isUnique;
    this.live(entry, now);
    // The far side knows a record whose end it has not been sent.
    if (entry.change == Change.gone) entry.change = Change.none;
    if (hasChanged || !entry.isTold) this.change(entry, Change.added);
  }

  private live(entry: Entry, now: f64): void {
    entry.heardAt = now;
    entry.endsAt = now + <f64>entry.ttl * SECOND;
    entry.refreshes = 0;
    this.next = min(this.next, refreshAt(entry));
  }

  private change(entry: Entry, change: i32): void {
    entry.change = change;
    this.hasChanges = true;
  }

  /** RFC 6762 §10.2: a unique record ends others of its name and type that are older than a second. */
  private flush(except: i32, now: f64): void {
    const table = this.table;
    for (let i = table.first(Message.name, Message.nameSize); i >= 0; i = table.all[i].next) {
      const each = table.all[i];
      if (i == except || each.origin != Origin.here || each.type != Message.type) continue;
      if (each.heardAt + SECOND >= now || !table.hasName(each, Message.name, Message.nameSize)) continue;
      each.endsAt = min(each.endsAt, now + SECOND);
      this.next = min(this.next, each.endsAt);
    }
  }

  /** Decides again which records of the far side with a name and type conflict with those from here. */
  private judge(name: usize, nameSize: u32, type: u32, now: f64): void {
    const table = this.table;
    let isTaken = false;
    for (let i = table.first(name, nameSize); i >= 0; i = table.all[i].next) {
      const each = table.all[i];
      if (each.origin != Origin.here || each.type != type || !each.isUnique) continue;
      if (each.change != Change.gone && table.hasName(each, name, nameSize)) isTaken = true;
    }
    for (let i = table.first(name, nameSize); i >= 0; i = table.all[i].next) {
      const each = table.all[i];
      if (each.origin != Origin.far || each.type != type || !each.isUnique) continue;
      if (each.isConflicting == isTaken || !table.hasName(each, name, nameSize)) continue;
      each.isConflicting = isTaken;
      if (!isTaken && !each.isGoodbye) this.announce(each, now);
    }
  }

  private takeQuery(now: f64, out: Outcome): i32 {
    const isLegacy = Lan.sourcePort != PORT;
    const isProbe = Message.authorities > 0;
    if (Message.questions > MOST_QUESTIONS) return Reason.malformed;
    this.askedCount = 0;
    let isUnicast = false;
    Lan.begin(isLegacy ? Message.id : 0, RESPONSE);
    for (let n: u32 = 0; n < Message.questions; n++) {
      if (!Message.readQuestion()) return this.forgetAsked(Reason.malformed);
      const cls = Message.cls & ~TOP_BIT;
      if (isLegacy && Lan.hasRoomForQuestion(Message.nameSize))
        Lan.addQuestion(Message.name, Message.nameSize, Message.type, cls);
      if (cls != CLASS_IN && cls != 255) continue;
      if ((Message.cls & TOP_BIT) != 0) isUnicast = true;
      this.mark();
      if (!isProbe) this.passQuestion(now, out);
    }
    for (let n: u32 = 0; n < Message.answers; n++) {
      if (!Message.readRecord()) return this.forgetAsked(Reason.malformed);
      this.suppress(Message.questions == 0 && this.truncatedFrom == Lan.source);
    }
    const isTruncated = (Message.flags & TRUNCATED) != 0;
    if (isTruncated) this.truncatedFrom = Lan.source;
    if (isLegacy) this.answerLegacy(out);
    else if (isUnicast && !isProbe) this.answerUnicast(now, out);
    this.answer(isProbe, isTruncated, now);
    return Reason.taken;
  }

  /** Marks the records of the far side for which the question asks. */
  private mark(): void {
    const table = this.table;
    for (let i = table.first(Message.name, Message.nameSize); i >= 0; i = table.all[i].next) {
      const each = table.all[i];
      if (each.origin != Origin.far || each.isGoodbye || each.isConflicting || each.isAsked) continue;
      if (each.type != Message.type && Message.type != Type.any) continue;
      if (!table.hasName(each, Message.name, Message.nameSize) || this.askedCount == MOST_ASKED) continue;
      each.isAsked = true;
      this.asked[this.askedCount++] = i;
    }
  }

  private passQuestion(now: f64, out: Outcome): void {
    if (!this.isTogether || !Far.canSend || !isOfMulticast(Message.name, Message.nameSize)) return;
    if (!Asked.isNew(Message.name, Message.nameSize, Message.type, now)) return;
    Far.send(out, Kind.ask, 0, Message.type, 0, Message.name, Message.nameSize, 0, 0);
  }

  /** RFC 6762 §7.1, §7.2: no answer that the querier knows with half of its time left. */
  private suppress(isFurther: bool): void {
    if (Message.isTooLarge) return;
    const table = this.table;
    const i = table.find(Message.name, Message.nameSize, Message.type, Message.data, Message.dataSize);
    if (i < 0) return;
    const entry = table.all[i];
    if (entry.origin != Origin.far || Message.ttl < entry.ttl - (entry.ttl >> 1)) return;
    entry.isAsked = false;
    if (isFurther && entry.announces == 0 && !entry.isGoodbye) entry.dueAt = Infinity;
  }

  private forgetAsked(reason: i32): i32 {
    for (let n = 0; n < this.askedCount; n++) this.table.all[this.asked[n]].isAsked = false;
    return reason;
  }

  /** RFC 6762 §6.7: to the port of the querier, with its question, and for ten seconds at most. */
  private answerLegacy(out: Outcome): void {
    let hasAnswer = false;
    for (let n = 0; n < this.askedCount; n++) {
      const entry = this.table.all[this.asked[n]];
      if (!entry.isAsked) continue;
      entry.isAsked = false;
      if (hasAnswer && !Lan.hasRoomFor(entry)) continue;
      Lan.addRecord(entry, min(entry.ttl, LEGACY_TTL), false);
      hasAnswer = true;
    }
    if (hasAnswer) Lan.send(out, Lan.source, Lan.sourcePort);
  }

  /** RFC 6762 §5.4: what was multicast recently goes to the querier alone. */
  private answerUnicast(now: f64, out: Outcome): void {
    for (let n = 0; n < this.askedCount; n++) {
      const entry = this.table.all[this.asked[n]];
      if (!entry.isAsked || entry.sentAt + <f64>entry.ttl * 250 < now) continue;
      if (!Lan.hasRoomFor(entry)) {
        Lan.send(out, Lan.source, PORT);
        Lan.begin(0, RESPONSE);
      }
      entry.isAsked = false;
      Lan.addRecord(entry, entry.ttl, entry.isUnique);
    }
    if (!Lan.isEmpty) Lan.send(out, Lan.source, PORT);
  }

  /** RFC 6762 §6: shared records wait a little, because others respond, too. */
  private answer(isProbe: bool, isTruncated: bool, now: f64): void {
    for (let n = 0; n < this.askedCount; n++) {
      const entry = this.table.all[this.asked[n]];
      if (!entry.isAsked) continue;
      entry.isAsked = false;
      if (isProbe && now - entry.sentAt >= DEFENCE_MS) entry.sentAt = min(entry.sentAt, now - SECOND);
      this.due(entry, now + (isTruncated ? 400 : 0) + (entry.isUnique && !isTruncated ? 0 : delay()));
    }
  }

  /** All that is due on the link. */
  private tick(now: f64, out: Outcome): void {
    this.next = Infinity;
    this.renew(now, out);
    this.packedCount = 0;
    Lan.begin(0, RESPONSE);
    for (let i = 0; i < this.table.size; i++) {
      const entry = this.table.all[i];
      if (entry.origin != Origin.far || entry.dueAt == Infinity) continue;
      if (entry.isGoodbye && Lan.edge < 0) {
        this.table.remove(i);
        continue;
      }
      if (Lan.edge < 0) continue;
      if (entry.isConflicting && !entry.isGoodbye) {
        entry.dueAt = Infinity;
        continue;
      }
      if (!entry.isGoodbye) entry.dueAt = max(entry.dueAt, entry.sentAt + SECOND);
      if (entry.dueAt > now) {
        this.next = min(this.next, entry.dueAt);
        continue;
      }
      if ((!Lan.hasRoomFor(entry) || this.packedCount == MOST_IN_PACKET) && !this.multicast(now, out)) return;
      Lan.addRecord(entry, entry.isGoodbye ? 0 : entry.ttl, entry.isUnique);
      this.packed[this.packedCount++] = i;
    }
    if (this.packedCount > 0) this.multicast(now, out);
  }

  /** Sends the packet with the records that are due. If there is no room, they stay due. */
  private multicast(now: f64, out: Outcome): bool {
    if (!Lan.send(out, GROUP, PORT)) {
      this.next = now;
      return false;
    }
    for (let n = 0; n < this.packedCount; n++) {
      const entry = this.table.all[this.packed[n]];
      if (entry.isGoodbye) {
        entry.origin = Origin.ended;
        entry.endsAt = now + HOLD_MS;
        entry.dueAt = Infinity;
        this.next = min(this.next, entry.endsAt);
        continue;
      }
      entry.sentAt = now;
      if (entry.announces > 0) entry.announces--;
      entry.dueAt = entry.announces > 0 ? now + SECOND : Infinity;
      this.next = min(this.next, entry.dueAt);
    }
    this.packedCount = 0;
    Lan.begin(0, RESPONSE);
    return true;
  }

  /** Ends records from here whose time is over, and asks the owners of others. */
  private renew(now: f64, out: Outcome): void {
    Lan.begin(0, 0);
    for (let i = 0; i < this.table.size; i++) {
      const entry = this.table.all[i];
      if (entry.origin == Origin.ended) this.release(i, now, out);
      if (entry.origin != Origin.here || entry.change == Change.gone) continue;
      if (entry.endsAt <= now) {
        this.end(i, now);
        continue;
      }
      if (refreshAt(entry) <= now) {
        entry.refreshes++;
        if (Lan.edge >= 0) this.ask(entry, now, out);
      }
      this.next = min(this.next, max(refreshAt(entry), now + 1));
    }
    if (!Lan.isEmpty) Lan.send(out, GROUP, PORT);
  }

  /** After its goodbye has gone round, a record may be learned again. A host that has it responds. */
  private release(i: i32, now: f64, out: Outcome): void {
    const entry = this.table.all[i];
    if (entry.endsAt > now) {
      this.next = min(this.next, entry.endsAt);
      return;
    }
    if (Lan.edge >= 0) this.ask(entry, now, out);
    this.table.remove(i);
  }

  private ask(entry: Entry, now: f64, out: Outcome): void {
    if (Asked.wasWithin(entry.name, entry.nameSize, entry.type, now, SECOND)) return;
    Asked.remember(entry.name, entry.nameSize, entry.type, now);
    if (!Lan.hasRoomForQuestion(entry.nameSize)) {
      Lan.send(out, GROUP, PORT);
      Lan.begin(0, 0);
    }
    Lan.addQuestion(entry.name, entry.nameSize, entry.type, CLASS_IN);
  }

  /** A record from here has ended. The far side is informed if it knows the record. */
  private end(i: i32, now: f64): void {
    const entry = this.table.all[i];
    if (entry.isTold) {
      this.change(entry, Change.gone);
      if (entry.isUnique) this.judge(entry.name, entry.nameSize, entry.type, now);
      return;
    }
    entry.change = Change.gone;
    if (entry.isUnique) this.judge(entry.name, entry.nameSize, entry.type, now);
    this.table.remove(i);
    this.isFull = false;
  }

  // ---- The far side.

  private takeFar(frame: Frame, now: f64, out: Outcome): i32 {
    if (frame.hasMore || frame.isContinued || !Far.read(frame, out)) return Reason.badMessage;
    if (!Far.hears()) return Reason.stranger;
    this.heardAt = now;
    if (Far.kind == Kind.hello) return this.meet();
    // The records of a far side that was given up come again after its hello.
    if (!this.isTogether) {
      this.owesHello = true;
      return Reason.control;
    }
    switch (Far.kind) {
      case Kind.end:
        for (let i = 0; i < this.table.size; i++) {
          const entry = this.table.all[i];
          if (entry.origin == Origin.far && entry.isStale) this.sayGoodbye(entry, now);
        }
        return Reason.control;
      case Kind.added:
        this.receivedCount++;
        return this.addFar(now);
      case Kind.gone:
        this.receivedCount++;
        return this.endFar(now);
      case Kind.ask:
        return this.askHere(now, out);
      case Kind.alive:
        // An association that ended took messages with it.
        if (Far.ttl != this.receivedCount) this.owesHello = true;
        return Reason.control;
      default:
        return Reason.badMessage;
    }
  }

  /** The far side begins to repeat its records. */
  private meet(): i32 {
    this.isTogether = true;
    this.receivedCount = 0;
    for (let i = 0; i < this.table.size; i++) {
      if (this.table.all[i].origin == Origin.far) this.table.all[i].isStale = true;
    }
    if ((Far.flags & REPLY) == 0) this.owesReply = true;
    return Reason.control;
  }

  private addFar(now: f64): i32 {
    const table = this.table;
    if (Far.ttl == 0 || !canCross(Far.type, CLASS_IN) || !isOfMulticast(Far.name, Far.nameSize))
      return Reason.badMessage;
    if (!isData(Far.type, Far.data, Far.dataSize) || isOfLink(Far.type, Far.data, Far.dataSize))
      return Reason.badMessage;
    let i = table.find(Far.name, Far.nameSize, Far.type, Far.data, Far.dataSize);
    // It comes from both sides: ours stays ours, and does not return.
    if (i >= 0 && table.all[i].origin == Origin.here) return Reason.control;
    const isUnique = (Far.flags & UNIQUE) != 0;
    const isNew = i < 0 || table.all[i].isGoodbye;
    if (i >= 0) table.all[i].origin = Origin.far;
    if (i < 0) {
      if (table.farCount == Configuration.records) table.evictEnded();
      i = table.add(Origin.far, Far.name, Far.nameSize, Far.type, Far.data, Far.dataSize);
    }
    this.isFull = i < 0;
    if (i < 0) return Reason.tableFull;
    const entry = table.all[i];
    const hasChanged = isNew || entry.ttl != Far.ttl || entry.isUnique != isUnique;
    entry.ttl = Far.ttl;
    entry.isUnique = isUnique;
    entry.isGoodbye = false;
    entry.isStale = false;
    if (!hasChanged) return Reason.control;
    this.announce(entry, now + (isUnique ? 0 : delay()));
    this.judge(entry.name, entry.nameSize, entry.type, now);
    return entry.isConflicting ? Reason.conflict : Reason.control;
  }

  private endFar(now: f64): i32 {
    const i = this.table.find(Far.name, Far.nameSize, Far.type, Far.data, Far.dataSize);
    if (i >= 0 && this.table.all[i].origin == Origin.far) this.sayGoodbye(this.table.all[i], now);
    return Reason.control;
  }

  /** RFC 6762 §10.1. A record that was not announced needs no goodbye, but goes the same way. */
  private sayGoodbye(entry: Entry, now: f64): void {
    entry.isGoodbye = true;
    entry.isStale = false;
    entry.announces = 0;
    entry.dueAt = now;
    this.next = min(this.next, now);
  }

  /** A host of the far side asks: the question is asked here, and known records cross again. */
  private askHere(now: f64, out: Outcome): i32 {
    if (!isOfMulticast(Far.name, Far.nameSize)) return Reason.badMessage;
    if (!Asked.isNew(Far.name, Far.nameSize, Far.type, now)) return Reason.control;
    const table = this.table;
    for (let i = table.first(Far.name, Far.nameSize); i >= 0; i = table.all[i].next) {
      const each = table.all[i];
      if (each.origin != Origin.here || each.change == Change.gone) continue;
      if (each.type != Far.type && Far.type != Type.any) continue;
      if (table.hasName(each, Far.name, Far.nameSize)) this.change(each, Change.added);
    }
    Lan.begin(0, 0);
    Lan.addQuestion(Far.name, Far.nameSize, Far.type, CLASS_IN);
    Lan.send(out, GROUP, PORT);
    return Reason.control;
  }

  /** Sends the far side all that it has not been sent. Returns when it is to be called again. */
  private tell(now: f64, out: Outcome): f64 {
    if (this.isTogether && now >= this.heardAt + Configuration.graceMs) this.part(now, out);
    const graceAt = this.isTogether ? this.heardAt + Configuration.graceMs : Infinity;
    if (Far.edge < 0 || !Far.isKnown) return graceAt;
    if (Far.isFull) return min(graceAt, now + FULL_MS);
    if (this.owesReply || this.owesHello) {
      if (!Far.send(out, Kind.hello, this.owesReply ? REPLY : 0, 0, 0, 0, 0, 0, 0)) return now;
      // A hello that is no reply gets one, whatever else was owed.
      if (this.owesReply) this.owesReply = false;
      else this.owesHello = false;
      this.repeat();
    }
    if (!this.isTogether) {
      if (!Configuration.hasRemote) return Infinity;
      if (now < this.helloAt) return this.helloAt;
      if (!Far.send(out, Kind.hello, 0, 0, 0, 0, 0, 0, 0)) return now;
      this.repeat();
      this.helloAt = now + HELLO_MS;
      return this.helloAt;
    }
    if (this.owesHello) return now;
    if (this.hasChanges && !this.sendChanges(out)) return now;
    if (this.owesEnd) {
      if (!Far.send(out, Kind.end, 0, 0, 0, 0, 0, 0, 0)) return now;
      this.owesEnd = false;
    }
    if (now >= this.aliveAt) {
      if (!Far.send(out, Kind.alive, 0, 0, this.sentCount, 0, 0, 0, 0)) return now;
      this.aliveAt = now + ALIVE_MS;
    }
    return min(graceAt, this.aliveAt);
  }

  /** All records from here are to be sent again. */
  private repeat(): void {
    this.sentCount = 0;
    this.owesEnd = true;
    this.hasChanges = true;
    for (let i = 0; i < this.table.size; i++) {
      const entry = this.table.all[i];
      if (entry.origin != Origin.here) continue;
      // The far side ends what is not repeated.
      if (entry.change == Change.gone) this.table.remove(i);
      else entry.change = Change.added;
    }
  }

  /** False if there was no room for all. */
  private sendChanges(out: Outcome): bool {
    for (let i = 0; i < this.table.size; i++) {
      const entry = this.table.all[i];
      if (entry.origin != Origin.here || entry.change == Change.none) continue;
      const isGone = entry.change == Change.gone;
      const kind = isGone ? Kind.gone : Kind.added;
      const flags = entry.isUnique && !isGone ? UNIQUE : 0;
      const sent = Far.send(
        out,
        kind,
        flags,
        entry.type,
        entry.ttl,
        entry.name,
        entry.nameSize,
        entry.data,
        entry.dataSize,
      );
      if (!sent) return false;
      this.sentCount++;
      entry.change = Change.none;
      entry.isTold = true;
      if (!isGone) continue;
      this.table.remove(i);
      this.isFull = false;
    }
    this.hasChanges = false;
    return true;
  }

  /** The far side has been silent for too long: its records end here. */
  private part(now: f64, out: Outcome): void {
    this.isTogether = false;
    this.owesReply = false;
    this.helloAt = now;
    for (let i = 0; i < this.table.size; i++) {
      if (this.table.all[i].origin == Origin.far) this.sayGoodbye(this.table.all[i], now);
    }
    this.tick(now, out);
  }
}

/** When the owner of a record is asked next; the end of the record after the last time (RFC 6762 §5.2). */
function refreshAt(entry: Entry): f64 {
  if (entry.refreshes >= REFRESHES) return entry.endsAt;
  return min(entry.endsAt, entry.heardAt + <f64>entry.ttl * (800 + <f64>entry.refreshes * 50));
}

/** RFC 6762 §6: 20 to 120 ms. */
function delay(): f64 {
  return 20 + <f64>(random() % 100);
}

/** Whether names in the data of a record are whole. */
function isData(type: u32, data: usize, size: u32): bool {
  switch (type) {
    case Type.ptr:
    case Type.cname:
    case Type.ns:
    case Type.dname:
      return sizeOfName(data, size) == size && size > 0;
    case Type.srv:
      return size > 6 && sizeOfName(data + 6, size - 6) == size - 6;
    case Type.nsec:
      return sizeOfName(data, size) > 0;
    case Type.a:
      return size == 4;
    case Type.aaaa:
      return size == 16;
    default:
      return true;
  }
}

export function create(): Piece {
  return new MdnsReflector();
}
