import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { parseAddress } from '../../frame-sequence/assembly/address';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';

export function describeSettings(d: Description): void {
  d.setting(
    'carrier',
    Kind.Text,
    'The stream that carries the frames: ip/tcp, ipv4/tcp or ipv6/tcp.',
    'ip/tcp',
  );
  d.setting('port', Kind.Number, 'The port here, where the other side opens the stream.', '3000');
  d.optional('remote', Kind.Address, 'The address of the other side. Not given: it opens the stream.');
  d.optional('remote-port', Kind.Number, 'The port of the other side. Not given: the same as here.');
  d.setting('ipv4', Kind.Boolean, 'Whether IPv4 is carried.', 'true');
  d.setting('ipv6', Kind.Boolean, 'Whether IPv6 is carried.', 'true');
  d.optional('address', Kind.Address, 'The IPv4 address here. Not given: the other side assigns one.');
  d.optional('peer-address', Kind.Address, 'The IPv4 address of the other side. Not given: it has its own.');
  d.optional(
    'interface',
    Kind.Text,
    'The IPv6 interface identifier here, such as 0:0:0:1. Not given: random.',
  );
  d.setting(
    'default-route',
    Kind.Boolean,
    'Whether all addresses are reached through the other side.',
    'false',
  );
  d.setting('mru', Kind.Number, 'Bytes of the largest packet that is taken here.', '1500');
  d.setting(
    'echo',
    Kind.Duration,
    'How often the other side is asked whether it is there; 0 for never.',
    '10s',
  );
}

/** The settings of this instance. */
export abstract class Configuration {
  static carrier: string = 'ip/tcp';
  static port: u32 = 0;
  static hasRemote: bool = false;
  static readonly remote: Endpoint = new Endpoint();
  static hasIpv4: bool = true;
  static hasIpv6: bool = true;
  /** 0 where it is not given, as in the two below. */
  static address: u32 = 0;
  static peerAddress: u32 = 0;
  static identifier: u64 = 0;
  static hasDefaultRoute: bool = false;
  static mru: u32 = 1500;
  static echoMs: f64 = 0;

  static read(settings: Settings): void {
    const carrier = settings.text('carrier');
    Configuration.carrier = carrier;
    if (carrier != 'ip/tcp' && carrier != 'ipv4/tcp' && carrier != 'ipv6/tcp')
      settings.problem('carrier', 'must be ip/tcp, ipv4/tcp or ipv6/tcp, not "' + carrier + '"');
    Configuration.port = <u32>settings.number('port', 1, 65535);
    const remote = Configuration.remote;
    Configuration.hasRemote = settings.has('remote');
    if (Configuration.hasRemote && !parseAddress(settings.text('remote'), remote))
      settings.problem('remote', 'must be an IPv4 or IPv6 address, not "' + settings.text('remote') + '"');
    remote.port = settings.has('remote-port')
      ? <u32>settings.number('remote-port', 1, 65535)
      : Configuration.port;
    Configuration.hasIpv4 = settings.boolean('ipv4');
    Configuration.hasIpv6 = settings.boolean('ipv6');
    if (!Configuration.hasIpv4 && !Configuration.hasIpv6)
      settings.problem('ipv6', 'and ipv4 are both false, so nothing would be carried');
    Configuration.address = settings.ipv4('address');
    Configuration.peerAddress = settings.ipv4('peer-address');
    if (Configuration.address != 0 && Configuration.address == Configuration.peerAddress)
      settings.problem('peer-address', 'must be another address than `address`');
    Configuration.identifier = 0;
    if (settings.has('interface')) Configuration.readIdentifier(settings);
    Configuration.hasDefaultRoute = settings.boolean('default-route');
    Configuration.mru = <u32>settings.number('mru', 1280, 65_535);
    Configuration.echoMs = settings.duration('echo');
    if (Configuration.echoMs > 0 && Configuration.echoMs < 1000)
      settings.problem('echo', 'must be 0 or at least 1s');
  }

  private static readIdentifier(settings: Settings): void {
    const text = settings.text('interface');
    const address = new Endpoint();
    if (parseAddress('fe80::' + text, address) && text.split(':').length == 4)
      Configuration.identifier = address.low;
    if (Configuration.identifier == 0)
      settings.problem('interface', 'must be four groups of hexadecimal digits, not all 0, such as 0:0:0:1');
  }
}
