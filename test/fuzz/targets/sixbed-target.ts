import { builtPiece, Driver, type Given } from '../../6bed4/driver.ts';
import { PeerScene, RouterScene, type Scene } from '../../6bed4/random-scenes.ts';
import { randomNumbers } from '../../compliance/random-traffic.ts';
import { runByOffset } from '../../compliance/run-by-offset.ts';
import type { BoundComponent } from '../../compliance/run-through-bindings.ts';
import { ByteTape, type FuzzRandom } from '../fuzz-random.ts';
import type { FuzzTarget, OpenTarget } from '../fuzz-target.ts';

/**
 * The state machines of 6bed4, driven by bytes: the tape selects the settings, the packets and their times,
 * and the damage. Some packets come from the tape, byte for byte. An outcome that breaks a rule of the
 * contract is a finding, as is a trap.
 */
export const sixbedTarget: FuzzTarget = {
  name: '6bed4',
  summary: 'the peer of 6bed4 as a state machine driven by bytes',
  unit: 'packets',
  maxBytes: 1200,
  open: async () =>
    new SixbedRun(await runByOffset(builtPiece('6bed4')), (below) => new PeerScene(below), [
      'ipv6',
      'carrier',
    ]),
};

export const sixbedRouterTarget: FuzzTarget = {
  name: '6bed4-router',
  summary: 'the router of 6bed4 as a state machine driven by bytes',
  unit: 'packets',
  maxBytes: 1200,
  open: async () =>
    new SixbedRun(await runByOffset(builtPiece('6bed4-router')), (below) => new RouterScene(below), [
      'native',
      'carrier',
    ]),
};

class SixbedRun implements OpenTarget {
  readonly seeds: readonly Uint8Array[];
  readonly #make: BoundComponent;
  readonly #sceneOf: (below: (limit: number) => number) => Scene;
  readonly #edges: readonly string[];

  constructor(
    make: BoundComponent,
    sceneOf: (below: (limit: number) => number) => Scene,
    edges: readonly string[],
  ) {
    this.#make = make;
    this.#sceneOf = sceneOf;
    this.#edges = edges;
    const random = randomNumbers(6);
    this.seeds = Array.from({ length: 40 }, () => Uint8Array.from({ length: 600 }, () => random(256)));
  }

  generate(random: FuzzRandom): Uint8Array {
    return Uint8Array.from({ length: 100 + random.below(1000) }, () => random.word());
  }

  execute(input: Uint8Array): number {
    const tape = new ByteTape(input);
    const { below } = tape;
    const scene = this.#sceneOf(below);
    const driver = new Driver(this.#make, scene.settings, BigInt(below(256))).start().join();
    let wakeAt = Infinity;
    let packets = 0;
    while (!tape.hasEnded) {
      const batch: Given[] = [];
      for (let n = below(4); n >= 0; n--)
        batch.push(below(8) === 0 ? this.#raw(below) : scene.next([...driver.offers]));
      packets += batch.length;
      ({ wakeAt } = driver.process(...batch));
      driver.now = scene.later(driver.now, wakeAt);
    }
    return packets;
  }

  /** A packet as it stands on the tape; on the carrier in a datagram, since that is what sockets bring. */
  #raw(below: (limit: number) => number): Given {
    const edge = this.#edges[below(2)]!;
    const bytes = Uint8Array.from({ length: below(4) === 0 ? 28 + below(200) : 28 + below(70) }, () =>
      below(256),
    );
    if (edge === 'carrier') bytes.set([0x45, 0, bytes.length >> 8, bytes.length & 255, 0, 0, 0, 0, 64, 17]);
    else if (below(4) > 0) bytes[0] = 0x60;
    return { edge, bytes };
  }
}
