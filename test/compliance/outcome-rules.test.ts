import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildPiece } from '../../abi/build/build-piece.ts';
import type { Frame, Outcome, Part, Piece } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { complianceChecks } from './compliance-checks.ts';
import { brokenRules, enter, type Ledger } from './outcome-rules.ts';

const header: Part = { protocol: 1, role: 'header', marks: 0, offset: 0, length: 20 };
const body: Part = { protocol: 0, role: 'payload', marks: PartMarks.withheld, offset: 9000, length: 100 };
const good: Frame = {
  edge: 4,
  shape: 0,
  firstPart: 0,
  partCount: 2,
  skipHeaders: 0,
  skipTrailers: 0,
  roomOffset: 0,
  roomLength: 0,
  ticket: 7,
};

function broken(change: Partial<Outcome>): string[] {
  const description: Piece = {
    name: 'test',
    version: '1.0.0',
    summary: 'Test.',
    protocols: [],
    edges: [
      {
        name: 'net',
        optional: false,
        repeated: false,
        shapes: [{ stack: 'ip', direction: 'up', reach: 'headers', properties: [] }],
      },
    ],
    curves: [],
    settings: [],
    reasons: [{ name: 'lost', loss: true, summary: 'It is lost.' }],
  };
  const ledger: Ledger = {
    description,
    edges: new Map([[4, 0]]),
    listened: new Map([[4, new Set([100])]]),
    open: new Map(),
  };
  enter(ledger, [good, { ...good, ticket: 8 }], [header, body]);
  const outcome: Outcome = {
    frames: [good],
    parts: [header, body],
    arena: new Uint8Array(20),
    ends: [],
    paused: [],
    wakeAt: Infinity,
    ...change,
  };
  return brokenRules(ledger, 10, outcome);
}

test('an outcome that keeps the rules breaks none', () => {
  expect(broken({})).toEqual([]);
  expect(
    broken({
      frames: [good, { ...good, shape: 100 }],
      ends: [{ ticket: 8, reason: 0 }],
      paused: [4],
      wakeAt: 10,
    }),
  ).toEqual([]);
  expect(broken({ parts: [header, { ...body, offset: 9050, length: 50 }] })).toEqual([]);
});

test.each<[string, Partial<Outcome>, RegExp]>([
  ['a wake-up in the past', { wakeAt: 9 }, /before 10/],
  ['a wake-up that is no number', { wakeAt: Number.NaN }, /not a number/],
  ['an Edge that is not joined', { frames: [{ ...good, edge: 5 }] }, /Edge 5, which is not joined/],
  ['a Shape that the Edge does not have', { frames: [{ ...good, shape: 1 }] }, /Shape 1/],
  ['a ticket that is not open', { frames: [{ ...good, ticket: 6 }] }, /ticket 6, which is not open/],
  ['parts that are not there', { frames: [{ ...good, partCount: 3 }] }, /has parts 0 and 3 more, of 2/],
  ['more skipped than there is', { frames: [{ ...good, skipHeaders: 3 }] }, /skips more parts/],
  ['bytes beyond the arena', { parts: [{ ...header, length: 21 }, body] }, /21 bytes at 0/],
  ['withheld bytes of nobody', { parts: [header, { ...body, offset: 9001 }] }, /100 withheld bytes at 9001/],
  ['a frame that is too large', { arena: new Uint8Array(70_000), ...large() }, /has 70000 bytes/],
  ['an end of a ticket that goes on', { ends: [{ ticket: 7, reason: 0 }] }, /ends and goes on/],
  ['an end of a ticket that is not open', { ends: [{ ticket: 6, reason: 0 }] }, /not open/],
  [
    'two ends of a ticket',
    {
      ends: [
        { ticket: 8, reason: 0 },
        { ticket: 8, reason: 0 },
      ],
    },
    /ends twice/,
  ],
  ['a reason that is not described', { ends: [{ ticket: 8, reason: 1 }] }, /reason 1/],
  ['a pause of an Edge that is not joined', { paused: [5] }, /Edge 5 is paused/],
])('%s is found', (_, change, message) => {
  const rules = broken(change);
  expect(rules).toHaveLength(1);
  expect(rules[0]).toMatch(message);
});

test('a ticket that went on is not open any more', () => {
  const ledger: Ledger = {
    description: { ...emptyPiece(), reasons: [] },
    edges: new Map(),
    listened: new Map(),
    open: new Map(),
  };
  enter(ledger, [good], [header, body]);
  brokenRules(ledger, 0, {
    frames: [good],
    parts: [header, body],
    arena: new Uint8Array(20),
    ends: [],
    paused: [],
    wakeAt: 1,
  });
  expect(ledger.open.size).toBe(0);
});

test('the suite finds a piece that describes itself in two ways, keeps half a state, and ends what is not its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'funnel-bad-piece-'));
  try {
    mkdirSync(join(folder, 'assembly'));
    writeFileSync(join(folder, 'assembly', 'index.ts'), BAD_PIECE);
    const component = await buildPiece(folder);
    const failed: string[] = [];
    for (const { name, run } of complianceChecks(component)) await run().catch(() => failed.push(name));
    expect(failed).toEqual([
      'describes itself by default, always the same, and calls nothing of the host',
      'accepts without changing anything',
      'saves without changing anything, and restores what it saved',
      'bears any traffic, keeps the rules of an outcome, and does the same by offset as through bindings',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 300_000);

const BAD_PIECE = `
import { Batch, Description, Direction, Outcome, Piece, Reach, Settings, State } from 'funnel-tunnel/as';
class Bad extends Piece {
  times: i32 = 0;
  deadline: f64 = 500;
  describe(d: Description, settings: Settings): void {
    d.piece('bad', '0.1.' + (this.times++ == 1 ? '1' : '0'), 'Breaks rules.');
    d.edge('net').shape('ip', Direction.Up, Reach.Headers);
    d.reason('lost', true, 'It is lost.');
  }
  state(state: State): void {
    this.deadline = state.f64(this.deadline);
    if (!state.isRestoring) this.deadline += 1;
  }
  process(now: f64, batch: Batch, out: Outcome): void {
    for (let i = 0; i < batch.length; i++) out.end(batch.frame(i).ticket + 1, 0);
  }
}
export function create(): Piece { return new Bad(); }
`;

function large(): Partial<Outcome> {
  const whole: Part = { ...header, length: 70_000 };
  return { frames: [{ ...good, partCount: 1 }], parts: [whole] };
}

function emptyPiece(): Piece {
  return {
    name: 'x',
    version: '1.0.0',
    summary: 'x',
    protocols: [],
    edges: [],
    curves: [],
    settings: [],
    reasons: [],
  };
}
