import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../check/check-configuration.ts';
import type { ConfigurationObject } from './configuration-schema.ts';
import { MistakeList } from './mistake-list.ts';
import { readObject } from './read-object.ts';

const check = async (value: unknown) =>
  (await checkConfiguration(value as ConfigurationObject)).mistakes.map(({ code, message }) => ({
    code,
    message,
  }));

const self: Record<string, unknown> = { piece: 'echo' };
self.edges = { a: [self] };

const throwing = (error: unknown) => ({
  get piece(): string {
    throw error;
  },
});
const deep = (levels: number): unknown => (levels === 0 ? 'echo' : { a: deep(levels - 1) });
const trap = (name: string) =>
  new Proxy(
    {},
    {
      [name]: () => {
        throw new Error(`trapped in ${name}`);
      },
    },
  );
const unreadable = new Proxy(new Error('x'), {
  get: () => {
    throw new Error('never');
  },
  getPrototypeOf: () => {
    throw new Error('never');
  },
});

describe('a configuration object of a program', () => {
  it.each<[string, unknown, string]>([
    [
      'a getter that throws',
      { pieces: { a: throwing(new Error('no\u001b[2J')) } },
      'cannot be read: no\\u{1b}[2J',
    ],
    ['one that throws no error', { pieces: { a: throwing(undefined) } }, 'cannot be read: undefined'],
    ['one that throws what throws', { pieces: { a: throwing(unreadable) } }, 'cannot be read either'],
    ['a cycle', { pieces: { a: self } }, 'contains itself'],
    ['a proxy without keys', { pieces: trap('ownKeys') }, 'trapped in ownKeys'],
    [
      'a proxy without descriptors',
      {
        pieces: {
          a: new Proxy(
            { b: 1 },
            {
              getOwnPropertyDescriptor: () => {
                throw new Error('none');
              },
            },
          ),
        },
      },
      'none',
    ],
    ['a proxy that ended', { pieces: revoked() }, 'cannot be read'],
    [
      'a list that is a proxy with an odd length',
      {
        pieces: {
          a: {
            piece: 'echo',
            grants: new Proxy([], { get: (_list, key) => (key === 'length' ? NaN : undefined) }),
          },
        },
      },
      'more than',
    ],
    [
      'a list that is larger than memory',
      { pieces: { a: { piece: 'hub', edges: { net: new Array(2 ** 32 - 1) } } } },
      'more than 200000 values',
    ],
    [
      'many keys',
      { pieces: Object.fromEntries(Array.from({ length: 200_001 }, (_, n) => [`p${n}`, null])) },
      'more than 200000 values',
    ],
    ['much text', { pieces: { a: { piece: 'x'.repeat(2 ** 22) } } }, 'more than 4194304 characters'],
    ['deep nesting', { pieces: deep(5000) }, 'nests deeper than 16 levels'],
  ])('is refused with its place and reason: %s', async (_what, value, message) => {
    const mistakes = await check(value);
    expect(mistakes).toEqual([{ code: 'FT_CONFIG_SCHEMA', message: expect.stringContaining(message) }]);
  });

  it('is read once, so a check and what runs see the same', async () => {
    const reads: string[] = [];
    const once = (value: object): object => {
      const seen = new Set<string>();
      return new Proxy(value, {
        get: (target, key) => {
          const inner: unknown = Reflect.get(target, key);
          if (typeof inner === 'function') return inner;
          reads.push(String(key));
          // At a second time, it is another value.
          if (seen.has(String(key))) return 'tun';
          seen.add(String(key));
          return typeof inner === 'object' && inner !== null ? once(inner) : inner;
        },
      });
    };
    const { puzzle, mistakes } = await checkConfiguration(
      once({
        pieces: {
          a: { piece: 'udp', settings: { port: 4000 }, edges: { udp: 'n' } },
          h: { piece: 'hub', settings: { stack: 'ip/udp' }, edges: { net: ['n', 'm'] } },
          c: { piece: 'udp', settings: { port: 4001 }, edges: { udp: 'm' } },
        },
      }) as ConfigurationObject,
    );
    expect(mistakes).toEqual([]);
    expect(puzzle!.pieces.map(({ spec }) => spec.place.description.name)).toEqual(['udp', 'hub', 'udp']);
    for (const key of ['pieces', 'a', 'stack', 'net'])
      expect(reads.filter((each) => each === key)).toHaveLength(1);
  });

  it('ends in mistakes or a puzzle, whatever it is, and changes no prototype', async () => {
    const odd = fc.constantFrom<unknown>(
      NaN,
      Infinity,
      -0,
      2 ** 53,
      1n,
      Symbol('s'),
      () => 1,
      new Map([['a', 1]]),
      new Date(NaN),
      Object(5),
      Object('echo'),
      new Uint8Array(4),
      Object.create({ piece: 'tun', pieces: { a: { piece: 'tun' } } }),
      JSON.parse('{"__proto__": {"piece": "tun"}}'),
      class {},
      undefined,
    );
    const key = fc.constantFrom(
      'pieces',
      'networks',
      'piece',
      'settings',
      'edges',
      'grants',
      'limits',
      '__proto__',
      'constructor',
      'a',
      'toString',
      'save',
      'failure',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        odd,
        fc.string(),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('mapping'),
      ),
      mapping: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => {
        const mapping = {};
        for (const [name, inner] of entries)
          Object.defineProperty(mapping, name, { value: inner, enumerable: true, configurable: true });
        return mapping;
      }),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (object) => {
        const { mistakes, puzzle } = await checkConfiguration({
          pieces: { a: object },
        } as ConfigurationObject);
        for (const { code } of mistakes) expect(code).toMatch(/^FT_/);
        expect(mistakes.length > 0 || puzzle !== undefined).toBe(true);
        expect(({} as Record<string, unknown>).piece).toBeUndefined();
        // And the same at the top.
        const top = await checkConfiguration(object as ConfigurationObject).catch((error: unknown) => error);
        expect(top).toMatchObject({ mistakes: expect.any(Array) });
      }),
      { numRuns: 150 },
    );
  });

  it('keeps plain values as they are', () => {
    const plain = { a: [1, 'two', null, true, { b: [] }], c: { d: undefined } };
    const mistakes = new MistakeList();
    expect(readObject(plain, mistakes)).toEqual(plain);
    expect(mistakes.length).toBe(0);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
