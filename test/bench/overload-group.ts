import type { Lane } from '../../host/puzzle/lane.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { startChain } from './echo-lane.ts';
import type { Group } from './group.ts';
import { LoadPiece } from './load-piece.ts';
import { ipv4Packet } from './packets.ts';
import { median } from './rounds.ts';
import { threadNanoseconds } from './thread-clock.ts';
import { trafficDescription } from './traffic-piece.ts';

/**
 * Goodput, in frames that come out of a chain of eight `echo` in a second of the thread's time: when a source
 * offers what the chain can carry, and when it offers ten times as much, be it that it listens to `ready` or
 * that it does not. The time that the source spends on making frames is measured apart and left out: to offer
 * is none of the lane's work.
 */
export const overloadGroup: Group = {
  name: 'overload/',
  async run({ isQuick, only }, report) {
    const best = 'overload/goodput/load1';
    const cases = [
      { row: best, offered: BATCH, listens: true },
      { row: 'overload/goodput/load10/told', offered: BATCH * 10, listens: true },
      { row: 'overload/goodput/load10/deaf', offered: BATCH * 10, listens: false },
    ].filter(({ row }) => only === undefined || row === best || row.includes(only));
    const runs = [];
    for (const each of cases) runs.push({ ...each, ...(await startLoad()), figures: [] as number[] });
    for (let round = 0; round < (isQuick ? 4 : 24); round++) {
      for (let n = 0; n < runs.length; n++) {
        const run = runs[(n + round) % runs.length]!;
        run.load.listens = run.listens;
        const figure = goodput(run, isQuick ? 30 : 100);
        // The first rounds are for the compiler.
        if (round > 2) run.figures.push(figure);
      }
    }
    for (const { row, figures } of runs) {
      report.add(row, median(figures) / 1000, 'kframes/s', row === best ? undefined : best);
    }
    for (const { lane } of runs) lane.close();
  },
};

/**
 * The frames that each piece takes in a call. A source that offers as many each time offers as much as the
 * chain can carry.
 */
const BATCH = 256;
const PIECES = 8;

async function startLoad(): Promise<{ lane: Lane; load: LoadPiece }> {
  const protocols = new Protocols();
  const { bytes } = ipv4Packet(protocols, 64);
  let load: LoadPiece | undefined;
  const lane = await startChain(
    { pieces: PIECES, reach: 'whole-frame', stack: 'ip/udp' },
    protocols,
    (context, frames) => {
      load = new LoadPiece(trafficDescription, context, frames, protocols.number('ipv4'), bytes);
      return load;
    },
  );
  return { lane, load: load! };
}

function goodput(
  { lane, load, offered }: { lane: Lane; load: LoadPiece; offered: number },
  roundMs: number,
): number {
  load.offer(offered);
  const before = load.arrived;
  const sentBefore = load.sent;
  const start = threadNanoseconds();
  const until = performance.now() + roundMs;
  while (performance.now() < until) lane.run();
  const spent = threadNanoseconds() - start;
  const arrived = load.arrived - before;
  const sent = load.sent - sentBefore;
  load.offer(0);
  lane.run();
  return (arrived * 1e9) / (spent - sent * load.ownCost());
}
