import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { parseAddress } from '../../frame-sequence/assembly/address';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';

/** The settings of this instance. */
export abstract class Configuration {
  static port: u32 = 0;
  static hasRemote: bool = false;
  static readonly remote: Endpoint = new Endpoint();
  static records: i32 = 0;
  static graceMs: f64 = 0;
  static againMs: f64 = 0;

  static describe(d: Description): void {
    d.setting('port', Kind.Number, 'The SCTP port of this side.', '4296');
    d.optional(
      'remote',
      Kind.Address,
      'The address of the far side. Not given: the far side contacts this one.',
    );
    d.optional('remote-port', Kind.Number, 'The SCTP port of the far side. Not given: the same as `port`.');
    d.setting('records', Kind.Number, 'Records of each side that are known at a time.', '1024');
    d.setting(
      'grace',
      Kind.Duration,
      'Time without a message of the far side after which its records end.',
      '120s',
    );
    d.setting('again', Kind.Duration, 'Time before the same question crosses once more.', '60s');
  }

  static read(settings: Settings): void {
    Configuration.port = <u32>settings.number('port', 1, 65_535);
    Configuration.hasRemote = settings.has('remote');
    if (Configuration.hasRemote && !parseAddress(settings.text('remote'), Configuration.remote)) {
      settings.problem('remote', 'must be an IPv4 or IPv6 address, not "' + settings.text('remote') + '"');
    }
    Configuration.remote.port = settings.has('remote-port')
      ? <u32>settings.number('remote-port', 1, 65_535)
      : Configuration.port;
    Configuration.records = <i32>settings.number('records', 1, 4096);
    Configuration.graceMs = settings.duration('grace');
    Configuration.againMs = settings.duration('again');
    // A side sends something every thirty seconds.
    if (Configuration.graceMs < 60_000) settings.problem('grace', 'must be 60s or longer');
    if (Configuration.againMs < 1000) settings.problem('again', 'must be 1s or longer');
  }
}
