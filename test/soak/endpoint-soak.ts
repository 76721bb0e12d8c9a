import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as afterEvents } from 'node:timers/promises';
import type { Shape } from '../../abi/host/contract.ts';
import { type GivenSettings, nativePieces } from '../../host/endpoint/catalogue.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import type { LaneEvent } from '../../host/puzzle/runtime/failures.ts';
import { ipv4, udp } from '../../host/puzzle/testing/scripted-piece.ts';
import { measureMemory } from '../fixtures/measure-memory.ts';
import type { SoakReport } from './soak.ts';
import { describeEnd, SoakEnd } from './soak-end.ts';

/**
 * The endpoints that need no right and no network of their own: `udp` sends to another `udp` over loopback,
 * `unix-datagram` to another by a path, and a capture that `pcap-writer` made is read by one `pcap-reader`
 * after the other, each of which takes the place of the one before in a change.
 */
export const soakedEndpoints = ['udp', 'unix-datagram', 'pcap-writer', 'pcap-reader'] as const;
export type SoakedEndpoint = (typeof soakedEndpoints)[number];

export async function soakEndpoint(name: SoakedEndpoint, frames: number): Promise<SoakReport> {
  const scene = new EndpointScene();
  const folder = mkdtempSync(join(tmpdir(), 'soak-'));
  try {
    return await (name === 'udp'
      ? soakUdp(scene, frames)
      : name === 'unix-datagram'
        ? soakUnix(scene, frames, join(folder, 'in'))
        : name === 'pcap-writer'
          ? soakWriter(scene, frames)
          : soakReader(scene, frames, join(folder, 'some.pcapng')));
  } finally {
    scene.lane.close();
    rmSync(folder, { recursive: true });
  }
}

async function soakUdp(scene: EndpointScene, frames: number): Promise<SoakReport> {
  const [from, to] = [await freePort(), await freePort()];
  const settings = (port: number): GivenSettings => [
    ['port', String(port)],
    ['to-loopback', 'true'],
  ];
  return soakPair(scene, 'udp', frames, { from, to, left: settings(from), right: settings(to) });
}

async function soakUnix(scene: EndpointScene, frames: number, path: string): Promise<SoakReport> {
  const patience = ['patience', '60s'] as const;
  return soakPair(scene, 'unix-datagram', frames, {
    from: 5000,
    to: 53,
    left: [['connect', path], patience],
    right: [['listen', path], patience],
  });
}

/** Frames go into the endpoint `left`, and come out of `right`. */
async function soakPair(
  scene: EndpointScene,
  piece: SoakedEndpoint,
  frames: number,
  ends: {
    readonly from: number;
    readonly to: number;
    readonly left: GivenSettings;
    readonly right: GivenSettings;
  },
): Promise<SoakReport> {
  const { from, to, left, right } = ends;
  await scene.lane.start([
    scene.end('feeder', 'down', 'west'),
    // The one that is sent to opens first.
    scene.endpoint(piece, 'right', right, ['udp', 'east']),
    scene.endpoint(piece, 'left', left, ['udp', 'west']),
    scene.end('taker', 'down', 'east'),
  ]);
  const pool = Array.from({ length: 64 }, (_, n) => {
    const payload = [...udp(from, to), ...Array(n).fill(n)];
    payload[5] = payload.length;
    const packet = ipv4(payload);
    // From one address of loopback to itself; the checksum is for the endpoint to check, so it is made anew.
    return withAddresses(packet, [127, 0, 0, 1]);
  });
  return scene.run(piece, 'left', frames, async (count) => {
    const { feeder, taker } = scene.ends;
    const before = scene.brought;
    let idle = 0;
    while (scene.brought - before < count) {
      // No more is under way than the buffer of a socket takes; what the system drops all the same is waited
      // for no longer than this.
      if (scene.brought - scene.ended('left') - taker!.taken - scene.dropped < 128) {
        scene.brought += feeder!.bring(pool, 0, pool.length, scene.protocolOf);
        idle = 0;
      } else if (++idle > MOST_IDLE_TURNS) {
        scene.dropped = scene.brought - scene.ended('left') - taker!.taken;
      }
      await afterEvents();
    }
  });
}

async function soakWriter(scene: EndpointScene, frames: number): Promise<SoakReport> {
  await scene.lane.start([
    scene.end('feeder', 'down', 'net'),
    scene.endpoint('pcap-writer', 'writer', [['file', '/dev/null']], ['frames', 'net']),
  ]);
  return scene.run('pcap-writer', 'writer', frames, async (count) => {
    const before = scene.brought;
    while (scene.brought - before < count) {
      scene.brought += scene.ends.feeder!.bring(PLAIN, 0, PLAIN.length, scene.protocolOf);
      await afterEvents();
    }
  });
}

async function soakReader(scene: EndpointScene, frames: number, file: string): Promise<SoakReport> {
  const each = Math.min(20_000, Math.ceil(frames / 20));
  const recording = new EndpointScene();
  await recording.lane.start([
    recording.end('feeder', 'down', 'net'),
    recording.endpoint('pcap-writer', 'writer', [['file', file]], ['frames', 'net']),
  ]);
  let recorded = 0;
  while (recorded < each) {
    recorded += recording.ends.feeder!.bring(PLAIN, 0, PLAIN.length, recording.protocolOf);
    // The buffer of the writer is as large as a few of these.
    while (recording.ended('writer') < recorded) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  recording.lane.close();
  const taker = scene.end('taker', 'up', 'net');
  let readers = 0;
  const puzzle = (): PieceMaker[] => [
    taker,
    {
      ...scene.endpoint(
        'pcap-reader',
        'reader',
        [
          ['file', file],
          ['speed', 'fast'],
        ],
        ['frames', 'net'],
      ),
      identity: `reader ${++readers}`,
    },
  ];
  await scene.lane.start([taker, scene.end('feeder', 'down', 'net')]);
  return scene.run('pcap-reader', 'reader', frames, async (count) => {
    const before = scene.brought;
    while (scene.brought - before < count) {
      await scene.lane.apply(puzzle());
      scene.brought += recorded;
      while (scene.ends.taker!.taken < scene.brought) await afterEvents();
    }
  });
}

/** A lane on the clock of this machine, of ends and endpoints. */
class EndpointScene {
  readonly protocols = protocolsOfPuzzle();
  readonly events: LaneEvent[] = [];
  readonly lane = new Lane({ protocols: this.protocols, onEvent: (event) => this.events.push(event) });
  readonly ends: Record<string, SoakEnd> = {};
  readonly protocolOf: (packet: Uint8Array) => number;
  brought = 0;
  /** Datagrams that the system lost on the way. */
  dropped = 0;

  constructor() {
    const ipv4 = this.protocols.number('ipv4');
    this.protocolOf = () => ipv4;
  }

  end(name: string, direction: Shape['direction'], network: string): PieceMaker {
    const description = describeEnd('ip', direction);
    return {
      place: { name, description, edges: new Map([['net', [network]]]) },
      kind: 'native',
      failure: 'closed',
      identity: name,
      make: (context, frames) => {
        const end = new SoakEnd(description, context, frames, false);
        this.ends[name] = end;
        return end;
      },
    };
  }

  endpoint(
    piece: string,
    name: string,
    settings: GivenSettings,
    [edge, network]: [string, string],
  ): PieceMaker {
    const native = nativePieces.get(piece)!;
    const description = native.describe(settings);
    if (!('edges' in description)) throw new Error(`${piece}: ${JSON.stringify(description)}`);
    return {
      place: { name, description, edges: new Map([[edge, [network]]]) },
      kind: 'native',
      failure: 'closed',
      make: (context, frames) => native.make(context, frames, this.protocols, settings),
    };
  }

  /** Frames that ended in an endpoint, for whatever reason. */
  ended(name: string): number {
    const piece = this.lane.snapshot().pieces.find((each) => each.name === name);
    return piece?.reasons.reduce((sum, reason) => sum + reason.frames, 0) ?? 0;
  }

  /** As many frames as are asked for, in three parts: memory is looked at after a tenth and at the end. */
  async run(
    piece: string,
    name: string,
    frames: number,
    pass: (count: number) => Promise<void>,
  ): Promise<SoakReport> {
    const begin = performance.now();
    const { lane } = this;
    // Sockets have rows of their own that wait for datagrams, so what counts is what comes to be missing.
    const missing = () => {
      const waiting = lane.snapshot().pieces.reduce((sum, each) => sum + each.waiting + each.held, 0);
      return lane.frames.rows - lane.frames.freeRows - waiting;
    };
    await pass(Math.ceil(frames / 10));
    const early = measureMemory();
    const missingEarly = missing();
    await pass(frames - this.brought);
    await afterEvents();
    const seconds = (performance.now() - begin) / 1000;
    const end = measureMemory();
    const lostRows = missing() - missingEarly;
    const ended = this.ended(name);
    lane.close();
    return {
      piece,
      brought: this.brought,
      taken: this.ends.taker?.taken ?? 0,
      ended,
      seconds,
      early,
      end,
      lostRows,
      lostAtClose: lane.frames.rows - lane.frames.freeRows,
      faults: this.events.flatMap((event) =>
        event.kind === 'fault' ? [`${event.piece}: ${event.code}: ${event.message}`] : [],
      ),
    };
  }
}

const PLAIN = Array.from({ length: 64 }, (_, n) =>
  Uint8Array.from(ipv4([...udp(n, 7), ...Array(n).fill(n)])),
);

/** Both addresses, and the checksum of the header after it (RFC 791). */
function withAddresses(packet: readonly number[], address: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from(packet);
  bytes.set(address, 12);
  bytes.set(address, 16);
  bytes.set([0, 0], 10);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += bytes[i]! * 256 + bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.set([(~sum >>> 8) & 0xff, ~sum & 0xff], 10);
  return bytes;
}

/** One that the system gives, and that is free again. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

const MOST_IDLE_TURNS = 100_000;
