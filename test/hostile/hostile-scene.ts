import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description } from '../../abi/host/contract.ts';
import type { Grant } from '../../host/engine/component/grants.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { Frames } from '../../host/frame/frames.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { FailurePolicy, PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf, protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import type { LaneEvent } from '../../host/puzzle/runtime/failures.ts';
import type { LogEntry } from '../../host/puzzle/runtime/log-entry.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from '../../host/puzzle/testing/scripted-piece.ts';

/**
 * A lane with a hostile piece, and honest ones around it:
 *
 * ```
 *   top ──┬── hostile (ipv6) ──┬── bottom          left ── echo ── right
 *         └── honest  (ipv4) ──┘
 * ```
 *
 * `honest` shares both networks with the hostile piece, `echo` shares nothing but the lane. In each round
 * some packets go through all of them, and what comes out of the honest ones is compared byte by byte.
 * Accomplices have networks of their own.
 */
export class HostileScene {
  readonly events: LaneEvent[] = [];
  readonly logs: LogEntry[] = [];
  readonly ends: Record<string, ScriptedPiece> = {};
  readonly lane: Lane;
  now = 1000;
  #round = 0;
  #makers: readonly PieceMaker[] = [];

  private constructor() {
    this.lane = new Lane({
      frames: new Frames({ smallRows: 2560, largeRows: 16 }),
      protocols,
      now: () => this.now,
      onEvent: (event) => this.events.push(event),
      onLog: (entry) => this.logs.push(entry),
    });
  }

  /** Puts the hostile piece in its place. */
  static async with(bytes: Uint8Array, options: HostileOptions = {}): Promise<HostileScene> {
    const scene = new HostileScene();
    const echo = await loadEcho();
    const four = [['stack', 'ipv4']] as const;
    const makers = [
      scene.#end('top', 'down', 'upper'),
      scene.#end('bottom', 'up', 'lower'),
      await hostile('hostile', bytes, options),
      component('honest', echo, { description: describe(echo, four), settings: four }),
      scene.#end('left', 'down', 'west'),
      component('echo', echo, { description: describe(echo, []), networks: ['west', 'east'] }),
      scene.#end('right', 'up', 'east'),
      scene.#end('spare', 'up'),
    ];
    for (const [name, accomplice] of Object.entries(options.accomplices ?? {})) {
      const networks = accomplice.networks ?? [`above ${name}`, `below ${name}`];
      makers.push(await hostile(name, accomplice.bytes, { ...accomplice, networks }));
    }
    const lonely = makers.flatMap(({ place }) =>
      ['a', 'b']
        .flatMap((edge) => place.edges.get(edge) ?? [])
        .map((network) => [place.edges.get('a')?.[0] === network, network] as const),
    );
    for (const [isAbove, network] of lonely)
      if (makers.filter(({ place }) => [...place.edges.values()].flat().includes(network)).length === 1)
        makers.push(scene.#end(network, isAbove ? 'down' : 'up', network));
    scene.#makers = makers;
    await scene.lane.start(makers);
    return scene;
  }

  /**
   * Changes the lane while it runs: the hostile piece becomes another, or its Edge `b` is joined elsewhere;
   * all others stay.
   */
  async change(bytes: Uint8Array, options: HostileOptions): Promise<void> {
    const changed = await hostile('hostile', bytes, options);
    const makers = this.#makers.map((maker) => {
      if (maker.place.name === 'spare' && options.networks !== undefined)
        return { ...maker, place: { ...maker.place, edges: new Map([['net', [options.networks[1]]]]) } };
      return maker.place.name === 'hostile' ? changed : maker;
    });
    await this.lane.apply(makers);
    this.#makers = makers;
  }

  /** The makers alone, for tests of starting. */
  static async start(
    bytes: Uint8Array,
    options: HostileOptions = {},
  ): Promise<{ scene: HostileScene } | { error: unknown }> {
    try {
      return { scene: await HostileScene.with(bytes, options) };
    } catch (error) {
      return { error };
    }
  }

  /**
   * Sends packets to all. Honest pieces must pass on what they got. Returns what the hostile piece got from
   * above.
   */
  round(packets = 3): number[][] {
    const n = ++this.#round;
    const six = Array.from({ length: packets }, (_, i) => ipv6([...udp(n, i), n & 255, i]).with(5, 10));
    const four = Array.from({ length: packets }, (_, i) => ipv4([...udp(n, i), i, n & 255]));
    const { top, bottom, left, right } = this.ends as Record<
      'top' | 'bottom' | 'left' | 'right',
      ScriptedPiece
    >;
    for (const end of [top, bottom, left, right]) end.taken.length = 0;
    left.bring(0, ...six, ...four);
    top.bring(0, ...four.slice(0, 1), ...six, ...four.slice(1));
    bottom.bring(0, ...four.slice(0, 2), ...six.slice(0, 1));
    right.bring(0, ...four, ...six);
    expect(bytesOf(right)).toEqual([...six, ...four]);
    expect(bytesOf(left)).toEqual([...four, ...six]);
    expect(bytesOf(bottom).filter(isIpv4)).toEqual(four);
    expect(bytesOf(top).filter(isIpv4)).toEqual(four.slice(0, 2));
    return six;
  }

  /** Packets that came out of the hostile piece in the last round, downwards. */
  get passed(): number[][] {
    return bytesOf(this.ends.bottom!).filter((bytes) => !isIpv4(bytes));
  }

  /** Lets this many milliseconds pass. */
  wait(ms: number): void {
    this.now += ms;
    this.lane.run();
  }

  piece(name: string) {
    return this.lane.snapshot().pieces.find((piece) => piece.name === name)!;
  }

  faults(): string[] {
    return this.events.flatMap((event) => (event.kind === 'fault' ? [`${event.piece} ${event.code}`] : []));
  }

  /** Ends the scene; everything that was in the lane must be free again. */
  close(): void {
    this.lane.close();
    expect(this.lane.frames.freeRows).toBe(this.lane.frames.rows);
  }

  #end(name: string, direction: 'up' | 'down', network?: string): PieceMaker {
    const { edges, ...rest } = describePiece(name, 'ip', direction);
    // One of them waits until another Edge is joined there.
    const description = {
      ...rest,
      edges: edges.map((edge) => ({ ...edge, optional: network === undefined })),
    };
    return {
      place: { name, description, edges: new Map([['net', network === undefined ? [] : [network]]]) },
      kind: 'native',
      failure: 'closed',
      identity: name,
      make: (context, frames) => {
        const piece = new ScriptedPiece(description, context, frames, protocols);
        this.ends[name] = piece;
        return piece;
      },
    };
  }
}

export interface HostileOptions {
  readonly reach?: 'headers' | 'whole-frame';
  readonly failure?: FailurePolicy;
  readonly settings?: readonly (readonly [string, string])[];
  readonly description?: Description;
  /** All of them if left out. */
  readonly grants?: ReadonlySet<Grant>;
  /** The networks of its two Edges. */
  readonly networks?: readonly [string, string];
  readonly saveEveryMs?: number;
  /** Pieces with the same identity are the same piece in a change. */
  readonly identity?: string;
  /**
   * Other hostile pieces, by name. A network without another Edge gets an end, with the name of the network.
   */
  readonly accomplices?: Readonly<Record<string, HostileOptions & { readonly bytes: Uint8Array }>>;
}

const protocols = protocolsOfPuzzle();
const EVERYTHING: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);

let echoLoaded: Promise<LoadedComponent> | undefined;

function loadEcho(): Promise<LoadedComponent> {
  echoLoaded ??= loadComponent(readFileSync(join(packageRoot(), 'dist', 'pieces', 'echo.wasm')));
  return echoLoaded;
}

/** The description of a hostile piece in text, by the test: two Edges, IPv6 on both. */
export function hostileDescription(reach: 'headers' | 'whole-frame' = 'whole-frame'): Description {
  const edge = (name: string, direction: 'up' | 'down') => ({
    name,
    optional: false,
    repeated: false,
    shapes: [{ stack: 'ipv6', direction, reach, properties: [] }],
  });
  return {
    name: 'hostile',
    version: '6.6.6',
    summary: 'Does what it must not.',
    protocols: [['ipv6', undefined]],
    edges: [edge('a', 'up'), edge('b', 'down')],
    curves: [],
    settings: [],
    reasons: [
      { name: 'lost', loss: true, summary: 'It is lost.' },
      { name: 'done', loss: false, summary: 'It is done.' },
    ],
  };
}

export function describe(
  loaded: LoadedComponent,
  settings: readonly (readonly [string, string])[],
): Description {
  const description = loaded.describe(settings);
  if (!('edges' in description)) throw new Error(JSON.stringify(description));
  return description;
}

async function hostile(name: string, bytes: Uint8Array, options: HostileOptions): Promise<PieceMaker> {
  const loaded = await loadComponent(bytes, { grants: options.grants ?? EVERYTHING });
  return component(name, loaded, options);
}

function component(name: string, loaded: LoadedComponent, options: HostileOptions): PieceMaker {
  const { networks = ['upper', 'lower'], settings = [], saveEveryMs } = options;
  const description = options.description ?? hostileDescription(options.reach);
  return {
    place: {
      name,
      description,
      edges: new Map([
        ['a', [networks[0]]],
        ['b', [networks[1]]],
      ]),
    },
    kind: 'component',
    failure: options.failure ?? 'closed',
    identity: options.identity ?? name,
    ...(saveEveryMs === undefined ? {} : { saveEveryMs }),
    make: (context, frames) =>
      new ComponentPiece(loaded, description, settings, environmentOf(context, frames, protocols)),
  };
}

function bytesOf(end: ScriptedPiece): number[][] {
  return end.taken.map(({ bytes }) => bytes);
}

function isIpv4(bytes: readonly number[]): boolean {
  return bytes[0]! >> 4 === 4;
}
