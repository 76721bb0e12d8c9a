import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description } from '../../abi/host/contract.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { fragmentIndex, LAST_FRAGMENT } from '../../host/piece/inbound-fragments.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf, protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { describePiece, ScriptedPiece } from '../../host/puzzle/testing/scripted-piece.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { be32 } from './carrier-frames.ts';

checkForLeaks();

const protocols = protocolsOfPuzzle();
let loaded: LoadedComponent;
const others = new Map<string, LoadedComponent>();
let lane: Lane;
const ends: Record<string, ScriptedPiece> = {};

beforeAll(async () => {
  const load = async (name: string) =>
    loadComponent(await builtPiece(join(packageRoot(), 'pieces-as', name)));
  loaded = await load('frame-sequence');
  for (const name of ['hub', 'tap', 'fault']) others.set(name, await load(name));
}, 300_000);

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

describe('two instances, back to back over messages', () => {
  const there = { mode: 'message-unreliable', remote: '192.0.2.2', 'max-segment': '600' };
  const here = { mode: 'message-unreliable' };

  /** Frames that leave one end go to the other, as in a network. */
  async function between(): Promise<{ top: ScriptedPiece; out: ScriptedPiece; cable: ScriptedPiece }> {
    lane = new Lane({ protocols, now: () => 0 });
    await lane.start([
      end('top', 'ip', 'down', 'a'),
      component('sender', there, 'a', 'b'),
      end('cable', 'ip/udp', 'up', 'b'),
      end('cable2', 'ip/udp', 'up', 'c'),
      component('receiver', here, 'd', 'c'),
      end('out', 'ip', 'down', 'd'),
    ]);
    return { top: ends.top!, out: ends.out!, cable: ends.cable! };
  }

  test('packets come out as they went in', async () => {
    const { top, out, cable } = await between();
    const packets = [8, 1408].map((length) =>
      packet(17, [0, 1, 0, 2, length >> 8, length & 255, 0, 0], length),
    );
    top.bring(0, ...packets);
    expect(cable.taken).toHaveLength(1 + 3);
    // To the port of the other side, with what an endpoint would have finished.
    for (const { bytes } of cable.taken) {
      const body = bytes.slice(28);
      ends.cable2!.bring(0, datagram(body));
    }
    expect(out.taken.map(({ bytes }) => bytes)).toEqual(packets);
    const { held } = lane.snapshot().pieces.find(({ name }) => name === 'receiver')!;
    expect(held).toBe(0);
  });
});

test('a frame of the other side that is no packet is not a fault of the piece', async () => {
  lane = new Lane({ protocols, now: () => 0 });
  await lane.start([
    end('cable', 'ip/udp', 'up', 'a'),
    component('receiver', { mode: 'message-unreliable' }, 'b', 'a'),
    end('out', 'ip', 'down', 'b'),
  ]);
  // A whole frame in one segment that begins as IPv4 does, and is not.
  const body = [0x70, 0, 0, 1, ...be32(0), ...be32(3), 0x45, 1, 2];
  ends.cable!.bring(0, datagram(body), datagram(body));
  const piece = lane.snapshot().pieces.find(({ name }) => name === 'receiver')!;
  expect(piece.state).toBe('running');
  expect(piece.reasons.filter(({ frames }) => frames > 0)).toMatchObject([
    { name: 'unparsable', loss: true, frames: 2 },
  ]);
});

/** A UDP datagram from elsewhere to the port of the piece. */
function datagram(body: readonly number[]): number[] {
  const length = 8 + body.length;
  const header = [...[40_000, 4294, length, 0].flatMap((each) => [each >> 8, each & 255])];
  return packet(17, [...header, ...body], length);
}

/** An IPv4 packet whose contents are filled up with nines. */
function packet(protocol: number, contents: readonly number[], length: number): number[] {
  const total = 20 + length;
  const addresses = [192, 0, 2, 2, 192, 0, 2, 1];
  const header = [0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, protocol, 0, 0, ...addresses];
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += header[i]! * 256 + header[i + 1]!;
  sum = ~((sum & 0xffff) + (sum >>> 16));
  header[10] = (sum >> 8) & 255;
  header[11] = sum & 255;
  return [...header, ...contents, ...Array(length - contents.length).fill(9)];
}

/** A network's end: `direction` is its own. */
function end(
  name: string,
  stack: string,
  direction: 'up' | 'down',
  network: string,
  available: readonly string[] = [],
): PieceMaker {
  const plain = describePiece(name, stack, direction);
  const properties = available.map((each) => ({
    wish: 'available' as const,
    property: { name: each, value: { tag: 'yes' as const } },
  }));
  const edges = plain.edges.map((edge) => ({
    ...edge,
    shapes: edge.shapes.map((shape) => ({ ...shape, properties })),
  }));
  const description = { ...plain, edges };
  return {
    place: { name, description, edges: new Map([['net', [network]]]) },
    kind: 'native',
    failure: 'closed',
    identity: name,
    make: (context, frames) => {
      ends[name] = new ScriptedPiece(description, context, frames, protocols);
      return ends[name];
    },
  };
}

function component(
  name: string,
  settings: Record<string, string>,
  frames: string,
  carrier: string,
): PieceMaker {
  return placed(loaded, name, settings, { frames: [frames], carrier: [carrier] });
}

function placed(
  component: LoadedComponent,
  name: string,
  settings: Record<string, string>,
  edges: Record<string, readonly string[]>,
): PieceMaker {
  const given = Object.entries(settings);
  const description = describeWith(settings, component);
  return {
    place: { name, description, edges: new Map(Object.entries(edges)) },
    kind: 'component',
    failure: 'closed',
    identity: JSON.stringify([name, settings]),
    make: (context, store) =>
      new ComponentPiece(component, description, given, environmentOf(context, store, protocols)),
  };
}

/** Frames of any bytes, larger than may be: they travel in fragments, marked `more`. */
describe('a large frame through a lane', () => {
  const settings = { mode: 'message-reliable', stack: 'opaque-frame', 'max-frame': '4294967295' };

  test('passes in fragments to its receiver', async () => {
    const description = describeWith(settings);
    for (const [name, definition] of description.protocols)
      if (definition !== undefined && protocols.number(name) === 0)
        protocols.defineFromText(name, definition);
    lane = new Lane({ protocols, now: () => 0 });
    await lane.start([
      end('cable', 'ip/udp', 'up', 'a', ['reliable', 'ordered', 'duplicate-free']),
      component('receiver', settings, 'b', 'a'),
      end('out', 'opaque-frame', 'down', 'b'),
    ]);
    const pieces = 100;
    for (let n = 0; n < pieces; n++) {
      const flags = 0x40 | (n === 0 ? 0x20 : 0) | (n === pieces - 1 ? 0x10 : 0);
      ends.cable!.bring(0, datagram([flags, 0, 0, 1, ...Array(1400).fill(n)]));
    }
    const bytes = ends.out!.taken.flatMap((each) => each.bytes);
    expect(bytes).toHaveLength(pieces * 1400);
    expect(bytes.every((byte, i) => byte === Math.floor(i / 1400))).toBe(true);
    expect(ends.out!.taken.length).toBeGreaterThan(2);
    expect(lane.snapshot().pieces.find(({ name }) => name === 'receiver')).toMatchObject({
      state: 'running',
      held: 0,
    });
  });
});

/**
 * Frames of two senders, larger than may pass as one, meet on one network and go on to a third place, perhaps
 * by way of others:
 *
 *   cable a ── from-a ──┐
 *                       ├── hub ──(ways)── to ── cable c · cable d ── from-c ── out
 *   cable b ── from-b ──┘
 */
describe.each(['message-reliable', 'message-unreliable'])('large frames of two senders, over %s', (mode) => {
  const large = { stack: 'opaque-frame', 'max-frame': '4294967295' };
  const incoming = { ...large, mode: 'message-reliable' };
  const orderly = ['reliable', 'ordered', 'duplicate-free'];
  let time = 0;
  let carried = 0;

  function puzzle(ways: readonly string[], senderSettings: Record<string, string> = {}): PieceMaker[] {
    const description = describeWith(incoming);
    for (const [name, definition] of description.protocols)
      if (definition !== undefined && protocols.number(name) === 0)
        protocols.defineFromText(name, definition);
    const stack = { stack: 'opaque-frame' };
    const between = ways.map((way, n) =>
      placed(others.get(way)!, `way-${n}`, stack, { a: [`way ${n}`], b: [`way ${n + 1}`] }),
    );
    return [
      end('cable-a', 'ip/udp', 'up', 'a', orderly),
      component('from-a', incoming, 'frames a', 'a'),
      end('cable-b', 'ip/udp', 'up', 'b', orderly),
      component('from-b', { ...incoming, ...senderSettings }, 'frames b', 'b'),
      placed(others.get('hub')!, 'hub', stack, { net: ['frames a', 'frames b', 'way 0'] }),
      ...between,
      component('to', { ...large, mode, remote: '192.0.2.2' }, `way ${ways.length}`, 'c'),
      end('cable-c', 'ip/udp', 'up', 'c', orderly),
      end('cable-d', 'ip/udp', 'up', 'd', orderly),
      component('from-c', { ...large, mode }, 'frames c', 'd'),
      end('out', 'opaque-frame', 'down', 'frames c'),
    ];
  }

  async function open(ways: readonly string[]): Promise<void> {
    time = 0;
    carried = 0;
    lane = new Lane({ protocols, now: () => time });
    await lane.start(puzzle(ways));
  }

  /** The segments of a frame of one byte, again and again. */
  function segmentsOf(byte: number, length: number): number[][] {
    const count = Math.ceil(length / 1400);
    return Array.from({ length: count }, (_, n) => {
      const flags = 0x40 | (n === 0 ? 0x20 : 0) | (n === count - 1 ? 0x10 : 0);
      return datagram([flags, 0, 0, byte, ...Array(Math.min(1400, length - n * 1400)).fill(byte)]);
    });
  }

  function bring(cable: string, segment: number[]): void {
    ends[cable]!.bring(0, segment);
    // Frames go on at once, as in a network, so that queues do not fill.
    const { taken } = ends['cable-c']!;
    for (; carried < taken.length; carried++)
      ends['cable-d']!.bring(0, datagram(taken[carried]!.bytes.slice(28)));
  }

  /** Whole frames that came out: their first byte and their length. None of them is mixed. */
  function cameOut(): [number, number][] {
    const { taken, fragments } = ends.out!;
    const begun = new Map<number, number[]>();
    const whole: number[][] = [];
    for (const [n, { bytes }] of taken.entries()) {
      const { messageId, fragment } = fragments[n]!;
      const before = messageId === 0 ? [] : fragmentIndex(fragment) === 0 ? [] : begun.get(messageId)!;
      const after = [...before, ...bytes];
      begun.set(messageId, after);
      if (messageId === 0 || fragment >= LAST_FRAGMENT) whole.push(after);
    }
    for (const each of whole) expect(new Set(each).size).toBe(1);
    return whole.map((each): [number, number] => [each[0]!, each.length]).sort((a, b) => a[0] - b[0]);
  }

  test('come out whole, however they mix, and whatever passes them on', async () => {
    const way = fc.constantFrom('tap', 'fault');
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.boolean()),
        fc.array(way, { maxLength: 2 }),
        async (random, ways) => {
          await open(ways);
          const [a, b] = [segmentsOf(1, 100_000), segmentsOf(2, 130_000)];
          while (a.length > 0 || b.length > 0) {
            const isA = b.length === 0 || (a.length > 0 && random.next().value);
            bring(isA ? 'cable-a' : 'cable-b', (isA ? a : b).shift()!);
          }
          expect(cameOut()).toEqual([
            [1, 100_000],
            [2, 130_000],
          ]);
          const { pieces } = lane.snapshot();
          expect(pieces.map(({ state, held }) => [state, held])).toEqual(pieces.map(() => ['running', 0]));
          lane.close();
        },
      ),
      { numRuns: 5 },
    );
  });

  test('are lost as a whole where a piece is replaced within one; the other is not disturbed', async () => {
    await open(['tap']);
    const [a, b] = [segmentsOf(1, 100_000), segmentsOf(2, 130_000)];
    for (let n = 0; n < 55; n++) {
      bring('cable-a', a.shift()!);
      bring('cable-b', b.shift()!);
    }
    await lane.apply(puzzle(['tap'], { timeout: '29s' }));
    for (const each of b) bring('cable-b', each);
    for (const each of a) bring('cable-a', each);
    // Where frames wait for one that ended in the middle, they go on when its time is over.
    time = 31_000;
    lane.run();
    for (const each of segmentsOf(3, 80_000)) bring('cable-b', each);
    expect(cameOut()).toEqual([
      [1, 100_000],
      [3, 80_000],
    ]);
    expect(lane.snapshot().pieces.map(({ held }) => held)).toEqual(lane.snapshot().pieces.map(() => 0));
  });
});

function describeWith(settings: Record<string, string>, component = loaded): Description {
  const description = component.describe(Object.entries(settings));
  if (!('edges' in description)) throw new Error(JSON.stringify(description));
  return description;
}
