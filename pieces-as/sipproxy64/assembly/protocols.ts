import { Description, protocolNumber } from 'funnel-tunnel/as';

/** The host's numbers of the protocols in our frames. They are valid after `learn`, which `start` calls. */
export abstract class Protocols {
  static ipv4: u16 = 0;
  static ipv6: u16 = 0;
  static udp: u16 = 0;
  static tcp: u16 = 0;
  static sip: u16 = 0;
  static rtp: u16 = 0;
  static rtcp: u16 = 0;

  static describe(description: Description): void {
    description.protocol('ipv4');
    description.protocol('ipv6');
    description.protocol('udp');
    description.protocol('tcp');
    description.protocol('sip');
    description.protocol('rtp');
    description.protocol('rtcp');
  }

  static learn(): void {
    Protocols.ipv4 = protocolNumber('ipv4');
    Protocols.ipv6 = protocolNumber('ipv6');
    Protocols.udp = protocolNumber('udp');
    Protocols.tcp = protocolNumber('tcp');
    Protocols.sip = protocolNumber('sip');
    Protocols.rtp = protocolNumber('rtp');
    Protocols.rtcp = protocolNumber('rtcp');
  }
}
