import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalValue } from './setting-value.ts';

describe('canonicalValue', () => {
  it.each([
    ['text', 1.1, '1.10', '1.10'],
    ['text', 'fun0', undefined, 'fun0'],
    ['text', true, 'true', 'true'],
    ['number', 25790, '0x64BE', '25790'],
    ['number', '25790', undefined, '25790'],
    ['number', 1e3, '1e3', '1000'],
    ['number', -0, undefined, '0'],
    ['boolean', true, 'true', 'true'],
    ['boolean', 'false', undefined, 'false'],
    ['duration', '30s', undefined, '30s'],
    ['duration', '030 s', undefined, '30s'],
    ['duration', 30, '30', '30s'],
    ['duration', '500ms', undefined, '500ms'],
    ['duration', '1.5s', undefined, '1500ms'],
    ['duration', '2h', undefined, '2h'],
    ['address', '192.0.2.1', undefined, '192.0.2.1'],
    ['address', 'fc64:bed::1/114', undefined, 'fc64:bed::1/114'],
    ['address', '10.0.0.0/8', undefined, '10.0.0.0/8'],
    ['address', '192.0.2.1:25790', undefined, '192.0.2.1:25790'],
    ['address', '[2001:db8::1]:443', undefined, '[2001:db8::1]:443'],
    ['secret', 123, '0123', '0123'],
  ] as const)('%s: %j (written %j) becomes %j', (kind, value, written, expected) => {
    expect(canonicalValue(kind, value, written)).toBe(expected);
  });

  it.each([
    ['number', 'lots'],
    ['number', true],
    ['number', Number.POSITIVE_INFINITY],
    ['number', 2 ** 60],
    ['number', 1e-9],
    ['boolean', 'yes'],
    ['boolean', 1],
    ['duration', 'soon'],
    ['duration', '5 weeks'],
    ['duration', '-1s'],
    ['duration', '0.0001ms'],
    ['address', 'example.org'],
    ['address', '192.0.2.256'],
    ['address', '10.0.0.0/33'],
    ['address', 'fe80::1%eth0'],
    ['address', '192.0.2.1:65536'],
    ['address', '2001:db8::1:443:1:1:1:1:1'],
  ] as const)('%s: refuses %j', (kind, value) => {
    expect(canonicalValue(kind, value)).toEqual({ wanted: expect.any(String), hint: expect.any(String) });
  });

  it('writes every safe integer as itself', () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        (number) => canonicalValue('number', number) === String(number === 0 ? 0 : number),
      ),
    );
  });
});
