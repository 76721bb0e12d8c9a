import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { endpoint } from '../../6bed4/assembly/address';
import { MAX_ROUTABLE_PREFIXES, ROUTER_PORT } from '../../6bed4/assembly/constants';
import { expandRouterPrefix, Prefix, parseNetid, parsePrefix } from '../../6bed4/assembly/prefix';

export function describeSettings(description: Description): void {
  description.required('address', Kind.Address, 'Public IPv4 address of this router, as peers know it.');
  description.setting('port', Kind.Number, 'UDP port.', ROUTER_PORT.toString());
  description.setting(
    'prefix',
    Kind.Address,
    "What the router's /64 is made of: ::/0, a /16, a /32, a /48, or the /64.",
    '::/0',
  );
  description.setting(
    'netid',
    Kind.Text,
    'One to four hexadecimal digits that go behind a /16 or a /48.',
    'bed',
  );
  description
    .optional(
      'routable-prefix',
      Kind.Address,
      'A prefix behind this router that it advertises to peers; at most ten.',
    )
    .isRepeated();
  description.setting(
    'local-addresses',
    Kind.Boolean,
    'Deliver addresses with UDP port 0 in the /64 to Edge native.',
    'false',
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
}

/** Prefixes to advertise, as `writeRouterAdvertisement` takes them. */
const routable: usize = memory.data(240, 8);

/** The settings of this instance. */
export abstract class Configuration {
  static v4: u32 = 0;
  static port: u32 = ROUTER_PORT;
  /** The router's /64. */
  static top: u64 = 0;
  static routableCount: u32 = 0;
  static localAddresses: bool = false;
  static allowPrivate: bool = false;
  static dropsUnmarkable: bool = false;

  @inline static get endpoint(): u64 {
    return endpoint(Configuration.v4, Configuration.port);
  }

  @inline static get routable(): usize {
    return routable;
  }

  /**
   * Reads the settings, and reports problems. `describe` calls it too, when required settings may be absent.
   */
  static read(settings: Settings): void {
    Configuration.v4 = settings.ipv4('address');
    if (settings.text('address') == '0.0.0.0') settings.problem('address', 'cannot be 0.0.0.0');
    Configuration.port = <u32>settings.number('port', 1, 65535);
    Configuration.localAddresses = settings.boolean('local-addresses');
    Configuration.allowPrivate = settings.boolean('allow-private');
    Configuration.dropsUnmarkable = settings.boolean('drop-unmarkable');
    Configuration.readPrefix(settings);
    const count = settings.count('routable-prefix');
    if (count > <i32>MAX_ROUTABLE_PREFIXES)
      settings.problem('routable-prefix', 'can be given ten times at most');
    Configuration.routableCount = min(<u32>count, MAX_ROUTABLE_PREFIXES);
    for (let i: u32 = 0; i < Configuration.routableCount; i++) {
      const bits = parsePrefix(settings.at('routable-prefix', <i32>i));
      if (bits < 16) {
        settings.problem(
          'routable-prefix',
          'must be an IPv6 prefix of 16 to 128 bits, such as 2001:db8::/32',
        );
        continue;
      }
      const entry = routable + i * 24;
      store64(entry, Prefix.top);
      store64(entry + 8, Prefix.lower);
      store<u64>(entry + 16, bits);
    }
  }

  private static readPrefix(settings: Settings): void {
    const netid = parseNetid(settings.text('netid'));
    if (netid < 0) settings.problem('netid', 'must be one to four hexadecimal digits, such as bed');
    const bits = parsePrefix(settings.text('prefix'));
    if (bits < 0) {
      settings.problem('prefix', 'must be an IPv6 prefix, such as 2001:db8:1:2::/64');
    } else if (expandRouterPrefix(Prefix.top, bits, <u32>netid & 0xffff, Configuration.v4)) {
      Configuration.top = Prefix.top;
    } else {
      settings.problem('prefix', 'must have 0, 16, 32, 48 or 64 bits; one in fd00::/8 must have 64');
    }
  }
}
