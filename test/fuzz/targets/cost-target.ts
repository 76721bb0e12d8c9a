import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../abi/build/package-root.ts';
import { examine } from '../../../host/engine/component/admission.ts';
import { DEFAULT_LIMITS } from '../../../host/engine/component/limits.ts';
import { eagerV8 } from '../../../host/engine/wasm/webassembly-engine.ts';
import {
  type Bytes,
  body,
  componentOf,
  coreModule,
  functions,
  I32,
  join as joined,
  NOTHING,
  name,
  repeated,
  section,
  u32,
  vector,
  vectorOf,
} from '../../hostile/component-bytes.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Component files that may cost more than their size, of products of everything that they can have: a finding
 * is one whose examination takes time or memory out of proportion. The worst are kept in a table.
 */
export const costTarget: FuzzTarget = {
  name: 'cost',
  summary: 'component files: what examining and compiling them costs, by their size',
  unit: 'files',
  maxBytes: 256 * 1024,
  open: async () => new CostRun(),
};

/** Processor time of this process, other threads included; and memory. Far above all that is known. */
const MOST_MS = 3000;
const MOST_BYTES = 512 * 1024 * 1024;
const TABLE_ROWS = 16;

interface Cost {
  readonly ms: number;
  readonly mebibytes: number;
  readonly bytes: number;
  readonly shape: string;
}

class CostRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[] = [componentOf()];
  readonly #worst: Cost[] = [];
  #shape = 'mutated';

  readonly generate = (random: FuzzRandom): Uint8Array => {
    const { bytes, shape } = componentOfProducts(random);
    this.#shape = shape;
    return bytes.length <= costTarget.maxBytes ? bytes : componentOf();
  };

  async execute(input: Uint8Array): Promise<number> {
    const from = process.cpuUsage();
    const before = process.memoryUsage().rss;
    const terms = { grants: new Set<never>(), limits: DEFAULT_LIMITS, engine: eagerV8 };
    const admission = examine(input, terms, () => undefined);
    for (const module of admission?.rewritten ?? []) {
      if (module === undefined) continue;
      try {
        await eagerV8.compile(module.bytes);
      } catch (error) {
        // The engine has bounds of its own, and mutated code may exceed them.
        if (!(error instanceof WebAssembly.CompileError)) throw error;
      }
    }
    const { user, system } = process.cpuUsage(from);
    const cost: Cost = {
      ms: Math.round((user + system) / 1000),
      mebibytes: Math.round((process.memoryUsage().rss - before) / 2 ** 20),
      bytes: input.length,
      shape: this.#shape,
    };
    this.#shape = 'mutated';
    this.#keep(cost);
    insist(cost.ms < MOST_MS, () => `${cost.bytes} bytes take ${cost.ms} ms: ${cost.shape}`);
    insist(
      cost.mebibytes * 2 ** 20 < MOST_BYTES,
      () => `${cost.bytes} bytes take ${cost.mebibytes} MiB: ${cost.shape}`,
    );
    return 1;
  }

  /** Keeps the worst in `build/fuzz/cost.tsv`. */
  #keep(cost: Cost): void {
    const last = this.#worst.at(-1);
    if (this.#worst.length >= TABLE_ROWS && last !== undefined && cost.ms <= last.ms) return;
    this.#worst.push(cost);
    this.#worst.sort((a, b) => b.ms - a.ms);
    this.#worst.length = Math.min(this.#worst.length, TABLE_ROWS);
    const folder = join(packageRoot(), 'build', 'fuzz');
    mkdirSync(folder, { recursive: true });
    const rows = this.#worst.map(({ ms, mebibytes, bytes, shape }) =>
      [ms, mebibytes, bytes, shape].join('\t'),
    );
    writeFileSync(join(folder, 'cost.tsv'), ['ms\tMiB\tbytes\tshape', ...rows, ''].join('\n'));
  }
}

/** A number of any magnitude up to `most`. */
function magnitude(random: FuzzRandom, most: number): number {
  return Math.max(1, Math.floor(most ** (random.below(1001) / 1000)));
}

/** A file of one module with some of everything, instantiated some times, joined with itself and exported. */
function componentOfProducts(random: FuzzRandom): { bytes: Uint8Array; shape: string } {
  const count = (most: number): number => magnitude(random, most);
  const numbers = {
    locals: count(50_000) - 1,
    operands: count(10_000) - 1,
    branches: count(5000) - 1,
    functions: count(200),
    exports: count(5000) - 1,
    globals: count(10_000) - 1,
    segments: count(200) - 1,
    entries: count(5000) - 1,
    tables: count(65_536),
    uses: count(100) - 1,
    instances: count(64),
    bundles: count(1000) - 1,
    items: count(1000) - 1,
  };
  const branch: Bytes = random.one<Bytes>([
    [0x02, 0x40, 0x0b],
    [0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b],
    [0x20, 0, 0x04, 0x40, 0x0b],
    [0x10, 0],
    [0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 0, 0x0b],
  ]);
  const code = joined(
    repeated(numbers.operands, [0x41, 0]),
    repeated(numbers.branches, branch),
    repeated(numbers.operands, [0x1a]),
  );
  const [types, declared, bodies] = functions(
    [NOTHING],
    Array.from({ length: numbers.functions }, () => [0, body([[numbers.locals + 1, I32]], code)]),
  );
  const module = coreModule(
    types,
    declared,
    section(4, [1, 0x70, 0], u32(numbers.tables)),
    section(6, vectorOf(numbers.globals, [I32, 0, 0x41, 0, 0x0b])),
    section(
      7,
      vector([
        [...name('t'), 1, 0],
        ...Array.from({ length: numbers.exports }, (_, n) => [...name(n.toString(36)), 0, 0]),
      ]),
    ),
    section(9, vectorOf(numbers.segments, joined([1, 0], vectorOf(numbers.entries, [0])))),
    bodies,
  );
  const user = coreModule(section(2, vectorOf(numbers.uses, [0, 1, 0x74, 1, 0x70, 0, 0])));
  const bytes = componentOf(
    section(1, module),
    section(1, user),
    section(2, vectorOf(numbers.instances, [0, 0, 0])),
    section(2, [1, 0, 1, 1, 0, 0x12, 0]),
    section(6, vector([[0, 1, 1, 0, ...name('t')]])),
    section(2, vectorOf(numbers.bundles, joined([1], vectorOf(numbers.items, [0, 1, 0])))),
  );
  const shape = Object.entries(numbers)
    .map(([what, number]) => `${what} ${number}`)
    .join(', ');
  return { bytes, shape };
}
