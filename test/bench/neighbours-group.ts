import { join } from 'node:path';
import { buildPiece } from '../../abi/build/build-piece.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { samplePiece } from '../../host/policy/testing/sample-pieces.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf } from '../../host/puzzle/runtime/component-environment.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { projectRoot } from '../net/project-root.ts';
import { describeSoak, isFlat, soak, soakedPieces } from '../soak/soak.ts';
import { chainMakers } from './echo-lane.ts';
import type { Group } from './group.ts';
import { ipv4Packet } from './packets.ts';
import { TrafficPiece } from './traffic-piece.ts';

/**
 * The effects on neighbours: frames that a chain of four `echo` loses while a piece beside it, in the same
 * lane, is ended by its fuel once a second and comes again; and bytes of heap that a million frames through
 * each built piece leave behind.
 */
export const neighboursGroup: Group = {
  name: 'neighbours/',
  async run({ isQuick, only }, report) {
    const isWanted = (row: string): boolean => only === undefined || row.includes(only);
    if (isWanted('neighbours/lost')) {
      const { lost, passed, faults } = await whileOneFaults(isQuick ? 2 : 10);
      if (faults === 0 || passed === 0)
        throw new Error(`${faults} faults beside ${passed} frames: nothing was measured`);
      report.add('neighbours/lost', lost, 'frames');
    }
    if (isWanted('neighbours/soak-growth')) {
      let growth = 0;
      for (const name of soakedPieces()) {
        const soaked = await soak(name, isQuick ? 50_000 : 1_000_000);
        if (!isFlat(soaked)) throw new Error(describeSoak(soaked));
        growth = Math.max(growth, (soaked.end.heap - soaked.early.heap) / soaked.brought);
      }
      report.add('neighbours/soak-growth', growth, 'bytes/frame');
    }
  },
};

async function whileOneFaults(seconds: number) {
  const protocols = new Protocols();
  let traffic: TrafficPiece | undefined;
  let faults = 0;
  const makersOf = await chainMakers(
    { pieces: 4, reach: 'whole-frame', stack: 'ip/udp' },
    protocols,
    (context, frames) => {
      traffic = new TrafficPiece(context, frames, protocols.number('ipv4'));
      return traffic;
    },
  );
  const component = await loadComponent(await buildPiece(join(projectRoot, 'test', 'bench', 'spin')));
  const description = component.describe([]);
  if (!('name' in description)) throw new Error('the piece spin takes no settings');
  const well = samplePiece('well', { edges: { out: ['ip down'] } });
  const wellDescription = well.describe([]);
  if (!('name' in wellDescription)) throw new Error('the well takes no settings');
  const others = (version: number): PieceMaker[] => [
    {
      place: { name: 'spin', description, edges: new Map([['net', ['hole']]]) },
      kind: 'component',
      failure: 'closed',
      identity: String(version),
      make: (context, frames) =>
        new ComponentPiece(component, description, [], environmentOf(context, frames, protocols)),
    },
    {
      place: { name: 'well', description: wellDescription, edges: new Map([['out', ['hole']]]) },
      kind: 'native',
      failure: 'closed',
      identity: 'well',
      make: (context, frames) => well.make(context, frames, protocols, []),
    },
  ];
  const lane = new Lane({
    protocols,
    onEvent: ({ kind }) => {
      if (kind === 'fault') faults++;
    },
  });
  await lane.start([...makersOf(() => 0), ...others(0)]);
  const { bytes } = ipv4Packet(protocols, 64);
  for (let n = 0; n < FRAMES; n++) traffic!.add(bytes);
  for (let second = 1; second <= seconds; second++) {
    // A new instance is called once when it is joined, and that call does not end.
    let isOver = false;
    const change = lane.apply([...makersOf(() => 0), ...others(second)]).finally(() => {
      isOver = true;
    });
    for (const until = performance.now() + 1000; performance.now() < until || !isOver; ) {
      traffic!.bringAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await change;
  }
  // Frames that are on their way come round.
  for (let turns = 0; turns < 1000 && traffic!.waiting < FRAMES; turns++)
    await new Promise((resolve) => setImmediate(resolve));
  const lost = FRAMES - traffic!.waiting;
  const passed = traffic!.arrived;
  lane.close();
  return { lost, passed, faults };
}

/** Frames that go round. */
const FRAMES = 32;
