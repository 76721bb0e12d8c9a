import { expect, it } from 'vitest';
import { elfLimit, whyNotPreloaded } from './preload-limits.ts';
import { proxychainsConfiguration, socksEnvironment } from './socks-environment.ts';

const server = { address: '127.0.0.1', port: 1080 };

it('names the proxy by all variables, and no other proxy', () => {
  const own = {
    PATH: '/bin',
    http_proxy: 'http://a',
    HTTPS_PROXY: 'http://b',
    NO_PROXY: '*',
    SOCKS_SERVER: 'c',
  };
  expect(socksEnvironment(own, server, undefined)).toEqual({
    PATH: '/bin',
    ALL_PROXY: 'socks5h://127.0.0.1:1080',
    all_proxy: 'socks5h://127.0.0.1:1080',
    NO_PROXY: 'localhost,127.0.0.1,::1',
    no_proxy: 'localhost,127.0.0.1,::1',
  });
});

it('preloads in front of what is preloaded already, and escapes a password', () => {
  const preload = { library: '/lib/p.so', configuration: '/proc/1/fd/3' };
  const user = { name: 'a b', password: 'c:@/' };
  const made = socksEnvironment({ LD_PRELOAD: '/lib/x.so' }, { ...server, address: '::1', user }, preload);
  expect(made).toMatchObject({
    ALL_PROXY: 'socks5h://a%20b:c%3A%40%2F@[::1]:1080',
    LD_PRELOAD: '/lib/p.so:/lib/x.so',
    PROXYCHAINS_CONF_FILE: '/proc/1/fd/3',
  });
  expect(proxychainsConfiguration({ ...server, user: { name: 'me', password: 'x' } })).toMatch(
    /^strict_chain\n[\s\S]*localnet 127\.0\.0\.0\/255\.0\.0\.0\n[\s\S]*\[ProxyList\]\nsocks5 127\.0\.0\.1 1080 me x\n$/,
  );
});

/** The head of an ELF file with program headers of these types. */
function elf(types: readonly number[], more = ''): Buffer {
  const head = Buffer.alloc(64 + types.length * 56);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(types.length, 56);
  types.forEach((type, n) => {
    head.writeUInt32LE(type, 64 + n * 56);
  });
  return Buffer.concat([head, Buffer.from(more, 'latin1')]);
}

it.each([
  ['a dynamic program', elf([6, 3, 1]), undefined],
  ['a static one', elf([1, 1]), /linked statically/],
  ['one of Go', elf([3, 1], '\x04\0\0\0Go\0\0'), /made by Go/],
  ['headers beyond what is known', elf([1, 1]).subarray(0, 70), undefined],
  ['no ELF file', Buffer.from('MZ'), undefined],
])('knows %s', (_what, head, expected) => {
  if (expected === undefined) expect(elfLimit(head)).toBeUndefined();
  else expect(elfLimit(head)).toMatch(expected);
});

it('knows programs by their path, and the interpreters of scripts', () => {
  expect(whyNotPreloaded('sh')).toBeUndefined();
  expect(whyNotPreloaded('/no/such/program')).toBeUndefined();
  expect(whyNotPreloaded(process.execPath)).toBeUndefined();
});
