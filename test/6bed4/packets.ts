import { internetChecksum, pseudoHeader4, pseudoHeader6 } from '../views/internet-checksum.ts';
import { fromHex, ipv4, ipv6 } from './packet-text.ts';

// Packets as the RFCs say them, made in a way that has nothing in common with the product's.

export interface Ipv6Options {
  readonly hops?: number;
  readonly trafficClass?: number;
}

/** An IPv6 packet. */
export function packet6(
  source: string,
  destination: string,
  next: number,
  payload: Uint8Array,
  { hops = 64, trafficClass = 0 }: Ipv6Options = {},
): Uint8Array {
  return Uint8Array.of(
    ...[0x60 | (trafficClass >> 4), (trafficClass & 15) << 4, 0, 0],
    ...[payload.length >> 8, payload.length & 255, next, hops],
    ...ipv6(source),
    ...ipv6(destination),
    ...payload,
  );
}

/** An ICMPv6 message in its packet, with its checksum; `body` is hexadecimal and begins with the type. */
export function icmp6(
  source: string,
  destination: string,
  body: string | Uint8Array,
  options: Ipv6Options = { hops: 255 },
): Uint8Array {
  const message = typeof body === 'string' ? fromHex(body) : body.slice();
  message.fill(0, 2, 4);
  const checksum = internetChecksum(
    pseudoHeader6(ipv6(source), ipv6(destination), message.length, 58),
    message,
  );
  message[2] = checksum >> 8;
  message[3] = checksum & 255;
  return packet6(source, destination, 58, message, options);
}

export function udp6(source: string, destination: string, size = 20, options: Ipv6Options = {}): Uint8Array {
  const payload = Uint8Array.from({ length: size }, (_, i) => i & 255);
  payload.set([0x30, 0x39, 0, 7, size >> 8, size & 255, 0x12, 0x34].slice(0, size));
  return packet6(source, destination, 17, payload, options);
}

export const SYN = 0x02;
export const FIN = 0x01;
export const RST = 0x04;
export const ACK = 0x10;

export function tcp6(source: string, destination: string, flags: number): Uint8Array {
  const payload = new Uint8Array(24);
  payload.set([0x30, 0x39, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, flags, 0xff, 0xff]);
  return packet6(source, destination, 6, payload);
}

export const routerSolicitation = (hops = 255): Uint8Array =>
  icmp6('::', 'ff02::2', '8500 0000 00000000 0101 000000000001', { hops });

/** As a router of 6bed4 sends it; `peer` is the prefix with lanip 0. */
export function routerAdvertisement(
  peer: string,
  { to = 'ff02::1', from = 'fe80::', flags = '18', options = '', bits = '72' } = {},
): Uint8Array {
  const prefix = Buffer.from(ipv6(peer)).toString('hex');
  return icmp6(
    from,
    to,
    `8600 0000 00 ${flags} ffff ffffffff ffffffff 03 04 ${bits} c0 ffffffff ffffffff 00000000 ${prefix} ${options}`,
  );
}

export function neighbourSolicitation(source: string, target: string, hops = 255): Uint8Array {
  const of = Buffer.from(ipv6(target)).toString('hex');
  return icmp6(source, target, `8700 0000 00000000 ${of} 0101 000000000000`, { hops });
}

export function neighbourAdvertisement(source: string, destination: string, flags = '60'): Uint8Array {
  return icmp6(source, destination, `8800 0000 ${flags}000000 ${Buffer.from(ipv6(source)).toString('hex')}`);
}

/** UDP over IPv4. */
export function datagram(
  from: string,
  to: string,
  payload: Uint8Array,
  { trafficClass = 0 }: { trafficClass?: number } = {},
): Uint8Array {
  const [source = '', sourcePort] = from.split(':');
  const [destination = '', destinationPort] = to.split(':');
  const length = 8 + payload.length;
  const udp = new DataView(new ArrayBuffer(length));
  udp.setUint16(0, Number(sourcePort));
  udp.setUint16(2, Number(destinationPort));
  udp.setUint16(4, length);
  new Uint8Array(udp.buffer).set(payload, 8);
  const ip = new DataView(new ArrayBuffer(20));
  ip.setUint16(0, 0x4500 | trafficClass);
  ip.setUint16(2, 20 + length);
  ip.setUint16(8, 0x4011);
  ip.setUint32(12, ipv4(source));
  ip.setUint32(16, ipv4(destination));
  ip.setUint16(10, internetChecksum(new Uint8Array(ip.buffer)));
  const addresses = new Uint8Array(ip.buffer, 12, 8);
  const checksum = internetChecksum(
    pseudoHeader4(addresses.subarray(0, 4), addresses.subarray(4), length, 17),
    new Uint8Array(udp.buffer),
  );
  udp.setUint16(6, checksum || 0xffff);
  return Uint8Array.of(...new Uint8Array(ip.buffer), ...new Uint8Array(udp.buffer));
}
