import { describe, expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { ipv4, ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

// Pieces that work together: each call of each takes as long as fuel allows. The clock of the lane goes on in
// these calls only, so what is measured is which calls the host makes before others have their turn.

const protocols = new Protocols();
const SLOW_MS = 40;
const HOSTILE = 40;

let now = 0;
let calls: string[] = [];

/** Each of its calls takes as long as fuel allows. */
class SlowPiece extends ScriptedPiece {
  #slow(call: string): void {
    now += SLOW_MS;
    calls.push(call);
  }
  override start() {
    this.#slow('start');
    return super.start();
  }
  override accepts() {
    this.#slow('accepts');
    return super.accepts();
  }
  override join(...joining: Parameters<ScriptedPiece['join']>) {
    this.#slow('join');
    super.join(...joining);
  }
  override listening(...listened: Parameters<ScriptedPiece['listening']>) {
    this.#slow('listening');
    return super.listening(...listened);
  }
  override ready(...ready: Parameters<ScriptedPiece['ready']>) {
    this.#slow('ready');
    super.ready(...ready);
  }
  override save() {
    this.#slow('save');
    return super.save();
  }
  override process(...args: Parameters<ScriptedPiece['process']>) {
    this.#slow('process');
    return super.process(...args);
  }
}

async function scene(): Promise<{ lane: Lane; instances: Map<string, ScriptedPiece> }> {
  now = 1000;
  const instances = new Map<string, ScriptedPiece>();
  const lane = new Lane({ protocols, now: () => now });
  const maker = (name: string, shape: string, network: string): PieceMaker => {
    const place = samplePlace(name, { net: [shape] }, { net: [network] });
    const isHonest = name.startsWith('honest');
    return {
      place,
      kind: 'component',
      failure: 'restart',
      identity: name,
      ...(isHonest ? {} : { saveEveryMs: 1e6 }),
      make: (context, frames) => {
        const Kind = isHonest ? ScriptedPiece : SlowPiece;
        const piece = new Kind(place.description, context, frames, protocols);
        instances.set(name, piece);
        return piece;
      },
    };
  };
  await lane.start(
    [
      ...Array.from({ length: HOSTILE }, (_, n) => maker(`evil${n}`, 'ip up', 'a')),
      maker('evil', 'ip/udp/* down', 'a'),
      maker('honest', 'ip down', 'b'),
      maker('honest2', 'ip up', 'b'),
    ],
    new Map([['a', { copies: true }]]),
  );
  await settle(lane);
  calls = [];
  return { lane, instances };
}

/** Runs turns until nothing is due, and returns the most calls of one of them. */
async function settle(lane: Lane): Promise<number> {
  let most = 0;
  for (let quiet = 0; quiet < 3; ) {
    calls = [];
    lane.run();
    most = Math.max(most, calls.length);
    quiet = calls.length === 0 ? quiet + 1 : 0;
    calls = [];
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, calls.length);
  }
  return most;
}

describe('pieces that together use as much time as they can', () => {
  it.each([
    [
      'frames',
      (instances: Map<string, ScriptedPiece>, _lane: Lane) => {
        for (let n = 0; n < HOSTILE; n++) instances.get(`evil${n}`)!.context.wake();
      },
    ],
    [
      'offers, each of which notifies all others',
      (instances: Map<string, ScriptedPiece>) => {
        for (let n = 0; n < HOSTILE; n++)
          instances.get(`evil${n}`)!.context.offer(0, { name: `o${n}`, value: { tag: 'yes' } }, true);
        instances.get('evil')!.context.wake();
      },
    ],
    [
      'saves that are due at once',
      (instances: Map<string, ScriptedPiece>, lane: Lane) => {
        for (let n = 0; n < HOSTILE; n++) instances.get(`evil${n}`)!.context.wake();
        for (let turn = 0; turn < HOSTILE; turn++) lane.run();
        now += 2e6;
        calls = [];
      },
    ],
  ])('leave their turn to others after a few calls: %s', async (_what, provoke) => {
    const { lane, instances } = await scene();
    provoke(instances, lane);
    // The first turn may have eight calls, before the lane knows that they are slow. Others have few.
    lane.run();
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.length).toBeLessThanOrEqual(12);
    calls = [];
    instances.get('honest')!.bring(0, ipv4());
    expect(calls.length).toBeLessThanOrEqual(4);
    expect(await settle(lane)).toBeLessThanOrEqual(4);
    expect(instances.get('honest2')!.taken).toHaveLength(1);
    lane.close();
  });

  it('all have their notifications in the end, and the honest ones among them in a few turns', async () => {
    const { lane, instances } = await scene();
    for (let n = 0; n < HOSTILE; n++)
      instances.get(`evil${n}`)!.context.offer(0, { name: `o${n}`, value: { tag: 'yes' } }, true);
    instances.get('evil')!.context.wake();
    await settle(lane);
    for (let n = 0; n < HOSTILE; n++)
      expect(instances.get(`evil${n}`)!.joinings.at(-1)!.properties).toHaveLength(HOSTILE - 1);
    expect(instances.get('evil')!.joinings.at(-1)!.properties).toHaveLength(HOSTILE);
    lane.close();
  });
});
