import { Frames } from '../../host/frame/frames.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import type { BenchOptions } from './bench-options.ts';
import { BindingsHop, bindEcho } from './bindings-hop.ts';
import { loadPiece, startEcho } from './echo-piece.ts';
import type { Group } from './group.ts';
import { OffsetHop } from './offset-hop.ts';
import { ethernetPacket } from './packets.ts';
import { PlainHop } from './plain-hop.ts';
import type { Report } from './report.ts';
import { type Contender, takeTurns } from './rounds.ts';

/**
 * Nanoseconds a frame and hop through the piece `echo`: from the inbox of a piece to its outbox, by offset,
 * with reach `whole-frame` (`by-offset`) and `headers`; beside plain JavaScript with a copy, and the same
 * component through jco's bindings. Frames have four parts.
 */
export const hopGroup: Group = {
  name: 'hop/',
  async run(options, report) {
    const component = await loadPiece('echo');
    const protocols = new Protocols();
    const frames = new Frames();
    const bound = await bindEcho(STACK);
    for (const length of LENGTHS) {
      const packet = ethernetPacket(protocols, length);
      for (const batch of BATCHES) {
        const suffix = `${length}B/batch${batch}`;
        const plain = `hop/plain-js/${suffix}`;
        const whole = startEcho(component, { frames, protocols, reach: 'whole-frame', stack: STACK });
        const headers = startEcho(component, { frames, protocols, reach: 'headers', stack: STACK });
        const hops = [
          new OffsetHop({ row: `hop/by-offset/${suffix}`, against: plain }, whole, frames, packet, batch),
          new OffsetHop({ row: `hop/headers/${suffix}`, against: plain }, headers, frames, packet, batch),
        ];
        measure(options, report, [
          new PlainHop(plain, packet, batch),
          ...hops,
          new BindingsHop({ row: `hop/bindings/${suffix}`, against: plain }, bound, packet, batch),
        ]);
        for (const hop of hops) hop.close();
        whole.close();
        headers.close();
      }
    }
  },
};

const LENGTHS = [64, 1500];
const BATCHES = [1, 32, 256];
/** Four parts, of which `ethernet` is what the Shape asks for. */
const STACK = 'ethernet';

/** Measures rows without a request if others are compared with them. */
function measure({ isQuick, only }: BenchOptions, report: Report, contenders: readonly Contender[]): void {
  const asked = contenders.filter(({ row }) => only === undefined || row.includes(only));
  const wanted = contenders.filter(
    (contender) => asked.includes(contender) || asked.some(({ against }) => against === contender.row),
  );
  const { medians } = takeTurns(wanted, isQuick ? { rounds: 5, roundMs: 20 } : { rounds: 21, roundMs: 60 });
  wanted.forEach(({ row, against }, n) => {
    report.add(row, medians[n]!, 'ns/frame', against);
  });
}
