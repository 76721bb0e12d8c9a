import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConnectionTable } from './connection-table.ts';

/** Few keys, so that they meet; an IPv4 address and its mapped form are the same. */
const key = fc.record({
  local: fc.nat(3),
  remote: fc.nat(9),
  address: fc.array(fc.constantFrom(0, 1, 255), { minLength: 4, maxLength: 4 }),
});

test('finds, adds and removes like a map', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('add', 'remove', 'find'), key), { maxLength: 400 }),
      (calls) => {
        const table = new ConnectionTable<{ readonly name: string }>();
        const model = new Map<string, { readonly name: string }>();
        const bytes = new Uint8Array(32);
        for (const [call, { local, remote, address }] of calls) {
          bytes.set([local, 7, 9, remote, ...address]);
          table.setKey(bytes, 0, 2, 4, true);
          const name = bytes.join();
          const value = model.get(name);
          if (call === 'find') expect(table.find()).toBe(value);
          else if (call === 'add') {
            const made = { name };
            expect(table.add(made)).toBe(value === undefined);
            if (value === undefined) model.set(name, made);
          } else if (value !== undefined) {
            table.remove({ name });
            expect(table.find()).toBe(value);
            table.remove(value);
            model.delete(name);
          }
          expect(table.size).toBe(model.size);
        }
        for (const [name, value] of model) {
          bytes.set(name.split(',').map(Number));
          table.setKey(bytes, 0, 2, 4, true);
          expect(table.find()).toBe(value);
        }
      },
    ),
  );
});
