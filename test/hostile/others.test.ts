import { afterEach, describe, expect, it } from 'vitest';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { HostileScene } from './hostile-scene.ts';
import {
  ARENA_AT,
  BODY_AT,
  BODY_LENGTH,
  hostilePiece,
  type OutcomeText,
  OWN_FRAME,
  OWN_PACKET,
  OWN_PART,
  outcomeText,
  TICKET,
  WITHHELD,
  whenFramesCome,
} from './hostile-wat.ts';

// Numbers that belong to another piece, or are outdated: tickets, and addresses of bodies that a piece cannot
// see. An accomplice reveals its own numbers. A piece that uses them is ended, and sees and changes nothing.

checkForLeaks();

let scene: HostileScene | undefined;
afterEach(() => {
  scene?.close();
  scene = undefined;
});

const SECRET = Array.from({ length: 24 }, (_, n) => 0xc0 + n);

/** Holds each frame, and sends its ticket and the address of its body below. */
const TELLS = `
  (i32.store (i32.const ${ARENA_AT + 64}) ${TICKET})
  (i32.store (i32.const ${ARENA_AT + 68}) ${BODY_AT})
  (i32.store (i32.const ${ARENA_AT + 72}) ${BODY_LENGTH})
  ${outcomeText({ frames: [OWN_FRAME], parts: [OWN_PART, { offset: 64, length: 12 }] })}`;

/** A word from an accomplice, as a packet brings it to the hostile piece. */
const told = (word: number) => `(i32.load offset=${4 * word} (i32.add (local.get 5) ${BODY_AT}))`;

async function withAccomplice(outcome: OutcomeText): Promise<{ scene: HostileScene; told: number[] }> {
  const hostile = await hostilePiece(whenFramesCome(outcomeText(outcome)));
  scene = await HostileScene.with(hostile, {
    accomplices: { accomplice: { bytes: await hostilePiece(whenFramesCome(TELLS)), reach: 'headers' } },
  });
  const packet = [0x60, 0, 0, 0, 0, SECRET.length, 59, 64, ...Array(32).fill(9), ...SECRET];
  // Several, so that the number of the last is not one that the hostile piece has, too.
  for (let n = 0; n < 5; n++) scene.ends['above accomplice']!.bring(0, packet);
  return { scene, told: scene.ends['below accomplice']!.taken.at(-1)!.bytes.slice(40) };
}

describe('a piece that knows from an accomplice', () => {
  it.each<[string, OutcomeText, string]>([
    ['a ticket, and continues it', { frames: [{ ticket: told(0) }] }, 'which the piece does not hold'],
    ['a ticket, and ends it', { ends: [[told(0), 0]] }, 'which the piece does not hold'],
    [
      'where a body stands, and sends it in a frame of its own',
      {
        frames: [OWN_FRAME],
        parts: [OWN_PART, { ...WITHHELD, offset: told(1), length: told(2) }],
      },
      'which are not part of a frame that the piece holds',
    ],
    [
      'where a body stands, and sends it with the ticket of a frame of its own',
      { frames: [{}], parts: [OWN_PART, { ...WITHHELD, offset: told(1), length: told(2) }] },
      'which are not part of a frame that the piece holds',
    ],
    [
      'where a body stands, and sends one byte of it',
      {
        frames: [{}],
        parts: [OWN_PART, { ...WITHHELD, offset: `(i32.add ${told(1)} (i32.const 7))`, length: 1 }],
      },
      'which are not part of a frame that the piece holds',
    ],
    [
      'ticket and place, and uses both',
      {
        frames: [{ ticket: told(0) }],
        parts: [OWN_PART, { ...WITHHELD, offset: told(1), length: told(2) }],
      },
      'which the piece does not hold',
    ],
  ])('%s is out', async (_what, outcome, says) => {
    const { scene, told } = await withAccomplice(outcome);
    const address = Buffer.from(told).readUInt32LE(4);
    // The accomplice's words are true.
    expect([...scene.lane.frames.bytes.subarray(address, address + SECRET.length)]).toEqual(SECRET);
    scene.ends.bottom!.taken.length = 0;
    scene.ends.top!.bring(0, [0x60, 0, 0, 0, 0, told.length, 59, 64, ...Array(32).fill(1), ...told]);
    expect(scene.faults()).toEqual(['hostile FT_FAULT_OUTCOME']);
    expect(scene.piece('hostile').fault).toContain(says);
    expect(scene.passed).toEqual([]);
    expect([...scene.lane.frames.bytes.subarray(address, address + SECRET.length)]).toEqual(SECRET);
    expect(scene.piece('accomplice')).toMatchObject({ state: 'running', held: 5 });
    scene.round();
  });
});

describe('a piece that uses, when it is called again,', () => {
  /**
   * The first call does one thing and remembers the ticket and the body; each later call does the other.
   */
  const twice = (first: OutcomeText, then: OutcomeText) =>
    hostilePiece(
      whenFramesCome(`
        (if (global.get $ticket) (then ${outcomeText(then)} return))
        (global.set $ticket ${TICKET}) (global.set $body ${BODY_AT}) (global.set $length ${BODY_LENGTH})
        ${outcomeText(first)}`),
      {
        fields: ['ticket', 'body', 'length']
          .map((name) => `(global $${name} (mut i32) (i32.const 0))`)
          .join(' '),
      },
    );
  const whole = [OWN_PART, { ...WITHHELD, offset: BODY_AT, length: BODY_LENGTH }];
  const before = { ...WITHHELD, offset: '(global.get $body)', length: '(global.get $length)' };
  const kept = '(global.get $ticket)';

  it.each<[string, OutcomeText, OutcomeText, string]>([
    [
      'a ticket that went on, once more',
      { frames: [{}], parts: whole },
      { frames: [{ ticket: kept }] },
      'continues ticket',
    ],
    [
      'a ticket that went on, to end it',
      { frames: [{}], parts: whole },
      { ends: [[kept, 0]] },
      'an end names ticket',
    ],
    [
      'a ticket that ended, to go on',
      { ends: [[TICKET, 1]] },
      { frames: [{ ticket: kept }] },
      'continues ticket',
    ],
    [
      'a ticket that ended, to end again',
      { ends: [[TICKET, 1]] },
      { ends: [[kept, 1]] },
      'an end names ticket',
    ],
    [
      'the body of a frame that went on',
      { frames: [{}], parts: whole },
      { frames: [OWN_FRAME], parts: [OWN_PART, before] },
      'withheld bytes',
    ],
    [
      'the body of a frame that ended',
      { ends: [[TICKET, 1]] },
      { frames: [{}], parts: [OWN_PART, before] },
      'withheld bytes',
    ],
  ])('%s, is out', async (_what, first, then, says) => {
    scene = await HostileScene.with(await twice(first, then), { reach: 'headers' });
    const { top, left, right } = scene.ends;
    const packet = (n: number) => [
      0x60,
      0,
      0,
      0,
      0,
      24,
      59,
      64,
      ...Array(32).fill(n),
      ...SECRET.map((byte) => byte ^ n),
    ];
    top!.bring(0, packet(1));
    expect(scene.faults()).toEqual([]);
    // The row belongs to another piece by now, which has not taken it yet.
    right!.takes = 0;
    left!.bring(0, packet(2), packet(3));
    scene.ends.bottom!.taken.length = 0;
    top!.bring(0, packet(4));
    expect(scene.faults()).toEqual(['hostile FT_FAULT_OUTCOME']);
    expect(scene.piece('hostile').fault).toContain(says);
    expect(scene.passed).toEqual([]);
    right!.takes = Infinity;
    left!.bring(0);
    scene.lane.run();
    expect(right!.taken.map(({ bytes }) => bytes)).toEqual([packet(2), packet(3)]);
    scene.round();
  });

  it('the body of a frame that it holds still, goes on', async () => {
    scene = await HostileScene.with(await twice({}, { frames: [OWN_FRAME], parts: [OWN_PART, before] }), {
      reach: 'headers',
    });
    const { top } = scene.ends;
    top!.bring(0, [0x60, 0, 0, 0, 0, 24, 59, 64, ...Array(32).fill(5), ...SECRET]);
    scene.ends.bottom!.taken.length = 0;
    top!.bring(0, [0x60, 0, 0, 0, 0, 24, 59, 64, ...Array(32).fill(6), ...Array(24).fill(0)]);
    expect(scene.faults()).toEqual([]);
    expect(scene.passed).toEqual([[...OWN_PACKET, ...SECRET]]);
    scene.round();
  });
});
