// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are the subject
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Entry, mergeConfigurations } from './merge-configurations.ts';
import { expandText, type Parameter, settleParameters } from './parameters.ts';

const part = { value: {}, directory: '/etc/funnel' };
const declare = (values: Record<string, unknown>): ReadonlyMap<string, Entry> =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, part, keys: new Map() }]));

function settle(
  declared: Record<string, unknown>,
  given: Record<string, string> = {},
  environment: Record<string, string> = {},
) {
  const { parameters, problems } = settleParameters(declare(declared), given, environment, () => undefined);
  return {
    values: Object.fromEntries(parameters),
    problems: problems.map(({ code, name }) => `${code} ${name}`),
  };
}

describe('the value of a parameter', () => {
  it.each([
    ['its default', { a: 5 }, {}, {}, '5'],
    ['what is given, before all else', { a: { default: 'd', env: 'A' } }, { a: 'g' }, { A: 'e' }, 'g'],
    ['its declared variable, before its default', { a: { default: 'd', env: 'A' } }, {}, { A: 'e' }, 'e'],
    ['its default where the variable is not set', { a: { default: 'd', env: 'A' } }, {}, {}, 'd'],
    ['an empty text that is given', { a: 'd' }, { a: '' }, {}, ''],
    ['a text, where it looks like a type', { a: false }, {}, {}, 'false'],
  ])('is %s', (_, declared, given, environment, text) => {
    expect(settle(declared, given, environment)).toEqual({ values: { a: { text } }, problems: [] });
  });

  it('comes from no variable that is not declared', () => {
    expect(settle({ a: null }, {}, { a: 'x', A: 'x' }).problems).toEqual(['FT_PARAMETER_MISSING a']);
  });

  it.each([
    ['FT_PARAMETER_UNKNOWN', { ab: 1 }, { ba: '' }, 'ba'],
    ['FT_PARAMETER_VALUE', { a: [1] }, {}, 'a'],
    ['FT_PARAMETER_VALUE', { a: { deflt: 1 } }, {}, 'a'],
    ['FT_PARAMETER_VALUE', { '..': 1 }, {}, '..'],
    ['FT_PARAMETER_VALUE', { a: 1 }, { a: 'x'.repeat(4097) }, 'a'],
    ['FT_PARAMETER_SECRET', { a: { file: 'k' } }, { a: 'hush' }, 'a'],
    ['FT_PARAMETER_SECRET', { a: { file: 'k', credential: 'k' } }, {}, 'a'],
    ['FT_PARAMETER_SECRET', { a: { file: 'k', default: 'hush' } }, {}, 'a'],
    ['FT_PARAMETER_SECRET', { a: { file: 'k', secret: false } }, {}, 'a'],
    ['FT_PARAMETER_SECRET', { a: { secret: true } }, {}, 'a'],
  ])('is refused by %s for %o and %o', (code, declared, given, name) => {
    expect(settle(declared, given).problems).toEqual([`${code} ${name}`]);
  });

  it('is a place where it is a secret, from the folder of its file', () => {
    expect(
      settle({ a: { file: 'k' }, b: { credential: 'c' }, c: { env: 'V', secret: true } }, {}, { V: 'hush' })
        .values,
    ).toEqual({
      a: { secret: { file: '/etc/funnel/k' } },
      b: { secret: { credential: 'c' } },
      c: { secret: { env: 'V' } },
    });
  });
});

const known = new Map<string, Parameter>([
  ['name', { text: 'six' }],
  ['other', { text: '${name} $${' }],
  ['port', { text: '3653' }],
  ['old', { text: '010' }],
  ['yes', { text: 'true' }],
  ['key', { secret: { credential: 'k' } }],
]);
const expand = (text: string, isSecretPlace = false) => {
  const result = expandText(text, known, { isSecretPlace, most: 1000 });
  return 'code' in result ? result.code : result.value;
};

describe('a text with parameters', () => {
  it.each([
    ['${name}', 'six'],
    ['a${name}b${port}', 'asixb3653'],
    ['${port}', 3653],
    ['${old}', '010'],
    ['${yes}', true],
    ['${yes} ', 'true '],
    ['$${name}', '${name}'],
    ['$$${name}', '$${name}'],
    ['pa$$word$ $name $', 'pa$$word$ $name $'],
    ['${other}', '${name} $${'],
    ['${other}${name}', '${name} $${six'],
    ['${nme}', 'FT_PARAMETER_UNKNOWN'],
    ['${}', 'FT_PARAMETER_UNKNOWN'],
    ['${ name }', 'FT_PARAMETER_UNKNOWN'],
    ['${name', 'FT_PARAMETER_UNKNOWN'],
    ['${a${name}}', 'FT_PARAMETER_UNKNOWN'],
    ['${key}', 'FT_PARAMETER_SECRET'],
    ['x${key}', 'FT_PARAMETER_SECRET'],
  ])('%s becomes %s', (text, value) => {
    expect(expand(text)).toEqual(value);
  });

  it('has a secret only where it is the whole value of a setting', () => {
    expect(expand('${key}', true)).toEqual({ credential: 'k' });
    expect(expand('x${key}', true)).toBe('FT_PARAMETER_SECRET');
  });

  it('does not grow beyond its limit', () => {
    const parameters = new Map([['a', { text: 'x'.repeat(4096) }]]);
    const result = expandText('-${a}'.repeat(100_000), parameters, { isSecretPlace: false, most: 1 << 20 });
    expect(result).toMatchObject({ code: 'FT_PARAMETER_VALUE' });
  });

  it('is the text itself once `${` is written as `$${`', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'name', 'x') }), (text) => {
        fc.pre(!text.includes('$${'));
        expect(expand(text.replaceAll('${', () => '$${'))).toBe(text);
      }),
    );
  });
});

describe('the merge of includes', () => {
  const partOf = (value: Record<string, unknown>, title: string) => ({
    value,
    title,
    directory: `/${title}`,
  });
  const lone = (value: Record<string, unknown>, title: string) =>
    mergeConfigurations(partOf(value, title), []).merged;

  it('lets the keys of the including file win, and keeps the others', () => {
    const below = lone(
      {
        pieces: {
          a: {
            piece: 'tun',
            settings: { device: 'x', mtu: 1 },
            grants: ['log', 'utc'],
            edges: { ip: 'lan' },
          },
        },
        networks: { lan: { copies: true } },
      },
      'below',
    );
    const { merged, clashes } = mergeConfigurations(
      partOf(
        { pieces: { a: { settings: { mtu: 2 }, grants: ['log'], edges: ['no'] }, b: { piece: 'udp' } } },
        'own',
      ),
      [below],
    );
    expect(clashes).toEqual([]);
    expect(Object.fromEntries([...merged.pieces].map(([name, { value }]) => [name, value]))).toEqual({
      a: { piece: 'tun', settings: { device: 'x', mtu: 2 }, grants: ['log'], edges: ['no'] },
      b: { piece: 'udp' },
    });
    const origins = [...merged.pieces.get('a')!.keys].map(([key, { title }]) => `${key} ${title}`);
    expect(origins.sort()).toEqual(['["edges"] own', '["grants"] own', '["settings","mtu"] own']);
    // The merge changes no include.
    expect(below.pieces.get('a')!.value).toMatchObject({ settings: { mtu: 1 } });
  });

  it('finds two includes with one entry, but not one file that is included twice', () => {
    const d = lone({ pieces: { d: { piece: 'tun' } } }, 'd');
    const b = mergeConfigurations(partOf({}, 'b'), [d]).merged;
    const c = mergeConfigurations(partOf({ pieces: { d: { piece: 'udp' } } }, 'c'), [d]).merged;
    expect(mergeConfigurations(partOf({}, 'a'), [b, d]).clashes).toEqual([]);
    expect(mergeConfigurations(partOf({}, 'a'), [b, c]).clashes).toMatchObject([
      { section: 'pieces', name: 'd' },
    ]);
  });

  it('replaces a parameter as a whole', () => {
    const below = lone({ parameters: { a: { file: 'k' } } }, 'below');
    const { merged } = mergeConfigurations(partOf({ parameters: { a: { env: 'A' } } }, 'own'), [below]);
    expect(merged.parameters.get('a')!.value).toEqual({ env: 'A' });
  });
});
