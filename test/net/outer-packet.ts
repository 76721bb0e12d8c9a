import type { CapturedPacket } from './pcapng.ts';

/** The contents of an IPv4/UDP packet on the wire, and of the IPv6 packet inside if there is one. */
export interface OuterPacket {
  readonly timeMs: number;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  /** The payload of UDP. */
  readonly payload: Buffer;
  /** Version 6: the tunnelled packet's next header; else undefined. */
  readonly innerProtocol: number | undefined;
}

/** The IPv4/UDP packets of a capture of Ethernet or bare IP; fragments other than the first are left out. */
export function outerPackets(packets: readonly CapturedPacket[]): OuterPacket[] {
  const found: OuterPacket[] = [];
  for (const { linkType, timeMs, bytes } of packets) {
    if (linkType === ETHERNET && bytes.length >= 14 && bytes.readUInt16BE(12) !== 0x0800) continue;
    const ip = linkType === ETHERNET ? bytes.subarray(14) : bytes;
    if (ip.length < 28 || ip[0]! >> 4 !== 4 || ip[9] !== UDP) continue;
    if ((ip.readUInt16BE(6) & 0x1fff) !== 0) continue;
    const udp = ip.subarray((ip[0]! & 15) * 4, ip.readUInt16BE(2));
    if (udp.length < 8) continue;
    const payload = udp.subarray(8);
    const isIpv6 = payload.length >= 40 && payload[0]! >> 4 === 6;
    found.push({
      timeMs,
      from: ip.subarray(12, 16).join('.'),
      fromPort: udp.readUInt16BE(0),
      to: ip.subarray(16, 20).join('.'),
      toPort: udp.readUInt16BE(2),
      payload,
      innerProtocol: isIpv6 ? payload[6] : undefined,
    });
  }
  return found;
}

const ETHERNET = 1;
const UDP = 17;
