// Offers and answers of SDP (RFC 3264): which lines are protected, with which keys, and what the other side
// gets to read. The current description is that of `Session`; the new one is in `Rewritten`.
//
//   plain side                            protected side
//   offer   m=audio 5004 RTP/AVP   ──▶    m=audio 5004 RTP/SAVP, a=crypto with our keys
//   answer  m=audio 6004 RTP/AVP   ◀──    m=audio 6004 RTP/SAVP, a=crypto with the peer's key

import { Level, log, TextEdit } from 'funnel-tunnel/as';
import { Agreements } from './agreement';
import { Capability } from './capability';
import { Configuration, Offer, Policy } from './configuration';
import { CryptoLine } from './crypto-line';
import { Dialog, Dialogs, EXTRA } from './dialogs';
import { Form, Intent, Line, Lines, Mode, NO_AGREEMENT, NO_LINE } from './lines';
import { NO_KEYS, OwnKeys } from './own-keys';
import { Reason } from './reasons';
import { Kind, Note, Profile, Section, Session } from './session';
import { PLAIN, PROTECTED, Sides } from './sides';
import { SealedKey } from './vault';

/** Enough for the keys of sixteen lines. */
const GROWTH: i32 = 24_576;

const edit = new TextEdit();
/** The key of the line that was accepted last. */
const accepted: SealedKey = new SealedKey();

/** The description for the other side. */
export abstract class Rewritten {
  static at: usize = 0;
  static length: i32 = 0;
}

/** Numbers for the status. */
export abstract class Tally {
  /** Lines that the other side refused to protect: refused, or in the clear. */
  static downgrades: u64 = 0;
  /** Lines that were refused because keys may not be sent. */
  static withheld: u64 = 0;
  /** The number of answers: lines may have another mode after each. */
  static changes: u64 = 0;
}

/** The number of the agreement by DTLS. */
export const DTLS: i32 = 0;

/** Whether keys may stand in descriptions for the protected side. */
export function maySendKeys(): bool {
  return Configuration.keysInClear || Sides.isEncrypted;
}

/** Takes an offer of a side in a dialog, and writes it for the other side. */
export function takeOffer(side: i32, id: i32): Reason {
  if (Configuration.policy != Policy.never && Session.hasShared) {
    log(Level.Warn, 'a description has several streams in one place (BUNDLE), which the piece refuses');
    return Reason.refused;
  }
  const dialog = Dialogs.at(id);
  let isActive = false;
  let isKept = false;
  let secured = 0;
  for (let n = 0; n < Session.count; n++) {
    const number = side == PLAIN ? n : numberOf(dialog, n);
    if (number < 0) return Reason.refused;
    if (side == PROTECTED && (dialog.order[n] & EXTRA) != 0) continue;
    const line = lineOf(id, number);
    if (line === null) return Reason.refused;
    const section = sectionOf(side, dialog, line);
    line.intent = Intent.off;
    line.onExtra = side == PROTECTED && section !== null && isExtra(dialog, line, section);
    if (section === null || section.port == 0) continue;
    isActive = true;
    line.intent = side == PLAIN ? wishOfPlain(line, section) : wishOfPeer(line, section);
    if (line.onExtra) line.converts = true;
    if (line.intent == Intent.off) continue;
    line.setOffer(side, section.rtp, section.rtcp);
    if (line.mode == Mode.none || line.mode == Mode.off)
      line.mode = line.intent == Intent.protect ? Mode.pending : Mode.clear;
  }
  if (side == PROTECTED) refuseAlternatives(dialog);
  for (let n = 0; n < Session.count; n++) {
    const line = dialog.line(n);
    if (line == NO_LINE) continue;
    if (Lines.at(line).intent != Intent.off) isKept = true;
    if (Lines.at(line).intent == Intent.protect) secured++;
  }
  if ((isActive && !isKept) || secured > MOST_SECURED) return Reason.refused;
  if (side == PLAIN) {
    for (let n = 0; n < Session.count; n++) {
      if (!dialog.append(n, 0)) return Reason.refused;
    }
    if (Configuration.policy == Policy.prefer && Configuration.offer == Offer.twoLines) {
      for (let n = 0; n < Session.count; n++) {
        const line = Lines.at(dialog.line(n));
        if (line.intent == Intent.protect && !line.wasProtected && !dialog.append(n, EXTRA))
          return Reason.refused;
      }
    }
  }
  return write(side, dialog, true);
}

/** Takes the answer of a side to the offer of the other one, and writes it for that one. */
export function takeAnswer(now: f64, side: i32, id: i32): Reason {
  Tally.changes++;
  const dialog = Dialogs.at(id);
  for (let n = 0; n < Session.count; n++) {
    const number = side == PLAIN ? n : numberOf(dialog, n);
    if (number < 0) return Reason.refused;
    const line = lineOf(id, number);
    if (line === null) return Reason.refused;
    // A line without an offer, as after the state was lost.
    if (line.intent == Intent.none)
      line.intent = Configuration.policy == Policy.require ? Intent.off : Intent.pass;
  }
  for (let each = dialog.firstLine; each != NO_LINE; each = Lines.at(each).next) {
    const line = Lines.at(each);
    if (side == PROTECTED) line.onExtra = false;
    const section = sectionOf(side, dialog, line);
    if (section === null || section.port == 0 || line.intent == Intent.off) {
      line.intent = Intent.off;
      line.mode = Mode.off;
    } else if (line.intent == Intent.pass) {
      line.mode = Mode.clear;
      line.settle(side, section.rtp, section.rtcp);
    } else if (side == PLAIN) {
      protectForPeer(now, line, section);
    } else {
      protectByAnswer(now, dialog, line, section);
    }
    line.agreed = line.intent;
  }
  const reason = write(side, dialog, false);
  for (let each = dialog.firstLine; each != NO_LINE; each = Lines.at(each).next)
    Lines.at(each).offered.clear();
  return reason;
}

const MOST_NUMBERS: i32 = 16;
/** The most lines of one description that are protected: keys of more would be too much work for one call. */
const MOST_SECURED: i32 = 8;

/** The offer was refused, so what was agreed before holds. */
export function goBack(dialog: Dialog): void {
  for (let each = dialog.firstLine; each != NO_LINE; each = Lines.at(each).next) Lines.at(each).goBack();
}

/** Returns the handling of a line in an offer of the plain side. */
function wishOfPlain(line: Line, section: Section): Intent {
  line.converts = false;
  if (section.kind == Kind.other) return Configuration.policy == Policy.require ? refuseLine() : Intent.pass;
  if (section.kind != Kind.rtp || Configuration.policy == Policy.never) return Intent.pass;
  const isRequired = Configuration.policy == Policy.require || line.wasProtected;
  // A line offers again the way that was agreed first in its call.
  if (line.wasProtected ? line.agreement == DTLS : Configuration.offersDtls) {
    Agreements.choose(line, DTLS);
    line.form = Form.dtls;
    line.converts = true;
    return Intent.protect;
  }
  if (!Configuration.takesSdes) return isRequired ? refuseLine() : Intent.pass;
  Agreements.choose(line, NO_AGREEMENT);
  if (!maySendKeys()) {
    Tally.withheld++;
    if (isRequired) return Intent.off;
    goesClear();
    return Intent.pass;
  }
  if (line.keys == NO_KEYS) line.keys = OwnKeys.take();
  if (line.keys == NO_KEYS) return isRequired ? Intent.off : Intent.pass;
  if (!line.wasProtected) {
    line.form =
      isRequired || Configuration.offer == Offer.twoLines
        ? Form.savp
        : Configuration.offer == Offer.osrtp
          ? Form.osrtp
          : Form.capability;
  }
  line.converts = line.form == Form.savp;
  return Intent.protect;
}

/** Returns the handling of a line in an offer of the protected side, by its keys. */
function wishOfPeer(line: Line, section: Section): Intent {
  const policy = Configuration.policy;
  line.converts = section.kind == Kind.savp;
  if (section.kind == Kind.foreign) return Intent.pass;
  if (section.kind == Kind.dtls) {
    if (!Configuration.takesDtls || policy == Policy.never) return Intent.pass;
    line.converts = true;
    Agreements.choose(line, DTLS);
    if (!Agreements.at(DTLS).read(line, section, true)) return refuseLine();
    line.form = Form.dtls;
    return Intent.protect;
  }
  Agreements.choose(line, NO_AGREEMENT);
  if (section.kind == Kind.other) return policy == Policy.require ? refuseLine() : Intent.pass;
  if (policy != Policy.never && Configuration.takesSdes) {
    if (!maySendKeys()) {
      Tally.withheld++;
    } else if (chooseKey(section)) {
      line.form = section.kind == Kind.savp ? Form.savp : Form.osrtp;
      return wantsProtected(line);
    } else if (section.kind == Kind.rtp && Capability.choose(section, accepted)) {
      line.form = Form.capability;
      line.configuration = Capability.configuration;
      line.protocol = Capability.protocol;
      line.attribute = Capability.attribute;
      isAlias = CryptoLine.hasAlias;
      return wantsProtected(line);
    }
  }
  if (section.kind == Kind.savp) return refuseLine();
  if (policy == Policy.require || line.wasProtected) return refuseLine();
  if (policy == Policy.prefer) goesClear();
  return Intent.pass;
}

function wantsProtected(line: Line): Intent {
  line.offered.copy(accepted);
  line.tag = CryptoLine.tag;
  line.hasAlias = isAlias;
  return Intent.protect;
}

/** Whether the line that was chosen last has the older name of its suite. */
let isAlias: bool = false;

/**
 * Chooses the first line `a=crypto` of a section that the piece takes, which is the one that the peer prefers
 * (RFC 4568 §5.1.2). Lines whose tag stands twice are no choice.
 */
function chooseKey(section: Section): bool {
  for (let i = 0; i < section.noteCount; i++) {
    if (!section.isNote(i, Note.crypto)) continue;
    if (!CryptoLine.read(section.noteAt(i), section.noteTo(i))) continue;
    const hasOlderName = CryptoLine.hasAlias;
    CryptoLine.seal(accepted);
    const tag = CryptoLine.tag;
    const suite = CryptoLine.suite;
    if (timesOf(section, tag) != 1) continue;
    CryptoLine.tag = tag;
    CryptoLine.suite = suite;
    isAlias = hasOlderName;
    return true;
  }
  accepted.clear();
  return false;
}

/** How often a tag stands in a section. */
function timesOf(section: Section, tag: i32): i32 {
  let times = 0;
  for (let i = 0; i < section.noteCount; i++) {
    if (!section.isNote(i, Note.crypto)) continue;
    if (CryptoLine.readTag(section.noteAt(i), section.noteTo(i)) && CryptoLine.tag == tag) times++;
  }
  return times;
}

/** RTP/AVP beside RTP/SAVP of the same medium is its alternative, which the piece does not want. */
function refuseAlternatives(dialog: Dialog): void {
  for (let i = 0; i < Session.count; i++) {
    const clear = lineAt(dialog, i);
    if (clear === null || clear.intent != Intent.pass || Session.section(i).kind != Kind.rtp) continue;
    for (let n = 0; n < Session.count; n++) {
      const other = lineAt(dialog, n);
      if (other === null || other.intent != Intent.protect) continue;
      if (Session.section(n).kind != Kind.savp && Session.section(n).kind != Kind.dtls) continue;
      if (Session.areSameMedium(i, n)) clear.intent = Intent.off;
    }
  }
}

/** The plain side has answered an offer of the protected side. */
function protectForPeer(now: f64, line: Line, section: Section): void {
  if (line.agreement != NO_AGREEMENT) {
    line.settle(PLAIN, section.rtp, section.rtcp);
    awaitAgreement(now, line);
    return;
  }
  if (line.keys == NO_KEYS) line.keys = OwnKeys.take();
  const isDone = line.keys != NO_KEYS && line.protect(now, line.offered, line.offered.suite, line.offeredRtp);
  if (isDone) line.settle(PLAIN, section.rtp, section.rtcp);
  else line.mode = Mode.off;
  if (!isDone) line.intent = Intent.off;
}

/** The line is protected by keys that come in the media path. Until then nothing passes. */
function awaitAgreement(now: f64, line: Line): void {
  line.mode = Mode.secured;
  line.wasProtected = true;
  Agreements.at(line.agreement).settle(now, line);
}

/** The protected side has answered an offer of the plain side. */
function protectByAnswer(now: f64, dialog: Dialog, line: Line, section: Section): void {
  if (line.agreement != NO_AGREEMENT) {
    if (section.kind == Kind.dtls && Agreements.at(line.agreement).read(line, section, false)) {
      line.settle(PROTECTED, section.rtp, section.rtcp);
      awaitAgreement(now, line);
      return;
    }
    if (Configuration.policy == Policy.prefer && section.kind == Kind.rtp && !line.wasProtected) {
      takeExtra(dialog, line, section);
      return;
    }
  } else if (section.kind == Kind.savp || section.kind == Kind.rtp) {
    const suite = suiteOfAnswer(section);
    if (suite >= 0) {
      if (line.protect(now, accepted, suite, section.rtp)) {
        line.settle(PROTECTED, section.rtp, section.rtcp);
        return;
      }
    } else if (Configuration.policy == Policy.prefer && section.kind == Kind.rtp && !line.wasProtected) {
      takeExtra(dialog, line, section);
      return;
    }
  }
  line.intent = Intent.off;
  line.mode = Mode.off;
  refuseLine();
}

/** The protected side took the line of RTP/AVP. */
function takeExtra(dialog: Dialog, line: Line, section: Section): void {
  Agreements.choose(line, NO_AGREEMENT);
  line.onExtra = isExtra(dialog, line, section);
  line.intent = Intent.pass;
  line.mode = Mode.clear;
  line.settle(PROTECTED, section.rtp, section.rtcp);
  goesClear();
}

/**
 * The suite of the one line `a=crypto` of an answer, whose tag is one that was offered with this suite; -1
 * if there is none. Its key is then in `accepted`.
 */
function suiteOfAnswer(section: Section): i32 {
  if (!chooseKey(section)) return -1;
  const suite = CryptoLine.suite;
  const tag = CryptoLine.tag;
  let lines = 0;
  for (let i = 0; i < section.noteCount; i++) if (section.isNote(i, Note.crypto)) lines++;
  // An answer has exactly one (RFC 4568 §5.1.2).
  if (lines != 1) return -1;
  if (tag >= 1 && tag <= Configuration.suites.length && Configuration.suites[tag - 1] == suite) return suite;
  return Configuration.renumberedTag ? suite : -1;
}

/** Writes the description for the side that did not send it. */
function write(side: i32, dialog: Dialog, isOffer: bool): Reason {
  Rewritten.at = 0;
  const changes = hasChanges(side, dialog);
  if (!changes && isInOrder(dialog)) return Reason.none;
  const size = <i32>(Session.to - Session.at) * 2 + GROWTH;
  edit.begin(Session.at, Session.to, size);
  Session.writeHead(edit, changes);
  if (side == PLAIN) {
    for (let i = 0; i < dialog.orderCount; i++) {
      const number = dialog.order[i] & ~EXTRA;
      if (<i32>number >= Session.count) continue;
      writeForPeer(dialog, Lines.at(dialog.line(number)), (dialog.order[i] & EXTRA) != 0, isOffer);
    }
  } else {
    for (let number = 0; number < MOST_NUMBERS; number++) {
      const found = dialog.line(number);
      if (found != NO_LINE) writeForPlain(dialog, Lines.at(found));
    }
  }
  edit.end();
  if (!edit.isWhole) return Reason.noRoom;
  Rewritten.at = edit.address;
  Rewritten.length = edit.length;
  return Reason.none;
}

/** Whether a line is protected, refused, or written in another form than it has. */
function hasChanges(side: i32, dialog: Dialog): bool {
  for (let n = 0; n < Session.count; n++) {
    const line = side == PLAIN ? lineOfNumber(dialog, n) : lineAt(dialog, n);
    if (line === null) continue;
    if (line.intent == Intent.protect || line.converts || line.onExtra) return true;
    if (line.intent == Intent.off && Session.section(n).port != 0) return true;
  }
  return false;
}

/** Whether both sides have the same lines. */
function isInOrder(dialog: Dialog): bool {
  for (let i = 0; i < dialog.orderCount; i++) if (dialog.order[i] != <u8>i) return false;
  return true;
}

/** Writes a line for the protected side, by the section of the plain side. */
function writeForPeer(dialog: Dialog, line: Line, isExtraLine: bool, isOffer: bool): void {
  const section = Session.section(line.number);
  const isProtected = line.intent == Intent.protect;
  if (isExtraLine) {
    const isTaken = isOffer ? isProtected && !line.wasProtected : line.onExtra;
    if (isTaken && section.port != 0) Session.writeSection(edit, section, Profile.same, true);
    else Session.writeRefused(edit, section, Profile.same);
    return;
  }
  const profile = !line.converts
    ? Profile.same
    : line.agreement != NO_AGREEMENT
      ? Profile.dtls
      : Profile.secure;
  if (line.intent == Intent.off || section.port == 0 || line.onExtra) {
    Session.writeRefused(edit, section, profile);
    return;
  }
  if (!isProtected) {
    Session.writeSection(edit, section, Profile.same, false);
    return;
  }
  if (line.agreement != NO_AGREEMENT) {
    Session.writeSection(edit, section, profile, true);
    Agreements.at(line.agreement).write(edit, line, isOffer);
    return;
  }
  if (isOffer) {
    Session.writeSection(edit, section, profile, true);
    writeOwnLines(line);
    return;
  }
  Session.writeSection(edit, section, line.form == Form.osrtp ? Profile.same : Profile.secure, true);
  if (line.form == Form.capability)
    Capability.writeAnswer(edit, line.configuration, line.protocol, line.attribute);
  edit.text('a=crypto:');
  CryptoLine.write(edit, line.tag, line.hasAlias, OwnKeys.key(line.keys, line.offered.suite));
  edit.text('\r\n');
}

/** Offers our keys, one for each suite, in the order of the settings. */
function writeOwnLines(line: Line): void {
  const isCapability = line.form == Form.capability;
  const suites = Configuration.suites;
  if (isCapability) Capability.writeProtocol(edit, Session.section(line.number).isFeedback);
  for (let i = 0; i < suites.length; i++) {
    if (isCapability)
      edit
        .text('a=acap:')
        .number(i + 1)
        .text(' crypto:');
    else edit.text('a=crypto:');
    CryptoLine.write(edit, i + 1, false, OwnKeys.key(line.keys, suites[i]));
    edit.text('\r\n');
  }
  if (isCapability) Capability.writeChoices(edit, suites.length);
}

/** Writes a line for the plain side, by the section of the protected side. */
function writeForPlain(dialog: Dialog, line: Line): void {
  const section = sectionOf(PROTECTED, dialog, line);
  if (section === null) return;
  const isProtected = line.intent == Intent.protect;
  const profile = isProtected || line.converts ? Profile.plain : Profile.same;
  if (line.intent == Intent.off || section.port == 0) Session.writeRefused(edit, section, profile);
  else Session.writeSection(edit, section, profile, isProtected);
}

/** The number of the plain side's line for the n-th line of the protected side; -1 if there are too many. */
function numberOf(dialog: Dialog, n: i32): i32 {
  if (n < dialog.orderCount) return dialog.order[n] & ~EXTRA;
  let number = 0;
  while (dialog.placeOf(number, 0) >= 0) number++;
  return dialog.append(number, 0) ? number : -1;
}

/** The section of the current description for a line. */
function sectionOf(side: i32, dialog: Dialog, line: Line): Section | null {
  if (side == PLAIN) return line.number < Session.count ? Session.section(line.number) : null;
  const main = dialog.placeOf(line.number, 0);
  const extra = dialog.placeOf(line.number, EXTRA);
  if (main >= 0 && main < Session.count && (Session.section(main).port != 0 || extra < 0))
    return Session.section(main);
  if (extra >= 0 && extra < Session.count && Session.section(extra).port != 0) return Session.section(extra);
  return main >= 0 && main < Session.count ? Session.section(main) : null;
}

function isExtra(dialog: Dialog, line: Line, section: Section): bool {
  const extra = dialog.placeOf(line.number, EXTRA);
  return extra >= 0 && extra < Session.count && Session.section(extra) === section;
}

/** The line for the n-th section of a description of the protected side; null for one behind the others. */
function lineAt(dialog: Dialog, n: i32): Line | null {
  if (n >= dialog.orderCount || (dialog.order[n] & EXTRA) != 0) return null;
  return lineOfNumber(dialog, dialog.order[n]);
}

function lineOfNumber(dialog: Dialog, number: i32): Line | null {
  const found = dialog.line(number);
  return found == NO_LINE ? null : Lines.at(found);
}

function lineOf(id: i32, number: i32): Line | null {
  let found = Dialogs.at(id).line(number);
  if (found == NO_LINE) found = Dialogs.addLine(id, number);
  return found == NO_LINE ? null : Lines.at(found);
}

function refuseLine(): Intent {
  Tally.downgrades++;
  log(Level.Warn, 'media is refused, because the other side does not protect it');
  return Intent.off;
}

function goesClear(): void {
  Tally.downgrades++;
  log(Level.Warn, 'media goes in the clear, because the other side does not protect it');
}
