import { describe, expect, it } from 'vitest';
import { isSameStatus, type PieceStatus } from './piece-status.ts';

const status: PieceStatus = { health: 'good', summary: 'it runs', facts: { address: 'fc64::1', peers: '2' } };

describe('isSameStatus', () => {
  it.each<[string, PieceStatus | undefined, PieceStatus | undefined, boolean]>([
    ['nothing and nothing', undefined, undefined, true],
    ['a status and nothing', status, undefined, false],
    ['nothing and a status', undefined, status, false],
    ['a status and a copy', status, structuredClone(status), true],
    ['another health', status, { ...status, health: 'failed' }, false],
    ['another summary', status, { ...status, summary: 'it stops' }, false],
    ['another value', status, { ...status, facts: { address: 'fc64::1', peers: '3' } }, false],
    ['another name', status, { ...status, facts: { address: 'fc64::1', others: '2' } }, false],
    ['another order', status, { ...status, facts: { peers: '2', address: 'fc64::1' } }, false],
    ['one fact less', status, { ...status, facts: { address: 'fc64::1' } }, false],
    ['one fact more', { ...status, facts: { address: 'fc64::1' } }, status, false],
  ])('compares %s', (_, a, b, isSame) => {
    expect(isSameStatus(a, b)).toBe(isSame);
  });
});
