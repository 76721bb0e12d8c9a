import { join } from 'node:path';
import { buildPiece } from '../../abi/build/build-piece.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { v8, type WebAssemblyEngine } from '../../host/engine/wasm/webassembly-engine.ts';
import { Frames } from '../../host/frame/frames.ts';
import { Inbox } from '../../host/piece/inbox.ts';
import { Outbox } from '../../host/piece/outbox.ts';
import { PieceFault } from '../../host/piece/piece-fault.ts';
import { environmentOf } from '../../host/puzzle/runtime/component-environment.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { projectRoot } from '../net/project-root.ts';
import { loadPiece, startEcho } from './echo-piece.ts';
import type { Group } from './group.ts';
import { OffsetHop, placePacket } from './offset-hop.ts';
import { ethernetPacket, ipv4Packet } from './packets.ts';
import { quietContext } from './quiet-context.ts';
import type { Report } from './report.ts';
import { median, takeTurns } from './rounds.ts';
import { threadNanoseconds } from './thread-clock.ts';

/**
 * After how many milliseconds an endless loop in `process` is ended, with one frame and with a full batch (a
 * call's fuel grows with its frames); and what counting fuel costs: the same component, by offset, with and
 * without it.
 */
export const fuelGroup: Group = {
  name: 'fuel/',
  async run({ isQuick }, report) {
    await measureEndlessLoop(report, isQuick ? 3 : 9);
    const protocols = new Protocols();
    const frames = new Frames();
    const packet = ethernetPacket(protocols, 64);
    const hops: OffsetHop[] = [];
    const unmetered = 'fuel/unmetered/64B/batch32';
    for (const [row, engine, against] of [
      [unmetered, unmeteredEngine(), undefined],
      ['fuel/metered/64B/batch32', v8, unmetered],
    ] as const) {
      const component = await loadPiece('echo', { engine });
      const piece = startEcho(component, { frames, protocols, reach: 'whole-frame', stack: 'ethernet' });
      hops.push(
        new OffsetHop({ row, ...(against === undefined ? {} : { against }) }, piece, frames, packet, 32),
      );
    }
    const { medians } = takeTurns(hops, isQuick ? { rounds: 5, roundMs: 20 } : { rounds: 41, roundMs: 60 });
    hops.forEach(({ row, against }, n) => {
      report.add(row, medians[n]!, 'ns/frame', against);
    });
  },
};

/** The admitted core modules without fuel. */
function unmeteredEngine(): WebAssemblyEngine {
  const originals: Uint8Array[] = [];
  return {
    ...v8,
    // The loader has each original validated, and then compiles what it made of them, in the same order.
    whyInvalid(bytes) {
      originals.push(bytes);
      return v8.whyInvalid(bytes);
    },
    compile: () => v8.compile(originals.shift()!),
  };
}

async function measureEndlessLoop(report: Report, times: number): Promise<void> {
  const component = await loadComponent(await buildPiece(join(projectRoot, 'test', 'bench', 'spin')));
  const description = component.describe([]);
  if (!('name' in description)) throw new Error('the piece spin takes no settings');
  const protocols = new Protocols();
  const packet = ipv4Packet(protocols, 64);
  for (const count of [1, 256]) {
    const milliseconds: number[] = [];
    for (let n = 0; n < times; n++) {
      const frames = new Frames({ smallRows: 512, largeRows: 1 });
      const piece = new ComponentPiece(
        component,
        description,
        [],
        environmentOf(quietContext('spin'), frames, protocols),
      );
      piece.start(0);
      piece.join({ edge: 0, described: 0, shape: 0, joint: 'net', properties: [] });
      const inbox = new Inbox();
      for (let frame = 0; frame < count; frame++) inbox.push(placePacket(frames, packet), 0, 0);
      const start = threadNanoseconds();
      const fault = faultOf(() => piece.process(0, inbox, count, new Outbox()));
      milliseconds.push((threadNanoseconds() - start) / 1e6);
      piece.close();
      if (fault?.code !== 'FT_FAULT_FUEL')
        throw new Error(
          `an endless loop ended otherwise than by its fuel: ${fault?.message ?? 'without a fault'}`,
        );
    }
    const row = count === 1 ? 'fuel/endless-loop-one-frame' : 'fuel/endless-loop';
    report.add(row, median(milliseconds), 'ms');
  }
}

function faultOf(call: () => unknown): PieceFault | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof PieceFault) return error;
    throw error;
  }
  return undefined;
}
