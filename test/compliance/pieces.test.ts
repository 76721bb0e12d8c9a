import { describe, test } from 'vitest';
import { buildPiece } from '../../abi/build/build-piece.ts';
import { packageRoot } from '../../abi/build/package-root.ts';
import { buildCPiece } from '../fixtures/build-c-piece.ts';
import { complianceChecks } from './compliance-checks.ts';

const pieces: [string, () => Promise<Uint8Array>][] = [
  ['echo', () => buildPiece(`${packageRoot()}/pieces-as/echo`)],
  ['hub', () => buildPiece(`${packageRoot()}/pieces-as/hub`)],
  ['probe', () => buildPiece(`${packageRoot()}/test/fixtures/probe`)],
  ['pass, in C, of one core module', () => buildCPiece('plain')],
  ['pass, in C, of three core modules', () => buildCPiece('logging')],
  ['pass, in C, of four core modules', () => buildCPiece('helped')],
];

for (const [name, build] of pieces) {
  describe(name, () => {
    for (const check of complianceChecks(build)) test(check.name, check.run);
  });
}
