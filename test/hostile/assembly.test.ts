import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { QuietHost } from '../../host/engine/testing/quiet-host.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { describe as describeComponent, HostileScene } from './hostile-scene.ts';

// A piece as an author would write it, with the SDK, which does what the setting `deed` says.

checkForLeaks();

const EVERYTHING = new Set(['log', 'random', 'utc', 'listen', 'offer'] as const);
let bytes: Uint8Array;
let scene: HostileScene | undefined;

beforeAll(async () => {
  bytes = await builtPiece(join(packageRoot(), 'test', 'hostile', 'pieces', 'hostile'));
}, 300_000);
afterEach(() => {
  scene?.close();
  scene = undefined;
});

async function sceneOf(deed: string): Promise<HostileScene> {
  const settings = [['deed', deed]] as const;
  const description = describeComponent(await loadComponent(bytes, { grants: EVERYTHING }), settings);
  return HostileScene.with(bytes, { settings, description });
}

describe('a piece in AssemblyScript that', () => {
  it.each([
    ['abort', 'FT_FAULT_TRAP'],
    ['recursion', /^hostile FT_FAULT_(TRAP|FUEL)$/],
    ['loop', 'FT_FAULT_FUEL'],
    ['allocate for ever', /^hostile FT_FAULT_(MEMORY|TRAP)$/],
    ['write over the tables of the call', /^hostile FT_FAULT_(OUTCOME|TRAP)$/],
    ['ticket twice', 'FT_FAULT_OUTCOME'],
    ['guess tickets', 'FT_FAULT_OUTCOME'],
    ['withheld of others', 'FT_FAULT_OUTCOME'],
  ])('does "%s" is ended, and nobody else notices', async (deed, code) => {
    scene = await sceneOf(deed);
    scene.round();
    const [fault, ...more] = scene.faults();
    if (typeof code === 'string') expect(fault).toBe(`hostile ${code}`);
    else expect(fault).toMatch(code);
    expect(more).toEqual([]);
    expect(scene.passed).toEqual([]);
    scene.round();
    scene.wait(100_000);
    scene.round();
  });

  it('uses a ticket of an earlier call is ended when it does', async () => {
    scene = await sceneOf('ticket of an earlier call');
    scene.round(1);
    scene.round(1);
    expect(scene.faults()).toEqual(['hostile FT_FAULT_OUTCOME']);
    scene.round();
  });

  it.each(['forward all', 'listen and forget', 'offer', 'log'])(
    'does "%s" goes on, and so do all others',
    async (deed) => {
      scene = await sceneOf(deed);
      for (let n = 0; n < 60; n++) scene.round();
      expect(scene.faults()).toEqual([]);
      expect(scene.passed.length).toBeGreaterThanOrEqual(3);
      expect(scene.logs.length).toBeLessThan(200);
      for (const { message } of scene.logs) expect(message).not.toMatch(/\p{Cc}/u);
    },
  );

  it('sends all of its memory finds no byte of anybody else in it', async () => {
    scene = await sceneOf('send what it found in memory');
    const secret = [0x60, 0, 0, 0, 0, 24, 59, 64, ...Array(32).fill(9), ...Array(24).fill(0xc7)];
    for (let n = 0; n < 20; n++) {
      scene.ends.left!.bring(0, secret, secret);
      scene.round();
    }
    expect(scene.faults()).toEqual([]);
    const sent = scene.passed.map((packet) => Buffer.from(packet));
    expect(sent.length).toBeGreaterThan(32);
    for (const packet of sent) expect(packet.includes(Buffer.from(Array(8).fill(0xc7)))).toBe(false);
  });

  it('saves what lies beyond its memory is ended, and only it', async () => {
    const guest = (await loadComponent(bytes, { grants: EVERYTHING })).instantiate(new QuietHost());
    guest.start(0, [['deed', 'state beyond memory']], [1]);
    expect(() => guest.save(0)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^FT_FAULT_/) }),
    );
  });

  it('describes itself as another when it is asked again is asked on an instance of its own', async () => {
    const loaded = await loadComponent(bytes, { grants: EVERYTHING });
    for (let n = 0; n < 3; n++) expect(describeComponent(loaded, []).name).toBe('hostile');
  });
});
