import { describe, expect, it } from 'vitest';
import { type ComponentClaims, consentedOf, whyNoConsent } from './consent-record.ts';

const claims = (changes: Partial<ComponentClaims> = {}): ComponentClaims => ({
  piece: './mine.wasm',
  name: 'mine',
  version: '1.0.0',
  sha256: 'a'.repeat(64),
  wants: { grants: ['log'], edges: { a: ['ip up headers'] } },
  ...changes,
});

describe('a consent', () => {
  const consented = consentedOf(claims());
  const other = { sha256: 'b'.repeat(64) };

  it('covers the same file, and another of the same piece that wants no more', () => {
    expect(whyNoConsent(consented, claims())).toBeUndefined();
    expect(whyNoConsent(consented, claims({ ...other, version: '1.1.0' }))).toBeUndefined();
  });

  it('does not cover another piece in its place, even if it wants the same', () => {
    expect(whyNoConsent(consented, claims({ ...other, name: 'theirs' }))).toContain(
      'is another piece than mine',
    );
  });

  it('does not cover more than recorded, nor an instance that was never recorded', () => {
    const more = { grants: ['log', 'listen'], edges: { a: ['ip up headers'] } };
    expect(whyNoConsent(consented, claims({ ...other, wants: more }))).toContain('wants more than 1.0.0');
    expect(whyNoConsent(undefined, claims())).toContain('is not in the consent record');
  });
});
