import { beforeEach, expect, it, vi } from 'vitest';
import { parseAddress } from '../ip-address.ts';
import { hostLookup } from './name-lookup.ts';

const system = vi.hoisted(() => ({ lookup: async (_name: string): Promise<unknown> => [] }));
vi.mock('node:dns/promises', () => ({ lookup: (name: string) => system.lookup(name) }));

const ADDRESSES = [{ address: '192.0.2.7' }, { address: 'fe80::1%eth0' }, { address: 'nonsense' }];
const parsed = [parseAddress('192.0.2.7'), parseAddress('fe80::1')];

beforeEach(() => {
  system.lookup = async () => ADDRESSES;
});

it('returns the addresses of a name, without their zones, and none for a name that does not exist', async () => {
  const resolve = hostLookup(parseAddress);
  expect(await resolve('a.example')).toEqual(parsed);
  system.lookup = async () => {
    throw new Error('ENOTFOUND');
  };
  expect(await resolve('none.example')).toEqual([]);
});

it('lets 256 names wait at once, and any number one after the other', async () => {
  const resolve = hostLookup(parseAddress);
  let release = () => {};
  const waits = new Promise<void>((done) => {
    release = done;
  });
  let asked = 0;
  system.lookup = async (name) => {
    asked++;
    await waits;
    if (name === 'bad.example') throw new Error('ENOTFOUND');
    return ADDRESSES;
  };
  const all = Array.from({ length: 256 }, (_, n) => resolve(n % 2 === 0 ? 'a.example' : 'bad.example'));
  expect(await resolve('one.more')).toEqual([]);
  expect(asked).toBe(256);
  release();
  expect((await Promise.all(all)).map(({ length }) => length)).toEqual(
    all.map((_, n) => (n % 2 === 0 ? 2 : 0)),
  );
  for (let n = 0; n < 200; n++) expect(await resolve('a.example')).toEqual(parsed);
});
