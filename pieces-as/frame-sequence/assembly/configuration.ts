import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { parseAddress } from './address';
import { Endpoint } from './endpoint';

export const enum Mode {
  stream,
  reliable,
  unreliable,
}

/** The most bytes of a frame that passes as one; larger ones pass in fragments. The contract's limit. */
export const WHOLE: u32 = 66_240;

/** A protocol for frames of any bytes; the piece brings its definition. */
export const OPAQUE_FRAME: string = 'opaque-frame';

export function describeSettings(d: Description): void {
  d.setting(
    'mode',
    Kind.Text,
    'How the frames are carried: stream, message-reliable or message-unreliable.',
    'stream',
  );
  d.setting('stack', Kind.Text, 'The protocol stack of the carried frames.', 'ip');
  d.optional(
    'carrier',
    Kind.Text,
    'The carrier: ip/tcp for a stream, ip/udp for messages, or with ipv4 or ipv6.',
  );
  d.setting('port', Kind.Number, 'The port of this side.', '4294');
  d.optional(
    'remote',
    Kind.Address,
    'The address of the other side. Not given: the other side contacts this one.',
  );
  d.optional('remote-port', Kind.Number, 'The port of the other side. Not given: the same as `port`.');
  d.setting('max-frame', Kind.Number, 'Bytes of the largest frame.', WHOLE.toString());
  d.setting(
    'max-segment',
    Kind.Number,
    'Bytes of the largest message, with the header of the segment.',
    '1400',
  );
  d.setting('timeout', Kind.Duration, 'Time for which a frame may lack bytes.', '30s');
  d.setting('memory', Kind.Number, 'Bytes for incomplete frames.', '4194304');
}

/** The settings of this instance. */
export abstract class Configuration {
  static mode: i32 = Mode.stream;
  static stack: string = 'ip';
  static carrier: string = 'ip/tcp';
  /** The size of its first header; of the longest one if it may be IPv4 or IPv6. */
  static networkHeader: u32 = 40;
  static port: u32 = 0;
  static hasRemote: bool = false;
  static readonly remote: Endpoint = new Endpoint();
  static maxFrame: u64 = 0;
  static maxSegment: u32 = 0;
  static timeoutMs: f64 = 0;
  static slots: i32 = 1;
  /** The protocol with which frames begin; '' if their first byte distinguishes IPv4 and IPv6. */
  static protocol: string = '';

  /** Reads the settings, and reports problems. */
  static read(settings: Settings): void {
    const mode = settings.text('mode');
    Configuration.mode =
      mode == 'message-reliable'
        ? Mode.reliable
        : mode == 'message-unreliable'
          ? Mode.unreliable
          : Mode.stream;
    if (Configuration.mode == Mode.stream && mode != 'stream') {
      settings.problem('mode', 'must be stream, message-reliable or message-unreliable, not "' + mode + '"');
    }
    const transport = Configuration.mode == Mode.stream ? 'tcp' : 'udp';
    Configuration.carrier = settings.has('carrier') ? settings.text('carrier') : 'ip/' + transport;
    const network = Configuration.carrier.split('/')[0];
    if (
      Configuration.carrier != network + '/' + transport ||
      (network != 'ip' && network != 'ipv4' && network != 'ipv6')
    ) {
      settings.problem(
        'carrier',
        'must be ip/' + transport + ', ipv4/' + transport + ' or ipv6/' + transport + ' in this mode',
      );
    }
    Configuration.networkHeader = network == 'ipv4' ? 20 : 40;
    Configuration.port = <u32>settings.number('port', 1, 65535);
    Configuration.hasRemote = settings.has('remote');
    const remote = Configuration.remote;
    if (Configuration.hasRemote && !parseAddress(settings.text('remote'), remote)) {
      settings.problem('remote', 'must be an IPv4 or IPv6 address, not "' + settings.text('remote') + '"');
    }
    remote.port = settings.has('remote-port')
      ? <u32>settings.number('remote-port', 1, 65535)
      : Configuration.port;
    Configuration.maxFrame = <u64>settings.number('max-frame', 1, 0xffff_ffff);
    Configuration.maxSegment = <u32>settings.number('max-segment', 64, 65_000);
    Configuration.timeoutMs = settings.duration('timeout');
    if (Configuration.timeoutMs <= 0) settings.problem('timeout', 'must be longer than nothing');
    Configuration.slots = <i32>(settings.number('memory', WHOLE, 33_554_432) / WHOLE);
    Configuration.stack = settings.stack('stack');
    Configuration.readProtocol(settings);
  }

  /**
   * The host has to parse reassembled frames, and needs the protocol with which they begin.
   */
  private static readProtocol(settings: Settings): void {
    const first = Configuration.stack.split('/')[0];
    const colon = first.indexOf(':');
    const name = first.substring(colon + 1);
    Configuration.protocol = '';
    if (name == 'ip' || name == '{ipv4,ipv6}' || name == '{ipv6,ipv4}') {
      Configuration.checkSize(settings);
      return;
    }
    const number = parseNumber(name);
    if (name.length == 0 || name.startsWith('{') || (number >= 0 && colon < 0)) {
      settings.problem('stack', 'must begin with ip or with one protocol, such as ethernet or opaque-frame');
    }
    Configuration.protocol = number < 0 ? name : first.substring(0, colon + 1) + number.toString();
    if (name != OPAQUE_FRAME) Configuration.checkSize(settings);
  }

  /** If its protocol had a header, a fragment would pass for another frame. */
  private static checkSize(settings: Settings): void {
    if (Configuration.maxFrame <= WHOLE) return;
    settings.problem(
      'max-frame',
      'is at most ' + WHOLE.toString() + ', but for stacks that begin with ' + OPAQUE_FRAME,
    );
  }
}

/** A number as stacks write it; -1 if it is none. */
function parseNumber(text: string): i64 {
  const isHexadecimal = text.startsWith('0x');
  const digits = isHexadecimal ? text.substring(2) : text;
  if (digits.length == 0 || digits.length > 10) return -1;
  let value: i64 = 0;
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i);
    const digit =
      code >= 0x30 && code <= 0x39
        ? code - 0x30
        : code >= 0x61 && code <= 0x66 && isHexadecimal
          ? code - 0x57
          : -1;
    if (digit < 0) return -1;
    value = value * (isHexadecimal ? 16 : 10) + digit;
  }
  return value;
}
