import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { endpoint, endpointV4 } from './address';
import { ROUTER_PORT } from './constants';
import { isForbiddenIpv4 } from './ipv4-filter';

/** Ports that the peer picks from: the even ones of the dynamic range (RFC 6335 §6). */
@inline export const FIRST_PORT: u32 = 49152;
@inline export const LAST_PORT: u32 = 65534;

export function describeSettings(description: Description): void {
  description.required(
    'router',
    Kind.Address,
    'IPv4 address of the 6bed4 router that assigns our prefix and relays for us.',
  );
  description.setting('router-port', Kind.Number, 'UDP port of the router.', ROUTER_PORT.toString());
  description.optional(
    'port',
    Kind.Number,
    'UDP port to use here; even. Not given: a random one of 49152 to 65534.',
  );
  description.setting(
    'keepalive',
    Kind.Duration,
    'How often the way back through a NAT is kept open.',
    '30s',
  );
  description.setting(
    'keepalive-ttl',
    Kind.Number,
    'TTL of those datagrams, which need only pass the NAT.',
    '3',
  );
  description.setting(
    'refresh',
    Kind.Boolean,
    'Ask the router with each keepalive whether our address still holds.',
    'true',
  );
  description.setting(
    'variant',
    Kind.Text,
    'plain, or tcp: try the direct way with the first SYN of a connection.',
    'plain',
  );
  description.setting(
    'direct',
    Kind.Boolean,
    'Look for direct ways to other peers; false sends all by way of the router.',
    'true',
  );
  description.setting(
    'lan-multicast',
    Kind.Boolean,
    'Look for peers behind the same NAT by multicast on the LAN.',
    'true',
  );
  description.setting(
    'drop-unmarkable',
    Kind.Boolean,
    'Drop a packet without ECN when the carrier marks congestion (RFC 6040); peers that mark wrongly are cut off.',
    'false',
  );
  description.setting(
    'allow-private',
    Kind.Boolean,
    'Take private IPv4 addresses for addresses of peers, as in a lab.',
    'false',
  );
  description.setting(
    'default-route',
    Kind.Boolean,
    'Offer a route to all of IPv6, not to that behind 6bed4 only.',
    'false',
  );
}

/** The settings of this instance. */
export abstract class Configuration {
  static router: u64 = 0;
  /** 0 means a random one. */
  static port: u32 = 0;
  static keepaliveMs: f64 = 30_000;
  static keepaliveTtl: u32 = 3;
  static refresh: bool = true;
  static isTcp: bool = false;
  static direct: bool = true;
  static lanMulticast: bool = true;
  static allowPrivate: bool = false;
  static dropsUnmarkable: bool = false;
  static defaultRoute: bool = false;

  /**
   * Reads the settings, and reports problems. `describe` calls it too, when required settings may be absent.
   */
  static read(settings: Settings): void {
    const routerPort = <u32>settings.number('router-port', 1, 65535);
    Configuration.router = endpoint(settings.ipv4('router'), routerPort);
    if (settings.text('router') == '0.0.0.0') settings.problem('router', 'cannot be 0.0.0.0');
    Configuration.port = settings.has('port') ? <u32>settings.number('port', 2, 65534) : 0;
    if (Configuration.port & 1)
      settings.problem('port', 'must be even, such as 50000: an odd one is a group in 6bed4');
    Configuration.keepaliveMs = settings.duration('keepalive');
    if (Configuration.keepaliveMs < 1000) settings.problem('keepalive', 'must be at least 1s');
    Configuration.keepaliveTtl = <u32>settings.number('keepalive-ttl', 1, 255);
    Configuration.refresh = settings.boolean('refresh');
    const variant = settings.text('variant');
    Configuration.isTcp = variant == 'tcp';
    if (!Configuration.isTcp && variant != 'plain') settings.problem('variant', 'must be plain or tcp');
    Configuration.direct = settings.boolean('direct');
    Configuration.lanMulticast = settings.boolean('lan-multicast') && Configuration.direct;
    Configuration.allowPrivate = settings.boolean('allow-private');
    Configuration.dropsUnmarkable = settings.boolean('drop-unmarkable');
    const router = endpointV4(Configuration.router);
    if (router != 0 && isForbiddenIpv4(router, Configuration.allowPrivate))
      settings.problem(
        'router',
        isForbiddenIpv4(router, true)
          ? 'must be the address of another host that packets can come from'
          : 'is a private address, whose packets are refused; set allow-private to true to take them',
      );
    Configuration.defaultRoute = settings.boolean('default-route');
  }
}
