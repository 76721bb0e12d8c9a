import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { componentTarget } from './targets/component-target.ts';
import { configurationTarget } from './targets/configuration-target.ts';
import { outcomeTarget } from './targets/outcome-target.ts';
import { parserTarget } from './targets/parser-target.ts';
import { pieceTargets } from './targets/piece-target.ts';
import { rewriterTarget } from './targets/rewriter-target.ts';
import { sixbedRouterTarget, sixbedTarget } from './targets/sixbed-target.ts';
import { stackTarget } from './targets/stack-target.ts';

/** All targets: what anyone can send bytes to, and each built piece. */
export function fuzzTargets(): readonly FuzzTarget[] {
  return [
    parserTarget,
    stackTarget,
    configurationTarget,
    componentTarget,
    rewriterTarget,
    outcomeTarget,
    sixbedTarget,
    sixbedRouterTarget,
    ...pieceTargets(),
  ];
}

/** The inputs that are kept for a target: what once was a finding, and what reached far. */
export function corpusOf(name: string): readonly Uint8Array[] {
  const folder = join(packageRoot(), 'test', 'fuzz', 'corpus', name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}
