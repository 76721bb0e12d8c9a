import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { BLOCK } from './store';

export function describeSettings(d: Description): void {
  d.setting('encapsulation', Kind.Number, 'The UDP port of this side for SCTP (RFC 6951).', '9899');
  d.setting(
    'remote-encapsulation',
    Kind.Number,
    'The UDP port of peers that this side contacts first; 0 for SCTP on IP.',
    '9899',
  );
  d.optional(
    'port',
    Kind.Number,
    'A port of SCTP that takes associations, besides those that neighbours listen on.',
  ).isRepeated();
  d.setting('mtu', Kind.Number, 'Bytes of the largest IP packet that is sent.', '1280');
  d.setting('associations', Kind.Number, 'Associations at a time.', '16');
  d.setting('streams', Kind.Number, 'Streams of an association in each direction.', '256');
  d.setting(
    'send-buffer',
    Kind.Number,
    'Bytes of user data that wait, or are not acknowledged, in an association.',
    '262144',
  );
  d.setting(
    'receive-buffer',
    Kind.Number,
    'Bytes of received user data that an association keeps.',
    '262144',
  );
  d.setting('max-message', Kind.Number, 'Bytes of the largest user message.', '65519');
  d.setting(
    'interleaving',
    Kind.Boolean,
    'Whether large messages of one stream let those of others pass, if the peer can do it (RFC 8260).',
    'false',
  );
  d.optional(
    'reliability',
    Kind.Text,
    'Streams whose messages are given up, and when: STREAMS lifetime DURATION, STREAMS resends COUNT, or ' +
      'STREAMS priority NUMBER (RFC 3758, RFC 7496).',
  ).isRepeated();
  d.setting(
    'zero-checksum',
    Kind.Boolean,
    'Whether the carrier detects errors as DTLS does, so that packets need no checksum (RFC 9653).',
    'false',
  );
  d.setting('rto-initial', Kind.Duration, 'The first retransmission time-out (RTO.Initial).', '1s');
  d.setting('rto-min', Kind.Duration, 'The shortest retransmission time-out (RTO.Min).', '1s');
  d.setting('rto-max', Kind.Duration, 'The longest retransmission time-out (RTO.Max).', '60s');
  d.setting(
    'max-retransmits',
    Kind.Number,
    'Time-outs in a row that end an association (Association.Max.Retrans).',
    '10',
  );
  d.setting(
    'path-max-retransmits',
    Kind.Number,
    'Time-outs in a row that make an address inactive (Path.Max.Retrans).',
    '5',
  );
  d.setting(
    'max-init-retransmits',
    Kind.Number,
    'Repetitions of an INIT or COOKIE ECHO (Max.Init.Retransmits).',
    '8',
  );
  d.setting('heartbeat', Kind.Duration, 'The time between heartbeats on an idle path (HB.interval).', '30s');
  d.setting('cookie-life', Kind.Duration, 'How long a cookie is good (Valid.Cookie.Life).', '60s');
  d.setting('abort-rate', Kind.Number, 'Answers in a second to packets of no association; 0 for none.', '20');
  d.setting(
    'notices',
    Kind.Boolean,
    'Whether chunks that open and close associations pass up, too.',
    'false',
  );
}

/** The settings of this instance. Times are in milliseconds. */
export abstract class Configuration {
  static encapsulation: u32 = 0;
  static remoteEncapsulation: u32 = 0;
  static mtu: u32 = 0;
  static associations: i32 = 0;
  static streams: u32 = 0;
  /** The number of blocks of the store that an association may use. */
  static sendBlocks: u32 = 0;
  static receiveBlocks: u32 = 0;
  /**
   * Blocks beyond the receive buffer: for data that fills a gap (RFC 9260 §6.2), and to finish the largest
   * message.
   */
  static reserveBlocks: u32 = 0;
  static maxMessage: u32 = 0;
  static rtoInitial: f64 = 0;
  static rtoMin: f64 = 0;
  static rtoMax: f64 = 0;
  static maxRetransmits: i32 = 0;
  static pathMaxRetransmits: i32 = 0;
  static maxInitRetransmits: i32 = 0;
  static heartbeat: f64 = 0;
  static cookieLife: f64 = 0;
  static abortRate: u32 = 0;
  static hasNotices: bool = false;
  static hasInterleaving: bool = false;
  static hasZeroChecksum: bool = false;

  static read(settings: Settings): void {
    Configuration.encapsulation = <u32>settings.number('encapsulation', 1, 65_535);
    Configuration.remoteEncapsulation = <u32>settings.number('remote-encapsulation', 0, 65_535);
    for (let i = 0; i < settings.count('port'); i++) {
      const port = settings.at('port', i);
      if (portOf(port) == 0) settings.problem('port', 'must be a number from 1 to 65535, not "' + port + '"');
    }
    Configuration.mtu = <u32>settings.number('mtu', 576, 9000);
    Configuration.associations = <i32>settings.number('associations', 1, 64);
    Configuration.streams = <u32>settings.number('streams', 1, 65_535);
    Configuration.sendBlocks = <u32>settings.number('send-buffer', 8192, 1_048_576) / BLOCK;
    Configuration.receiveBlocks = <u32>settings.number('receive-buffer', 8192, 1_048_576) / BLOCK;
    Configuration.maxMessage = <u32>settings.number('max-message', 1, 1_048_576);
    Configuration.reserveBlocks = 64 + 2 * ((Configuration.maxMessage + BLOCK - 1) / BLOCK);
    if (Configuration.maxMessage > Configuration.sendBlocks * BLOCK) {
      settings.problem(
        'max-message',
        'is larger than send-buffer, so a message of that size could never be sent',
      );
    }
    Configuration.rtoMin = positive(settings, 'rto-min');
    Configuration.rtoMax = positive(settings, 'rto-max');
    Configuration.rtoInitial = positive(settings, 'rto-initial');
    if (Configuration.rtoMin > Configuration.rtoMax) settings.problem('rto-min', 'is longer than rto-max');
    if (Configuration.rtoInitial > Configuration.rtoMax)
      settings.problem('rto-initial', 'is longer than rto-max');
    Configuration.maxRetransmits = <i32>settings.number('max-retransmits', 1, 100);
    Configuration.pathMaxRetransmits = <i32>settings.number('path-max-retransmits', 1, 100);
    Configuration.maxInitRetransmits = <i32>settings.number('max-init-retransmits', 1, 100);
    Configuration.heartbeat = positive(settings, 'heartbeat');
    Configuration.cookieLife = positive(settings, 'cookie-life');
    Configuration.abortRate = <u32>settings.number('abort-rate', 0, 100_000);
    Configuration.hasNotices = settings.boolean('notices');
    Configuration.hasInterleaving = settings.boolean('interleaving');
    Configuration.hasZeroChecksum = settings.boolean('zero-checksum');
  }
}

/** A port as a decimal number; 0 if it is none. */
export function portOf(text: string): u32 {
  let port: u32 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    port = port * 10 + digit;
    if (port > 65_535) return 0;
  }
  return port;
}

function positive(settings: Settings, name: string): f64 {
  const duration = settings.duration(name);
  if (duration <= 0) settings.problem(name, 'must be longer than nothing');
  return duration;
}
