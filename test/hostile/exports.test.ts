import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ExportName } from '../../abi/host/contract.ts';
import { BUMP_ALLOCATOR } from '../../host/engine/testing/wat-piece.ts';
import { openFunnel } from '../../host/policy/funnel.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { DEEDS, type Deed } from './deeds.ts';
import { HostileScene, hostileDescription } from './hostile-scene.ts';
import { hostilePiece, OWN_FRAME, OWN_PACKET, outcomeText, whenFramesCome } from './hostile-wat.ts';
import { LISTENED, PROVOCATIONS, type Provocation } from './provocations.ts';

// Each export of a piece, its post-return, and `cabi_realloc` during the call, does each deed. The piece ends
// with the named fault, and its failure policy holds. The frames of other pieces are right byte for byte
// before, in the same turn, and afterwards.

checkForLeaks();

let scene: HostileScene | undefined;
afterEach(() => {
  scene?.close();
  scene = undefined;
});

const WAYS = ['in it', 'in its post-return', 'in cabi_realloc for it'] as const;
type Way = (typeof WAYS)[number];

interface Export {
  /**
   * When to do the deed, of all calls of this export: instructions for a condition, with its parameters.
   */
  readonly when?: string;
  /** The instructions and the result of the other calls. */
  readonly body?: string;
  /** The sizes for which it requests room, and no earlier call does; nothing if it gets no arguments. */
  readonly room?: string;
  /** Frames that reach it in a later round: three from above and one from below. */
  readonly failing?: number;
  readonly process?: string;
  /** Faults before the deed. */
  readonly before?: readonly string[];
}

/** Passes frames of its own on, and keeps those that come; traps in the seventh second. */
const processOf = (frames: number) =>
  whenFramesCome(`
  (if (i32.and (f64.ge (local.get 0) (f64.const 7000)) (f64.lt (local.get 0) (f64.const 8000))) (then unreachable))
  ${outcomeText({ frames: Array(frames).fill(OWN_FRAME) })}`);
const PROCESS = processOf(1);
/** In a round it is called for frames from above, and for frames from below. */
const PASSED = [[...OWN_PACKET], [...OWN_PACKET]];
const isSize = (bytes: number) => `(i32.eq (local.get 3) (i32.const ${bytes}))`;
const SUCCESS = '(i32.const 1024)';
/** The length of the state that it saves. */
const STATE = 77;

/** The exports that are called while the piece runs. */
const RUNNING: Readonly<Record<keyof typeof PROVOCATIONS, Export>> = {
  process: {
    when: '(i32.ne (local.get 2) (i32.const 0))',
    body: PROCESS,
    room: '(i32.gt_u (local.get 3) (i32.const 100))',
  },
  join: { body: '' },
  leave: { body: '', failing: 3 },
  listening: {
    when: `(i32.eq (local.get 2) (i32.const ${LISTENED.length}))`,
    body: SUCCESS,
    room: isSize(LISTENED.length),
  },
  ready: { body: '', process: processOf(100) },
  save: { body: SUCCESS },
  restore: { body: SUCCESS, room: isSize(STATE), before: ['hostile FT_FAULT_TRAP'] },
};

/** A piece with one export that does the deed, in one of these ways. */
function pieceThat(name: ExportName, { instructions, fields = '' }: Deed, way: Way): Promise<Uint8Array> {
  const {
    when = '(i32.const 1)',
    body = SUCCESS,
    process = PROCESS,
    room = '(i32.const 0)',
  } = ALL[name] ?? {};
  const doing = `(if ${when} (then ${way === 'in it' ? instructions : '(global.set $done (i32.const 1))'}))`;
  const saved = `(i32.store (i32.const 2048) (i32.const 700)) (i32.store (i32.const 2052) (i32.const ${STATE})) (i32.const 2048)`;
  const bodies = {
    save: saved,
    ...(way === 'in cabi_realloc for it' ? {} : { [name]: `${doing} ${name === 'save' ? saved : body}` }),
    ...(way === 'in its post-return'
      ? { [`${name}_post`]: `(if (global.get $done) (then ${instructions}))` }
      : {}),
    ...(way === 'in cabi_realloc for it'
      ? {
          realloc: `(if ${room} (then ${instructions})) ${BUMP_ALLOCATOR}`,
        }
      : {}),
  };
  return hostilePiece(process, { fields: `(global $done (mut i32) (i32.const 0)) ${fields}`, bodies });
}

const START = '(i32.store16 (i32.const 512) (i32.load16_u (local.get 3))) (i32.const 1024)';
/** The exports that are called before a piece runs: a change that brings it is refused. */
const CHANGING: Readonly<Record<'start' | 'accepts', Export>> = {
  start: { body: START, room: isSize(2) },
  accepts: { room: isSize('upper'.length) },
};
const ALL: Partial<Record<ExportName, Export>> = { ...RUNNING, ...CHANGING };

for (const name of ['process', 'join', 'leave', 'listening', 'ready', 'save', 'restore'] as const) {
  const { before = [], room, failing = 4 } = RUNNING[name];
  const { options = {}, provoke }: Provocation = PROVOCATIONS[name];
  for (const way of WAYS) {
    if (way === 'in cabi_realloc for it' && room === undefined) continue;
    for (const [deed, what] of Object.entries(DEEDS)) {
      it(`${name}: what ${deed} ${way} is out, and no other piece notices`, async () => {
        const bytes = await pieceThat(name, what, way);
        scene = await HostileScene.with(bytes, options);
        await provoke(scene, bytes, options);
        expect(scene.faults()).toEqual([...before, `hostile ${what.code}`]);
        expect(scene.piece('hostile')).toMatchObject({ state: 'failed', held: 0, waiting: 0 });
        expect(scene.piece('hostile').fault).toContain(what.code);
        const failed = () =>
          scene!.piece('hostile').reasons.find((reason) => reason.name === 'failed')?.frames ?? 0;
        const ended = failed();
        scene.round();
        expect(scene.passed).toEqual([]);
        expect(failed() - ended).toBe(failing);
        if (options.failure !== 'restart') {
          scene.wait(1e6);
          scene.round();
          expect(scene.faults()).toHaveLength(before.length + 1);
          return;
        }
        // Two seconds later it begins without the state, because restoring failed.
        scene.wait(1999);
        expect(scene.piece('hostile').state).toBe('failed');
        scene.wait(1);
        expect(scene.events.at(-1)).toEqual({ kind: 'restarted', piece: 'hostile', restored: false });
        scene.round();
        expect(scene.passed).toEqual(PASSED);
      });
    }
  }
}

for (const name of ['start', 'accepts'] as const) {
  const { room } = CHANGING[name];
  for (const way of WAYS) {
    if (way === 'in cabi_realloc for it' && room === undefined) continue;
    for (const [deed, what] of Object.entries(DEEDS)) {
      it(`${name}: what ${deed} ${way} does not come in, and what runs has not noticed`, async () => {
        const bad = await pieceThat(name, what, way);
        const { error } = (await HostileScene.start(bad)) as { error: unknown };
        expect(error).toMatchObject({ mistakes: [{ code: what.code, piece: 'hostile' }] });
        scene = await HostileScene.with(await hostilePiece(PROCESS));
        scene.round();
        const before = JSON.stringify(scene.lane.snapshot().pieces);
        await expect(scene.change(bad, { identity: 'another' })).rejects.toMatchObject({
          mistakes: [{ code: what.code, piece: 'hostile' }],
        });
        expect(JSON.stringify(scene.lane.snapshot().pieces)).toBe(before);
        scene.round();
        expect(scene.passed).toEqual(PASSED);
        expect(scene.faults()).toEqual([]);
      });
    }
  }
}

describe('a piece that is described by its file', () => {
  for (const way of WAYS) {
    for (const [deed, { code, instructions, fields = '' }] of Object.entries(DEEDS)) {
      it(`and ${deed} in describe, ${way}, is refused with its configuration`, async () => {
        const bodies = {
          'in it': { describe: instructions },
          'in its post-return': { describe_post: instructions },
          // The host brings one setting.
          'in cabi_realloc for it': { realloc: instructions },
        }[way];
        const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
        try {
          writeFileSync(join(folder, 'it.wasm'), await hostilePiece(PROCESS, { fields, bodies }));
          const configuration = { pieces: { it: { piece: './it.wasm', settings: { a: 'b' } } } };
          await expect(openFunnel(configuration, { directory: folder })).rejects.toMatchObject({
            code: 'FT_CONFIG',
            mistakes: [{ code, message: expect.stringContaining('it.wasm') }],
          });
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  }
});

describe('a piece that comes back', () => {
  // It traps in process, and then again in this call, when its clock shows that it is not the first time.
  const isLater = '(f64.gt (f64.load (i32.const 600)) (f64.const 1500))';
  const start = `(f64.store (i32.const 600) (local.get 0)) ${START}`;
  it.each([
    [
      'start',
      { start: `(f64.store (i32.const 600) (local.get 0)) (if ${isLater} (then unreachable)) ${START}` },
    ],
    ['accepts', { start, accepts: `(if ${isLater} (then unreachable)) ${SUCCESS}` }],
    ['join', { start, join: `(if ${isLater} (then unreachable))` }],
  ] as const)('and traps in %s then waits longer', async (_name, bodies) => {
    scene = await HostileScene.with(await hostilePiece(whenFramesCome('unreachable'), { bodies }), {
      failure: 'restart',
    });
    scene.round();
    expect(scene.faults()).toHaveLength(1);
    for (const [n, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      scene.wait(seconds * 1000 - 1);
      scene.round();
      expect(scene.faults()).toHaveLength(n + 1);
      scene.wait(1);
      expect(scene.faults()).toHaveLength(n + 2);
      scene.round();
    }
    expect(new Set(scene.faults())).toEqual(new Set(['hostile FT_FAULT_TRAP']));
    expect(scene.events.filter(({ kind }) => kind === 'restarted')).toEqual([]);
  });

  it('and is calm for a minute waits a second again', async () => {
    // It traps with frames from above that carry a mark; all others it ends.
    scene = await HostileScene.with(await hostilePiece(whenFramesCome('unreachable')), {
      failure: 'restart',
    });
    const faultAndWait = (ms: number) => {
      const before = scene!.faults().length;
      scene!.round();
      expect(scene!.faults()).toHaveLength(before + 1);
      scene!.wait(ms - 1);
      expect(scene!.piece('hostile').state).toBe('failed');
      scene!.wait(1);
      expect(scene!.piece('hostile').state).toBe('running');
    };
    faultAndWait(1000);
    faultAndWait(2000);
    scene.wait(60_000);
    faultAndWait(4000);
    scene.wait(60_001);
    faultAndWait(1000);
  });
});

describe('a piece that is replaced', () => {
  it.each(Object.entries(DEEDS))(
    'and %s when it is asked for its state stays till it is gone',
    async (_, deed) => {
      scene = await HostileScene.with(await pieceThat('save', deed, 'in it'));
      scene.round();
      await expect(scene.change(await hostilePiece(PROCESS), { identity: 'newer' })).rejects.toMatchObject({
        mistakes: [{ code: 'FT_SAVE_FAILED', piece: 'hostile' }],
      });
      expect(scene.faults()).toEqual([`hostile ${deed.code}`]);
      scene.round();
      // Without a state to hand over, the change is committed.
      await scene.change(await hostilePiece(PROCESS), { identity: 'newer' });
      scene.round();
      expect(scene.passed).toEqual(PASSED);
    },
  );

  it.each(Object.entries(DEEDS))('by one that %s when it is given the state goes on', async (_, deed) => {
    scene = await HostileScene.with(await pieceThat('restore', DEEDS.traps!, 'in its post-return'));
    scene.round();
    await expect(
      scene.change(await pieceThat('restore', deed, 'in it'), { identity: 'newer' }),
    ).rejects.toMatchObject({ mistakes: [{ code: deed.code, piece: 'hostile' }] });
    expect(scene.faults()).toEqual([]);
    scene.round();
    expect(scene.passed).toEqual(PASSED);
  });
});

describe('a piece with the policy `bypass`', () => {
  const curve = { fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 0, opaque: false, keeps: [], overhead: 0 };
  const description = { ...hostileDescription(), curves: [curve] };

  it.each(Object.entries(DEEDS))('that %s is gone around, byte for byte', async (_, deed) => {
    scene = await HostileScene.with(await pieceThat('process', deed, 'in it'), {
      failure: 'bypass',
      description,
    });
    scene.round();
    expect(scene.faults()).toEqual([`hostile ${deed.code}`]);
    for (let n = 0; n < 3; n++) expect(scene.round()).toEqual(scene.passed);
    expect(scene.piece('hostile')).toMatchObject({ state: 'failed', faults: 1 });
    expect(scene.piece('hostile').bypassed).toBeGreaterThanOrEqual(12);
  });

  it('is refused where frames cannot go around it', async () => {
    const { error } = (await HostileScene.start(await hostilePiece(PROCESS), { failure: 'bypass' })) as {
      error: unknown;
    };
    expect(error).toMatchObject({
      mistakes: ['a', 'b'].map((edge) => ({ code: 'FT_BYPASS_IMPOSSIBLE', piece: 'hostile', edge })),
    });
  });
});
