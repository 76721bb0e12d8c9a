import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { QuietHost } from '../../host/engine/testing/quiet-host.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { describe as describeComponent, type HostileOptions, HostileScene } from './hostile-scene.ts';
import { PROVOCATIONS, type Provocation } from './provocations.ts';

// A piece as an author would write it, with the SDK. Its setting `deed` selects what it does.

checkForLeaks();

const EVERYTHING = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer'] as const);
let bytes: Uint8Array;
let scene: HostileScene | undefined;

beforeAll(async () => {
  bytes = await builtPiece(join(packageRoot(), 'test', 'hostile', 'pieces', 'hostile'));
}, 300_000);
afterEach(() => {
  scene?.close();
  scene = undefined;
});

async function optionsOf(deed: string): Promise<HostileOptions> {
  const settings = [['deed', deed]] as const;
  const description = describeComponent(await loadComponent(bytes, { grants: EVERYTHING }), settings);
  return { settings, description };
}

async function sceneOf(deed: string, options: HostileOptions = {}): Promise<HostileScene> {
  return HostileScene.with(bytes, { ...(await optionsOf(deed)), ...options });
}

/** An IPv6 packet with a body. */
const packet = (n: number) => [0x60, 0, 0, 0, 0, 8, 59, 64, ...Array(32).fill(n), ...Array(8).fill(255 - n)];

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
  ])('does "%s" is ended, and no other piece notices', async (deed, code) => {
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

  it.each([
    ['edge out of range', 'where the piece is not joined'],
    ['the largest edge', 'where the piece is not joined'],
    ['shape out of range', 'where the piece is not joined'],
    ['protocol out of range', 'of the unknown protocol'],
    ['another protocol', "does not begin with that Shape's protocols"],
    ['role out of range', 'of the unknown role'],
    ['offset out of range', 'but the arena has'],
    ['offset below the arena', 'but the arena has'],
    ['length out of range', 'but the arena has'],
    ['offset and length that wrap', 'but the arena has'],
    ['no parts', 'has 0 parts'],
    ['skips more than there is', 'skips more parts than it has'],
    ['reason out of range', 'gives reason 2, but the piece described 2'],
    ['ticket twice', 'goes on in this outcome or has ended already'],
    ['ticket that goes on and ends', 'goes on in this outcome or has ended already'],
    ['guess tickets', 'which the piece does not hold'],
    ['withheld of nobody', 'which are not part of a frame that the piece holds'],
    ['withheld of others', 'which are not part of a frame that the piece holds'],
    ['not withheld, as withheld', 'which are not part of a frame that the piece holds'],
  ])('answers with "%s" is ended, for that, and no other piece notices', async (deed, says) => {
    scene = await sceneOf(deed);
    scene.round();
    expect(scene.faults()).toEqual(['hostile FT_FAULT_OUTCOME']);
    expect(scene.piece('hostile')).toMatchObject({ state: 'failed', held: 0 });
    expect(scene.piece('hostile').fault).toContain(says);
    expect(scene.passed).toEqual([]);
    scene.round();
    expect(scene.passed).toEqual([]);
  });

  it.each([
    ['ticket of an earlier call', 'an end names ticket'],
    ['withheld of an earlier call', 'withheld bytes'],
  ])('uses "%s" is ended when it does', async (deed, says) => {
    scene = await sceneOf(deed);
    scene.ends.top!.bring(0, packet(1));
    expect(scene.faults()).toEqual([]);
    // Its row belongs to another frame by now.
    const { left, right, top } = scene.ends;
    right!.takes = 0;
    left!.bring(0, packet(3));
    top!.bring(0, packet(2));
    expect(scene.faults()).toEqual(['hostile FT_FAULT_OUTCOME']);
    expect(scene.piece('hostile').fault).toContain(says);
    right!.takes = Infinity;
    scene.lane.run();
    expect(right!.taken.map(({ bytes }) => bytes)).toEqual([packet(3)]);
    scene.round();
  });

  for (const [deed, code] of [
    ['trap', 'FT_FAULT_TRAP'],
    ['loop', 'FT_FAULT_FUEL'],
  ] as const) {
    it.each(['join', 'leave', 'listening', 'ready', 'save', 'restore'] as const)(
      `does "${deed} in %s" is ended, and no other piece notices`,
      async (call) => {
        const { options: how = {}, provoke }: Provocation = PROVOCATIONS[call];
        const options = { ...(await optionsOf(`${deed} in ${call}`)), ...how };
        // For each frame that comes, a hundred go on.
        const settings =
          call === 'ready' ? [...options.settings!, ['fill', 'true'] as const] : options.settings!;
        scene = await HostileScene.with(bytes, { ...options, settings });
        await provoke(scene, bytes, { ...options, settings });
        const before = call === 'restore' ? ['hostile FT_FAULT_TRAP'] : [];
        expect(scene.faults()).toEqual([...before, `hostile ${code}`]);
        expect(scene.piece('hostile')).toMatchObject({ state: 'failed', held: 0 });
        scene.round();
        expect(scene.passed).toEqual([]);
      },
    );

    it.each(['start', 'accepts'])(`does "${deed} in %s" does not come in`, async (call) => {
      scene = await sceneOf('forward all');
      const wicked = { ...(await optionsOf(`${deed} in ${call}`)), identity: 'wicked' };
      await expect(scene.change(bytes, wicked)).rejects.toMatchObject({
        mistakes: [{ code, piece: 'hostile' }],
      });
      // Frames from below go back there.
      expect(scene.round()).toEqual(scene.passed.slice(0, 3));
      expect(scene.faults()).toEqual([]);
    });
  }

  it('traps in describe, or calls the host there, is not even described', async () => {
    const loaded = await loadComponent(bytes, { grants: EVERYTHING });
    const code = (deed: string) => {
      try {
        return loaded.describe([['deed', deed]]);
      } catch (error) {
        return error;
      }
    };
    expect(code('trap in describe')).toMatchObject({ code: 'FT_FAULT_TRAP' });
    expect(code('call the host in describe')).toMatchObject({ code: 'FT_FAULT_REENTRY' });
  });

  it('calls the host while it is asked for its state is ended', async () => {
    scene = await sceneOf('call the host in save', { saveEveryMs: 1000 });
    scene.round();
    scene.wait(1000);
    expect(scene.faults()).toEqual(['hostile FT_FAULT_REENTRY']);
    scene.round();
  });

  it('has escape sequences in what it says of itself has them made visible', async () => {
    const { description } = await optionsOf('escapes in its names');
    expect(description).toMatchObject({
      version: '\\u{1b}[2J6',
      summary: 'Does\\u{7} \\u{1b}]0;owned\\u{7} what\\r\\nit must not.',
    });
    const { error } = (await HostileScene.start(bytes, await optionsOf('escapes in its problem'))) as {
      error: unknown;
    };
    expect(error).toMatchObject({
      mistakes: [{ code: 'FT_PIECE_START', message: expect.stringContaining('\\u{1b}[31mno') }],
    });
    expect(String(error)).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  it('makes frames that overlap sends what it says, and no more', async () => {
    scene = await sceneOf('frames that overlap');
    scene.ends.top!.bring(0, packet(1));
    expect(scene.faults()).toEqual([]);
    const bytes60 = (count: number) => Array(count).fill(0x60);
    expect(scene.passed).toEqual([bytes60(40), ...[1, 2, 3, 4, 5, 6, 7].map((n) => bytes60(80 - n))]);
    scene.round();
  });

  it.each([
    'forward all',
    'listen and forget',
    'offer',
    'log',
    'memory that grows',
    'wake up in the past',
    'pause what is not there',
    'as many frames as there can be',
  ])('does "%s" goes on, and so do all others', async (deed) => {
    scene = await sceneOf(deed);
    for (let n = 0; n < 60; n++) scene.round();
    expect(scene.faults()).toEqual([]);
    expect(scene.passed.length).toBeGreaterThanOrEqual(3);
    expect(scene.logs.length).toBeLessThan(200);
    for (const { message } of scene.logs) expect(message).not.toMatch(/\p{Cc}/u);
  });

  it('sends all of its memory finds no byte of other pieces in it', async () => {
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
