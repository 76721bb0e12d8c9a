import { Algorithm, deriveKey, dropKey, importKey, writeKeystream } from 'funnel-tunnel/as';
import { ElementIds } from './element-ids';
import { KeyParams, NO_MKI, roomForMki } from './key-params';
import { MAC_KEY_BYTES, Suite } from './suite';

/** Labels of the key derivation (RFC 3711 §4.3.1 and §4.3.2, RFC 6904 §3.1). */
const enum Label {
  cipher = 0,
  mac = 1,
  salt = 2,
  control = 3,
  /** Of header extensions (RFC 6904 §3.1): the cipher, and then the salt. */
  extension = 6,
  extensionSalt = 7,
}

/** The salt of a master key is 14 bytes: shorter ones end with zeroes (RFC 7714 §11). */
const MASTER_SALT_BYTES: i32 = 14;
const LABEL_AT: i32 = 7;

/** A counter block, and one block of keystream behind it. */
const counter: usize = memory.data(32, 8);
const keystream: usize = counter + 16;

/** The keys and the salt for packets of SRTP, or of SRTCP. */
export class PacketKeys {
  cipher: u32 = 0;
  /** 0 for GCM. */
  mac: u32 = 0;
  private saltBegins: u64 = 0;
  private saltGoesOn: u64 = 0;

  /** The address of 14 bytes, or 12 for GCM, then zeroes up to 16. */
  @inline get salt(): usize {
    return changetype<usize>(this) + offsetof<PacketKeys>('saltBegins');
  }

  /** False if the host has no more keys. */
  derive(master: u32, salt: usize, suite: Suite, first: i32): bool {
    writeCounter(salt, first + Label.cipher);
    this.cipher = deriveKey(master, counter, suite.cipher, suite.keyBytes);
    if (this.cipher == 0) return false;
    if (!suite.isGcm) {
      writeCounter(salt, first + Label.mac);
      this.mac = deriveKey(master, counter, Algorithm.HmacSha1, MAC_KEY_BYTES);
      if (this.mac == 0) return false;
    }
    this.deriveSalt(master, salt, first + Label.salt, suite.saltBytes);
    return true;
  }

  /**
   * The key and the salt of header extensions: those of counter mode also where packets have GCM (RFC 7714
   * §8.3). False if the host has no more keys.
   */
  deriveForExtensions(master: u32, salt: usize, suite: Suite): bool {
    writeCounter(salt, Label.extension);
    this.cipher = deriveKey(master, counter, Algorithm.AesCtr, suite.keyBytes);
    if (this.cipher == 0) return false;
    this.deriveSalt(master, salt, Label.extensionSalt, MASTER_SALT_BYTES);
    return true;
  }

  private deriveSalt(master: u32, salt: usize, label: i32, length: i32): void {
    writeCounter(salt, label);
    writeKeystream(master, counter, 16);
    memory.fill(this.salt, 0, 16);
    memory.copy(this.salt, keystream, length);
    memory.fill(keystream, 0, 16);
  }

  drop(): void {
    if (this.cipher != 0) dropKey(this.cipher);
    if (this.mac != 0) dropKey(this.mac);
    this.cipher = 0;
    this.mac = 0;
    this.saltBegins = 0;
    this.saltGoesOn = 0;
  }
}

/** A master key in use: the session keys that RFC 3711 §4.3 derives of it, and how often they were used. */
export class SessionKeys {
  media: PacketKeys = new PacketKeys();
  control: PacketKeys = new PacketKeys();
  /** Those of header extensions, once there are any. */
  extensions: PacketKeys | null = null;
  /** The elements of header extensions that are encrypted; null for none. */
  elements: ElementIds | null = null;
  /** Packets that may still be protected. */
  packetsLeft: u64 = 0;
  mki: StaticArray<u8> = NO_MKI;
  mkiLength: i32 = 0;

  constructor(public suite: Suite) {}

  /**
   * Derives the keys in place of the former ones, and erases the master key. False if the host has no more
   * keys.
   */
  derive(params: KeyParams): bool {
    this.drop();
    const suite = this.suite;
    const master = changetype<usize>(params.bytes);
    const salt = memory.data(MASTER_SALT_BYTES);
    memory.fill(salt, 0, MASTER_SALT_BYTES);
    memory.copy(salt, master + suite.keyBytes, suite.saltBytes);
    const key = params.hosted != 0 ? params.hosted : importKey(Algorithm.AesCtr, master, suite.keyBytes);
    const isDerived =
      key != 0 &&
      this.media.derive(key, salt, suite, 0) &&
      this.control.derive(key, salt, suite, Label.control) &&
      this.deriveForExtensions(key, salt);
    if (key != 0 && params.hosted == 0) dropKey(key);
    params.erase();
    memory.fill(salt, 0, MASTER_SALT_BYTES);
    this.packetsLeft = params.lifetime;
    this.mkiLength = params.mkiLength;
    this.mki = roomForMki(this.mki, params.mkiLength);
    memory.copy(changetype<usize>(this.mki), changetype<usize>(params.mki), params.mkiLength);
    if (!isDerived) this.drop();
    return isDerived;
  }

  drop(): void {
    this.media.drop();
    this.control.drop();
    const extensions = this.extensions;
    if (extensions !== null) extensions.drop();
  }

  private deriveForExtensions(master: u32, salt: usize): bool {
    if (this.elements === null) return true;
    const keys = new PacketKeys();
    this.extensions = keys;
    return keys.deriveForExtensions(master, salt, this.suite);
  }

  /** Whether there are keys. */
  get isReady(): bool {
    return this.media.cipher != 0;
  }

  /** Whether the MKI is the one at this address, of as many bytes. */
  hasMki(at: usize): bool {
    return memory.compare(at, changetype<usize>(this.mki), this.mkiLength) == 0;
  }
}

/** x · 2^16, where x is the label, at its place, XOR the salt; the key derivation rate is 0. */
function writeCounter(salt: usize, label: i32): void {
  memory.copy(counter, salt, MASTER_SALT_BYTES);
  store<u8>(counter + LABEL_AT, load<u8>(salt + LABEL_AT) ^ <u8>label);
  store<u16>(counter, 0, MASTER_SALT_BYTES);
}
