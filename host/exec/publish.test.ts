import { expect, test } from 'vitest';
import { ExecError } from './exec-error.ts';
import { parsePublished } from './publish.ts';

test('ports to publish are read with and without address and protocol', () => {
  const loopback = ['127.0.0.1', '::1'];
  expect(parsePublished('8080:80')).toEqual({ protocol: 'tcp', addresses: loopback, outer: 8080, inner: 80 });
  expect(parsePublished('8080')).toMatchObject({ outer: 8080, inner: 8080 });
  expect(parsePublished('5353:53/udp')).toMatchObject({ protocol: 'udp', outer: 5353, inner: 53 });
  expect(parsePublished('0.0.0.0:8080:80')).toMatchObject({ addresses: ['0.0.0.0'], outer: 8080, inner: 80 });
  expect(parsePublished('[::]:8080')).toMatchObject({ addresses: ['::'], outer: 8080, inner: 8080 });
});

test('a text that is not a port is reported', () => {
  for (const bad of [
    '',
    'x',
    '0',
    '65536',
    '80:0',
    '1:2:3',
    '8080:80/sctp',
    '[x]:1',
    '1.2.3:4:5',
    '999.0.0.1:1:2',
    '::1:80',
  ])
    expect(() => parsePublished(bad), bad).toThrow(ExecError);
});
