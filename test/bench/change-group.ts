import { Lane } from '../../host/puzzle/lane.ts';
import { arrange } from '../../host/puzzle/plan/arrange.ts';
import type { Place } from '../../host/puzzle/plan/arrangement.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { chainMakers } from './echo-lane.ts';
import type { Group } from './group.ts';
import { ipv4Packet } from './packets.ts';
import { median } from './rounds.ts';
import { threadNanoseconds } from './thread-clock.ts';
import { TrafficPiece, trafficDescription } from './traffic-piece.ts';

/**
 * Milliseconds of the thread for which no frame moves while a puzzle of 16 `echo` in a chain is changed, from
 * one frame that came through to the next: with one piece replaced, and with all of them, each with its
 * state. `stall` is the longest of all such gaps, what is prepared in the thread of the lane included;
 * `commit` is what the commit alone takes. `0-of-16` is a change to the same. And milliseconds in which a
 * puzzle is planned.
 */
export const changeGroup: Group = {
  name: 'change/',
  async run({ isQuick, only }, report) {
    const isWanted = (row: string): boolean => only === undefined || row.includes(only);
    for (const replaced of [0, 1, PIECES]) {
      const [stall, commit] = [`change/stall/${replaced}-of-16`, `change/commit/${replaced}-of-16`];
      if (!isWanted(stall) && !isWanted(commit)) continue;
      const figures = await stallOf(replaced, isQuick ? 8 : 60);
      report.add(stall, figures.stall, 'ms');
      report.add(commit, figures.commit, 'ms');
    }
    const plan = 'change/plan/100';
    for (const [row, pieces] of [
      [plan, 100],
      ['change/plan/1000', 1000],
    ] as const) {
      if (isWanted(row))
        report.add(row, planning(pieces, isQuick ? 3 : 9), 'ms', row === plan ? undefined : plan);
    }
  },
};

const PIECES = 16;
/** The deferred clean-up of a change may keep frames too. */
const TURNS_AFTER = 8;

/** The medians of the longest wait of a frame in each change, and of its commit. */
async function stallOf(replaced: number, rounds: number): Promise<{ stall: number; commit: number }> {
  const protocols = new Protocols();
  let traffic: TrafficPiece | undefined;
  const makersOf = await chainMakers(
    { pieces: PIECES, reach: 'whole-frame', stack: 'ip/udp' },
    protocols,
    (context, frames) => {
      traffic = new TrafficPiece(context, frames, protocols.number('ipv4'));
      return traffic;
    },
  );
  const lane = new Lane({ protocols });
  await lane.start(makersOf(() => 0));
  traffic!.add(ipv4Packet(protocols, 64).bytes);
  const stalls: number[] = [];
  const commits: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    let isOver = false;
    let longest = 0;
    let last = milliseconds();
    const changing = lane.apply(makersOf((n) => (n < replaced ? round : 0))).then(() => {
      isOver = true;
    });
    for (let after = 0; !isOver || after < TURNS_AFTER; after += isOver ? 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
      traffic!.bring(1);
      const now = milliseconds();
      longest = Math.max(longest, now - last);
      last = now;
    }
    await changing;
    // The first are for the compiler.
    if (round <= 2) continue;
    stalls.push(longest);
    commits.push(lane.commitMs);
  }
  lane.close();
  return { stall: median(stalls), commit: median(commits) };
}

/** The time of the thread, as in other groups: other work of the machine does not count. */
function milliseconds(): number {
  return threadNanoseconds() / 1e6;
}

/** The median time of arranging this many pieces, half of them on each side of networks of their own. */
function planning(pieces: number, rounds: number): number {
  const protocols = new Protocols();
  const places = Array.from({ length: pieces }, (_, n): Place => {
    const network = `net${n}`;
    const next = `net${(n + 1) % pieces}`;
    return {
      name: `piece${n}`,
      description: trafficDescription,
      edges: new Map([
        ['out', [network]],
        ['in', [next]],
      ]),
    };
  });
  const networks = new Map(places.map((_, n) => [`net${n}`, { copies: false }]));
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = milliseconds();
    const { mistakes } = arrange(protocols, places, networks);
    times.push(milliseconds() - start);
    if (mistakes.length > 0) throw new Error(mistakes[0]!.message);
  }
  return median(times);
}
