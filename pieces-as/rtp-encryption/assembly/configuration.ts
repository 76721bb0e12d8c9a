import { Description, Kind, Settings } from 'funnel-tunnel/as';
import { decodeBase64 } from '../../srtp/assembly/base64';
import { MOST_WINDOW } from '../../srtp/assembly/stream';
import { SUITES } from '../../srtp/assembly/suite';

/** The demands on the protected side. */
export const enum Policy {
  /** All media is protected, or refused. */
  require,
  /** Media is protected where the other side can, and goes in the clear otherwise. */
  prefer,
  /** No media is protected. */
  never,
}

/** The form of an offer under the policy `prefer`. */
export const enum Offer {
  /** A line of RTP/SAVP, and behind all of these a line of RTP/AVP for each. */
  twoLines,
  /** A line of RTP/AVP with the capability of RTP/SAVP (RFC 5939). */
  capability,
  /** A line of RTP/AVP with keys (RFC 8643). */
  osrtp,
}

const MOST_CALLS: i64 = 1024;
const MOST_CONTEXTS: i64 = 256;
/** The sources of all calls: a new instance can take over no more in one call. */
const MOST_SOURCES: i64 = 2048;
/** The windows of all sources of all calls have at most 12 MiB. */
const MOST_WINDOW_BITS: i64 = 16_777_216;
/** The bytes of the key that seals the keys of calls: AES-256. */
const STATE_KEY_BYTES: i32 = 32;

export function describeSettings(d: Description): void {
  d.setting(
    'policy',
    Kind.Text,
    'require: media is protected, or refused; prefer: protected if the other side can; never: in the clear.',
    'require',
  );
  d.setting(
    'offer',
    Kind.Text,
    'How prefer offers both: two-lines, capability (RFC 5939) or osrtp (RFC 8643).',
    'two-lines',
  );
  d.optional(
    'suite',
    Kind.Text,
    'Crypto suite that is offered and accepted, in the order of preference.',
  ).isRepeated();
  d.optional(
    'key-exchange',
    Kind.Text,
    'How keys come: sdes or dtls. The first is offered, and all are accepted; sdes without it.',
  ).isRepeated();
  d.setting('sha-1', Kind.Boolean, 'Believe certificates of DTLS also by fingerprints of SHA-1.', 'false');
  d.setting(
    'keys-in-clear',
    Kind.Boolean,
    'Send keys also if the network of the protected side is not encrypted: whoever reads the signalling has them.',
    'false',
  );
  d.optional('port', Kind.Number, 'UDP port of SIP, at either end; 5060 without it.')
    .range(1, 65_535)
    .isRepeated();
  d.optional(
    'media-ports',
    Kind.Text,
    'Ports of the plain side that carry only media, such as 16384-32767: nothing passes there without a call.',
  );
  d.setting(
    'new-key',
    Kind.Text,
    'The indices of a source after a new key of ours: continue (RFC 3711) or restart.',
    'continue',
  );
  d.setting('renumbered-tag', Kind.Boolean, 'Accept an answer whose tag was not offered.', 'false');
  d.setting(
    'short-rtcp-tag',
    Kind.Boolean,
    'Tags of SRTCP have 32 bits with suites whose name ends with _32.',
    'false',
  );
  d.setting('window', Kind.Number, 'Packets by which one may be late.', '128');
  d.setting('contexts', Kind.Number, 'Sources (SSRC) of each stream in each direction.', '4');
  d.setting('calls', Kind.Number, 'Dialogs at a time.', '300');
  d.setting('setup', Kind.Duration, 'The longest time until a call is answered.', '200s');
  d.setting('silence', Kind.Duration, 'A call without media and signalling for this long is over.', '30m');
  d.setting(
    'turned',
    Kind.Boolean,
    'The plain side is the carrier, and the protected side the user.',
    'false',
  );
  d.optional(
    'state-key',
    Kind.Secret,
    'Key of 32 bytes in base64 for keys in a saved state; without it, calls need new keys after a change.',
  );
}

/** The settings of this instance. */
export abstract class Configuration {
  static policy: Policy = Policy.require;
  static offer: Offer = Offer.twoLines;
  /** Indices into `SUITES`, in the order of preference. */
  static suites: i32[] = [];
  /** Whether keys by descriptions and by DTLS are accepted, and whether the latter are offered. */
  static takesSdes: bool = true;
  static takesDtls: bool = false;
  static offersDtls: bool = false;
  static takesSha1: bool = false;
  static keysInClear: bool = false;
  static readonly sipPorts: StaticArray<bool> = new StaticArray<bool>(65_536);
  /** 0 if there are none. */
  static firstMediaPort: u32 = 0;
  static lastMediaPort: u32 = 0;
  static continues: bool = true;
  static renumberedTag: bool = false;
  static shortControlTag: bool = false;
  static window: i32 = 128;
  static contexts: i32 = 4;
  static calls: i32 = 300;
  static setupMs: f64 = 200_000;
  static silenceMs: f64 = 1_800_000;
  static readonly stateKey: StaticArray<u8> = new StaticArray<u8>(STATE_KEY_BYTES);
  static hasStateKey: bool = false;
  static turned: bool = false;

  static read(settings: Settings): void {
    const policy = settings.text('policy');
    Configuration.policy =
      policy == 'prefer' ? Policy.prefer : policy == 'never' ? Policy.never : Policy.require;
    if (policy != 'require' && policy != 'prefer' && policy != 'never')
      settings.problem('policy', 'must be require, prefer or never, not "' + policy + '"');
    const offer = settings.text('offer');
    Configuration.offer =
      offer == 'capability' ? Offer.capability : offer == 'osrtp' ? Offer.osrtp : Offer.twoLines;
    if (offer != 'two-lines' && offer != 'capability' && offer != 'osrtp')
      settings.problem('offer', 'must be two-lines, capability or osrtp, not "' + offer + '"');
    const key = settings.text('new-key');
    Configuration.continues = key == 'continue';
    if (key != 'continue' && key != 'restart')
      settings.problem('new-key', 'must be continue or restart, not "' + key + '"');
    readSuites(settings);
    readKeyExchange(settings);
    Configuration.takesSha1 = settings.boolean('sha-1');
    Configuration.keysInClear = settings.boolean('keys-in-clear');
    Configuration.renumberedTag = settings.boolean('renumbered-tag');
    Configuration.shortControlTag = settings.boolean('short-rtcp-tag');
    memory.fill(changetype<usize>(Configuration.sipPorts), 0, 65_536);
    if (settings.count('port') == 0) Configuration.sipPorts[5060] = true;
    for (let i = 0; i < settings.count('port'); i++) {
      const port = <i32>parseInt(settings.at('port', i), 10);
      if (port >= 1 && port <= 65_535) Configuration.sipPorts[port] = true;
    }
    readMediaPorts(settings);
    Configuration.window = <i32>settings.number('window', 64, MOST_WINDOW);
    if (Configuration.window % 64 != 0) settings.problem('window', 'must be a multiple of 64');
    Configuration.contexts = <i32>settings.number('contexts', 1, MOST_CONTEXTS);
    Configuration.calls = <i32>settings.number('calls', 1, MOST_CALLS);
    if (<i64>Configuration.calls * Configuration.contexts > MOST_SOURCES)
      settings.problem('', 'calls times contexts must not be more than 2048');
    const windows = <i64>Configuration.calls * Configuration.contexts * Configuration.window;
    if (windows > MOST_WINDOW_BITS)
      settings.problem('', 'calls times contexts times window must not be more than 16777216');
    Configuration.setupMs = atLeastASecond(settings, 'setup');
    Configuration.silenceMs = atLeastASecond(settings, 'silence');
    Configuration.turned = settings.boolean('turned');
    readStateKey(settings);
  }
}

function atLeastASecond(settings: Settings, name: string): f64 {
  const value = settings.duration(name);
  if (value < 1000) settings.problem(name, 'must be at least 1s');
  return value;
}

function readSuites(settings: Settings): void {
  Configuration.suites = [];
  for (let i = 0; i < settings.count('suite'); i++) {
    const text = settings.at('suite', i);
    let found = -1;
    for (let n = 0; n < SUITES.length; n++) if (SUITES[n].name == text || SUITES[n].alias == text) found = n;
    if (found < 0 || text.length == 0) {
      let names = '';
      for (let n = 0; n < SUITES.length; n++) names += (n > 0 ? ', ' : '') + SUITES[n].name;
      settings.problem('suite', 'must be one of ' + names + ', not "' + text + '"');
    } else if (Configuration.suites.includes(found)) {
      settings.problem('suite', 'has ' + text + ' twice');
    } else {
      Configuration.suites.push(found);
    }
  }
  if (Configuration.suites.length > 0) return;
  for (let n = 0; n < SUITES.length; n++) {
    if (SUITES[n].name == 'AEAD_AES_128_GCM') Configuration.suites.unshift(n);
    else if (SUITES[n].name == 'AES_CM_128_HMAC_SHA1_80') Configuration.suites.push(n);
  }
}

function readKeyExchange(settings: Settings): void {
  const count = settings.count('key-exchange');
  Configuration.takesSdes = count == 0;
  Configuration.takesDtls = Configuration.offersDtls = false;
  for (let i = 0; i < count; i++) {
    const text = settings.at('key-exchange', i);
    if (text == 'sdes') Configuration.takesSdes = true;
    else if (text == 'dtls') {
      Configuration.takesDtls = true;
      if (i == 0) Configuration.offersDtls = true;
    } else settings.problem('key-exchange', 'must be sdes or dtls, not "' + text + '"');
  }
  if (!Configuration.takesDtls) return;
  for (let i = 0; i < Configuration.suites.length; i++) {
    const name = SUITES[Configuration.suites[i]].name;
    if (name.startsWith('AES_CM_128') || name.startsWith('AEAD')) return;
  }
  settings.problem('suite', 'must have a suite of AES_CM_128 or AEAD, since DTLS knows no other');
}

function readMediaPorts(settings: Settings): void {
  Configuration.firstMediaPort = 0;
  const text = settings.text('media-ports');
  if (text.length == 0) return;
  const dash = text.indexOf('-');
  const first = dash < 1 ? NaN : parseInt(text.substring(0, dash), 10);
  const last = dash < 1 ? NaN : parseInt(text.substring(dash + 1), 10);
  if (!(first >= 1 && last >= first && last <= 65_535)) {
    settings.problem('media-ports', 'must be two ports such as 16384-32767, not "' + text + '"');
    return;
  }
  Configuration.firstMediaPort = <u32>first;
  Configuration.lastMediaPort = <u32>last;
  for (let port = Configuration.firstMediaPort; port <= Configuration.lastMediaPort; port++) {
    if (!Configuration.sipPorts[port]) continue;
    settings.problem('media-ports', 'must not hold the port of SIP, ' + port.toString());
    return;
  }
}

function readStateKey(settings: Settings): void {
  const text = settings.text('state-key');
  Configuration.hasStateKey = text.length > 0;
  if (!Configuration.hasStateKey) return;
  const bytes = String.UTF8.encode(text);
  const at = changetype<usize>(bytes);
  const key = Configuration.stateKey;
  if (decodeBase64(at, at + bytes.byteLength, changetype<usize>(key), STATE_KEY_BYTES) != STATE_KEY_BYTES)
    settings.problem('state-key', 'must be 32 bytes in base64, such as of openssl rand -base64 32');
}
