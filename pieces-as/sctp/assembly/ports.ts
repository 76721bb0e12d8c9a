import { Settings, Text } from 'funnel-tunnel/as';
import { portOf } from './configuration';

const counts: StaticArray<u16> = new StaticArray<u16>(65_536);

/** The SCTP ports that take associations: those of the settings, and those that neighbours listen on. */
export abstract class Ports {
  static start(settings: Settings): void {
    for (let i = 0; i < settings.count('port'); i++) counts[portOf(settings.at('port', i))]++;
  }

  static isOpen(port: u32): bool {
    return counts[port] > 0;
  }

  /**
   * A neighbour begins or ceases to listen: adds or removes each `local:` port behind `sctp/` in its stack.
   */
  static listen(stack: Text, present: bool): void {
    let at = after(stack, 0, 'sctp/');
    if (at < 0) return;
    at = after(stack, at, 'local:');
    while (at >= 0 && at < stack.length) {
      let port: u32 = 0;
      let byte = <u32>load<u8>(stack.address + at);
      // A set of ports stands in braces.
      if (byte == 0x7b) {
        at++;
        continue;
      }
      while (at < stack.length && byte - 0x30 <= 9 && port < 6554) {
        port = port * 10 + byte - 0x30;
        at++;
        byte = at < stack.length ? <u32>load<u8>(stack.address + at) : 0;
      }
      if (port == 0 || port > 65_535) return;
      counts[port] = present ? counts[port] + 1 : counts[port] - (counts[port] > 0 ? 1 : 0);
      if (byte != 0x2c) return;
      at++;
    }
  }
}

/** The address behind a word; -1 if it is not there. */
function after(text: Text, from: i32, word: string): i32 {
  for (let at = from; at + word.length <= text.length; at++) {
    let n = 0;
    while (n < word.length && load<u8>(text.address + at + n) == <u8>word.charCodeAt(n)) n++;
    if (n == word.length) return at + n;
  }
  return -1;
}
