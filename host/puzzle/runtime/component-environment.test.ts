import { expect, it } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import type { PieceContext } from '../../piece/piece.ts';
import { environmentOf, protocolsOfPuzzle } from './component-environment.ts';

const frames = new Frames({ smallRows: 1, largeRows: 0 });
const environment = (protocols = protocolsOfPuzzle()) => environmentOf({} as PieceContext, frames, protocols);

it('makes the pattern of a stack once, for all pieces of a puzzle, until a piece brings a protocol', () => {
  const protocols = protocolsOfPuzzle();
  const first = environment(protocols).patternOf('ip/udp');
  expect(first.headers).toHaveLength(4);
  expect(environment(protocols).patternOf('ip/udp')).toBe(first);
  expect(environment(protocols).patternOf('ip/tcp')).not.toBe(first);
  expect(environment().patternOf('ip/udp')).not.toBe(first);
  protocols.defineFromText('toy', 'in ip-protocol 253; header 4');
  expect(environment(protocols).patternOf('ip/udp')).not.toBe(first);
  expect(environment(protocols).patternOf('ip/toy').headers).toHaveLength(4);
});

it('keeps no more than 1024 patterns', () => {
  const { patternOf } = environment();
  const first = patternOf('ip/udp');
  for (let port = 1; port < 1024; port++) patternOf(`ip/udp/local:${port}`);
  expect(patternOf('ip/udp')).toBe(first);
  patternOf('ip/tcp');
  expect(patternOf('ip/udp')).not.toBe(first);
});

it('knows the numbers of protocols, and how many there are', () => {
  const protocols = protocolsOfPuzzle();
  const { protocolNumber, protocolCount } = environment(protocols);
  const before = protocolCount();
  const toy = protocols.defineFromText('toy', 'in ip-protocol 253; header 4');
  expect(protocolNumber('toy')).toBe(toy);
  expect([before, protocolCount()]).toEqual([protocolsOfPuzzle().count, protocols.count]);
});
