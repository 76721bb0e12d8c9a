import { describe, expect, test } from 'vitest';
import { checkConfiguration } from '../policy/check/check-configuration.ts';
import { describePiece, PieceRegistry } from '../policy/pieces/piece-registry.ts';
import { ExecError } from './exec-error.ts';
import { faultSettings, kilobitsOf, oneLineConfiguration, parseThrough } from './one-line.ts';

const registry = new PieceRegistry();
const describePieceHere = (reference: string) => describePiece(registry, reference, process.cwd());

describe('options in place of a configuration', () => {
  test('without any, describe the ordinary Internet', async () => {
    expect(await oneLineConfiguration({}, describePieceHere)).toEqual({
      pieces: {
        command: { piece: 'tun', edges: { ip: 'beyond-command' } },
        internet: { piece: 'uplink', edges: { ip: 'beyond-command' } },
      },
    });
  });

  test('describe configurations without mistakes in any combination', async () => {
    for (const options of [
      {},
      { capture: 'x.pcapng' },
      { loss: '5%', burst: '3', delay: '100ms', jitter: '20ms', rate: '1mbit', seed: '9' },
      {
        loss: '1%/0',
        delay: '10ms/1s',
        rate: '500kbit/2mbit',
        duplicate: '1%',
        reorder: '1%',
        corrupt: '.001',
      },
      { through: ['echo?whole=true', 'tap?sample=2', 'fault?delay=10ms'], capture: 'x.pcapng', loss: '1%' },
      { addresses: ['192.0.2.7/32', '2001:db8::7/128'] },
    ]) {
      const configuration = await oneLineConfiguration(options, describePieceHere);
      expect((await checkConfiguration(configuration)).mistakes, JSON.stringify(options)).toEqual([]);
    }
  });

  test('put the capture next to the command, before any other piece', async () => {
    const { pieces } = await oneLineConfiguration(
      { capture: 'x.pcapng', through: ['echo'], loss: '1%' },
      describePieceHere,
    );
    const edges = Object.fromEntries(Object.entries(pieces).map(([name, piece]) => [name, piece.edges]));
    expect(edges).toEqual({
      command: { ip: 'beyond-command' },
      copy: { a: 'beyond-command', b: 'beyond-copy', copy: 'recorded' },
      record: { frames: 'recorded' },
      'through-1': { a: 'beyond-copy', b: 'beyond-through-1' },
      network: { a: 'beyond-through-1', b: 'beyond-network' },
      internet: { ip: 'beyond-network' },
    });
  });

  test('a piece without a way through is reported', async () => {
    for (const reference of ['udp', 'hub'])
      await expect(oneLineConfiguration({ through: [reference] }, describePieceHere)).rejects.toThrow(
        /one Edge upwards/,
      );
  });
});

test('faults hold for both directions, or for each one separately', () => {
  expect(faultSettings({})).toBeUndefined();
  expect(faultSettings({ loss: '5%', delay: '100ms/20ms' })).toEqual({
    loss: '5%',
    'delay-a-to-b': '100ms',
    'delay-b-to-a': '20ms',
    hold: 900,
  });
  for (const loss of ['1/2/3', '/1', '1/', '/']) expect(() => faultSettings({ loss })).toThrow(ExecError);
});

test('rates are read in the units of tc', () => {
  expect(['1mbit', '500kbit', '1.5Mbit', '2gbit', '64000', '64000bit', '1mbit/s'].map(kilobitsOf)).toEqual([
    1000, 500, 1500, 2_000_000, 64, 64, 1000,
  ]);
  for (const bad of ['', 'x', '0', '5', '-1mbit', '1mb', '1e3kbit', '99999gbit'])
    expect(() => kilobitsOf(bad)).toThrow(/FT_EXEC_USAGE|--rate/);
});

test('a piece in the way has settings with any characters', () => {
  expect(parseThrough('echo')).toEqual({ reference: 'echo', settings: {} });
  expect(parseThrough('./a.wasm?x=1&y=a%26b=c&x=2')).toEqual({
    reference: './a.wasm',
    settings: { x: ['1', '2'], y: 'a&b=c' },
  });
  for (const bad of ['', '?x=1', 'echo?x', 'echo?=1', 'echo?x=%zz', 'echo?a=1&&b=2'])
    expect(() => parseThrough(bad)).toThrow(ExecError);
});
