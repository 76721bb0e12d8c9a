import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { MAX_SHAPES, Outlets } from './outlets.ts';

const pattern = { matches: () => true };

describe('Outlets', () => {
  it('finds every joined Edge and Shape, for any number of Edges', () => {
    const outlets = new Outlets();
    const joined = [0, 1, 3, 4, 9, 100, LIMITS.maxEdges - 1];
    for (const edge of joined) outlets.set(edge, edge % 3, edge % 2 === 0, true, pattern);
    for (let edge = 0; edge < LIMITS.maxEdges + 2; edge++) {
      for (const shape of [0, 1, 2, MAX_SHAPES - 1, MAX_SHAPES, 65_535]) {
        const isJoined = joined.includes(edge) && shape === edge % 3;
        expect(outlets.outletAt(edge, shape) >= 0, `${edge}/${shape}`).toBe(isJoined);
        if (isJoined) expect(outlets.withholds[outlets.outletAt(edge, shape)]).toBe(edge % 2 === 0);
      }
    }
    outlets.delete(9, 0);
    expect(outlets.outletAt(9, 0)).toBe(-1);
    outlets.set(10, 5, false, false, pattern);
    expect(new Set(joined.map((edge) => outlets.outletAt(edge, edge % 3))).size).toBe(joined.length);
  });

  it('refuses an Edge or a Shape beyond its bounds', () => {
    const outlets = new Outlets();
    expect(() => outlets.set(LIMITS.maxEdges, 0, false, true, pattern)).toThrow(PieceFault);
    expect(() => outlets.set(0, MAX_SHAPES, false, true, pattern)).toThrow(PieceFault);
  });
});
