import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

/** The suites of SRTP: cipher, bytes of key and salt, and of the tags of SRTP and SRTCP. */
export const SUITES = {
  AES_CM_128_HMAC_SHA1_80: { gcm: false, key: 16, salt: 14, tag: 10, controlTag: 10 },
  AES_CM_128_HMAC_SHA1_32: { gcm: false, key: 16, salt: 14, tag: 4, controlTag: 10 },
  AES_192_CM_HMAC_SHA1_80: { gcm: false, key: 24, salt: 14, tag: 10, controlTag: 10 },
  AES_192_CM_HMAC_SHA1_32: { gcm: false, key: 24, salt: 14, tag: 4, controlTag: 10 },
  AES_256_CM_HMAC_SHA1_80: { gcm: false, key: 32, salt: 14, tag: 10, controlTag: 10 },
  AES_256_CM_HMAC_SHA1_32: { gcm: false, key: 32, salt: 14, tag: 4, controlTag: 10 },
  AEAD_AES_128_GCM: { gcm: true, key: 16, salt: 12, tag: 16, controlTag: 16 },
  AEAD_AES_256_GCM: { gcm: true, key: 32, salt: 12, tag: 16, controlTag: 16 },
} as const;

export type SuiteName = keyof typeof SUITES;

/**
 * SRTP as the RFCs describe it, a packet at a time, with Node's cryptography. It keeps no state: the caller
 * gives each index. Sources: RFC 3711 §4, RFC 7714 §8 and §9.
 */
export class SrtpModel {
  readonly #suite: (typeof SUITES)[SuiteName];
  readonly #master: Buffer;
  readonly #mki: Buffer;

  /** @param master the key, followed by the salt. */
  constructor(suite: SuiteName, master: Uint8Array, mki: Uint8Array = Buffer.alloc(0)) {
    this.#suite = SUITES[suite];
    this.#master = Buffer.from(master);
    this.#mki = Buffer.from(mki);
  }

  protect(packet: Uint8Array, index: number): Buffer {
    const { gcm, tag } = this.#suite;
    const plain = Buffer.from(packet);
    const header = plain.subarray(0, headerLength(plain));
    const nonce = this.#nonce(plain.readUInt32BE(8), index, 0);
    if (gcm) {
      const cipher = this.#gcm(0, nonce).setAAD(header);
      return Buffer.concat([
        header,
        cipher.update(plain.subarray(header.length)),
        cipher.final(),
        cipher.getAuthTag(),
        this.#mki,
      ]);
    }
    const text = this.#counterMode(0, nonce, plain.subarray(header.length));
    const rollovers = Buffer.alloc(4);
    rollovers.writeUInt32BE(Math.floor(index / 0x1_0000));
    const mac = this.#mac(1, [header, text, rollovers]);
    return Buffer.concat([header, text, this.#mki, mac.subarray(0, tag)]);
  }

  protectControl(packet: Uint8Array, index: number, isEncrypted = true): Buffer {
    const { gcm, controlTag } = this.#suite;
    const plain = Buffer.from(packet);
    const header = plain.subarray(0, 8);
    const nonce = this.#nonce(plain.readUInt32BE(4), index, 3);
    const word = Buffer.alloc(4);
    word.writeUInt32BE((isEncrypted ? 0x8000_0000 : 0) + index);
    if (gcm) {
      const cipher = this.#gcm(3, nonce).setAAD(Buffer.concat([isEncrypted ? header : plain, word]));
      const text = isEncrypted ? cipher.update(plain.subarray(8)) : plain.subarray(8);
      cipher.final();
      return Buffer.concat([header, text, cipher.getAuthTag(), word, this.#mki]);
    }
    const text = isEncrypted ? this.#counterMode(3, nonce, plain.subarray(8)) : plain.subarray(8);
    const mac = this.#mac(4, [header, text, word]);
    return Buffer.concat([header, text, word, this.#mki, mac.subarray(0, controlTag)]);
  }

  /** The plain packet, without a look at the tag of counter mode. */
  unprotect(packet: Uint8Array, index: number): Buffer {
    const { gcm, tag } = this.#suite;
    const protectedPacket = Buffer.from(packet);
    const header = protectedPacket.subarray(0, headerLength(protectedPacket));
    const end = protectedPacket.length - tag - this.#mki.length;
    const text = protectedPacket.subarray(header.length, end);
    const nonce = this.#nonce(protectedPacket.readUInt32BE(8), index, 0);
    if (!gcm) return Buffer.concat([header, this.#counterMode(0, nonce, text)]);
    const { key } = this.#suite;
    const cipher = createDecipheriv(key === 16 ? 'aes-128-gcm' : 'aes-256-gcm', this.derived(0, key), nonce);
    cipher.setAAD(header).setAuthTag(protectedPacket.subarray(end, end + tag));
    return Buffer.concat([header, cipher.update(text), cipher.final()]);
  }

  /**
   * The packet with these elements of its header extension encrypted, or decrypted, a byte at a time
   * (RFC 6904 §3). The keystream is that of counter mode for all suites (RFC 7714 §8.3).
   */
  withElements(packet: Uint8Array, index: number, ids: ReadonlySet<number>): Buffer {
    const { key } = this.#suite;
    const result = Buffer.from(packet);
    const nonce = Buffer.alloc(16);
    this.derived(7, 14).copy(nonce);
    const field = Buffer.alloc(10);
    field.writeUInt32BE(result.readUInt32BE(8));
    field.writeUIntBE(index, 4, 6);
    for (const [i, byte] of field.entries()) nonce[4 + i]! ^= byte;
    const body = result.subarray(16 + (result[0]! & 15) * 4, headerLength(result));
    const keystream = createCipheriv(`aes-${key * 8}-ctr`, this.derived(6, key), nonce).update(
      Buffer.alloc(body.length),
    );
    const isShort = result.readUInt16BE(12 + (result[0]! & 15) * 4) === 0xbede;
    for (let i = 0; i < body.length; ) {
      const id = isShort ? body[i]! >> 4 : body[i]!;
      if (isShort && id === 15) break;
      const start = id === 0 ? i + 1 : i + (isShort ? 1 : 2);
      const end = id === 0 ? start : start + (isShort ? (body[i]! & 15) + 1 : body[i + 1]!);
      for (i = start; i < end; i++) if (ids.has(id)) body[i]! ^= keystream[i]!;
    }
    return result;
  }

  /** A session key: the keystream for a label (RFC 3711 §4.3.1). */
  derived(label: number, length: number): Buffer {
    const { key, salt } = this.#suite;
    const counter = Buffer.alloc(16);
    this.#master.copy(counter, 0, key, key + salt);
    counter[7]! ^= label;
    return createCipheriv(`aes-${key * 8}-ctr`, this.#master.subarray(0, key), counter).update(
      Buffer.alloc(length),
    );
  }

  #nonce(ssrc: number, index: number, first: number): Buffer {
    const { gcm, salt } = this.#suite;
    const nonce = Buffer.alloc(gcm ? 12 : 16);
    this.derived(first + 2, salt).copy(nonce);
    const field = Buffer.alloc(10);
    field.writeUInt32BE(ssrc);
    field.writeUIntBE(index, 4, 6);
    const at = gcm ? 2 : 4;
    for (const [i, byte] of field.entries()) nonce[at + i]! ^= byte;
    return nonce;
  }

  #counterMode(label: number, nonce: Buffer, text: Buffer): Buffer {
    const { key } = this.#suite;
    return createCipheriv(`aes-${key * 8}-ctr`, this.derived(label, key), nonce).update(text);
  }

  #gcm(label: number, nonce: Buffer) {
    const { key } = this.#suite;
    return createCipheriv(key === 16 ? 'aes-128-gcm' : 'aes-256-gcm', this.derived(label, key), nonce);
  }

  #mac(label: number, parts: readonly Buffer[]): Buffer {
    return createHmac('sha1', this.derived(label, 20)).update(Buffer.concat(parts)).digest();
  }
}

function headerLength(packet: Buffer): number {
  const length = 12 + (packet[0]! & 15) * 4;
  return (packet[0]! & 0x10) === 0 ? length : length + 4 + packet.readUInt16BE(length + 2) * 4;
}
