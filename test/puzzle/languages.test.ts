import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf, protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { describePiece, ipv6, ScriptedPiece, udp } from '../../host/puzzle/testing/scripted-piece.ts';
import { buildCPiece } from '../fixtures/build-c-piece.ts';
import { projectRoot } from '../net/project-root.ts';

checkForLeaks();

const protocols = protocolsOfPuzzle();
const ends: Record<string, ScriptedPiece> = {};
let lane: Lane | undefined;
let inC: LoadedComponent;
let inAssemblyScript: LoadedComponent;

const hasClang = (() => {
  try {
    execFileSync('clang', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

beforeAll(async () => {
  if (!hasClang) return;
  inC = await loadComponent(await buildCPiece('plain'));
  inAssemblyScript = await loadComponent(readFileSync(join(projectRoot, 'dist', 'pieces', 'echo.wasm')));
});

afterEach(() => {
  if (lane === undefined) return; // skipped
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

it('pieces in C and in AssemblyScript stand in one puzzle, and frames pass both ways', async ({ skip }) => {
  skip(!hasClang, 'clang is not installed');
  lane = new Lane({ protocols, now: () => 0 });
  await lane.start([
    end('top', 'down', 'a'),
    component('c', inC, 'a', 'b'),
    component('as', inAssemblyScript, 'b', 'c'),
    end('bottom', 'up', 'c'),
  ]);
  const packets = Array.from({ length: 700 }, (_, n) => [...ipv6(udp(n, 9)), n & 0xff].with(5, 9));
  ends.top!.bring(0, ...packets);
  ends.bottom!.bring(0, ...packets.slice(0, 3));
  // So many are more than one turn.
  while (lane.snapshot().pieces.some(({ waiting }) => waiting > 0))
    await new Promise((resolve) => setImmediate(resolve));
  expect(ends.bottom!.taken.map(({ bytes }) => bytes)).toEqual(packets);
  expect(ends.top!.taken.map(({ bytes }) => bytes)).toEqual(packets.slice(0, 3));
});

/** A network's end: `direction` is its own. */
function end(name: string, direction: 'up' | 'down', network: string): PieceMaker {
  const description = describePiece(name, 'ip', direction);
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

/** A component with the Edges `a` (up) and `b` (down). */
function component(name: string, loaded: LoadedComponent, a: string, b: string): PieceMaker {
  const description = loaded.describe([]);
  if (!('edges' in description)) throw new Error(JSON.stringify(description));
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
    failure: 'closed',
    make: (context, frames) =>
      new ComponentPiece(loaded, description, [], environmentOf(context, frames, protocols)),
  };
}
