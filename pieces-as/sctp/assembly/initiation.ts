import { load16, load32 } from 'funnel-tunnel/as/views/bytes';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { MOST_PATHS } from './association';
import { Configuration } from './configuration';
import { ChunkType, Feature, INIT_BYTES, ParameterType, padded } from './constants';

const MOST_UNRECOGNISED: i32 = 8;
/** The error detection method of SCTP over DTLS (RFC 9653 §3). */
export const DTLS: u32 = 1;

/** The contents of an INIT or INIT ACK (RFC 9260 §3.3.2, §3.3.3). */
export abstract class Initiation {
  static tag: u32 = 0;
  static window: u32 = 0;
  static outStreams: u32 = 0;
  static inStreams: u32 = 0;
  static tsn: u32 = 0;
  static readonly addresses: StaticArray<Endpoint> = new StaticArray<Endpoint>(MOST_PATHS);
  static addressCount: i32 = 0;
  static cookieAt: usize = 0;
  static cookieLength: u32 = 0;
  static hasHostName: bool = false;
  /** The extensions that the sender supports: bits of `Feature`. */
  static features: u32 = 0;
  /** The requested extension of the cookie's lifetime, in milliseconds. */
  static extraLife: u32 = 0;
  /** The unrecognised parameters to report, as they came. */
  static unrecognisedCount: i32 = 0;
  private static readonly unrecognised: StaticArray<usize> = new StaticArray<usize>(MOST_UNRECOGNISED);

  static start(): void {
    for (let i = 0; i < MOST_PATHS; i++) Initiation.addresses[i] = new Endpoint();
  }

  static unrecognisedAt(i: i32): usize {
    return Initiation.unrecognised[i];
  }

  /** The size of a parameter, padded. */
  static bytesOf(parameter: usize): u32 {
    return padded(load16(parameter + 2));
  }

  /** Reads a chunk of this many bytes with its header. False if its lengths are impossible. */
  static read(chunk: usize, length: u32): bool {
    if (length < INIT_BYTES) return false;
    Initiation.tag = load32(chunk + 4);
    Initiation.window = load32(chunk + 8);
    Initiation.outStreams = load16(chunk + 12);
    Initiation.inStreams = load16(chunk + 14);
    Initiation.tsn = load32(chunk + 16);
    Initiation.addressCount = 0;
    Initiation.cookieAt = 0;
    Initiation.cookieLength = 0;
    Initiation.hasHostName = false;
    Initiation.features = 0;
    Initiation.extraLife = 0;
    Initiation.unrecognisedCount = 0;
    let isStopped = false;
    let offset = INIT_BYTES;
    while (offset < length) {
      if (length - offset < 4) return false;
      const parameter = chunk + offset;
      const bytes = load16(parameter + 2);
      if (bytes < 4 || bytes > length - offset) return false;
      if (!isStopped) {
        const known = Initiation.readParameter(parameter, load16(parameter), bytes);
        if (known == Known.wrong) return false;
        isStopped = known == Known.no && Initiation.passOver(parameter);
      }
      offset += padded(bytes);
    }
    return true;
  }

  private static readParameter(at: usize, type: u32, length: u32): i32 {
    switch (type) {
      case ParameterType.ipv4:
        if (length != 8) return Known.wrong;
        if (Initiation.addressCount < MOST_PATHS && isUnicastIpv4(load32(at + 4))) {
          Initiation.addresses[Initiation.addressCount++].setIpv4(load32(at + 4), 0);
        }
        return Known.yes;
      case ParameterType.ipv6:
        if (length != 20) return Known.wrong;
        if (Initiation.addressCount < MOST_PATHS && isUnicastIpv6(at + 4)) {
          Initiation.addresses[Initiation.addressCount++].readIpv6(at + 4, 0);
        }
        return Known.yes;
      case ParameterType.cookie:
        Initiation.cookieAt = at + 4;
        Initiation.cookieLength = length - 4;
        return Known.yes;
      case ParameterType.hostName:
        Initiation.hasHostName = true;
        return Known.yes;
      case ParameterType.preservative:
        if (length != 8) return Known.wrong;
        Initiation.extraLife = load32(at + 4);
        return Known.yes;
      case ParameterType.forwardTsn:
        Initiation.features |= Feature.partial;
        return Known.yes;
      case ParameterType.extensions:
        for (let i: u32 = 4; i < length; i++) Initiation.readExtension(<u32>load<u8>(at + i));
        return Known.yes;
      case ParameterType.zeroChecksum:
        if (length != 8) return Known.wrong;
        if (Configuration.hasZeroChecksum && load32(at + 4) == DTLS)
          Initiation.features |= Feature.zeroChecksum;
        return Known.yes;
      case ParameterType.addressTypes:
      case ParameterType.unrecognised:
        return Known.yes;
      default:
        return Known.no;
    }
  }

  /** Reads a type of chunk that the sender supports (RFC 5061 §4.2.7). */
  private static readExtension(type: u32): void {
    if (type == ChunkType.forwardTsn) Initiation.features |= Feature.partial;
    else if (type == ChunkType.reConfig) Initiation.features |= Feature.reConfig;
    else if (type == ChunkType.iData && Configuration.hasInterleaving)
      Initiation.features |= Feature.interleaving;
  }

  /**
   * The two highest bits of an unknown type determine the action (RFC 9260 §3.2.1). Whether to skip all that
   * follows, too.
   */
  private static passOver(parameter: usize): bool {
    const type = load16(parameter);
    if ((type & 0x4000) != 0 && Initiation.unrecognisedCount < MOST_UNRECOGNISED) {
      Initiation.unrecognised[Initiation.unrecognisedCount++] = parameter;
    }
    return (type & 0x8000) == 0;
  }
}

const enum Known {
  yes,
  no,
  wrong,
}

/** Whether SCTP may send to an address: no group, broadcast, unspecified or loopback address. */
export function isUnicastIpv4(address: u32): bool {
  const first = address >> 24;
  return first != 0 && first != 127 && first < 224;
}

export function isUnicastIpv6(at: usize): bool {
  if (load<u8>(at) == 0xff) return false;
  // The unspecified address, the loopback, and mapped IPv4 (RFC 9260 §3.3.2.1.2).
  if (load<u64>(at) != 0) return true;
  const low = bswap<u64>(load<u64>(at, 8));
  return low > 1 && low >> 32 != 0xffff;
}
