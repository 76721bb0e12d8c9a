import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MistakePlaces, type NetworkUse, networksOf } from '../configuration/network-use.ts';
import { checkConfiguration } from './check-configuration.ts';

/*
 * The work of a check grows with the configuration, not with its square. No test here measures time: they
 * count work, or bound the number of comparisons.
 */

const hubOn = (networks: number) => ({
  pieces: {
    hub: {
      piece: 'hub',
      settings: { stack: 'ip' },
      edges: { net: Array.from({ length: networks }, (_, n) => `n${n}`) },
    },
  },
});

it('a piece on more networks than Edges have numbers is refused at once, by one mistake', async () => {
  const codes = async (networks: number) =>
    (await checkConfiguration(hubOn(networks))).mistakes.map(({ code, path }) => ({ code, path }));
  expect(await codes(256)).toEqual([{ code: 'FT_EDGE_REPEATED', path: ['pieces', 'hub', 'edges'] }]);
  expect((await codes(255)).filter(({ code }) => code === 'FT_EDGE_REPEATED')).toEqual([]);
});

it('mistakes by the hundred get a hundred hints, since each compares a name with all others', async () => {
  const pieces = Object.fromEntries(
    Array.from({ length: 150 }, (_, n) => [
      `p${n}`,
      { piece: 'echo', edges: { a: `left${n}`, b: `right${n}` } },
    ]),
  );
  const { mistakes } = await checkConfiguration({ pieces });
  expect(mistakes.length).toBe(300);
  expect(mistakes.filter(({ hint }) => hint?.startsWith('did you mean') === true).length).toBe(100);
});

it('instances with the same settings are described once', async () => {
  const pieces = Object.fromEntries(
    Array.from({ length: 20 }, (_, n) => [
      `p${n}`,
      { piece: 'echo', edges: { a: `n${n}`, b: `n${(n + 1) % 20}` } },
    ]),
  );
  const { puzzle, mistakes } = await checkConfiguration({ pieces });
  expect(mistakes).toEqual([]);
  expect(new Set(puzzle!.pieces.map(({ place }) => place.description)).size).toBe(1);
});

it('the place of a mistake is that of the first use that fits', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const edges = fc.dictionary(name, fc.oneof(name, fc.uniqueArray(name, { minLength: 1 })));
  const pieces = fc.dictionary(name, fc.record({ piece: fc.constant('echo'), edges }));
  const some = fc.option(name, { nil: undefined });
  fc.assert(
    fc.property(pieces, fc.tuple(some, name, name), (given, [network, piece, edge]) => {
      const used = networksOf(Object.entries(given));
      const all: (NetworkUse & { network: string })[] = [...used].flatMap(([each, uses]) =>
        uses.map((use) => ({ network: each, ...use })),
      );
      const fits = all.find(
        (use) => (network ?? use.network) === use.network && use.piece === piece && use.edge === edge,
      );
      const mistake = {
        code: 'FT_X',
        message: '',
        piece,
        edge,
        ...(network === undefined ? {} : { network }),
      };
      const found = new MistakePlaces(used).pathOf(mistake);
      expect(found.path).toEqual(fits?.path ?? ['pieces', piece, 'edges', edge]);
    }),
  );
});
