import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { parseStack } from '../../host/stack/parse-stack.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { descriptionOf } from './piece-rig.ts';

/*
 * A port without an end matches frames that have it at either end, so a piece that means its own port gets
 * frames that only come from such a port. A Shape therefore names the end of each port, or a table below has
 * the test of the piece that looks at the other end.
 */

/** Stacks in the sources that name a port without an end, and the test that holds what the piece checks. */
const CHECKED: Record<string, { readonly test: string; readonly title: string }> = {
  'ipv4/udp/25790/ipv6/icmpv6': {
    test: 'test/6bed4/peer.test.ts',
    title: 'the port of the LAN group, and no group',
  },
};

/** Settings that decide a Shape, for each piece; without an entry it has no such settings. */
const SETTINGS: Record<string, readonly (readonly (readonly [string, string])[])[]> = {
  '6bed4': [
    [['router', '192.0.2.1']],
    [
      ['router', '192.0.2.1'],
      ['variant', 'tcp'],
    ],
    [
      ['router', '192.0.2.1'],
      ['port', '50000'],
    ],
  ],
  '6bed4-router': [[['address', '192.0.2.1']]],
  concentrator: [[], [['port', '4444']]],
  'frame-sequence': [
    [],
    [['mode', 'stream']],
    [
      ['mode', 'stream'],
      ['remote', '192.0.2.1'],
    ],
  ],
  'mdns-reflector': [[], [['port', '4444']]],
  ppp: [[], [['remote', '192.0.2.1']], [['port', '4000']]],
  sctp: [[], [['encapsulation', '9899']]],
  sipproxy64: [
    [
      ['ipv4', '192.0.2.1'],
      ['ipv6', '2001:db8::1'],
    ],
  ],
};

const protocols = new Protocols();
const root = join(packageRoot(), 'pieces-as');
const pieces = readdirSync(root);

test.each(pieces)(
  'each Shape that %s describes names the end of its ports',
  { timeout: 300_000 },
  async (name) => {
    const make = await runByOffset(await builtPiece(join(root, name)));
    for (const settings of SETTINGS[name] ?? [[]]) {
      const { edges } = descriptionOf(make, settings);
      expect(edges.length).toBeGreaterThan(0);
      const wrong = edges.flatMap(({ shapes }) =>
        shapes.map(({ stack }) => stack).filter((stack) => hasPortWithoutEnd(stack)),
      );
      expect(wrong.filter((stack) => CHECKED[stack] === undefined)).toEqual([]);
    }
  },
);

function hasPortWithoutEnd(text: string): boolean {
  return parseStack(text, protocols).steps.some(
    (step) =>
      step.kind === 'ports' && step.ports.some(({ end, port }) => end === 'either' && port !== 'open'),
  );
}

const TRANSPORTS = 'udp|tcp|sctp|dccp|udplite';

/** Text in quotes that names a port, or to which a port is added, without an end. */
function portsWithoutEnd(source: string): string[] {
  // The words that `after` searches for in the stack of a neighbour are no Shapes.
  return [...source.replaceAll(/\bafter\([^()\n]*\)/g, '').matchAll(/'([^'\n]*)'/g)]
    .map(([, text = '']) => text)
    .filter((text) => new RegExp(`(?:^|/)(?:${TRANSPORTS})/(?:\\{?\\d|$)`).test(text));
}

test('no stack in the sources of the pieces names a port without its end', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\/assembly\/.*\.ts$/.test(`/${file}`),
  );
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((file) => portsWithoutEnd(readFileSync(join(root, file), 'utf8')));
  expect(found.sort()).toEqual(Object.keys(CHECKED).sort());
  for (const { test: file, title } of Object.values(CHECKED))
    expect(readFileSync(join(packageRoot(), file), 'utf8')).toContain(title);
  // The search finds what it is for.
  expect(
    portsWithoutEnd("a('ip/udp/5060/sip'); b('udp/{7,9}'); c('ipv4/tcp/'); d('ip/udp/local:7')"),
  ).toEqual(['ip/udp/5060/sip', 'udp/{7,9}', 'ipv4/tcp/']);
  expect(hasPortWithoutEnd('ip/udp/5060')).toBe(true);
  expect(['ip/udp/local:5060', 'ip/udp/*', 'ip/tcp/remote:{7,9}'].filter(hasPortWithoutEnd)).toEqual([]);
});
