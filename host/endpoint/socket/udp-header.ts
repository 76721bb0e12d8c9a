/** An end of a datagram in the puzzle. */
export interface DatagramEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

/** Returns the IP and UDP header of datagrams from one end to the other, without lengths and checksums. */
export function datagramHeader(from: DatagramEnd, to: DatagramEnd): Uint8Array {
  const isIpv4 = from.address.length === 4;
  const ip = isIpv4 ? 20 : 40;
  const header = new Uint8Array(ip + 8);
  const view = new DataView(header.buffer);
  if (isIpv4) {
    header.set([0x45, 0, 0, 0, 0, 0, 0, 0, HOPS, UDP]);
    header.set(from.address, 12);
    header.set(to.address, 16);
  } else {
    header.set([0x60, 0, 0, 0, 0, 0, UDP, HOPS]);
    header.set(from.address, 8);
    header.set(to.address, 24);
  }
  view.setUint16(ip, from.port);
  view.setUint16(ip + 2, to.port);
  return header;
}

const UDP = 17;
const HOPS = 64;
