import { type EchoLane, startEchoLane } from './echo-lane.ts';
import type { Group } from './group.ts';
import { type Contender, takeTurns } from './rounds.ts';

/**
 * Nanoseconds a frame and hop in a lane, all that it does included: the walk of the plan at each Joint (with
 * the parsing, at the first), who takes the frame, queues and counters, the crossing into the piece `echo`
 * and out of it. Frames have three parts, and go through eight pieces; their being brought and taken at both
 * ends counts as none.
 */
export const laneGroup: Group = {
  name: 'lane/',
  async run({ isQuick, only }, report) {
    const contenders: LaneHop[] = [];
    for (const reach of ['whole-frame', 'headers'] as const) {
      for (const bytes of [64, 1500]) {
        const row = `lane/${reach}/${bytes}B/batch${BATCH}`;
        if (only !== undefined && !row.includes(only)) continue;
        const options = { pieces: PIECES, frames: BATCH, bytes, reach, stack: 'ip/udp' };
        contenders.push(new LaneHop(row, await startEchoLane(options)));
      }
    }
    const { medians } = takeTurns(
      contenders,
      isQuick ? { rounds: 5, roundMs: 20 } : { rounds: 21, roundMs: 60 },
    );
    contenders.forEach(({ row }, n) => {
      report.add(row, medians[n]!, 'ns/frame');
    });
    for (const contender of contenders) contender.close();
  },
};

const BATCH = 32;
const PIECES = 8;

class LaneHop implements Contender {
  readonly row: string;
  readonly #lane: EchoLane;

  constructor(row: string, lane: EchoLane) {
    this.row = row;
    this.#lane = lane;
  }

  /** Here a frame is a frame's passing one piece. */
  run(frames: number): number {
    const { traffic } = this.#lane;
    const before = traffic.arrived;
    while ((traffic.arrived - before) * PIECES < frames) traffic.bring(BATCH);
    return (traffic.arrived - before) * PIECES;
  }

  close(): void {
    this.#lane.lane.close();
  }
}
