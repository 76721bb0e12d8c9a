import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostOf, type Negotiated, replyOf, SocksNegotiation } from './socks5-negotiation.ts';

const nobody = new Map<string, string>();
const me = new Map([['me', 'secret']]);
const bytes = (text: string) => Uint8Array.from(text.split(' '), (each) => Number.parseInt(each, 16));
const login = (name: string, password: string) =>
  Buffer.from([1, name.length, ...Buffer.from(name), password.length, ...Buffer.from(password)]);

/** Gives all bytes, in parts of at most `size`, and returns the meanings until the last. */
function negotiate(users: ReadonlyMap<string, string>, input: Uint8Array, size = 1000): Negotiated[] {
  const negotiation = new SocksNegotiation(users);
  const results: Negotiated[] = [];
  let at = 0;
  while (at < input.length) {
    const length = Math.min(size, negotiation.wanted, input.length - at);
    const result = negotiation.take(input.subarray(at, at + length));
    at += length;
    if (result === undefined) continue;
    results.push(result);
    if (result.refusal !== undefined || result.request !== undefined) break;
  }
  return results;
}

describe('a negotiation', () => {
  it.each([
    ['05 01 00 05 01 00 01 c0 00 02 01 00 50', 'connect', bytes('c0 00 02 01'), 80],
    ['05 02 02 00 05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 01 bb', 'connect', 16, 443],
    ['05 01 00 05 01 00 03 03 61 2e 62 00 50', 'connect', 'a.b', 80],
    // A name that is an address in fact is one.
    ['05 01 00 05 01 00 03 08 31 30 2e 30 2e 30 2e 31 00 50', 'connect', bytes('0a 00 00 01'), 80],
    ['05 01 00 05 03 00 01 00 00 00 00 00 00', 'associate', bytes('00 00 00 00'), 0],
  ])('understands %s', (input, command, host, port) => {
    const [greeting, last] = negotiate(nobody, bytes(input));
    expect(greeting).toEqual({ reply: bytes('05 00') });
    expect(last?.request).toMatchObject({ command, port });
    if (typeof host === 'number') expect(last?.request?.host).toHaveLength(host);
    else expect(last?.request?.host).toEqual(host);
  });

  it.each([
    ['SOCKS4', nobody, '04 01 00 50 c0 00 02 01 00', 'bad-request', undefined],
    ['HTTP', nobody, '47 45 54 20 2f', 'bad-request', undefined],
    ['no method at all', nobody, '05 00', 'not-authenticated', '05 ff'],
    ['GSSAPI alone', nobody, '05 01 01', 'not-authenticated', '05 ff'],
    ['a password where none is wanted', nobody, '05 01 02', 'not-authenticated', '05 ff'],
    ['no password where one is', me, '05 01 00', 'not-authenticated', '05 ff'],
    ['another version of the login', me, '05 01 02 05 02 6d 65', 'bad-request', undefined],
    ['an empty name and password', me, '05 01 02 01 00 00', 'not-authenticated', '01 01'],
    ['another version of the request', nobody, '05 01 00 04 01 00 01', 'bad-request', undefined],
    [
      'BIND',
      nobody,
      '05 01 00 05 02 00 01 c0 00 02 01 00 50',
      'not-supported',
      '05 07 00 01 00 00 00 00 00 00',
    ],
    [
      'command 0',
      nobody,
      '05 01 00 05 00 00 01 c0 00 02 01 00 50',
      'not-supported',
      '05 07 00 01 00 00 00 00 00 00',
    ],
    [
      'an unknown type of address',
      nobody,
      '05 01 00 05 01 00 02',
      'not-supported',
      '05 08 00 01 00 00 00 00 00 00',
    ],
    [
      'port 0',
      nobody,
      '05 01 00 05 01 00 01 c0 00 02 01 00 00',
      'bad-request',
      '05 01 00 01 00 00 00 00 00 00',
    ],
    [
      'an empty name',
      nobody,
      '05 01 00 05 01 00 03 00 00 50',
      'bad-request',
      '05 01 00 01 00 00 00 00 00 00',
    ],
    [
      'a name with a zero',
      nobody,
      '05 01 00 05 01 00 03 03 61 00 62 00 50',
      'bad-request',
      '05 01 00 01 00 00 00 00 00 00',
    ],
    [
      'a name that is an option',
      nobody,
      '05 01 00 05 01 00 03 02 2e 2e 00 50',
      'bad-request',
      '05 01 00 01 00 00 00 00 00 00',
    ],
  ] as const)('refuses %s', (_what, users, input, refusal, reply) => {
    const last = negotiate(users, bytes(input)).at(-1);
    expect(last?.refusal).toBe(refusal);
    expect(last?.reply).toEqual(reply === undefined ? undefined : bytes(reply));
  });

  it.each([
    ['me', 'secret', true],
    ['me', 'secreT', false],
    ['me', '', false],
    ['you', 'secret', false],
    ['', '', false],
    ['x'.repeat(255), 'y'.repeat(255), false],
  ])('takes the login %s, %s: %s', (name, password, isRight) => {
    const results = negotiate(me, Buffer.concat([bytes('05 01 02'), login(name, password)]));
    expect(results.at(-1)).toEqual(
      isRight ? { reply: bytes('01 00') } : { reply: bytes('01 01'), refusal: 'not-authenticated' },
    );
  });

  it('has one meaning however its bytes are cut, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (input, size, hasUsers) => {
          // As they are, and behind a greeting and a login that are right.
          const users = hasUsers ? me : nobody;
          const front = hasUsers
            ? Buffer.concat([bytes('05 01 02'), login('me', 'secret')])
            : bytes('05 01 00');
          for (const all of [input, Buffer.concat([front, Uint8Array.of(5, 1, 0), input])])
            expect(negotiate(users, all, size)).toEqual(negotiate(users, all));
        },
      ),
    );
  });
});

it('a reply has the address to which the server is bound', () => {
  expect(replyOf(0, bytes('7f 00 00 01'), 0x1234)).toEqual(bytes('05 00 00 01 7f 00 00 01 12 34'));
  expect(replyOf(4, new Uint8Array(16), 1)).toHaveLength(22);
});

it.each([
  ['example.org', 'example.org'],
  ['_srv.example.org.', '_srv.example.org.'],
  ['::1', new Uint8Array(16).fill(1, 15)],
  ['a..b', undefined],
  ['x'.repeat(64), undefined],
  [`${'a.'.repeat(127)}b`, undefined],
  ['exämple.org', undefined],
  ['a b', undefined],
])('the name %s is %s', (name, expected) => {
  expect(hostOf(Buffer.from(name, 'latin1'))).toEqual(expected);
});
