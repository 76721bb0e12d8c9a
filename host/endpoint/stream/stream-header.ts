/** Flags of a header of TCP. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** The IP and TCP header of frames from `remote` to `local`, without length, numbers and flags. */
export function headerOf(
  remote: { readonly address: Uint8Array; readonly port: number },
  local: { readonly address: Uint8Array; readonly port: number },
): Uint8Array {
  const isIpv4 = remote.address.length === 4;
  const ip = isIpv4 ? 20 : 40;
  const header = new Uint8Array(ip + 20);
  header[0] = isIpv4 ? 0x45 : 0x60;
  header[isIpv4 ? 8 : 7] = HOPS;
  header[isIpv4 ? 9 : 6] = TCP;
  header.set(remote.address, isIpv4 ? 12 : 8);
  header.set(local.address, isIpv4 ? 16 : 24);
  put16(header, ip, remote.port);
  put16(header, ip + 2, local.port);
  header[ip + 12] = 5 << 4;
  return header;
}

/** Writes at `to` the headers of a frame back to the sender of the one at `ip` and `tcp`. */
export function writeHeader(
  bytes: Uint8Array,
  to: number,
  from: Uint8Array,
  ip: number,
  tcp: number,
  isIpv4: boolean,
): void {
  const size = isIpv4 ? 20 : 40;
  const address = isIpv4 ? 4 : 16;
  const at = isIpv4 ? 12 : 8;
  bytes.fill(0, to, to + size + 20);
  bytes[to] = isIpv4 ? 0x45 : 0x60;
  bytes[to + (isIpv4 ? 8 : 7)] = HOPS;
  bytes[to + (isIpv4 ? 9 : 6)] = TCP;
  for (let i = 0; i < address; i++) {
    bytes[to + at + i] = from[ip + at + address + i]!;
    bytes[to + at + address + i] = from[ip + at + i]!;
  }
  for (let i = 0; i < 2; i++) {
    bytes[to + size + i] = from[tcp + 2 + i]!;
    bytes[to + size + 2 + i] = from[tcp + i]!;
  }
  bytes[to + size + 12] = 5 << 4;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

const TCP = 6;
const HOPS = 64;
