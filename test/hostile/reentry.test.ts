import { afterEach, describe, expect, it } from 'vitest';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { HostileScene } from './hostile-scene.ts';
import { hostilePiece, OWN_FRAME, OWN_PACKET, outcomeText, whenFramesCome } from './hostile-wat.ts';

// Pieces that call the host, which calls others, which call the host.

checkForLeaks();

let scene: HostileScene | undefined;
afterEach(() => {
  scene?.close();
  scene = undefined;
});

const FIELDS = `(data (i32.const 700) "ipv6/udp/1ipv6/udp/2")
  (global $shape (mut i32) (i32.const -1)) (global $turn (mut i32) (i32.const 0)) (global $n (mut i32) (i32.const 0))`;
/**
 * Listens on another Shape than before, and takes back the one before; and ends itself where that is called
 * without end.
 */
const moveOn = (edge: number) => `
  (global.set $n (i32.add (global.get $n) (i32.const 1)))
  (if (i32.gt_u (global.get $n) (i32.const 5000)) (then unreachable))
  (if (i32.ne (global.get $shape) (i32.const -1)) (then (call $unlisten (i32.const ${edge}) (global.get $shape))))
  (global.set $turn (i32.sub (i32.const 10) (global.get $turn)))
  (call $listen (i32.const ${edge}) (i32.const 0) (i32.add (i32.const 700) (global.get $turn)) (i32.const 10) (i32.const 2048))
  (global.set $shape (if (result i32) (i32.load8_u (i32.const 2048)) (then (i32.const -1)) (else (i32.load16_u (i32.const 2052)))))`;

const restless = (edge: number) =>
  hostilePiece(whenFramesCome(`${moveOn(edge)} ${outcomeText({})}`), {
    imports: ['listen', 'unlisten', 'log'],
    fields: FIELDS,
    bodies: { listening: `${moveOn(edge)} ${SAY} (i32.const 1024)`, realloc: '(i32.const 8192)' },
  });
const LISTEN = '(call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 10) (i32.const 2048))';
const SAY = '(call $log (i32.const 1) (i32.const 700) (i32.const 10))';

describe('pieces that call the host, which calls others, which call the host', () => {
  it('answer each listen of the other with one of their own, for ever: a few in each turn, and all others go on', async () => {
    // A finding of reading: it never ended, each call had fuel of its own, and the watchdog saw no call.
    scene = await HostileScene.with(await hostilePiece(outcomeText({})), {
      accomplices: {
        one: { bytes: await restless(1), networks: ['n1', 'n2'] },
        two: { bytes: await restless(0), networks: ['n2', 'n3'] },
      },
    });
    scene.ends.n1!.bring(0, [...OWN_PACKET]);
    expect(scene.faults()).toEqual([]);
    for (let turn = 0; turn < 50; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      scene.round(1);
    }
    expect(['one', 'two'].map((name) => scene!.piece(name).state)).toEqual(['running', 'running']);
    expect(scene.faults()).toEqual([]);
    // They did go on: each reports that when the other notifies it.
    for (const name of ['one', 'two'])
      expect(scene.logs.filter(({ piece }) => piece === name).length).toBeGreaterThan(20);
  });

  it.each([
    ['log', SAY],
    ['listen', LISTEN],
    ['unlisten', '(call $unlisten (i32.const 1) (global.get $shape))'],
    [
      'offer',
      '(call $offer (i32.const 1) (i32.const 700) (i32.const 4) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 1))',
    ],
  ] as const)(
    'call %s ever deeper down their stack: only they are out, before it ends in a neighbour',
    async (name, call) => {
      // Each call of the piece goes a bit deeper. The neighbour on its network does a little in `listening`,
      // and traps later, when an end listens: it must be out then, and not before.
      const deep = `(func $deep (param $n i32)
      (if (local.get $n) (then (call $deep (i32.sub (local.get $n) (i32.const 1)))) (else ${call})))`;
      const goes = `${name === 'unlisten' ? `${LISTEN} (global.set $shape (i32.load16_u (i32.const 2052)))` : ''}
      (global.set $n (i32.add (global.get $n) (i32.const 300)))
      (call $deep (global.get $n))
      ${name === 'listen' ? '(call $unlisten (i32.const 1) (i32.load16_u (i32.const 2052)))' : ''}
      ${outcomeText({})}`;
      const traps = '(if (i32.eq (local.get 2) (i32.const 12)) (then unreachable)) (i32.const 1024)';
      scene = await HostileScene.with(await hostilePiece(outcomeText({})), {
        accomplices: {
          one: {
            bytes: await hostilePiece(whenFramesCome(goes), {
              imports: ['log', 'listen', 'unlisten', 'offer'],
              fields: `${FIELDS} ${deep}`,
              bodies: { realloc: '(i32.const 8192)' },
            }),
            networks: ['n1', 'n2'],
          },
          two: {
            bytes: await hostilePiece(outcomeText({}), { bodies: { listening: traps } }),
            networks: ['n2', 'n3'],
          },
        },
      });
      for (let n = 0; n < 500 && scene.faults().length === 0; n++) scene.ends.n1!.bring(0, [...OWN_PACKET]);
      const [fault] = scene.events;
      expect(fault).toMatchObject({
        piece: 'one',
        code: 'FT_FAULT_TRAP',
        message: expect.stringContaining(`left too little for the host function "${name}"`),
      });
      scene.ends.n3!.context.listen(0, 0, 'ipv6/udp/333');
      await new Promise((resolve) => setImmediate(resolve));
      expect(scene.faults().slice(1)).toEqual(['two FT_FAULT_TRAP']);
      scene.round();
    },
  );

  it('trap where another asks them: the other is refused, and they are out', async () => {
    const listen =
      '(call $listen (i32.const 1) (i32.const 0) (i32.const 700) (i32.const 10) (i32.const 2048))';
    const asks = whenFramesCome(
      `${listen} (if (i32.eqz (i32.load8_u (i32.const 2048))) (then unreachable)) ${outcomeText({ frames: [OWN_FRAME] })}`,
    );
    scene = await HostileScene.with(await hostilePiece(outcomeText({})), {
      accomplices: {
        one: {
          bytes: await hostilePiece(asks, {
            imports: ['listen'],
            fields: FIELDS,
            bodies: { realloc: '(i32.const 8192)' },
          }),
          networks: ['n1', 'n2'],
        },
        two: {
          // The ends of its networks report their Shapes at the beginning.
          bytes: await hostilePiece(outcomeText({}), {
            bodies: {
              listening: '(if (i32.eq (local.get 2) (i32.const 10)) (then unreachable)) (i32.const 1024)',
            },
          }),
          networks: ['n2', 'n3'],
        },
      },
    });
    scene.ends.n1!.bring(0, [...OWN_PACKET]);
    expect(scene.faults()).toEqual(['two FT_FAULT_TRAP']);
    expect(scene.piece('one')).toMatchObject({ state: 'running', faults: 0 });
    expect(scene.piece('two')).toMatchObject({ state: 'failed', faults: 1 });
    scene.round();
  });
});
