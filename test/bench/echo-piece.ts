import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, type LoadOptions, loadComponent } from '../../host/engine/load-component.ts';
import type { Frames } from '../../host/frame/frames.ts';
import { environmentOf } from '../../host/puzzle/runtime/component-environment.ts';
import type { Protocols } from '../../host/stack/protocols.ts';
import { projectRoot } from '../net/project-root.ts';
import { quietContext } from './quiet-context.ts';

/** The file of a built piece. */
export function pieceFile(name: string): string {
  return join(projectRoot, 'dist', 'pieces', `${name}.wasm`);
}

export function loadPiece(name: string, options?: LoadOptions): Promise<LoadedComponent> {
  return loadComponent(readFileSync(pieceFile(name)), options);
}

/** The piece `echo`, started and joined by both Edges, `a` as number 0 and `b` as number 1. */
export function startEcho(
  component: LoadedComponent,
  { frames, protocols, reach, stack }: EchoOptions,
): ComponentPiece {
  const settings = [
    ['stack', stack],
    ['whole', String(reach === 'whole-frame')],
  ] as const;
  const description = component.describe(settings);
  if (!('name' in description)) throw new Error(description.map(({ message }) => message).join('; '));
  const piece = new ComponentPiece(
    component,
    description,
    settings,
    environmentOf(quietContext('echo'), frames, protocols),
  );
  const problems = piece.start(performance.now());
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '));
  for (const edge of [0, 1])
    piece.join({ edge, described: edge, shape: 0, joint: `net${edge}`, properties: [] });
  return piece;
}

export interface EchoOptions {
  readonly frames: Frames;
  readonly protocols: Protocols;
  readonly reach: 'headers' | 'whole-frame';
  readonly stack: string;
}
