import fc from 'fast-check';
import { Classifier } from '../../../host/frame/classifier.ts';
import { Composer } from '../../../host/frame/composer.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../../host/frame/frames.ts';
import { Pattern } from '../../../host/frame/pattern.ts';
import { packetArbitrary } from '../../../host/frame/testing/packet-arbitrary.ts';
import { parseStack } from '../../../host/stack/parse-stack.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Bytes from the network, and parts from pieces, through classifier, parser, patterns and composer.
 *
 * The first byte of an input says with which protocol the frame begins, the second what is done: its bits are
 * below. Around the row stand other rows with a pattern, which nothing may change.
 */
export const parserTarget: FuzzTarget = {
  name: 'parser',
  summary: 'packets and parts of pieces, of every protocol: parsed as deep as can be, matched, composed',
  unit: 'packets',
  maxBytes: 1700,
  open: async () => new ParserRun(),
};

/** Bits of the second byte: up to seven bytes of displacement, and what to do. */
const ODD = 7;
const UPWARDS = 8;
const COMPOSE = 16;
const OWN_PARTS = 32;
const MEND = 64;

class ParserRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[];
  readonly #protocols = new Protocols();
  readonly #frames = new Frames({ smallRows: 4, largeRows: 1 });
  readonly #classifiers: readonly Classifier[];
  readonly #patterns: readonly Pattern[];
  readonly #composer = new Composer(this.#protocols);
  readonly #row: number;
  readonly #around: readonly number[];
  readonly #intact: Uint8Array;
  readonly #before = new Uint8Array(2048);
  #executions = 0;

  constructor() {
    const frames = this.#frames;
    const low = frames.allocate(100);
    this.#row = frames.allocate(100);
    this.#around = [low, frames.allocate(100)];
    this.#intact = Uint8Array.from({ length: 2048 }, (_, i) => (i * 7) & 0xff);
    for (const row of this.#around) frames.bytes.set(this.#intact, frames.roomStart(row));
    const stacks = (texts: readonly string[]) => texts.map((text) => parseStack(text, this.#protocols));
    // One that wants everything as deep as it goes, and one as puzzles have them.
    this.#classifiers = [stacks(DEEP), stacks(ORDINARY)].map(
      (list) =>
        new Classifier(
          this.#protocols,
          list.map((stack, tag) => ({ stack, tag })),
        ),
    );
    this.#patterns = stacks([...DEEP, ...ORDINARY]).map((stack) => new Pattern(this.#protocols, stack));
    this.seeds = fc.sample(packetArbitrary, { seed: 4, numRuns: 1500 }).map(({ bytes, headers }, n) => {
      const flags = [COMPOSE, COMPOSE | UPWARDS, MEND, COMPOSE | MEND | UPWARDS][n & 3]! | (n & ODD);
      return Uint8Array.of(this.#protocols.number(headers[0]!.protocol), flags, ...bytes);
    });
  }

  mutate(random: FuzzRandom, bytes: Uint8Array, length: number): number {
    bytes[1] = random.word();
    if (random.below(16) === 0) bytes[0] = random.below(this.#protocols.count);
    return Math.max(length, 2);
  }

  execute(input: Uint8Array): number {
    if (input.length < 2) return 0;
    const frames = this.#frames;
    const row = this.#row;
    const flags = input[1]!;
    const towardUp = (flags & UPWARDS) !== 0;
    const length = input.length - 2;
    const start = frames.roomStart(row) + 256 + (flags & ODD);
    frames.bytes.set(input, start - 2);
    const protocol = input[0]! % this.#protocols.count;
    const classifier = this.#classifiers[flags >>> 7]!;
    this.#begin(start, length, protocol, flags, input);
    let node = classifier.walk(frames, row, towardUp);
    // A header with a spoiled checksum would hide all that stands behind it.
    for (let mended = 0; (flags & MEND) !== 0 && mended < 4 && this.#mend(classifier); mended++)
      node = classifier.walk(frames, row, towardUp);
    this.#checkRow(start, length);
    for (let accepted = node, n = 0; accepted >= 0; accepted = classifier.parent(accepted)) {
      insist(n++ < 1000, 'the accepting nodes go round in a circle');
      const outer = classifier.skipHeadersOf(accepted) + classifier.skipTrailersOf(accepted);
      insist(outer <= frames.partCount[row]!, 'more is skipped than there is');
    }
    insist(
      classifier.problem === 0 || classifier.problemName(classifier.problem) !== '',
      'a problem without a name',
    );
    if ((flags & COMPOSE) !== 0) this.#compose(start, length, classifier, towardUp, node);
    else if ((flags & OWN_PARTS) !== 0) {
      const skip = flags & 3;
      const pattern = this.#patterns[input[input.length - 1]! % this.#patterns.length]!;
      if (skip <= frames.partCount[row]!) pattern.matches(frames, row, skip, towardUp);
      this.#checkRow(start, length);
    }
    if ((++this.#executions & 0x3ff) === 0) this.#checkNeighbours();
    return 1;
  }

  /**
   * One payload, as endpoints give it; or any parts, as pieces do: adjacent, because the host places them so.
   */
  #begin(start: number, length: number, protocol: number, flags: number, input: Uint8Array): void {
    const frames = this.#frames;
    const row = this.#row;
    frames.begin(row, start, length, protocol);
    if ((flags & OWN_PARTS) === 0) return;
    frames.partCount[row] = 0;
    const count = 1 + (input[input.length - 1]! % MAX_PARTS);
    let at = start;
    let tape = input.length - 1;
    for (let n = 0; n < count; n++) {
      const a = input[Math.max(2, --tape)] ?? 0;
      const b = input[Math.max(2, --tape)] ?? 0;
      const left = start + length - at;
      const bytes = n === count - 1 ? left : Math.min(left, b & 0x3f);
      const kind = (a % this.#protocols.count) | ((b % 3) << 16) | ((a & 0x0a) << 24);
      frames.addPart(row, kind, at, bytes);
      at += bytes;
    }
  }

  /** Puts the checksum right of the first IPv4 header that is refused for it. */
  #mend(classifier: Classifier): boolean {
    if (classifier.problem === 0 || classifier.problemName(classifier.problem) !== 'ipv4-checksum')
      return false;
    const frames = this.#frames;
    const { bytes, partWords } = frames;
    const first = this.#row * MAX_PARTS * PART_WORDS;
    for (let part = 0; part < frames.partCount[this.#row]!; part++) {
      const at = first + part * PART_WORDS;
      if (((partWords[at]! >>> 16) & 0xff) !== 1) continue;
      const address = partWords[at + 1]!;
      const header = (bytes[address]! & 15) * 4;
      if (bytes[address]! >>> 4 !== 4 || header < 20 || header > partWords[at + 2]!) return false;
      bytes[address + 10] = 0;
      bytes[address + 11] = 0;
      let sum = 0;
      for (let i = 0; i < header; i += 2) sum += (bytes[address + i]! << 8) | bytes[address + i + 1]!;
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      bytes[address + 10] = ~sum >>> 8;
      bytes[address + 11] = ~sum;
      return true;
    }
    return false;
  }

  /** The parts are adjacent, in order, and cover the frame, whose extent stays. */
  #checkRow(start: number, length: number): void {
    const frames = this.#frames;
    const row = this.#row;
    insist(frames.start[row] === start && frames.length[row] === length, 'the frame has another extent');
    const count = frames.partCount[row]!;
    insist(count >= 1 && count <= MAX_PARTS, () => `${count} parts`);
    let at = start;
    for (let part = 0; part < count; part++) {
      const word = (row * MAX_PARTS + part) * PART_WORDS;
      const kind = frames.partWords[word]!;
      insist((kind & 0xffff) < this.#protocols.count, () => `protocol ${kind & 0xffff}`);
      insist(((kind >>> 16) & 0xff) <= 2, () => `role ${(kind >>> 16) & 0xff}`);
      insist(frames.partWords[word + 1] === at, () => `part ${part} does not adjoin`);
      at += frames.partWords[word + 2]!;
    }
    insist(at === start + length, () => `the parts end ${at - start - length} bytes behind the frame`);
  }

  /**
   * Fills in everything. Nothing outside of the frame changes; and what was parsed and filled in is parsed
   * alike.
   */
  #compose(start: number, length: number, classifier: Classifier, towardUp: boolean, node: number): void {
    const frames = this.#frames;
    const row = this.#row;
    const from = frames.roomStart(row);
    this.#before.set(frames.bytes.subarray(from, from + 2048));
    const first = row * MAX_PARTS * PART_WORDS;
    const count = frames.partCount[row]!;
    for (let part = 0; part < count; part++) {
      const at = first + part * PART_WORDS;
      if (((frames.partWords[at]! >>> 16) & 0xff) === 0) frames.partWords[at]! |= 2 << 24;
    }
    const problem = this.#composer.finish(frames, row);
    insist(
      problem === 0 || this.#composer.problemName(problem) !== '',
      'a problem of composing without a name',
    );
    this.#checkRow(start, length);
    const room = frames.bytes.subarray(from, from + 2048);
    const end = start + length - from;
    insist(
      Buffer.compare(room.subarray(0, start - from), this.#before.subarray(0, start - from)) === 0,
      'composing wrote in front of the frame',
    );
    insist(
      Buffer.compare(room.subarray(end), this.#before.subarray(end)) === 0,
      'composing wrote behind the frame',
    );
    if (problem !== 0) return;
    const again = classifier.walk(frames, row, towardUp);
    insist(again === node, 'a composed frame is met by others than before');
  }

  #checkNeighbours(): void {
    const frames = this.#frames;
    for (const row of this.#around) {
      const from = frames.roomStart(row);
      insist(
        Buffer.compare(frames.bytes.subarray(from, from + 2048), this.#intact) === 0,
        "another row's bytes have changed",
      );
    }
  }
}

const DEEP = [
  'ethernet/vlan/vlan/ip/ip/udp/*',
  'ethernet/{arp,ip}',
  'ppp/ip/{udp,tcp,sctp}/5060',
  'ip/udp/local:25790/ipv6/{udp,tcp,icmpv6}',
  'ipv4/udp/53/ipv4/tcp/80',
  'ip/gre/ip/sctp/remote:5060',
  'ipv6/hop-by-hop/routing/fragment/destination-options/ah/udp',
  'ip/esp',
  'ip/{icmp,icmpv6}',
  'ip/{udp,tcp,sctp}/{1,53,80,5060,25790}',
  'udp/local:53',
  'ethertype:',
  'ip-protocol:',
  'ppp:',
  'ip/gre/vlan/ipv6/ipv6/ipv4/tcp/1',
];
const ORDINARY = ['ip', 'ip/udp', 'ipv4/udp/local:25790/ipv6', 'ipv6/icmpv6', 'ip/udp/5060'];
