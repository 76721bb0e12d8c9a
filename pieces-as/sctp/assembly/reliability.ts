import { parseDuration, Settings } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Chunk } from './store';

const enum Policy {
  /** Messages are sent again until they arrive. */
  reliable,
  lifetime,
  resends,
  priority,
}

/** When messages are given up, by stream: the policies of RFC 3758 §4 and RFC 7496 §3. */
export abstract class Reliability {
  private static policies: StaticArray<u8> = new StaticArray<u8>(0);
  private static values: StaticArray<f64> = new StaticArray<f64>(0);

  static read(settings: Settings): void {
    Reliability.policies = new StaticArray<u8>(<i32>Configuration.streams);
    Reliability.values = new StaticArray<f64>(<i32>Configuration.streams);
    for (let i = 0; i < settings.count('reliability'); i++) {
      const text = settings.at('reliability', i);
      if (Reliability.readPolicy(text)) continue;
      settings.problem(
        'reliability',
        'must be streams below ' +
          Configuration.streams.toString() +
          ' and a policy, such as "3 lifetime 500ms", "4-7 resends 0" or "8 priority 2", not "' +
          text +
          '"',
      );
    }
  }

  private static readPolicy(text: string): bool {
    const words = text.split(' ');
    if (words.length != 3) return false;
    const ends = words[0].split('-');
    if (ends.length > 2) return false;
    const first = wholeNumber(ends[0]);
    const last = wholeNumber(ends[ends.length - 1]);
    if (first < 0 || last < first || last >= <i32>Configuration.streams) return false;
    let policy: u8 = <u8>Policy.lifetime;
    let value: f64 = 0;
    if (words[1] == 'lifetime') {
      value = parseDuration(words[2]);
    } else {
      if (words[1] == 'resends') policy = <u8>Policy.resends;
      else if (words[1] == 'priority') policy = <u8>Policy.priority;
      else return false;
      const number = wholeNumber(words[2]);
      if (number < (policy == Policy.priority ? 1 : 0)) return false;
      value = <f64>number;
    }
    if (isNaN(value)) return false;
    for (let sid = first; sid <= last; sid++) {
      Reliability.policies[sid] = policy;
      Reliability.values[sid] = value;
    }
    return true;
  }

  /** When a message that comes now is given up. */
  static expiryOf(sid: u32, now: f64): f64 {
    return Reliability.policies[sid] == Policy.lifetime ? now + Reliability.values[sid] : Infinity;
  }

  /** Whether a chunk that waits, or must be sent again, has reached the limit of its stream. */
  static isOver(chunk: Chunk, now: f64): bool {
    if (chunk.expiresAt <= now) return true;
    const sid = chunk.sid;
    // The first transmission is no repetition.
    return Reliability.policies[sid] == Policy.resends && <f64>chunk.transmissions > Reliability.values[sid];
  }

  /** The place of a stream where room is short: 0 for messages that are never given up for others. */
  static priorityOf(sid: u32): u32 {
    return Reliability.policies[sid] == Policy.priority ? <u32>Reliability.values[sid] : 0;
  }
}

/** A decimal number below 65536; -1 if it is none. */
function wholeNumber(text: string): i32 {
  if (text.length == 0 || text.length > 5) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value > 65_535 ? -1 : value;
}
