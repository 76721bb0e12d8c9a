import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '../../../abi/build/package-root.ts';
import type { Piece as Description, HostCalls } from '../../../abi/host/contract.ts';
import { Protocols } from '../../../host/stack/protocols.ts';
import { brokenRules, enter, type Ledger } from '../../compliance/outcome-rules.ts';
import { type OpenMessages, randomTraffic } from '../../compliance/random-traffic.ts';
import { runByOffset } from '../../compliance/run-by-offset.ts';
import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import { ByteTape, type FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * A target for each built piece: frames that no honest network makes, offers, times, joins and leaves, from a
 * tape of bytes.
 */
export function pieceTargets(): readonly FuzzTarget[] {
  const folder = join(packageRoot(), 'dist', 'pieces');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.wasm'))
    .sort()
    .map((file) => pieceTarget(basename(file, '.wasm'), join(folder, file)));
}

function pieceTarget(name: string, file: string): FuzzTarget {
  return {
    name: `piece-${name}`,
    summary: `the piece ${name}, among neighbours that keep to nothing`,
    unit: 'frames',
    maxBytes: 2000,
    open: async () => new PieceRun(name, await runByOffset(readFileSync(file))),
  };
}

/** Settings without which a piece does not start. */
const SETTINGS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  '6bed4': [['router', '192.0.2.1']],
  '6bed4-router': [['address', '192.0.2.1']],
  sipproxy64: [
    ['ipv4', '192.0.2.1'],
    ['ipv6', '2001:db8::1'],
  ],
  srtp: [
    ['send-key', 'VsmATUTBXnTc6GPYYwB6SzVpqZWvYxqUJZcW4b0q'],
    ['receive-key', '9oqRWcVBDdEQPqF8hYrVvWg0CLEQF5dgyM3Wq2xL'],
  ],
};

class PieceRun implements OpenTarget {
  readonly seeds = [];
  readonly #make: BoundComponent;
  readonly #settings: readonly (readonly [string, string])[];
  readonly #description: Description;
  readonly #numbers: readonly number[];

  constructor(name: string, make: BoundComponent) {
    this.#make = make;
    this.#settings = SETTINGS[name] ?? [];
    const description = make(new DeafHost()).describe(this.#settings);
    if (!('edges' in description))
      throw new Error(`${name}: ${JSON.stringify(description)}; it needs settings for its target`);
    this.#description = description;
    const protocols = new Protocols();
    this.#numbers = description.protocols.map(([protocol]) => protocols.number(protocol));
  }

  generate(random: FuzzRandom): Uint8Array {
    return Uint8Array.from({ length: 50 + random.below(1900) }, () => random.word());
  }

  execute(input: Uint8Array): number {
    const tape = new ByteTape(input);
    const { below } = tape;
    const description = this.#description;
    const host = new DeafHost();
    const piece = this.#make(host);
    const problems = piece.start(0, this.#settings, this.#numbers);
    insist(problems === undefined, () => JSON.stringify(problems));
    const edges = new Map<number, number>();
    const ledger: Ledger = { description, edges, listened: host.listened, open: new Map() };
    const openMessages: OpenMessages = { frames: [], isOpen: (each) => ledger.open.has(each) };
    let now = 0;
    let ticket = 1;
    let count = 0;
    while (!tape.hasEnded) {
      if (description.edges.length > 0 && (edges.size === 0 || below(16) === 0)) {
        const edge = below(8);
        const described = edges.get(edge) ?? below(description.edges.length);
        const isTaken = [...edges].some(([other, of]) => of === described && other !== edge);
        if (!isTaken || description.edges[described]!.repeated) {
          edges.set(edge, described);
          for (const shape of description.edges[described]!.shapes.keys())
            piece.join({
              edge,
              described,
              shape,
              joint: 'net',
              properties: PROPERTIES.slice(0, below(PROPERTIES.length + 1)),
            });
        }
      }
      const { frames, parts, arena } = randomTraffic(
        below,
        description,
        edges,
        this.#numbers,
        ticket,
        openMessages,
      );
      ticket += frames.length;
      count += frames.length;
      enter(ledger, frames, parts);
      const outcome = piece.process(now, frames, parts, arena);
      const broken = brokenRules(ledger, now, outcome);
      insist(broken.length === 0, () => broken.join('; '));
      insist(ledger.open.size < 1024, 'frames are held for ever');
      const kind = below(4);
      if (kind === 0 && Number.isFinite(outcome.wakeAt)) now = outcome.wakeAt;
      else if (kind === 1) now += below(60_000);
      else now += below(16) / 4;
      if (below(32) === 0) piece.save(now);
    }
    return count;
  }
}

const PROPERTIES = [
  { name: 'mtu', value: { tag: 'at-most', val: 1280n } },
  { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } },
  { name: 'up', value: { tag: 'yes' } },
] as const;

/** A host that grants everything and reports nothing. */
class DeafHost implements HostCalls {
  readonly listened = new Map<number, Set<number>>();
  #next = 100;
  #random = 1n;

  log(): void {}

  status(): void {}

  random(): bigint {
    this.#random = BigInt.asUintN(64, this.#random * 0x5851_f42d_4c95_7f2dn + 0x1405_7b7e_f767_814fn);
    return this.#random;
  }

  utc(): [bigint, number] {
    return [0n, 0];
  }

  listen(edge: number): number {
    const shapes = this.listened.get(edge) ?? new Set<number>();
    this.listened.set(edge, shapes.add(this.#next));
    return this.#next++;
  }

  unlisten(edge: number, shape: number): void {
    this.listened.get(edge)?.delete(shape);
  }

  offer(): void {}
}
