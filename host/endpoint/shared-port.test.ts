import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openSharedPort } from './shared-port.ts';

it('finds a port that is free in both families wherever there is one, and keeps no other open', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 5000, max: 5031 }), { maxLength: 32 }),
      fc.uniqueArray(fc.integer({ min: 5000, max: 5031 }), { maxLength: 32 }),
      (used4, used6) => {
        const used = { 4: new Set(used4), 6: new Set(used6) };
        const open = new Set<string>();
        const close = ({ port, family }: { port: number; family: 4 | 6 }) => {
          used[family].delete(port);
          open.delete(`${family} ${port}`);
        };
        const free = Array.from({ length: 32 }, (_, n) => 5000 + n).find(
          (port) => !used4.includes(port) && !used6.includes(port),
        );
        const run = () =>
          openSharedPort(
            0,
            [4, 6] as const,
            (asked, family) => {
              let port = asked === 0 ? 5000 : asked;
              while (asked === 0 && used[family].has(port)) port++;
              if (used[family].has(port) || port > 5031) throw inUse();
              used[family].add(port);
              open.add(`${family} ${port}`);
              return { port, family };
            },
            close,
          );
        if (free === undefined) expect(run).toThrow('in use');
        else run();
        expect([...open]).toEqual(free === undefined ? [] : [`4 ${free}`, `6 ${free}`]);
      },
    ),
  );
});

it.each([
  ['of a port that was asked for', 7000, 'in use'],
  ['of another reason', 0, 'no permission'],
])('tries no other port because %s', (_why, port, message) => {
  let opened = 0;
  let closed = 0;
  const open = (asked: number, family: 4 | 6) => {
    if (family === 6) throw message === 'in use' ? inUse() : new Error(message);
    opened++;
    return { port: asked };
  };
  expect(() => openSharedPort(port, [4, 6] as const, open, () => closed++)).toThrow(message);
  expect([opened, closed]).toEqual([1, 1]);
});

it('leaves out a family that the system lacks', () => {
  const ports: number[] = [];
  openSharedPort(
    7000,
    [4, 6] as const,
    (port, family) => {
      if (family === 6) return undefined;
      ports.push(port);
      return { port };
    },
    () => ports.pop(),
  );
  expect(ports).toEqual([7000]);
});

function inUse(): Error {
  return new Error('in use', { cause: Object.assign(new Error(), { code: 'EADDRINUSE' }) });
}
