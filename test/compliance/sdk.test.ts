import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BuildError, buildPiece } from '../../abi/build/build-piece.ts';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Frame, HostCalls, Joining, Part, Problem } from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { complianceChecks } from './compliance-checks.ts';
import { importsOf, runByOffset } from './run-by-offset.ts';
import type { BoundComponent, BoundPiece } from './run-through-bindings.ts';

// Building takes seconds, and many more on a machine that is busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describe('the SDK, by the piece probe', () => {
  let make: BoundComponent;
  beforeAll(async () => {
    make = await runByOffset(await builtPiece(join(packageRoot(), 'test/fixtures/probe')));
  });

  test('text goes to the host as UTF-8, and numbers and addresses are written without strings', () => {
    const host = new Listener();
    expect(
      make(host).start(
        0,
        [
          ['count', '7'],
          ['note', 'ä'],
          ['router', '198.51.100.255'],
          ['note', '🛰'],
        ],
        [4],
      ),
    ).toBeUndefined();
    expect(host.said).toEqual([
      'debug started 7 198.51.100.255 ä 🛰',
      'warn -9223372036854775808 18446744073709551615 deadbeef 0',
      'error größer 日本語 🛰',
      'info 2001:db8::1',
      'info ::',
      'info 1000:1001:1002:0:1004:1005:1006:1007',
    ]);
  });

  test('all problems of the settings are reported at once, one for each setting', () => {
    const problems = make(new Listener()).describe([
      ['count', '11'],
      ['pause', 'soon'],
      ['router', '192.0.2.256'],
      ['count', '3'],
      ['colour', 'red'],
    ]) as readonly Problem[];
    expect(problems.map((problem) => problem.setting)).toEqual([
      'router',
      'count',
      'pause',
      'count',
      'colour',
    ]);
    expect(problems.map((problem) => problem.message)).toEqual([
      'router must be an IPv4 address such as 192.0.2.1, not "192.0.2.256"',
      'count must be a number from 0 to 10, not "11"',
      'pause must be a duration such as 30s or 500ms, not "soon"',
      'count can be given only once',
      'colour is not a setting of probe',
    ]);
    expect(make(new Listener()).start(0, [['key', 'wrong']], [4])).toEqual([
      { setting: 'key', message: 'key is not the key' },
    ]);
  });

  test('joining, offers and listening say what the piece says', () => {
    const host = new Listener();
    const piece = started(make, host);
    const joining: Joining = {
      edge: 5,
      described: 0,
      shape: 1,
      joint: 'lan',
      properties: [
        { name: 'reliable', value: { tag: 'yes' } },
        { name: 'größe', value: { tag: 'at-most', val: 9n } },
      ],
    };
    expect(piece.accepts(joining)).toBeUndefined();
    expect(piece.accepts({ ...joining, joint: 'forbidden-🛰' })).toEqual({
      message: 'not there',
      setting: undefined,
    });
    expect(piece.accepts({ ...joining, joint: 'forbidden-🛰!' })).toBeUndefined();
    host.said.length = 0;
    piece.join(joining);
    expect(host.said).toEqual([
      'info join 0 reliable=0 größe=2 ',
      'listen 5 1 ip/udp/5060',
      'warn kein Platz für ip/udp/5060',
      'listen 5 1 ip/udp/5062',
      'unlisten 5 7',
      'offer 5 up {"tag":"yes"} true',
      'offer 5 mtu {"tag":"at-most","val":"18446744073709551615"} true',
      'offer 5 address {"tag":"text","val":"fc64::1/114"} true',
      'offer 5 route {"tag":"text","val":"::/0"} true',
      'offer 5 address {"tag":"text","val":"fc64::1/114"} false',
    ]);
    expect(piece.listening(5, 'ip/udp/9', true)).toEqual({ message: 'port 9 is taken', setting: undefined });
    expect(piece.listening(5, 'ip/udp/90', true)).toBeUndefined();
  });

  test('frames are passed on whole, in slices, with new headers, and twice', () => {
    const piece = started(make, new Listener());
    join2(piece);
    const frames = [0, 1, 2, 3, 4, 5].map((i) =>
      frame({ edge: 5, ticket: i + 1, firstPart: 2 * i, partCount: 2 }),
    );
    const parts = frames.flatMap((_, i): Part[] => [
      { protocol: 4, role: 'header', marks: 0, offset: i * 20, length: 20 },
      { protocol: 9, role: 'payload', marks: PartMarks.withheld, offset: 10_000 + i * 100, length: 31 },
    ]);
    // This is the piece's first call, so what it does with the i-th frame is (i + 1) % 6.
    const outcome = piece.process(10, frames, parts, new Uint8Array(120));
    expect(outcome.ends).toEqual([{ ticket: 6, reason: 0 }]);
    expect(outcome.frames.map((f) => [f.edge, f.ticket, f.partCount])).toEqual([
      [6, 2, 3],
      [5, 0, 1],
      [6, 3, 2],
      [6, 3, 2],
      [6, 4, 2],
      [6, 5, 2],
    ]);
    // Ticket 1 was held; the next call ends it.
    const [sliced, own, once, again] = outcome.frames as [Frame, Frame, Frame, Frame];
    expect(again.firstPart).toBe(once.firstPart);
    expect(outcome.parts.slice(once.firstPart, once.firstPart + 2)).toEqual(parts.slice(4, 6));
    const [header, first, second] = outcome.parts.slice(sliced.firstPart, sliced.firstPart + 3) as [
      Part,
      Part,
      Part,
    ];
    expect(header).toMatchObject({
      protocol: 4,
      role: 'header',
      marks: PartMarks.unfinished,
      offset: 120,
      length: 20,
    });
    expect(first).toMatchObject({ role: 'payload', marks: PartMarks.withheld, offset: 10_100, length: 15 });
    expect(second).toMatchObject({ role: 'payload', marks: PartMarks.withheld, offset: 10_115, length: 16 });
    const timestamp = outcome.parts[own.firstPart]!;
    expect(timestamp.marks).toBe(PartMarks.unparsed);
    expect(new DataView(outcome.arena.buffer, timestamp.offset, 8).getBigUint64(0, true)).toBe(
      1_700_000_000n,
    );
    expect(outcome.wakeAt).toBe(250);
    expect(piece.process(11, [], [], new Uint8Array()).ends).toEqual([{ ticket: 1, reason: 1 }]);
  });

  test('state travels between clocks, and instants as durations', () => {
    const piece = started(make, new Listener());
    const state = piece.save(100);
    expect(state.length).toBe(4 + 8 + 4);
    const other = started(make, new Listener());
    expect(other.restore(5000, '1.2.2', state)).toBeUndefined();
    join2(other);
    expect(other.process(5000, [], [], new Uint8Array()).wakeAt).toBe(5150);
    const tooMuch = Uint8Array.from([...state, 0]);
    expect(started(make, new Listener()).restore(0, '1.2.3', tooMuch)?.message).toMatch(
      /more than this version knows/,
    );
    const badCount = state.slice();
    badCount[12] = 9;
    expect(started(make, new Listener()).restore(0, '1.2.3', badCount)?.message).toMatch(
      /more than this version can/,
    );
  });

  test('a call gives back all that it took, so memory does not grow', async () => {
    const loaded = await loadComponent(await builtPiece(join(packageRoot(), 'test/fixtures/probe')), {
      grants: new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']),
    });
    const guest = loaded.instantiate(importsOf(new Listener()));
    guest.start(0, [], [4]);
    const joining: Joining = { edge: 5, described: 1, shape: 0, joint: 'lan', properties: [] };
    guest.join(joining);
    const before = [guest.memory.buffer.byteLength, guest.realloc(8, 8)];
    guest.join(joining);
    const room = guest.realloc(1, 1_000_000);
    for (let call = 0; call < 1000; call++) {
      guest.join(joining);
      guest.accepts(joining);
      guest.ready(5, true);
      guest.save(1);
      guest.refuel(10_000_000);
      guest.postReturn(guest.process(1, room, 0, room, 0, room, 0));
    }
    expect([guest.memory.buffer.byteLength, guest.realloc(8, 8)]).toEqual(before);
  });
});

test('more than a call may bring is borne, and memory grows once', async () => {
  const loaded = await loadComponent(await builtPiece(join(packageRoot(), 'test/fixtures/probe')), {
    grants: new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']),
  });
  const guest = loaded.instantiate(importsOf(new Listener()));
  guest.start(0, [], [4]);
  const sizes = new Set<number>();
  for (let call = 0; call < 50; call++) {
    guest.refuel(10_000_000);
    const arena = guest.realloc(1, 5_000_000);
    const outcome = guest.process(1, 8, 0, 8, 0, arena, 5_000_000);
    expect(new Uint32Array(guest.memory.buffer)[outcome / 4 + 4]).toBe(arena);
    guest.postReturn(outcome);
    sizes.add(guest.memory.buffer.byteLength);
  }
  expect(sizes.size).toBe(1);
});

describe('the hub', () => {
  let make: BoundComponent;
  beforeAll(async () => {
    make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/hub')));
  });

  test('passes each frame to all other networks, withheld payload and all', () => {
    const piece = make(new Listener());
    piece.start(0, [], []);
    for (const edge of [1, 2, 3])
      piece.join({ edge, described: 0, shape: edge % 2, joint: `net-${edge}`, properties: [] });
    const parts: Part[] = [
      { protocol: 4, role: 'header', marks: 0, offset: 0, length: 20 },
      { protocol: 0, role: 'payload', marks: PartMarks.withheld, offset: 5000, length: 1400 },
    ];
    const outcome = piece.process(
      1,
      [frame({ edge: 2, ticket: 9, partCount: 2, skipHeaders: 1 })],
      parts,
      new Uint8Array(20),
    );
    expect(
      outcome.frames.map((f) => [f.edge, f.shape, f.ticket, f.firstPart, f.partCount, f.skipHeaders]),
    ).toEqual([
      [1, 1, 9, 0, 2, 1],
      [3, 1, 9, 0, 2, 1],
    ]);
    expect(outcome.parts).toEqual(parts);
    expect(outcome.ends).toEqual([]);
  });

  test('counts a frame that reaches no other Edge', () => {
    const piece = make(new Listener());
    piece.start(0, [], []);
    piece.join({ edge: 1, described: 0, shape: 0, joint: 'net', properties: [] });
    const arrive = (): unknown =>
      piece.process(1, [frame({ edge: 1, ticket: 9 })], [], new Uint8Array()).ends;
    expect(arrive()).toEqual([{ ticket: 9, reason: 0 }]);
    piece.join({ edge: 2, described: 0, shape: 0, joint: 'other', properties: [] });
    expect(arrive()).toEqual([]);
    piece.leave(2, 0);
    expect(arrive()).toEqual([{ ticket: 9, reason: 0 }]);
  });

  test('loses whole frames when there are more copies than an outcome holds', () => {
    const piece = make(new Listener());
    piece.start(0, [], []);
    for (let edge = 0; edge < 40; edge++)
      piece.join({ edge, described: 0, shape: 0, joint: 'net', properties: [] });
    const frames = Array.from({ length: 256 }, (_, i) => frame({ edge: 0, ticket: i + 1 }));
    const outcome = piece.process(1, frames, [], new Uint8Array());
    // 39 copies of a frame: 210 times that fits in 8192.
    expect(outcome.frames).toHaveLength(210 * 39);
    expect(outcome.ends).toHaveLength(46);
    expect(outcome.ends[0]).toEqual({ ticket: 211, reason: 1 });
  });

  test('carries what its setting says, in all three directions', () => {
    const description = make(new Listener()).describe([['stack', 'ethertype:ipv6']]);
    expect(
      'edges' in description && description.edges[0]!.shapes.map((s) => `${s.stack} ${s.direction}`),
    ).toEqual(['ethertype:ipv6 up', 'ethertype:ipv6 down', 'ethertype:ipv6 peer']);
  });
});

describe('building', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'funnel-build-'));
  afterAll(() => rmSync(scratch, { recursive: true }));

  test('the piece in the README is built and keeps the contract', async () => {
    const readme = readFileSync(join(packageRoot(), 'abi/as/README.md'), 'utf8');
    const source = /```ts\n(import [^`]*funnel-tunnel\/as[^`]*)```/.exec(readme)?.[1];
    expect(source, 'abi/as/README.md shows a piece').toBeDefined();
    const component = await buildPiece(folderWith('readme', source!));
    for (const check of complianceChecks(component, { calls: 50 })) await check.run();
  });

  test('a mistake in the source is reported with file, line and column', async () => {
    const folder = folderWith(
      'mistake',
      "import { Piece } from 'funnel-tunnel/as';\nexport function create(): Piece { return 5; }\n",
    );
    const error = await buildPiece(folder).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BuildError);
    expect((error as BuildError).message).toContain('assembly/index.ts(2,42)');
  });

  test('a folder without a source is reported', async () => {
    await expect(buildPiece(join(scratch, 'nothing'))).rejects.toThrow(/assembly\/index/);
  });

  function folderWith(name: string, source: string): string {
    const folder = join(scratch, name);
    mkdirSync(join(folder, 'assembly'), { recursive: true });
    writeFileSync(join(folder, 'assembly', 'index.ts'), source);
    return folder;
  }
});

/** A host that writes down what it is asked, and has room for port 5062 only. */
class Listener implements HostCalls {
  readonly said: string[] = [];

  log(level: string, message: string): void {
    this.said.push(`${level} ${message}`);
  }

  status(health: string, summary: string, facts: readonly (readonly [string, string])[]): void {
    this.said.push(`status ${health} ${summary} ${JSON.stringify(facts)}`);
  }

  random(): bigint {
    return 0xfedc_ba98_7654_3210n;
  }

  utc(): readonly [bigint, number] {
    return [1_700_000_000n, 5];
  }

  listen(edge: number, like: number, stack: string): number | Problem {
    this.said.push(`listen ${edge} ${like} ${stack}`);
    return stack === 'ip/udp/5062' ? 7 : { message: `kein Platz für ${stack}` };
  }

  unlisten(edge: number, shape: number): void {
    this.said.push(`unlisten ${edge} ${shape}`);
  }

  offer(edge: number, property: { readonly name: string; readonly value: unknown }, present: boolean): void {
    const value = JSON.stringify(property.value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
    this.said.push(`offer ${edge} ${property.name} ${value} ${present}`);
  }
}

function started(make: BoundComponent, host: HostCalls): BoundPiece {
  const piece = make(host);
  expect(piece.start(0, [], [4])).toBeUndefined();
  return piece;
}

/** Joins the inner Edge as number 5 and the outer as number 6. */
function join2(piece: BoundPiece): void {
  piece.join({ edge: 5, described: 0, shape: 0, joint: 'in', properties: [] });
  piece.join({ edge: 6, described: 1, shape: 0, joint: 'out', properties: [] });
}

function frame(fields: Partial<Frame>): Frame {
  return {
    edge: 0,
    shape: 0,
    firstPart: 0,
    partCount: 0,
    skipHeaders: 0,
    skipTrailers: 0,
    roomOffset: 0,
    roomLength: 0,
    ticket: 0,
    ...fields,
  };
}
