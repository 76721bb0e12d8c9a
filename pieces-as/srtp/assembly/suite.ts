import { Algorithm } from 'funnel-tunnel/as';

/** A crypto suite of SRTP: its algorithms, and the lengths in bytes that it needs. */
export class Suite {
  constructor(
    /** The name in RFC 4568, RFC 6188 or RFC 7714. */
    public name: string,
    /** An older name, which is understood; '' for none. */
    public alias: string,
    /** An `Algorithm`. */
    public cipher: i32,
    public keyBytes: i32,
    public saltBytes: i32,
    /** The tag of SRTP, and that of SRTCP, which is never shortened (RFC 3711 §5.2, RFC 5764 §4.1.2). */
    public tagBytes: i32,
    public controlTagBytes: i32,
  ) {}

  get isGcm(): bool {
    return this.cipher == Algorithm.AesGcm;
  }
}

/** The bytes of a key for HMAC-SHA1 (RFC 3711 §5.2). */
export const MAC_KEY_BYTES: i32 = 20;

export const SUITES: Suite[] = [
  new Suite('AES_CM_128_HMAC_SHA1_80', 'SRTP_AES128_CM_HMAC_SHA1_80', Algorithm.AesCtr, 16, 14, 10, 10),
  new Suite('AES_CM_128_HMAC_SHA1_32', 'SRTP_AES128_CM_HMAC_SHA1_32', Algorithm.AesCtr, 16, 14, 4, 10),
  new Suite('AES_192_CM_HMAC_SHA1_80', 'AES_CM_192_HMAC_SHA1_80', Algorithm.AesCtr, 24, 14, 10, 10),
  new Suite('AES_192_CM_HMAC_SHA1_32', 'AES_CM_192_HMAC_SHA1_32', Algorithm.AesCtr, 24, 14, 4, 10),
  new Suite('AES_256_CM_HMAC_SHA1_80', 'AES_CM_256_HMAC_SHA1_80', Algorithm.AesCtr, 32, 14, 10, 10),
  new Suite('AES_256_CM_HMAC_SHA1_32', 'AES_CM_256_HMAC_SHA1_32', Algorithm.AesCtr, 32, 14, 4, 10),
  new Suite('AEAD_AES_128_GCM', '', Algorithm.AesGcm, 16, 12, 16, 16),
  new Suite('AEAD_AES_256_GCM', '', Algorithm.AesGcm, 32, 12, 16, 16),
];

/** The suite of this name or older name, or null. */
export function suiteNamed(name: string): Suite | null {
  for (let i = 0; i < SUITES.length; i++)
    if (SUITES[i].name == name || (SUITES[i].alias.length > 0 && SUITES[i].alias == name)) return SUITES[i];
  return null;
}
