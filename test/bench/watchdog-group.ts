import { join } from 'node:path';
import type { FunnelEvent } from '../../host/policy/funnel.ts';
import { openFunnel } from '../../host/policy/funnel.ts';
import { projectRoot } from '../net/project-root.ts';
import type { Group } from './group.ts';
import { median } from './rounds.ts';

/**
 * Milliseconds from when a native piece loops, in a lane in a thread of its own, until the watchdog has seen
 * it, and until its neighbours' frames flow in the lane that takes its place. By the clock: this is what
 * users feel.
 */
export const watchdogGroup: Group = {
  name: 'watchdog/',
  async run({ isQuick, only }, report) {
    const wanted = ['watchdog/seen', 'watchdog/traffic-again'].filter(
      (row) => only === undefined || row.includes(only),
    );
    if (wanted.length === 0) return;
    const seen: number[] = [];
    const again: number[] = [];
    for (let round = 0; round < (isQuick ? 3 : 15); round++) {
      const times = await stall();
      seen.push(times.seenMs);
      again.push(times.againMs);
    }
    report.add('watchdog/seen', median(seen), 'ms');
    report.add('watchdog/traffic-again', median(again), 'ms');
  },
};

async function stall(): Promise<{ seenMs: number; againMs: number }> {
  const log: { readonly at: number; readonly event: FunnelEvent }[] = [];
  let tell = (): void => {};
  const funnel = await openFunnel(
    {
      pieces: {
        beat: { piece: 'beat', edges: { out: 'a' } },
        sink: { piece: 'sink', edges: { in: 'a' } },
        drum: { piece: 'beat', edges: { out: 'b' } },
        // Long enough for the thread that stands by to be there.
        rogue: { piece: 'rogue', settings: { after: 700 }, edges: { in: 'b', out: 'c' } },
        drain: { piece: 'sink', edges: { in: 'c' } },
      },
    },
    {
      worker: true,
      pieceModules: [join(projectRoot, 'dist', 'test', 'fixtures', 'worker-pieces.js')],
      onEvent(event) {
        log.push({ at: performance.timeOrigin + performance.now(), event });
        tell();
      },
    },
  );
  const find = (piece: string, text: string, after = 0): number | undefined => {
    for (const { event } of log) {
      if (event.kind !== 'log' || event.piece !== piece || !event.message.startsWith(text)) continue;
      const instant = Number(event.message.slice(text.length));
      if (instant > after) return instant;
    }
    return undefined;
  };
  try {
    for (;;) {
      const began = find('rogue', 'misbehaves at ');
      const seen = log.find(({ event }) => event.kind === 'fault')?.at;
      const again = began === undefined ? undefined : find('sink', 'takes its first at ', began);
      if (began !== undefined && seen !== undefined && again !== undefined)
        return { seenMs: seen - began, againMs: again - began };
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
  } finally {
    await funnel.close();
  }
}
