// Negotiation of capabilities (RFC 5939), as far as keys need it: a line of RTP/AVP says that it may become
// one of RTP/SAVP with one of these keys.
//
//   m=audio 5004 RTP/AVP 0
//   a=tcap:1 RTP/SAVP
//   a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…
//   a=pcfg:1 t=1 a=1                          ──▶  m=audio 6004 RTP/SAVP 0
//                                                  a=acfg:1 t=1 a=1
//                                                  a=crypto:1 …

import { TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { CryptoLine } from './crypto-line';
import { Note, Section } from './session';
import { SealedKey } from './vault';

const BAR: u32 = 0x7c;
/** The most configurations of a line, and alternatives in each, that are looked at. */
const MOST_TRIES: i32 = 4;
const MOST_NUMBER: i64 = 0x7fff_ffff;

/** The configuration that was chosen last. */
export abstract class Capability {
  static configuration: i32 = 0;
  static protocol: i32 = 0;
  static attribute: i32 = 0;

  /**
   * Chooses a configuration that protects the line. False if there is none. Its key is then in `accepted`.
   */
  static choose(section: Section, accepted: SealedKey): bool {
    let tries = 0;
    for (let i = 0; i < section.noteCount && tries < MOST_TRIES; i++) {
      if (!section.isNote(i, Note.pcfg)) continue;
      tries++;
      const number = section.noteAt(i);
      const to = section.noteTo(i);
      const numberTo = endOfNumber(number, to);
      Capability.configuration = <i32>Ascii.number(number, numberTo, MOST_NUMBER);
      if (Capability.configuration < 1) continue;
      Capability.protocol = 0;
      Capability.attribute = 0;
      for (let word = Ascii.skipSpace(numberTo, to); word < to; ) {
        const wordTo = endOfWord(word, to);
        if (Ascii.begins(word, wordTo, 't=')) Capability.protocol = protocolIn(section, word + 2, wordTo);
        else if (Ascii.begins(word, wordTo, 'a='))
          Capability.attribute = attributeIn(section, word + 2, wordTo, accepted);
        else if (!Ascii.begins(word, wordTo, '-') && !Ascii.begins(word, wordTo, '+')) break;
        word = Ascii.skipSpace(wordTo, to);
      }
      if (Capability.protocol > 0 && Capability.attribute > 0) return true;
    }
    return false;
  }

  /** Offers the protected form of a protocol. */
  static writeProtocol(edit: TextEdit, isFeedback: bool): void {
    edit.text(isFeedback ? 'a=tcap:1 RTP/SAVPF\r\n' : 'a=tcap:1 RTP/SAVP\r\n');
  }

  /** Offers each of this many keys, the first one first. */
  static writeChoices(edit: TextEdit, count: i32): void {
    edit.text('a=pcfg:1 t=1 a=');
    for (let i = 1; i <= count; i++) {
      if (i > 1) edit.text('|');
      edit.number(i);
    }
    edit.text('\r\n');
  }

  static writeAnswer(edit: TextEdit, configuration: i32, protocol: i32, attribute: i32): void {
    edit.text('a=acfg:').number(configuration).text(' t=').number(protocol).text(' a=').number(attribute);
    edit.text('\r\n');
  }
}

/** The first of these alternatives that is the protected form of the line's protocol; 0 for none. */
function protocolIn(section: Section, from: usize, to: usize): i32 {
  let tries = 0;
  for (let at = from; at < to && tries < MOST_TRIES; tries++) {
    const end = Ascii.find(at, to, BAR);
    const number = <i32>Ascii.number(at, end, MOST_NUMBER);
    if (number > 0 && isProtected(section, number)) return number;
    at = end + 1;
  }
  return 0;
}

function isProtected(section: Section, number: i32): bool {
  for (let i = 0; i < section.noteCount; i++) {
    if (!section.isNote(i, Note.tcap)) continue;
    const to = section.noteTo(i);
    let word = endOfNumber(section.noteAt(i), to);
    // The protocols of a line have numbers in a row.
    const first = <i32>Ascii.number(section.noteAt(i), word, MOST_NUMBER);
    if (first < 1 || number < first || number >= first + MOST_TRIES) continue;
    for (let each = first; each <= number; each++) {
      word = Ascii.skipSpace(word, to);
      const wordTo = endOfWord(word, to);
      if (each == number) return Ascii.is(word, wordTo, section.isFeedback ? 'rtp/savpf' : 'rtp/savp');
      word = wordTo;
    }
  }
  return false;
}

/** The first of these alternatives that is a key which the piece takes; 0 for none. */
function attributeIn(section: Section, from: usize, to: usize, accepted: SealedKey): i32 {
  let tries = 0;
  for (let at = from; at < to && tries < MOST_TRIES; tries++) {
    const end = Ascii.find(at, to, BAR);
    const number = <i32>Ascii.number(at, end, MOST_NUMBER);
    if (number > 0 && isKey(section, number)) {
      CryptoLine.seal(accepted);
      return number;
    }
    at = end + 1;
  }
  return 0;
}

function isKey(section: Section, number: i32): bool {
  for (let i = 0; i < section.noteCount; i++) {
    if (!section.isNote(i, Note.acap)) continue;
    const to = section.noteTo(i);
    const numberTo = endOfNumber(section.noteAt(i), to);
    if (<i32>Ascii.number(section.noteAt(i), numberTo, MOST_NUMBER) != number) continue;
    const name = Ascii.skipSpace(numberTo, to);
    return Ascii.begins(name, to, 'crypto:') && CryptoLine.read(name + 7, to);
  }
  return false;
}

function endOfWord(from: usize, to: usize): usize {
  let at = from;
  while (at < to && !Ascii.isSpace(load<u8>(at))) at++;
  return at;
}

function endOfNumber(from: usize, to: usize): usize {
  let at = from;
  while (at < to && Ascii.isDigit(load<u8>(at))) at++;
  return at;
}
