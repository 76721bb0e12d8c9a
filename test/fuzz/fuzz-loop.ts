import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Memory, measureMemory } from '../fixtures/measure-memory.ts';
import { Coverage } from './coverage.ts';
import { FuzzRandom } from './fuzz-random.ts';
import type { FuzzTarget, OpenTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { StallWatch } from './stall-watch.ts';

export interface FuzzOptions {
  /**
   * The seed of all inputs. The same seed gives the same inputs, unless coverage guides the run or time ends
   * it.
   */
  readonly seed: number;
  /** Inputs, at most. */
  readonly count: number;
  readonly seconds: number;
  /** Inputs that are kept in the repository. */
  readonly corpus: readonly Uint8Array[];
  /** Whether inputs that reach new code are kept and changed further: {@link Coverage}. */
  readonly isGuided: boolean;
  /** Where to write the input of a finding. */
  readonly folder: string;
  /** Watches for inputs that do not end, which costs a thread. */
  readonly watches: boolean;
}

export interface FuzzReport {
  readonly target: string;
  readonly executions: number;
  readonly units: number;
  readonly unit: string;
  readonly seconds: number;
  /** Bytes of heap in use after a tenth of the run, and at its end; of the process, at its end. */
  readonly heapEarly: number;
  readonly heapEnd: number;
  readonly residentEarly: number;
  readonly residentEnd: number;
  /** Blocks of code that a guided run reached, and inputs that reached new ones. */
  readonly blocks: number;
  readonly kept: readonly Uint8Array[];
  readonly finding?: Finding;
}

export interface Finding {
  readonly error: unknown;
  readonly input: Uint8Array;
  readonly file: string;
}

/** Runs inputs on a target until the count or the time is over, or there is a finding. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const run = await target.open();
  const random = new FuzzRandom(options.seed);
  const pool = [...options.corpus, ...run.seeds].filter((seed) => seed.length <= target.maxBytes);
  const coverage = options.isGuided ? new Coverage() : undefined;
  const watch = options.watches
    ? new StallWatch(target.maxBytes, join(options.folder, `${target.name}-stalled`))
    : undefined;
  const buffer = new Uint8Array(target.maxBytes);
  const kept: Uint8Array[] = [];
  const begin = performance.now();
  let executions = 0;
  let units = 0;
  let early: Memory | undefined;
  let finding: Finding | undefined;
  const isOver = () => executions >= options.count || performance.now() - begin >= options.seconds * 1000;

  const found = (error: unknown, input: Uint8Array): boolean => {
    finding = { error, input: input.slice(), file: saveInput(options.folder, target.name, input) };
    return false;
  };
  const settle = async (result: Promise<number>, input: Uint8Array): Promise<boolean> => {
    try {
      units += await result;
      return true;
    } catch (error) {
      return found(error, input);
    }
  };
  /**
   * False for a finding. Without a promise if the target has none, because there are millions of inputs.
   */
  const execute = (input: Uint8Array): boolean | Promise<boolean> => {
    watch?.begin(input);
    executions++;
    try {
      const result = run.execute(input);
      if (typeof result !== 'number') return settle(result, input);
      units += result;
      return true;
    } catch (error) {
      return found(error, input);
    }
  };

  try {
    for (const input of pool.slice()) if (isOver() || !(await execute(input))) break;
    coverage?.countNew();
    while (finding === undefined && !isOver()) {
      const batch: Uint8Array[] = [];
      for (let n = coverage === undefined ? BATCH : GUIDED_BATCH; n > 0 && executions < options.count; n--) {
        const input = makeInput(run, random, pool, buffer);
        if (coverage !== undefined) batch.push(input.slice());
        const isGood = execute(input);
        if (!(typeof isGood === 'boolean' ? isGood : await isGood)) break;
      }
      if (coverage !== undefined && finding === undefined && coverage.countNew() > 0) {
        // One of them reached it. Inputs that reach it again from the present state of the target are kept.
        for (const input of batch) {
          const before = coverage.blocks;
          if (!(await execute(input))) break;
          coverage.countNew();
          if (coverage.blocks > before || kept.length === 0) kept.push(input);
        }
        const chosen = batch[random.below(batch.length)];
        if (chosen !== undefined) pool.push(chosen);
      }
      // Objects that live on between inputs exist by then.
      if (
        early === undefined &&
        (executions >= options.count / 10 || performance.now() - begin >= options.seconds * 100)
      )
        early = measureMemory();
    }
  } finally {
    coverage?.close();
    await watch?.close();
  }
  const end = measureMemory();
  return {
    target: target.name,
    executions,
    units,
    unit: target.unit,
    seconds: (performance.now() - begin) / 1000,
    heapEarly: (early ?? end).heap,
    heapEnd: end.heap,
    residentEarly: (early ?? end).resident,
    residentEnd: end.resident,
    blocks: coverage?.blocks ?? 0,
    kept,
    ...(finding === undefined ? {} : { finding }),
  };
}

/** A new input, a changed one of the pool, or (rarely) an unchanged one. */
function makeInput(
  run: OpenTarget,
  random: FuzzRandom,
  pool: readonly Uint8Array[],
  buffer: Uint8Array,
): Uint8Array {
  if (run.generate !== undefined && (pool.length === 0 || random.below(3) === 0))
    return cut(run.generate(random), buffer.length);
  if (pool.length === 0) return buffer.subarray(0, 0);
  const seed = pool[random.below(pool.length)]!;
  buffer.set(seed);
  let length = seed.length;
  if (random.below(64) > 0) length = mutate(random, buffer, length, pool[random.below(pool.length)]!);
  if (run.mutate !== undefined) length = run.mutate(random, buffer, length);
  return buffer.subarray(0, length);
}

function cut(bytes: Uint8Array, most: number): Uint8Array {
  return bytes.length > most ? bytes.subarray(0, most) : bytes;
}

function saveInput(folder: string, name: string, input: Uint8Array): string {
  const file = join(folder, `${name}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, input);
  return file;
}

/** Inputs between two looks at the clock. */
const BATCH = 64;
/** Inputs between two reports of coverage. */
const GUIDED_BATCH = 128;
