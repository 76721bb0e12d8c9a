import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description, Shape } from '../../abi/host/contract.ts';
import type { Grant } from '../../host/engine/component/grants.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { openKeyStore } from '../../host/policy/pieces/native-keys.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf, protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import type { LaneEvent } from '../../host/puzzle/runtime/failures.ts';
import { ipv4, ipv6, udp } from '../../host/puzzle/testing/scripted-piece.ts';
import { PeerScene, RouterScene, type Scene } from '../6bed4/random-scenes.ts';
import { randomNumbers } from '../compliance/random-traffic.ts';
import { type Memory, measureMemory } from '../fixtures/measure-memory.ts';
import { ConcentratorScene } from './concentrator-scene.ts';
import { MdnsReflectorScene } from './mdns-reflector-scene.ts';
import { PppScene } from './ppp-scene.ts';
import { RtpEncryptionScene } from './rtp-encryption-scene.ts';
import { SctpScene } from './sctp-scene.ts';
import { SipScene } from './sip-scene.ts';
import { describeEnd, SoakEnd } from './soak-end.ts';
import { SrtpScene } from './srtp-scene.ts';

export interface SoakReport {
  readonly piece: string;
  /** Frames that were brought, those that came to an end of a network, and those that ended in the piece. */
  readonly brought: number;
  readonly taken: number;
  readonly ended: number;
  readonly seconds: number;
  /** After a tenth of the frames, and at the end. */
  readonly early: Memory;
  readonly end: Memory;
  /** Rows that are not free when all is over, with the piece still there, less those that it holds; 0. */
  readonly lostRows: number;
  /** The same after the lane was closed; 0. */
  readonly lostAtClose: number;
  readonly faults: readonly string[];
}

/** The names of all built pieces that packets can be made for. */
export function soakedPieces(): readonly string[] {
  return readdirSync(join(packageRoot(), 'dist', 'pieces'))
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => basename(file, '.wasm'))
    .sort();
}

/**
 * Passes frames through one piece in a lane of its own, with an end on each of its networks, time driven by
 * the frames.
 */
export async function soak(name: string, frames: number): Promise<SoakReport> {
  const scene = SCENES[name]?.(randomNumbers(4));
  const settings = scene?.settings ?? SETTINGS[name] ?? [];
  const loaded = await loadComponent(readFileSync(join(packageRoot(), 'dist', 'pieces', `${name}.wasm`)), {
    grants: EVERYTHING,
  });
  const description = loaded.describe(settings);
  if (!('edges' in description))
    throw new Error(`${name}: ${JSON.stringify(description)}; it needs settings for its soak`);
  const protocols = protocolsOfPuzzle();
  const events: LaneEvent[] = [];
  let now = 1000;
  const lane = new Lane({ protocols, now: () => now, onEvent: (event) => events.push(event) });
  const ends: { edge: string; end: SoakEnd; pool: Uint8Array[] }[] = [];
  const place = new Map<string, string[]>();
  const makers: PieceMaker[] = [];
  for (const edge of description.edges) {
    const networks = Array.from({ length: edge.repeated ? 3 : 1 }, (_, n) => `${edge.name}-${n}`);
    place.set(edge.name, networks);
    for (const network of networks) {
      const { stack, direction } = edge.shapes[0]!;
      const endDescription = describeEnd(STACKS[name] ?? plainStack(stack), OPPOSITE[direction]);
      makers.push({
        place: {
          name: `end-of-${network}`,
          description: endDescription,
          edges: new Map([['net', [network]]]),
        },
        kind: 'native',
        failure: 'closed',
        make: (context, store) => {
          const isMirror = MIRRORS[name] === edge.name;
          const reply = scene?.reply?.bind(scene);
          const end = new SoakEnd(endDescription, context, store, isMirror, reply);
          ends.push({ edge: edge.name, end, pool: [] });
          return end;
        },
      });
    }
  }
  makers.push({
    place: { name, description, edges: place },
    kind: 'component',
    failure: 'closed',
    make: (context, store) =>
      new ComponentPiece(loaded, description, settings, {
        ...environmentOf(context, store, protocols),
        openKeyStore,
      }),
  });
  await lane.start(makers);

  const [four, six] = [protocols.number('ipv4'), protocols.number('ipv6')];
  const protocolOf = (packet: Uint8Array) => (packet[0]! >> 4 === 6 ? six : four);
  const run = (count: number): number => {
    let brought = 0;
    let at = 0;
    while (brought < count) {
      for (const { end, pool } of ends)
        if (pool.length > 0) brought += end.bring(pool, at, BATCH, protocolOf);
      at += BATCH;
      now += 1;
      lane.run();
    }
    return brought;
  };
  fillPools(ends, description, scene);
  const begin = performance.now();
  let brought = run(Math.ceil(frames / 20));
  // By now 6bed4 knows its address, and its neighbours send to that.
  if (scene !== undefined) fillPools(ends, description, scene);
  brought += run(Math.ceil(frames / 20));
  const early = measureMemory();
  brought += run(frames - brought);
  await new Promise((resolve) => setImmediate(resolve));
  const seconds = (performance.now() - begin) / 1000;
  const end = measureMemory();
  const { pieces } = lane.snapshot();
  const own = pieces.find((piece) => piece.name === name)!;
  const lostRows =
    lane.frames.rows -
    lane.frames.freeRows -
    own.held -
    pieces.reduce((sum, piece) => sum + piece.waiting, 0);
  lane.close();
  return {
    piece: name,
    brought,
    taken: ends.reduce((sum, { end }) => sum + end.taken, 0),
    ended: own.reasons.reduce((sum, reason) => sum + reason.frames, 0),
    seconds,
    early,
    end,
    lostRows,
    lostAtClose: lane.frames.rows - lane.frames.freeRows,
    faults: events.flatMap((event) =>
      event.kind === 'fault' ? [`${event.piece}: ${event.code}: ${event.message}`] : [],
    ),
  };
}

/** Packets for each end: those of the piece's own scene, or plain ones of both versions of IP. */
function fillPools(
  ends: readonly { edge: string; end: SoakEnd; pool: Uint8Array[] }[],
  description: Description,
  scene: Scene | undefined,
): void {
  if (scene === undefined) {
    for (const { edge, pool } of ends) {
      pool.length = 0;
      if (MIRRORS[description.name] === edge) continue;
      for (let n = 0; n < 256; n++) {
        const payload = [...udp(n, 5000 + n), ...Array(n % 90).fill(n)];
        pool.push(Uint8Array.from(n % 2 === 0 ? ipv4(payload) : ipv6(payload)));
      }
      // Some that have no place in a small room.
      pool.push(Uint8Array.from(ipv6(Array(60).fill(1))), large(9000));
    }
    return;
  }
  const offers = ends.flatMap(({ edge, end }) =>
    end.offers.map(({ name, value }) => `${edge} ${name} ${'val' in value ? value.val : ''}`),
  );
  for (const { pool } of ends) pool.length = 0;
  for (let n = 0; n < POOL; n++) {
    const { edge, bytes } = scene.next(offers);
    const found = ends.find((each) => each.edge === edge);
    if (found === undefined) throw new Error(`${description.name} has no Edge ${edge}`);
    // Sockets and devices do not bring such frames, so the soak does not send them either.
    if (bytes.length >= 20) found.pool.push(bytes);
  }
}

function large(bytes: number): Uint8Array {
  const packet = new Uint8Array(bytes);
  packet.set([0x60, 0, 0, 0, (bytes - 40) >> 8, (bytes - 40) & 255, 59, 64]);
  return packet;
}

/**
 * The Stack at an end of a network: the carrier's protocols without ports that only the piece knows.
 */
function plainStack(stack: string): string {
  return stack.split('/').slice(0, 2).join('/');
}

export function describeSoak({
  piece,
  brought,
  taken,
  ended,
  seconds,
  early,
  end,
  lostRows,
  lostAtClose,
  faults,
}: SoakReport): string {
  const mega = (bytes: number) => (bytes / 1024 / 1024).toFixed(2);
  return [
    `${piece.padEnd(16)} ${brought} frames in ${seconds.toFixed(1)} s, ${taken} came out, ${ended} ended in it`,
    `heap ${mega(early.heap)} to ${mega(end.heap)} MiB, resident ${mega(early.resident)} to ${mega(end.resident)} MiB`,
    `${lostRows + lostAtClose} rows lost${faults.length > 0 ? `; FAULTS: ${faults.join('; ')}` : ''}`,
  ].join('; ');
}

/** The differences that a run without losses may still leave: caches of the engine, optimised code. */
export const MOST_HEAP_GROWTH = 2 * 1024 * 1024;

export function isFlat({ early, end, lostRows, lostAtClose, faults }: SoakReport): boolean {
  return (
    end.heap - early.heap <= MOST_HEAP_GROWTH && lostRows === 0 && lostAtClose === 0 && faults.length === 0
  );
}

const OPPOSITE: Record<Shape['direction'], Shape['direction']> = { up: 'down', down: 'up', peer: 'peer' };
const SCENES: Readonly<Record<string, (random: (below: number) => number) => Scene>> = {
  '6bed4': (random) => new PeerScene(random),
  '6bed4-router': (random) => new RouterScene(random),
  concentrator: (random) => new ConcentratorScene(random),
  'mdns-reflector': (random) => new MdnsReflectorScene(random),
  ppp: (random) => new PppScene(random),
  'rtp-encryption': (random) => new RtpEncryptionScene(random),
  sctp: (random) => new SctpScene(random),
  sipproxy64: (random) => new SipScene(random),
  srtp: (random) => new SrtpScene(random),
};
/** Of pieces that have no scene, what they need to do their work. */
const SETTINGS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'frame-sequence': [
    ['mode', 'message-unreliable'],
    ['carrier', 'ipv4/udp'],
    ['remote', '192.0.2.2'],
  ],
};
/** The Stacks of ends that carry more than the first Shape of their Edge. */
const STACKS: Readonly<Record<string, string>> = { sipproxy64: 'ip/{udp,tcp}' };
/** The Edge at which what comes out is sent back in. */
const MIRRORS: Readonly<Record<string, string>> = { 'frame-sequence': 'carrier', srtp: 'protected' };
const EVERYTHING: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);
/** Frames that come at once, from each end. */
const BATCH = 64;
const POOL = 4000;
