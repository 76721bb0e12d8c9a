import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EdgeTable } from './edge-table.ts';

it('is a map from node and edge to node, whatever comes and goes', () => {
  const change = fc.tuple(
    fc.boolean(),
    fc.nat(20),
    fc.constantFrom(0, 1, 2, 65_536, 131_072, 262_144 + 5060, 262_144 + 5061),
    fc.nat(1000),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400, size: 'max' }), (changes) => {
      const table = new EdgeTable();
      const model = new Map<string, number>();
      for (const [adds, node, edge, child] of changes) {
        const key = `${node} ${edge}`;
        if (!adds) {
          table.delete(node, edge);
          model.delete(key);
        } else if (!model.has(key)) {
          table.set(node, edge, child);
          model.set(key, child);
        }
        expect(table.get(node, edge)).toBe(model.get(key) ?? -1);
      }
      expect(table.size).toBe(model.size);
      for (const [key, child] of model) {
        const [node, edge] = key.split(' ').map(Number);
        expect(table.get(node!, edge!)).toBe(child);
      }
    }),
    { numRuns: 500 },
  );
});
