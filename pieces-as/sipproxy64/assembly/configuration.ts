import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import {
  ENDPOINT_BYTES,
  isNullAddress,
  portOf,
  sameAddress,
  setPort,
  setTransport,
  Transport,
} from './endpoint';

/** The most static phones and names of ours. */
@inline export const MOST_PHONES: i32 = 256;
@inline const MOST_CALLS: i64 = 4000;
@inline const MOST_REGISTRATIONS: i64 = 8000;
@inline const MOST_CONNECTIONS: i64 = 500;

export function describeSettings(description: Description): void {
  description.required('ipv4', Kind.Address, 'Our IPv4 address, to which phones of IPv4 send.');
  description.required('ipv6', Kind.Address, 'Our IPv6 address, to which phones of IPv6 send.');
  description.setting('port', Kind.Number, 'The port of SIP, of UDP and of TCP, in both families.', '5060');
  description.setting(
    'media-ports',
    Kind.Text,
    'The ports for media, in both families, from an even one to an odd one.',
    '30000-39999',
  );
  description.optional(
    'proxy4',
    Kind.Text,
    'The registrar or proxy for IPv4 requests that name no address, such as 192.0.2.9:5060.',
  );
  description.optional('proxy6', Kind.Text, 'The same for IPv6, such as [2001:db8::9]:5060.');
  description
    .optional('phone', Kind.Text, 'A phone that registers nowhere, such as bob=[2001:db8::7]:5060.')
    .isRepeated();
  description.optional('domain', Kind.Text, 'A host name in URIs that stands for this proxy.').isRepeated();
  description.setting('calls', Kind.Number, 'Dialogs with relayed media at a time.', '1000');
  description.setting('registrations', Kind.Number, 'Contacts from registrations at a time.', '1000');
  description.setting('connections', Kind.Number, 'TCP connections of SIP at a time.', '200');
  description.setting('idle', Kind.Duration, 'The longest time without messages on a TCP connection.', '15m');
  description.setting(
    'when-full',
    Kind.Text,
    'refuse: a new call beyond `calls` is refused; drop-oldest: it replaces the oldest one.',
    'refuse',
  );
  description.setting(
    'setup',
    Kind.Duration,
    'The longest time until a call is answered (RFC 3261 §16.6, timer C).',
    '200s',
  );
  description.setting(
    'silence',
    Kind.Duration,
    'A call with neither media nor signalling for this long is over.',
    '3m',
  );
  description.setting('hold', Kind.Duration, 'The same for a call on hold.', '30m');
  description.setting('linger', Kind.Duration, 'Time for which a call keeps its ports after its end.', '32s');
  description.setting(
    'symmetric',
    Kind.Boolean,
    'Send media to the source of the other direction, if that is the host that signalled it.',
    'false',
  );
  description.setting(
    'to-loopback',
    Kind.Boolean,
    'Let messages name 127.0.0.0/8 and ::1, for trials on one machine.',
    'false',
  );
}

/** The settings of this instance. Texts are made once. */
export abstract class Configuration {
  static own4: usize = memory.data(24, 8);
  static own6: usize = memory.data(24, 8);
  /** In the forms of SDP and of `received`. */
  static text4: string = '';
  static text6: string = '';
  /** In the forms of URIs and Via: with the port only if it is not 5060. */
  static host4: string = '';
  static host6: string = '';
  static port: u32 = 5060;
  static firstPort: u32 = 30000;
  static lastPort: u32 = 39999;
  /** Endpoints; a port of 0 means none. */
  static proxy4: usize = memory.data(24, 8);
  static proxy6: usize = memory.data(24, 8);
  static phones: usize = 0;
  static phoneUsers: string[] = [];
  static domains: string[] = [];
  static calls: i32 = 1000;
  static registrations: i32 = 1000;
  static connections: i32 = 200;
  static idleMs: f64 = 900_000;
  static dropsOldest: bool = false;
  static setupMs: f64 = 200_000;
  static silenceMs: f64 = 180_000;
  static holdMs: f64 = 1_800_000;
  static lingerMs: f64 = 32_000;
  static symmetric: bool = false;
  static loopback: bool = false;

  @inline static ownHost(family: u32): string {
    return family == 4 ? Configuration.host4 : Configuration.host6;
  }

  @inline static ownText(family: u32): string {
    return family == 4 ? Configuration.text4 : Configuration.text6;
  }

  @inline static own(family: u32): usize {
    return family == 4 ? Configuration.own4 : Configuration.own6;
  }

  @inline static proxy(family: u32): usize {
    return family == 4 ? Configuration.proxy4 : Configuration.proxy6;
  }

  /**
   * Reads the settings, and reports problems. `describe` calls it too, when required settings may be absent.
   */
  static read(settings: Settings): void {
    Configuration.port = <u32>settings.number('port', 1, 65535);
    Configuration.loopback = settings.boolean('to-loopback');
    Configuration.text4 = readOwn(settings, 'ipv4', 4, Configuration.own4);
    Configuration.text6 = readOwn(settings, 'ipv6', 6, Configuration.own6);
    const port = Configuration.port == 5060 ? '' : ':' + Configuration.port.toString();
    Configuration.host4 = Configuration.text4 + port;
    Configuration.host6 = '[' + Configuration.text6 + ']' + port;
    readPorts(settings);
    readProxy(settings, 'proxy4', 4, Configuration.proxy4);
    readProxy(settings, 'proxy6', 6, Configuration.proxy6);
    readPhones(settings);
    Configuration.domains = [];
    for (let i = 0, n = settings.count('domain'); i < n; i++) {
      Configuration.domains.push(settings.at('domain', i).toLowerCase());
    }
    Configuration.calls = <i32>settings.number('calls', 1, MOST_CALLS);
    Configuration.registrations = <i32>settings.number('registrations', 0, MOST_REGISTRATIONS);
    Configuration.connections = <i32>settings.number('connections', 0, MOST_CONNECTIONS);
    Configuration.idleMs = atLeastASecond(settings, 'idle');
    const whenFull = settings.text('when-full');
    Configuration.dropsOldest = whenFull == 'drop-oldest';
    if (!Configuration.dropsOldest && whenFull != 'refuse')
      settings.problem('when-full', 'must be refuse or drop-oldest');
    Configuration.setupMs = atLeastASecond(settings, 'setup');
    Configuration.silenceMs = atLeastASecond(settings, 'silence');
    Configuration.holdMs = atLeastASecond(settings, 'hold');
    Configuration.lingerMs = settings.duration('linger');
    Configuration.symmetric = settings.boolean('symmetric');
  }

  /** Whether the host with this address may say who is registered. Without a setting, any host may. */
  static isRegistrar(address: usize): bool {
    const has4 = portOf(Configuration.proxy4) != 0;
    const has6 = portOf(Configuration.proxy6) != 0;
    if (!has4 && !has6) return true;
    return (
      (has4 && sameAddress(address, Configuration.proxy4)) ||
      (has6 && sameAddress(address, Configuration.proxy6))
    );
  }

  /** Whether a host name in a URI is one of ours. */
  static isDomain(from: usize, to: usize): bool {
    for (let i = 0, n = Configuration.domains.length; i < n; i++) {
      if (Ascii.is(from, to, unchecked(Configuration.domains[i]))) return true;
    }
    return false;
  }

  /** The endpoint of a static phone; 0 if there is none with this user. */
  static phone(from: usize, to: usize): usize {
    for (let i = 0, n = Configuration.phoneUsers.length; i < n; i++) {
      if (Ascii.isExactly(from, to, unchecked(Configuration.phoneUsers[i]))) {
        return Configuration.phones + <usize>i * ENDPOINT_BYTES;
      }
    }
    return 0;
  }
}

const TCP = ';transport=tcp';

/** The bytes of a text. Allocates. */
function addressOf(text: string, family: u32, endpoint: usize): bool {
  const bytes = String.UTF8.encode(text);
  const at = changetype<usize>(bytes);
  return IpText.read(at, at + bytes.byteLength, endpoint) == family;
}

function readOwn(settings: Settings, name: string, family: u32, endpoint: usize): string {
  const text = settings.text(name);
  setPort(endpoint, Configuration.port);
  if (text.length == 0) return family == 4 ? '192.0.2.1' : '2001:db8::1';
  if (!addressOf(text, family, endpoint)) {
    const example = family == 4 ? '192.0.2.1' : '2001:db8::1';
    settings.problem(
      name,
      'must be an address of IPv' + family.toString() + ' such as ' + example + ', not "' + text + '"',
    );
  } else if (isNullAddress(endpoint)) {
    settings.problem(name, 'must be the address by which phones know us, not ' + text);
  }
  return text;
}

/**
 * `192.0.2.9`, `192.0.2.9:5070`, `2001:db8::9`, `[2001:db8::9]:5070`, each with or without `;transport=tcp`.
 * Allocates.
 */
function readEndpoint(whole: string, endpoint: usize): u32 {
  const isTcp = whole.endsWith(TCP);
  const text = isTcp ? whole.substring(0, whole.length - TCP.length) : whole;
  let host = text;
  let port = 5060;
  const bracket = text.lastIndexOf(']');
  const colon = text.lastIndexOf(':');
  if (text.startsWith('[')) {
    if (bracket < 0) return 0;
    host = text.substring(1, bracket);
    if (bracket + 1 < text.length) {
      if (colon != bracket + 1) return 0;
      port = portIn(text.substring(colon + 1));
    }
  } else if (colon >= 0 && text.indexOf(':') == colon) {
    host = text.substring(0, colon);
    port = portIn(text.substring(colon + 1));
  }
  const bytes = String.UTF8.encode(host);
  const at = changetype<usize>(bytes);
  const family = IpText.read(at, at + bytes.byteLength, endpoint);
  if (port <= 0) return 0;
  setPort(endpoint, port);
  setTransport(endpoint, isTcp ? Transport.tcp : Transport.udp);
  return family;
}

function portIn(text: string): i32 {
  const bytes = String.UTF8.encode(text);
  const at = changetype<usize>(bytes);
  return <i32>Ascii.number(at, at + bytes.byteLength, 65535);
}

function readProxy(settings: Settings, name: string, family: u32, endpoint: usize): void {
  const text = settings.text(name);
  setPort(endpoint, 0);
  if (text.length == 0) return;
  if (readEndpoint(text, endpoint) != family) {
    const example = family == 4 ? '192.0.2.9:5060' : '[2001:db8::9]:5060';
    settings.problem(
      name,
      'must be an address of IPv' +
        family.toString() +
        ' with or without a port, such as ' +
        example +
        ', not "' +
        text +
        '"',
    );
  }
}

function readPhones(settings: Settings): void {
  const count = min(settings.count('phone'), MOST_PHONES);
  if (settings.count('phone') > MOST_PHONES)
    settings.problem('phone', 'can be given ' + MOST_PHONES.toString() + ' times at most');
  Configuration.phoneUsers = [];
  if (count == 0) return;
  Configuration.phones = heap.alloc(<usize>count * ENDPOINT_BYTES);
  for (let i = 0; i < count; i++) {
    const text = settings.at('phone', i);
    const sign = text.indexOf('=');
    const endpoint = Configuration.phones + <usize>i * ENDPOINT_BYTES;
    if (sign < 1 || readEndpoint(text.substring(sign + 1), endpoint) == 0) {
      settings.problem(
        'phone',
        'must be a user and an address, such as bob=[2001:db8::7]:5060, not "' + text + '"',
      );
      continue;
    }
    Configuration.phoneUsers.push(text.substring(0, sign));
  }
}

function readPorts(settings: Settings): void {
  const text = settings.text('media-ports');
  const dash = text.indexOf('-');
  const first = dash < 0 ? -1 : portIn(text.substring(0, dash));
  const last = dash < 0 ? -1 : portIn(text.substring(dash + 1));
  if (first < 2 || last <= first || (first & 1) != 0 || (last & 1) == 0) {
    settings.problem(
      'media-ports',
      'must go from an even port to an odd one, such as 30000-39999, not "' + text + '"',
    );
    return;
  }
  if (first <= <i32>Configuration.port && <i32>Configuration.port <= last) {
    settings.problem('media-ports', 'must not hold the port of SIP, ' + Configuration.port.toString());
  }
  Configuration.firstPort = first;
  Configuration.lastPort = last;
}

function atLeastASecond(settings: Settings, name: string): f64 {
  const value = settings.duration(name);
  if (value < 1000) settings.problem(name, 'must be at least 1s');
  return value;
}
