import { checksum } from '../../host/frame/testing/packet-arbitrary.ts';

/** For tests: one packet of a flow of TCP or UDP. */
export interface FlowPacket {
  readonly version: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  /** Which flow: it decides addresses and ports. */
  readonly flow: number;
  readonly payload: Uint8Array;
  readonly sequence?: number;
  readonly acknowledged?: number;
  /** The flags of TCP; ACK by default. */
  readonly flags?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** The options of TCP, in multiples of four bytes. */
  readonly options?: Uint8Array;
  readonly identification?: number;
  readonly dontFragment?: boolean;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** Whether UDP has no checksum. */
  readonly isUnchecked?: boolean;
}

export const [FIN, SYN, PSH, ACK, URG, ECE, CWR] = [0x01, 0x02, 0x08, 0x10, 0x20, 0x40, 0x80];

/** The bytes of a packet of IP, with all lengths and checksums. */
export function flowPacket(packet: FlowPacket): Buffer {
  const { version, protocol, flow, payload } = packet;
  const options = packet.options ?? new Uint8Array();
  const transport = Buffer.alloc(protocol === 'tcp' ? 20 + options.length : 8);
  transport.writeUInt16BE(1000 + flow, 0);
  transport.writeUInt16BE(2000 + flow, 2);
  const contents = transport.length + payload.length;
  if (protocol === 'tcp') {
    transport.writeUInt32BE((packet.sequence ?? 0) >>> 0, 4);
    transport.writeUInt32BE((packet.acknowledged ?? 7) >>> 0, 8);
    transport[12] = (transport.length / 4) << 4;
    transport[13] = packet.flags ?? ACK!;
    transport.writeUInt16BE(packet.window ?? 512, 14);
    transport.writeUInt16BE(packet.urgent ?? 0, 18);
    transport.set(options, 20);
  } else {
    transport.writeUInt16BE(contents, 4);
  }
  const ip = Buffer.alloc(version === 4 ? 20 : 40);
  const trafficClass = packet.trafficClass ?? 0;
  if (version === 4) {
    ip[0] = 0x45;
    ip[1] = trafficClass;
    ip.writeUInt16BE(20 + contents, 2);
    ip.writeUInt16BE((packet.identification ?? 0) & 0xffff, 4);
    ip[6] = (packet.dontFragment ?? true) ? 0x40 : 0;
    ip[8] = packet.hopLimit ?? 64;
    ip[9] = protocol === 'tcp' ? 6 : 17;
    ip.set([10, 0, 1, 2 + flow, 10, 0, 2, 2 + flow], 12);
    ip.writeUInt16BE(checksum([ip]), 10);
  } else {
    ip.writeUInt32BE(((6 << 28) | (trafficClass << 20) | (packet.flowLabel ?? 0)) >>> 0, 0);
    ip.writeUInt16BE(contents, 4);
    ip[6] = protocol === 'tcp' ? 6 : 17;
    ip[7] = packet.hopLimit ?? 64;
    ip.set([0xfc, 0x64, 0, 0, 0, 1], 8);
    ip[23] = 2 + flow;
    ip.set([0xfc, 0x64, 0, 0, 0, 2], 24);
    ip[39] = 2 + flow;
  }
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(contents, 0);
  pseudo[7] = protocol === 'tcp' ? 6 : 17;
  const addresses = ip.subarray(version === 4 ? 12 : 8);
  // Each chunk but the last has an even length.
  const sum = checksum([addresses, pseudo, transport, payload]);
  if (!(packet.isUnchecked ?? false))
    transport.writeUInt16BE(protocol === 'udp' && sum === 0 ? 0xffff : sum, protocol === 'tcp' ? 16 : 6);
  return Buffer.concat([ip, transport, payload]);
}

/** The flow of a packet as the tests see it, by its addresses, protocol and ports. */
export function flowOf(packet: Uint8Array): string {
  const is4 = packet[0]! >>> 4 === 4;
  const at = is4 ? 20 : 40;
  return Buffer.concat([
    packet.subarray(is4 ? 12 : 8, at),
    packet.subarray(is4 ? 9 : 6, is4 ? 10 : 7),
    packet.subarray(at, at + 4),
  ]).toString('hex');
}
