import { expect, test } from 'vitest';
import { assemblyMutants } from './assembly-mutants.mjs';

function changed(source: string): string[] {
  return assemblyMutants(source).map(
    ({ from, to, replacement }) => source.slice(0, from) + replacement + source.slice(to),
  );
}

test('a comparison is moved by one and turned, a condition is fixed', () => {
  expect(changed('if (a < b) c();')).toEqual([
    'if (false) c();',
    'if (true) c();',
    'if (a <= b) c();',
    'if (a >= b) c();',
    'if (a < b) ;',
  ]);
});

test('types and imports stay, and so does a call of the base class', () => {
  expect(
    changed(
      "import { a } from 'b';\nlet x: Array<u8> = y;\nclass C extends B { constructor() { super(1); } }",
    ),
  ).toEqual([]);
});

test('arithmetic, bits, negations and loops change', () => {
  expect(changed('x = !y;')).toEqual(['x = y;']);
  expect(changed('while (a) b += 1;')).toEqual(['while (false) b += 1;', 'while (a) b -= 1;']);
  expect(changed('x = (a & 7) << 2;')).toEqual(['x = (a | 7) << 2;', 'x = (a & 7) >> 2;']);
});
