import { describe, expect, it } from 'vitest';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { soakEndpoint, soakedEndpoints } from './endpoint-soak.ts';
import { describeSoak, isFlat, soak, soakedPieces } from './soak.ts';

// The short form of `npm run soak`, which passes ten million frames through each piece.

checkForLeaks();

const FRAMES = 200_000;

describe('two hundred thousand frames leave nothing behind', () => {
  for (const name of soakedPieces()) {
    it(`in ${name}`, async () => {
      const report = await soak(name, FRAMES);
      expect(report.brought).toBeGreaterThanOrEqual(FRAMES);
      // Most go on or are answered; a piece that took none would pass this test for nothing.
      expect(report.taken + report.ended).toBeGreaterThan(FRAMES / 2);
      expect(report.taken).toBeGreaterThan(FRAMES / 20);
      expect(isFlat(report), describeSoak(report)).toBe(true);
    });
  }

  for (const name of soakedEndpoints) {
    it(`in ${name}`, async () => {
      const report = await soakEndpoint(name, FRAMES);
      expect(report.brought).toBeGreaterThanOrEqual(FRAMES);
      // A datagram may get lost in the system; a capture loses nothing.
      expect(report.taken + report.ended).toBeGreaterThan(FRAMES * 0.9);
      expect(isFlat(report), describeSoak(report)).toBe(true);
    });
  }
});
