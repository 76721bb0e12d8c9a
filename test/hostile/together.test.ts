import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { HostileScene } from './hostile-scene.ts';
import { hostilePiece, OWN_FRAME, OWN_PACKET, outcomeText, whenFramesCome } from './hostile-wat.ts';

// Several hostile pieces at once, each within its own bounds; and clocks that do not behave.

checkForLeaks();

let scene: HostileScene | undefined;
afterEach(() => {
  vi.restoreAllMocks();
  scene?.close();
  scene = undefined;
});

const NOTHING = outcomeText({});
const REALLOC = { realloc: '(i32.const 8192)' };
const FIELDS = `(data (i32.const 700) "ipv6/udp/{local:10000,local:20000}") (data (i32.const 524288) "${'x'.repeat(1000)}")
  (global $n (mut i32) (i32.const 0))`;
/** The last digits of the ports, and of a text, are other ones each time. */
const digits = (...at: number[]) =>
  at
    .map(
      (place, n) =>
        `(i32.store8 (i32.const ${place}) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (global.get $n) (i32.const ${10 ** n})) (i32.const 10))))`,
    )
    .join(' ');
const often = (times: number, instructions: string) =>
  whenFramesCome(`(global.set $n (i32.mul (i32.div_u (global.get $n) (i32.const ${times})) (i32.const ${times})))
    (loop $again (global.set $n (i32.add (global.get $n) (i32.const 1))) ${instructions}
      (br_if $again (i32.rem_u (global.get $n) (i32.const ${times})))) ${NOTHING}`);

const FLOODS = {
  listen: often(
    14,
    `${digits(719, 718, 717)} ${digits(731, 730, 729)}
      (call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 34) (i32.const 2048))`,
  ),
  unlisten: often(
    8,
    `(call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 34) (i32.const 2048))
     (if (i32.eqz (i32.load8_u (i32.const 2048))) (then (call $unlisten (i32.const 1) (i32.load16_u (i32.const 2052)))))`,
  ),
  offer: often(
    50,
    `${digits(524288, 524289, 524290)}
      (call $offer (i32.const 1) (i32.const 700) (i32.const 4) (i32.const 3) (i64.const 524288) (i32.const 1000) (i32.const 1))`,
  ),
  log: often(100, '(call $log (i32.const 3) (i32.const 524288) (i32.const 1000))'),
  status: often(
    100,
    `${digits(524288, 524289, 524290)} (call $status (i32.const 0) (i32.const 524288) (i32.const 200) (i32.const 0) (i32.const 0))`,
  ),
} as const;

type Flood = keyof typeof FLOODS;
const IMPORTS: Record<Flood, readonly ('listen' | 'unlisten' | 'offer' | 'log' | 'status')[]> = {
  listen: ['listen'],
  unlisten: ['listen', 'unlisten'],
  offer: ['offer'],
  log: ['log'],
  status: ['status'],
};
const flood = (name: Flood) =>
  hostilePiece(FLOODS[name], { imports: IMPORTS[name], fields: FIELDS, bodies: REALLOC });

describe('pieces that flood the host', () => {
  it('two with each kind of call, all at once: each stays within its bounds, and no other piece notices', async () => {
    const accomplices: Record<string, { bytes: Uint8Array }> = {};
    for (const name of Object.keys(FLOODS) as Flood[])
      for (const which of [1, 2]) accomplices[`${name}${which}`] = { bytes: await flood(name) };
    scene = await HostileScene.with(await hostilePiece(NOTHING), { accomplices });
    const { ends, events, logs } = scene;
    for (let n = 0; n < 75; n++) {
      for (const name of Object.keys(accomplices)) ends[`above ${name}`]!.bring(0, [...OWN_PACKET]);
      if (n % 15 === 0) scene.round();
    }
    expect(scene.faults()).toEqual([]);
    const count = (name: string) => ({
      logs: logs.filter(({ piece }) => piece === name).length,
      statuses: events.filter((event) => event.kind === 'status' && event.piece === name).length,
      open: openAt(ends[`below ${name}`]!.listened),
      offers: ends[`below ${name}`]!.joinings.at(-1)!.properties.length,
    });
    for (const which of [1, 2]) {
      // In this scene no time goes by, so none of the rates lets more through.
      expect(count(`log${which}`).logs).toBeLessThanOrEqual(70);
      expect(count(`log${which}`).logs).toBeGreaterThan(10);
      expect(count(`status${which}`).statuses).toBe(1);
      expect(count(`listen${which}`).open).toBeGreaterThan(900);
      expect(count(`listen${which}`).open).toBeLessThanOrEqual(1024);
      expect(count(`unlisten${which}`).open).toBe(0);
      expect(count(`offer${which}`).offers).toBe(64);
    }
    // Later each may speak again.
    scene.wait(60_000);
    for (const name of Object.keys(accomplices)) ends[`above ${name}`]!.bring(0, [...OWN_PACKET]);
    scene.wait(300);
    for (const which of [1, 2]) expect(count(`status${which}`).statuses).toBeGreaterThan(1);
    scene.round();
  }, 120_000);
});

/** The Shapes of ports that are open. */
function openAt(listened: readonly (readonly [number, string, boolean])[]): number {
  const open = new Set<string>();
  for (const [, stack, isPresent] of listened) {
    if (!stack.includes('local')) continue;
    if (isPresent) open.add(stack);
    else open.delete(stack);
  }
  return open.size;
}

describe('clocks', () => {
  const utc = hostilePiece(
    whenFramesCome(`(call $utc (i32.const 2048)) (call $random) (drop)
      (if (i32.ge_u (i32.load (i32.const 2056)) (i32.const 1000000000)) (then unreachable))
      ${outcomeText({ frames: [OWN_FRAME] })}`),
    { imports: ['utc', 'random'] },
  );

  it.each([
    ['jumps back and forth', (n: number) => (n % 2 === 0 ? 0 : 4e12) + n],
    ['is before 1970', (n: number) => -1e12 - n],
    ['stands still', () => 1e12],
  ])('the clock of the wall %s, and that of the lane goes on: no piece notices', async (_what, at) => {
    let n = 0;
    scene = await HostileScene.with(await utc);
    vi.spyOn(Date, 'now').mockImplementation(() => at(n++));
    for (let round = 0; round < 20; round++) {
      scene.round();
      scene.wait(10);
    }
    expect(scene.faults()).toEqual([]);
    expect(scene.passed.length).toBeGreaterThan(0);
  });

  it('the machine sleeps for a year, again and again, and a restart is due once each time', async () => {
    scene = await HostileScene.with(await hostilePiece(whenFramesCome('unreachable')), {
      failure: 'restart',
    });
    for (let sleep = 1; sleep <= 3; sleep++) {
      scene.round();
      expect(scene.faults()).toHaveLength(sleep);
      scene.wait(365 * 86_400_000);
      expect(scene.piece('hostile')).toMatchObject({ state: 'running', restarts: sleep });
    }
  });

  it('wake-ups in the smallest steps: a call when the clock has gone on, and no more', async () => {
    // It traps where it is called more than twice in a millisecond.
    const process = `(global.set $n (i32.add (global.get $n) (i32.const 1)))
      (if (i32.gt_u (global.get $n) (i32.const 250)) (then unreachable))
      ${outcomeText({ wakeAt: '(f64.reinterpret_i64 (i64.add (i64.reinterpret_f64 (local.get 0)) (i64.const 1)))' })}`;
    scene = await HostileScene.with(
      await hostilePiece(process, { fields: '(global $n (mut i32) (i32.const 0))' }),
    );
    for (let step = 0; step < 100; step++) {
      scene.wait(1);
      await new Promise((resolve) => setImmediate(resolve));
      scene.ends.left!.bring(0, [...OWN_PACKET]);
    }
    expect(scene.faults()).toEqual([]);
    scene.round();
  });
});
