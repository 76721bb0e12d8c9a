import {
  MOST_ENTRIES,
  MOST_PAGES,
  moduleOfOpcode,
  OPCODES,
} from '../../../host/engine/testing/opcode-corpus.ts';
import { rewrittenInstance } from '../../../host/engine/testing/rewritten-instance.ts';
import { ComponentError } from '../../../host/engine/wasm/component-error.ts';
import { readCoreModule } from '../../../host/engine/wasm/core-module.ts';
import { rewriteModule } from '../../../host/engine/wasm/module-rewriter.ts';
import { v8 } from '../../../host/engine/wasm/webassembly-engine.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * Core modules that the engine finds valid: rewritten they are valid too, or refused; and what they export
 * does the same, as far as fuel goes.
 */
export const rewriterTarget: FuzzTarget = {
  name: 'rewriter',
  summary: 'core modules before and after rewriting',
  unit: 'modules',
  maxBytes: 2048,
  open: async () => new RewriterRun(),
};

const FUEL = 20_000;
const CAPS = { maxMemoryPages: MOST_PAGES, maxTableEntries: MOST_ENTRIES };

class RewriterRun implements OpenTarget {
  readonly seeds = OPCODES.map((opcode) => moduleOfOpcode(opcode));

  execute(input: Uint8Array): number {
    if (!WebAssembly.validate(input)) return 1;
    const original = Uint8Array.from(input);
    let core: ReturnType<typeof readCoreModule>;
    let rewritten: ReturnType<typeof rewriteModule>;
    try {
      core = readCoreModule(original);
      rewritten = rewriteModule(core, CAPS);
    } catch (error) {
      if (error instanceof ComponentError) return 1;
      throw error;
    }
    const why = v8.whyInvalid(rewritten.bytes);
    insist(why === undefined, () => `rewriting made it invalid: ${why?.reason} at ${why?.offset}`);
    const module = new WebAssembly.Module(original);
    // The module may begin with more than is allowed here; and its imports are missing.
    if (WebAssembly.Module.imports(module).length > 0) return 1;
    const fuel = v8.fuelCounter();
    fuel.refuel(FUEL);
    const after = attempt(() => rewrittenInstance(core, rewritten.bytes, fuel));
    if (fuel.left < 0) return 1;
    const before = attempt(() => new WebAssembly.Instance(module).exports);
    insist(before.trap === after.trap, () => `instantiating: ${before.trap}, and rewritten: ${after.trap}`);
    if (before.value === undefined || after.value === undefined) return 1;
    for (const [name, item] of Object.entries(after.value)) {
      const like = before.value[name];
      if (!isCallable(item) || !isCallable(like)) continue;
      fuel.refuel(FUEL);
      const changed = attempt(() => String(item(...ARGUMENTS)));
      // One that does not end within its fuel might never end without it. And caps make a difference that is
      // wanted.
      if (fuel.left < 0 || fuel.wasMemoryRefused || changed.trap?.includes('call stack')) return 1;
      const plain = attempt(() => String(like(...ARGUMENTS)));
      insist(
        changed.trap === plain.trap && changed.value === plain.value,
        () => `${name}: ${plain.trap ?? plain.value}, and rewritten: ${changed.trap ?? changed.value}`,
      );
    }
    return 1;
  }
}

function isCallable(item: unknown): item is (...values: readonly (number | bigint)[]) => unknown {
  return typeof item === 'function';
}

const ARGUMENTS = [3, 5n, 7, 9] as const;

function attempt<T>(call: () => T): { value?: T; trap?: string } {
  try {
    return { value: call() };
  } catch (error) {
    return { trap: error instanceof Error ? error.message : 'an exception' };
  }
}
