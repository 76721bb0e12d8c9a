import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigurationObject } from '../../host/policy/configuration/configuration-schema.ts';
import { type Funnel, openFunnel } from '../../host/policy/funnel.ts';
import { describePiece } from '../../host/puzzle/testing/scripted-piece.ts';
import { FunnelError } from '../../host/stack/funnel-error.ts';
import { COSTLY_FILES } from './costly-files.ts';
import type { Group } from './group.ts';
import { threadNanoseconds } from './thread-clock.ts';

/**
 * Milliseconds of the main thread's own processor time, in its longest turn, while a running Funnel applies a
 * configuration with a component file that costs as much as a file may: from the reading of the file to the
 * change of the lane, or to the refusal. The last row has a description of as many Shapes as there may be.
 */
export const examinationGroup: Group = {
  name: 'examine/',
  async run({ only }, report) {
    const folder = mkdtempSync(join(tmpdir(), 'funnel-examine-'));
    try {
      for (const [name, makeFile] of Object.entries(COSTLY_FILES)) {
        const row = `examine/main-turn/${name}`;
        if (only !== undefined && !row.includes(only)) continue;
        const file = join(folder, 'piece.wasm');
        writeFileSync(file, await makeFile());
        report.add(row, await longestTurn({ strange: { piece: file } }), 'ms');
      }
      const row = 'examine/main-turn/256-shapes';
      if (only === undefined || row.includes(only))
        report.add(row, await longestTurn({ strange: { piece: 'wide', edges: { a: 'west' } } }), 'ms');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** The longest turn of this thread in the second of two changes: the first one is for the compiler. */
async function longestTurn(strange: Pieces): Promise<number> {
  const funnel = await openFunnel({ pieces: RUNNING }, { worker: true, pieces: { wide: WIDE } });
  try {
    await apply(funnel, { again: { piece: 'echo', edges: { a: 'west', b: 'south' } } });
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    let longest = 0;
    let isOver = false;
    const turns = (async () => {
      let last = threadNanoseconds();
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        const now = threadNanoseconds();
        longest = Math.max(longest, now - last);
        last = now;
      }
    })();
    await apply(funnel, strange);
    isOver = true;
    await turns;
    return longest / 1e6;
  } finally {
    await funnel.close();
  }
}

type Pieces = ConfigurationObject['pieces'];

async function apply(funnel: Funnel, more: Pieces): Promise<void> {
  try {
    await funnel.apply({ pieces: { ...RUNNING, ...more } });
  } catch (error) {
    // The piece is refused, or matches nothing: its examination counts.
    if (!(error instanceof FunnelError)) throw error;
  }
}

const RUNNING: Pieces = {
  left: { piece: 'echo', edges: { a: 'west', b: 'east' } },
  right: { piece: 'echo', edges: { a: 'east', b: 'west' } },
};

const [edge] = describePiece('wide', 'ip', 'up').edges;
const WIDE = {
  describe: () => ({
    ...describePiece('wide', 'ip', 'up'),
    edges: [
      {
        ...edge!,
        name: 'a',
        shapes: Array.from({ length: 256 }, (_, shape) => ({
          ...edge!.shapes[0]!,
          stack: `ip/udp/{${Array.from({ length: 40 }, (_, port) => 1000 + shape * 80 + port).join()}}`,
        })),
      },
    ],
  }),
  make(): never {
    throw new Error('this piece only describes itself');
  },
};

const SETTLED_MS = 300;
