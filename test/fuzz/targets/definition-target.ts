import { Classifier } from '../../../host/frame/classifier.ts';
import { Composer } from '../../../host/frame/composer.ts';
import { Frames, MAX_PARTS, PART_WORDS } from '../../../host/frame/frames.ts';
import { Pattern } from '../../../host/frame/pattern.ts';
import { FunnelError } from '../../../host/stack/funnel-error.ts';
import { parseStack } from '../../../host/stack/parse-stack.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Protocols that pieces bring: two definitions as text, the second of which may stand in a Name Space of the
 * first, and a frame that is parsed and composed by them. A zero byte stands behind each text. Whatever is
 * defined, a frame keeps its extent, and nothing is written beside it.
 */
export const definitionTarget: FuzzTarget = {
  name: 'definitions',
  summary: 'protocols that pieces bring as text, and frames that are parsed and composed by them',
  unit: 'pairs of definitions',
  maxBytes: 1200,
  open: async () => new DefinitionRun(),
};

class DefinitionRun implements OpenTarget {
  readonly seeds = SEEDS.map((text) => Uint8Array.from([...ENCODER.encode(text), ...PACKET]));
  readonly #frames = new Frames({ smallRows: 4, largeRows: 1 });
  readonly #row: number;
  readonly #intact = Uint8Array.from({ length: 2048 }, (_, i) => (i * 11) & 0xff);

  constructor() {
    this.#row = this.#frames.allocate(100);
  }

  /** Nearly right: each clause once, and one in four of their numbers anything. */
  generate(random: FuzzRandom): Uint8Array {
    const text = (id: number) => {
      const clauses = CLAUSES.filter(() => random.below(3) === 0).map((clause) => clause(random));
      const first = `summary "it"\nspace own${id} 8 bits\nin ip-protocol ${id}\nheader ${random.below(3) === 0 ? lengthOf(random) : random.below(24)}\n`;
      return `${first}${clauses.join('\n')}\n`;
    };
    const packet = Array.from({ length: random.below(200) }, () => random.one(TELLING) ?? 0);
    return Uint8Array.from([...ENCODER.encode(`${text(253)}\0${text(254)}\0`), ...packet]);
  }

  execute(input: Uint8Array): number {
    const first = input.indexOf(0);
    const second = first < 0 ? -1 : input.indexOf(0, first + 1);
    if (second < 0) return 0;
    const protocols = new Protocols();
    const names = [input.subarray(0, first), input.subarray(first + 1, second)].flatMap((text, n) => {
      const name = `x${n}`;
      try {
        insist(protocols.defineFromText(name, DECODER.decode(text)) > 0, 'a definition without a number');
        return [name];
      } catch (error) {
        if (error instanceof FunnelError && error.message !== '') return [];
        throw error;
      }
    });
    if (names.length > 0) this.#parse(protocols, names, input.subarray(second + 1));
    return 1;
  }

  #parse(protocols: Protocols, names: readonly string[], packet: Uint8Array): void {
    const stacks = names.flatMap((name) =>
      [name, `${name}/*`, `${name}/x0/x1/ip/udp/*`, `${name}/{x0,x1}`, `ip/${name}`].flatMap((text) => {
        try {
          return [parseStack(text, protocols)];
        } catch (error) {
          if (error instanceof FunnelError) return [];
          throw error;
        }
      }),
    );
    const classifier = new Classifier(
      protocols,
      stacks.map((stack, tag) => ({ stack, tag })),
    );
    const frames = this.#frames;
    const row = this.#row;
    const room = frames.roomStart(row);
    const start = room + 256;
    const length = Math.min(packet.length, 1024);
    for (const name of [...names, 'ipv4', 'ipv6']) {
      frames.bytes.set(this.#intact, room);
      frames.bytes.set(packet.subarray(0, length), start);
      frames.begin(row, start, length, protocols.number(name));
      for (const towardUp of [false, true]) classifier.walk(frames, row, towardUp);
      this.#checkParts(protocols, start, length);
      for (const stack of stacks) new Pattern(protocols, stack).matches(frames, row, 0, true);
      const first = row * MAX_PARTS * PART_WORDS;
      for (let part = 0; part < frames.partCount[row]!; part++)
        frames.partWords[first + part * PART_WORDS]! |= 2 << 24;
      const composer = new Composer(protocols);
      const problem = composer.finish(frames, row);
      insist(problem === 0 || composer.problemName(problem) !== '', 'a problem of composing without a name');
      this.#checkParts(protocols, start, length);
      for (let i = 0; i < 2048; i++) {
        const isInside = i >= 256 && i < 256 + length;
        insist(
          isInside || frames.bytes[room + i] === this.#intact[i],
          'composing wrote outside of the frame',
        );
      }
    }
  }

  /** The parts adjoin, cover the frame, and are of protocols that there are. */
  #checkParts(protocols: Protocols, start: number, length: number): void {
    const { partCount, partWords } = this.#frames;
    const count = partCount[this.#row]!;
    insist(count >= 1 && count <= MAX_PARTS, () => `${count} parts`);
    let at = start;
    for (let part = 0; part < count; part++) {
      const word = (this.#row * MAX_PARTS + part) * PART_WORDS;
      insist((partWords[word]! & 0xffff) < protocols.count, 'a protocol that is none');
      insist(partWords[word + 1] === at, () => `part ${part} does not adjoin`);
      at += partWords[word + 2]!;
    }
    insist(at === start + length, 'the parts do not cover the frame');
  }
}

function numberOf(random: FuzzRandom): string {
  return random.below(4) > 0
    ? String(random.below(9))
    : random.one(['0', '16', '40', '255', '0x1f', '0xffff', '65535', '65536', '4294967295', '-1', '1e9']);
}

function fieldOf(random: FuzzRandom, kind: string = random.one(['u8', 'u16', 'u32'])): string {
  const mask =
    random.below(3) > 0 ? '' : ` & ${random.one(['0x0f', '0xf0', '0x1fff', '0', '0xffffffff', '5'])}`;
  return `${kind}[${numberOf(random)}]${mask}`;
}

function lengthOf(random: FuzzRandom): string {
  return `${numberOf(random)} + ${fieldOf(random)} * ${numberOf(random)}`;
}

function spaceOf(random: FuzzRandom): string {
  return random.one(['ip-protocol', 'udp-port', 'ethertype', 'own253', 'own254', 'nowhere']);
}

const CLAUSES: readonly ((random: FuzzRandom) => string)[] = [
  (random) => `in own253 ${numberOf(random)}, ${numberOf(random)}`,
  (random) => `space more ${random.one(['8 bits', '16 bits hexadecimal', 'text "it"', '0 bits'])}`,
  (random) => random.one(['link', 'transparent']),
  (random) => random.one(['agreed', 'leaf']),
  (random) => `least ${numberOf(random)}`,
  (random) => `check ${fieldOf(random, 'u8')} = ${numberOf(random)}`,
  (random) => `next ${spaceOf(random)} ${fieldOf(random)}`,
  (random) => `ports udp-port ${fieldOf(random, 'u16')} ${fieldOf(random, 'u16')}`,
  (random) => `length ${fieldOf(random)} ${random.one(['total', 'contents'])}`,
  (random) => `checksum ${random.one(['header', 'contents', 'pseudo', 'crc32c'])} ${fieldOf(random)}`,
  (random) => `fragment ${fieldOf(random, 'u16')} = ${numberOf(random)}`,
  (random) => `addresses ${numberOf(random)} ${numberOf(random)} of ${numberOf(random)}`,
  (random) => `item ${spaceOf(random)} ${fieldOf(random)} align ${numberOf(random)}`,
  (random) => random.one(['"', '# text', '\u001b', 'é', 'header 4']),
];
/** Bytes of the frames: numbers of these protocols, small lengths, ends of ranges. */
const TELLING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 41, 0x45, 0x60, 253, 254, 255];

const SEEDS = [
  'summary "one"\nin ip-protocol 200\nheader 4\nnext ip-protocol u8[0]\nlength u16[2] total\0summary "two"\nin udp-port 999\nheader 8 + u8[1] & 0x0f * 4\nleast 8\nchecksum header u16[2]\0',
  'in ethertype 0x1234\nheader u8[0] * 1\nnext ethertype u16[1]\0in ip-protocol 201\nheader 0\nnext ip-protocol u8[0]\0',
  'in ip-protocol 202\nheader 2\nitem ip-protocol u8[0] align 4\nlength u8[1] contents\0in ip-protocol 203\nheader 8\nfragment u16[2] & 0x1fff = 0\nnext ip-protocol u8[0]\0',
];
const PACKET = [
  0x45, 0, 0, 28, 0, 0, 0, 0, 64, 200, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 200, 4, 0, 8, 201, 0, 0, 4,
];
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
