import { expect, test } from 'vitest';
import { reportText, scoreOf } from './score.mjs';

const verdict = (line: number, noticed: boolean, setAside?: string) => ({
  file: 'host/a.ts',
  line,
  original: 'a <\n  b',
  replacement: '',
  noticed,
  setAside,
});

test('what is set aside does not count, and an area without changes is whole', () => {
  const verdicts = [verdict(1, true), verdict(2, false), verdict(3, false, 'the bound cannot be reached')];
  expect(scoreOf(verdicts)).toEqual({ noticed: 1, counted: 2, setAside: 1, percent: 50 });
  expect(scoreOf([]).percent).toBe(100);
});

test('the report names each change that no test noticed, in the order of the source', () => {
  expect(
    reportText({ name: 'host/a', floor: 90 }, [verdict(9, false), verdict(2, false), verdict(1, true)]),
  ).toBe(
    [
      'host/a: 1 of 3 noticed, 33.3 % (90 % asked), 0 set aside',
      '  host/a.ts:2  a < b  →  (nothing)',
      '  host/a.ts:9  a < b  →  (nothing)',
      '',
    ].join('\n'),
  );
});
