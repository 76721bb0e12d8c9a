import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description } from '../../abi/host/contract.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/piece-maker.ts';
import { describePiece, ScriptedPiece } from '../../host/puzzle/scripted-piece.ts';
import { protocolsOfPuzzle, surroundingsOf } from '../../host/puzzle/surroundings.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { be32 } from './carrier-frames.ts';

checkForLeaks();

const protocols = protocolsOfPuzzle();
let loaded: LoadedComponent;
let lane: Lane;
const ends: Record<string, ScriptedPiece> = {};

beforeAll(async () => {
  loaded = await loadComponent(await builtPiece(join(packageRoot(), 'pieces-as/frame-sequence')));
}, 300_000);

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

describe('two instances, back to back over messages', () => {
  const there = { mode: 'message-unreliable', remote: '192.0.2.2', 'max-segment': '600' };
  const here = { mode: 'message-unreliable' };

  /** What goes out at one end is sent to the other, as a network would. */
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
  expect(piece.reasons.filter(({ frames }) => frames > 0)).toEqual([
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
  const given = Object.entries(settings);
  const description = describeWith(settings);
  return {
    place: {
      name,
      description,
      edges: new Map([
        ['frames', [frames]],
        ['carrier', [carrier]],
      ]),
    },
    kind: 'component',
    failure: 'closed',
    make: (context, store) =>
      new ComponentPiece(loaded, description, given, surroundingsOf(context, store, protocols)),
  };
}

/** Frames of any bytes, larger than may be: they travel in pieces, marked `more`. */
describe('a large frame through a lane', () => {
  const settings = { mode: 'message-reliable', stack: 'opaque-frame', 'max-frame': '4294967295' };

  test('passes in pieces to whoever takes it', async () => {
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

function describeWith(settings: Record<string, string>): Description {
  const description = loaded.describe(Object.entries(settings));
  if (!('edges' in description)) throw new Error(JSON.stringify(description));
  return description;
}
