import { expect, it } from 'vitest';
import { wrap } from './wrap.ts';

it('breaks lines between words', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('longer than', 3)).toEqual(['longer', 'than']);
  expect(wrap('', 3)).toEqual([]);
});
