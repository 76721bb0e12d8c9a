import { Classifier } from '../../../host/frame/classifier.ts';
import { formatStack } from '../../../host/stack/format-stack.ts';
import { FunnelError } from '../../../host/stack/funnel-error.ts';
import { matchStacks } from '../../../host/stack/match.ts';
import { parseStack } from '../../../host/stack/parse-stack.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import type { Stack } from '../../../host/stack/stack.ts';
import { StackError } from '../../../host/stack/stack-error.ts';
import { stackText } from '../../../host/stack/testing/stack-arbitrary.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Two texts, divided by a zero byte: read, written, matched, and put into a classifier. Pieces write such
 * texts.
 */
export const stackTarget: FuzzTarget = {
  name: 'stacks',
  summary: 'the notation of stacks, and what matches what',
  unit: 'pairs of stacks',
  maxBytes: 700,
  open: async () => new StackRun(),
};

class StackRun implements OpenTarget {
  readonly seeds = [];
  #protocols = new Protocols();
  #classifier = new Classifier(this.#protocols);

  generate(random: FuzzRandom): Uint8Array {
    const text = () => {
      if (random.below(3) === 0) {
        const tokens: string[] = [];
        for (let n = 1 + random.below(24); n > 0; n--) tokens.push(random.one(TOKENS));
        return tokens.join('');
      }
      return stackText(Array.from({ length: 24 }, () => random.below(0x10000)));
    };
    return ENCODER.encode(`${text()}\0${text()}`);
  }

  execute(input: Uint8Array): number {
    const [one = '', two = ''] = DECODER.decode(input).split('\0');
    // Identifiers that are met for the first time get numbers, of which there are 65535.
    if (this.#protocols.count > 30_000) {
      this.#protocols = new Protocols();
      this.#classifier = new Classifier(this.#protocols);
    }
    const a = this.#read(one);
    const b = this.#read(two);
    if (a === undefined || b === undefined) return 1;
    const forth = matchStacks(a, b, this.#protocols);
    const back = matchStacks(b, a, this.#protocols);
    insist(
      forth.matches === back.matches,
      () => `${one} and ${two}: ${forth.explanation}; but ${back.explanation}`,
    );
    insist(forth.matches === (forth.stack !== undefined), 'a match without a stack');
    this.#classifier.add(a, 1);
    this.#classifier.add(b, 2);
    this.#classifier.remove(a, 1);
    this.#classifier.remove(b, 2);
    return 1;
  }

  #read(text: string): Stack | undefined {
    let stack: Stack;
    try {
      stack = parseStack(text, this.#protocols);
    } catch (error) {
      if (
        error instanceof StackError ||
        (error instanceof FunnelError && error.code.startsWith('FT_PROTOCOL'))
      )
        return undefined;
      throw error;
    }
    const written = formatStack(stack, this.#protocols);
    const again = formatStack(parseStack(written, this.#protocols), this.#protocols);
    insist(
      again === written,
      () => `${JSON.stringify(text)} is written ${written}, which is read as ${again}`,
    );
    insist(matchStacks(stack, stack, this.#protocols).matches, () => `${written} does not match itself`);
    return stack;
  }
}

const TOKENS = [
  'ip',
  'ipv4',
  'ipv6',
  'udp',
  'tcp',
  'sctp',
  'ethernet',
  'vlan',
  'ppp',
  'icmpv6',
  'ah',
  'routing',
  'esp',
  'gre',
  'arp',
  'ethertype',
  'ip-protocol',
  'udp-port',
  '/',
  '/',
  '/',
  '/',
  '/',
  ':',
  '*',
  '{',
  '}',
  ',',
  'local:',
  'remote:',
  '5060',
  '53',
  '0x800',
  '99',
  '65536',
  '-1',
  'sip',
  '6bed4',
  '::',
  ' ',
  '\u0000',
  'é',
];
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
