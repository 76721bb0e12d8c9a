import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description } from '../../abi/host/contract.ts';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import type { Grant } from '../../host/engine/grants.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { Frames } from '../../host/frame/frames.ts';
import type { LaneEvent } from '../../host/puzzle/failures.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { LogEntry } from '../../host/puzzle/log-entry.ts';
import type { PieceMaker } from '../../host/puzzle/piece-maker.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from '../../host/puzzle/scripted-piece.ts';
import { protocolsOfPuzzle, surroundingsOf } from '../../host/puzzle/surroundings.ts';

/**
 * A lane with a hostile piece, and honest ones around it:
 *
 * ```
 *   top ──┬── hostile (ipv6) ──┬── bottom          left ── echo ── right
 *         └── honest  (ipv4) ──┘
 * ```
 *
 * `honest` shares both networks with the hostile piece, `echo` shares nothing but the lane. In each round some packets go
 * through all of them, and what comes out of the honest ones is compared byte by byte.
 */
export class HostileScene {
  readonly events: LaneEvent[] = [];
  readonly logs: LogEntry[] = [];
  readonly ends: Record<string, ScriptedPiece> = {};
  readonly lane: Lane;
  now = 1000;
  #round = 0;

  private constructor() {
    this.lane = new Lane({
      frames: new Frames({ smallRows: 2560, largeRows: 16 }),
      protocols,
      now: () => this.now,
      onEvent: (event) => this.events.push(event),
      onLog: (entry) => this.logs.push(entry),
    });
  }

  /** With the hostile piece in its place. */
  static async with(bytes: Uint8Array, options: HostileOptions = {}): Promise<HostileScene> {
    const scene = new HostileScene();
    const loaded = await loadComponent(bytes, { grants: options.grants ?? EVERYTHING });
    const echo = await loadEcho();
    const makers = [
      scene.#end('top', 'down', 'upper'),
      scene.#end('bottom', 'up', 'lower'),
      component(
        'hostile',
        loaded,
        options.description ?? hostileDescription(options.reach),
        options.settings ?? [],
        'upper',
        'lower',
        options.failure ?? 'closed',
      ),
      component(
        'honest',
        echo,
        describe(echo, [['stack', 'ipv4']]),
        [['stack', 'ipv4']],
        'upper',
        'lower',
        'closed',
      ),
      scene.#end('left', 'down', 'west'),
      component('echo', echo, describe(echo, []), [], 'west', 'east', 'closed'),
      scene.#end('right', 'up', 'east'),
    ];
    await scene.lane.start(makers);
    return scene;
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

  /** Packets for everybody; what the honest pieces pass on must be what they got. Answers how many the hostile one got. */
  round(packets = 3): void {
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
  }

  /** Packets that came out of the hostile piece in the last round, downwards. */
  get passed(): number[][] {
    return bytesOf(this.ends.bottom!).filter((bytes) => !isIpv4(bytes));
  }

  /** As many milliseconds go by. */
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

  /** Ends it; everything that was in the lane must be free again. */
  close(): void {
    this.lane.close();
    expect(this.lane.frames.freeRows).toBe(this.lane.frames.rows);
  }

  #end(name: string, direction: 'up' | 'down', network: string): PieceMaker {
    const description = describePiece(name, 'ip', direction);
    return {
      place: { name, description, edges: new Map([['net', [network]]]) },
      kind: 'native',
      failure: 'closed',
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
  readonly failure?: 'closed' | 'restart';
  readonly settings?: readonly (readonly [string, string])[];
  readonly description?: Description;
  /** All of them when left out. */
  readonly grants?: ReadonlySet<Grant>;
}

const protocols = protocolsOfPuzzle();
const EVERYTHING: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'listen', 'offer']);

let echoLoaded: Promise<LoadedComponent> | undefined;

function loadEcho(): Promise<LoadedComponent> {
  echoLoaded ??= loadComponent(readFileSync(join(packageRoot(), 'dist', 'pieces', 'echo.wasm')));
  return echoLoaded;
}

/** What a hostile piece in text says of itself, said by the test: two Edges, IPv6 on both. */
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
      { name: 'lost', loss: true },
      { name: 'done', loss: false },
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

function component(
  name: string,
  loaded: LoadedComponent,
  description: Description,
  settings: readonly (readonly [string, string])[],
  a: string,
  b: string,
  failure: 'closed' | 'restart',
): PieceMaker {
  return {
    place: {
      name,
      description,
      edges: new Map([
        ['a', [a]],
        ['b', [b]],
      ]),
    },
    kind: 'component',
    failure,
    make: (context, frames) =>
      new ComponentPiece(loaded, description, settings, surroundingsOf(context, frames, protocols)),
  };
}

function bytesOf(end: ScriptedPiece): number[][] {
  return end.taken.map(({ bytes }) => bytes);
}

function isIpv4(bytes: readonly number[]): boolean {
  return bytes[0]! >> 4 === 4;
}
