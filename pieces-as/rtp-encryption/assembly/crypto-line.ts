// Lines `a=crypto` of SDES (RFC 4568 §9.1):
//
//   a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^31|1:4 WSH=128 -EXTRA
//            │ │                       │                      └ parameters of the session
//            │ │                       └ key and salt, lifetime, MKI
//            │ └ suite
//            └ tag

import { KeyedHash, TextEdit } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { writeBase64 } from '../../srtp/assembly/base64';
import { KeyFault, KeyParams, MASTER_BYTES } from '../../srtp/assembly/key-params';
import { SUITES, Suite } from '../../srtp/assembly/suite';
import { Configuration } from './configuration';
import { Secret } from './secret';
import { SealedKey, Vault } from './vault';

const SEMICOLON: u32 = 0x3b;
const MOST_TAG: i64 = 999_999_999;

/** The key of the last line that was read, or of a line that is written. */
export const params: KeyParams = new KeyParams();

/** The line that was read last. */
export abstract class CryptoLine {
  static tag: i32 = -1;
  /** An index into `SUITES`; -1 for an unknown suite. */
  static suite: i32 = -1;
  /** Whether the line has the older name of the suite. */
  static hasAlias: bool = false;
  private static suiteAt: usize = 0;

  /** Reads the tag, behind `crypto:`. False if there is none. */
  static readTag(from: usize, to: usize): bool {
    let at = from;
    while (at < to && Ascii.isDigit(load<u8>(at))) at++;
    const tag = at > from && at - from <= 9 ? Ascii.number(from, at, MOST_TAG) : -1;
    CryptoLine.tag = <i32>tag;
    CryptoLine.suiteAt = Ascii.skipSpace(at, to);
    return tag >= 0 && CryptoLine.suiteAt > at;
  }

  /**
   * Reads the line, behind `crypto:`. False if the piece does not take it: another suite, a malformed key,
   * or a parameter that changes what is protected. Only a line that is taken has a key in `params`.
   */
  static read(from: usize, to: usize): bool {
    CryptoLine.suite = -1;
    if (!CryptoLine.readTag(from, to)) return false;
    const suiteAt = CryptoLine.suiteAt;
    const suiteTo = endOfWord(suiteAt, to);
    const suite = suiteOf(suiteAt, suiteTo);
    CryptoLine.suite = suite;
    if (suite < 0 || !Configuration.suites.includes(suite)) return false;
    CryptoLine.hasAlias = !Ascii.isExactly(suiteAt, suiteTo, SUITES[suite].name);
    const key = Ascii.skipSpace(suiteTo, to);
    const keyTo = endOfWord(key, to);
    // A semicolon separates several keys, of which we would have to use one and accept all.
    if (!Ascii.begins(key, keyTo, 'inline:') || Ascii.find(key, keyTo, SEMICOLON) < keyTo) return false;
    let at = Ascii.skipSpace(keyTo, to);
    while (at < to) {
      const end = endOfWord(at, to);
      if (!isHarmless(at, end)) return false;
      at = Ascii.skipSpace(end, to);
    }
    if (params.readAt(key, keyTo, SUITES[suite]) == KeyFault.none) return true;
    params.erase();
    return false;
  }

  /** Seals the key of the line that was read. */
  static seal(to: SealedKey): void {
    Vault.seal(params, CryptoLine.suite, digestOf(params, CryptoLine.suite), to);
  }

  /** Writes the line behind `crypto:`, with a key that is sealed. False if it cannot be opened. */
  static write(edit: TextEdit, tag: i32, hasAlias: bool, key: SealedKey): bool {
    if (!Vault.open(key, params)) return false;
    const suite = SUITES[key.suite];
    edit
      .number(<u32>tag)
      .text(' ')
      .text(hasAlias ? suite.alias : suite.name)
      .text(' inline:');
    writeBase64(edit, changetype<usize>(params.bytes), suite.keyBytes + suite.saltBytes);
    params.erase();
    return true;
  }
}

/** A key of our own for a suite. */
export function makeKey(suite: i32, to: SealedKey): void {
  Vault.make(params);
  params.lifetime = 1 << 48;
  params.mkiLength = 0;
  Vault.seal(params, suite, digestOf(params, suite), to);
}

function digestOf(key: KeyParams, suite: i32): u64 {
  const bytes = changetype<usize>(key.bytes);
  const used = SUITES[suite].keyBytes + SUITES[suite].saltBytes;
  memory.fill(bytes + used, 0, MASTER_BYTES - used);
  const mki = changetype<usize>(key.mki);
  const hash: KeyedHash = Secret.hash
    .begin()
    .byte(suite)
    .bytes(bytes, bytes + MASTER_BYTES);
  hash.bytes(mki, mki + key.mkiLength);
  for (let i = 0; i < 48; i += 8) hash.byte(<u32>(key.lifetime >> i));
  return hash.end() | 1;
}

/** The index of a suite, by its name or older name; -1 for none. */
function suiteOf(from: usize, to: usize): i32 {
  for (let i = 0; i < SUITES.length; i++) {
    const suite: Suite = unchecked(SUITES[i]);
    if (Ascii.isExactly(from, to, suite.name)) return i;
    if (suite.alias.length > 0 && Ascii.isExactly(from, to, suite.alias)) return i;
  }
  return -1;
}

/**
 * Whether a parameter of the session changes nothing of what is protected, and how (RFC 4568 §6.3). Unknown
 * ones count only with a hyphen in front (§9.1).
 */
function isHarmless(from: usize, to: usize): bool {
  if (Ascii.begins(from, to, '-')) return !isKnown(from + 1, to);
  if (Ascii.begins(from, to, 'wsh=')) return Ascii.number(from + 4, to, 0x7fff_ffff) >= 64;
  return Ascii.is(from, to, 'fec_order=fec_srtp');
}

/** Known parameters must not have a hyphen (RFC 4568 §6.3.7). */
function isKnown(from: usize, to: usize): bool {
  return (
    Ascii.begins(from, to, 'kdr=') ||
    Ascii.begins(from, to, 'unencrypted_') ||
    Ascii.begins(from, to, 'unauthenticated_') ||
    Ascii.begins(from, to, 'fec_') ||
    Ascii.begins(from, to, 'wsh=')
  );
}

function endOfWord(from: usize, to: usize): usize {
  let at = from;
  while (at < to && !Ascii.isSpace(load<u8>(at))) at++;
  return at;
}
