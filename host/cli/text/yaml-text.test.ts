import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { isDangerous } from '../../stack/foreign-text.ts';
import { yamlText } from './yaml-text.ts';

it('shows no dangerous character, and reads back to the same value', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
      fc.constantFrom('\u202e', '\u009b', '\u2028', '\u{e0041}', '\ufeff', '"', '\\', '\n', ' ', ':'),
    ),
  });
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(text, fc.array(text), fc.integer())), (value) => {
      const yaml = yamlText(value);
      expect(isDangerous(yaml.replaceAll('\n', ''))).toBe(false);
      expect(parse(yaml)).toEqual({ ...value });
    }),
    { numRuns: 2000 },
  );
});

it('leaves ordinary text plain', () => {
  expect(yamlText({ pieces: { a: { piece: 'tun', settings: { device: 'fun0' } } } })).toBe(
    'pieces:\n  a:\n    piece: tun\n    settings:\n      device: fun0\n',
  );
});
