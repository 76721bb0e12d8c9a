import { Description, protocolNumber } from 'funnel-tunnel/as';

/** The host's numbers of the protocols in our frames. They are valid after `learn`, which `start` calls. */
export abstract class Protocols {
  static ipv4: u16 = 0;
  static udp: u16 = 0;
  static ipv6: u16 = 0;
  static icmpv6: u16 = 0;
  static tcp: u16 = 0;

  static describe(description: Description): void {
    description.protocol('ipv4');
    description.protocol('udp');
    description.protocol('ipv6');
    description.protocol('icmpv6');
    description.protocol('tcp');
  }

  static learn(): void {
    Protocols.ipv4 = protocolNumber('ipv4');
    Protocols.udp = protocolNumber('udp');
    Protocols.ipv6 = protocolNumber('ipv6');
    Protocols.icmpv6 = protocolNumber('icmpv6');
    Protocols.tcp = protocolNumber('tcp');
  }
}
