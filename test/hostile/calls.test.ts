import { afterEach, describe, expect, it } from 'vitest';
import { loadComponent } from '../../host/engine/load-component.ts';
import { QuietHost } from '../../host/engine/testing/quiet-host.ts';
import { PieceFault } from '../../host/piece/piece-fault.ts';
import type { PuzzleError } from '../../host/puzzle/plan/puzzle-error.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { ipv6 } from '../../host/puzzle/testing/scripted-piece.ts';
import { HostileScene, hostileDescription } from './hostile-scene.ts';
import {
  hostilePiece,
  MEMORY_BYTES,
  OWN_FRAME,
  OWN_PACKET,
  outcomeText,
  TICKET,
  whenFramesCome,
} from './hostile-wat.ts';

checkForLeaks();

let scene: HostileScene | undefined;
afterEach(() => {
  scene?.close();
  scene = undefined;
});

const NOTHING = outcomeText({});
/** Passes frames of its own on: a piece that works, except for one call. */
const WORKS = whenFramesCome(outcomeText({ frames: [OWN_FRAME] }));

describe('a piece that traps whenever frames come', () => {
  it('comes back after a fault, and faults again, and no other piece notices', async () => {
    scene = await HostileScene.with(await hostilePiece(whenFramesCome('unreachable')), {
      failure: 'restart',
    });
    for (let second = 0; second < 40; second++) {
      scene.round();
      scene.wait(1000);
    }
    expect(scene.faults().length).toBeGreaterThan(4);
    expect(new Set(scene.faults())).toEqual(new Set(['hostile FT_FAULT_TRAP']));
    expect(scene.events.filter(({ kind }) => kind === 'restarted').length).toBeGreaterThanOrEqual(
      scene.faults().length - 1,
    );
  });
});

describe('a piece that does in a typed call what it must not', () => {
  it('saves a gigabyte', async () => {
    for (const [at, length] of [
      [0, 2 ** 30],
      [0, 0xffff_ffff],
      [0xffff_fff0, 0x20],
      [65_536, 4_194_305],
    ] as const) {
      const save = `(i32.store (i32.const 2048) (i32.const ${at | 0})) (i32.store (i32.const 2052) (i32.const ${length | 0})) (i32.const 2048)`;
      const guest = (
        await loadComponent(await hostilePiece(NOTHING, { memory: '200', bodies: { save } }))
      ).instantiate(new QuietHost());
      const before = process.memoryUsage().arrayBuffers;
      expect(() => guest.save(0)).toThrow(expect.objectContaining({ code: 'FT_FAULT_RESULT' }));
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
    }
  });

  it('saves a gigabyte, in the lane: is out, with its policy, and no other piece notices', async () => {
    const save = `(i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const ${2 ** 30})) (i32.const 2048)`;
    scene = await HostileScene.with(await hostilePiece(WORKS, { bodies: { save } }), {
      saveEveryMs: 1000,
      failure: 'restart',
    });
    scene.round();
    scene.wait(1000);
    expect(scene.faults()).toEqual(['hostile FT_FAULT_RESULT']);
    scene.round();
    expect(scene.passed).toEqual([]);
    scene.wait(1000);
    expect(scene.events.at(-1)).toEqual({ kind: 'restarted', piece: 'hostile', restored: false });
    scene.round();
    expect(scene.passed).toHaveLength(2);
  });

  it('answers with what it was given, or with what stands across the end of its memory', async () => {
    for (const [answer, says] of [
      // The first byte of the stack: neither success nor a problem.
      ['(local.get 1)', 'FT_FAULT_RESULT'],
      [`(i32.const ${MEMORY_BYTES - 4})`, 'FT_FAULT_RESULT'],
      ['(i32.const -4)', 'FT_FAULT_RESULT'],
      ['(i32.const 1025)', 'FT_FAULT_RESULT'],
    ] as const) {
      const listening = `(if (i32.eq (local.get 2) (i32.const 10)) (then (i32.store8 (i32.const 1025) (i32.const 1)) (return ${answer}))) (i32.const 2048)`;
      scene = await HostileScene.with(await hostilePiece(WORKS, { bodies: { listening } }));
      scene.ends.bottom!.context.listen(0, 0, 'ipv6/udp/7');
      scene.lane.run();
      expect(scene.faults(), answer).toEqual([`hostile ${says}`]);
      scene.round();
      scene.close();
      scene = undefined;
    }
  });

  it('gives the same bytes a thousand times in one answer', async () => {
    // A description whose lists overlap could be larger than the memory that it stands in.
    const describe = `(local.set 0 (i32.const 0))
      (loop $again
        (i32.store (i32.add (i32.const 0x10000) (local.get 0)) (i32.const 0x10000))
        (i32.store (i32.add (i32.const 0x10004) (local.get 0)) (i32.const 0x80000))
        (local.set 0 (i32.add (local.get 0) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get 0) (i32.const 0x100000))))
      (memory.copy (i32.const 1028) (i32.const 0x10000) (i32.const 64)) (i32.const 1024)`;
    const loaded = await loadComponent(await hostilePiece(NOTHING, { bodies: { describe } }));
    expect(() => loaded.describe([])).toThrow(expect.objectContaining({ code: 'FT_FAULT_RESULT' }));
  });

  it('counts how often it describes itself: each answer is the first', async () => {
    // Memory and global variables are new for each call, and nothing else could remember.
    const describe = `(global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
      (i32.store8 (i32.const 700) (i32.add (i32.const 48) (i32.add (global.get $asked) (i32.load8_u (i32.const 600)))))
      (i32.store (i32.const 2052) (i32.const 700)) (i32.store (i32.const 2056) (i32.const 1)) (i32.const 2048)`;
    const loaded = await loadComponent(
      await hostilePiece(NOTHING, {
        fields: '(global $asked (mut i32) (i32.const 0))',
        bodies: { describe },
      }),
    );
    const answers = Array.from({ length: 3 }, () => loaded.describe([]));
    expect(answers[0]).toMatchObject({ name: '2' });
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
  });

  it('asks chance, the clock or the host what to describe', async () => {
    for (const [name, call] of [
      ['random', '(drop (call $random))'],
      ['utc', '(call $utc (i32.const 2048))'],
      ['log', '(call $log (i32.const 0) (i32.const 0) (i32.const 0))'],
    ] as const) {
      const loaded = await loadComponent(
        await hostilePiece(NOTHING, { imports: [name], bodies: { describe: `${call} (i32.const 1024)` } }),
      );
      expect(() => loaded.describe([])).toThrow(expect.objectContaining({ code: 'FT_FAULT_REENTRY' }));
    }
  });
});

describe('a piece that calls the host', () => {
  const LISTEN = '(call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 4) (i32.const 2048))';
  const FIELDS = '(data (i32.const 700) "ipv6\\1b[31m")';

  it('in cabi_realloc, in a post-return: is ended', async () => {
    for (const bodies of [
      {
        realloc:
          '(if (i32.gt_u (local.get 3) (i32.const 100)) (then (drop (call $random)))) (i32.const 8192)',
      },
      { process_post: '(drop (call $random))' },
    ]) {
      scene = await HostileScene.with(await hostilePiece(WORKS, { imports: ['random'], bodies }), {
        failure: 'closed',
      }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(PieceFault);
        return undefined;
      });
      scene?.round();
      if (scene !== undefined) expect(scene.faults()).toEqual(['hostile FT_FAULT_REENTRY']);
      scene?.close();
      scene = undefined;
    }
  });

  it('listens without end: is refused, or runs out of fuel, and no other piece notices', async () => {
    const process = whenFramesCome(`(loop $again ${LISTEN} (br $again)) unreachable`);
    scene = await HostileScene.with(
      await hostilePiece(process, {
        imports: ['listen'],
        fields: FIELDS,
        bodies: { realloc: '(i32.const 8192)' },
      }),
    );
    scene.round();
    expect(scene.faults()).toEqual(['hostile FT_FAULT_FUEL']);
    scene.round();
    // Its listens ended with it.
    expect(scene.ends.bottom!.listened.filter(([, , present]) => present).length).toBe(
      1 + scene.ends.bottom!.listened.filter(([, , present]) => !present).length + 1,
    );
  });

  it.each([
    ['the other Edge only', ['listen:a', 'offer:a'], false],
    ['this Edge', ['listen:b', 'offer:b'], true],
    ['every Edge', ['listen', 'offer'], true],
  ] as const)('listens and offers with a grant for %s', async (_name, grants, isGranted) => {
    // Edge 1 is `b`. A listen returns a Shape, and the piece ends itself if that is not what the test
    // expects.
    const isRefused = '(i32.load8_u (i32.const 2048))';
    const offer =
      '(call $offer (i32.const 1) (i32.const 700) (i32.const 4) (i32.const 3) (i64.const 700) (i32.const 4) (i32.const 1))';
    const process = whenFramesCome(
      `${LISTEN} (if (i32.ne ${isRefused} (i32.const ${isGranted ? 0 : 1})) (then unreachable)) ${offer} ${NOTHING}`,
    );
    scene = await HostileScene.with(
      await hostilePiece(process, {
        imports: ['listen', 'offer'],
        fields: FIELDS,
        bodies: { realloc: '(i32.const 8192)' },
      }),
      { grants: new Set(grants) },
    );
    scene.round();
    expect(scene.faults()).toEqual([]);
    const { joinings } = scene.ends.bottom!;
    expect(joinings.some(({ properties }) => properties.some(({ name }) => name === 'ipv6'))).toBe(isGranted);
    const refused = scene.logs.filter(({ message }) =>
      /its Edge b, where it was not granted to offer/.test(message),
    );
    expect(refused.length > 0).toBe(!isGranted);
  });

  it('listens on ever new identifiers: has used up its own in the end, and not those of others', async () => {
    // "ethertype:NNNN", another with each packet, unlistened at once. The Shape of the Edge is a whole Name
    // Space.
    const digit = (at: number, value: number) =>
      `(i32.store8 (i32.const ${at}) (i32.add (i32.const 49) (i32.rem_u (i32.div_u (global.get $n) (i32.const ${value})) (i32.const 9))))`;
    const process = whenFramesCome(`(global.set $n (i32.add (global.get $n) (i32.const 1)))
      ${digit(710, 729)} ${digit(711, 81)} ${digit(712, 9)} ${digit(713, 1)}
      (call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 14) (i32.const 2048))
      (if (i32.load8_u (i32.const 2048)) (then unreachable))
      (call $unlisten (i32.const 1) (i32.load16_u (i32.const 2052))) ${outcomeText({ ends: [[TICKET, 0]] })}`);
    const { edges, ...rest } = hostileDescription();
    const spaces = edges.map((edge) => ({
      ...edge,
      shapes: edge.shapes.map((shape) => ({ ...shape, stack: 'ethertype:' })),
    }));
    scene = await HostileScene.with(
      await hostilePiece(process, {
        imports: ['listen', 'unlisten'],
        fields: '(data (i32.const 700) "ethertype:0000") (global $n (mut i32) (i32.const 0))',
      }),
      { description: { ...rest, edges: spaces } },
    );
    const before = scene.lane.protocols.count;
    for (let n = 0; n < 1200 && scene.faults().length === 0; n++) scene.round(1);
    expect(scene.faults()).toEqual(['hostile FT_FAULT_TRAP']);
    expect(scene.lane.protocols.count - before).toBe(1024);
    scene.round();
  });

  it('takes back Shapes that it was never given: is ended', async () => {
    const process = whenFramesCome(`(call $unlisten (i32.const 0) (i32.const 0)) ${NOTHING}`);
    scene = await HostileScene.with(await hostilePiece(process, { imports: ['unlisten'] }));
    scene.round();
    expect(scene.faults()).toEqual(['hostile FT_FAULT_RESULT']);
    scene.round();
  });

  it('offers without end, and much: its neighbours go on', async () => {
    const offer =
      '(call $offer (i32.const 1) (i32.const 700) (i32.const 3) (i32.const 3) (i64.const 0x80000) (i32.const 0x70000) (i32.const 1))';
    const scene1 = await HostileScene.with(
      await hostilePiece(whenFramesCome(`${offer} ${NOTHING}`), { imports: ['offer'], fields: FIELDS }),
    );
    scene1.round();
    expect(scene1.faults()).toEqual(['hostile FT_FAULT_RESULT']);
    scene1.round();
    scene1.close();
    // A small offer, with another value each time: at most 64 are kept, and the neighbours are called after
    // each call of the piece.
    const many = `(loop $again
      (i32.store8 (i32.const 800) (i32.add (i32.const 48) (i32.and (global.get $n) (i32.const 63))))
      (i32.store8 (i32.const 801) (i32.add (i32.const 48) (i32.and (i32.shr_u (global.get $n) (i32.const 6)) (i32.const 63))))
      (call $offer (i32.const 1) (i32.const 700) (i32.const 3) (i32.const 3) (i64.const 800) (i32.const 2) (i32.const 1))
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $again (i32.and (global.get $n) (i32.const 127)))) ${NOTHING}`;
    scene = await HostileScene.with(
      await hostilePiece(whenFramesCome(many), {
        imports: ['offer'],
        fields: `${FIELDS} (global $n (mut i32) (i32.const 0))`,
      }),
    );
    for (let n = 0; n < 20; n++) scene.round();
    expect(scene.faults()).toEqual([]);
    expect(scene.ends.bottom!.joinings.at(-1)!.properties.length).toBeLessThanOrEqual(64);
    scene.close();
    // The largest texts: all of them together are bounded.
    const large = many
      .replaceAll('const 800)', 'const 524288)')
      .replace('const 801)', 'const 524289)')
      .replace('(i64.const 524288) (i32.const 2)', '(i64.const 524288) (i32.const 1024)');
    scene = await HostileScene.with(
      await hostilePiece(whenFramesCome(large), {
        imports: ['offer'],
        fields: `${FIELDS} (data (i32.const 524288) "${'x'.repeat(1024)}") (global $n (mut i32) (i32.const 0))`,
      }),
    );
    scene.round();
    expect(scene.faults()).toEqual([]);
    const { properties } = scene.ends.bottom!.joinings.at(-1)!;
    expect([properties.length, scene.logs.at(-1)?.message]).toEqual([
      63,
      'offers properties of more than 65536 characters; ipv is left out',
    ]);
  });

  it('logs without end: most of it is dropped, and that is said', async () => {
    const log =
      '(loop $again (call $log (i32.const 3) (i32.const 700) (i32.const 4)) (br_if $again (i32.lt_u (global.get $n) (i32.const 0)))) ';
    const often = `(global.set $n (i32.const 0)) (loop $again (call $log (i32.const 3) (i32.const 700) (i32.const 9)) (global.set $n (i32.add (global.get $n) (i32.const 1))) (br_if $again (i32.lt_u (global.get $n) (i32.const 200)))) ${NOTHING}`;
    expect(log).toContain('log');
    scene = await HostileScene.with(
      await hostilePiece(whenFramesCome(often), {
        imports: ['log'],
        fields: `${FIELDS} (global $n (mut i32) (i32.const 0))`,
      }),
    );
    for (let n = 0; n < 100; n++) scene.round();
    expect(scene.faults()).toEqual([]);
    // The piece logged 40 000 messages or more, all in the same millisecond.
    expect(scene.logs.length).toBeLessThan(200);
    expect(scene.logs.some(({ message }) => /dropped/.test(message))).toBe(true);
    for (const { message } of scene.logs) expect(message).not.toMatch(/\p{Cc}/u);
    // A minute later it may log again, and the count of dropped messages is shown.
    const before = scene.logs.length;
    scene.wait(60_000);
    scene.round();
    expect(scene.logs.length).toBeGreaterThan(before);
    expect(scene.logs.some(({ message }) => /\d+ messages? .*dropped/.test(message))).toBe(true);
  });
});

describe('a piece whose words could steer a terminal', () => {
  const EVIL = '\\1b]0;owned\\07\\1b[2J\\0d\\e2\\80\\ae';

  it('has them made visible in its description, its problems and its logs', async () => {
    const text = (at: number, from: number) =>
      `(i32.store (i32.const ${at}) (i32.const ${from})) (i32.store (i32.const ${at + 4}) (i32.const 18))`;
    const fields = `(data (i32.const 700) "${EVIL}")`;
    const loaded = await loadComponent(
      await hostilePiece(NOTHING, {
        fields,
        bodies: { describe: `${text(2052, 700)} ${text(2060, 700)} ${text(2068, 700)} (i32.const 2048)` },
      }),
    );
    const description = loaded.describe([]);
    if (!('name' in description)) throw new Error('no description');
    for (const text of [description.name, description.version, description.summary])
      expect(text).not.toMatch(/\p{Cc}|\u202e/u);
    expect(description).toMatchObject({ name: expect.stringContaining('\\u{1b}]0;owned') });
    const start = `(i32.store8 (i32.const 2048) (i32.const 1)) (i32.store (i32.const 2052) (i32.const 2100)) (i32.store (i32.const 2056) (i32.const 1)) ${text(2112, 700)} (i32.const 2048)`;
    const { error } = (await HostileScene.start(
      await hostilePiece(NOTHING, { fields, bodies: { start } }),
    )) as { error: PuzzleError };
    expect(error.mistakes[0]!.message).not.toMatch(/\p{Cc}|\u202e/u);
  });

  it('is ended when it offers them to its neighbours', async () => {
    const offer =
      '(call $offer (i32.const 77) (i32.const 700) (i32.const 18) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 1))';
    scene = await HostileScene.with(
      await hostilePiece(whenFramesCome(`${offer} ${NOTHING}`), {
        imports: ['offer'],
        fields: `(data (i32.const 700) "${EVIL}")`,
      }),
    );
    scene.round();
    expect(scene.faults()).toEqual(['hostile FT_FAULT_RESULT']);
    for (const { message } of scene.logs) expect(message).not.toMatch(/\p{Cc}|\u202e/u);
    for (const event of scene.events) expect(JSON.stringify(event)).not.toMatch(/\\u001b/);
  });
});

it('a piece that holds large frames leaves most large rooms to others', async () => {
  scene = await HostileScene.with(await hostilePiece(NOTHING));
  const large = [0x60, 0, 0, 0, 0x20, 0, 59, 64, ...Array(32 + 0x2000).fill(1)];
  for (let n = 0; n < 12; n++) scene.ends.top!.bring(0, large);
  expect(scene.piece('hostile').held).toBeLessThanOrEqual(4);
  scene.ends.left!.taken.length = 0;
  scene.ends.right!.taken.length = 0;
  for (let n = 0; n < 8; n++) scene.ends.left!.bring(0, large);
  expect(scene.ends.right!.taken).toHaveLength(8);
  expect(OWN_PACKET.length).toBe(40);
});

describe('the fuel of a call', () => {
  /** Units of one turn of the loop below, its beginning included. */
  const LOOP_UNITS = 6;
  /** A piece that spends so many units for each byte of the arena that a call brings. */
  const spender = (units: number) =>
    hostilePiece(
      whenFramesCome(
        `(local.set 6 (i32.mul (local.get 6) (i32.const ${Math.floor(units / LOOP_UNITS)})))
         (loop $again (br_if $again (local.tee 6 (i32.sub (local.get 6) (i32.const 1))))) ${NOTHING}`,
      ),
      { memory: '200' },
    );

  it.each([
    [1, 60_000],
    [8, 60_000],
    [200, 1400],
  ])('is enough for 100 units a byte of %i frames of %i bytes', async (count, bytes) => {
    scene = await HostileScene.with(await spender(100));
    const packet = ipv6(Array(bytes).fill(0xff));
    scene.ends.top!.bring(0, ...Array<number[]>(count).fill(packet));
    scene.wait(0);
    expect(scene.faults()).toEqual([]);
    expect(scene.piece('hostile').held).toBeGreaterThanOrEqual(Math.min(count, 4));
  });

  it('is not enough for 200 units a byte of many', async () => {
    scene = await HostileScene.with(await spender(200));
    scene.ends.top!.bring(0, ...Array<number[]>(8).fill(ipv6(Array(60_000).fill(0xff))));
    expect(scene.faults()).toEqual(['hostile FT_FAULT_FUEL']);
  });
});
