import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { captureTarget } from './targets/capture-target.ts';
import { componentTarget } from './targets/component-target.ts';
import { configurationTarget } from './targets/configuration-target.ts';
import { costTarget } from './targets/cost-target.ts';
import { definitionTarget } from './targets/definition-target.ts';
import { frameSequenceTarget } from './targets/frame-sequence-target.ts';
import { outcomeTarget } from './targets/outcome-target.ts';
import { parserTarget } from './targets/parser-target.ts';
import { pieceTargets } from './targets/piece-target.ts';
import { rewriterTarget } from './targets/rewriter-target.ts';
import { rtpEncryptionTarget } from './targets/rtp-encryption-target.ts';
import { sctpTarget } from './targets/sctp-target.ts';
import { sipproxy64Target } from './targets/sipproxy64-target.ts';
import { sixbedRouterTarget, sixbedTarget } from './targets/sixbed-target.ts';
import { stackTarget } from './targets/stack-target.ts';

/** All targets: everything that takes bytes from outside, and each built piece. */
export function fuzzTargets(): readonly FuzzTarget[] {
  return [
    parserTarget,
    captureTarget,
    stackTarget,
    definitionTarget,
    configurationTarget,
    componentTarget,
    costTarget,
    rewriterTarget,
    outcomeTarget,
    sixbedTarget,
    sixbedRouterTarget,
    frameSequenceTarget,
    sipproxy64Target,
    rtpEncryptionTarget,
    sctpTarget,
    ...pieceTargets(),
  ];
}

/** The inputs that are kept for a target: former findings, and inputs that reached far. */
export function corpusOf(name: string): readonly Uint8Array[] {
  const folder = corpusFolder(name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

/** Adds inputs to the corpus, as far as there is room. */
export function keepInputs(name: string, inputs: readonly Uint8Array[]): void {
  const folder = corpusFolder(name);
  let room = MOST_KEPT - corpusOf(name).length;
  for (const input of inputs) {
    if (input.length > LARGEST_KEPT || room-- <= 0) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, createHash('sha256').update(input).digest('hex').slice(0, 12)), input);
  }
}

function corpusFolder(name: string): string {
  return join(packageRoot(), 'test', 'fuzz', 'corpus', name);
}

/** Everyone who clones the repository gets the corpus: so it is small, and each input has a use. */
const MOST_KEPT = 32;
const LARGEST_KEPT = 8192;
