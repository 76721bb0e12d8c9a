import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../abi/build/package-root.ts';
import type { Grant } from '../../../host/engine/component/grants.ts';
import { loadComponent } from '../../../host/engine/load-component.ts';
import { QuietHost } from '../../../host/engine/testing/quiet-host.ts';
import { ComponentError } from '../../../host/engine/wasm/component-error.ts';
import { PieceFault } from '../../../host/piece/piece-fault.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';
import { expectFaultOfGuest } from './guest-errors.ts';

/** A file that claims to be a piece: loaded, and where it is admitted, described, started and run. */
export const componentTarget: FuzzTarget = {
  name: 'component',
  summary: 'component files: parsed, linked, checked, rewritten, compiled, run',
  unit: 'files',
  maxBytes: 32 * 1024,
  open: async () => new ComponentRun(),
};

class ComponentRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[];

  constructor() {
    const folder = join(packageRoot(), 'dist', 'pieces');
    this.seeds = readdirSync(folder)
      .filter((name) => name.endsWith('.wasm'))
      .map((name) => new Uint8Array(readFileSync(join(folder, name))))
      .filter((bytes) => bytes.length <= componentTarget.maxBytes);
  }

  async execute(input: Uint8Array): Promise<number> {
    try {
      const loaded = await loadComponent(input, {
        grants: EVERYTHING,
        limits: { maxMemoryBytes: 4 * 1024 * 1024 },
      });
      const description = loaded.describe([['stack', 'ip']]);
      insist(Array.isArray(description) || 'edges' in description, 'neither a description nor problems');
      const guest = loaded.instantiate(new QuietHost());
      guest.start(0, [['stack', 'ip']], [1, 2, 3]);
      guest.join({ edge: 0, described: 0, shape: 0, joint: 'lan', properties: [] });
      guest.refuel(100_000);
      try {
        const lists = [4, 4, 1].map((align) => guest.realloc(align, 0));
        guest.postReturn(guest.process(0, lists[0]!, 0, lists[1]!, 0, lists[2]!, 0));
      } catch (error) {
        throw guest.faultOf(error);
      }
      guest.save(0);
      guest.discard();
    } catch (error) {
      if (error instanceof ComponentError) return 1;
      if (!(error instanceof PieceFault)) throw error;
      expectFaultOfGuest(error);
    }
    return 1;
  }
}

const EVERYTHING: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);
