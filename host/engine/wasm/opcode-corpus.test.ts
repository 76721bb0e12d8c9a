import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  MOST_ENTRIES,
  MOST_PAGES,
  moduleOfOpcode,
  NEWER_OPCODES,
  OPCODES,
  type Opcode,
} from '../testing/opcode-corpus.ts';
import { rewrittenInstance } from '../testing/rewritten-instance.ts';
import { BinaryReader } from './binary-reader.ts';
import { ComponentError } from './component-error.ts';
import { readCoreModule } from './core-module.ts';
import { readInstruction } from './instruction.ts';
import { rewriteModule } from './module-rewriter.ts';
import { v8 } from './webassembly-engine.ts';

const CAPS = { maxMemoryPages: MOST_PAGES, maxTableEntries: MOST_ENTRIES };
/** More than the price of the greatest length. */
const FUEL = 0x7fff_ffff;

/**
 * Arguments for edge cases: zeros, ones, negatives, NaN with a payload, infinities, numbers too large to
 * convert.
 */
const CALLS: readonly (readonly [number, bigint, number, number])[] = [
  [0, 0n, 0, 0],
  [1, 1n, 1, 1],
  [-1, -1n, -1.5, -2.5],
  [3, 0x0123_4567_89ab_cdefn, 1e30, 1e300],
  [65_530, -0x8000_0000_0000_0000n, Number.NaN, Number.POSITIVE_INFINITY],
  [-0x8000_0000, 63n, -0, -1e-300],
];

/** The result of each call: its values or the trap, and all of the memory. */
function behaviour(exports: Record<string, WebAssembly.ExportValue>, refuel = () => {}): string[] {
  const f = exports.f as (...values: (number | bigint)[]) => bigint;
  const memory = exports.memory as WebAssembly.Memory;
  return CALLS.map((values) => {
    let end: string;
    refuel();
    try {
      end = String(f(...values));
    } catch (error) {
      end = error instanceof Error ? error.message : 'an exception';
    }
    return `${end} ${createHash('sha1').update(new Uint8Array(memory.buffer)).digest('hex')}`;
  });
}

function rewrite(opcode: Opcode) {
  const original = moduleOfOpcode(opcode);
  const core = readCoreModule(original);
  const { bytes } = rewriteModule(core, CAPS);
  const fuel = v8.fuelCounter();
  fuel.refuel(FUEL);
  return { original, instance: () => rewrittenInstance(core, bytes, fuel), fuel };
}

describe('every instruction', () => {
  it('of the corpus is valid on this engine', () => {
    const invalid = OPCODES.map((opcode) => [opcode.name, v8.whyInvalid(moduleOfOpcode(opcode))] as const);
    // An engine may lack exceptions of the older form; it refuses a piece with them as invalid.
    expect(invalid.filter(([name, why]) => why !== undefined && !/try|throw/.test(name))).toEqual([]);
    expect(OPCODES.length).toBeGreaterThan(440);
  });

  it('does the same in a rewritten module, and is paid', () => {
    const different: string[] = [];
    for (const opcode of OPCODES) {
      if (v8.whyInvalid(moduleOfOpcode(opcode)) !== undefined) continue;
      const { original, instance, fuel } = rewrite(opcode);
      const before = behaviour(new WebAssembly.Instance(new WebAssembly.Module(original)).exports);
      const after = behaviour(instance(), () => fuel.refuel(FUEL));
      if (before.join() !== after.join() || fuel.left === FUEL) different.push(opcode.name);
    }
    expect(different).toEqual([]);
  });

  it('ends for lack of fuel before it has run, wherever it is', () => {
    const unpaid: string[] = [];
    for (const opcode of OPCODES) {
      if (v8.whyInvalid(moduleOfOpcode(opcode)) !== undefined) continue;
      const { instance, fuel } = rewrite(opcode);
      fuel.refuel(0);
      const ends = behaviour(instance());
      if (!ends.every((end) => end.startsWith('unreachable ')) || new Set(ends).size !== 1)
        unpaid.push(opcode.name);
    }
    expect(unpaid).toEqual([]);
  });

  it('that is newer is refused, whatever the engine supports', () => {
    for (const { name, bytes } of NEWER_OPCODES) {
      // The bytes behind it could be mistaken for its immediates.
      const reader = new BinaryReader(Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0x0b]));
      expect(() => readInstruction(reader), name).toThrow(ComponentError);
    }
  });

  it('is read to its end: the next instruction follows', () => {
    for (const { name, bytes } of OPCODES) {
      const reader = new BinaryReader(Uint8Array.from(bytes));
      while (!reader.isAtEnd) readInstruction(reader);
      expect(reader.at, name).toBe(bytes.length);
    }
  });

  it('of one byte, or behind a prefix, is in the corpus or is refused', () => {
    const known = new Set(OPCODES.map(({ bytes }) => keyOf(bytes)));
    for (const { bytes } of OPCODES) for (const key of innerKeys(bytes)) known.add(key);
    const accepted: string[] = [];
    const zeros = new Array<number>(24).fill(0);
    for (let code = 0; code < 256; code++) {
      if (code >= 0xfb && code <= 0xfe) {
        for (let number = 0; number < 512; number++) {
          const encoded = number < 128 ? [code, number] : [code, (number & 127) | 128, number >> 7];
          if (isRead([...encoded, ...zeros])) accepted.push(keyOf(encoded));
        }
      } else if (
        isRead([code, ...zeros]) ||
        isRead([code, 0x40, ...zeros]) ||
        isRead([code, 0x70, ...zeros])
      ) {
        accepted.push(keyOf([code]));
      }
    }
    expect(accepted.filter((key) => !known.has(key))).toEqual([]);
    expect(accepted.length).toBeGreaterThan(420);
  });
});

describe('a module that is newer than this host', () => {
  // These are whole modules, for engines that would accept them: the host refuses them by their bytes, not
  // the engine.
  const MODULES: Record<string, readonly number[]> = {
    'a memory of 64 bits': [5, 3, 1, 4, 1],
    'a shared memory': [5, 4, 1, 3, 1, 1],
    'a table of 64 bits': [4, 4, 1, 0x70, 4, 1],
    'a table with an initial value': [4, 9, 1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b],
    'a table of references of a type': [4, 5, 1, 0x63, 0x70, 0, 1],
    'a group of recursive types': [1, 6, 1, 0x4e, 1, 0x60, 0, 0],
    'a type of structures': [1, 3, 1, 0x5f, 0],
    'a type with a supertype': [1, 6, 1, 0x50, 0, 0x60, 0, 0],
    'a global variable of a newer type': [6, 6, 1, 0x63, 0x70, 0, 0xd0, 0x70, 0x0b],
    'elements of a newer type': [9, 8, 1, 5, 0x63, 0x70, 1, 0xd0, 0x70, 0x0b],
    'a section of unknown kind': [14, 1, 0],
  };
  it.each(Object.keys(MODULES))('is refused for %s', (name) => {
    const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...MODULES[name]!]);
    expect(() => rewriteModule(readCoreModule(bytes), CAPS)).toThrow(ComponentError);
  });

  it('is refused for several memories', () => {
    const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 1, 0, 1]);
    expect(() => rewriteModule(readCoreModule(bytes), CAPS)).toThrow(/several memories/);
  });
});

function isRead(bytes: readonly number[]): boolean {
  try {
    readInstruction(new BinaryReader(Uint8Array.from(bytes)));
    return true;
  } catch (error) {
    if (error instanceof ComponentError) return false;
    throw error;
  }
}

/** The opcode of the first instruction. */
function keyOf(bytes: readonly number[]): string {
  const [first = 0, second = 0, third = 0] = bytes;
  if (first < 0xfb || first > 0xfe) return String(first);
  return `${first} ${second < 128 ? second : (second & 127) | ((third & 127) << 7)}`;
}

/** Those of the instructions inside of an entry of the corpus, such as `else` and `end`. */
function innerKeys(bytes: readonly number[]): string[] {
  const reader = new BinaryReader(Uint8Array.from(bytes));
  const keys: string[] = [];
  while (!reader.isAtEnd) {
    const opcode = readInstruction(reader);
    keys.push(opcode > 0xff ? `${opcode >> 8} ${opcode & 0xff}` : String(opcode));
  }
  return keys;
}
