import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { parseAddress } from '../../frame-sequence/assembly/address';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';

/** The most services that one instance serves, and the most for which it has targets. */
export const MOST_SERVICES: i32 = 64;

export function describeSettings(d: Description): void {
  d.optional('serve', Kind.Text, 'A UDP port whose datagrams go to the far side.').isRepeated();
  d.optional(
    'target',
    Kind.Text,
    'The server for datagrams to a port of the far side: PORT=ADDRESS, or PORT=ADDRESS#PORT.',
  ).isRepeated();
  d.setting('port', Kind.Number, 'The SCTP port of this side.', '4295');
  d.optional(
    'remote',
    Kind.Address,
    'The address of the far side. Not given: the far side contacts this one.',
  );
  d.optional('remote-port', Kind.Number, 'The SCTP port of the far side. Not given: the same as `port`.');
  d.setting('flows', Kind.Number, 'Flows at a time in each direction.', '256');
  d.setting('idle', Kind.Duration, 'A flow without datagrams ends after this time.', '120s');
  d.setting('first-port', Kind.Number, 'The first of the UDP ports from which targets are reached.', '49152');
  d.setting('streams', Kind.Number, 'Streams of SCTP that the flows share.', '64');
}

/** The settings of this instance. */
export abstract class Configuration {
  static serviceCount: i32 = 0;
  static readonly services: StaticArray<u32> = new StaticArray<u32>(MOST_SERVICES);
  static targetCount: i32 = 0;
  static readonly targetPorts: StaticArray<u32> = new StaticArray<u32>(MOST_SERVICES);
  static readonly targets: StaticArray<Endpoint> = new StaticArray<Endpoint>(MOST_SERVICES);
  static port: u32 = 0;
  static hasRemote: bool = false;
  static readonly remote: Endpoint = new Endpoint();
  static flows: i32 = 0;
  static idleMs: f64 = 0;
  static firstPort: u32 = 0;
  static streams: u32 = 0;

  static read(settings: Settings): void {
    Configuration.serviceCount = min(settings.count('serve'), MOST_SERVICES);
    if (settings.count('serve') > MOST_SERVICES) settings.problem('serve', 'can be given 64 times at most');
    for (let i = 0; i < Configuration.serviceCount; i++) {
      const text = settings.at('serve', i);
      Configuration.services[i] = portOf(text);
      if (Configuration.services[i] == 0) settings.problem('serve', 'must be a port, not "' + text + '"');
    }
    Configuration.targetCount = min(settings.count('target'), MOST_SERVICES);
    if (settings.count('target') > MOST_SERVICES) settings.problem('target', 'can be given 64 times at most');
    for (let i = 0; i < Configuration.targetCount; i++) Configuration.readTarget(settings, i);
    Configuration.port = <u32>settings.number('port', 1, 65_535);
    Configuration.hasRemote = settings.has('remote');
    if (Configuration.hasRemote && !parseAddress(settings.text('remote'), Configuration.remote)) {
      settings.problem('remote', 'must be an IPv4 or IPv6 address, not "' + settings.text('remote') + '"');
    }
    Configuration.remote.port = settings.has('remote-port')
      ? <u32>settings.number('remote-port', 1, 65_535)
      : Configuration.port;
    Configuration.flows = <i32>settings.number('flows', 1, 900);
    Configuration.idleMs = settings.duration('idle');
    if (Configuration.idleMs < 1000) settings.problem('idle', 'must be 1s or longer');
    Configuration.firstPort = <u32>settings.number('first-port', 1024, 65_535);
    if (Configuration.firstPort + <u32>Configuration.flows > 65_536) {
      settings.problem('first-port', 'must leave as many ports above it as there are flows');
    }
    Configuration.streams = <u32>settings.number('streams', 1, 65_535);
  }

  /** The target of a port; null if there is none. */
  static targetOf(port: u32): Endpoint | null {
    for (let i = 0; i < Configuration.targetCount; i++) {
      if (Configuration.targetPorts[i] == port) return Configuration.targets[i];
    }
    return null;
  }

  private static readTarget(settings: Settings, i: i32): void {
    const text = settings.at('target', i);
    const equals = text.indexOf('=');
    const hash = text.indexOf('#');
    const port = equals < 0 ? 0 : portOf(text.substring(0, equals));
    const target = new Endpoint();
    target.port = hash < 0 ? port : portOf(text.substring(hash + 1));
    const address = text.substring(equals + 1, hash < 0 ? text.length : hash);
    Configuration.targetPorts[i] = port;
    Configuration.targets[i] = target;
    if (port == 0 || target.port == 0 || !parseAddress(address, target)) {
      settings.problem(
        'target',
        'must be such as 1812=192.0.2.1 or 1812=2001:db8::1#11812, not "' + text + '"',
      );
    }
  }
}

function portOf(text: string): u32 {
  let port: u32 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    port = port * 10 + digit;
    if (port > 65_535) return 0;
  }
  return port;
}
