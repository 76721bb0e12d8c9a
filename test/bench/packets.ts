import { Role } from '../../abi/host/contract.ts';
import type { Protocols } from '../../host/stack/protocols.ts';

/** A real packet and its parts: Ethernet, IPv4, UDP and payload. */
export interface Packet {
  readonly bytes: Uint8Array;
  readonly parts: readonly {
    readonly protocol: number;
    readonly role: number;
    readonly offset: number;
    readonly length: number;
  }[];
}

/** @param length of the whole frame, in bytes, 42 at least */
export function ethernetPacket(protocols: Protocols, length: number): Packet {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
  writeIpv4(view, ETHERNET, length - ETHERNET);
  writeUdp(view, ETHERNET + IPV4, length - ETHERNET - IPV4);
  return { bytes, parts: divide(protocols, ['ethernet', 'ipv4', 'udp'], [ETHERNET, IPV4, UDP], length) };
}

/** The same without Ethernet: three parts. */
export function ipv4Packet(protocols: Protocols, length: number): Packet {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  writeIpv4(view, 0, length);
  writeUdp(view, IPV4, length - IPV4);
  return { bytes, parts: divide(protocols, ['ipv4', 'udp'], [IPV4, UDP], length) };
}

const ETHERNET = 14;
const IPV4 = 20;
const UDP = 8;

function divide(
  protocols: Protocols,
  names: readonly string[],
  lengths: readonly number[],
  total: number,
): Packet['parts'] {
  let offset = 0;
  const parts = names.map((name, n) => {
    const protocol = protocols.number(name);
    if (protocol === 0) throw new Error(`protocol ${name} is not known`);
    const part = { protocol, role: Role.header, offset, length: lengths[n]! };
    offset += lengths[n]!;
    return part;
  });
  return [...parts, { protocol: 0, role: Role.payload, offset, length: total - offset }];
}

/** 192.0.2.1 to 192.0.2.2, with a right checksum. */
function writeIpv4(view: DataView, at: number, length: number): void {
  view.setUint16(at, 0x4500);
  view.setUint16(at + 2, length);
  view.setUint16(at + 8, (64 << 8) | 17);
  view.setUint32(at + 12, 0xc0000201);
  view.setUint32(at + 16, 0xc0000202);
  let sum = 0;
  for (let n = 0; n < IPV4; n += 2) sum += view.getUint16(at + n);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(at + 10, ~sum & 0xffff);
}

/** From port 40000 to 40002, without a checksum, as IPv4 allows. */
function writeUdp(view: DataView, at: number, length: number): void {
  view.setUint16(at, 40_000);
  view.setUint16(at + 2, 40_002);
  view.setUint16(at + 4, length);
  for (let n = at + UDP; n < view.byteLength; n++) view.setUint8(n, (n * 31) & 0xff);
}
