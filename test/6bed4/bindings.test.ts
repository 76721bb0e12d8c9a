import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../abi/host/contract.ts';
import { randomNumbers } from '../compliance/random-traffic.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import { type BoundComponent, runThroughBindings } from '../compliance/run-through-bindings.ts';
import { builtPiece, Driver, type Given, type Sent, type Settings } from './driver.ts';
import { fromHex } from './packet-text.ts';
import { PeerScene, RouterScene, type Scene } from './random-scenes.ts';

// The same component, by offset in this host's engine and through jco's ordinary bindings: random batches at
// random times lead to the same, until every way on and every reason has come up a hundred times.

const ENOUGH = 100;
/** Calls of one instance; then come others with other settings. */
const CALLS = 150;
const MOST_INSTANCES = 200;

const pieces: {
  name: string;
  ways: readonly string[];
  scene: (random: (below: number) => number) => Scene;
}[] = [
  {
    name: '6bed4',
    ways: [
      'host to router',
      'host to peer',
      'host to peer on the LAN',
      'carrier to host',
      'error to host',
      'error to carrier',
      'router advertisement to host',
      'neighbour advertisement to host',
      'neighbour advertisement to carrier',
      'neighbour solicitation to carrier',
      'neighbour solicitation to the LAN group',
      'router solicitation to carrier',
      'keepalive to carrier',
    ],
    scene: (random) => new PeerScene(random),
  },
  {
    name: '6bed4-router',
    ways: [
      'carrier to carrier',
      'carrier to native',
      'native to carrier',
      'error to carrier',
      'error to native',
      'router advertisement to carrier',
      'neighbour advertisement to carrier',
    ],
    scene: (random) => new RouterScene(random),
  },
];

describe.each(pieces)('$name', ({ name, ways, scene: sceneOf }) => {
  let byOffset: BoundComponent;
  let byBindings: BoundComponent;
  beforeAll(async () => {
    const component = builtPiece(name);
    [byOffset, byBindings] = await Promise.all([runByOffset(component), runThroughBindings(component)]);
  });

  it('does the same by offset as through bindings', () => {
    const random = randomNumbers(20_260);
    const seen = new Map<string, number>();
    const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
    const wanted = new Set(ways);
    let instances = 0;
    const isDone = (): boolean => [...wanted].every((what) => (seen.get(what) ?? 0) >= ENOUGH);
    while (!isDone() && instances++ < MOST_INSTANCES) {
      const scene = sceneOf(random);
      const mine = joined(byOffset, scene.settings);
      const theirs = joined(byBindings, scene.settings);
      for (const reason of mine.description.reasons) wanted.add(reason.name);
      for (let call = 0; call < CALLS; call++) {
        const where = `instance ${instances}, call ${call}`;
        const given = Array.from({ length: random(12) }, () => scene.next([...mine.offers]));
        const { frames, parts, arena } = mine.batch(given);
        const outcome = mine.piece.process(mine.now, frames, parts, arena);
        expect(comparable(theirs.piece.process(mine.now, frames, parts, arena)), where).toBe(
          comparable(outcome),
        );
        expect([...theirs.offers], where).toEqual([...mine.offers]);
        const result = mine.resultOf(outcome);
        expect(result.ended.length + result.sent.filter((sent) => sent.continues).length).toBe(given.length);
        for (const reason of result.ended) count(reason);
        for (const [n, sent] of result.sent.entries()) {
          const ticket = outcome.frames[n]!.ticket;
          count(wayOf(sent, given[frames.findIndex((frame) => frame.ticket === ticket)]));
        }
        mine.now = scene.later(mine.now, outcome.wakeAt);
      }
      expect(theirs.logged).toEqual(mine.logged);
      expect(theirs.piece.save(mine.now)).toEqual(mine.piece.save(mine.now));
    }
    const lacking = [...wanted].filter((what) => (seen.get(what) ?? 0) < ENOUGH);
    expect(lacking.map((what) => [what, seen.get(what) ?? 0])).toEqual([]);
    expect([...seen.keys()].filter((what) => !wanted.has(what))).toEqual([]);
  }, 300_000);
});

function joined(make: BoundComponent, settings: Settings): Driver {
  const driver = new Driver(make, settings, 77n);
  driver.start().join();
  return driver;
}

/** All of an outcome, as text. */
function comparable({ frames, parts, arena, ends, paused, wakeAt }: Outcome): string {
  const bytes = Buffer.from(arena.buffer, arena.byteOffset, arena.length).toString('base64');
  return JSON.stringify([frames, parts, ends, paused, String(wakeAt), bytes]);
}

/** Which way a frame of the piece went; `given` is what it continues. */
function wayOf(sent: Sent, given: Given | undefined): string {
  if (given !== undefined) {
    if (given.edge === 'ipv6') {
      if (sent.to === '192.0.2.1:25790') return 'host to router';
      return sent.to!.startsWith('192.168.') ? 'host to peer on the LAN' : 'host to peer';
    }
    return `${given.edge} to ${sent.edge === 'ipv6' ? 'host' : sent.edge}`;
  }
  const to = sent.edge === 'ipv6' ? 'host' : sent.edge;
  if (sent.packet === '') return `keepalive to ${to}`;
  const names: Record<number, string> = {
    133: 'router solicitation',
    134: 'router advertisement',
    135: 'neighbour solicitation',
    136: 'neighbour advertisement',
  };
  const type = fromHex(sent.packet)[40]!;
  if (sent.to === '224.0.0.1:25790') return `${names[type]} to the LAN group`;
  return `${names[type] ?? 'error'} to ${to}`;
}
