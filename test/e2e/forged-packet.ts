import type { Namespace } from '../net/namespace.ts';

/** An IPv6 packet with an ICMPv6 echo request, from any address to any other, and with the right checksum. */
export function echoRequest(from: string, to: string): Buffer {
  const icmp = Buffer.from('8000000012340001', 'hex');
  const packet = Buffer.concat([Buffer.from('6000000000003a40', 'hex'), octetsOf(from), octetsOf(to), icmp]);
  packet.writeUInt16BE(icmp.length, 4);
  // The pseudo header (RFC 8200 §8.1) has the addresses, the length and the next header.
  let sum = icmp.length + 58;
  for (let at = 8; at < packet.length; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 42);
  return packet;
}

/** Sends a datagram a number of times from a host, from a port that the system chooses. */
export async function sendUdp(
  host: Namespace,
  address: string,
  port: number,
  payload: Buffer,
  count: number,
): Promise<void> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    const payload = Buffer.from('${payload.toString('hex')}', 'hex');
    let left = ${count};
    const send = () => (left-- > 0 ? socket.send(payload, ${port}, '${address}', send) : socket.close());
    send();`;
  await host.run([process.execPath, '-e', script]);
}

function octetsOf(address: string): Buffer {
  const [front = '', back] = address.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = back === undefined ? 0 : 8 - words(front).length - words(back).length;
  const all = [...words(front), ...Array<string>(zeros).fill('0'), ...words(back ?? '')];
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex');
}
